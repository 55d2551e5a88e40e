// Other servers: how the way to each is, and a test of it.

import { For, Show, createSignal } from 'solid-js';
import { Button, Field } from '../../kit/controls.tsx';
import { Empty } from '../../kit/state.tsx';
import { send } from '../api/client.ts';
import type { Check } from '../api/shapes.ts';
import { Card, Mark, Page } from '../parts/page.tsx';
import { type PlainRow, PlainTable } from '../parts/plain-table.tsx';
import { attempt } from '../parts/problem.tsx';
import { remoteRows } from '../parts/table.tsx';
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
  const rows = remoteRows<PlainRow>(() => '/federation', { seconds: 15 });
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
      <PlainTable name="federation" rows={rows} id="domain" known={{ domain: { title: say('domain'), cell: row => <strong>{String(row['domain'])}</strong> } }}
        {...(may('federation:test') ? { acts: (row: PlainRow) => [{ text: say('test'), icon: 'globe' as const, do: () => void test(String(row['domain'])) }] } : {})}
        empty={<Empty icon="globe" title={say('federation.empty')} text={say('federation.emptyText')} />} />
    </Page>
  );
}
