// One user: who it is, numbers, phones, sessions, sign-ins, presence, calls.

import { Match, Show, Switch } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Menu } from '../../kit/overlay.tsx';
import { Avatar } from '../../kit/person.tsx';
import { match, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { type Page as ListPage, get, getTagged, send, withQuery } from '../api/client.ts';
import type { ChatSession, Line, Registration, SignIn, User } from '../api/shapes.ts';
import { isServed } from '../api/served.ts';
import { ask } from '../parts/ask.ts';
import { Form } from '../parts/form.tsx';
import { Card, Facts, Go, Mark, Page, Tabs, When, duration } from '../parts/page.tsx';
import { Waiting, attempt } from '../parts/problem.tsx';
import { type Column, Table, localRows, remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say } from '../words/people.ts';
import { say as sayPart } from '../words/parts.ts';
import { AuditTable } from './audit.tsx';
import { CallTable } from './call-table.tsx';
import { lineAddress } from './lines.tsx';
import { SeenOf } from './presence.tsx';
import { userActs, userAddress } from './users.tsx';

const TABS = ['identity', 'lines', 'devices', 'sessions', 'signIns', 'presence', 'calls', 'audit'] as const;

/** A user's page. */
export default function UserPage(props: { jid: string }) {
  const path = () => `/users/${encodeURIComponent(props.jid)}`;
  const asked = ask(() => getTagged<User>(path()));
  const acts = userActs(asked.again);
  const tab = () => match('/admin/users/:jid/:tab', route().path)?.['tab'] ?? 'identity';
  const name = () => asked.value()?.value.name ?? props.jid;
  return (
    <Page title={name()} about={name() === props.jid ? undefined : props.jid} up={{ to: '/admin/users', text: say('users') }} acts={<Show when={asked.value()?.value}>{user => <Menu label={sayPart('acts', { row: name() })} items={acts.items(user())} />}</Show>}>
      <Tabs label={name()} tabs={TABS.filter(key => key !== 'audit' || (isServed('audit') && may('audit:read'))).map(key => ({ to: userAddress(props.jid, key === 'identity' ? '' : key), text: say(key), current: tab() === key }))} />
      <Switch>
        <Match when={tab() === 'identity'}>
          <Waiting for={asked} />
          <Show when={asked.value()} keyed>
            {got => <Identity user={got.value} save={async newName => { await send('PATCH', path(), { etag: got.etag, body: { name: newName } }); asked.again(); }} />}
          </Show>
        </Match>
        <Match when={tab() === 'lines'}><LinesOf jid={props.jid} /></Match>
        <Match when={tab() === 'devices'}><PhonesOf jid={props.jid} /></Match>
        <Match when={tab() === 'sessions'}><SessionsOf jid={props.jid} /></Match>
        <Match when={tab() === 'signIns'}><SignInsOf jid={props.jid} /></Match>
        <Match when={tab() === 'presence'}><SeenOf user={props.jid} watcher="" /></Match>
        <Match when={tab() === 'audit'}><AuditTable path={withQuery('/audit', { target: props.jid })} /></Match>
        <Match when={tab() === 'calls'}><CallTable path={withQuery('/calls', { user: props.jid })} /></Match>
      </Switch>
      <acts.Place />
    </Page>
  );
}

function Identity(props: { user: User; save: (name: string) => Promise<void> }) {
  return (
    <div class="cards">
      <Card>
        <div class="row"><Avatar name={props.user.name} address={props.user.jid} size="large" /><div><h2>{props.user.name}</h2><p class="soft">{props.user.jid}</p></div></div>
        <Facts
          facts={[
            [say('state'), <Mark grade={props.user.enabled ? 'good' : 'off'}>{say(props.user.enabled ? 'enabled' : 'disabled')}</Mark>],
            [say('numbers'), props.user.lines.length ? props.user.lines.map(line => <Go to={lineAddress(line)}>{line} </Go>) : sayPart('none')],
          ]}
        />
      </Card>
      <Show when={may('users:write')}>
        <Card title={say('rename')}>
          <Form fields={[{ name: 'name', label: say('name'), required: true }]} values={{ name: props.user.name }} send={say('rename')} done={sayPart('saved')} onSend={values => props.save(String(values['name']))} />
        </Card>
      </Show>
    </div>
  );
}

function LinesOf(props: { jid: string }) {
  const asked = ask(() => get<ListPage<Line>>(withQuery('/lines', { q: props.jid, limit: 500 })));
  const mine = () => asked.value()?.items.filter(line => line.owner === props.jid);
  const columns: Column<Line>[] = [
    { key: 'number', title: say('number'), value: line => line.number, cell: line => <Go to={lineAddress(line.partition === 'internal' ? line.number : `${line.number}@${line.partition}`)}>{line.number}</Go> },
    { key: 'partition', title: 'Partition', value: line => line.partition },
  ];
  return (
    <Table name="lines-of-user" columns={columns} rows={localRows(mine, asked)} id={line => line.number}
      empty={<Empty icon="number" title={say('noLines')} text={say('noLinesText')}><Show when={may('lines:write')}><Go to={withQuery('/admin/lines', { add: '1', owner: props.jid })} class="button main">{say('addLine')}</Go></Show></Empty>} />
  );
}

function PhonesOf(props: { jid: string }) {
  const asked = ask(() => get<ListPage<Registration>>(withQuery('/registrations', { limit: 500, q: props.jid })), { seconds: 5 });
  const columns: Column<Registration>[] = [
    { key: 'line', title: say('number'), value: row => row.line },
    { key: 'phone', title: say('phone'), value: row => row.phone },
    { key: 'source', title: say('from'), value: row => row.source },
    { key: 'expires', title: say('until'), value: row => row.expires, cell: row => <When at={row.expires} short /> },
  ];
  return (
    <Table name="phones-of-user" columns={columns} rows={localRows(() => asked.value()?.items.filter(row => row.owner === props.jid), asked)} id={row => row.source}
      empty={<Empty icon="device" title={say('noPhones')} text={say('noPhonesText')} />} />
  );
}

function SessionsOf(props: { jid: string }) {
  const asked = ask(() => get<ListPage<ChatSession>>(withQuery('/sessions', { limit: 500, q: props.jid })), { seconds: 5 });
  return <SessionTable name="sessions-of-user" rows={localRows(() => asked.value()?.items.filter(row => row.jid.split('/')[0] === props.jid), asked)} again={asked.again} empty={<Empty icon="chat" title={say('noSessions')} text={say('noSessionsText')} />} />;
}

/** Sessions of chat clients. */
export function SessionTable(props: { name: string; rows: ReturnType<typeof localRows<ChatSession>>; again: () => void; empty: Element | ReturnType<typeof Empty> }) {
  const columns: Column<ChatSession>[] = [
    { key: 'jid', title: say('client'), value: row => row.jid, sort: 'jid', cell: row => <Go to={userAddress(row.jid.split('/')[0] ?? row.jid)}>{row.jid}</Go> },
    { key: 'show', title: say('show'), value: row => (row.is_waiting ? say('waiting') : row.show) },
    { key: 'address', title: say('from'), value: row => row.address },
    { key: 'since', title: say('since'), value: row => row.since, cell: row => <When at={row.since} short /> },
    { key: 'idle', title: say('idle'), value: row => row.idle_seconds, number: true, cell: row => duration(row.idle_seconds) },
  ];
  const end = (row: ChatSession) => attempt(async () => { await send('DELETE', `/sessions/${encodeURIComponent(row.jid)}`); props.again(); }, say('endSession.done'));
  return (
    <Table name={props.name} columns={columns} rows={props.rows} id={row => row.jid} empty={props.empty}
      {...(may('sessions:end') ? { acts: (row: ChatSession) => [{ text: say('endSession'), icon: 'signout' as const, danger: true, do: () => void end(row) }] } : {})} />
  );
}

function SignInsOf(props: { jid: string }) {
  const path = () => `/users/${encodeURIComponent(props.jid)}/sign-ins`;
  const rows = remoteRows<SignIn>(path);
  const columns: Column<SignIn>[] = [
    { key: 'software', title: say('client'), value: row => row.software, sort: 'software', cell: row => <strong>{row.software || row.client}</strong> },
    { key: 'device', title: say('device'), value: row => row.device, sort: 'device' },
    { key: 'used', title: say('lastUsed'), value: row => row.used_at, sort: 'used_at', cell: row => <When at={row.used_at} /> },
    { key: 'issued', title: say('made'), value: row => row.issued_at, sort: 'issued_at', cell: row => <When at={row.issued_at} /> },
    { key: 'expires', title: say('expires'), value: row => row.expires_at, sort: 'expires_at', cell: row => <When at={row.expires_at} /> },
    { key: 'mechanism', title: say('mechanism'), value: row => row.mechanism, extra: true, sort: 'mechanism' },
  ];
  const revoke = (client?: string) => attempt(async () => { await send('DELETE', withQuery(path(), { client })); rows.asked.again(); }, say('revoke.done'));
  return (
    <>
      <Show when={may('passwords:write') && (rows.asked.value()?.items.length ?? 0) > 0}>
        <div class="row end"><Button icon="signout" onClick={() => void revoke()}>{say('revokeAll')}</Button></div>
      </Show>
      <Table name="sign-ins" columns={columns} rows={rows} id={row => row.software || row.client}
        {...(may('passwords:write') ? { acts: (row: SignIn) => [{ text: say('revoke'), icon: 'signout' as const, do: () => void revoke(row.client) }] } : {})}
        empty={<Empty icon="lock" title={say('noTokens')} text={say('noTokensText')} />} />
    </>
  );
}
