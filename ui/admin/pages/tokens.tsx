// API tokens: for programs that administer.

import { Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Dialog } from '../../kit/overlay.tsx';
import { Empty } from '../../kit/state.tsx';
import { send } from '../api/client.ts';
import { FormDialog, type Values } from '../parts/form.tsx';
import { Copy, Page } from '../parts/page.tsx';
import { type PlainRow, PlainTable } from '../parts/plain-table.tsx';
import { attempt } from '../parts/problem.tsx';
import { remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say as sayPart } from '../words/parts.ts';
import { say } from '../words/system.ts';
import { roleOptions } from './administrators.tsx';

/** API tokens. */
export default function Tokens() {
  const rows = remoteRows<PlainRow>(() => '/tokens');
  const [adding, setAdding] = createSignal(false);
  const revoke = (row: PlainRow) => attempt(async () => { await send('DELETE', `/tokens/${encodeURIComponent(String(row['id'] ?? row['name']))}`); rows.asked.again(); }, say('tokens.revoked'));
  const known = {
    id: { title: 'Id', extra: true },
    name: { title: say('name'), cell: (row: PlainRow) => <strong>{String(row['name'])}</strong> },
    role: { title: say('role') },
    made_by: { title: say('madeBy') },
    created_at: { title: say('made') },
    expires_at: { title: say('expires') },
  };
  const add = () => <Show when={may('administrators:write')}><Button kind="main" icon="add" onClick={() => setAdding(true)}>{say('tokens.add')}</Button></Show>;
  return (
    <Page title={say('tokens')} about={say('tokens.about')} acts={add()}>
      <PlainTable name="tokens" rows={rows} id="name" known={known} {...(may('administrators:write') ? { acts: (row: PlainRow) => [{ text: say('tokens.revoke'), icon: 'trash' as const, danger: true, do: () => void revoke(row) }] } : {})}
        empty={<Empty icon="lock" title={say('tokens.empty')} text={say('tokens.emptyText')}>{add()}</Empty>} />
      <Show when={adding()}><Add onClose={() => setAdding(false)} onDone={rows.asked.again} /></Show>
    </Page>
  );
}

function Add(props: { onClose: () => void; onDone: () => void }) {
  const [token, setToken] = createSignal('');
  const add = async (values: Values) => {
    const body = { name: values['name'], role: values['role'], days: Number(values['days']) };
    setToken((await send<{ token: string }>('POST', '/tokens', { body })).token);
    props.onDone();
  };
  return (
    <Show
      when={token()}
      fallback={
        <FormDialog title={say('tokens.add')} send={say('tokens.add')} onSend={add} onClose={() => (token() ? undefined : props.onClose())} values={{ role: 'auditor', days: '90' }}
          fields={[
            { name: 'name', label: say('name'), required: true },
            { name: 'role', label: say('role'), kind: 'choice', options: roleOptions() },
            { name: 'days', label: say('days'), kind: 'number', required: true },
          ]} />
      }
    >
      {text => <Dialog title={say('tokens.made')} onClose={props.onClose}><p>{sayPart('made')}</p><p><Copy text={text()} label={say('tokens.made')} /></p></Dialog>}
    </Show>
  );
}
