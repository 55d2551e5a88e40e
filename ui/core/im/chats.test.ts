import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, it } from 'vitest';
import { Changes } from '../signal.ts';
import type { Client } from '../xmpp/client.ts';
import { Cache } from './cache.ts';
import { Chats } from './chats.ts';
import { type Message, refOf } from './message.ts';

const BOB = 'bob@example.org';
let number = 0;

function message(key: string, at: number, change: Partial<Message> = {}): Message {
  return { chat: BOB, key, at, from: BOB, mine: false, body: key, refs: [refOf(BOB, key)], archive: key, ...change };
}
const fresh = (...messages: Message[]) => ({ chat: BOB, messages, fresh: messages });

describe('chats', () => {
  let chats: Chats;
  let cache: Cache;
  beforeEach(() => {
    cache = new Cache(`chats-${(number += 1)}`);
    const client = { state: { is: 'waiting' }, bare: 'ann@example.org' } as unknown as Client;
    chats = new Chats(client, new Changes(work => work()), cache);
  });

  it('counts what others say, until one reads or writes', () => {
    chats.take(fresh(message('a', 1), message('b', 2, { mention: true })), 'chat', false);
    expect(chats.peek(BOB)).toMatchObject({ unread: 2, mentions: 1, last: { text: 'b' } });
    chats.take(fresh(message('c', 3, { mine: true })), 'chat', false);
    expect(chats.peek(BOB)).toMatchObject({ unread: 0, mentions: 0, readUpTo: 3 });
    chats.take(fresh(message('d', 4)), 'chat', true);
    expect(chats.peek(BOB)).toMatchObject({ unread: 0, readUpTo: 4 });
  });

  it('leaves off counting where another device has read', async () => {
    await cache.take([message('a', 1), message('b', 2), message('c', 3)].map(one => ({ is: 'message', message: one })), true);
    chats.take(fresh(message('a', 1), message('b', 2), message('c', 3)), 'chat', false);
    await chats.readElsewhere(BOB, 'b');
    expect(chats.peek(BOB)).toMatchObject({ unread: 1, readUpTo: 2 });
    await chats.readElsewhere(BOB, 'a');
    expect(chats.peek(BOB)).toMatchObject({ unread: 1, readUpTo: 2 });
  });

  it('shows the last message also of a conversation that was just opened', () => {
    chats.open(BOB, 'room');
    chats.take(fresh(message('a', 1)), 'room', false);
    expect(chats.peek(BOB)).toMatchObject({ at: 1, last: { text: 'a' }, unread: 0 });
  });

  it('is ordered: pinned first, then the newest', () => {
    chats.take({ chat: 'old@example.org', messages: [message('x', 1, { chat: 'old@example.org' })], fresh: [] }, 'chat', false);
    chats.take(fresh(message('a', 5)), 'chat', false);
    expect(chats.list().map(one => one.jid)).toEqual([BOB, 'old@example.org']);
    chats.change('old@example.org', { pinned: true });
    expect(chats.list().map(one => one.jid)).toEqual(['old@example.org', BOB]);
  });

  it('outlives the page', async () => {
    chats.take(fresh(message('a', 1)), 'chat', false);
    chats.change(BOB, { draft: 'half' });
    await chats.save();
    expect(await cache.chats()).toMatchObject([{ jid: BOB, draft: 'half', unread: 1 }]);
  });
});
