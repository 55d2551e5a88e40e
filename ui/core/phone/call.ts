// One call as a person sees it, and how it goes from state to state; the same for this browser and for a desk phone.

import type { Ending } from './ending.ts';

/** Where a call is: we dial, it rings (there or here), there is sound before the answer, we talk, we hold, it is over. */
export type CallState = 'calling' | 'ringing' | 'early' | 'talking' | 'held' | 'ended';

/** Who began it. */
export type Direction = 'in' | 'out';

/** Which phone has it: the one in this page, or another one of the line, which is controlled from here. */
export type Device = 'browser' | 'desk';

/** Who is at the other side; a name may be missing, and so may the number of somebody who withholds it. `jid`: for a chat. */
export type Peer = { number: string; name: string; jid?: string | undefined };

/** What is seen besides the sound. */
export type Pictures = { mine: boolean; theirs: boolean; screen: boolean };

/** What a call is now. */
export type Call = {
  readonly id: string;
  readonly device: Device;
  readonly direction: Direction;
  readonly state: CallState;
  readonly peer: Peer;
  /** Our line, when the server says it. */
  readonly line?: string | undefined;
  /** Who the caller wanted to reach before the call came here. */
  readonly diverted?: Peer | undefined;
  readonly startedAt: number;
  readonly answeredAt?: number | undefined;
  readonly endedAt?: number | undefined;
  readonly muted: boolean;
  /** The other side holds. */
  readonly waiting: boolean;
  readonly pictures: Pictures;
  /** The others, when there are more than two in it. */
  readonly others: readonly Peer[];
  readonly recording: boolean;
  /** The media path is broken, and being mended. */
  readonly mending: boolean;
  readonly ending?: Ending | undefined;
};

/** What can happen to a call. */
export type Happening =
  | { kind: 'ringing' }
  | { kind: 'early' }
  | { kind: 'answered'; at: number }
  | { kind: 'held' }
  | { kind: 'resumed' }
  | { kind: 'waiting'; on: boolean }
  | { kind: 'muted'; on: boolean }
  | { kind: 'recording'; on: boolean }
  | { kind: 'mending'; on: boolean }
  | { kind: 'peer'; peer: Peer }
  | { kind: 'pictures'; pictures: Partial<Pictures> }
  | { kind: 'ended'; at: number; ending: Ending };

/** A call that has just begun. */
export function begin(of: Pick<Call, 'id' | 'device' | 'direction' | 'peer' | 'startedAt'> & Partial<Pick<Call, 'line' | 'diverted'>>): Call {
  return {
    ...of,
    state: of.direction === 'in' ? 'ringing' : 'calling',
    muted: false,
    waiting: false,
    pictures: { mine: false, theirs: false, screen: false },
    others: [],
    recording: false,
    mending: false,
  };
}

/** Is it there to be answered? */
export function isIncoming(call: Call): boolean {
  return call.direction === 'in' && call.state === 'ringing';
}

/** Has it been answered, and is not over? */
export function isUp(call: Call): boolean {
  return call.state === 'talking' || call.state === 'held';
}

/** The call after something has happened to it; what comes too late or too early changes nothing. */
export function advance(call: Call, what: Happening): Call {
  if (call.state === 'ended') return call;
  const before = !isUp(call);
  switch (what.kind) {
    case 'ringing':
      return call.state === 'calling' ? { ...call, state: 'ringing' } : call;
    case 'early':
      return before && call.direction === 'out' ? { ...call, state: 'early' } : call;
    case 'answered':
      return before ? { ...call, state: 'talking', answeredAt: what.at } : call;
    case 'held':
      return call.state === 'talking' ? { ...call, state: 'held' } : call;
    case 'resumed':
      return call.state === 'held' ? { ...call, state: 'talking' } : call;
    case 'ended':
      return { ...call, state: 'ended', endedAt: what.at, ending: what.ending, mending: false };
    case 'pictures':
      return { ...call, pictures: { ...call.pictures, ...what.pictures } };
    case 'peer':
      return { ...call, peer: what.peer };
    default:
      return { ...call, [what.kind]: what.on };
  }
}

/** The order in which two calls are shown: who waits on hold comes first, then the older one. */
export function inOrder(calls: readonly Call[]): Call[] {
  const rank = (call: Call) => (call.state === 'held' ? 0 : call.state === 'ended' ? 2 : 1);
  return calls.toSorted((one, other) => rank(one) - rank(other) || one.startedAt - other.startedAt);
}

/** The server's own name for where several people talk. */
export function isConference(peer: Peer): boolean {
  return /^conference-[0-9a-f]+$/.test(peer.number);
}

/** What to call somebody. */
export function nameOf(peer: Peer): string {
  return peer.name || peer.number;
}
