import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, it } from 'vitest';
import { Cache, type Change } from './cache.ts';
import type { History } from './history.ts';
import { type Message, refOf } from './message.ts';
import { Timeline } from './timeline.ts';

const CHAT = 'bob@example.org';
let number = 0;

function message(key: string, at: number, change: Partial<Message> = {}): Message {
  return { chat: CHAT, key, at, from: change.mine ? 'ann@example.org' : CHAT, mine: false, body: key, refs: [refOf(CHAT, key)], ...change };
}
const said = (...messages: Message[]) => messages.map(one => ({ is: 'message', message: one }) as const);
const keys = (messages: readonly Message[]) => messages.map(one => one.key);

describe('cache', () => {
  let cache: Cache;
  let changes: Change[];
  beforeEach(() => {
    cache = new Cache(`test-${(number += 1)}`);
    changes = [];
    cache.changed = change => changes.push(change);
  });

  it('gives pages in the order of time', async () => {
    await cache.take(said(message('c', 3), message('a', 1), message('b', 2)), true);
    expect(keys(await cache.before(CHAT, null, 2))).toEqual(['b', 'c']);
    expect(keys(await cache.before(CHAT, message('b', 2), 9))).toEqual(['a']);
    expect(keys(await cache.after(CHAT, message('a', 1), 9))).toEqual(['b', 'c']);
  });

  it('takes a message that comes again as the same one', async () => {
    const queued = message('m', 5, { mine: true, delivery: 'queued', queuedAt: 5 });
    await cache.take(said(queued), true);
    expect(keys(await cache.queued())).toEqual(['m']);
    await cache.take(said(message('m', 4, { mine: true, delivery: 'sent', archive: 'z', refs: [refOf(CHAT, 'z')] })), false);
    expect(await cache.queued()).toEqual([]);
    expect(await cache.byRef(CHAT, 'z')).toMatchObject({ key: 'm', at: 4, delivery: 'sent' });
    expect(changes.flatMap(change => keys(change.fresh))).toEqual(['m']);
  });

  it('knows a message by the id of the archive when its own changed', async () => {
    await cache.take(said(message('one', 1, { archive: 'z', refs: [refOf(CHAT, 'one'), refOf(CHAT, 'z')] })), true);
    await cache.take(said(message('other', 1, { archive: 'z', refs: [refOf(CHAT, 'z')] })), false);
    expect(await cache.before(CHAT, null, 9)).toHaveLength(1);
  });

  it('lets nobody change what another said', async () => {
    await cache.take(said(message('m', 1)), true);
    await cache.take([{ is: 'edit', chat: CHAT, target: 'm', from: 'eve@example.org', body: 'no', at: 2 }], true);
    await cache.take([{ is: 'retraction', chat: CHAT, target: 'm', from: 'eve@example.org', moderated: false, at: 2 }], true);
    expect(await cache.byRef(CHAT, 'm')).toMatchObject({ body: 'm' });
    await cache.take([{ is: 'edit', chat: CHAT, target: 'm', from: CHAT, body: 'yes', at: 2 }], true);
    expect(await cache.byRef(CHAT, 'm')).toMatchObject({ body: 'yes', edited: 2 });
  });

  it('remembers what happened to a message that is not there yet', async () => {
    await cache.take([{ is: 'reactions', chat: CHAT, target: 'm', from: CHAT, emojis: ['👍'], at: 2 }], false);
    await cache.take(said(message('m', 1, { mine: true })), false);
    expect(await cache.byRef(CHAT, 'm')).toMatchObject({ reactions: { [CHAT]: ['👍'] } });
  });

  it('takes a mark of reading for all before it', async () => {
    await cache.take(said(message('a', 1, { mine: true, delivery: 'sent' }), message('b', 2, { mine: true, delivery: 'received' })), true);
    await cache.take([{ is: 'receipt', chat: CHAT, target: 'b', read: true, mine: false }], true);
    expect((await cache.before(CHAT, null, 9)).map(one => one.delivery)).toEqual(['read', 'read']);
  });

  it('forgets the history but not what waits', async () => {
    await cache.take(said(message('a', 1), message('b', 2, { mine: true, delivery: 'queued', queuedAt: 2 })), true);
    await cache.forgetMessages();
    expect(keys(await cache.before(CHAT, null, 9))).toEqual(['b']);
  });

  it('counts what is unread', async () => {
    await cache.take(said(message('a', 1), message('b', 2, { mention: true }), message('c', 3, { mine: true })), true);
    expect(await cache.unreadSince(CHAT, 1)).toEqual({ unread: 1, mentions: 1 });
  });
});

describe('timeline', () => {
  const nothing = { older: async () => false } as unknown as History;

  it('is a window that moves, and never grows beyond its measure', async () => {
    const cache = new Cache(`test-${(number += 1)}`);
    await cache.take(said(...Array.from({ length: 1000 }, (_, index) => message(`m${index}`, index))), true);
    const timeline = new Timeline(CHAT, false, cache, nothing);
    await timeline.open();
    expect(keys(timeline.messages()).at(-1)).toBe('m999');
    for (let pages = 0; pages < 10; pages += 1) await timeline.older();
    expect(timeline.messages().length).toBeLessThanOrEqual(200);
    expect(timeline.atEnd()).toBe(false);
    for (let pages = 0; pages < 30; pages += 1) await timeline.newer();
    expect(keys(timeline.messages()).at(-1)).toBe('m999');
    expect(timeline.atEnd()).toBe(true);
  });

  it('does not take an archive that is away for one that has no more', async () => {
    const cache = new Cache(`test-${(number += 1)}`);
    await cache.take(said(message('m', 1)), true);
    let away = true;
    const older = async () => {
      if (away) throw new Error('not-connected');
      return false;
    };
    const timeline = new Timeline(CHAT, false, cache, { older } as unknown as History);
    await timeline.open();
    expect(timeline.atBeginning()).toBe(false);
    away = false;
    await timeline.older();
    expect(timeline.atBeginning()).toBe(true);
  });

  it('shows what comes at the end, and not while an older part is shown', async () => {
    const cache = new Cache(`test-${(number += 1)}`);
    await cache.take(said(...Array.from({ length: 500 }, (_, index) => message(`m${index}`, index))), true);
    const timeline = new Timeline(CHAT, false, cache, nothing);
    await timeline.open();
    timeline.take({ chat: CHAT, messages: [message('new', 1000)], fresh: [] });
    expect(keys(timeline.messages()).at(-1)).toBe('new');
    await timeline.around('m10');
    timeline.take({ chat: CHAT, messages: [message('newer', 2000)], fresh: [] });
    expect(keys(timeline.messages())).not.toContain('newer');
    expect(keys(timeline.messages())).toContain('m10');
  });

  it('opens a conversation of 20,000 messages by its last page alone', async () => {
    const cache = new Cache(`test-${(number += 1)}`);
    for (let part = 0; part < 10; part += 1) await cache.take(said(...Array.from({ length: 2000 }, (_, index) => message(`m${part}-${index}`, part * 2000 + index))), true);
    const timeline = new Timeline(CHAT, false, cache, nothing);
    await timeline.open();
    expect(timeline.messages()).toHaveLength(40);
  }, 60_000);
});
