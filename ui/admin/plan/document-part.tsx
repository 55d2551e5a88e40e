// The dial plan as a document: an editor with line numbers, and what the server finds in it.

import { For, Show, createMemo, createSignal, onMount } from 'solid-js';
import { Button, Switch } from '../../kit/controls.tsx';
import { Dialog, notify } from '../../kit/overlay.tsx';
import { route } from '../../kit/route.ts';
import { words } from '../../kit/words.ts';
import { Problem, send, withQuery } from '../api/client.ts';
import type { DialPlan, Finding, PlanApplied } from '../api/shapes.ts';
import { asProblem } from '../parts/ask.ts';
import { Card, Mark, timeText } from '../parts/page.tsx';
import { inWords } from '../parts/problem.tsx';
import { saveFile } from '../parts/save.ts';
import { may } from '../session.ts';
import { say } from '../words/plan.ts';
import { Failures } from './cases-part.tsx';
import { lineIn, lineOf } from './document.ts';

type Found = { findings: Finding[]; failures: PlanApplied['failures']; refused: boolean };

/** The document. */
export function DocumentPart(props: { plan: DialPlan; etag: string | null; again: () => void }) {
  const [text, setText] = createSignal(props.plan.document);
  const [found, setFound] = createSignal<Found | null>(null);
  const [busy, setBusy] = createSignal(false);
  const [applying, setApplying] = createSignal(false);
  let editor!: HTMLTextAreaElement;
  const changed = () => text() !== props.plan.document;
  const jump = (line: number) => jumpTo(editor, line);
  onMount(() => {
    const line = Number(route().query.get('line'));
    if (line > 0) jump(line);
  });
  const check = async () => {
    setBusy(true);
    try {
      const answer = await send<Finding[] | { findings: Finding[] }>('POST', '/dialplan/check', { body: { document: text() } });
      setFound({ findings: Array.isArray(answer) ? answer : answer.findings, failures: [], refused: false });
    } catch (error) {
      setFound({ findings: [asFinding(error)], failures: [], refused: false });
    } finally {
      setBusy(false);
    }
  };
  const apply = async (without: boolean) => {
    setApplying(false);
    setBusy(true);
    try {
      const answer = await send<PlanApplied>('PUT', '/dialplan', { etag: props.etag, body: { document: text(), ...(without ? { without_cases: true } : {}) } });
      setFound({ findings: answer.findings, failures: answer.failures, refused: !answer.applied });
      if (answer.applied) {
        notify(say('applied', { count: answer.revision }), 'good');
        props.again();
      }
    } catch (error) {
      setFound({ ...asFound(error), refused: true });
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="stack">
      <div class="row">
        <span class="soft">{props.plan.revision ? `${say('revision', { count: props.plan.revision })}${props.plan.changed ? `, ${say('changed', { at: timeText(props.plan.changed) })}` : ''}` : say('never')}</span>
        <Show when={changed()}><Mark grade="warn">{say('unsaved')}</Mark></Show>
        <span class="table-space" />
        <Button icon="download" kind="quiet" onClick={() => saveFile('dialplan.toml', text(), 'application/toml')}>{say('download')}</Button>
        <Show when={changed()}><Button kind="quiet" onClick={() => setText(props.plan.document)}>{say('discard')}</Button></Show>
        <Button busy={busy()} onClick={() => void check()}>{say('check')}</Button>
        <Show when={may('dialplan:write')}><Button kind="main" busy={busy()} disabled={!changed()} onClick={() => setApplying(true)}>{say('apply')}</Button></Show>
      </div>
      <div class="plan-both">
        <Editor text={text()} onInput={setText} ref={element => (editor = element)} readOnly={!may('dialplan:write')} />
        <Show when={found()}>{shown => <FoundList found={shown()} document={text()} jump={jump} />}</Show>
      </div>
      <Show when={applying()}><ApplyDialog onClose={() => setApplying(false)} onApply={without => void apply(without)} /></Show>
    </div>
  );
}

function asFinding(error: unknown): Finding {
  const problem = asProblem(error);
  return { severity: 'error', path: '', message: problem.detail || inWords(problem), advice: problem.advice };
}

/** A refusal may carry the findings themselves. */
function asFound(error: unknown): Omit<Found, 'refused'> {
  const problem = asProblem(error);
  const { findings, failures } = problem.document as Partial<PlanApplied>;
  return problem instanceof Problem && (findings ?? failures) ? { findings: findings ?? [], failures: failures ?? [] } : { findings: [asFinding(error)], failures: [] };
}

function jumpTo(editor: HTMLTextAreaElement, line: number): void {
  const lines = editor.value.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  editor.focus();
  editor.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
  editor.scrollTop = Math.max(0, (line - 5) * (editor.scrollHeight / Math.max(1, lines.length)));
}

function Editor(props: { text: string; onInput: (text: string) => void; ref: (element: HTMLTextAreaElement) => void; readOnly: boolean }) {
  const numbers = createMemo(() => Array.from({ length: props.text.split('\n').length }, (_, index) => index + 1).join('\n'));
  let gutter!: HTMLPreElement;
  return (
    <div class="editor">
      <pre class="gutter" ref={gutter} aria-hidden="true">{numbers()}</pre>
      <textarea
        ref={props.ref}
        aria-label={say('label')}
        wrap="off"
        spellcheck={false}
        autocapitalize="off"
        readOnly={props.readOnly}
        value={props.text}
        onInput={event => props.onInput(event.currentTarget.value)}
        onScroll={event => (gutter.scrollTop = event.currentTarget.scrollTop)}
      />
    </div>
  );
}

function FoundList(props: { found: Found; document: string; jump: (line: number) => void }) {
  return (
    <Card title={say('findings')} class="plan-found">
      <div role="status">
        <Show when={props.found.refused}><p><Mark grade="bad">{say('notApplied')}</Mark></p></Show>
        <Show when={props.found.findings.length === 0 && props.found.failures.length === 0}><Mark grade="good">{say('noFindings')}</Mark></Show>
      </div>
      <ul class="findings">
        <For each={props.found.findings}>{finding => <FindingRow finding={finding} line={finding.path ? lineOf(props.document, finding.path) : lineIn(finding.message)} jump={props.jump} />}</For>
      </ul>
      <Show when={props.found.failures.length > 0}>
        <h3>{say('failures', { count: props.found.failures.length })}</h3>
        <Failures failures={props.found.failures} />
      </Show>
    </Card>
  );
}

function FindingRow(props: { finding: Finding; line: number | null; jump: (line: number) => void }) {
  const isError = () => props.finding.severity === 'error';
  return (
    <li>
      <div class="row">
        <Mark grade={isError() ? 'bad' : 'warn'}>{say(isError() ? 'error' : 'warning')}</Mark>
        <code>{props.finding.path}</code>
        <Show when={props.line}>{line => <Button kind="quiet" onClick={() => props.jump(line())}>{say('line', { count: line() })}</Button>}</Show>
      </div>
      <p class="finding-text">{props.finding.message}</p>
      <Show when={props.finding.advice}><p class="small soft">{props.finding.advice}</p></Show>
    </li>
  );
}

function ApplyDialog(props: { onClose: () => void; onApply: (without: boolean) => void }) {
  const [without, setWithout] = createSignal(false);
  const foot = (
    <>
      <Button onClick={() => props.onClose()}>{words('cancel')}</Button>
      <Button kind="main" onClick={() => props.onApply(without())}>{say('apply')}</Button>
    </>
  );
  return (
    <Dialog title={say('apply')} onClose={props.onClose} foot={foot}>
      <p>{say('apply.text')}</p>
      <Switch label={say('apply.without')} on={without()} onChange={setWithout} />
    </Dialog>
  );
}

/** The address of a line of the document. */
export const documentAt = (line: number): string => withQuery('/admin/dialplan', { line });
