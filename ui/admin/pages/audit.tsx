// The audit log: who did what, filtered, with what it was before and after, and as a file.

import { Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Dialog } from '../../kit/overlay.tsx';
import { Empty } from '../../kit/state.tsx';
import { file } from '../api/client.ts';
import { Mark, Page, When } from '../parts/page.tsx';
import { Plain } from '../parts/plain.tsx';
import { attempt } from '../parts/problem.tsx';
import { saveFile } from '../parts/save.ts';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { say } from '../words/system.ts';

/** One act. */
export type AuditEntry = { id: number | string; at: string; who: string; how: string; from: string | null; act: string; target: string | null; before: unknown; after: unknown; result: string };

/** The table, for whatever acts. */
export function AuditTable(props: { path: string }) {
  const [shown, setShown] = createSignal<AuditEntry | null>(null);
  const columns: Column<AuditEntry>[] = [
    { key: 'at', title: say('at'), value: entry => entry.at, cell: entry => <button type="button" class="link" onClick={() => setShown(entry)}><When at={entry.at} short /></button> },
    { key: 'who', title: say('who'), value: entry => entry.who },
    { key: 'act', title: say('act'), value: entry => entry.act },
    { key: 'target', title: say('target'), value: entry => entry.target },
    { key: 'result', title: say('result'), value: entry => entry.result, cell: entry => <Mark grade={/^(done|ok|fine|2\d\d)/i.test(String(entry.result)) ? 'good' : 'warn'}>{String(entry.result)}</Mark> },
    { key: 'how', title: say('how'), value: entry => entry.how, extra: true },
    { key: 'from', title: say('from'), value: entry => entry.from, extra: true },
  ];
  return (
    <>
      <Table name="audit" columns={columns} rows={remoteRows<AuditEntry>(() => props.path)} id={entry => `${entry.act} ${entry.at}`} empty={<Empty icon="shield" title={say('audit.empty')} text={say('audit.emptyText')} />} />
      <Show when={shown()} keyed>
        {entry => <Dialog title={`${entry.act} ${entry.target ?? ''}`} wide onClose={() => setShown(null)}><Plain value={entry} /></Dialog>}
      </Show>
    </>
  );
}

/** The audit log. */
export default function Audit() {
  const save = () => attempt(async () => saveFile('audit.csv', await file('/audit.csv')));
  return (
    <Page title={say('audit')} about={say('audit.about')} acts={<Button icon="download" onClick={() => void save()}>{say('exportAll')}</Button>}>
      <AuditTable path="/audit" />
    </Page>
  );
}
