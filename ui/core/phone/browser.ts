// The phone in this page: SIP over WebSocket (RFC 7118) and WebRTC, by JsSIP, which is loaded when it is needed first.

import type { UA } from 'jssip';
import type { RTCSessionEvent } from 'jssip/lib/UA.js';
import type { RTCSession } from 'jssip/lib/RTCSession.js';
import { type Call, type Happening, type Peer, advance, begin, isIncoming } from './call.ts';
import type { Ending } from './ending.ts';
import { type SessionHappening, attach, identityOf } from './session.ts';

/** The account that the server made for this page. */
export type Account = { uri: string; user: string; password: string; socket: string; name: string; iceServers: readonly IceServer[]; until: number | null };
export type IceServer = { urls: string | string[]; username?: string; credential?: string };

/** How the phone stands with the server. */
export type Registration = 'off' | 'connecting' | 'registered' | 'failed';

/** What a phone tells. */
export type BrowserListener = {
  registration: (state: Registration) => void;
  /** The account is no longer good: another one is needed. */
  refused: () => void;
  changed: (call: Call) => void;
  /** Sound and picture of the other side. */
  stream: (call: string, stream: MediaStream) => void;
};

/** The microphone and the camera, as the person chose them. */
export type Capture = (kinds: { audio: boolean; video: boolean }) => Promise<MediaStream>;

const REGISTER_SECONDS = 300;
const DIGIT_MILLISECONDS = 100;
const DIGIT_GAP_MILLISECONDS = 70;
/** A media path that is broken for so long is set up anew (RFC 8445 §9). */
const MEND_AFTER_MILLISECONDS = 2_500;
/** A re-INVITE that must wait for another one is tried again so often, and so far apart. */
const OFFER_TRIES = 25;
const OFFER_WAIT_MILLISECONDS = 200;
/** A transfer of which nothing is heard by then has failed. */
const TRANSFER_MILLISECONDS = 45_000;

type Held = { call: Call; session: RTCSession; local: MediaStream | null; screen: MediaStreamTrack | null; mend: ReturnType<typeof setTimeout> | null };

/** Makes the stack; a test gives another one. */
export type MakeStack = (account: Account) => Promise<UA>;

async function jssip(account: Account): Promise<UA> {
  const { default: library } = await import('jssip');
  return new library.UA({
    sockets: [new library.WebSocketInterface(account.socket)],
    uri: account.uri,
    authorization_user: account.user,
    password: account.password,
    display_name: account.name,
    register: true,
    register_expires: REGISTER_SECONDS,
    user_agent: 'Carillon',
    session_timers: true,
    no_answer_timeout: 300,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 20,
  });
}

/** See the module. */
export class BrowserPhone {
  readonly #listener: BrowserListener;
  readonly #capture: Capture;
  readonly #make: MakeStack;
  #stack: UA | null = null;
  #account: Account | null = null;
  #calls = new Map<string, Held>();
  #count = 0;
  /** Calls whose answer waits for the microphone. */
  #answering = new Set<string>();
  /** Stacks of accounts that are no longer used, whose calls go on. */
  #leaving: UA[] = [];

  constructor(listener: BrowserListener, capture: Capture, make: MakeStack = jssip) {
    this.#listener = listener;
    this.#capture = capture;
    this.#make = make;
  }

  get calls(): readonly Call[] {
    return [...this.#calls.values()].map(held => held.call);
  }

  get isOn(): boolean {
    return this.#stack !== null;
  }

  /** Registers. Whoever comes again with another account keeps the calls that there are. */
  async start(account: Account): Promise<void> {
    this.#listener.registration('connecting');
    const stack = await this.#make(account);
    if (this.#stack && this.#calls.size === 0) this.#stack.stop();
    else if (this.#stack) {
      this.#stack.unregister();
      this.#leaving.push(this.#stack);
    }
    this.#stack = stack;
    this.#account = account;
    const current = (act: () => void) => () => this.#stack === stack && act();
    stack.on('registered', current(() => this.#listener.registration('registered')));
    stack.on('unregistered', current(() => this.#listener.registration('connecting')));
    stack.on('disconnected', current(() => this.#listener.registration('connecting')));
    stack.on('registrationFailed', ({ response }) => {
      if (this.#stack !== stack) return;
      this.#listener.registration('failed');
      const status = (response as { status_code?: number } | null)?.status_code ?? 0;
      if (status === 401 || status === 403 || status === 404 || status === 407) this.#listener.refused();
    });
    stack.on('newRTCSession', (event: RTCSessionEvent) => {
      if ((event.originator as string) === 'remote') this.#came(event.session, event.request);
    });
    stack.start();
  }

  /** Takes no further calls; those that there are end. */
  stop(): void {
    this.#stack?.stop();
    this.#stack = null;
    this.#listener.registration('off');
  }

  /** Calls. */
  async dial(target: string, options: { video?: boolean } = {}): Promise<string> {
    const stack = this.#need();
    const video = options.video ?? false;
    const id = this.#newId();
    const peer: Peer = { number: target.replace(/^sips?:/, ''), name: '' };
    const call = begin({ id, device: 'browser', direction: 'out', peer, startedAt: Date.now() });
    const stream = await this.#sound(call, video);
    if (!stream) return id;
    const session = stack.call(encodeTarget(target), { mediaStream: stream, pcConfig: this.#ice(), rtcOfferConstraints: {} });
    this.#keep({ call, session, local: stream, screen: null, mend: null });
    if (video) this.#happen(id, { kind: 'pictures', pictures: { mine: true } });
    return id;
  }

  /** Answers a call that rings. */
  async answer(id: string, options: { video?: boolean } = {}): Promise<void> {
    const held = this.#calls.get(id);
    if (!held || !isIncoming(held.call) || this.#answering.has(id)) return;
    this.#answering.add(id);
    const video = options.video ?? false;
    const stream = await this.#sound(held.call, video);
    this.#answering.delete(id);
    if (!stream || held.local || !isIncoming(held.call)) return stream?.getTracks().forEach(track => track.stop());
    held.local = stream;
    held.session.answer({ mediaStream: stream, pcConfig: this.#ice() });
    if (video) this.#happen(id, { kind: 'pictures', pictures: { mine: true } });
  }

  /** Declines, gives up or hangs up. `busy` leaves the other phones of the line ringing. */
  hangUp(id: string, how: 'decline' | 'elsewhere' = 'decline'): void {
    const held = this.#calls.get(id);
    if (!held || held.session.isEnded()) return;
    const rings = isIncoming(held.call);
    held.session.terminate(rings ? { status_code: how === 'decline' ? 603 : 480 } : {});
  }

  hold(id: string): Promise<void> {
    return this.#offer(id, session => session.isOnHold().local || session.hold());
  }

  resume(id: string): Promise<void> {
    return this.#offer(id, session => !session.isOnHold().local || session.unhold());
  }

  mute(id: string, on: boolean): void {
    const session = this.#calls.get(id)?.session;
    if (on) session?.mute({ audio: true });
    else session?.unmute({ audio: true });
  }

  /** Digits, as events in the sound (RFC 4733). */
  digits(id: string, text: string): void {
    this.#calls.get(id)?.session.sendDTMF(text, {
      transportType: 'RFC2833' as never,
      duration: DIGIT_MILLISECONDS,
      interToneGap: DIGIT_GAP_MILLISECONDS,
    });
  }

  /** Transfers at once (RFC 3515), or to whom we talk in another call of this page (RFC 5589 §7, Replaces RFC 3891). */
  transfer(id: string, to: { target: string } | { call: string }): Promise<void> {
    const held = this.#calls.get(id);
    const other = 'call' in to ? this.#calls.get(to.call) : undefined;
    if (!held || ('call' in to && !other)) return Promise.reject(new Error('no-such-call'));
    const target = 'target' in to ? encodeTarget(to.target) : other ? other.session.remote_identity.uri.toString() : '';
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no-answer')), TRANSFER_MILLISECONDS);
      const settle = (act: () => void) => () => {
        clearTimeout(timer);
        act();
      };
      held.session.once('ended', settle(resolve));
      held.session.refer(target, {
        ...(other && { replaces: other.session }),
        eventHandlers: {
          accepted: settle(() => {
            resolve();
            if (!held.session.isEnded()) held.session.terminate();
          }),
          requestFailed: (event: { response?: { status_code?: number } | null }) => settle(() => reject(new Error(String(event.response?.status_code ?? 500))))(),
          failed: (event: { status_line?: { status_code?: number } }) => settle(() => reject(new Error(String(event.status_line?.status_code ?? 500))))(),
        },
      });
    });
  }

  /** Shows the camera to the other side, or no longer. */
  async camera(id: string, on: boolean): Promise<void> {
    const held = this.#calls.get(id);
    if (!held) return;
    if (on) {
      const stream = await this.#capture({ audio: false, video: true });
      await this.#showTrack(held, stream.getVideoTracks()[0] ?? null);
    } else await this.#showTrack(held, null);
    this.#happen(id, { kind: 'pictures', pictures: { mine: on, screen: false } });
  }

  /** Shows the screen to the other side, or no longer; it also ends when the browser's own button is pressed. */
  async screen(id: string, on: boolean): Promise<void> {
    const held = this.#calls.get(id);
    if (!held) return;
    held.screen?.stop();
    held.screen = null;
    if (on) {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: true });
      const track = stream.getVideoTracks()[0] ?? null;
      held.screen = track;
      track?.addEventListener('ended', () => held.screen === track && void this.screen(id, false));
      await this.#showTrack(held, track);
    } else await this.#showTrack(held, null);
    this.#happen(id, { kind: 'pictures', pictures: { mine: false, screen: on } });
  }

  /** Another microphone or camera: in all calls, without a new offer. */
  async replace(kind: 'audio' | 'video'): Promise<void> {
    for (const held of this.#calls.values()) {
      const sender = held.session.connection?.getSenders().find(one => one.track?.kind === kind);
      if (!sender || held.call.pictures.screen) continue;
      const stream = await this.#capture({ audio: kind === 'audio', video: kind === 'video' });
      const [track] = stream.getTracks();
      if (!track) continue;
      track.enabled = kind === 'video' || !held.call.muted;
      sender.track?.stop();
      await sender.replaceTrack(track);
    }
  }

  /** What we send as a picture, for the small one of oneself. */
  picture(id: string): MediaStream | null {
    const track = this.#calls.get(id)?.session.connection?.getSenders().find(sender => sender.track?.kind === 'video')?.track;
    return track ? new MediaStream([track]) : null;
  }

  async stats(id: string): Promise<Record<string, unknown>[]> {
    const report = await this.#calls.get(id)?.session.connection?.getStats();
    return report ? [...report.values()] : [];
  }

  /** The network has changed: the paths of all calls are set up anew. */
  networkChanged(): void {
    for (const [id, held] of this.#calls) if (held.session.isEstablished()) void this.#mend(id);
  }

  #need(): UA {
    if (!this.#stack) throw new Error('server-away');
    return this.#stack;
  }

  #newId(): string {
    this.#count += 1;
    return `browser-${this.#count}`;
  }

  #ice(): RTCConfiguration {
    return { iceServers: [...(this.#account?.iceServers ?? [])], bundlePolicy: 'balanced' };
  }

  /** The microphone; without one the call ends, and says so. */
  async #sound(call: Call, video: boolean): Promise<MediaStream | null> {
    try {
      return await this.#capture({ audio: true, video });
    } catch {
      const held = this.#calls.get(call.id);
      held?.session.terminate({ status_code: 480 });
      const over = advance(call, { kind: 'ended', at: Date.now(), ending: 'no-microphone' });
      this.#calls.delete(call.id);
      this.#listener.changed(over);
      return null;
    }
  }

  #came(session: RTCSession, request: unknown): void {
    const id = this.#newId();
    const { peer, diverted } = identityOf(session, request);
    const call = begin({ id, device: 'browser', direction: 'in', peer, diverted, startedAt: Date.now() });
    this.#keep({ call, session, local: null, screen: null, mend: null });
  }

  #keep(held: Held): void {
    this.#calls.set(held.call.id, held);
    this.#listener.changed(held.call);
    const id = held.call.id;
    attach(held.session, {
      happened: what => this.#session(id, what),
      stream: stream => this.#listener.stream(id, stream),
    });
  }

  #session(id: string, what: SessionHappening): void {
    if (what.kind === 'path') this.#path(id, what.broken);
    else this.#happen(id, what);
  }

  #path(id: string, broken: boolean): void {
    const held = this.#calls.get(id);
    if (!held) return;
    if (held.mend !== null) clearTimeout(held.mend);
    held.mend = broken ? setTimeout(() => void this.#mend(id), MEND_AFTER_MILLISECONDS) : null;
    this.#happen(id, { kind: 'mending', on: broken });
  }

  async #mend(id: string): Promise<void> {
    await this.#offer(id, session => session.renegotiate({ rtcOfferConstraints: { iceRestart: true } })).catch(() => undefined);
  }

  #happen(id: string, what: Happening): void {
    const held = this.#calls.get(id);
    if (!held) return;
    const next = advance(held.call, what);
    if (next === held.call) return;
    held.call = next;
    if (next.state === 'ended') this.#over(held);
    this.#listener.changed(next);
  }

  #over(held: Held): void {
    this.#calls.delete(held.call.id);
    if (held.mend !== null) clearTimeout(held.mend);
    held.local?.getTracks().forEach(track => track.stop());
    held.session.connection?.getSenders().forEach(sender => sender.track?.stop());
    held.screen?.stop();
    if (this.#calls.size > 0) return;
    this.#leaving.forEach(stack => stack.stop());
    this.#leaving = [];
  }

  /** A new offer must wait until the one before is answered (RFC 3261 §14.1). */
  async #offer(id: string, make: (session: RTCSession) => boolean): Promise<void> {
    for (let attempt = 0; attempt < OFFER_TRIES; attempt += 1) {
      const session = this.#calls.get(id)?.session;
      if (!session?.isEstablished()) return;
      if (make(session)) return;
      await new Promise(resolve => setTimeout(resolve, OFFER_WAIT_MILLISECONDS));
    }
    throw new Error('busy' satisfies Ending);
  }

  async #showTrack(held: Held, track: MediaStreamTrack | null): Promise<void> {
    const connection = held.session.connection;
    const known = connection.getTransceivers().find(one => one.receiver.track.kind === 'video' && one.direction !== 'stopped');
    if (known) {
      known.sender.track?.stop();
      await known.sender.replaceTrack(track);
      known.direction = track ? 'sendrecv' : 'recvonly';
    } else if (track) connection.addTransceiver(track, { direction: 'sendrecv', streams: held.local ? [held.local] : [] });
    await this.#offer(held.call.id, session => session.renegotiate());
  }
}

/** A number or a name may have characters that a URI has not; JsSIP adds scheme and domain. */
function encodeTarget(target: string): string {
  if (/^sips?:/.test(target) || target.includes('@')) return target;
  return target.replace(/[^A-Za-z0-9+*\-_.!~'()&=$,]/g, character => encodeURIComponent(character));
}
