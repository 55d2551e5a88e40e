// The list of conversations: order, unread counts, drafts, what was read on which device (XEP-0490).

import { element } from '../xml.ts';
import type { Changes } from '../signal.ts';
import type { Client } from '../xmpp/client.ts';
import { DISPLAYED, STANZA_IDS } from '../xmpp/namespaces.ts';
import type { Cache, Change, Chat } from './cache.ts';
import type { Message } from './message.ts';
import { publish } from './pubsub.ts';

const PREVIEW_UNITS_MAX = 160;
const SAVE_MILLISECONDS = 400;
const DISPLAYED_OPTIONS = { persist_items: 'true', max_items: 'max', send_last_published_item: 'never', access_model: 'whitelist' };

export class Chats {
  private readonly chats = new Map<string, Chat>();
  private readonly unsaved = new Set<string>();
  private saving: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly client: Client,
    private readonly changes: Changes,
    private readonly cache: Cache,
  ) {}

  async load(): Promise<void> {
    for (const chat of await this.cache.chats()) this.chats.set(chat.jid, chat);
    this.changes.touch('chats');
  }

  /** Pinned ones first, then the newest. */
  list(): Chat[] {
    this.changes.watch('chats');
    return [...this.chats.values()].sort((a, b) => Number(b.pinned ?? false) - Number(a.pinned ?? false) || b.at - a.at);
  }

  get(jid: string): Chat | undefined {
    this.changes.watch(`chat:${jid}`);
    return this.chats.get(jid);
  }

  peek(jid: string): Chat | undefined {
    return this.chats.get(jid);
  }

  /** All that is unread, without what is muted. */
  unread(): number {
    this.changes.watch('chats');
    return [...this.chats.values()].reduce((sum, chat) => sum + (chat.muted ? chat.mentions : chat.unread), 0);
  }

  /** The conversation with that address, made if there is none. */
  open(jid: string, kind: Chat['kind'], change: Partial<Chat> = {}): Chat {
    const known = this.chats.get(jid);
    const chat: Chat = known ?? { jid, kind, at: Date.now(), unread: 0, mentions: 0, readUpTo: Date.now() };
    this.put({ ...chat, ...change });
    return this.chats.get(jid) ?? chat;
  }

  change(jid: string, change: Partial<Chat>): void {
    const known = this.chats.get(jid);
    if (known) this.put({ ...known, ...change });
  }

  async remove(jid: string): Promise<void> {
    this.chats.delete(jid);
    this.unsaved.delete(jid);
    this.changes.touch('chats');
    this.changes.touch(`chat:${jid}`);
    await this.cache.removeChat(jid);
  }

  private put(chat: Chat): void {
    this.chats.set(chat.jid, chat);
    this.changes.touch('chats');
    this.changes.touch(`chat:${chat.jid}`);
    this.unsaved.add(chat.jid);
    this.saving ??= setTimeout(() => void this.save(), SAVE_MILLISECONDS);
  }

  /** Writes what changed. */
  async save(): Promise<void> {
    this.saving = undefined;
    const all = [...this.unsaved];
    this.unsaved.clear();
    for (const jid of all) {
      const chat = this.chats.get(jid);
      if (chat) await this.cache.putChat(chat);
    }
  }

  /** Messages came or changed. `looking`: somebody sees the end of this conversation now. */
  take({ chat: jid, messages, fresh }: Change, kind: Chat['kind'], looking: boolean): void {
    const newest = messages.reduce<Message | null>((best, one) => (best && best.at > one.at ? best : one), null);
    if (!newest) return;
    const known = this.chats.get(jid);
    // What an older page of the history brings makes no conversation.
    const chat: Chat = known ?? { jid, kind, at: 0, unread: 0, mentions: 0, readUpTo: 0 };
    // Who wrote has read what was before.
    const mine = fresh.filter(one => one.mine).reduce((at, one) => Math.max(at, one.at), 0);
    const read = Math.max(chat.readUpTo, mine);
    const others = fresh.filter(one => !one.mine && one.at > read);
    const next: Chat = { ...chat };
    // A conversation that was just opened stands at the time of its opening until a message says better.
    if (newest.at >= chat.at || !chat.last) Object.assign(next, { at: newest.at, last: preview(newest) });
    if (looking) next.readUpTo = Math.max(next.readUpTo, next.at);
    else {
      if (mine > chat.readUpTo) Object.assign(next, { readUpTo: mine, unread: 0, mentions: 0 });
      next.unread += others.length;
      next.mentions += others.filter(one => one.mention).length;
    }
    this.put(next);
  }

  /** Everything up to a message was read here; others of our devices are told, and the sender if wanted. */
  async read(jid: string, last: Message): Promise<void> {
    const chat = this.chats.get(jid);
    if (!chat || (chat.unread === 0 && chat.readUpTo >= last.at)) return;
    this.change(jid, { unread: 0, mentions: 0, readUpTo: Math.max(chat.readUpTo, last.at) });
    if (!last.archive || this.client.state.is !== 'online') return;
    const by = chat.kind === 'room' ? jid : this.client.bare;
    const displayed = element('displayed', DISPLAYED, {}, element('stanza-id', STANZA_IDS, { by, id: last.archive }));
    await publish(this.client, DISPLAYED, jid, displayed, DISPLAYED_OPTIONS).catch(() => {});
  }

  /** Another of our devices says what was read there. */
  async readElsewhere(jid: string, archive: string): Promise<void> {
    const chat = this.chats.get(jid);
    const message = await this.cache.byRef(jid, archive);
    if (!chat || !message || message.at <= chat.readUpTo) return;
    const left = await this.cache.unreadSince(jid, message.at);
    this.change(jid, { readUpTo: message.at, ...left });
  }
}

/** A message in one line. */
export function preview(message: Message): NonNullable<Chat['last']> {
  const kind = message.retracted ? 'retracted' : message.encrypted ? 'encrypted' : message.file ? 'file' : 'text';
  const text = message.file?.name ?? message.body.slice(0, PREVIEW_UNITS_MAX).replace(/\s+/g, ' ');
  return { text, from: message.from, mine: message.mine, kind };
}
