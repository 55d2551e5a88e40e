// A session that lives: it connects, signs in, answers, asks, and comes back by itself after every loss.

import { type Element, element } from '../xml.ts';
import { bareOf, domainOf } from './address.ts';
import { Management } from './management.ts';
import { CLIENT, CLIENT_STATE, MANAGEMENT, PING, STANZA_ERRORS } from './namespaces.ts';
import { type Identity, type Refusal, SignInError, type Token, signIn } from './sign-in.ts';
import { type Socket, Stream, StreamEnd } from './stream.ts';

/** How long a connection and a sign-in may take together. */
const SIGN_IN_MILLISECONDS = 20_000;
/** A request without an answer fails after this long. */
const IQ_MILLISECONDS = 30_000;
/** After so long without a word from the server, it is asked whether it is there. */
const SILENCE_MILLISECONDS = 55_000;
/** How long it may take to answer that. */
const ANSWER_MILLISECONDS = 12_000;
const RETRY_FIRST_MILLISECONDS = 1000;
const RETRY_LAST_MILLISECONDS = 60_000;

/** Where the session stands. `waiting` tries again by itself; `refused` needs a person. */
export type ClientState =
  | { is: 'signed-out' }
  | { is: 'connecting' }
  | { is: 'online'; address: string }
  | { is: 'waiting'; retryAt: number; why: string }
  | { is: 'refused'; refusal: Refusal; why: string };

/** An answer that says no. */
export class StanzaError extends Error {
  constructor(
    readonly condition: string,
    readonly type: string,
    readonly text: string,
    readonly stanza?: Element,
  ) {
    super(text || condition);
  }

  static of(stanza: Element): StanzaError {
    const error = stanza.child('error', CLIENT);
    const condition = error?.children.find(child => child.namespace === STANZA_ERRORS && child.name !== 'text')?.name;
    return new StanzaError(condition ?? 'undefined-condition', error?.attribute('type') ?? 'cancel', error?.textOf('text', STANZA_ERRORS) ?? '', stanza);
  }
}

export type ClientOptions = {
  open: (address: string) => Socket;
  /** A new token was given, or the old one is of no use. */
  keepToken: (token: Token | undefined) => void;
  now?: () => number;
  random?: () => number;
};

export type ClientEvents = {
  state: (state: ClientState) => void;
  /** A message, a presence, or a request that nobody has answered yet. */
  stanza: (stanza: Element) => void;
  /** A session began. It was resumed, or it is a new one, and then what is lost was not delivered. */
  online: (how: { resumed: boolean; lost: Element[] }) => void;
};

type Pending = { to: string; take: (answer: Element) => void; fail: (error: Error) => void; timer: ReturnType<typeof setTimeout> };

/** Answers a request of that kind; undefined says that it is another's. */
export type Responder = (iq: Element, payload: Element) => Element | true | undefined;

export class Client {
  state: ClientState = { is: 'signed-out' };
  private identity: Identity | null = null;
  private server = '';
  private address = '';
  private stream: Stream | null = null;
  private attempt = 0;
  private failures = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private counter = 0;
  private active = true;
  private readonly management = new Management();
  private readonly pending = new Map<string, Pending>();
  private readonly listeners: { [E in keyof ClientEvents]: Set<ClientEvents[E]> } = { state: new Set(), stanza: new Set(), online: new Set() };
  private readonly responders: Responder[] = [pong];
  private readonly salt = Math.random().toString(36).slice(2, 8);

  constructor(private readonly options: ClientOptions) {}

  /** Listens; the answer ends it. */
  on<E extends keyof ClientEvents>(event: E, listener: ClientEvents[E]): () => void {
    this.listeners[event].add(listener);
    return () => void this.listeners[event].delete(listener);
  }

  respond(responder: Responder): void {
    this.responders.push(responder);
  }

  /** The bare address of who is signed in. */
  get bare(): string {
    return bareOf(this.address || this.identity?.address || '');
  }

  get full(): string {
    return this.address;
  }

  get domain(): string {
    return domainOf(this.bare);
  }

  /** An identifier that nothing else has. */
  id(): string {
    this.counter += 1;
    return `${this.salt}-${this.counter}-${crypto.randomUUID().slice(0, 8)}`;
  }

  /** Signs in for the first time: it fails at once where later losses are mended in silence. */
  async connect(server: string, identity: Identity): Promise<void> {
    this.stop();
    this.identity = { ...identity };
    this.server = server;
    this.management.begin(null);
    await this.try();
  }

  /** Begins with what is known from last time: a server that is away is waited for. */
  resumeLater(server: string, identity: Identity): void {
    this.stop();
    this.identity = { ...identity };
    this.server = server;
    this.address = identity.address;
    this.try().catch((error: unknown) => this.failed(error));
  }

  /** The password has changed, and the token has ended with the old one: signs in anew for another one; the session goes on. */
  passwordChanged(password: string): void {
    if (!this.identity) return;
    this.identity = { ...this.identity, password, token: undefined };
    this.stream?.drop('password-changed');
  }

  /** Ends the session. */
  disconnect(): void {
    this.stop();
    this.identity = null;
    this.failAll(new StreamEnd('closed'));
    this.management.begin(null);
    this.become({ is: 'signed-out' });
  }

  /** Something changed: the network is back, the lid is open. Looks at once whether all is well. */
  nudge(): void {
    if (this.state.is === 'waiting') this.again();
    else if (this.state.is === 'online') this.probe();
  }

  /** Whether a person looks at the page (XEP-0352). */
  setActive(active: boolean): void {
    if (this.active === active) return;
    this.active = active;
    if (this.state.is === 'online') this.stream?.send(element(active ? 'active' : 'inactive', CLIENT_STATE));
  }

  /** Asks, and gives the answer; throws StanzaError when it is no. */
  iq(type: 'get' | 'set', to: string | undefined, payload: Element, options: { timeout?: number } = {}): Promise<Element> {
    const id = this.id();
    return new Promise((take, fail) => {
      if (this.state.is !== 'online') {
        fail(new StreamEnd('not-connected'));
        return;
      }
      const timer = setTimeout(() => {
        this.pending.delete(id);
        fail(new StanzaError('remote-server-timeout', 'wait', ''));
      }, options.timeout ?? IQ_MILLISECONDS);
      this.pending.set(id, { to: to ?? '', take, fail, timer });
      this.send(element('iq', CLIENT, { type, to, id }, payload));
    });
  }

  /** Sends; `acknowledged` is called when the server has it. False: there is no connection, and nothing was sent. */
  send(stanza: Element, acknowledged?: () => void): boolean {
    if (this.state.is !== 'online' || !this.stream) return false;
    const ask = this.management.sent(stanza, acknowledged);
    this.stream.send(stanza);
    if (ask || acknowledged) this.stream.send(element('r', MANAGEMENT));
    return true;
  }

  private stop(): void {
    this.attempt += 1;
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    const stream = this.stream;
    this.stream = null;
    stream?.close();
  }

  private async try(): Promise<void> {
    const identity = this.identity;
    if (!identity) return;
    const attempt = ++this.attempt;
    clearTimeout(this.retry);
    this.become({ is: 'connecting' });
    const socket = this.options.open(this.server);
    const connected = new Promise<void>(resolve => (socket.onOpen = resolve));
    const stream = new Stream(socket, domainOf(identity.address));
    const late = setTimeout(() => stream.drop('connection-timeout'), SIGN_IN_MILLISECONDS);
    try {
      const features = await stream.open(connected);
      const signed = await signIn(stream, features, identity, this.management);
      if (attempt !== this.attempt) {
        stream.close();
        return;
      }
      if (signed.token) this.options.keepToken((identity.token = signed.token));
      this.begin(stream, signed.address, signed.resumed, signed.lost);
    } catch (error) {
      stream.drop('sign-in-failed');
      if (attempt !== this.attempt) return;
      if (this.tokenRefused(error, identity)) return await this.try();
      if (error instanceof SignInError && error.refusal !== 'throttled') this.become({ is: 'refused', refusal: error.refusal, why: error.message });
      else this.become({ is: 'signed-out' });
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  /** The token is of no use any more; with a password at hand it is tried instead, once. */
  private tokenRefused(error: unknown, identity: Identity): boolean {
    if (!(error instanceof SignInError) || error.refusal !== 'token' || !identity.token) return false;
    identity.token = undefined;
    this.options.keepToken(undefined);
    return identity.password !== undefined;
  }

  private begin(stream: Stream, address: string | null, resumed: boolean, lost: Element[]): void {
    this.stream = stream;
    this.failures = 0;
    if (address) this.address = address;
    if (!resumed) this.failAll(new StreamEnd('session-lost'));
    this.become({ is: 'online', address: this.address });
    stream.listen(
      received => this.received(received),
      end => this.ended(stream, end),
    );
    this.hush();
    if (!this.active) stream.send(element('inactive', CLIENT_STATE));
    for (const listener of this.listeners.online) listener({ resumed, lost });
  }

  private ended(stream: Stream, end: StreamEnd): void {
    if (stream !== this.stream) return;
    this.stream = null;
    clearTimeout(this.silence);
    this.failed(end);
  }

  /** Waits and tries again, unless a person must do something. */
  private failed(error: unknown): void {
    if (!this.identity) return;
    if (error instanceof SignInError && error.refusal !== 'throttled') {
      this.failAll(error);
      this.become({ is: 'refused', refusal: error.refusal, why: error.message });
      return;
    }
    // RFC 6120 §4.9.3.3: another session of this client took the place; two that fight would do so for ever.
    if (error instanceof StreamEnd && error.condition === 'conflict') {
      this.failAll(error);
      this.become({ is: 'refused', refusal: 'protocol', why: 'conflict' });
      return;
    }
    const random = this.options.random ?? Math.random;
    const ceiling = Math.min(RETRY_LAST_MILLISECONDS, RETRY_FIRST_MILLISECONDS * 2 ** this.failures);
    this.failures += 1;
    const wait = ceiling * (0.5 + random() / 2);
    const why = error instanceof StreamEnd ? error.condition : error instanceof Error ? error.message : String(error);
    this.become({ is: 'waiting', retryAt: (this.options.now ?? Date.now)() + wait, why });
    this.retry = setTimeout(() => this.again(), wait);
  }

  private again(): void {
    this.try().catch((error: unknown) => this.failed(error));
  }

  private received(received: Element): void {
    this.hush();
    if (received.namespace === MANAGEMENT) return this.managed(received);
    if (received.namespace !== CLIENT) return;
    this.management.received();
    if (received.name === 'iq') this.answered(received);
    else for (const listener of this.listeners.stanza) listener(received);
  }

  private managed(received: Element): void {
    if (received.name === 'r') this.stream?.send(this.management.answer());
    else if (received.name === 'a' && !this.management.settle(received.attribute('h'))) this.stream?.drop('undefined-condition');
  }

  private answered(iq: Element): void {
    const type = iq.attribute('type');
    if (type === 'get' || type === 'set') return this.asked(iq);
    const id = iq.attribute('id') ?? '';
    const pending = this.pending.get(id);
    // RFC 6120 §8.1.2.1: an answer comes from whom was asked; from oneself it may come without an address.
    const from = iq.attribute('from') ?? '';
    const own = new Set(['', this.bare, this.domain, this.address]);
    if (!pending || !(from === pending.to || (own.has(from) && own.has(pending.to)))) return;
    this.pending.delete(id);
    clearTimeout(pending.timer);
    if (type === 'result') pending.take(iq);
    else pending.fail(StanzaError.of(iq));
  }

  private asked(iq: Element): void {
    const payload = iq.children[0];
    const answer = payload && this.responders.reduce<Element | true | undefined>((found, responder) => found ?? responder(iq, payload), undefined);
    const head = { to: iq.attribute('from'), id: iq.attribute('id') };
    if (answer === undefined) {
      const error = element('error', CLIENT, { type: 'cancel' }, element('service-unavailable', STANZA_ERRORS));
      this.send(element('iq', CLIENT, { ...head, type: 'error' }, error));
    } else this.send(element('iq', CLIENT, { ...head, type: 'result' }, answer === true ? undefined : answer));
  }

  private hush(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.probe(), SILENCE_MILLISECONDS);
  }

  private probe(): void {
    const stream = this.stream;
    if (!stream) return;
    clearTimeout(this.silence);
    stream.send(element('r', MANAGEMENT));
    this.silence = setTimeout(() => stream.drop('connection-timeout'), ANSWER_MILLISECONDS);
  }

  private failAll(error: Error): void {
    for (const pending of this.pending.values()) {
      clearTimeout(pending.timer);
      pending.fail(error);
    }
    this.pending.clear();
  }

  private become(state: ClientState): void {
    this.state = state;
    for (const listener of this.listeners.state) listener(state);
  }
}

const pong: Responder = (_, payload) => (payload.is('ping', PING) ? true : undefined);
