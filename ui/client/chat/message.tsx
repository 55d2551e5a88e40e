// One message of a conversation: who, what, when, how far it got, and what one can do with it.

import { For, Match, Show, Switch, createSignal } from 'solid-js';
import type { Message } from '../../core/im/message.ts';
import { Icon } from '../../kit/icons.tsx';
import { formatTime, language } from '../../kit/language.ts';
import { Menu, type MenuItem } from '../../kit/overlay.tsx';
import { Avatar } from '../../kit/person.tsx';
import { im } from '../im.ts';
import { reach } from '../reach.ts';
import { bytes, isLarge, pieces, plain } from '../text.ts';
import { t, why } from '../words-chat.ts';

/** Longer texts are cut until somebody wants all of them. */
const SHOWN_UNITS = 4000;
const SHOWN_LINES = 60;

export type Acts = { items: (message: Message) => MenuItem[]; jumpTo: (id: string) => void; react: (message: Message, emoji: string) => void; retry: (message: Message) => void };
const TOUCH = globalThis.matchMedia?.('(hover: none)').matches ?? false;

type Props = { message: Message; head: boolean; current: boolean; acts: Acts; onFocus: () => void };

export function MessageRow(props: Props) {
  // The acts are made when somebody comes near: hundreds of menus would be most of the page.
  const [near, setNear] = createSignal(TOUCH);
  const message = () => props.message;
  const name = () => (message().mine ? t('you') : plain(im().senderOf(message())));
  const address = () => (im().kindOf(message().chat) === 'room' ? `${message().chat}/${message().from}` : message().from);
  return (
    <article
      class="message"
      classList={{ mine: message().mine, head: props.head, mention: message().mention === true }}
      data-key={message().key}
      tabindex={props.current ? '0' : '-1'}
      aria-label={`${name()}, ${formatTime(message().at, { timeStyle: 'short' })}`}
      onPointerEnter={() => setNear(true)}
      onFocusIn={() => {
        setNear(true);
        props.onFocus();
      }}
      onKeyDown={event => event.key === 'Enter' && event.target === event.currentTarget && openMenu(event)}
      onContextMenu={event => !(event.target instanceof HTMLAnchorElement) && getSelection()?.isCollapsed && event.shiftKey && openMenu(event)}
    >
      <Show when={props.head}>
        <span class="message-avatar">
          <Avatar name={im().senderOf(message())} address={address()} size="small" />
        </span>
        <header class="message-head">
          <bdi class="message-name">{name()}</bdi>
        </header>
      </Show>
      <div class="message-body">
        <Quote message={message()} jumpTo={props.acts.jumpTo} />
        <Content message={message()} />
        <Reactions message={message()} acts={props.acts} />
      </div>
      <span class="message-foot soft">
        <Show when={message().edited && !message().retracted}>
          <span>{t('edited')}</span>
        </Show>
        <time dateTime={new Date(message().at).toISOString()} title={formatTime(message().at, { dateStyle: 'full', timeStyle: 'medium' })}>
          {formatTime(message().at, { hour: '2-digit', minute: '2-digit' })}
        </time>
        <Show when={message().mine && message().delivery}>{delivery => <Tick delivery={delivery()} />}</Show>
      </span>
      <Show when={near() || props.current}>
        <div class="message-acts" on:click={{ handleEvent: place, capture: true }}>
          <Menu label={t('actions')} items={props.acts.items(message())} />
        </div>
      </Show>
      <Show when={message().delivery === 'failed'}>
        <p class="message-problem" role="alert">
          <span class="error">{t('failedWhy', { why: why(message().problem ?? '') })}</span>
          <button type="button" class="button quiet" onClick={() => props.acts.retry(message())}>
            {t('retry')}
          </button>
        </p>
      </Show>
    </article>
  );
}

function openMenu(event: KeyboardEvent | MouseEvent): void {
  event.preventDefault();
  if (event.currentTarget instanceof HTMLElement) event.currentTarget.querySelector<HTMLElement>('.message-acts button')?.click();
}

/** Below the middle of the window a menu opens upwards. */
function place(event: MouseEvent): void {
  if (event.currentTarget instanceof HTMLElement) event.currentTarget.classList.toggle('up', event.currentTarget.getBoundingClientRect().top > innerHeight / 2);
}

const TICKS = { queued: 'clock', sent: 'check', received: 'checks', read: 'checks', failed: 'warning' } as const;

function Tick(props: { delivery: keyof typeof TICKS }) {
  return (
    <span class={`tick ${props.delivery}`} role="img" aria-label={t(`delivery.${props.delivery}`)} title={t(`delivery.${props.delivery}`)}>
      <Icon name={TICKS[props.delivery]} size={14} />
    </span>
  );
}

function Quote(props: { message: Message; jumpTo: (id: string) => void }) {
  return (
    <Show when={!props.message.retracted && props.message.reply}>
      {reply => (
        <button type="button" class="quote" onClick={() => props.jumpTo(reply().id)}>
          <span class="small">{t('inReplyTo', { name: plain(nameOfReply(props.message)) })}</span>
          <bdi>{reply().quote || t('replyUnknown')}</bdi>
        </button>
      )}
    </Show>
  );
}

function nameOfReply(message: Message): string {
  const to = message.reply?.to ?? '';
  const slash = to.indexOf('/');
  if (im().kindOf(message.chat) === 'room') return slash < 0 ? to : to.slice(slash + 1);
  const bare = slash < 0 ? to : to.slice(0, slash);
  return bare === im().client.bare ? t('you') : im().people.nameOf(bare);
}

function Content(props: { message: Message }) {
  const message = () => props.message;
  return (
    <Switch fallback={<Text message={message()} />}>
      <Match when={message().retracted}>
        {retracted => (
          <p class="note">
            <Icon name="trash" size={16} />
            {retracted().by === undefined ? t('retracted') : retracted().reason ? t('moderatedWhy', { reason: retracted().reason ?? '' }) : t('moderated')}
          </p>
        )}
      </Match>
      <Match when={message().encrypted}>
        {name => (
          <p class="note">
            <Icon name="lock" size={16} />
            {t('encrypted', { name: plain(name()) })}
          </p>
        )}
      </Match>
      <Match when={message().file}>{file => <FileView file={file()} />}</Match>
    </Switch>
  );
}

function Text(props: { message: Message }) {
  const [all, setAll] = createSignal(false);
  const body = () => props.message.body;
  const long = () => !all() && (body().length > SHOWN_UNITS || lines(body()) > SHOWN_LINES);
  const shown = () => (long() ? cut(body()) : body());
  const nick = () => (props.message.mention ? im().rooms.nickIn(props.message.chat) : undefined);
  return (
    <>
      <p class="text" dir="auto" classList={{ large: isLarge(body()) }}>
        <For each={pieces(shown(), nick())}>
          {piece => (
            <Switch fallback={piece.text}>
              <Match when={piece.kind === 'link' && piece}>{link => <TextLink href={link().href} text={link().text} host={link().host} />}</Match>
              <Match when={piece.kind === 'mention'}>
                <mark>{piece.text}</mark>
              </Match>
            </Switch>
          )}
        </For>
      </p>
      <Show when={long()}>
        <button type="button" class="button quiet" onClick={() => setAll(true)}>
          {t('showAll', { count: body().length })}
        </button>
      </Show>
    </>
  );
}

function lines(text: string): number {
  let count = 1;
  for (let at = text.indexOf('\n'); at >= 0 && count <= SHOWN_LINES; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

const cut = (text: string): string => `${text.slice(0, SHOWN_UNITS).split('\n').slice(0, SHOWN_LINES).join('\n')}…`;

/** Where a link leads stands beside it when its own words hide that. */
function TextLink(props: { href: string; text: string; host: string }) {
  const hides = () => !props.text.toLowerCase().includes(props.host.toLowerCase()) || /@/.test(props.text.split('/')[2] ?? '');
  const own = () => /^(xmpp|sip|tel):/i.test(props.href);
  return (
    <>
      <a href={own() ? `/open?uri=${encodeURIComponent(props.href)}` : props.href} target={own() ? undefined : '_blank'} rel="noopener noreferrer nofollow" title={t('goesTo', { host: props.host })}>
        <bdi>{props.text}</bdi>
      </a>
      <Show when={hides()}>
        <span class="soft"> ({props.host})</span>
      </Show>
    </>
  );
}

function FileView(props: { file: NonNullable<Message['file']> }) {
  const [broken, setBroken] = createSignal(false);
  const picture = () => /^image\/(png|jpeg|gif|webp|avif)$/.test(props.file.type ?? '') && !broken();
  return (
    <figure class="file">
      <Show when={picture()}>
        <a href={reach(props.file.url)} target="_blank" rel="noopener noreferrer">
          <img src={reach(props.file.url)} alt={t('imageOf', { name: plain(props.file.name) })} loading="lazy" decoding="async" referrerPolicy="no-referrer" onError={() => setBroken(true)} width={props.file.width} height={props.file.height} />
        </a>
      </Show>
      <figcaption>
        <Icon name="attach" size={16} />
        <a href={reach(props.file.url)} target="_blank" rel="noopener noreferrer" download={plain(props.file.name)}>
          <bdi>{plain(props.file.name)}</bdi>
        </a>
        <Show when={props.file.size}>{size => <span class="soft small">{bytes(size(), language())}</span>}</Show>
      </figcaption>
    </figure>
  );
}

function Reactions(props: { message: Message; acts: Acts }) {
  const own = () => (im().kindOf(props.message.chat) === 'room' ? im().rooms.nickIn(props.message.chat) : im().client.bare);
  const counted = () => {
    const all = new Map<string, string[]>();
    for (const [who, emojis] of Object.entries(props.message.reactions ?? {})) for (const emoji of emojis) all.set(emoji, [...(all.get(emoji) ?? []), who]);
    return [...all];
  };
  const nameOf = (who: string) => (who === own() ? t('you') : im().kindOf(props.message.chat) === 'room' ? who : im().people.nameOf(who));
  return (
    <Show when={counted().length > 0}>
      <div class="reactions">
        <For each={counted()}>
          {([emoji, who]) => (
            <button
              type="button"
              class="reaction"
              aria-pressed={who.includes(own() ?? '')}
              aria-label={t('reactedWith', { names: who.map(nameOf).map(plain).join(', '), emoji, count: who.length })}
              title={who.map(nameOf).map(plain).join(', ')}
              onClick={() => props.acts.react(props.message, emoji)}
            >
              {emoji} {who.length}
            </button>
          )}
        </For>
      </div>
    </Show>
  );
}
