// Other servers: how the way to each is, and a test of it.

import { For, Show, createSignal } from 'solid-js';
import { Button, Field } from '../../kit/controls.tsx';
import { Empty } from '../../kit/state.tsx';
import { send } from '../api/client.ts';
import type { Check, Federated } from '../api/shapes.ts';
import { Card, Mark, Page, duration } from '../parts/page.tsx';
import { attempt } from '../parts/problem.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say } from '../words/system.ts';

/** Steps that were tried, each with how it went and what to do. */
export function Steps(props: { steps: readonly Check[] }) {
  return (
    <div role="status"><ul class="findings">
      <For each={props.steps}>
        {step => (
          <li>
            <div class="row"><Mark grade={step.grade === 'fine' ? 'good' : step.grade === 'failed' ? 'bad' : 'warn'}>{step.what}</Mark><span>{step.text}</span></div>
            <Show when={step.advice}><p class="small soft">{step.advice}</p></Show>
          </li>
        )}
      </For>
    </ul></div>
  );
}

/** What answers with a list of steps, whatever stands around it. */
export const stepsOf = (answer: Check[] | { items?: Check[]; steps?: Check[]; checks?: Check[] }): Check[] => (Array.isArray(answer) ? answer : (answer.items ?? answer.steps ?? answer.checks ?? []));

/** Other servers. */
export default function Federation() {
  const columns: Column<Federated>[] = [
    { key: 'domain', title: say('domain'), value: row => row.domain, sort: 'domain', cell: row => <strong>{row.domain}</strong> },
    { key: 'state', title: say('state'), value: row => row.state, sort: 'state', cell: row => <Mark grade={row.state === 'connected' ? 'good' : row.failure ? 'bad' : 'off'}>{row.state}</Mark> },
    { key: 'how', title: say('how'), value: row => row.how, sort: 'how' },
    { key: 'queued', title: say('queued'), value: row => row.queued, number: true, sort: 'queued' },
    { key: 'oldest', title: say('oldest'), value: row => row.oldest_seconds, number: true, sort: 'oldest_seconds', cell: row => (typeof row.oldest_seconds === 'number' ? duration(row.oldest_seconds) : '–') },
    { key: 'failure', title: say('failure'), value: row => row.failure, sort: 'failure' },
    { key: 'sent', title: say('sent'), value: row => row.sent, number: true, extra: true, sort: 'sent' },
    { key: 'returned', title: say('returned'), value: row => row.returned, number: true, extra: true, sort: 'returned' },
    { key: 'incoming', title: say('incoming'), value: row => row.incoming.map(stream => stream.address).join(', '), extra: true },
  ];
  const rows = remoteRows<Federated>(() => '/federation', { seconds: 15, columns: () => columns });
  const [domain, setDomain] = createSignal('');
  const [busy, setBusy] = createSignal(false);
  const [steps, setSteps] = createSignal<Check[]>([]);
  const test = async (which: string) => {
    setDomain(which);
    setBusy(true);
    setSteps([]);
    await attempt(async () => setSteps(stepsOf(await send<Check[]>('POST', `/federation/${encodeURIComponent(which.trim())}/test`))));
    setBusy(false);
  };
  return (
    <Page title={say('federation')} about={say('federation.about')}>
      <Show when={may('federation:test')}>
        <Card title={say('test.domain')}>
          <form class="row bottom" onSubmit={event => { event.preventDefault(); void test(domain()); }}>
            <Field label={say('domain')} value={domain()} onInput={setDomain} hint={say('test.text')} placeholder="example.org" />
            <Button type="submit" kind="main" busy={busy()} disabled={!domain()}>{say('test')}</Button>
          </form>
          <Steps steps={steps()} />
        </Card>
      </Show>
      <Table name="federation" columns={columns} rows={rows} id={row => row.domain}
        {...(may('federation:test') ? { acts: (row: Federated) => [{ text: say('test'), icon: 'globe' as const, do: () => void test(row.domain) }] } : {})}
        empty={<Empty icon="globe" title={say('federation.empty')} text={say('federation.emptyText')} />} />
    </Page>
  );
}
