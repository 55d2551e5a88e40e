// The dashboard: what is wrong and the one next action, and how much is going on.

import { For, type JSX, Show, createMemo } from 'solid-js';
import { Icon, type IconName } from '../../kit/icons.tsx';
import { Empty } from '../../kit/state.tsx';
import { type Page as ListPage, get, withQuery } from '../api/client.ts';
import type { CallRow, Check, Status, Trunk, User } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { Card, Facts, Go, Mark, Page, When, duration } from '../parts/page.tsx';
import { Waiting } from '../parts/problem.tsx';
import { type Column, Table, localRows } from '../parts/table.tsx';
import { say } from '../words/dashboard.ts';
import { type Trouble, troublesOf } from './troubles.ts';
import './dashboard.css';

const listOf = <T,>(given: readonly T[] | { items: T[] } | { checks: T[] } | undefined): readonly T[] => {
  if (given === undefined) return [];
  if ('items' in given) return given.items;
  return 'checks' in given ? given.checks : given;
};

/** The dashboard. */
export default function Dashboard() {
  const status = ask(() => get<Status>('/status'), { seconds: 5 });
  const checks = ask(() => get<Check[] | { checks: Check[] }>('/health'), { seconds: 15 });
  const trunks = ask(() => get<ListPage<Trunk>>(withQuery('/trunks', { limit: 200 })), { seconds: 15 });
  const users = ask(() => get<ListPage<User>>(withQuery('/users', { limit: 1 })));
  const troubles = createMemo(() => troublesOf(listOf(checks.value())));
  const up = () => listOf(trunks.value()).filter(trunk => trunk.usable).length;
  return (
    <Page title={say('title')}>
      <Waiting for={status} />
      <Show when={users.value()?.total === 0}>
        <Card><Empty icon="people" title={say('noUsers')}><Go to="/admin/setup" class="button main">{say('begin')}</Go></Empty></Card>
      </Show>
      <Show when={status.value()}>
        {now => (
          <>
            <Show when={checks.value()}><Troubles found={troubles()} /></Show>
            <div class="tiles">
              <Tile icon="people" label={say('users')} to="/admin/users" value={users.value()?.total} />
              <Tile icon="chat" label={say('signedIn')} to="/admin/sessions" value={now().sessions.length} />
              <Tile icon="device" label={say('phones')} to="/admin/devices" value={now().registrations.length} />
              <Tile icon="phone" label={say('calls')} to="/admin/calls/live" value={now().calls.length} />
              <Tile icon="trunk" label={say('trunks')} to="/admin/trunks" value={trunks.value() && (listOf(trunks.value()).length ? say('trunksUp', { up: up(), all: listOf(trunks.value()).length }) : 0)} />
            </div>
            <div class="cards">
              <Card title={say('calls')} acts={<Go to="/admin/calls">{say('openCalls')}</Go>}><LiveCalls calls={now().calls} /></Card>
              <Card title={say('checks')}>
                <ul class="checks">
                  <For each={listOf(checks.value())}>{check => <li><Mark grade={check.grade === 'fine' ? 'good' : check.grade === 'failed' ? 'bad' : 'warn'}>{check.what}</Mark><span>{check.text}</span></li>}</For>
                </ul>
                <Facts facts={[
                  [say('storage'), now().storage_failure ? <Mark grade="bad">{say('storageBad', { why: now().storage_failure ?? '' })}</Mark> : <Mark grade="good">{say('storageFine')}</Mark>],
                  [say('uptime'), duration(now().uptime_seconds)],
                  [say('version'), now().version],
                ]} />
              </Card>
            </div>
          </>
        )}
      </Show>
    </Page>
  );
}

function Troubles(props: { found: readonly Trouble[] }) {
  return (
    <Show when={props.found.length > 0} fallback={<section class="trouble good"><Icon name="check" /><div><h2>{say('fine')}</h2><p class="soft">{say('fineText')}</p></div></section>}>
      <section class="troubles" aria-label={say('problems', { count: props.found.length })}>
        <For each={props.found}>
          {trouble => (
            <div class={`trouble ${trouble.grade}`}>
              <Icon name="warning" />
              <div><h2>{trouble.text}</h2><Show when={trouble.advice}><p>{trouble.advice}</p></Show></div>
              <Show when={trouble.to}>{to => <Go to={to()} class="button plain">{trouble.act}</Go>}</Show>
            </div>
          )}
        </For>
      </section>
    </Show>
  );
}

function Tile(props: { icon: IconName; label: string; to: string; value: JSX.Element | undefined }) {
  return (
    <Go to={props.to} class="tile"><span class="tile-head"><Icon name={props.icon} size={18} />{props.label}</span><strong>{props.value ?? '…'}</strong></Go>
  );
}

function LiveCalls(props: { calls: readonly CallRow[] }) {
  const columns: Column<CallRow>[] = [
    { key: 'from', title: say('from'), value: call => call.from },
    { key: 'to', title: say('to'), value: call => call.to },
    { key: 'state', title: say('state'), value: call => call.state },
    { key: 'since', title: say('since'), value: call => call.started, cell: call => <When at={call.started} short /> },
  ];
  return (
    <Show when={props.calls.length > 0} fallback={<Empty icon="phone" title={say('noCalls')} text={say('noCallsText')} />}>
      <Table plain name="live-calls" columns={columns} rows={localRows(() => props.calls)} id={call => call.from + call.started} empty={<p />} />
    </Show>
  );
}
