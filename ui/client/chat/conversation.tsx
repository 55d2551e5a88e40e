// One conversation: its head, its messages, where one writes.

import { Match, Show, Switch, createSignal, onCleanup, onMount } from 'solid-js';
import type { Message } from '../../core/im/message.ts';
import { Button, Field, IconButton } from '../../kit/controls.tsx';
import { Icon } from '../../kit/icons.tsx';
import { Dialog, Menu, type MenuItem, notify } from '../../kit/overlay.tsx';
import { Avatar } from '../../kit/person.tsx';
import { follow, go, route } from '../../kit/route.ts';
import { words } from '../../kit/words.ts';
import { callTo } from '../calls/bar.tsx';
import { im } from '../im.ts';
import { openJump } from '../jump-state.ts';
import { PersonAvatar, reason } from '../person.tsx';
import { plain } from '../text.ts';
import { t, why } from '../words-chat.ts';
import { type Aim, Composer } from './composer.tsx';
import { QUICK } from './emoji.tsx';
import type { Acts } from './message.tsx';
import { contactPath } from './path.ts';
import { InviteDialog } from './room-dialogs.tsx';
import { RoomPanel } from './room-panel.tsx';
import { TimelineView } from './timeline.tsx';
import { sendFile } from './uploads.ts';

export function Conversation(props: { jid: string }) {
  const room = () => im().chats.get(props.jid)?.kind === 'room' || im().rooms.has(props.jid);
  if (!im().chats.peek(props.jid)) im().chats.open(props.jid, room() ? 'room' : 'chat');
  const { timeline, close } = im().timeline(props.jid);
  const before = im().chats.peek(props.jid);
  const hadUnread = (before?.unread ?? 0) > 0;
  // The line before what is new stays while one reads; what comes while one looks on is not new.
  const [line, setLine] = createSignal(before?.readUpTo ?? 0);
  const [aim, setAim] = createSignal<Aim>({});
  const [panel, setPanel] = createSignal(false);
  const [dialog, setDialog] = createSignal<{ is: 'invite' } | { is: 'retract' | 'moderate'; message: Message } | { is: 'react'; message: Message } | null>(null);
  const [target, setTarget] = createSignal<string | null>(route().query.get('at'));
  const [dropping, setDropping] = createSignal(false);
  let atEnd = true;

  const looking = (chat: string) => chat === props.jid && atEnd && !document.hidden && document.hasFocus();
  onMount(() => (im().looking = looking));
  onCleanup(() => {
    close();
    im().looking = () => false;
  });
  const ended = (end: boolean, last: Message | undefined) => {
    atEnd = end;
    if (!last || !looking(props.jid)) return;
    if (!hadUnread) setLine(last.at);
    void im().read(props.jid, last);
  };
  const refocus = () => ended(atEnd, timeline.messages().at(-1));
  addEventListener('focus', refocus);
  onCleanup(() => removeEventListener('focus', refocus));

  const react = (message: Message, emoji: string) => {
    const own = room() ? (im().rooms.nickIn(props.jid) ?? '') : im().client.bare;
    const mine = message.reactions?.[own] ?? [];
    void im().outbox.react(message, mine.includes(emoji) ? mine.filter(one => one !== emoji) : [...mine, emoji]);
  };
  const jumpTo = (id: string) => {
    setTarget(null);
    setTarget(id);
  };
  const moderator = () => {
    const own = im().rooms.room(props.jid);
    return own?.occupants.get(own.nick)?.role === 'moderator';
  };
  const items = (message: Message): MenuItem[] => {
    if (message.retracted) return [];
    const all: MenuItem[] = [
      { text: t('reply'), icon: 'reply', do: () => setAim({ reply: message }) },
      { text: t('react'), icon: 'smile', do: () => setDialog({ is: 'react', message }) },
      { text: message.file ? t('copyLink') : t('copy'), icon: 'copy', do: () => void copy(message.file?.url ?? message.body) },
    ];
    if (message.mine && !message.file && !message.encrypted) all.push({ text: t('edit'), icon: 'edit', do: () => setAim({ edit: message }) });
    if (message.mine && message.delivery !== 'queued') all.push({ text: t('retract'), icon: 'trash', danger: true, do: () => setDialog({ is: 'retract', message }) });
    if (!message.mine && room() && moderator() && message.archive) all.push({ text: t('moderate'), icon: 'shield', danger: true, do: () => setDialog({ is: 'moderate', message }) });
    return all;
  };
  const acts: Acts = { items, jumpTo, react, retry: message => void im().outbox.retry(message) };
  const editLast = () => {
    const last = timeline.messages().findLast(one => one.mine && !one.retracted && !one.file && !one.encrypted);
    if (last) setAim({ edit: last });
  };

  return (
    <div
      class="conversation"
      classList={{ dropping: dropping() }}
      onDragOver={event => {
        if (!event.dataTransfer?.types.includes('Files')) return;
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={() => setDropping(false)}
      onDrop={event => {
        event.preventDefault();
        setDropping(false);
        for (const file of event.dataTransfer?.files ?? []) void sendFile(props.jid, file);
      }}
    >
      <Head jid={props.jid} room={room()} panel={panel()} onPanel={() => setPanel(!panel())} onInvite={() => setDialog({ is: 'invite' })} />
      <div class="conversation-middle">
        <div class="conversation-main">
          <Show when={room()}>
            <RoomState jid={props.jid} />
          </Show>
          <TimelineView timeline={timeline} readUpTo={line()} acts={acts} target={target()} onEnd={ended} />
          <Typing jid={props.jid} />
          <Composer jid={props.jid} aim={aim()} setAim={setAim} editLast={editLast} disabled={im().blocked().includes(props.jid)} />
        </div>
        <Show when={panel() && room()}>
          <RoomPanel jid={props.jid} onClose={() => setPanel(false)} onInvite={() => setDialog({ is: 'invite' })} />
        </Show>
      </div>
      <Show when={dropping()}>
        <div class="drop">{t('dropHere')}</div>
      </Show>
      <Dialogs jid={props.jid} dialog={dialog()} onClose={() => setDialog(null)} react={react} />
    </div>
  );
}

async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
  notify(t('copied'), 'good');
}

type DialogState = { is: 'invite' } | { is: 'retract' | 'moderate' | 'react'; message: Message } | null;

function Dialogs(props: { jid: string; dialog: DialogState; onClose: () => void; react: (message: Message, emoji: string) => void }) {
  const [why, setWhy] = createSignal('');
  const about = () => (props.dialog && 'message' in props.dialog ? props.dialog.message : null);
  const act = (work: Promise<void> | undefined) => {
    props.onClose();
    work?.catch((error: unknown) => notify(error instanceof Error ? error.message : String(error), 'bad'));
  };
  return (
    <Switch>
      <Match when={props.dialog?.is === 'invite'}>
        <InviteDialog jid={props.jid} onClose={props.onClose} />
      </Match>
      <Match when={props.dialog?.is === 'react' && about()}>
        {message => (
          <Dialog title={t('react')} onClose={props.onClose}>
            <div class="acts">
              {QUICK.map(emoji => (
                <button
                  type="button"
                  class="reaction large"
                  onClick={() => {
                    props.react(message(), emoji);
                    props.onClose();
                  }}
                >
                  {emoji}
                </button>
              ))}
            </div>
          </Dialog>
        )}
      </Match>
      <Match when={props.dialog?.is === 'retract' && about()}>
        {message => (
          <Dialog
            title={t('retractAsk')}
            onClose={props.onClose}
            foot={
              <>
                <Button onClick={() => props.onClose()}>{words('cancel')}</Button>
                <Button kind="danger" onClick={() => act(im().outbox.retract(message()))}>
                  {t('retract')}
                </Button>
              </>
            }
          >
            <p class="soft">{t('retractText')}</p>
          </Dialog>
        )}
      </Match>
      <Match when={props.dialog?.is === 'moderate' && about()}>
        {message => (
          <Dialog
            title={t('moderate')}
            onClose={props.onClose}
            foot={
              <Button kind="danger" onClick={() => act(im().rooms.moderate(props.jid, message().archive ?? '', why()))}>
                {t('moderate')}
              </Button>
            }
          >
            <Field label={t('moderateReason')} value={why()} onInput={setWhy} />
          </Dialog>
        )}
      </Match>
    </Switch>
  );
}

function Typing(props: { jid: string }) {
  const names = () => im().typingIn(props.jid).map(one => plain(one.includes('@') ? im().people.nameOf(one) : one));
  const text = () => {
    const [name, other] = names();
    if (name === undefined) return '';
    return other === undefined ? t('typing', { name }) : names().length === 2 ? t('typingTwo', { name, other }) : t('typingMany');
  };
  return (
    <p class="typing soft small" role="status">
      {text()}
    </p>
  );
}

function RoomState(props: { jid: string }) {
  const room = () => im().rooms.room(props.jid);
  return (
    <Switch>
      <Match when={room()?.state === 'joining' && im().client.state.is === 'online'}>
        <p class="room-state soft small">{t('roomJoining')}</p>
      </Match>
      <Match when={room()?.why ? room() : undefined}>
        {own => (
          <div class="room-state">
            <p>{t('roomRefused', { why: why(own().why) })}</p>
            <Button onClick={() => im().rooms.join(props.jid)}>{t('rejoin')}</Button>
          </div>
        )}
      </Match>
    </Switch>
  );
}

function Head(props: { jid: string; room: boolean; panel: boolean; onPanel: () => void; onInvite: () => void }) {
  const chat = () => im().chats.get(props.jid);
  const subject = () => im().rooms.room(props.jid)?.subject;
  const blocked = () => im().blocked().includes(props.jid);
  const items = (): MenuItem[] => [
    { text: t('searchHere'), icon: 'search', do: () => openJump(props.jid) },
    { text: chat()?.pinned ? t('unpin') : t('pin'), icon: 'star', do: () => im().chats.change(props.jid, { pinned: !chat()?.pinned }) },
    { text: chat()?.muted ? t('unmute') : t('mute'), icon: 'mute', do: () => im().chats.change(props.jid, { muted: !chat()?.muted }) },
    ...(props.room
      ? [
          { text: t('invite'), icon: 'add' as const, do: props.onInvite },
          { text: t('leave'), icon: 'signout' as const, danger: true, do: () => void im().leave(props.jid).then(() => go('/chats')) },
        ]
      : [
          { text: t('contactCard'), icon: 'people' as const, do: () => go(contactPath(props.jid)) },
          { text: blocked() ? t('unblock') : t('block'), icon: 'shield' as const, danger: !blocked(), do: () => void im().block(props.jid, !blocked()).catch((error: unknown) => notify(String(error), 'bad')) },
          { text: t('removeChat'), icon: 'close' as const, do: () => void im().chats.remove(props.jid).then(() => go('/chats')) },
        ]),
  ];
  return (
    <header class="pane-head conversation-head">
      <a class="icon-button back" href="/chats" aria-label={t('back')} onClick={follow}>
        <Icon name="back" />
      </a>
      <Show when={!props.room} fallback={<Avatar name={im().titleOf(props.jid)} address={props.jid} />}>
        <PersonAvatar jid={props.jid} />
      </Show>
      <div class="conversation-title">
        <h2>
          <bdi>{plain(im().titleOf(props.jid))}</bdi>
        </h2>
        <p class="soft small">
          <span role="img" aria-label={secure()} title={secure()}>
            <Icon name="lock" size={13} />
          </span>{' '}
          <bdi>{props.room ? subject() || t('noTopic') : reason(props.jid)}</bdi>
        </p>
      </div>
      <IconButton icon="search" label={t('searchHere')} onClick={() => openJump(props.jid)} />
      <Show when={!props.room}>
        <IconButton icon="phone" label={t('call')} onClick={() => void callTo(props.jid)} />
      </Show>
      <Show when={props.room}>
        <IconButton icon="people" label={t('members')} pressed={props.panel} onClick={() => props.onPanel()} />
      </Show>
      <Menu label={t('more')} items={items()} />
    </header>
  );
}

/** What protects the way to the server; in words, because a lock alone promises too much. */
const secure = (): string => (location.protocol === 'https:' ? t('connectionEncrypted') : t('connectionLocal'));
