// The audit log: who did what, filtered, with what it was before and after, and as a file.

import { Show, createSignal } from 'solid-js';
import { Button, Field } from '../../kit/controls.tsx';
import { Dialog } from '../../kit/overlay.tsx';
import { go, route } from '../../kit/route.ts';
import { Empty } from '../../kit/state.tsx';
import { file, withQuery } from '../api/client.ts';
import type { AuditEntry } from '../api/shapes.ts';
import { Facts, Mark, Page, When } from '../parts/page.tsx';
import { Plain } from '../parts/plain.tsx';
import { attempt } from '../parts/problem.tsx';
import { saveFile } from '../parts/save.ts';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { say } from '../words/system.ts';

/** The table, for whatever acts. */
export function AuditTable(props: { path: string }) {
  const [shown, setShown] = createSignal<AuditEntry | null>(null);
  const columns: Column<AuditEntry>[] = [
    { key: 'at', title: say('at'), value: entry => entry.at, cell: entry => <button type="button" class="link" onClick={() => setShown(entry)}><When at={entry.at} short /></button> },
    { key: 'who', title: say('who'), value: entry => entry.who },
    { key: 'act', title: say('act'), value: entry => entry.act },
    { key: 'target', title: say('target'), value: entry => entry.target },
    { key: 'result', title: say('result'), value: entry => entry.result, cell: entry => <Mark grade={entry.result === 'done' ? 'good' : 'warn'}>{entry.result}</Mark> },
    { key: 'how', title: say('how'), value: entry => entry.how, extra: true },
    { key: 'from', title: say('from'), value: entry => entry.from, extra: true },
  ];
  return (
    <>
      <Table name="audit" columns={columns} rows={remoteRows<AuditEntry>(() => props.path)} id={entry => `${entry.act} ${entry.at}`} empty={<Empty icon="shield" title={say('audit.empty')} text={say('audit.emptyText')} />} />
      <Show when={shown()} keyed>{entry => <Details entry={entry} onClose={() => setShown(null)} />}</Show>
    </>
  );
}

function Details(props: { entry: AuditEntry; onClose: () => void }) {
  return (
    <Dialog title={`${props.entry.act} ${props.entry.target ?? ''}`} wide onClose={props.onClose}>
      <Facts facts={[
        [say('at'), <When at={props.entry.at} />],
        [say('who'), props.entry.who],
        [say('how'), [props.entry.how, props.entry.from].filter(Boolean).join(', ')],
        [say('result'), props.entry.result],
      ]} />
      <Show when={props.entry.before}>{state => <section><h3>{say('before')}</h3><Plain value={state()} /></section>}</Show>
      <Show when={props.entry.after}>{state => <section><h3>{say('after')}</h3><Plain value={state()} /></section>}</Show>
    </Dialog>
  );
}

const FILTERS = ['who', 'act', 'target'] as const;

/** The audit log. */
export default function Audit() {
  const asked = () => Object.fromEntries(FILTERS.map(name => [name, route().query.get(name) ?? '']));
  const [form, setForm] = createSignal<Record<string, string>>(asked());
  const save = () => attempt(async () => saveFile('audit.csv', await file(withQuery('/audit.csv', asked()))));
  return (
    <Page title={say('audit')} about={say('audit.about')} acts={<Button icon="download" onClick={() => void save()}>{say('exportAll')}</Button>}>
      <form class="row bottom" onSubmit={event => { event.preventDefault(); go(withQuery('/admin/audit', form())); }}>
        {FILTERS.map(name => <Field label={say(name)} value={form()[name] ?? ''} onInput={text => setForm(now => ({ ...now, [name]: text.trim() }))} />)}
        <Button type="submit">{say('filter')}</Button>
      </form>
      <AuditTable path={withQuery('/audit', asked())} />
    </Page>
  );
}
