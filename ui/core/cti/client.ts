// Call control over the WebSocket at /cti: signs in, asks, follows the calls of the user's lines, and comes back after every break.

import { type ControlledCall, type Line, type LineId, Refused, SUBPROTOCOL, each, fields, readCall, readLine, sameLine, text } from './words.ts';

/** Milliseconds before the first attempt to come back, and the most between two. */
const AGAIN_FIRST_MILLISECONDS = 1_000;
const AGAIN_MAX_MILLISECONDS = 60_000;
/** An answer that has not come by then will not come. */
const ANSWER_MILLISECONDS = 15_000;
/** A request for which something else is under way in the call is asked again so often, and so far apart. */
const BUSY_TRIES = 20;
const BUSY_MILLISECONDS = 150;

/** What is needed of a WebSocket. */
export type Socket = { send: (text: string) => void; close: (code?: number) => void };
export type SocketListener = { opened: () => void; heard: (text: string) => void; closed: (reason: string) => void };

/** Who signs in: by the token of the page's own session, or by a password. */
export type SignIn = { token: string } | { user: string; password: string };

export type Surroundings = {
  open: (subprotocol: string, listener: SocketListener) => Socket;
  signIn: () => Promise<SignIn>;
  after: (milliseconds: number, act: () => void) => () => void;
  random: () => number;
};

/** How the connection is. */
export type ControlState = 'away' | 'connecting' | 'ready' | 'refused';

/** Something that happened to a call: the call as it now is, or as it was when it left our sight. */
export type CallEvent = { event: string; cause: string; call: ControlledCall };

export type Listener = {
  state?: (state: ControlState) => void;
  lines?: (lines: readonly Line[]) => void;
  /** What is known of all calls, after a sign-in and after each event. */
  calls?: (calls: readonly ControlledCall[]) => void;
  event?: (event: CallEvent) => void;
};

type Waiting = { resolve: (result: Record<string, unknown>) => void; reject: (error: Error) => void; cancel: () => void };

/** One page's connection. */
export class ControlClient {
  readonly #around: Surroundings;
  readonly #listener: Listener;
  #socket: Socket | null = null;
  #state: ControlState = 'away';
  #count = 0;
  #tries = 0;
  #wanted = false;
  #waiting = new Map<number, Waiting>();
  #cancelAgain: (() => void) | null = null;
  #lines: Line[] = [];
  #calls = new Map<string, ControlledCall>();

  constructor(around: Surroundings, listener: Listener) {
    this.#around = around;
    this.#listener = listener;
  }

  get state(): ControlState {
    return this.#state;
  }

  get lines(): readonly Line[] {
    return this.#lines;
  }

  get calls(): readonly ControlledCall[] {
    return [...this.#calls.values()];
  }

  /** Connects, and stays connected. */
  start(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#connect();
  }

  /** Tries at once, for instance when the network is back. */
  hurry(): void {
    if (!this.#wanted || this.#socket) return;
    this.#cancelAgain?.();
    this.#tries = 0;
    this.#connect();
  }

  stop(): void {
    this.#wanted = false;
    this.#cancelAgain?.();
    this.#socket?.close(1000);
    this.#lost();
    this.#become('away');
  }

  /** Asks, and gives the result; throws [`Refused`] when it is not carried out. */
  async ask(op: string, more: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#askOnce(op, more);
      } catch (error) {
        const again = error instanceof Refused && error.code === 'busy' && attempt < BUSY_TRIES;
        if (!again) throw error;
        await new Promise<void>(resolve => this.#around.after(BUSY_MILLISECONDS, resolve));
      }
    }
  }

  #askOnce(op: string, more: Record<string, unknown>): Promise<Record<string, unknown>> {
    const socket = this.#socket;
    if (!socket || this.#state === 'away') return Promise.reject(new Refused('away', 'call control is not connected'));
    this.#count += 1;
    const id = this.#count;
    return new Promise((resolve, reject) => {
      const cancel = this.#around.after(ANSWER_MILLISECONDS, () => {
        this.#waiting.delete(id);
        reject(new Refused('away', `no answer to ${op}`));
      });
      this.#waiting.set(id, { resolve, reject, cancel });
      socket.send(JSON.stringify({ id, op, ...more }));
    });
  }

  #become(state: ControlState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#listener.state?.(state);
  }

  #connect(): void {
    const socket: Socket = this.#around.open(SUBPROTOCOL, {
      opened: () => void this.#signIn(socket),
      heard: said => this.#socket === socket && this.#heard(said),
      closed: reason => {
        if (this.#socket !== socket) return;
        this.#lost();
        this.#become(reason === 'notAllowed' || reason === 'notAuthorised' ? 'refused' : 'away');
        this.#comeAgain();
      },
    });
    this.#socket = socket;
    if (this.#state !== 'refused') this.#become('connecting');
  }

  async #signIn(socket: Socket): Promise<void> {
    try {
      const how = await this.#around.signIn();
      if (this.#socket === socket) socket.send(JSON.stringify({ op: 'signIn', ...how }));
    } catch {
      socket.close();
    }
  }

  #lost(): void {
    this.#socket = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const one of waiting) {
      one.cancel();
      one.reject(new Refused('away', 'the connection broke'));
    }
  }

  #comeAgain(): void {
    if (!this.#wanted) return;
    const wait = Math.min(AGAIN_FIRST_MILLISECONDS * 2 ** this.#tries, AGAIN_MAX_MILLISECONDS);
    this.#tries += 1;
    this.#cancelAgain = this.#around.after(wait * (0.5 + this.#around.random() / 2), () => this.#connect());
  }

  #heard(data: string): void {
    let message: Record<string, unknown> | null = null;
    try {
      message = fields(JSON.parse(data));
    } catch {
      return;
    }
    if (message?.['type'] === 'signedIn') void this.#watch();
    else if (message?.['type'] === 'answer') this.#answered(message);
    else if (message?.['type'] === 'event') this.#happened(message);
  }

  /** The calls of this very moment; events go on from there. */
  async #watch(): Promise<void> {
    try {
      const now = await this.#askOnce('monitorStart', {});
      this.#tries = 0;
      this.#lines = each(now['lines'], readLine);
      // An event may have come before the answer: what was seen last counts.
      const shown = each(now['calls'], readCall);
      const newer = [...this.#calls.values()].filter(call => shown.some(one => one.id === call.id && one.sequence < call.sequence));
      this.#calls = new Map([...shown, ...newer].map(call => [call.id, call]));
      this.#listener.lines?.(this.#lines);
      this.#listener.calls?.(this.calls);
      this.#become('ready');
    } catch {
      this.#socket?.close();
    }
  }

  #answered(message: Record<string, unknown>): void {
    const id = message['id'];
    const waiting = typeof id === 'number' ? this.#waiting.get(id) : undefined;
    if (typeof id !== 'number' || !waiting) return;
    this.#waiting.delete(id);
    waiting.cancel();
    const error = fields(message['error']);
    if (error) waiting.reject(new Refused(text(error['code']), text(error['text']), text(error['cause'])));
    else waiting.resolve(fields(message['result']) ?? {});
  }

  #happened(message: Record<string, unknown>): void {
    const call = readCall(message['call']);
    const event = text(message['event']);
    if (call) {
      if (this.takesPart(call)) this.#calls.set(call.id, call);
      else this.#calls.delete(call.id);
      this.#listener.event?.({ event, cause: text(message['cause']), call });
      this.#listener.calls?.(this.calls);
      return;
    }
    const line = readLine(message['line']);
    if (!line) return;
    this.#lines = this.#lines.map(one => (sameLine(one.line, line.line) ? line : one));
    this.#listener.lines?.(this.#lines);
  }

  /** Is a line of ours in the call? */
  takesPart(call: ControlledCall): boolean {
    return call.connections.some(one => this.isOurs(one.line) && one.state !== 'null' && one.state !== 'fail');
  }

  isOurs(line: LineId | null): boolean {
    return this.#lines.some(one => sameLine(one.line, line));
  }
}
