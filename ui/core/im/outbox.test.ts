import 'fake-indexeddb/auto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Element } from '../xml.ts';
import type { Client } from '../xmpp/client.ts';
import { Cache } from './cache.ts';
import { Outbox } from './outbox.ts';

const CHAT = 'bob@example.org';
let number = 0;

/** A session that may be away, and acknowledges when told. */
class Session {
  readonly bare = 'ann@example.org';
  state = { is: 'waiting' };
  sent: Element[] = [];
  acknowledge: (() => void)[] = [];
  id = () => String((number += 1));
  send(stanza: Element, acknowledged?: () => void): boolean {
    if (this.state.is !== 'online') return false;
    this.sent.push(stanza);
    if (acknowledged) this.acknowledge.push(acknowledged);
    return true;
  }
}

describe('outbox', () => {
  let cache: Cache;
  let session: Session;
  let outbox: Outbox;
  const bodies = () => session.sent.map(one => one.textOf('body'));
  beforeEach(() => {
    cache = new Cache(`outbox-${(number += 1)}`);
    session = new Session();
    outbox = new Outbox(session as unknown as Client, cache, () => 'chat', () => undefined, () => true);
  });

  it('keeps what is written while nobody is there, and sends it in order, once', async () => {
    for (const body of ['one', 'two', 'three']) await outbox.send(CHAT, { body });
    expect(session.sent).toEqual([]);
    session.state = { is: 'online' };
    for (let times = 0; times < 5; times += 1) outbox.flush();
    await vi.waitFor(() => expect(bodies()).toEqual(['one', 'two', 'three']));
    outbox.flush();
    session.acknowledge.forEach(tell => tell());
    outbox.flush();
    await vi.waitFor(async () => expect(await cache.queued()).toEqual([]));
    outbox.flush();
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(bodies()).toHaveLength(3);
  });

  it('sends again in a new session what was not acknowledged, under the same id', async () => {
    session.state = { is: 'online' };
    await outbox.send(CHAT, { body: 'one' });
    await vi.waitFor(() => expect(bodies()).toHaveLength(1));
    outbox.begin();
    outbox.flush();
    await vi.waitFor(() => expect(bodies()).toHaveLength(2));
    expect(new Set(session.sent.map(one => one.attribute('id'))).size).toBe(1);
  });

  it('quotes what is answered for clients that know no replies', async () => {
    session.state = { is: 'online' };
    await cache.take([{ is: 'message', message: { chat: CHAT, key: `${CHAT}\n7`, at: 1, from: CHAT, mine: false, body: 'Tea?\nNow?', refs: [] } }], true);
    const [asked] = await cache.before(CHAT, null, 1);
    await outbox.send(CHAT, { body: 'Yes', reply: asked });
    await vi.waitFor(() => expect(bodies()).toEqual(['> Tea?\n> Now?\nYes']));
    expect(session.sent[0]?.child('reply', 'urn:xmpp:reply:0')?.attribute('id')).toBe('7');
    expect(session.sent[0]?.child('fallback', 'urn:xmpp:fallback:0')?.child('body')?.attribute('end')).toBe('14');
  });
});
