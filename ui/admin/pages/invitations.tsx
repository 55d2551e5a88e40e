// Invitations: links with which somebody makes an account, once.

import { For, Show, createSignal } from 'solid-js';
import { Button } from '../../kit/controls.tsx';
import { Dialog } from '../../kit/overlay.tsx';
import { Empty } from '../../kit/state.tsx';
import { send } from '../api/client.ts';
import type { Invitation } from '../api/shapes.ts';
import { FormDialog, type Values } from '../parts/form.tsx';
import { Copy, Mark, Page, When } from '../parts/page.tsx';
import { attempt } from '../parts/problem.tsx';
import { QrCode } from '../parts/qr.tsx';
import { type Column, Table, remoteRows } from '../parts/table.tsx';
import { may } from '../session.ts';
import { say } from '../words/people.ts';

type Made = { uri: string; expires_at: string; warnings: string[] };

/** Invitations. */
export default function Invitations() {
  const columns: Column<Invitation>[] = [
    { key: 'username', title: say('invitations.user'), value: one => one.username ?? say('anyName'), cell: one => <strong>{one.username ?? say('anyName')}</strong> },
    { key: 'inviter', title: say('inviter'), value: one => one.inviter },
    { key: 'created', title: say('made'), value: one => one.created_at, cell: one => <When at={one.created_at} /> },
    { key: 'expires', title: say('expires'), value: one => one.expires_at, cell: one => <When at={one.expires_at} /> },
  ];
  const rows = remoteRows<Invitation>(() => '/invitations');
  const [adding, setAdding] = createSignal(false);
  const takeBack = (one: Invitation) => attempt(async () => { await send('DELETE', `/invitations/${encodeURIComponent(one.id)}`); rows.asked.again(); }, say('invitations.backDone'));
  const add = () => <Show when={may('invitations:write')}><Button kind="main" icon="add" onClick={() => setAdding(true)}>{say('invitations.add')}</Button></Show>;
  return (
    <Page title={say('invitations')} about={say('invitations.about')} acts={add()}>
      <Table name="invitations" columns={columns} rows={rows} id={one => one.username ?? one.id}
        {...(may('invitations:write') ? { acts: (one: Invitation) => [{ text: say('invitations.back'), icon: 'trash' as const, danger: true, do: () => void takeBack(one) }] } : {})}
        empty={<Empty icon="send" title={say('invitations.empty')} text={say('invitations.emptyText')}>{add()}</Empty>} />
      <Show when={adding()}><Invite onClose={() => setAdding(false)} onDone={rows.asked.again} /></Show>
    </Page>
  );
}

function Invite(props: { onClose: () => void; onDone: () => void }) {
  const [made, setMade] = createSignal<Made | null>(null);
  const invite = async (values: Values) => {
    const body = { ...(values['user'] ? { username: values['user'] } : {}), ...(values['days'] ? { days: Number(values['days']) } : {}) };
    setMade(await send<Made>('POST', '/invitations', { body }));
    props.onDone();
  };
  return (
    <Show
      when={made()}
      fallback={
        <FormDialog title={say('invitations.add')} send={say('invitations.add')} onSend={invite} onClose={() => (made() ? undefined : props.onClose())} values={{ days: '7' }}
          fields={[{ name: 'user', label: say('invitations.user'), hint: say('invitations.userHint') }, { name: 'days', label: say('invitations.days'), kind: 'number' }]} />
      }
    >
      {invitation => (
        <Dialog title={say('invitations.made')} onClose={props.onClose}>
          <p>{say('invitations.madeText')}</p>
          <p><Copy text={invitation().uri} label={say('invitations.made')} /></p>
          <QrCode text={invitation().uri} label={say('invitations.made')} size={200} />
          <For each={invitation().warnings}>{text => <p><Mark grade="warn">{text}</Mark></p>}</For>
        </Dialog>
      )}
    </Show>
  );
}
