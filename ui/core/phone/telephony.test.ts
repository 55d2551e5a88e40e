// Calls of this page and of the other phones of a line, together.

import { expect, test } from 'vitest';
import type { SocketListener } from '../cti/client.ts';
import type { BrowserPhone } from './browser.ts';
import { Telephony, type Wiring } from './telephony.ts';

const LINE = { number: '1001', partition: 'internal' };
type Message = Record<string, unknown>;

const turn = () => new Promise<void>(resolve => setTimeout(resolve, 0));

function stage(more: Partial<Wiring> = {}) {
  const sent: Message[] = [];
  const later: { after: number; act: () => void }[] = [];
  let on: SocketListener | undefined;
  const telephony = new Telephony({
    account: () => Promise.reject(new Error('none')),
    calls: { history: kind => Promise.resolve({ calls: [], unseen: kind === 'missed' ? 7 : 0 }), historySeen: () => Promise.resolve() },
    control: {
      open: (_subprotocol, listener) => {
        on = listener;
        return { send: text => void sent.push(JSON.parse(text) as Message), close: () => undefined };
      },
      signIn: () => Promise.resolve({ token: 't' }),
      after: (after, act) => {
        later.push({ after, act });
        return () => undefined;
      },
      random: () => 1,
    },
    capture: () => Promise.reject(new Error('no microphone')),
    ...more,
  });
  const say = (message: Message) => on?.heard(JSON.stringify(message));
  return { telephony, sent, later, say, turn, open: () => on?.opened(), close: (why: string) => on?.closed(why) };
}

const connection = (number: string, state: string, name = '') => ({ line: { number, partition: 'internal' }, address: number, name, direction: 'recipient', state, since: '2026-01-01T00:00:00Z' });
const call = (id: string, state: string, there: string, number = '1002') => ({ id, sequence: 1, started: '2026-01-01T00:00:00Z', connections: [connection(number, there, 'Bob'), connection('1001', state)] });
const event = (kind: string, of: Message, cause = 'normalClearing') => ({ type: 'event', sequence: 1, event: kind, cause, call: of });

async function ready(on: ReturnType<typeof stage>, calls: Message[] = []) {
  on.telephony.start({ phone: false });
  on.open();
  await on.turn();
  on.say({ type: 'signedIn' });
  on.say({ type: 'answer', id: 1, result: { lines: [{ line: LINE, owner: 'ann@localhost', inService: true }], calls } });
  await on.turn();
}

test('a call that rings on the desk phone can be answered there or declined, and is shown once it ends', async () => {
  const on = stage();
  await ready(on, [call('a', 'alerting', 'connected')]);
  const [ringing] = on.telephony.calls();
  expect(ringing).toMatchObject({ device: 'desk', state: 'ringing', direction: 'in', peer: { number: '1002', name: 'Bob' }, line: '1001' });
  if (!ringing) return;
  expect(on.telephony.acts(ringing)).toEqual(['answer-there', 'decline']);
  void on.telephony.answer(ringing);
  expect(on.sent.at(-1)).toMatchObject({ op: 'answerCall', call: 'a', line: LINE });
  on.say(event('connectionCleared', call('a', 'null', 'null'), 'callCancelled'));
  expect(on.telephony.calls()).toMatchObject([{ state: 'ended', ending: 'cancelled' }]);
  on.later.filter(one => one.after === 2500).forEach(one => one.act());
  expect(on.telephony.calls()).toEqual([]);
});

test('a failure stays in sight until it is put away', async () => {
  const on = stage();
  await ready(on, [call('a', 'connected', 'alerting')]);
  on.say(event('failed', call('a', 'fail', 'fail'), 'busy'));
  const [over] = on.telephony.calls();
  expect(over).toMatchObject({ state: 'ended', ending: 'busy' });
  expect(on.later.some(one => one.after === 2500)).toBe(false);
  on.telephony.dismiss('desk-a');
  expect(on.telephony.calls()).toEqual([]);
});

test('of two calls the held one is named first, and both are joined or merged by call control', async () => {
  const on = stage();
  await ready(on, [call('a', 'hold', 'connected'), call('b', 'connected', 'connected', '1003')]);
  const [held, active] = on.telephony.calls();
  expect([held?.state, active?.state]).toEqual(['held', 'talking']);
  if (!held || !active) return;
  void on.telephony.join(active, held);
  expect(on.sent.at(-1)).toMatchObject({ op: 'transferCall', held: 'a', active: 'b', line: LINE });
  void on.telephony.merge(held, active);
  expect(on.sent.at(-1)).toMatchObject({ op: 'conferenceCall', held: 'a', active: 'b', line: LINE });
});

test('whoever takes a call back has the one that talks wait first', async () => {
  const on = stage();
  await ready(on, [call('a', 'hold', 'connected'), call('b', 'connected', 'connected', '1003')]);
  const [held] = on.telephony.calls();
  if (!held) throw new Error('no call');
  const resumed = on.telephony.resume(held);
  expect(on.sent.at(-1)).toMatchObject({ op: 'holdCall', call: 'b' });
  on.say({ type: 'answer', id: on.sent.at(-1)?.['id'], result: {} });
  await on.turn();
  expect(on.sent.at(-1)).toMatchObject({ op: 'retrieveCall', call: 'a' });
  on.say({ type: 'answer', id: on.sent.at(-1)?.['id'], result: {} });
  await resumed;
});

test('parking tells the slot', async () => {
  const on = stage();
  await ready(on, [call('a', 'connected', 'connected')]);
  const [talking] = on.telephony.calls();
  if (!talking) throw new Error('no call');
  const parked = on.telephony.park(talking);
  on.say({ type: 'answer', id: on.sent.at(-1)?.['id'], result: { slot: '701' } });
  expect(await parked).toBe('701');
});

test('a page without an account for its phone tries again later', async () => {
  const on = stage();
  void (on.telephony.turnOn() as Promise<void>);
  await on.turn();
  expect(on.telephony.registration()).toBe('failed');
  expect(on.later.map(one => one.after)).toContain(20_000);
  expect((on.telephony.phone as BrowserPhone).isOn).toBe(false);
});

/** A stack with one session that the test plays. */
function stackWith() {
  const on: Record<string, (event: unknown) => void> = {};
  const session = {
    direction: 'outgoing',
    connection: null,
    on: (event: string, listener: (event: unknown) => void) => void (on[event] = listener),
    isEnded: () => false,
    isEstablished: () => true,
    isOnHold: () => ({ local: false }),
    hold: () => true,
  };
  const stack = { on: () => undefined, start: () => undefined, stop: () => undefined, call: () => session };
  return { stack, happen: (event: string, words: unknown = {}) => on[event]?.(words) };
}

test('a call of this page is one call, also while it leaves, and is called parked when it was', async () => {
  const { stack, happen } = stackWith();
  const on = stage({ account: () => Promise.resolve({ uri: 'sip:1001@localhost', user: 'u', password: 'p', socket: 'wss://x', name: '', iceServers: [], until: null }), stack: () => Promise.resolve(stack as never), capture: () => Promise.resolve({ getTracks: () => [] } as never) });
  await ready(on);
  await on.telephony.turnOn();
  await on.telephony.dial('1002', 'browser');
  happen('accepted', {});
  const now = new Date().toISOString();
  const same = { ...call('a', 'connected', 'connected'), dialled: '1002', started: now, connections: [connection('1001', 'connected'), connection('1002', 'connected', 'Bob')] };
  on.say(event('established', same));
  expect(on.telephony.calls()).toMatchObject([{ device: 'browser', state: 'talking', peer: { name: 'Bob' }, line: '1001' }]);
  const [mine] = on.telephony.calls();
  expect(mine && on.telephony.acts(mine)).toContain('park');
  happen('ended', { originator: 'remote', cause: 'Terminated', message: null });
  expect(on.telephony.calls()).toMatchObject([{ device: 'browser', state: 'ended', peer: { name: 'Bob' } }]);
  on.say(event('diverted', { ...same, connections: [connection('1001', 'null'), connection('1002', 'connected', 'Bob')] }, 'park'));
  expect(on.telephony.calls()).toMatchObject([{ state: 'ended', ending: 'parked' }]);
});

test('whoever may not control calls reads the calls before from the interface', async () => {
  const on = stage();
  on.telephony.start({ phone: false });
  on.close('notAllowed');
  expect(on.telephony.hasHistory()).toBe(true);
  expect((await on.telephony.history('missed')).unseen).toBe(7);
});
