// The cache in IndexedDB: messages, conversations, and what else must outlive the page. One per account.

import { done, openDatabase, page, result } from '../database.ts';
import { type Happening, type Message, refOf } from './message.ts';

/** A conversation as the list shows it. */
export type Chat = {
  jid: string;
  kind: 'chat' | 'room';
  name?: string | undefined;
  /** When something happened last; the order of the list. */
  at: number;
  last?: { text: string; from: string; mine: boolean; kind: 'text' | 'file' | 'encrypted' | 'retracted' } | undefined;
  unread: number;
  mentions: number;
  readUpTo: number;
  draft?: string | undefined;
  pinned?: boolean | undefined;
  muted?: boolean | undefined;
  nick?: string | undefined;
  password?: string | undefined;
};

/** What changed in a conversation. */
export type Change = { chat: string; messages: Message[]; fresh: Message[] };

const VERSION = 1;
const CHAT_END = '\uffff';

type Orphan = { ref: string; happening: Happening };

export class Cache {
  private readonly opened: Promise<IDBDatabase>;
  private readonly name: string;
  /** Called for each conversation after a change is in the cache. */
  changed: (change: Change) => void = () => {};
  private line: Promise<unknown> = Promise.resolve();

  constructor(account: string) {
    this.name = `carillon-${account}`;
    this.opened = openDatabase(this.name, VERSION, database => {
      const messages = database.createObjectStore('messages', { keyPath: ['chat', 'key'] });
      messages.createIndex('time', ['chat', 'at', 'key']);
      messages.createIndex('refs', 'refs', { multiEntry: true });
      messages.createIndex('queued', 'queuedAt');
      database.createObjectStore('orphans', { autoIncrement: true }).createIndex('ref', 'ref');
      database.createObjectStore('chats', { keyPath: 'jid' });
      database.createObjectStore('facts');
    });
  }

  private async store(name: string, mode: IDBTransactionMode = 'readonly'): Promise<IDBObjectStore> {
    return (await this.opened).transaction(name, mode).objectStore(name);
  }

  /** Work on messages happens one after the other. */
  private inLine<T>(work: () => Promise<T>): Promise<T> {
    const next = this.line.then(work, work);
    this.line = next.catch(() => {});
    return next;
  }

  /** Takes in what stanzas said; tells each conversation what changed in it. */
  take(happenings: readonly Happening[], live: boolean): Promise<void> {
    return this.inLine(async () => {
      const change = (await this.opened).transaction(['messages', 'orphans'], 'readwrite');
      const written = new Writing(change.objectStore('messages'), change.objectStore('orphans'));
      for (const happening of happenings) await written.take(happening);
      await done(change);
      for (const [chat, { messages, fresh }] of written.changes) this.changed({ chat, messages: [...messages.values()], fresh: live || fresh.length > 0 ? fresh : [] });
    });
  }

  /** Changes one message that is known by its key. */
  update(chat: string, key: string, how: (message: Message) => Message | null): Promise<Message | undefined> {
    return this.inLine(async () => {
      const store = await this.store('messages', 'readwrite');
      const known = (await result(store.get([chat, key]))) as Message | undefined;
      const next = known && how(known);
      if (!next) return known;
      await result(store.put(next));
      this.changed({ chat, messages: [next], fresh: [] });
      return next;
    });
  }

  async byRef(chat: string, id: string): Promise<Message | undefined> {
    return (await result((await this.store('messages')).index('refs').get(refOf(chat, id)))) as Message | undefined;
  }

  /** Messages of a conversation before a place, the last ones, in the order of time. */
  async before(chat: string, place: Message | null, limit: number): Promise<Message[]> {
    const upper = place ? [chat, place.at, place.key] : [chat, Infinity, CHAT_END];
    const range = IDBKeyRange.bound([chat, -Infinity, ''], upper, false, true);
    return (await page<Message>((await this.store('messages')).index('time'), range, limit, 'prev')).toReversed();
  }

  async after(chat: string, place: Message, limit: number): Promise<Message[]> {
    const range = IDBKeyRange.bound([chat, place.at, place.key], [chat, Infinity, CHAT_END], true, false);
    return page<Message>((await this.store('messages')).index('time'), range, limit);
  }

  /** How many messages of others came after a time, and in how many of them we are named. */
  async unreadSince(chat: string, at: number): Promise<{ unread: number; mentions: number }> {
    const range = IDBKeyRange.bound([chat, at, CHAT_END], [chat, Infinity, CHAT_END]);
    const found = await page<Message>((await this.store('messages')).index('time'), range, 1000);
    const others = found.filter(one => !one.mine && !one.retracted);
    return { unread: others.length, mentions: others.filter(one => one.mention).length };
  }

  /** What still waits to be sent, in order. */
  async queued(): Promise<Message[]> {
    return page<Message>((await this.store('messages')).index('queued'), null, 500);
  }

  /** Forgets the messages of a conversation, or of all, but not what waits to be sent. */
  forgetMessages(chat?: string): Promise<void> {
    return this.inLine(async () => {
      const change = (await this.opened).transaction(['messages', 'orphans'], 'readwrite');
      const messages = change.objectStore('messages');
      const range = chat === undefined ? null : IDBKeyRange.bound([chat, ''], [chat, CHAT_END]);
      const waiting = ((await result(messages.index('queued').getAll())) as Message[]).filter(one => chat === undefined || one.chat === chat);
      if (range) messages.delete(range);
      else messages.clear();
      if (!range) change.objectStore('orphans').clear();
      for (const message of waiting) messages.put(message);
      await done(change);
    });
  }

  async chats(): Promise<Chat[]> {
    return (await result((await this.store('chats')).getAll())) as Chat[];
  }

  async putChat(chat: Chat): Promise<void> {
    await result((await this.store('chats', 'readwrite')).put({ ...chat }));
  }

  async removeChat(jid: string): Promise<void> {
    await result((await this.store('chats', 'readwrite')).delete(jid));
    await this.forgetMessages(jid);
  }

  async fact<T>(name: string): Promise<T | undefined> {
    return (await result((await this.store('facts')).get(name))) as T | undefined;
  }

  async putFact(name: string, value: unknown): Promise<void> {
    await result((await this.store('facts', 'readwrite')).put(value, name));
  }

  /** Removes everything that this browser keeps of the account. */
  async destroy(): Promise<void> {
    (await this.opened).close();
    await result(indexedDB.deleteDatabase(this.name));
  }
}

/** One change of the messages, in one transaction. */
class Writing {
  readonly changes = new Map<string, { messages: Map<string, Message>; fresh: Message[] }>();

  constructor(
    private readonly messages: IDBObjectStore,
    private readonly orphans: IDBObjectStore,
  ) {}

  async take(happening: Happening): Promise<void> {
    if (happening.is === 'message') return this.message(happening.message);
    if (!('target' in happening)) return;
    const ref = refOf(happening.chat, happening.target);
    const known = (await result(this.messages.index('refs').get(ref))) as Message | undefined;
    if (!known) {
      // The message may come later, with an older page of the history.
      if (happening.is !== 'receipt' && happening.is !== 'failure') await result(this.orphans.add({ ref, happening } satisfies Orphan));
      return;
    }
    const next = changed(known, happening);
    if (next) await this.put(next);
    if (happening.is === 'receipt' && happening.read && !happening.mine) await this.readBefore(known);
  }

  private async message(message: Message): Promise<void> {
    const known = await this.find(message);
    let next = known ? merged(known, message) : message;
    if (!known) {
      for (const ref of message.refs) {
        const range = IDBKeyRange.only(ref);
        const waiting = (await result(this.orphans.index('ref').getAll(range))) as Orphan[];
        if (waiting.length === 0) continue;
        for (const key of await result(this.orphans.index('ref').getAllKeys(range))) this.orphans.delete(key);
        for (const orphan of waiting) next = changed(next, orphan.happening) ?? next;
      }
    }
    await this.put(next);
    if (!known) this.of(message.chat).fresh.push(next);
  }

  private async find(message: Message): Promise<Message | undefined> {
    const same = (await result(this.messages.get([message.chat, message.key]))) as Message | undefined;
    if (same || !message.archive) return same;
    return (await result(this.messages.index('refs').get(refOf(message.chat, message.archive)))) as Message | undefined;
  }

  /** A marker is for everything up to its message (XEP-0333 §4). */
  private async readBefore(last: Message): Promise<void> {
    const range = IDBKeyRange.bound([last.chat, -Infinity, ''], [last.chat, last.at, last.key]);
    const earlier = await page<Message>(this.messages.index('time'), range, 50, 'prev');
    for (const message of earlier) if (message.mine && (message.delivery === 'sent' || message.delivery === 'received')) await this.put({ ...message, delivery: 'read' });
  }

  private async put(message: Message): Promise<void> {
    await result(this.messages.put(message));
    this.of(message.chat).messages.set(message.key, message);
  }

  private of(chat: string): { messages: Map<string, Message>; fresh: Message[] } {
    let own = this.changes.get(chat);
    if (!own) this.changes.set(chat, (own = { messages: new Map(), fresh: [] }));
    return own;
  }
}

const ORDER = { failed: 0, queued: 1, sent: 2, received: 3, read: 4 } as const;

/** The same message once more: from the archive, or back from the room. */
export function merged(known: Message, again: Message): Message {
  const next: Message = { ...known, refs: [...new Set([...known.refs, ...again.refs])] };
  if (again.archive) next.archive = again.archive;
  if (known.mine && ORDER[again.delivery ?? 'sent'] > ORDER[known.delivery ?? 'queued']) {
    next.delivery = again.delivery ?? 'sent';
    next.at = again.at;
    delete next.queuedAt;
    delete next.problem;
  }
  return next;
}

/** A message after something happened to it; null when whoever did it may not, or nothing changes. */
export function changed(message: Message, what: Happening): Message | null {
  switch (what.is) {
    case 'reactions': {
      const { [what.from]: _, ...others } = message.reactions ?? {};
      return { ...message, reactions: what.emojis.length > 0 ? { ...others, [what.from]: what.emojis } : others };
    }
    case 'edit':
      if (what.from !== message.from || message.retracted || (message.edited ?? 0) > what.at) return null;
      return { ...message, body: what.body, edited: what.at };
    case 'retraction':
      if (what.from !== message.from && !what.moderated) return null;
      return { ...message, body: '', file: undefined, reactions: undefined, retracted: { at: what.at, by: what.moderated ? what.from : undefined, reason: what.reason } };
    case 'receipt': {
      const delivery = what.read ? 'read' : 'received';
      return message.mine && !what.mine && ORDER[delivery] > ORDER[message.delivery ?? 'sent'] ? { ...message, delivery } : null;
    }
    case 'failure': {
      const { queuedAt: _, ...rest } = message;
      return message.mine ? { ...rest, delivery: 'failed', problem: what.condition } : null;
    }
    default:
      return null;
  }
}
