// What is to be sent: it is kept first, shown at once, and goes out when there is a session; nothing is lost, nothing doubled.

import { type Element, element } from '../xml.ts';
import { localOf } from '../xmpp/address.ts';
import type { Client } from '../xmpp/client.ts';
import * as ns from '../xmpp/namespaces.ts';
import type { Cache, Chat } from './cache.ts';
import { type Message, type SharedFile, refOf } from './message.ts';

export type Draft = { body: string; reply?: Message | undefined; file?: SharedFile | undefined; mentions?: { jid: string; begin: number; end: number }[] | undefined };

const URL_DATA = 'http://jabber.org/protocol/url-data';

export class Outbox {
  /** What this session has sent. It stays in here when it is acknowledged: the cache may learn of that a little later. */
  private readonly flying = new Set<string>();
  private flushing: Promise<void> = Promise.resolve();
  private extra = new Map<string, Draft['mentions']>();

  constructor(
    private readonly client: Client,
    private readonly cache: Cache,
    private readonly kindOf: (chat: string) => Chat['kind'],
    private readonly nickIn: (room: string) => string | undefined,
    private readonly mayReachRoom: (room: string) => boolean,
  ) {}

  /** A new session: what flew may have been lost. */
  begin(): void {
    this.flying.clear();
  }

  async send(chat: string, draft: Draft): Promise<void> {
    const id = crypto.randomUUID();
    const room = this.kindOf(chat) === 'room';
    const now = Date.now();
    const message: Message = {
      chat,
      key: id,
      at: now,
      from: room ? (this.nickIn(chat) ?? localOf(this.client.bare)) : this.client.bare,
      mine: true,
      body: draft.body,
      delivery: 'queued',
      queuedAt: now,
      refs: [refOf(chat, id)],
    };
    if (draft.file) message.file = draft.file;
    if (draft.reply) message.reply = { id: replyId(draft.reply, room), to: room ? `${chat}/${draft.reply.from}` : draft.reply.from, quote: draft.reply.body.slice(0, 240) };
    if (draft.mentions?.length) this.extra.set(id, draft.mentions);
    await this.cache.take([{ is: 'message', message }], true);
    this.flush();
  }

  async retry(message: Message): Promise<void> {
    this.flying.delete(message.key);
    await this.cache.update(message.chat, message.key, known => ({ ...known, delivery: 'queued', problem: undefined, queuedAt: Date.now() }));
    this.flush();
  }

  /** Sends what waits, in order. */
  flush(): void {
    this.flushing = this.flushing.then(() => this.sendAll()).catch(() => {});
  }

  private async sendAll(): Promise<void> {
    for (const message of await this.cache.queued()) {
      if (this.client.state.is !== 'online') return;
      if (this.flying.has(message.key) || (this.kindOf(message.chat) === 'room' && !this.mayReachRoom(message.chat))) continue;
      if (this.client.send(this.stanza(message), () => this.arrived(message))) this.flying.add(message.key);
    }
  }

  /** The server has taken responsibility. In a room the message comes back and says more. */
  private arrived(message: Message): void {
    this.extra.delete(message.key);
    void this.cache.update(message.chat, message.key, known => {
      if (known.delivery !== 'queued') return null;
      const { queuedAt: _, ...rest } = known;
      return { ...rest, delivery: 'sent' };
    });
  }

  private stanza(message: Message): Element {
    const room = this.kindOf(message.chat) === 'room';
    const quote = message.reply?.quote ? `${message.reply.quote.replace(/^/gm, '> ')}\n` : '';
    const text = message.file ? message.file.url : `${quote}${message.body}`;
    return element(
      'message',
      ns.CLIENT,
      { to: message.chat, type: room ? 'groupchat' : 'chat', id: message.key },
      element('body', ns.CLIENT, {}, text),
      element('origin-id', ns.STANZA_IDS, { id: message.key }),
      element('active', ns.CHAT_STATES),
      !room && element('request', ns.RECEIPTS),
      element('markable', ns.MARKERS),
      ...(message.file ? fileParts(message.file) : []),
      ...(message.reply ? replyParts(message.reply, [...quote].length) : []),
      ...(this.extra.get(message.key) ?? []).map(({ jid, begin, end }) => element('reference', ns.REFERENCES, { type: 'mention', uri: `xmpp:${jid}`, begin: begin + [...quote].length, end: end + [...quote].length })),
    );
  }

  /** Replaces the text of a message of one's own (XEP-0308). */
  async edit(message: Message, body: string): Promise<void> {
    const id = message.key;
    this.say(message, element('body', ns.CLIENT, {}, body), element('replace', ns.CORRECTION, { id }), element('origin-id', ns.STANZA_IDS, { id: this.client.id() }));
    if (this.kindOf(message.chat) !== 'room') await this.cache.take([{ is: 'edit', chat: message.chat, target: id, from: message.from, body, at: Date.now() }], true);
  }

  /** Takes back a message of one's own (XEP-0424). */
  async retract(message: Message): Promise<void> {
    const room = this.kindOf(message.chat) === 'room';
    const id = room ? (message.archive ?? message.key) : message.key;
    const note = 'This person took a message back, but your client does not support that.';
    this.say(message, element('retract', ns.RETRACTION, { id }), element('fallback', ns.FALLBACK, { for: ns.RETRACTION }), element('body', ns.CLIENT, {}, note), element('store', ns.HINTS));
    if (!room) await this.cache.take([{ is: 'retraction', chat: message.chat, target: id, from: message.from, moderated: false, at: Date.now() }], true);
  }

  /** Says with which emojis one reacts, all of them (XEP-0444). */
  async react(message: Message, emojis: string[]): Promise<void> {
    const room = this.kindOf(message.chat) === 'room';
    const target = replyId(message, room);
    const own = room ? (this.nickIn(message.chat) ?? '') : this.client.bare;
    this.say(message, element('reactions', ns.REACTIONS, { id: target }, ...emojis.map(one => element('reaction', ns.REACTIONS, {}, one))), element('store', ns.HINTS));
    if (!room) await this.cache.take([{ is: 'reactions', chat: message.chat, target, from: own, emojis, at: Date.now() }], true);
  }

  private say(message: Message, ...parts: Element[]): void {
    const type = this.kindOf(message.chat) === 'room' ? 'groupchat' : 'chat';
    this.client.send(element('message', ns.CLIENT, { to: message.chat, type, id: this.client.id() }, ...parts));
  }

  /** Tells what the other side wants to know: received, read, typing. Kept nowhere. */
  note(chat: string, part: Element): void {
    if (this.kindOf(chat) === 'room' && part.namespace !== ns.CHAT_STATES) return;
    const type = this.kindOf(chat) === 'room' ? 'groupchat' : 'chat';
    this.client.send(element('message', ns.CLIENT, { to: chat, type, id: this.client.id() }, part, part.namespace === ns.CHAT_STATES ? element('no-store', ns.HINTS) : element('store', ns.HINTS)));
  }
}

/** By which id others speak of a message: in rooms the room's, else the sender's (XEP-0461 §3.1). */
function replyId(message: Message, room: boolean): string {
  const own = message.key.slice(message.key.indexOf('\n') + 1);
  return room ? (message.archive ?? own) : own;
}

function replyParts(reply: NonNullable<Message['reply']>, quoted: number): Element[] {
  const said = element('reply', ns.REPLY, { id: reply.id, to: reply.to });
  return quoted === 0 ? [said] : [said, element('fallback', ns.FALLBACK, { for: ns.REPLY }, element('body', ns.FALLBACK, { start: 0, end: quoted }))];
}

const about = (name: string, value: string | number | undefined) => value !== undefined && element(name, ns.FILE_METADATA, {}, String(value));

function fileParts(file: SharedFile): Element[] {
  const metadata = element('file', ns.FILE_METADATA, {}, about('media-type', file.type), about('name', file.name), about('size', file.size), about('width', file.width), about('height', file.height));
  const disposition = file.type?.startsWith('image/') ? 'inline' : 'attachment';
  return [
    element('x', ns.OUT_OF_BAND, {}, element('url', ns.OUT_OF_BAND, {}, file.url)),
    element('file-sharing', ns.FILE_SHARING, { disposition }, metadata, element('sources', ns.FILE_SHARING, {}, element('url-data', URL_DATA, { target: file.url }))),
    element('fallback', ns.FALLBACK, { for: ns.FILE_SHARING }, element('body', ns.FALLBACK)),
  ];
}
