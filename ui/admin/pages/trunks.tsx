// Trunks: how each stands, and a test of one.

import { For, Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { match, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { get, send } from '../api/client.ts';
import type { Call, Trunk, TrunkTested } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { Card, Facts, Go, Mark, Page, duration } from '../parts/page.tsx';
import { Waiting, attempt } from '../parts/problem.tsx';
import { type Column, Table, localRows, remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say } from '../words/telephony.ts';
import { CallTable } from './call-table.tsx';

/** The address of a trunk's page. */
export const trunkAddress = (name: string): string => `/admin/trunks/${encodeURIComponent(name)}`;

/** Trunks, or one of them. */
export default function Trunks() {
  const one = () => match('/admin/trunks/:name', route().path)?.['name'];
  return <Show when={one()} fallback={<TrunkList />} keyed>{name => <TrunkPage name={name} />}</Show>;
}

function Health(props: { trunk: Trunk }) {
  const unknown = () => props.trunk.usable && props.trunk.servers.every(server => server.state === 'unknown');
  return (
    <Show when={props.trunk.usable} fallback={<Mark grade="bad">{say('unusable')}</Mark>}>
      <Mark grade={unknown() ? 'off' : 'good'}>{say(unknown() ? 'unknownState' : 'usable')}</Mark>
    </Show>
  );
}

const callsOf = (trunk: Trunk) => (typeof trunk.calls_max === 'number' ? say('of', { count: trunk.calls, max: trunk.calls_max }) : String(trunk.calls));

function TrunkList() {
  const columns: Column<Trunk>[] = [
    { key: 'name', title: say('trunk'), value: trunk => trunk.name, sort: 'name', cell: trunk => <Go to={trunkAddress(trunk.name)}>{trunk.name}</Go> },
    { key: 'health', title: say('health'), value: trunk => say(trunk.usable ? 'usable' : 'unusable'), cell: trunk => <Health trunk={trunk} /> },
    { key: 'address', title: say('address'), value: trunk => trunk.address, sort: 'address' },
    { key: 'registration', title: say('registration'), value: trunk => trunk.registration ?? say('noRegistration') },
    { key: 'calls', title: say('callsNow'), value: trunk => trunk.calls, number: true, sort: 'calls', cell: callsOf },
    { key: 'problem', title: say('problem'), value: trunk => trunk.problem },
  ];
  return (
    <Page title={say('trunks')} about={say('trunks.about')}>
      <Table name="trunks" columns={columns} rows={remoteRows<Trunk>(() => '/trunks', { seconds: 10, columns: () => columns })} id={trunk => trunk.name}
        empty={<Empty icon="trunk" title={say('trunks.empty')} text={say('trunks.emptyText')}><Go to="/admin/dialplan" class="button main">{say('trunks.define')}</Go></Empty>} />
    </Page>
  );
}

type Server = Trunk['servers'][number];

function TrunkPage(props: { name: string }) {
  const path = () => `/trunks/${encodeURIComponent(props.name)}`;
  const asked = ask(() => get<Trunk>(path()), { seconds: 5 });
  const [tested, setTested] = createSignal<TrunkTested[] | null>(null);
  const [busy, setBusy] = createSignal(false);
  const test = async () => {
    setBusy(true);
    await attempt(async () => {
      const answer = await send<TrunkTested[] | { items: TrunkTested[] } | { servers: TrunkTested[] }>('POST', `${path()}/test`);
      setTested(Array.isArray(answer) ? answer : 'items' in answer ? answer.items : answer.servers);
      asked.again();
    });
    setBusy(false);
  };
  const columns: Column<Server>[] = [
    { key: 'server', title: say('server'), value: server => server.server },
    { key: 'state', title: say('state'), value: server => server.state, cell: server => <Mark grade={server.state === 'up' ? 'good' : server.state === 'unknown' ? 'off' : 'bad'}>{server.state}</Mark> },
    { key: 'seconds', title: say('sinceSeconds'), value: server => server.seconds, number: true, cell: server => duration(server.seconds) },
    { key: 'rests', title: say('rests'), value: server => server.rests_seconds, number: true, cell: server => (typeof server.rests_seconds === 'number' ? duration(server.rests_seconds) : '–') },
  ];
  return (
    <Page title={props.name} up={{ to: '/admin/trunks', text: say('trunks') }} acts={<Show when={may('trunks:test')}><Button kind="main" busy={busy()} onClick={() => void test()}>{say('test')}</Button></Show>}>
      <Waiting for={asked} />
      <Show when={asked.value()}>
        {trunk => (
          <div class="cards">
            <Card title={say('health')}>
              <Facts facts={[
                [say('state'), <Health trunk={trunk()} />],
                ...(trunk().problem ? [[say('problem'), <Mark grade="bad">{trunk().problem}</Mark>] as const] : []),
                [say('address'), trunk().address],
                [say('registration'), trunk().registration ? <Mark grade={trunk().registered ? 'good' : 'bad'}>{trunk().registration}</Mark> : say('noRegistration')],
                [say('callsNow'), callsOf(trunk())],
                [say('allowedFrom'), trunk().from.join(', ') || '–'],
              ]} />
            </Card>
            <Card title={say('test')}>
              <p class="soft">{say('test.text')}</p>
              <div role="status"><ul class="stack">
                <For each={tested() ?? []}>
                  {one => <li class="row"><Mark grade={typeof one.status === 'number' ? 'good' : 'bad'}>{typeof one.status === 'number' ? say('test.ok', { status: one.status }) : say('test.none')}</Mark><span>{one.server}</span><span class="soft small">{one.milliseconds} ms</span></li>}
                </For>
              </ul></div>
            </Card>
          </div>
        )}
      </Show>
      <h2>{say('servers')}</h2>
      <Table plain name="servers" columns={columns} rows={localRows(() => asked.value()?.servers, asked)} id={server => server.server} empty={<p class="soft">–</p>} />
      <Show when={may('calls:read')}>
        <h2>{say('trunkCalls')}</h2>
        <CallTable path="/calls" only={(call: Call) => call.legs.some(leg => leg.address.includes(props.name) || leg.line === props.name || (leg as { trunk?: string | null }).trunk === props.name)} />
      </Show>
    </Page>
  );
}
