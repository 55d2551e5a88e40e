// Trying a call: every step with what matched and what was passed over, and why; the address of the page says what was tried.

import { For, Show, createSignal } from 'solid-js';
import { Button, Field, Switch } from '../../kit/controls.tsx';
import { Icon } from '../../kit/icons.tsx';
import { notify } from '../../kit/overlay.tsx';
import { go, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { send, withQuery } from '../api/client.ts';
import type { Tested } from '../api/shapes.ts';
import { ask } from '../parts/ask.ts';
import { FormDialog } from '../parts/form.tsx';
import { Card, Facts } from '../parts/page.tsx';
import { Waiting } from '../parts/problem.tsx';
import { say as sayPart } from '../words/parts.ts';
import { may } from '../session.ts';
import { say } from '../words/plan.ts';
import { addCase } from './cases-part.tsx';
import { caseOf } from './cases.ts';

const PARTS = ['from', 'dial', 'at', 'device', 'overlap', 'around'] as const;
type Asked = Record<(typeof PARTS)[number], string>;

const askedOf = (query: URLSearchParams): Asked => Object.fromEntries(PARTS.map(part => [part, query.get(part) ?? ''])) as Asked;

/** What the server is asked: nothing that was left empty. */
export function bodyOf(asked: Asked): Record<string, string | boolean> {
  const given = PARTS.filter(part => asked[part]);
  return Object.fromEntries(given.map(part => [part, part === 'overlap' || part === 'around' ? 'yes' : asked[part]]));
}

/** Trying a call. */
export function TestPart() {
  const [form, setForm] = createSignal(askedOf(route().query));
  const put = (part: keyof Asked) => (value: string) => setForm(now => ({ ...now, [part]: value }));
  const tried = () => askedOf(route().query);
  return (
    <div class="stack">
      <form class="card" onSubmit={event => { event.preventDefault(); go(withQuery('/admin/dialplan/test', form())); }}>
        <div class="row top">
          <Field label={say('from')} value={form().from} onInput={put('from')} hint={say('fromHint')} />
          <Field label={say('dial')} value={form().dial} onInput={put('dial')} required />
          <Field label={say('at')} value={form().at} onInput={put('at')} hint={say('atHint')} />
          <Field label={say('device')} value={form().device} onInput={put('device')} hint={say('deviceHint')} />
        </div>
        <div class="row">
          <Switch label={say('overlap')} on={form().overlap !== ''} onChange={on => put('overlap')(on ? 'yes' : '')} />
          <Switch label={say('around')} on={form().around !== ''} onChange={on => put('around')(on ? 'yes' : '')} />
          <span class="table-space" />
          <Button type="submit" kind="main" icon="phone" disabled={!form().dial}>{say('try')}</Button>
        </div>
      </form>
      <Show when={tried().dial} fallback={<Empty icon="plan" title={say('tryFirst')} text={say('tryText')} />}>
        <Outcome asked={tried()} />
      </Show>
    </div>
  );
}

function Outcome(props: { asked: Asked }) {
  const result = ask(() => send<Tested>('POST', '/dialplan/test', { body: bodyOf(props.asked) }));
  const [saving, setSaving] = createSignal(false);
  const copy = () => void navigator.clipboard.writeText(location.href).then(() => notify(sayPart('copied'), 'good'), () => undefined);
  return (
    <>
      <Waiting for={result} />
      <Show when={result.value()}>
        {shown => (
          <>
            <Card class="outcome" acts={<div class="row"><Button icon="copy" onClick={copy}>{say('link')}</Button><Show when={may('dialplan:write')}><Button icon="check" onClick={() => setSaving(true)}>{say('saveCase')}</Button></Show></div>} title={`${props.asked.from || '…'} → ${props.asked.dial}`}>
              <Facts facts={[
                [say('goesTo'), <strong class="goes-to">{shown().summary.goes_to}</strong>],
                [say('called'), shown().summary.called || '–'],
                [say('calling'), shown().summary.calling || '–'],
              ]} />
            </Card>
            <Card title={say('steps')}>
              <ol class="steps"><For each={shown().explanation.steps}>{step => <Step step={step} />}</For></ol>
            </Card>
            <Show when={saving()}>
              <FormDialog
                title={say('saveCase')}
                fields={[{ name: 'name', label: say('caseName'), required: true }]}
                send={say('saveCase')}
                done={say('caseSaved')}
                onSend={values => addCase(caseOf(String(values['name']), props.asked, shown().summary))}
                onClose={() => setSaving(false)}
              />
            </Show>
          </>
        )}
      </Show>
    </>
  );
}

function Step(props: { step: Tested['explanation']['steps'][number] }) {
  return (
    <li>
      <p>{props.step.text}</p>
      <Show when={props.step.candidates?.length}>
        <ul class="candidates">
          <For each={props.step.candidates}>
            {one => (
              <li classList={{ taken: one.taken }}>
                <Icon name={one.taken ? 'check' : 'close'} size={16} />
                <code>{one.pattern}</code>
                <span class="small">{one.kind}, {one.partition}</span>
                <span class="small why"><span class="hidden">{say(one.taken ? 'taken' : 'passed')}: </span>{one.why}</span>
              </li>
            )}
          </For>
          <Show when={props.step.more}>{count => <li><span class="small more">{say('more', { count: count() })}</span></li>}</Show>
        </ul>
      </Show>
    </li>
  );
}
