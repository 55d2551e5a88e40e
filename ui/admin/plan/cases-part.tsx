// Cases: calls whose outcome is known; all are run before a plan takes effect.

import { For, Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { notify } from '../../kit/overlay.tsx';
import { go } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { Problem, getTagged, send, withQuery } from '../api/client.ts';
import type { CaseFailure, CasesRun } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { Go, Mark } from '../parts/page.tsx';
import { attempt } from '../parts/problem.tsx';
import { type Column, Table, localRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say } from '../words/plan.ts';
import { type Case, toText } from './cases.ts';

type Listed = { items: Case[] } | { cases: Case[] } | Case[];

const listOf = (listed: Listed): Case[] => (Array.isArray(listed) ? listed : 'items' in listed ? listed.items : listed.cases);

/** The saved cases, with the version that they are. */
async function saved(): Promise<{ cases: Case[]; etag: string | null }> {
  const { value, etag } = await getTagged<Listed>('/dialplan/cases');
  return { cases: listOf(value), etag };
}

async function save(cases: readonly Partial<Case>[], etag: string | null): Promise<void> {
  const ran = await send<CasesRun>('PUT', '/dialplan/cases', { etag, body: { csv: toText(cases) } });
  const failed = ran.failures[0];
  if (!ran.saved && failed) throw new Problem(422, { detail: `${failed.case['name'] ?? ''}: ${say('found')} ${failed.found}` });
}

/** Saves one case more. */
export async function addCase(one: Partial<Case>): Promise<void> {
  const { cases, etag } = await saved();
  await save([...cases, one], etag);
}

/** Cases that failed, with what was found in place of what was expected. */
export function Failures(props: { failures: readonly CaseFailure[] }) {
  return (
    <ul class="findings">
      <For each={props.failures.slice(0, FAILURES_SHOWN)}>
        {failure => (
          <li>
            <details>
              <summary><Mark grade="bad">{say('fails')}</Mark> {failure.case['name']}</summary>
              <p class="small">{say('expected')}: {failure.case['goes_to']} · {say('found')}: {failure.found}</p>
              <pre class="explanation">{failure.explanation}</pre>
            </details>
          </li>
        )}
      </For>
    </ul>
  );
}

/** Failures that are shown one by one; the rest would be the same. */
const FAILURES_SHOWN = 30;

const tryAddress = (one: Case): string => withQuery('/admin/dialplan/test', { from: one.from, dial: one.dial, at: one.at, device: one.device, overlap: one.overlap, around: one.around });

/** The list of cases. */
export function CasesPart() {
  const asked = ask(saved);
  const [result, setResult] = createSignal<CasesRun | null>(null);
  const [busy, setBusy] = createSignal(false);
  const run = async () => {
    setBusy(true);
    await attempt(async () => {
      const ran = await send<CasesRun>('POST', '/dialplan/cases/run', { body: {} });
      setResult(ran);
      if (ran.failures.length === 0) notify(say('ran', { count: ran.cases }), 'good');
    });
    setBusy(false);
  };
  const remove = (one: Case) => attempt(async () => {
    const now = await saved();
    await save(now.cases.filter(other => JSON.stringify(other) !== JSON.stringify(one)), now.etag);
    asked.again();
  });
  const failed = (one: Case) => result()?.failures.some(failure => failure.case['name'] === one.name && failure.case['dial'] === one.dial && failure.case['from'] === one.from);
  const outcome = (one: Case) => (result() ? say(failed(one) ? 'fails' : 'passes') : '');
  const columns = (): Column<Case>[] => [
    { key: 'name', title: say('caseColumn'), value: one => one.name, cell: one => <Go to={tryAddress(one)}>{one.name || one.dial}</Go> },
    { key: 'from', title: say('from'), value: one => one.from },
    { key: 'dial', title: say('dial'), value: one => one.dial },
    { key: 'goes', title: say('goesTo'), value: one => one.goes_to },
    { key: 'called', title: say('called'), value: one => one.called, extra: true },
    { key: 'calling', title: say('calling'), value: one => one.calling, extra: true },
    { key: 'at', title: say('at'), value: one => one.at, extra: true },
    ...(result() ? [{ key: 'outcome', title: say('outcome'), value: outcome, cell: (one: Case) => <Mark grade={failed(one) ? 'bad' : 'good'}>{outcome(one)}</Mark> }] : []),
  ];
  return (
    <div class="stack">
      <div class="row"><p class="soft">{say('casesAbout')}</p><span class="table-space" /><Button kind="main" icon="play" busy={busy()} disabled={!asked.value()?.cases.length} onClick={() => void run()}>{say('run')}</Button></div>
      <Show when={result()?.failures.length ? result() : null}>
        {bad => <><h2>{say('failed', { failed: bad().failures.length, count: bad().cases })}</h2><Failures failures={bad().failures} /></>}
      </Show>
      <Table
        name="cases"
        columns={columns()}
        rows={localRows(() => asked.value()?.cases, asked)}
        id={one => one.name}
        acts={one => [
          { text: say('tryCase'), icon: 'phone', do: () => go(tryAddress(one)) },
          ...(may('dialplan:write') ? [{ text: say('removeCase'), icon: 'trash' as const, danger: true, do: () => void remove(one) }] : []),
        ]}
        empty={<Empty icon="check" title={say('noCases')} text={say('noCasesText')}><Go to="/admin/dialplan/test" class="button main">{say('test')}</Go></Empty>}
      />
    </div>
  );
}
