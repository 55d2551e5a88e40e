// Call control against what a server really said (recorded/transfer.jsonl: a run with three phones).

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ControlClient, type CallEvent, type SignIn, type Socket, type SocketListener } from './client.ts';
import { shown } from './shown.ts';
import { Refused } from './words.ts';

type Said = { C?: Record<string, unknown>; S?: Record<string, unknown> };
const RECORDED: Said[] = readFileSync(new URL('recorded/transfer.jsonl', import.meta.url), 'utf8').trim().split('\n').map(line => JSON.parse(line) as Said);

/** A socket whose other end is the test. */
class FakeSocket implements Socket {
  sent: Record<string, unknown>[] = [];
  closed = false;
  constructor(readonly on: SocketListener) {}
  send(text: string) {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close() {
    this.closed = true;
  }
  say(message: unknown) {
    this.on.heard(JSON.stringify(message));
  }
}

const settled = () => new Promise<void>(resolve => setTimeout(resolve, 0));

function stage(signIn: SignIn = { user: 'ann', password: 'pw-ann' }) {
  const sockets: FakeSocket[] = [];
  const timers: { at: number; act: () => void; off: boolean }[] = [];
  const seen = { states: [] as string[], events: [] as CallEvent[] };
  const client = new ControlClient(
    {
      open: (_subprotocol, listener) => {
        const socket = new FakeSocket(listener);
        sockets.push(socket);
        return socket;
      },
      signIn: () => Promise.resolve(signIn),
      after: (milliseconds, act) => {
        const timer = { at: milliseconds, act, off: false };
        timers.push(timer);
        return () => void (timer.off = true);
      },
      random: () => 1,
    },
    { state: state => seen.states.push(state), event: event => seen.events.push(event) },
  );
  const fire = (milliseconds: number) => timers.filter(timer => timer.at === milliseconds && !timer.off).forEach(timer => {
    timer.off = true;
    timer.act();
  });
  return { client, sockets, seen, settled, fire, last: () => sockets.at(-1) as FakeSocket };
}

async function ready(on: ReturnType<typeof stage>) {
  on.client.start();
  on.last().on.opened();
  await on.settled();
  on.last().say(RECORDED[1]?.S);
  await on.settled();
  on.last().say({ ...RECORDED[3]?.S, id: on.last().sent.at(-1)?.['id'] });
  await on.settled();
}

test('a recorded conversation leads from sign-in to a transfer, and each call is what its last event said', async () => {
  const on = stage();
  await ready(on);
  expect(on.last().sent.slice(0, 2)).toEqual([RECORDED[0]?.C, RECORDED[2]?.C]);
  expect(on.client.state).toBe('ready');
  const states: string[] = [];
  const asked: Promise<unknown>[] = [];
  for (const { C, S } of RECORDED.slice(4)) {
    if (C) {
      const { op, id, ...more } = C;
      asked.push(on.client.ask(op as string, more).catch((error: unknown) => error));
      await on.settled();
      expect(on.last().sent.at(-1)).toEqual({ op, id, ...more });
    }
    if (S) on.last().say(S);
    const first = on.client.calls.map(call => shown(call, line => on.client.isOurs(line))?.state).join('+');
    if (states.at(-1) !== first) states.push(first);
  }
  expect(states).toEqual(['', 'calling', 'ringing', 'talking', 'held', 'talking', 'talking+calling', 'held+calling', 'held+ringing', 'held+talking', 'talking', '']);
  const answers = await Promise.all(asked);
  expect(answers[0]).toEqual({ call: RECORDED[5]?.S && (RECORDED[5].S['result'] as { call: string }).call });
  expect(answers.at(-1)).toBeInstanceOf(Refused);
  expect((answers.at(-1) as Refused).code).toBe('noSuchCall');
  expect(on.seen.events.map(event => event.event).filter(event => event === 'transferred')).toHaveLength(4);
});

test('a request for which something else is under way is asked again', async () => {
  const on = stage();
  await ready(on);
  const asked = on.client.ask('holdCall', { call: '1' });
  on.last().say({ type: 'answer', id: 2, error: { code: 'busy', text: 'something else is under way' } });
  await on.settled();
  on.fire(150);
  await on.settled();
  expect(on.last().sent.map(message => message['op'])).toEqual(['signIn', 'monitorStart', 'holdCall', 'holdCall']);
  on.last().say({ type: 'answer', id: 3, result: {} });
  expect(await asked).toEqual({});
});

test('after a break it signs in again, and what was asked meanwhile is refused', async () => {
  const on = stage({ token: 'secret' });
  await ready(on);
  const asked = on.client.ask('holdCall', { call: '1' });
  on.last().on.closed('');
  await expect(asked).rejects.toThrow('the connection broke');
  await expect(on.client.ask('holdCall')).rejects.toMatchObject({ code: 'away' });
  on.fire(1000);
  expect(on.sockets).toHaveLength(2);
  on.last().on.opened();
  await on.settled();
  expect(on.last().sent).toEqual([{ op: 'signIn', token: 'secret' }]);
  expect(on.seen.states).toEqual(['connecting', 'ready', 'away', 'connecting']);
});

test('nonsense from the server changes nothing', async () => {
  const on = stage();
  await ready(on);
  for (const data of ['', '{', '[]', 'null', '{"type":"event","call":7}', '{"type":"event","call":{"id":"1","connections":"x"}}', '{"type":"answer","id":99}']) {
    on.last().on.heard(data);
  }
  expect(on.client.calls).toEqual([]);
  expect(on.client.state).toBe('ready');
});

test('who may not control calls is not asked to hurry', async () => {
  const on = stage();
  on.client.start();
  on.last().on.closed('notAllowed');
  expect(on.client.state).toBe('refused');
});
