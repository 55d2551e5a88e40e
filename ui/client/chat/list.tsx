// The list of conversations: unread first to the eye, filters, invitations.

import { For, Show, createMemo, createSignal } from 'solid-js';
import type { Chat } from '../../core/im/cache.ts';
import { Button } from '../../kit/controls.tsx';
import { Icon } from '../../kit/icons.tsx';
import { Menu } from '../../kit/overlay.tsx';
import { Avatar } from '../../kit/person.tsx';
import { follow, go } from '../../kit/route.ts';
import { Empty, Skeleton } from '../../kit/state.tsx';
import { im } from '../im.ts';
import { openJump } from '../jump-state.ts';
import { PersonAvatar, timeOf } from '../person.tsx';
import { plain } from '../text.ts';
import { VirtualList } from '../virtual.tsx';
import { t } from '../words-chat.ts';
import { chatPath } from './path.ts';

const FILTERS = ['all', 'unread', 'mentions', 'rooms'] as const;
type Filter = (typeof FILTERS)[number];
const ROW_REM = 4;

const fits: Record<Filter, (chat: Chat) => boolean> = {
  all: () => true,
  unread: chat => chat.unread > 0,
  mentions: chat => chat.mentions > 0,
  rooms: chat => chat.kind === 'room',
};

export function ChatList(props: { chosen: string | null; onNewRoom: () => void; onFindRoom: () => void }) {
  const [filter, setFilter] = createSignal<Filter>('all');
  const chats = createMemo(() => im().chats.list().filter(chat => fits[filter()](chat) || chat.jid === props.chosen));
  return (
    <section class="pane-list" aria-label={t('listOfChats')}>
      <header class="pane-head">
        <h1>{t('chats')}</h1>
        <Menu
          icon="add"
          label={t('newChat')}
          items={[
            { text: t('newChat'), icon: 'chat', do: () => openJump() },
            { text: t('findRoom'), icon: 'search', do: () => props.onFindRoom() },
            { text: t('newRoom'), icon: 'group', do: () => props.onNewRoom() },
          ]}
        />
      </header>
      <div class="filters" role="group" aria-label={t('filter')}>
        <For each={FILTERS}>
          {one => (
            <button type="button" class="chip" aria-pressed={filter() === one} onClick={() => setFilter(one)}>
              {t(`filter.${one}`)}
            </button>
          )}
        </For>
      </div>
      <Invitations />
      <Show when={chats().length > 0} fallback={<Nothing filter={filter()} onFindRoom={props.onFindRoom} />}>
        <VirtualList items={chats()} rowHeight={ROW_REM} label={t('listOfChats')}>
          {chat => <Row chat={chat} chosen={chat.jid === props.chosen} />}
        </VirtualList>
      </Show>
    </section>
  );
}

function Nothing(props: { filter: Filter; onFindRoom: () => void }) {
  return (
    <Show when={props.filter === 'all'} fallback={<Empty icon="chat" title={t('nothingUnread')} />}>
      <Show when={im().current()} fallback={<Skeleton rows={6} />}>
        <Empty icon="chat" title={t('noChats')} text={t('noChatsText')}>
          <Button kind="main" onClick={() => openJump()}>
            {t('newChat')}
          </Button>
          <Button onClick={() => props.onFindRoom()}>{t('findRoom')}</Button>
        </Empty>
      </Show>
    </Show>
  );
}

function Invitations() {
  return (
    <For each={im().invitations()}>
      {invitation => (
        <div class="invitation">
          <p>{t('invited', { name: plain(im().people.nameOf(invitation.from)), room: plain(invitation.room) })}</p>
          <Show when={invitation.reason}>
            <p class="soft small">{invitation.reason}</p>
          </Show>
          <div class="acts">
            <Button
              kind="main"
              onClick={() => {
                void im().join(invitation.room, { password: invitation.password });
                go(chatPath(invitation.room));
              }}
            >
              {t('join')}
            </Button>
            <Button kind="quiet" onClick={() => im().invitations.set(im().invitations().filter(one => one !== invitation))}>
              {t('decline')}
            </Button>
          </div>
        </div>
      )}
    </For>
  );
}

/** The newest message in one line. */
export function previewOf(chat: Chat): string {
  if (chat.draft) return t('draft', { text: chat.draft });
  const last = chat.last;
  if (!last) return '';
  const text = { text: last.text, file: t('file', { name: plain(last.text) }), encrypted: t('encryptedMessage'), retracted: t('retractedMessage') }[last.kind];
  if (last.mine) return t('youSaid', { text });
  return chat.kind === 'room' ? t('said', { name: plain(last.from), text }) : text;
}

function Row(props: { chat: Chat; chosen: boolean }) {
  const chat = () => props.chat;
  return (
    <a class="chat-row" classList={{ unread: chat().unread > 0 }} href={chatPath(chat().jid)} aria-current={props.chosen ? 'page' : undefined} onClick={follow}>
      <Show when={chat().kind === 'chat'} fallback={<Avatar name={im().titleOf(chat().jid)} address={chat().jid} />}>
        <PersonAvatar jid={chat().jid} />
      </Show>
      <span class="chat-row-text">
        <span class="chat-row-top">
          <bdi class="chat-row-name">{plain(im().titleOf(chat().jid))}</bdi>
          <Show when={chat().pinned}>
            <Icon name="star" size={14} filled />
            <span class="hidden">{t('pinned')}</span>
          </Show>
          <Show when={chat().muted}>
            <Icon name="mute" size={14} />
            <span class="hidden">{t('muted')}</span>
          </Show>
          <time class="soft small">{chat().last ? timeOf(chat().at) : ''}</time>
        </span>
        <span class="chat-row-bottom">
          <bdi class="soft" classList={{ draft: Boolean(chat().draft) }}>
            {previewOf(chat())}
          </bdi>
          <Show when={chat().unread > 0}>
            <span class="badge" classList={{ quiet: Boolean(chat().muted) }}>
              <span aria-hidden="true">{chat().mentions > 0 ? `@ ${chat().unread}` : chat().unread}</span>
              <span class="hidden">
                {t('unread', { count: chat().unread })}
                {chat().mentions > 0 ? `, ${t('mentioned')}` : ''}
              </span>
            </span>
          </Show>
        </span>
      </span>
    </a>
  );
}
