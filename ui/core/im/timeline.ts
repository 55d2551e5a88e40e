// The part of a conversation that is on the page: a window into the cache that moves as one scrolls, never the whole.

import { signal } from '../signal.ts';
import type { Cache, Change } from './cache.ts';
import type { History } from './history.ts';
import type { Message } from './message.ts';

const PAGE = 40;
/** No more messages than these are on the page at once. */
const WINDOW_MAX = 200;

const before = (a: Message, b: Message): number => a.at - b.at || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

export class Timeline {
  /** What is shown, in the order of time. */
  readonly messages = signal<readonly Message[]>([]);
  /** Nothing newer exists than what is shown. */
  readonly atEnd = signal(true);
  /** Nothing older exists anywhere. */
  readonly atBeginning = signal(false);
  readonly loading = signal(true);
  private busy = false;

  constructor(
    readonly chat: string,
    private readonly room: boolean,
    private readonly cache: Cache,
    private readonly history: History,
  ) {}

  /** Shows the end of the conversation. */
  async open(): Promise<void> {
    const last = await this.cache.before(this.chat, null, PAGE);
    this.show(last, true);
    this.loading.set(false);
    if (last.length < PAGE / 2) await this.older();
  }

  private show(messages: readonly Message[], atEnd: boolean): void {
    this.messages.set(messages);
    this.atEnd.set(atEnd);
  }

  /** More of what was before; from the server when the cache has no more. */
  async older(): Promise<void> {
    if (this.busy || this.atBeginning()) return;
    this.busy = true;
    try {
      const shown = this.messages();
      const first = shown[0] ?? null;
      let page = await this.cache.before(this.chat, first, PAGE);
      if (page.length < PAGE) {
        const anchor = page[0] ?? first ?? undefined;
        // An archive that does not answer may well have more.
        const more = await this.history.older(this.chat, this.room, anchor).catch(() => true);
        page = await this.cache.before(this.chat, first, PAGE);
        if (!more && page.length < PAGE) this.atBeginning.set(true);
      }
      if (page.length === 0) return;
      const all = merge(page, this.messages());
      this.show(all.slice(0, WINDOW_MAX), this.atEnd() && all.length <= WINDOW_MAX);
    } finally {
      this.busy = false;
    }
  }

  /** More of what came after, while an older part is shown. */
  async newer(): Promise<void> {
    const last = this.messages().at(-1);
    if (this.busy || this.atEnd() || !last) return;
    this.busy = true;
    try {
      const page = await this.cache.after(this.chat, last, PAGE);
      const all = merge(this.messages(), page);
      if (all.length > WINDOW_MAX) this.atBeginning.set(false);
      this.show(all.slice(-WINDOW_MAX), page.length < PAGE);
    } finally {
      this.busy = false;
    }
  }

  /** Shows the part around a message; false when the cache does not have it. */
  async around(id: string): Promise<Message | null> {
    const message = await this.find(id);
    if (!message) return null;
    const [earlier, later] = await Promise.all([this.cache.before(this.chat, message, PAGE / 2), this.cache.after(this.chat, message, PAGE)]);
    this.atBeginning.set(false);
    this.show([...earlier, message, ...later], later.length < PAGE);
    return message;
  }

  /** In the cache, or some pages before its beginning. */
  private async find(id: string): Promise<Message | undefined> {
    for (let pages = 0; pages < FIND_PAGES_MAX; pages += 1) {
      const known = await this.cache.byRef(this.chat, id);
      if (known) return known;
      const [oldest] = await this.oldest();
      if (!(await this.history.older(this.chat, this.room, oldest).catch(() => false))) return this.cache.byRef(this.chat, id);
    }
    return undefined;
  }

  private oldest(): Promise<Message[]> {
    const start = { at: -Infinity, key: '' } as Message;
    return this.cache.after(this.chat, start, 1);
  }

  /** The cache changed. */
  take(change: Change): void {
    if (change.chat !== this.chat) return;
    const shown = this.messages();
    const [first, last] = [shown[0], shown.at(-1)];
    const wanted = change.messages.filter(one => {
      if (shown.some(known => known.key === one.key)) return true;
      if (!first || !last) return true;
      return before(one, first) > 0 && (this.atEnd() || before(one, last) < 0);
    });
    if (wanted.length === 0) return;
    const all = merge(shown, wanted);
    this.show(all.length > WINDOW_MAX && this.atEnd() ? all.slice(-WINDOW_MAX) : all, this.atEnd());
  }
}

const FIND_PAGES_MAX = 40;

/** Two lists in the order of time; of the same message the second one's. */
export function merge(a: readonly Message[], b: readonly Message[]): Message[] {
  const all = new Map(a.map(one => [one.key, one]));
  for (const one of b) all.set(one.key, one);
  return [...all.values()].sort(before);
}
