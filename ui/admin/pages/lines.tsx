// Numbers: which belongs to whom, what a line has set, and how a phone is set up for it.

import { For, Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Dialog } from '../../kit/overlay.tsx';
import { go, match, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { change, get, send } from '../api/client.ts';
import type { Line, LineShown, OutsideClass, PasswordSet } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { FormDialog, type Values, confirmer } from '../parts/form.tsx';
import { Card, Copy, Facts, Go, Mark, Page } from '../parts/page.tsx';
import { Waiting, attempt } from '../parts/problem.tsx';
import { type Column, Table, localRows, remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say as sayPart } from '../words/parts.ts';
import { say } from '../words/telephony.ts';
import { PhoneSetUp } from './phone-set-up.tsx';
import { SetPassword, userAddress } from './users.tsx';

/** A line as it is named: its partition only when it is not the usual one. */
export const lineName = (line: { number: string; partition: string }): string => (line.partition === 'internal' ? line.number : `${line.number}@${line.partition}`);

/** The address of a line's page. */
export const lineAddress = (line: string): string => `/admin/lines/${encodeURIComponent(line)}`;

/** Numbers, or one of them. */
export default function Lines() {
  const one = () => match('/admin/lines/:line', route().path)?.['line'];
  return <Show when={one()} fallback={<LineList />} keyed>{line => <LinePage line={line} />}</Show>;
}

function LineList() {
  const columns: Column<Line>[] = [
    { key: 'number', title: say('number'), value: line => line.number, sort: 'number', cell: line => <Go to={lineAddress(lineName(line))}>{line.number}</Go> },
    { key: 'owner', title: say('owner'), value: line => line.owner, sort: 'owner', cell: line => <Show when={line.owner} fallback={<span class="soft">{say('nobody')}</span>}>{owner => <Go to={userAddress(owner())}>{owner()}</Go>}</Show> },
    { key: 'partition', title: say('partition'), value: line => line.partition, sort: 'partition' },
  ];
  const rows = remoteRows<Line>(() => '/lines', { columns: () => columns });
  const [adding, setAdding] = createSignal(route().query.has('add'));
  const acts = lineActs(rows.asked.again);
  const add = () => <Show when={may('lines:write')}><Button kind="main" icon="add" onClick={() => setAdding(true)}>{say('lines.add')}</Button></Show>;
  return (
    <Page title={say('lines')} about={say('lines.about')} acts={add()}>
      <Table name="numbers" columns={columns} rows={rows} id={lineName} {...(may('lines:write') || may('passwords:write') ? { acts: (line: Line) => acts.items(lineName(line)) } : {})}
        empty={<Empty icon="number" title={say('lines.empty')} text={say('lines.emptyText')}>{add()}</Empty>} />
      <Show when={adding()}><AddLine owner={route().query.get('owner') ?? ''} onClose={() => setAdding(false)} onDone={rows.asked.again} /></Show>
      <acts.Place />
    </Page>
  );
}

function lineActs(changed: () => void) {
  const confirm = confirmer();
  const [password, setPassword] = createSignal<string | null>(null);
  const path = (line: string) => `/lines/${encodeURIComponent(line)}`;
  const remove = (line: string) => confirm.ask({
    title: say('line.remove', { number: line }), text: say('line.removeText'), act: say('remove'), done: say('line.removed'),
    onDo: async () => {
      await change('DELETE', path(line));
      if (route().path !== '/admin/lines') go('/admin/lines');
      changed();
    },
  });
  return {
    items: (line: string) => [
      ...(may('passwords:write') ? [{ text: say('newPassword'), icon: 'lock' as const, danger: false, do: () => setPassword(line) }] : []),
      ...(may('lines:write') ? [{ text: say('remove'), icon: 'trash' as const, danger: true, do: () => remove(line) }] : []),
    ],
    Place: () => (
      <>
        <confirm.Place />
        <Show when={password()} keyed>{line => <SetPassword title={`${say('newPassword')}: ${line}`} path={`${path(line)}/password`} name={line} onClose={() => setPassword(null)} />}</Show>
      </>
    ),
  };
}

/** Adds a number, then shows once the password that was made up. */
export function AddLine(props: { owner: string; onClose: () => void; onDone: () => void }) {
  const [added, setAdded] = createSignal<(PasswordSet & { number: string }) | null>(null);
  const add = async (values: Values) => {
    const number = String(values['number']).trim();
    const line = values['partition'] ? `${number}@${String(values['partition'])}` : number;
    const body = { line, ...(values['owner'] ? { owner: values['owner'] } : {}), ...(values['password'] ? { password: values['password'] } : {}) };
    const answer = await send<PasswordSet>('POST', '/lines', { body });
    props.onDone();
    setAdded({ ...answer, number: line });
  };
  const fields = [
    { name: 'number', label: say('number'), kind: 'tel' as const, required: true },
    { name: 'owner', label: say('owner'), hint: say('owner.hint') },
    { name: 'partition', label: say('partition'), hint: say('partition.hint') },
    { name: 'password', label: say('password'), kind: 'password' as const },
  ];
  return (
    <Show when={added()} fallback={<FormDialog title={say('lines.add')} fields={fields} values={{ owner: props.owner }} send={say('lines.add')} onSend={add} onClose={() => (added() ? undefined : props.onClose())} />}>
      {line => (
        <Dialog title={say('line.added', { number: line().number })} onClose={props.onClose} foot={<Go to={lineAddress(line().number)} class="button main">{say('setUpPhone')}</Go>}>
          <Show when={line().password}>{password => <><p>{sayPart('made')}</p><p><Copy text={password()} label={say('password')} /></p></>}</Show>
          <For each={line().warnings}>{text => <p><Mark grade="warn">{text}</Mark></p>}</For>
        </Dialog>
      )}
    </Show>
  );
}

function LinePage(props: { line: string }) {
  const path = () => `/lines/${encodeURIComponent(props.line)}`;
  const asked = ask(() => get<LineShown>(path()));
  const acts = lineActs(asked.again);
  const release = () => attempt(async () => { await send('POST', `${path()}/release`); asked.again(); }, say('release.done'));
  const settings = () => Object.entries(asked.value()?.settings ?? {}).filter(([, value]) => value !== null && value !== false && JSON.stringify(value) !== '{}' && JSON.stringify(value) !== '[]');
  return (
    <Page title={props.line} up={{ to: '/admin/lines', text: say('lines') }}
      acts={<For each={acts.items(props.line)}>{act => <Button icon={act.icon} onClick={act.do}>{act.text}</Button>}</For>}>
      <Waiting for={asked} />
      <Show when={asked.value()}>
        {line => (
          <div class="cards">
            <Card title={say('kind.line')}>
              <Facts facts={[
                [say('number'), line().number],
                [say('partition'), line().partition],
                [say('owner'), line().owner ? <Go to={userAddress(line().owner ?? '')}>{line().owner}</Go> : say('nobody')],
              ]} />
              <h3>{say('settings')}</h3>
              <Show when={settings().length > 0} fallback={<p class="soft">{say('noSettings')}</p>}>
                <Facts facts={settings().map(([name, value]) => [name.replaceAll('_', ' '), typeof value === 'string' ? value : JSON.stringify(value)] as const)} />
              </Show>
            </Card>
            <PhoneSetUp line={line().number} />
          </div>
        )}
      </Show>
      <Show when={(asked.value()?.outside.length ?? 0) > 0}>
        <h2>{say('outside')}</h2>
        <OutsideTable rows={asked.value()?.outside ?? []} />
        <Show when={may('lines:write') && asked.value()?.outside.some(row => row.barred)}><div><Button onClick={() => void release()}>{say('release')}</Button></div></Show>
      </Show>
      <acts.Place />
    </Page>
  );
}

function OutsideTable(props: { rows: OutsideClass[] }) {
  const of = (count: number, max: number) => say('of', { count, max });
  const columns: Column<OutsideClass>[] = [
    { key: 'class', title: say('class'), value: row => row.class },
    { key: 'now', title: say('now'), value: row => row.calls, number: true, cell: row => of(row.calls, row.allowed.calls_max) },
    { key: 'hour', title: say('hour'), value: row => row.calls_this_hour, number: true, cell: row => of(row.calls_this_hour, row.allowed.calls_per_hour) },
    { key: 'day', title: say('day'), value: row => row.calls_this_day, number: true, cell: row => of(row.calls_this_day, row.allowed.calls_per_day) },
    { key: 'minutes', title: say('minutes'), value: row => row.minutes_this_day, number: true, cell: row => of(row.minutes_this_day, row.allowed.minutes_per_day) },
    { key: 'barred', title: say('barred'), value: row => row.barred, cell: row => (row.barred ? <Mark grade="bad">{row.barred}</Mark> : sayPart('no')) },
  ];
  return <Table plain name="outside" columns={columns} rows={localRows(() => props.rows)} id={row => row.class} empty={<p />} />;
}
