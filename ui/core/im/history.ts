// Bringing the cache up to what the archives hold: after a sign-in, in a room that was joined, and when somebody scrolls up.

import type { Client } from '../xmpp/client.ts';
import { Archive, type Archived, type ArchivePage } from './archive.ts';
import type { Cache } from './cache.ts';
import { type Happening, type Message, readMessage } from './message.ts';

const PAGE = 100;
/** More missed messages than these pages hold are not fetched: the cache begins anew at the end. */
const PAGES_MAX = 10;
const FIRST_PAGES = 3;

export class History {
  readonly archive: Archive;

  constructor(
    private readonly client: Client,
    private readonly cache: Cache,
    private readonly nickIn: (room: string) => string | undefined,
  ) {
    this.archive = new Archive(client);
  }

  /** What a page says, as the cache takes it. */
  read(messages: readonly Archived[]): Happening[] {
    return messages
      .map(({ stanza, at, archive }) => readMessage(stanza, { own: this.client.bare, at, archive, nick: this.nickIn }))
      .filter(one => one !== null)
      .filter(one => one.is !== 'typing' && one.is !== 'invitation');
  }

  /** Fetches what happened since last time, of one's own archive or of a room's. */
  async catchUp(room?: string): Promise<void> {
    const fact = `archive:${room ?? ''}`;
    let last = await this.cache.fact<string>(fact);
    for (let pages = 0; last !== undefined && pages < PAGES_MAX; pages += 1) {
      const page: ArchivePage | null = await this.archive.page({ room, after: last, limit: PAGE }).catch((error: unknown) => gone(error));
      if (!page) break;
      await this.cache.take(this.read(page.messages), false);
      if (page.last) await this.cache.putFact(fact, (last = page.last));
      if (page.complete || page.messages.length === 0) return;
    }
    await this.begin(room, fact, last !== undefined);
  }

  /** The end of an archive, with nothing before it in the cache. */
  private async begin(room: string | undefined, fact: string, hadSome: boolean): Promise<void> {
    if (hadSome) await this.cache.forgetMessages(room);
    let before = '';
    for (let pages = 0; pages < (room ? 1 : FIRST_PAGES); pages += 1) {
      const page = await this.archive.page({ room, before, limit: PAGE });
      await this.cache.take(this.read(page.messages), false);
      if (pages === 0 && page.last) await this.cache.putFact(fact, page.last);
      if (page.complete || !page.first) return;
      before = page.first;
    }
  }

  /** A message came live: the next catching up begins after it. */
  async arrived(archive: string | undefined, room: string | undefined): Promise<void> {
    if (archive) await this.cache.putFact(`archive:${room ?? ''}`, archive);
  }

  /** An older page of one conversation into the cache; false when there is nothing older. Throws when the archive does not answer. */
  async older(chat: string, room: boolean, oldest: Message | undefined): Promise<boolean> {
    const where = room ? { room: chat } : { with: chat };
    const page = await this.archive.page({ ...where, before: oldest?.archive ?? '', limit: PAGE });
    await this.cache.take(this.read(page.messages), false);
    return !page.complete && page.messages.length > 0;
  }

  /** Messages with these words, the newest first; each with its place in the archive. */
  async search(words: string, where: { room?: string | undefined; with?: string | undefined }, before?: string): Promise<{ messages: Message[]; more?: string | undefined }> {
    const page = await this.archive.page({ ...where, words, before: before ?? '', limit: 30 });
    const found = await Promise.all(this.read(page.messages).map(one => this.found(one)));
    const messages = new Map(found.filter(one => one !== null).map(one => [one.key, one]));
    return { messages: [...messages.values()].toReversed(), more: page.complete ? undefined : page.first };
  }

  /** A hit as the message that one knows: words that came by an edit are those of the message that was edited. */
  private async found(happening: Happening): Promise<Message | null> {
    if (happening.is === 'message') return happening.message;
    if (happening.is !== 'edit') return null;
    const { chat, target, from, body, at } = happening;
    const known = await this.cache.byRef(chat, target);
    return known ?? { chat, key: target, at, from, mine: from === this.client.bare, body, edited: at, refs: [] };
  }
}

/** The archive no longer has the place after which we ask: null, and the cache begins anew. */
function gone(error: unknown): null {
  if (error instanceof Error && 'condition' in error && error.condition === 'item-not-found') return null;
  throw error;
}
