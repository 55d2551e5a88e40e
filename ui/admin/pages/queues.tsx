// Queues of callers with their agents, and hunt groups as the dial plan has them.

import { For, Show } from 'solid-js';
import { Empty } from '../../kit/state.tsx';
import { type Page as ListPage, get } from '../api/client.ts';
import type { DialPlan, Queue } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { Card, Go, Mark, Page, When } from '../parts/page.tsx';
import { Waiting } from '../parts/problem.tsx';
import { type Column, Table, localRows } from '../parts/table.tsx';
import { type Hunt, partsOf } from '../plan/document.ts';
import { may } from '../session.ts';
import { say } from '../words/telephony.ts';
import { lineAddress, lineName } from './lines.tsx';

type Agent = Queue['agents'][number];

const FREE = new Set(['free', 'idle', 'available']);

function stateText(state: string): string {
  const key = `agent.${state}`;
  const text = say(key as 'agent.free');
  return text === key ? state : text;
}

/** Queues and hunt groups. */
export default function Queues() {
  const asked = ask(() => get<ListPage<Queue>>('/queues?limit=500'), { seconds: 3 });
  const plan = ask(async () => (may('dialplan:read') ? get<DialPlan>('/dialplan') : undefined));
  const hunts = (): Hunt[] => {
    try {
      return partsOf(plan.value()?.document ?? '').hunts;
    } catch {
      return [];
    }
  };
  return (
    <Page title={say('queues')} about={say('queues.about')}>
      <Waiting for={asked} />
      <Show when={asked.value()?.items.length === 0 && hunts().length === 0}>
        <Empty icon="group" title={say('queues.empty')} text={say('queues.emptyText')}><Go to="/admin/dialplan" class="button main">{say('trunks.define')}</Go></Empty>
      </Show>
      <For each={asked.value()?.items}>{queue => <QueueCard queue={queue} />}</For>
      <Show when={hunts().length > 0}>
        <h2>{say('huntGroups')}</h2>
        <Hunts hunts={hunts()} />
      </Show>
    </Page>
  );
}

function QueueCard(props: { queue: Queue }) {
  const free = () => props.queue.agents.filter(agent => FREE.has(agent.state)).length;
  const columns: Column<Agent>[] = [
    { key: 'line', title: say('line'), value: agent => agent.line.number, cell: agent => <Go to={lineAddress(lineName(agent.line))}>{agent.line.number}</Go> },
    { key: 'state', title: say('state'), value: agent => stateText(agent.state), cell: agent => <Mark grade={FREE.has(agent.state) ? 'good' : agent.state === 'outOfService' || agent.state === 'signedOut' ? 'off' : 'warn'}>{stateText(agent.state)}</Mark> },
    { key: 'taken', title: say('taken'), value: agent => agent.taken, number: true },
    { key: 'missed', title: say('missed'), value: agent => agent.missed, number: true },
  ];
  return (
    <Card title={`${props.queue.name} · ${props.queue.number.number}`} acts={<span class="soft">{props.queue.distribution}</span>}>
      <div class="row">
        <Mark grade={props.queue.callers.length > 0 ? 'warn' : 'off'}>{say('waiting')}: {say('of', { count: props.queue.callers.length, max: props.queue.maxWaiting })}</Mark>
        <Mark grade={free() > 0 ? 'good' : 'off'}>{say('agents')}: {say('agentsFree', { free: free(), all: props.queue.agents.length })}</Mark>
      </div>
      <Show when={props.queue.callers.length > 0}>
        <ol class="stack"><For each={props.queue.callers}>{caller => <li class="row"><Go to={`/admin/calls/${caller.call}`}>{caller.name ?? caller.number}</Go><span class="soft small"><When at={caller.since} short /></span></li>}</For></ol>
      </Show>
      <Table plain name={`queue-${props.queue.name}`} columns={columns} rows={localRows(() => props.queue.agents)} id={agent => agent.line.number} empty={<p class="soft">–</p>} />
    </Card>
  );
}

function Hunts(props: { hunts: Hunt[] }) {
  const columns: Column<Hunt>[] = [
    { key: 'number', title: say('number'), value: hunt => hunt.number },
    { key: 'algorithm', title: say('algorithm'), value: hunt => hunt.algorithm },
    { key: 'members', title: say('members'), value: hunt => hunt.members.join(', ') },
    { key: 'last', title: say('last'), value: hunt => hunt.last },
  ];
  return <Table plain name="hunt-groups" columns={columns} rows={localRows(() => props.hunts)} id={hunt => hunt.number} empty={<p class="soft">–</p>} />;
}
