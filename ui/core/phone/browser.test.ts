// The phone of a page against a stack that the test plays.

import { EventEmitter } from 'node:events';
import { afterEach, expect, test, vi } from 'vitest';
import { BrowserPhone } from './browser.ts';
import type { Call } from './call.ts';

class Track extends EventTarget {
  stopped = false;
  enabled = true;
  readonly kind = 'audio';
  stop() {
    this.stopped = true;
  }
}

class Stream {
  readonly tracks = [new Track()];
  getTracks() {
    return this.tracks;
  }
}

class Connection extends EventTarget {
  iceConnectionState = 'new';
  senders: { track: Track | null }[] = [];
  getSenders() {
    return this.senders;
  }
  become(state: string) {
    this.iceConnectionState = state;
    this.dispatchEvent(new Event('iceconnectionstatechange'));
  }
}

/** A session that notes what is asked of it. */
class Session extends EventEmitter {
  readonly asked: [string, unknown?][] = [];
  readonly connection = new Connection();
  ended = false;
  onHold = false;
  ready = true;
  remote_identity: { uri: string; toString: () => string };
  constructor(
    readonly direction: string,
    who = '"Bob" <sip:1002@localhost>',
  ) {
    super();
    this.remote_identity = { uri: 'sip:1002@localhost', toString: () => who };
  }
  isEnded = () => this.ended;
  isEstablished = () => !this.ended;
  isOnHold = () => ({ local: this.onHold, remote: false });
  answer = (options: unknown) => void this.asked.push(['answer', options]);
  terminate = (options: unknown) => void this.asked.push(['terminate', options]);
  refer = (target: unknown, options: unknown) => void this.asked.push([`refer ${String(target)}`, options]);
  sendDTMF = (tones: unknown, options: unknown) => void this.asked.push([`digits ${String(tones)}`, options]);
  hold = () => {
    this.asked.push(['hold']);
    return this.ready;
  };
  unhold = () => this.ready;
  renegotiate = (options: unknown) => {
    this.asked.push(['renegotiate', options]);
    return this.ready;
  };
  mute = () => this.emit('muted', { audio: true });
  unmute = () => this.emit('unmuted', { audio: true });
}

class Stack extends EventEmitter {
  session = new Session('outgoing');
  dialled: string[] = [];
  start = () => undefined;
  stopped = 0;
  left = 0;
  stop = () => void (this.stopped += 1);
  unregister = () => void (this.left += 1);
  call = (target: string) => {
    this.dialled.push(target);
    return this.session;
  };
}

vi.stubGlobal('MediaStream', Stream);
afterEach(() => vi.useRealTimers());

const ACCOUNT = { uri: 'sip:x@localhost', user: 'x', password: 'y', socket: 'wss://localhost/sip', name: 'Ann', iceServers: [], until: null };

async function phoneWith(capture: () => Promise<unknown> = () => Promise.resolve(new Stream())) {
  const stack = new Stack();
  const seen: Call[] = [];
  const registrations: string[] = [];
  let refused = 0;
  const phone = new BrowserPhone(
    { changed: call => seen.push(call), registration: state => registrations.push(state), refused: () => void (refused += 1), stream: () => undefined },
    capture as never,
    () => Promise.resolve(stack as never),
  );
  await phone.start(ACCOUNT);
  return { phone, stack, seen, registrations, refused: () => refused, last: () => seen.at(-1) };
}

test('a call goes out, rings, is answered, held and ended, and its microphone is let go', async () => {
  const { phone, stack, seen, last } = await phoneWith();
  const id = await phone.dial('*72 100#');
  expect(stack.dialled).toEqual(['*72%20100%23']);
  stack.session.emit('progress', { response: { body: '' } });
  stack.session.emit('progress', { response: { body: 'v=0' } });
  stack.session.emit('accepted', { response: { getHeader: (name: string) => (name === 'p-asserted-identity' ? '"Bob Brown" <sip:1002@localhost>' : undefined) } });
  stack.session.emit('hold', { originator: 'local' });
  stack.session.emit('unhold', { originator: 'local' });
  stack.session.emit('hold', { originator: 'remote' });
  phone.mute(id, true);
  expect(last()).toMatchObject({ peer: { name: 'Bob Brown', number: '1002' }, waiting: true, muted: true });
  const track = new Track();
  stack.session.connection.senders.push({ track });
  stack.session.emit('ended', { originator: 'remote', message: { getHeader: () => undefined }, cause: 'Terminated' });
  const states = seen.map(call => call.state);
  expect(states.filter((state, index) => state !== states[index - 1])).toEqual(['calling', 'ringing', 'early', 'talking', 'held', 'talking', 'ended']);
  expect(last()).toMatchObject({ ending: 'hung-up-there' });
  expect(track.stopped).toBe(true);
  expect(phone.calls).toEqual([]);
});

test('a call comes in with the name of the caller and of whom it was for, and is answered or declined', async () => {
  const { phone, stack, last } = await phoneWith();
  const session = new Session('incoming');
  const request = { getHeader: (name: string) => (name === 'diversion' ? '"Carol" <sip:1003@localhost>;reason=no-answer' : undefined) };
  stack.emit('newRTCSession', { originator: 'remote', session, request });
  const call = last();
  expect(call).toMatchObject({ state: 'ringing', direction: 'in', peer: { name: 'Bob', number: '1002' }, diverted: { name: 'Carol', number: '1003' } });
  if (!call) return;
  await Promise.all([phone.answer(call.id), phone.answer(call.id)]);
  expect(session.asked.filter(([what]) => what === 'answer')).toHaveLength(1);
  const other = new Session('incoming');
  stack.emit('newRTCSession', { originator: 'remote', session: other, request: { getHeader: () => undefined } });
  phone.hangUp(last()?.id ?? '');
  expect(other.asked).toEqual([['terminate', { status_code: 603 }]]);
});

test('without a microphone a call ends at once, and says so', async () => {
  const { phone, last } = await phoneWith(() => Promise.reject(new Error('denied')));
  await phone.dial('1002');
  expect(last()).toMatchObject({ state: 'ended', ending: 'no-microphone' });
});

test('a media path that stays broken is set up anew', async () => {
  vi.useFakeTimers();
  const { phone, stack, last } = await phoneWith();
  await phone.dial('1002');
  stack.session.emit('accepted', {});
  stack.session.connection.become('disconnected');
  expect(last()?.mending).toBe(true);
  await vi.advanceTimersByTimeAsync(2_600);
  expect(stack.session.asked).toContainEqual(['renegotiate', { rtcOfferConstraints: { iceRestart: true } }]);
  stack.session.connection.become('connected');
  expect(last()?.mending).toBe(false);
});

test('an offer waits for the one before', async () => {
  vi.useFakeTimers();
  const { phone, stack } = await phoneWith();
  const id = await phone.dial('1002');
  stack.session.ready = false;
  const held = phone.hold(id);
  await vi.advanceTimersByTimeAsync(450);
  stack.session.ready = true;
  await vi.advanceTimersByTimeAsync(250);
  await held;
  expect(stack.session.asked.filter(([what]) => what === 'hold').length).toBeGreaterThan(2);
});

test('a transfer is over when the server says that it was done, and fails by its status', async () => {
  const { phone, stack } = await phoneWith();
  const id = await phone.dial('1002');
  type Handlers = { eventHandlers: Record<string, (event: unknown) => void> };
  const done = phone.transfer(id, { target: '1003' });
  const [what, options] = stack.session.asked.at(-1) ?? [];
  expect(what).toBe('refer 1003');
  (options as Handlers).eventHandlers['accepted']?.({});
  await done;
  expect(stack.session.asked.at(-1)?.[0]).toBe('terminate');
  const failing = phone.transfer(id, { target: '1999' });
  const second = stack.session.asked.at(-1)?.[1] as Handlers;
  second.eventHandlers['failed']?.({ status_line: { status_code: 404 } });
  await expect(failing).rejects.toThrow('404');
  await expect(phone.transfer('none', { target: '1' })).rejects.toThrow('no-such-call');
});

test('an account that is no longer good is told, a server that is away is not', async () => {
  const { stack, refused, registrations } = await phoneWith();
  stack.emit('registrationFailed', { response: { status_code: 503 } });
  expect(refused()).toBe(0);
  stack.emit('registrationFailed', { response: { status_code: 403 } });
  expect(refused()).toBe(1);
  stack.emit('registered', {});
  expect(registrations).toEqual(['connecting', 'failed', 'failed', 'registered']);
});

test('digits are events in the sound', async () => {
  const { phone, stack } = await phoneWith();
  const id = await phone.dial('1002');
  phone.digits(id, '42#');
  expect(stack.session.asked.at(-1)).toMatchObject(['digits 42#', { transportType: 'RFC2833' }]);
});

test('another account takes over, and calls of the one before go on until they end', async () => {
  const { phone, stack, seen } = await phoneWith();
  await phone.dial('1002');
  stack.session.emit('accepted', {});
  await phone.start({ ...ACCOUNT, user: 'z' });
  expect([stack.left, stack.stopped]).toEqual([1, 0]);
  stack.session.emit('ended', { originator: 'local', message: null, cause: 'Terminated' });
  expect(stack.stopped).toBe(1);
  expect(seen.at(-1)?.state).toBe('ended');
});
