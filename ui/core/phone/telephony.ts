// All calls of a person, whichever phone has them, as signals; and what can be done with each.

import { createSignal } from 'solid-js';
import { claim } from '../cti/claims.ts';
import { type CallEvent, ControlClient, type ControlState, type Surroundings } from '../cti/client.ts';
import { controlId, shown } from '../cti/shown.ts';
import { type ControlledCall, type Line, type LineId, type PastCall, Refused, each, readPastCall, text } from '../cti/words.ts';
import { type Account, BrowserPhone, type Capture, type MakeStack, type Registration } from './browser.ts';
import { type Call, type Device, inOrder, isIncoming, isUp } from './call.ts';
import { endingOfControl, isFailure } from './ending.ts';
import type { History, Self } from './self.ts';

/** What the telephony stands on. */
export type Wiring = {
  /** The calls before, where call control is not open to the person. */
  calls: Pick<Self, 'history' | 'historySeen'>;
  /** A fresh account for the phone of this page. */
  account: () => Promise<Account>;
  control: Surroundings;
  capture: Capture;
  /** For tests. */
  stack?: MakeStack;
};

/** What can be done with a call now. */
export type Act =
  | 'answer' | 'answer-there' | 'decline' | 'hang-up' | 'hold' | 'resume' | 'mute' | 'digits' | 'transfer'
  | 'consult' | 'park' | 'video' | 'screen' | 'record' | 'take-here';

/** How long a call that is over stays in sight, when there is nothing to say about it. */
const OVER_MILLISECONDS = 2_500;
/** A call of another phone that rings is shown only when it has not turned out to be this page's own. */
const SETTLE_MILLISECONDS = 900;
/** So long after two calls were brought together, one of them may end by that. */
const MERGE_MILLISECONDS = 4_000;
/** So long after a call of this page has ended, call control may still tell of it. */
const LEAVING_MILLISECONDS = 1_500;
/** Calls of a page of the history (PC-06). */
export const HISTORY_PAGE = 50;
/** A new account is asked for again after so long. */
const ACCOUNT_AGAIN_MILLISECONDS = 20_000;
const REFUSED_MILLISECONDS = 250;
/** An account that ends then is replaced; the token that it hangs on is a new one by then. */
const RENEW_BEFORE_MILLISECONDS = 50_000;
/** The code by which a phone goes on with what another one of the line holds. */
export const RESUME_CODE = '*85';

/** See the module. */
export class Telephony {
  readonly phone: BrowserPhone;
  readonly control: ControlClient;
  readonly #wiring: Wiring;
  #claims = new Map<string, string>();
  #firstSeen = new Map<string, number>();
  #over = new Map<string, Call>();
  #recording = new Set<string>();
  /** Calls of call control that this page has just left, and what they were here. */
  #leaving = new Map<string, string>();
  /** Calls that went into another one: that they end is no news. */
  #merged = new Set<string>();
  #wantsPhone = false;
  #refusals = 0;
  #cancelRenewal: (() => void) | null = null;
  #streams: ((call: string, stream: MediaStream) => void) | null = null;

  readonly calls: () => readonly Call[];
  readonly #setCalls: (calls: readonly Call[]) => void;
  readonly registration: () => Registration;
  readonly #setRegistration: (state: Registration) => void;
  readonly controlState: () => ControlState;
  readonly lines: () => readonly Line[];
  /** The line that calls are made from. */
  readonly line: () => LineId | null;
  readonly #setLine: (line: LineId | null) => void;
  /** Rises whenever the history may have changed. */
  readonly historyChanged: () => number;

  constructor(wiring: Wiring) {
    this.#wiring = wiring;
    const [calls, setCalls] = createSignal<readonly Call[]>([]);
    const [registration, setRegistration] = createSignal<Registration>('off');
    const [controlState, setControlState] = createSignal<ControlState>('away');
    const [lines, setLines] = createSignal<readonly Line[]>([]);
    const [line, setLine] = createSignal<LineId | null>(null);
    const [historyChanged, setHistoryChanged] = createSignal(0);
    [this.calls, this.registration, this.controlState, this.lines, this.historyChanged] = [calls, registration, controlState, lines, historyChanged];
    [this.#setCalls, this.#setRegistration, this.line, this.#setLine] = [setCalls, setRegistration, line, setLine];
    const told = () => void setHistoryChanged(count => count + 1);
    this.phone = new BrowserPhone(
      {
        registration: state => {
          if (state === 'registered') this.#refusals = 0;
          this.#setRegistration(state);
        },
        refused: () => {
          // A server that was started anew does not know the account any more: the first one is replaced soon.
          this.#refusals += 1;
          void this.#newAccount(Math.min(REFUSED_MILLISECONDS * 4 ** this.#refusals, ACCOUNT_AGAIN_MILLISECONDS));
        },
        changed: call => {
          if (call.state === 'ended') {
            this.#ended(call);
            told();
          }
          this.#refresh();
        },
        stream: (call, stream) => this.#streams?.(call, stream),
      },
      wiring.capture,
      wiring.stack,
    );
    this.control = new ControlClient(wiring.control, {
      state: state => {
        setControlState(state);
        if (state === 'ready' || state === 'refused') told();
      },
      lines: all => {
        setLines(all);
        this.#setLine(all.find(one => one.line.number === this.line()?.number)?.line ?? all[0]?.line ?? null);
        this.#refresh();
      },
      calls: () => this.#refresh(),
      event: event => {
        this.#controlled(event);
        if (!this.control.takesPart(event.call)) told();
      },
    });
  }

  /** Follows the line's calls; `phone`: this page is a phone too. */
  start(options: { phone: boolean }): void {
    this.control.start();
    if (options.phone) void this.turnOn();
  }

  stop(): void {
    this.turnOff();
    this.control.stop();
  }

  /** This page is a phone of the line from now on. */
  async turnOn(): Promise<void> {
    this.#wantsPhone = true;
    if (!this.phone.isOn) await this.#newAccount(0);
  }

  /** Calls do not ring here any more. */
  turnOff(): void {
    this.#wantsPhone = false;
    this.#cancelRenewal?.();
    this.phone.stop();
  }

  /** The network is back, or another one. */
  networkChanged(): void {
    this.control.hurry();
    this.phone.networkChanged();
  }

  /** Can the calls before be read? */
  hasHistory(): boolean {
    return this.controlState() === 'ready' || this.controlState() === 'refused';
  }

  /** Where the sound and the picture of calls go. */
  onStream(listener: (call: string, stream: MediaStream) => void): void {
    this.#streams = listener;
  }

  /** From which of one's lines calls are made. */
  useLine(number: string): void {
    this.#setLine(this.lines().find(one => one.line.number === number)?.line ?? this.line());
  }

  find(id: string): Call | undefined {
    return this.calls().find(call => call.id === id);
  }

  /** What can be done with a call. */
  acts(call: Call): Act[] {
    const controlled = this.controlIdOf(call) !== null;
    if (call.state === 'ended') return [];
    if (isIncoming(call)) return call.device === 'browser' ? ['answer', ...(controlled ? (['answer-there'] as const) : []), 'decline'] : ['answer-there', 'decline'];
    const both: Act[] = ['hang-up'];
    if (!isUp(call)) return call.device === 'browser' ? [...both, 'digits'] : both;
    both.push(call.state === 'held' ? 'resume' : 'hold', 'transfer', 'consult');
    if (controlled) both.push('park', 'record');
    if (call.device === 'browser') both.push('mute', 'digits', 'video', 'screen');
    else if (this.phone.isOn) both.push('take-here');
    return both;
  }

  /** Calls on the phone that is asked for. */
  async dial(target: string, device: Device, options: { video?: boolean } = {}): Promise<void> {
    await this.#holdOthers();
    if (device === 'browser') await this.phone.dial(target, options);
    else await this.#ask('makeCall', { target });
  }

  async answer(call: Call, options: { video?: boolean } = {}): Promise<void> {
    if (call.device === 'desk') return this.answerThere(call);
    await this.#holdOthers(call.id);
    return this.phone.answer(call.id, options);
  }

  /** Has a phone on the desk answer, if it can be asked to. */
  answerThere(call: Call): Promise<void> {
    return this.#onCall(call, 'answerCall');
  }

  async hangUp(call: Call): Promise<void> {
    if (call.device === 'browser') this.phone.hangUp(call.id);
    else await this.#onCall(call, 'clearConnection');
  }

  hold(call: Call): Promise<void> {
    return call.device === 'browser' ? this.phone.hold(call.id) : this.#onCall(call, 'holdCall');
  }

  async resume(call: Call): Promise<void> {
    await this.#holdOthers(call.id);
    await (call.device === 'browser' ? this.phone.resume(call.id) : this.#onCall(call, 'retrieveCall'));
  }

  mute(call: Call, on: boolean): void {
    if (call.device === 'browser') this.phone.mute(call.id, on);
  }

  /** Transfers at once. */
  transfer(call: Call, target: string): Promise<void> {
    return call.device === 'browser' ? this.phone.transfer(call.id, { target }) : this.#onCall(call, 'singleStepTransfer', { target });
  }

  /** Asks first: holds, and calls somebody else; `join` or `merge` follows. */
  async consult(call: Call, target: string): Promise<void> {
    if (call.device === 'desk') return this.#onCall(call, 'consultationCall', { target });
    if (call.state === 'talking') await this.phone.hold(call.id);
    await this.phone.dial(target);
  }

  /** Those of two calls talk to each other, we leave both. */
  async join(one: Call, other: Call): Promise<void> {
    // RFC 3891 has the dialog named from its other side: that is plain for one that we began.
    const [of, to] = other.direction === 'out' ? [one, other] : [other, one];
    if (of.device === 'browser' && to.device === 'browser' && to.direction === 'out') return this.phone.transfer(of.id, { call: to.id });
    await this.#onTwo('transferCall', one, other);
  }

  /** Those of two calls and we talk together. */
  async merge(one: Call, other: Call): Promise<void> {
    const both = [one.id, other.id];
    both.forEach(id => this.#merged.add(id));
    this.#wiring.control.after(MERGE_MILLISECONDS, () => both.forEach(id => this.#merged.delete(id)));
    await this.#onTwo('conferenceCall', one, other);
  }

  /** The one that waits is talked to, the other waits. */
  async swap(one: Call, other: Call): Promise<void> {
    const waits = one.state === 'held' ? one : other;
    await this.resume(waits);
  }

  /** Parks, and tells where. */
  async park(call: Call): Promise<string> {
    const done = await this.#ask('parkCall', { call: this.#need(call) });
    return text(done['slot']);
  }

  async record(call: Call, on: boolean): Promise<void> {
    const id = this.#need(call);
    await this.#ask('setRecording', { call: id, recording: on });
    if (on) this.#recording.add(id);
    else this.#recording.delete(id);
    this.#refresh();
  }

  /** Goes on here with what another phone of the line talks in. */
  async takeHere(call: Call): Promise<void> {
    if (call.state === 'talking') await this.#onCall(call, 'holdCall');
    await this.phone.dial(RESUME_CODE);
  }

  /** A page of the history, the latest first; `after` is the last call of the page before. */
  async history(kind?: PastCall['kind'], after?: string): Promise<History> {
    if (this.control.state === 'refused') return this.#wiring.calls.history(kind, after);
    const read = await this.control.ask('callHistory', { max: HISTORY_PAGE, ...(kind && { kind }), ...(after && { after }) });
    const unseen = typeof read['unseen'] === 'number' ? read['unseen'] : 0;
    return { calls: each(read['calls'], readPastCall), unseen };
  }

  async historySeen(): Promise<void> {
    if (this.control.state === 'refused') return this.#wiring.calls.historySeen();
    await this.control.ask('callHistorySeen');
  }

  /** Wants to be called when somebody is free. */
  async callBack(target: string): Promise<void> {
    await this.#ask('callBack', { target });
  }

  /** A call that is over goes out of sight. */
  dismiss(id: string): void {
    if (this.#over.delete(id)) this.#refresh();
  }

  /** How call control names a call, when it knows it. */
  controlIdOf(call: Call): string | null {
    return call.device === 'desk' ? controlId(call) : (this.#claims.get(call.id) ?? null);
  }

  #need(call: Call): string {
    const id = this.controlIdOf(call);
    if (id === null) throw new Refused('noSuchCall', 'call control does not know this call');
    return id;
  }

  #ask(op: string, more: Record<string, unknown>): Promise<Record<string, unknown>> {
    const line = this.line();
    if (!line) return Promise.reject(new Refused('noSuchDevice', 'there is no line'));
    return this.control.ask(op, { line, ...more });
  }

  async #onCall(call: Call, op: string, more: Record<string, unknown> = {}): Promise<void> {
    const line = this.lines().find(one => one.line.number === call.line)?.line;
    await this.#ask(op, { ...(line && { line }), call: this.#need(call), ...more });
  }

  async #onTwo(op: string, one: Call, other: Call): Promise<void> {
    const [held, active] = one.state === 'held' ? [one, other] : [other, one];
    await this.#ask(op, { held: this.#need(held), active: this.#need(active) });
  }

  /** Whoever begins to talk here has all others wait. */
  async #holdOthers(but?: string): Promise<void> {
    const talking = this.calls().filter(call => call.state === 'talking' && call.id !== but);
    await Promise.all(talking.map(call => this.hold(call).catch(() => undefined)));
  }

  async #newAccount(after: number): Promise<void> {
    if (after > 0) await new Promise<void>(resolve => this.#wiring.control.after(after, resolve));
    if (!this.#wantsPhone) return;
    try {
      const account = await this.#wiring.account();
      await this.phone.start(account);
      this.#cancelRenewal?.();
      const left = account.until === null ? null : account.until - Date.now() - RENEW_BEFORE_MILLISECONDS;
      this.#cancelRenewal = left === null ? null : this.#wiring.control.after(Math.max(left, ACCOUNT_AGAIN_MILLISECONDS), () => void this.#newAccount(0));
    } catch {
      this.#setRegistration('failed');
      await this.#newAccount(ACCOUNT_AGAIN_MILLISECONDS);
    }
  }

  #controlled({ cause, call }: CallEvent): void {
    if (this.control.takesPart(call)) return;
    this.#recording.delete(call.id);
    const left = this.#over.get(this.#leaving.get(call.id) ?? '');
    if (left?.ending === 'hung-up-there') this.#over.set(left.id, { ...left, ending: endingOfControl(cause) });
    const before = this.calls().find(one => one.device === 'desk' && controlId(one) === call.id);
    if (before) this.#keepOver({ ...before, state: 'ended', endedAt: Date.now(), ending: endingOfControl(cause) });
  }

  /** A call of this page is over: what was known of it stays, and call control's own word for it is not another call. */
  #ended(call: Call): void {
    const before = this.find(call.id);
    const id = this.#claims.get(call.id);
    if (id) {
      this.#leaving.set(id, call.id);
      this.#wiring.control.after(LEAVING_MILLISECONDS, () => {
        this.#leaving.delete(id);
        this.#refresh();
      });
    }
    this.#keepOver({ ...call, peer: before?.peer ?? call.peer, line: before?.line });
  }

  #keepOver(call: Call): void {
    if (this.#merged.has(call.id)) return;
    this.#over.set(call.id, call);
    if (call.ending && isFailure(call.ending)) return;
    this.#wiring.control.after(OVER_MILLISECONDS, () => this.dismiss(call.id));
  }

  #refresh(): void {
    const isOurs = (line: LineId | null) => this.control.isOurs(line);
    const controlled = this.control.calls;
    const browser = this.phone.calls;
    this.#claims = claim(browser, controlled, isOurs, this.#claims);
    const claimed = new Set(this.#claims.values());
    const desk = controlled.filter(call => !claimed.has(call.id) && !this.#leaving.has(call.id)).map(call => shown(call, isOurs));
    for (const id of this.#firstSeen.keys()) if (!desk.some(call => call?.id === id)) this.#firstSeen.delete(id);
    const settled = desk.filter((call): call is Call => call !== null && this.#hasSettled(call));
    const live = [...browser.map(call => this.#withControl(call, controlled)), ...settled.map(call => this.#recorded(call, controlId(call)))];
    const over = [...this.#over.values()].filter(call => !live.some(one => one.id === call.id));
    this.#setCalls(inOrder([...live, ...over]));
  }

  /** What call control knows besides of a call of this page: its line, the others in it. */
  #withControl(call: Call, controlled: readonly ControlledCall[]): Call {
    const id = this.#claims.get(call.id);
    const found = controlled.find(one => one.id === id);
    const seen = found && shown(found, line => this.control.isOurs(line));
    if (!id || !seen) return call;
    const who = seen.peer.number !== '' && isUp(call) && isUp(seen) ? { ...seen.peer, name: seen.peer.name || call.peer.name } : { ...call.peer, name: call.peer.name || seen.peer.name, jid: seen.peer.jid };
    return this.#recorded({ ...call, line: seen.line, others: seen.others, peer: who }, id);
  }

  #recorded(call: Call, id: string): Call {
    return this.#recording.has(id) ? { ...call, recording: true } : call;
  }

  #hasSettled(call: Call): boolean {
    if (!this.phone.isOn || isUp(call)) return true;
    const now = Date.now();
    const since = this.#firstSeen.get(call.id);
    if (since === undefined) {
      this.#firstSeen.set(call.id, now);
      this.#wiring.control.after(SETTLE_MILLISECONDS, () => this.#refresh());
      return false;
    }
    return now - since >= SETTLE_MILLISECONDS;
  }
}
