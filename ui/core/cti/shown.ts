// A call of call control as a person sees it: from the side of the line that is ours.

import { type Call, type CallState, type Peer, begin } from '../phone/call.ts';
import type { Connection, ControlledCall, LineId } from './words.ts';

const ANONYMOUS = 'anonymous';

/** Says whether a line is one of the user's. */
export type IsOurs = (line: LineId | null) => boolean;

function isLive(connection: Connection): boolean {
  return connection.state !== 'null' && connection.state !== 'fail';
}

/** How far a device is in a call: of several phones of a line, the one that is farthest counts. */
const FAR: Record<Connection['state'], number> = { connected: 5, hold: 4, alerting: 3, initiated: 2, fail: 1, null: 0 };

/** Our own connection in a call, and those of the others that are there. */
export function sides(call: ControlledCall, isOurs: IsOurs): { ours: Connection; others: Connection[] } | null {
  const own = call.connections.filter(one => isOurs(one.line) && isLive(one)).toSorted((one, other) => FAR[other.state] - FAR[one.state]);
  const ours = own[0];
  if (!ours) return null;
  // Two of our own lines may talk to each other: the second is then the other side.
  const others = call.connections.filter(one => one !== ours && isLive(one) && (!isOurs(one.line) || one.line?.number !== ours.line?.number));
  return { ours, others };
}

/** Somebody as we name them. */
export function peerOf(connection: Connection): Peer {
  return { number: connection.address === ANONYMOUS ? '' : connection.address, name: connection.name, ...(connection.owner && { jid: connection.owner }) };
}

/** Did we call? What was dialled is told to the caller alone, and the caller stands first. */
function isOutgoing(call: ControlledCall, ours: Connection): boolean {
  return call.dialled !== null && call.connections.find(one => one.line !== null)?.line?.number === ours.line?.number;
}

function stateOf(ours: Connection, others: readonly Connection[], outgoing: boolean): CallState {
  const there = new Set(others.map(one => one.state));
  if (ours.state === 'hold') return 'held';
  if (ours.state === 'alerting') return outgoing ? 'calling' : 'ringing';
  if (ours.state === 'connected' && (there.has('connected') || there.has('hold'))) return 'talking';
  if (there.has('alerting')) return 'ringing';
  return ours.state === 'connected' && !outgoing ? 'talking' : 'calling';
}

/** The call as it is shown, or null when no line of ours is in it. */
export function shown(call: ControlledCall, isOurs: IsOurs): Call | null {
  const found = sides(call, isOurs);
  if (!found) return null;
  const { ours, others } = found;
  const outgoing = isOutgoing(call, ours);
  const [first, ...more] = others.map(peerOf);
  const state = stateOf(ours, others, outgoing);
  return {
    ...begin({
      id: `desk-${call.id}`,
      device: 'desk',
      direction: outgoing ? 'out' : 'in',
      peer: first ?? { number: call.dialled ?? '', name: '' },
      startedAt: call.started,
      line: ours.line?.number,
    }),
    state,
    answeredAt: state === 'talking' || state === 'held' ? (call.answered ?? ours.since) : undefined,
    waiting: others.length > 0 && others.every(one => one.state === 'hold'),
    others: more,
  };
}

/** The number by which call control knows a call that is shown as one of a desk phone. */
export function controlId(call: Pick<Call, 'id'>): string {
  return call.id.replace(/^desk-/, '');
}
