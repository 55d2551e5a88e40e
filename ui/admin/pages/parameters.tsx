// Parameters: every key of the configuration file, typed, with what it means.

import { Show, createSignal } from 'solid-js';
import { notify } from '../../kit/overlay.tsx';
import { Empty } from '../../kit/state.tsx';
import { type Page as ListPage, getTagged, send } from '../api/client.ts';
import { type FieldSpec, FormDialog, type Values } from '../parts/form.tsx';
import { Mark, Page } from '../parts/page.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say } from '../words/system.ts';

/** A key of the configuration. */
export type Parameter = { name: string; type: string; default: unknown; current: unknown; doc: string; options?: string[]; restart?: boolean };

const written = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  return Array.isArray(value) ? value.join(', ') : String(value);
};

const isSet = (parameter: Parameter) => JSON.stringify(parameter.current ?? null) !== JSON.stringify(parameter.default ?? null);

/** What was typed, as the type that the key has. */
export function typed(parameter: Parameter, value: string | boolean): unknown {
  if (typeof value === 'boolean') return value;
  const text = value.trim();
  if (/bool/.test(parameter.type)) return text === 'true';
  if (/list|array/.test(parameter.type)) return text.split(/[\n,]+/).map(part => part.trim()).filter(Boolean);
  if (/int|number|port|seconds|float/.test(parameter.type) && text !== '' && !Number.isNaN(Number(text))) return Number(text);
  return text;
}

function fieldOf(parameter: Parameter): FieldSpec {
  const hint = [parameter.doc, say('value.hint', { value: written(parameter.default) || '–' })].filter(Boolean).join(' · ');
  const base = { name: 'value', label: parameter.name, hint };
  if (/bool/.test(parameter.type)) return { ...base, kind: 'switch' };
  if (parameter.options?.length) return { ...base, kind: 'choice', options: parameter.options.map(option => ({ value: option, text: option })) };
  if (/list|array/.test(parameter.type)) return { ...base, kind: 'lines' };
  return base;
}

/** Parameters. */
export default function Parameters() {
  const columns: Column<Parameter>[] = [
    { key: 'name', title: say('parameter'), value: one => one.name, sort: 'name', cell: one => <Show when={may('parameters:write')} fallback={<code>{one.name}</code>}><button type="button" class="link" onClick={() => setEditing(one)}>{one.name}</button></Show> },
    { key: 'current', title: say('value'), value: one => written(one.current), cell: one => <span class="row"><code>{written(one.current ?? one.default) || '–'}</code><Show when={isSet(one)}><Mark grade="good">{say('changed')}</Mark></Show></span> },
    { key: 'doc', title: say('details'), value: one => one.doc },
    { key: 'default', title: say('usual'), value: one => written(one.default), extra: true },
  ];
  const [editing, setEditing] = createSignal<Parameter | null>(null);
  const rows = remoteRows<Parameter>(() => '/parameters');
  const save = async (parameter: Parameter, values: Values) => {
    const { etag } = await getTagged<ListPage<Parameter>>('/parameters');
    const answer = await send<{ restart?: boolean; restart_needed?: boolean } | undefined>('PATCH', '/parameters', { etag, body: { [parameter.name]: typed(parameter, values['value'] ?? '') } });
    notify(say((answer?.restart ?? answer?.restart_needed) ? 'restart.text' : 'now.text'), 'good');
    rows.asked.again();
  };
  return (
    <Page title={say('parameters')} about={say('parameters.about')}>
      <Table name="parameters" columns={columns} rows={rows} id={one => one.name} empty={<Empty icon="settings" title={say('parameters')} />} />
      <Show when={editing()} keyed>
        {one => (
          <FormDialog title={say('change', { name: one.name })} fields={[fieldOf(one)]} values={{ value: /bool/.test(one.type) ? (one.current ?? one.default) === true : /list|array/.test(one.type) ? written(one.current ?? one.default).split(', ').join('\n') : written(one.current ?? one.default) }}
            send={say('set')} onSend={values => save(one, values)} onClose={() => setEditing(null)} />
        )}
      </Show>
    </Page>
  );
}
