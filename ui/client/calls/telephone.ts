// The telephone of this page: made once, started with the session; what rings, what is heard, what is announced.

import { createEffect, createRoot, createSignal, on } from 'solid-js';
import { Refused } from '../../core/cti/words.ts';
import { type Call, type Device, isIncoming, isUp, nameOf } from '../../core/phone/call.ts';
import { isFailure } from '../../core/phone/ending.ts';
import { selfOf } from '../../core/phone/self.ts';
import { Telephony } from '../../core/phone/telephony.ts';
import { ApiError, api, apiToken, session } from '../../core/session.ts';
import { notify } from '../../kit/overlay.tsx';
import { go } from '../../kit/route.ts';
import { chatPath } from '../chat/path.ts';
import { im } from '../im.ts';
import { t, whoIs } from '../words-calls.ts';
import * as headset from './headset.ts';
import { nameOfKey, preferences } from './preferences.ts';
import { MELODIES, PROGRESS, loop, once, silence } from './ring.ts';

const SOON_MILLISECONDS = 10_000;
const SOON_STEP_MILLISECONDS = 100;

const page = new URL(location.href);

/** What the server does for this person. */
export const self = selfOf(api, page);

function capture(kinds: { audio: boolean; video: boolean }): Promise<MediaStream> {
  const { microphone, camera } = preferences();
  if (!navigator.mediaDevices) return Promise.reject(new Error('no-microphone'));
  return navigator.mediaDevices.getUserMedia({
    audio: kinds.audio && { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...(microphone && { deviceId: { ideal: microphone } }) },
    video: kinds.video && { width: { ideal: 1280 }, height: { ideal: 720 }, ...(camera && { deviceId: { ideal: camera } }) },
  });
}

/** All calls, and what can be done with them. */
export const telephony = new Telephony({
  account: () => self.account(),
  calls: self,
  capture,
  control: {
    open: (subprotocol, listener) => {
      const socket = new WebSocket(new URL('/cti', page.origin.replace(/^http/, 'ws')), subprotocol);
      socket.addEventListener('open', () => listener.opened());
      socket.addEventListener('message', event => typeof event.data === 'string' && listener.heard(event.data));
      socket.addEventListener('close', event => listener.closed(event.reason));
      return { send: text => socket.send(text), close: code => socket.close(code) };
    },
    signIn: async () => ({ token: await apiToken() }),
    after: (milliseconds, act) => {
      const timer = setTimeout(act, milliseconds);
      return () => clearTimeout(timer);
    },
    random: Math.random,
  },
});

const [announcement, announce] = createSignal('');
const [streams, setStreams] = createSignal<ReadonlyMap<string, MediaStream>>(new Map());
const [ticking, setTicking] = createSignal(Date.now());

/** What a screen reader says now. */
export { announcement };
/** Sound and picture of the other side of each call. */
export { streams };
/** Now, once a second. */
export { ticking as now };

/** Calls that are not over. */
export const live = () => telephony.calls().filter(call => call.state !== 'ended');
export const incoming = () => live().filter(isIncoming);

/** Can anything be called with? */
export const canCall = () => telephony.registration() === 'registered' || telephony.controlState() === 'ready';

/** The phone that calls are made with: the chosen one, or the one that there is. */
export function device(): Device {
  const wanted = preferences().device;
  if (wanted === 'desk') return 'desk';
  return telephony.registration() === 'registered' || telephony.controlState() !== 'ready' ? 'browser' : preferences().device;
}

/** Calls, and says what went wrong. */
export function dial(target: string, options: { video?: boolean; on?: Device } = {}): Promise<void> {
  return attempt(() => telephony.dial(target, options.on ?? device(), options));
}

/** Does something with calls; what goes wrong is said in words. */
export async function attempt(act: () => Promise<unknown> | void): Promise<void> {
  try {
    await act();
  } catch (error) {
    notify(reasonOf(error), 'bad');
  }
}

/** What went wrong, in words. */
export function reasonOf(error: unknown): string {
  if (error instanceof Refused) {
    const known = `refused.${error.code === 'unplaceable' && error.why ? error.why : error.code}` as Parameters<typeof t>[0];
    const words = t(known);
    return words === known ? t('refused.other', { reason: error.message }) : words;
  }
  if (error instanceof ApiError) return error.detail || error.title;
  const said = error instanceof Error ? error.message : '';
  if (/^\d{3}$/.test(said)) return t('refused.transfer', { status: said });
  if (said === 'server-away') return t('refused.away');
  if (said === 'no-answer') return t('refused.noAnswer');
  if (error instanceof DOMException && error.name === 'NotAllowedError') return t('ending.no-microphone');
  return t('refused.other', { reason: said });
}

let begun = false;
const online = () => session.state().is === 'online';

/** Begins with the session, and ends with it; once on a page. */
export function begin(): void {
  if (begun) return;
  begun = true;
  createRoot(() => {
    createEffect(on(online, is => is && telephony.start({ phone: preferences().device === 'browser' })));
    createEffect(on(session.known, known => known === 'nobody' && telephony.stop()));
    createEffect(on(() => preferences().device, wanted => {
      if (!online()) return;
      if (wanted === 'browser') void telephony.turnOn();
      else if (live().every(call => call.device === 'desk')) telephony.turnOff();
    }, { defer: true }));
    createEffect(on(() => preferences().microphone, () => void telephony.phone.replace('audio').catch(() => undefined), { defer: true }));
    createEffect(on(() => preferences().camera, () => void telephony.phone.replace('video').catch(() => undefined), { defer: true }));
    createEffect(tones);
    createEffect(on(telephony.calls, (calls, before) => tell(calls, before ?? [])));
    createEffect(lights);
  });
  telephony.onStream((call, stream) => setStreams(all => new Map(all).set(call, stream)));
  addEventListener('online', () => telephony.networkChanged());
  addEventListener('pagehide', () => telephony.stop());
  document.addEventListener('keydown', keys, { capture: true });
  setInterval(() => live().length > 0 && setTicking(Date.now()), 1000);
  void headset.listen({ hook, mute: () => muteTalking() });
}

/** What rings here, and what a caller hears. */
function tones(): void {
  const { ringTone, ringVolume, ringSpeaker, speaker, device: chosen } = preferences();
  const calls = live();
  const rings = incoming().find(call => call.device === 'browser');
  const rising = calls.find(call => call.device === 'browser' && call.direction === 'out' && call.state === 'ringing');
  if (rings && calls.some(isUp)) loop('waiting', PROGRESS.waiting, 0.2, speaker);
  else if (rings && ringTone !== 'none' && chosen === 'browser') loop(`ring-${ringTone}`, MELODIES[ringTone], ringVolume / 100, ringSpeaker);
  else if (rising) loop('ringing', PROGRESS.ringing, 0.15, speaker);
  else silence();
}

/** Says what happened, for those who do not see it; and shows an incoming call when the page is not in sight. */
function tell(calls: readonly Call[], before: readonly Call[]): void {
  setStreams(all => (all.size === 0 ? all : new Map([...all].filter(([id]) => calls.some(call => call.id === id && call.state !== 'ended')))));
  for (const call of calls) {
    const old = before.find(one => one.id === call.id);
    if (old?.state === call.state) continue;
    if (isIncoming(call)) {
      announce(t('announce.incoming', { who: whoIs(call.peer), key: preferences().keys.answer }));
      showNotification(call);
    } else if (call.state === 'ended') {
      closeNotification(call.id);
      if (call.ending === 'busy') once(PROGRESS.busy);
      else if (call.ending && isFailure(call.ending) && call.device === 'browser') once(PROGRESS.failed, 0.15);
      announce(t('announce.ended', { who: whoIs(call.peer), why: call.ending ? t(`ending.${call.ending}`) : '' }));
    } else {
      if (isUp(call)) closeNotification(call.id);
      announce(t('announce.state', { who: whoIs(call.peer), state: t(`state.${call.state}`) }));
    }
  }
}

const shown = new Map<string, Notification>();

function showNotification(call: Call): void {
  if (!preferences().notify || !('Notification' in globalThis) || Notification.permission !== 'granted') return;
  if (document.visibilityState === 'visible' && document.hasFocus()) return;
  const notification = new Notification(t('incoming.from', { who: whoIs(call.peer) }), {
    body: call.diverted ? t('incoming.diverted', { who: nameOf(call.diverted) }) : (call.line ?? ''),
    tag: call.id,
    requireInteraction: true,
  });
  notification.addEventListener('click', () => {
    globalThis.focus();
    notification.close();
  });
  shown.set(call.id, notification);
}

function closeNotification(id: string): void {
  shown.get(id)?.close();
  shown.delete(id);
}

/** The keys that are for calls, wherever the focus is. */
function keys(event: KeyboardEvent): void {
  const name = nameOfKey(event);
  const found = Object.entries(preferences().keys).find(([, key]) => key === name)?.[0];
  if (!found || !act(found)) return;
  event.preventDefault();
  event.stopPropagation();
}

function act(what: string): boolean {
  const [ringing] = incoming();
  const up = live().find(call => call.state === 'talking') ?? live().find(isUp);
  if (what === 'answer' && ringing) void attempt(() => telephony.answer(ringing));
  else if (what === 'decline' && (ringing ?? live()[0])) void attempt(() => telephony.hangUp((ringing ?? live()[0]) as Call));
  else if (what === 'mute' && up) muteTalking();
  else if (what === 'hold' && up) void attempt(() => (up.state === 'held' ? telephony.resume(up) : telephony.hold(up)));
  else return false;
  return true;
}

function muteTalking(): void {
  const up = live().find(call => call.state === 'talking' && call.device === 'browser');
  if (!up) return;
  telephony.mute(up, !up.muted);
  announce(t(up.muted ? 'announce.unmuted' : 'announce.muted'));
}

function hook(off: boolean): void {
  const [ringing] = incoming();
  const up = live().find(call => isUp(call) || call.direction === 'out');
  if (off && ringing) void attempt(() => telephony.answer(ringing));
  else if (!off && up) void attempt(() => telephony.hangUp(up));
}

function lights(): void {
  const calls = live();
  void headset.show({
    muted: calls.some(call => call.state === 'talking' && call.muted),
    offHook: calls.some(call => call.device === 'browser' && !isIncoming(call)),
    ring: incoming().length > 0,
  });
}

/** Goes to the chat with somebody. */
export function chatWith(jid: string): void {
  go(chatPath(jid));
}

/** Says something to somebody who called. */
export function sendText(jid: string, text: string): void {
  void attempt(() => im().outbox.send(jid, { body: text }));
}

/** Calls as soon as anything can be called with; a page that has just been opened needs a moment. */
export async function dialSoon(target: string, options: { video?: boolean }): Promise<void> {
  const end = Date.now() + SOON_MILLISECONDS;
  while (!canCall() && Date.now() < end) await new Promise(resolve => setTimeout(resolve, SOON_STEP_MILLISECONDS));
  await dial(target, options);
}
