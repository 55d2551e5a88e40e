// The search over everything: people, the directory, rooms, messages. Ctrl/Cmd+K.

import { For, Show, createEffect, createMemo, createSignal, on, onCleanup } from 'solid-js';
import type { FoundPerson } from '../core/im/directory.ts';
import { findPeople } from '../core/im/directory.ts';
import type { Message } from '../core/im/message.ts';
import { Avatar } from '../kit/person.tsx';
import { Icon, type IconName } from '../kit/icons.tsx';
import { Dialog } from '../kit/overlay.tsx';
import { go } from '../kit/route.ts';
import { chatPath, contactPath } from './chat/path.ts';
import './chat/chat.css';
import './jump.css';
import { im } from './im.ts';
import { closeJump } from './jump-state.ts';
import { PersonLine, timeOf } from './person.tsx';
import { plain } from './text.ts';
import { t } from './words-chat.ts';

const PAUSE_MILLISECONDS = 250;
const SHOWN = 8;
const LETTERS_MIN = 2;
/** Each room has an archive of its own; so many of the newest are asked. */
const ROOMS_SEARCHED = 12;
const DIALLED = /^[+*#\d][\d\s*#()/-]{1,30}$/;

type Hit =
  | { is: 'person'; jid: string }
  | { is: 'found'; person: FoundPerson }
  | { is: 'room'; jid: string; name: string }
  | { is: 'number'; number: string }
  | { is: 'message'; message: Message };

const ADDRESSES: { [K in Hit['is']]: (hit: Extract<Hit, { is: K }>) => string } = {
  person: hit => chatPath(hit.jid),
  found: hit => contactPath(hit.person.jid),
  room: hit => chatPath(hit.jid),
  number: hit => `/calls?to=${encodeURIComponent(hit.number)}`,
  message: hit => chatPath(hit.message.chat, hit.message.archive ?? hit.message.key),
};

export function Jump(props: { within?: string | undefined }) {
  const [words, setWords] = createSignal('');
  const [found, setFound] = createSignal<FoundPerson[]>([]);
  const [messages, setMessages] = createSignal<Message[]>([]);
  const [more, setMore] = createSignal<string | undefined>();
  const [busy, setBusy] = createSignal(false);
  const [at, setAt] = createSignal(0);
  let timer: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(timer));

  const where = () => {
    const within = props.within;
    if (!within) return {};
    return im().kindOf(within) === 'room' ? { room: within } : { with: within };
  };
  const ask = async (text: string, before?: string) => {
    const services = im().services();
    setBusy(true);
    const rooms = props.within || before ? [] : im().chats.list().filter(chat => chat.kind === 'room').slice(0, ROOMS_SEARCHED);
    const [people, history, ...others] = await Promise.all([
      !before && !props.within && services.people ? findPeople(im().client, services.people, text).catch(() => []) : [],
      services.fullText || props.within ? im().history.search(text, where(), before).catch(() => ({ messages: [], more: undefined })) : { messages: [], more: undefined },
      ...rooms.map(chat => im().history.search(text, { room: chat.jid }).catch(() => ({ messages: [] }))),
    ]);
    const fresh = [...history.messages, ...others.flatMap(one => one.messages)].sort((a, b) => b.at - a.at);
    if (text !== words().trim()) return;
    setBusy(false);
    if (!before) setFound(people);
    setMessages(before ? [...messages(), ...fresh] : fresh);
    setMore(history.more);
  };
  createEffect(
    on(words, text => {
      clearTimeout(timer);
      setAt(0);
      setFound([]);
      setMessages([]);
      setMore(undefined);
      setBusy(false);
      const wanted = text.trim();
      if (wanted.length >= LETTERS_MIN) timer = setTimeout(() => void ask(wanted), PAUSE_MILLISECONDS);
    }),
  );

  const hits = createMemo<Hit[]>(() => {
    const wanted = words().trim().toLowerCase();
    const others = messages().map(message => ({ is: 'message', message }) as const);
    if (props.within) return others;
    const fits = (name: string, jid: string) => name.toLowerCase().includes(wanted) || jid.includes(wanted);
    const people = im().people.list().filter(one => fits(one.name, one.jid)).slice(0, SHOWN);
    const known = new Set([...people.map(one => one.jid), im().client.bare]);
    const rooms = im().chats.list().filter(chat => chat.kind === 'room' && fits(chat.name ?? '', chat.jid)).slice(0, SHOWN);
    return [
      ...(DIALLED.test(wanted) ? [{ is: 'number', number: wanted } as const] : []),
      ...people.map(one => ({ is: 'person', jid: one.jid }) as const),
      ...rooms.map(chat => ({ is: 'room', jid: chat.jid, name: chat.name ?? chat.jid }) as const),
      ...found().filter(one => !known.has(one.jid)).slice(0, SHOWN).map(person => ({ is: 'found', person }) as const),
      ...others,
    ];
  });
  const choose = (hit: Hit | undefined) => {
    if (!hit) return;
    closeJump();
    go((ADDRESSES[hit.is] as (hit: Hit) => string)(hit));
  };
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt(now => Math.max(0, Math.min(hits().length - 1, now + step)));
      document.getElementById(`hit-${at()}`)?.scrollIntoView({ block: 'nearest' });
    } else if (event.key === 'Enter') {
      event.preventDefault();
      choose(hits()[at()]);
    }
  };
  const title = () => (props.within ? t('resultsIn', { name: plain(im().titleOf(props.within)) }) : t('jump'));

  return (
    <Dialog title={title()} onClose={closeJump}>
      <input
        ref={element => queueMicrotask(() => element.focus())}
        class="input"
        type="search"
        role="combobox"
        aria-label={title()}
        aria-expanded={hits().length > 0}
        aria-controls="hits"
        aria-activedescendant={hits().length > 0 ? `hit-${at()}` : undefined}
        value={words()}
        onInput={event => setWords(event.currentTarget.value)}
        onKeyDown={keys}
      />
      <p class="soft small" role="status">
        {busy() ? t('searching') : hits().length === 0 ? (words().trim().length < LETTERS_MIN ? t('searchHint') : t('noResults', { words: words() })) : ''}
      </p>
      <div id="hits" class="hits" role="listbox" aria-label={title()}>
        <For each={hits()}>
          {(hit, index) => (
            <div id={`hit-${index()}`} role="option" tabindex="-1" class="list-button" aria-selected={index() === at()} onClick={() => choose(hit)} onKeyDown={event => event.key === 'Enter' && choose(hit)}>
              <HitView hit={hit} />
            </div>
          )}
        </For>
      </div>
      <Show when={more()}>
        {before => (
          <button type="button" class="button quiet" onClick={() => void ask(words().trim(), before())}>
            {t('moreResults')}
          </button>
        )}
      </Show>
      <Show when={!im().services().fullText && !props.within}>
        <p class="soft small">{t('noFullText')}</p>
      </Show>
    </Dialog>
  );
}

function HitView(props: { hit: Hit }) {
  const hit = props.hit;
  switch (hit.is) {
    case 'person':
      return <PersonLine jid={hit.jid} />;
    case 'found':
      return <Line icon="people" name={hit.person.name} text={`${t('directory')} · ${hit.person.jid}`} address={hit.person.jid} />;
    case 'room':
      return <Line icon="group" name={hit.name} text={`${t('rooms')} · ${hit.jid}`} address={hit.jid} />;
    case 'number':
      return <Line icon="phone" name={t('callNumber', { number: hit.number })} text="" />;
    case 'message':
      return <Line icon="chat" name={im().senderOf(hit.message)} text={`${timeOf(hit.message.at)} ${t('inChat', { name: im().titleOf(hit.message.chat) })}`} body={hit.message.body || (hit.message.file?.name ?? '')} />;
  }
}

function Line(props: { icon: IconName; name: string; text: string; address?: string; body?: string }) {
  return (
    <>
      <Show when={props.address} fallback={<Icon name={props.icon} />}>
        {address => <Avatar name={props.name} address={address()} />}
      </Show>
      <span class="person-text">
        <bdi class="person-name">{plain(props.name)}</bdi>
        <Show when={props.body}>
          <bdi>{props.body}</bdi>
        </Show>
        <bdi class="soft small">{plain(props.text)}</bdi>
      </span>
    </>
  );
}
