// Everything that one does with chat, for one account: what comes is led to where it belongs, what is done goes out.

import { type Element, element } from '../xml.ts';
import { Changes, type Signal, signal } from '../signal.ts';
import { bareOf, localOf } from '../xmpp/address.ts';
import type { Client } from '../xmpp/client.ts';
import * as ns from '../xmpp/namespaces.ts';
import { Cache, type Change, type Chat } from './cache.ts';
import { answerAbout } from './capabilities.ts';
import { Chats } from './chats.ts';
import { type Services, findServices } from './directory.ts';
import { History } from './history.ts';
import { type Happening, type Message, readMessage } from './message.ts';
import { Outbox } from './outbox.ts';
import { type Contact, People } from './people.ts';
import { itemsOf } from './pubsub.ts';
import { type Bookmark, Rooms } from './rooms.ts';
import { Status } from './status.ts';
import { Timeline } from './timeline.ts';

export type Invitation = Extract<Happening, { is: 'invitation' }>;
/** What a person may want to be told of. */
export type Notable = { chat: Chat; message: Message };

const TYPING_MILLISECONDS = 20_000;
const INVITATIONS_MAX = 50;

export class Messenger {
  readonly changes = new Changes();
  readonly cache: Cache;
  readonly people: People;
  readonly rooms: Rooms;
  readonly chats: Chats;
  readonly history: History;
  readonly outbox: Outbox;
  readonly status: Status;
  readonly services: Signal<Services> = signal<Services>({ upload: null, fullText: false });
  readonly invitations: Signal<Invitation[]> = signal<Invitation[]>([]);
  readonly blocked: Signal<string[]> = signal<string[]>([]);
  /** The server has told what happened since last time. */
  readonly current: Signal<boolean> = signal(false);
  /** A message came that nobody is looking at. */
  notable: (notable: Notable) => void = () => {};
  /** Whether somebody looks at the end of this conversation now. */
  looking: (chat: string) => boolean = () => false;
  private begun = false;
  private readonly timelines = new Set<Timeline>();
  private readonly typists = new Map<string, { names: Set<string>; timer: ReturnType<typeof setTimeout> | undefined }>();
  private readonly ends: (() => void)[];

  constructor(
    readonly client: Client,
    account: string,
  ) {
    this.cache = new Cache(account);
    this.people = new People(client, this.changes);
    this.rooms = new Rooms(client, this.changes);
    this.chats = new Chats(client, this.changes, this.cache);
    this.history = new History(client, this.cache, this.rooms.nickIn);
    this.outbox = new Outbox(client, this.cache, this.kindOf, this.rooms.nickIn, room => this.rooms.joinedRooms().some(one => one.jid === room));
    this.status = new Status(client, this.cache, () => this.rooms.joinedRooms());
    this.cache.changed = change => this.cached(change);
    this.rooms.joined = room => void this.joined(room.jid);
    this.rooms.marked = (mark, gone) => this.marked(mark, gone);
    client.respond((iq, payload) => this.answer(iq, payload));
    this.ends = [
      client.on('stanza', stanza => this.stanza(stanza)),
      client.on('online', how => void this.online(how.resumed)),
      client.on('state', state => state.is === 'waiting' && this.people.lost()),
    ];
  }

  /** Shows what is in the cache; the server may be away. */
  async load(): Promise<void> {
    await Promise.all([this.chats.load(), this.status.load()]);
    this.people.remember((await this.cache.fact<Contact[]>('roster')) ?? []);
    if (this.client.state.is === 'online' && !this.begun) await this.online(false);
  }

  close(): void {
    for (const end of this.ends) end();
  }

  kindOf = (chat: string): Chat['kind'] => this.chats.peek(chat)?.kind ?? (this.rooms.has(chat) ? 'room' : 'chat');

  private async online(resumed: boolean): Promise<void> {
    if (resumed) {
      this.people.resumed();
      this.outbox.flush();
      return;
    }
    this.begun = true;
    this.outbox.begin();
    this.current.set(false);
    await this.people.begin().catch(() => {});
    await this.status.announce();
    void this.cache.putFact('roster', this.people.remembered());
    // What was sent before the loss and did arrive is known now; the rest goes out.
    await this.history.catchUp().catch(() => {});
    this.current.set(true);
    this.outbox.flush();
    await this.rooms.begin();
    this.services.set(await findServices(this.client).catch(() => this.services()));
    await this.readElsewhere().catch(() => {});
    await this.fetchBlocked().catch(() => {});
  }

  private stanza(stanza: Element): void {
    if (stanza.name === 'presence') {
      if (!this.rooms.take(stanza)) this.people.take(stanza);
    } else if (stanza.name === 'message' && !this.history.archive.catch(stanza)) this.message(stanza);
  }

  private message(stanza: Element): void {
    const from = stanza.attribute('from') ?? this.client.bare;
    const event = stanza.child('event', ns.PUBSUB_EVENT);
    if (event) return this.event(bareOf(from), event);
    const copy = stanza.child('sent', ns.CARBONS) ?? stanza.child('received', ns.CARBONS);
    // XEP-0280 §11: copies come from one's own account and from nobody else.
    if (copy && from !== this.client.bare) return;
    const inner = copy?.child('forwarded', ns.FORWARD)?.child('message', ns.CLIENT) ?? stanza;
    const happening = readMessage(inner, { own: this.client.bare, at: stampOf(inner) ?? Date.now(), nick: this.rooms.nickIn });
    if (happening) this.happened(happening, inner, copy !== undefined);
  }

  private happened(happening: Happening, stanza: Element, copied: boolean): void {
    switch (happening.is) {
      case 'typing':
        return this.typing(happening.chat, happening.from, happening.typing);
      case 'subject':
        return this.rooms.subject(happening.chat, happening.text);
      case 'invitation':
        if (!this.rooms.has(happening.room)) this.invitations.set([...this.invitations().filter(one => one.room !== happening.room), happening].slice(-INVITATIONS_MAX));
        return;
      case 'edit':
        this.typing(happening.chat, happening.from, false);
        break;
      case 'message':
        this.typing(happening.message.chat, happening.message.from, false);
        void this.history.arrived(happening.message.archive, stanza.attribute('type') === 'groupchat' ? happening.message.chat : undefined);
        if (!happening.message.mine && !copied) this.received(happening.message, stanza);
        break;
      default:
    }
    void this.cache.take([happening], true);
  }

  /** Tells the sender that it came (XEP-0184), once, from the device to which it was sent. */
  private received(message: Message, stanza: Element): void {
    const id = stanza.attribute('id');
    if (id && stanza.child('request', ns.RECEIPTS) && this.people.contact(message.chat)?.sees) this.outbox.note(message.chat, element('received', ns.RECEIPTS, { id }));
  }

  private event(from: string, event: Element): void {
    const items = event.child('items');
    const node = items?.attribute('node');
    for (const item of items?.childrenOf('item') ?? []) {
      if (node === ns.ACTIVITY) this.people.activity(from, item.child('activity', ns.ACTIVITY));
      if (from !== this.client.bare) continue;
      if (node === ns.BOOKMARKS) this.bookmarked(item);
      if (node === ns.DISPLAYED) void this.displayed(item);
    }
    if (from !== this.client.bare) return;
    for (const gone of items?.childrenOf('retract') ?? []) if (node === ns.BOOKMARKS) this.rooms.unmarked(gone.attribute('id') ?? '');
  }

  /** Another of our devices joined a room, or left one: so do we. */
  private bookmarked(item: Element): void {
    this.rooms.bookmark(item);
    const mark = this.rooms.bookmarks.get(item.attribute('id') ?? '');
    if (mark?.autojoin && !this.rooms.has(mark.jid)) this.rooms.join(mark.jid, mark.nick, mark.password);
  }

  private async readElsewhere(): Promise<void> {
    for (const item of await itemsOf(this.client, undefined, ns.DISPLAYED)) await this.displayed(item);
  }

  private async displayed(item: Element): Promise<void> {
    const id = item.child('displayed', ns.DISPLAYED)?.child('stanza-id', ns.STANZA_IDS)?.attribute('id');
    if (id) await this.chats.readElsewhere(item.attribute('id') ?? '', id);
  }

  private cached(change: Change): void {
    const kind = this.kindOf(change.chat);
    this.chats.take(change, kind, this.looking(change.chat));
    for (const timeline of this.timelines) timeline.take(change);
    const chat = this.chats.peek(change.chat);
    const news = change.fresh.findLast(one => !one.mine && one.at > (chat?.readUpTo ?? 0));
    if (chat && news && this.current()) this.notable({ chat, message: news });
  }

  private async joined(room: string): Promise<void> {
    this.chats.open(room, 'room', { nick: this.rooms.nickIn(room), ...(this.chats.peek(room) ? {} : { at: Date.now() }) });
    await this.history.catchUp(room).catch(() => {});
    this.outbox.flush();
  }

  private marked(mark: Bookmark, gone: boolean): void {
    if (gone) this.rooms.leave(mark.jid);
    else this.chats.open(mark.jid, 'room', { name: mark.name });
  }

  /** Joins a room and remembers it. */
  async join(jid: string, options: { name?: string; password?: string | undefined } = {}): Promise<void> {
    this.invitations.set(this.invitations().filter(one => one.room !== jid));
    const nick = localOf(this.client.bare);
    this.chats.open(jid, 'room', { name: options.name ?? localOf(jid) });
    this.rooms.join(jid, nick, options.password);
    await this.rooms.mark({ jid, name: options.name ?? localOf(jid), nick, password: options.password, autojoin: true });
  }

  async leave(jid: string): Promise<void> {
    this.rooms.leave(jid);
    await this.rooms.unmark(jid).catch(() => {});
    await this.chats.remove(jid);
  }

  /** A window into a conversation, until it is closed. */
  timeline(chat: string): { timeline: Timeline; close: () => void } {
    const timeline = new Timeline(chat, this.kindOf(chat) === 'room', this.cache, this.history);
    this.timelines.add(timeline);
    void timeline.open();
    return { timeline, close: () => void this.timelines.delete(timeline) };
  }

  /** Everything up to this message was seen by a person. */
  async read(chat: string, last: Message): Promise<void> {
    const wanted = last.markable && !last.mine && this.chats.peek(chat)?.kind === 'chat' && this.status.privacy().receipts && (this.chats.peek(chat)?.unread ?? 0) > 0;
    if (wanted) this.outbox.note(chat, element('displayed', ns.MARKERS, { id: last.key.slice(last.key.indexOf('\n') + 1) }));
    await this.chats.read(chat, last);
  }

  /** Who is typing. */
  typingIn(chat: string): string[] {
    this.changes.watch(`typing:${chat}`);
    return [...(this.typists.get(chat)?.names ?? [])];
  }

  private typing(chat: string, from: string, typing: boolean): void {
    const known = this.typists.get(chat) ?? { names: new Set<string>(), timer: undefined };
    if (typing) known.names.add(from);
    else if (!known.names.delete(from)) return;
    clearTimeout(known.timer);
    known.timer = setTimeout(() => {
      known.names.clear();
      this.changes.touch(`typing:${chat}`);
    }, TYPING_MILLISECONDS);
    this.typists.set(chat, known);
    this.changes.touch(`typing:${chat}`);
  }

  /** Says that we type, or stopped. */
  sayTyping(chat: string, typing: boolean): void {
    if (this.status.privacy().typing) this.outbox.note(chat, element(typing ? 'composing' : 'paused', ns.CHAT_STATES));
  }

  private answer(iq: Element, payload: Element): Element | true | undefined {
    if (iq.attribute('type') === 'get') return answerAbout(payload);
    const own = [undefined, this.client.bare, this.client.domain].includes(iq.attribute('from'));
    if (payload.is('query', ns.ROSTER)) return this.people.push(iq) ? true : undefined;
    if (own && payload.namespace === ns.BLOCKING) {
      const jids = payload.childrenOf('item').map(item => item.attribute('jid') ?? '');
      if (payload.name === 'block') this.blocked.set([...new Set([...this.blocked(), ...jids])]);
      else this.blocked.set(jids.length === 0 ? [] : this.blocked().filter(jid => !jids.includes(jid)));
      return true;
    }
    return undefined;
  }

  private async fetchBlocked(): Promise<void> {
    const answer = await this.client.iq('get', undefined, element('blocklist', ns.BLOCKING));
    this.blocked.set(answer.child('blocklist', ns.BLOCKING)?.childrenOf('item').map(item => item.attribute('jid') ?? '') ?? []);
  }

  /** Nothing comes from them and nothing goes to them any more (XEP-0191). */
  async block(jid: string, blocked: boolean): Promise<void> {
    await this.client.iq('set', undefined, element(blocked ? 'block' : 'unblock', ns.BLOCKING, {}, element('item', ns.BLOCKING, { jid })));
  }

  /** The name of who sent a message. */
  senderOf(message: Message): string {
    return this.kindOf(message.chat) === 'room' ? message.from : message.mine ? this.people.nameOf(this.client.bare) : this.people.nameOf(message.from);
  }

  /** The title of a conversation. */
  titleOf(jid: string): string {
    const chat = this.chats.get(jid);
    return chat?.kind === 'room' ? (chat.name ?? localOf(jid)) : this.people.nameOf(jid);
  }
}

function stampOf(stanza: Element): number | undefined {
  const at = Date.parse(stanza.child('delay', ns.DELAY)?.attribute('stamp') ?? '');
  return Number.isNaN(at) ? undefined : at;
}

