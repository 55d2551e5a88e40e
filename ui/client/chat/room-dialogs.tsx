// Making a room, finding one, inviting to one.

import { For, Show, createResource, createSignal } from 'solid-js';
import { StanzaError } from '../../core/xmpp/client.ts';
import { workAddress } from '../../core/xmpp/address.ts';
import { Button, Field, Switch } from '../../kit/controls.tsx';
import { Dialog, notify } from '../../kit/overlay.tsx';
import { go } from '../../kit/route.ts';
import { Failure, Skeleton } from '../../kit/state.tsx';
import { im } from '../im.ts';
import { PersonLine } from '../person.tsx';
import { plain } from '../text.ts';
import { t, why } from '../words-chat.ts';
import { chatPath } from './path.ts';

/** An address from a name: letters, digits and dashes. */
export function roomLocal(name: string): string {
  const plainName = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return plainName.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '').slice(0, 60) || crypto.randomUUID().slice(0, 8);
}

export function NewRoom(props: { onClose: () => void }) {
  const [name, setName] = createSignal('');
  const [open, setOpen] = createSignal(false);
  const [busy, setBusy] = createSignal(false);
  const [problem, setProblem] = createSignal<string | undefined>();
  const create = async () => {
    const service = im().services().rooms;
    if (!service || !name().trim()) return;
    const jid = `${roomLocal(name())}@${service}`;
    setBusy(true);
    try {
      im().chats.open(jid, 'room', { name: name().trim() });
      await im().rooms.create(jid, name().trim(), open());
      props.onClose();
      go(chatPath(jid));
    } catch (error) {
      await im().chats.remove(jid);
      setProblem(error instanceof StanzaError ? why(error.condition) : String(error));
    }
    setBusy(false);
  };
  return (
    <Dialog
      title={t('newRoom')}
      onClose={props.onClose}
      foot={
        <Button kind="main" busy={busy()} disabled={!name().trim() || !im().services().rooms} onClick={() => void create()}>
          {t('create')}
        </Button>
      }
    >
      <form
        onSubmit={event => {
          event.preventDefault();
          void create();
        }}
      >
        <Field label={t('roomName')} value={name()} onInput={setName} error={problem()} required />
      </form>
      <Switch label={t('roomOpen')} hint={t('roomOpenHint')} on={open()} onChange={setOpen} />
    </Dialog>
  );
}

export function FindRoom(props: { onClose: () => void }) {
  const [found, { refetch }] = createResource(
    () => im().services().rooms,
    service => im().rooms.directory(service),
  );
  const [address, setAddress] = createSignal('');
  const join = (jid: string, name?: string) => {
    void im().join(jid, name ? { name } : {});
    props.onClose();
    go(chatPath(jid));
  };
  return (
    <Dialog title={t('findRoom')} onClose={props.onClose}>
      <Show when={!found.error} fallback={<Failure title={String(found.error)} onRetry={() => void refetch()} />}>
        <Show when={!found.loading} fallback={<Skeleton rows={3} />}>
          <ul class="plain-list">
            <For each={found()} fallback={<li class="soft">{t('noRooms')}</li>}>
              {room => (
                <li class="found-room">
                  <span>
                    <bdi>{plain(room.name)}</bdi>
                    <bdi class="soft small">{room.jid}</bdi>
                  </span>
                  <Button onClick={() => join(room.jid, room.name)}>{t('join')}</Button>
                </li>
              )}
            </For>
          </ul>
        </Show>
      </Show>
      <form
        class="found-room"
        onSubmit={event => {
          event.preventDefault();
          const jid = workAddress(address());
          if (jid) join(jid);
        }}
      >
        <Field label={t('roomAddress')} value={address()} onInput={setAddress} placeholder={`room@${im().services().rooms ?? 'rooms.example.org'}`} />
        <Button type="submit">{t('join')}</Button>
      </form>
    </Dialog>
  );
}

export function InviteDialog(props: { jid: string; onClose: () => void }) {
  const [words, setWords] = createSignal('');
  const matching = () => {
    const wanted = words().toLowerCase();
    const inside = new Set([...(im().rooms.room(props.jid)?.occupants.values() ?? [])].map(one => one.jid));
    return im().people.list().filter(one => !inside.has(one.jid) && (one.name.toLowerCase().includes(wanted) || one.jid.includes(wanted))).slice(0, 20);
  };
  const invite = (jid: string) => {
    void im().rooms.invite(props.jid, jid);
    notify(t('added', { name: plain(im().people.nameOf(jid)) }), 'good');
    props.onClose();
  };
  return (
    <Dialog title={t('inviteWhom')} onClose={props.onClose}>
      <form
        onSubmit={event => {
          event.preventDefault();
          const typed = workAddress(words());
          const first = matching()[0]?.jid ?? typed;
          if (first) invite(first);
        }}
      >
        <Field label={t('address')} type="search" value={words()} onInput={setWords} />
      </form>
      <ul class="plain-list">
        <For each={matching()}>
          {contact => (
            <li>
              <button type="button" class="list-button" onClick={() => invite(contact.jid)}>
                <PersonLine jid={contact.jid} />
              </button>
            </li>
          )}
        </For>
      </ul>
    </Dialog>
  );
}
