// Which calls of call control are those of this browser: the server tells of all phones of a line, and the page shows each call once.

import type { Call } from '../phone/call.ts';
import { type IsOurs, shown } from './shown.ts';
import type { ControlledCall } from './words.ts';

/** The two clocks, and the way to the server, may differ by this much. */
const APART_MILLISECONDS = 10_000;

/** Finds for each call of this browser the one of call control; what was found stays found. */
export function claim(browser: readonly Call[], control: readonly ControlledCall[], isOurs: IsOurs, before: ReadonlyMap<string, string>): Map<string, string> {
  const claims = new Map<string, string>();
  const free = new Map(control.map(call => [call.id, call]));
  const live = browser.filter(call => call.state !== 'ended');
  for (const call of live) {
    const known = before.get(call.id);
    if (known && free.delete(known)) claims.set(call.id, known);
  }
  for (const call of live) {
    if (claims.has(call.id)) continue;
    const fitting = [...free.values()].map(one => ({ one, points: points(call, one, isOurs) })).filter(found => found.points > 0);
    const best = fitting.toSorted((one, other) => other.points - one.points)[0];
    if (!best) continue;
    free.delete(best.one.id);
    claims.set(call.id, best.one.id);
  }
  return claims;
}

/** How well two fit; 0: not at all. */
function points(call: Call, one: ControlledCall, isOurs: IsOurs): number {
  const seen = shown(one, isOurs);
  if (!seen || seen.direction !== call.direction) return 0;
  const samePeer = same(seen.peer.number, call.peer.number) || same(one.dialled ?? '', call.peer.number) || same(seen.peer.name, call.peer.name);
  const near = Math.abs(one.started - call.startedAt) <= APART_MILLISECONDS;
  const sameState = up(seen) === up(call);
  if (!sameState && !near) return 0;
  if (!samePeer && !(near && sameState)) return 0;
  return (samePeer ? 4 : 0) + (near ? 2 : 0) + (sameState ? 1 : 0);
}

function same(one: string, other: string): boolean {
  return one !== '' && one === other;
}

function up(call: Call): boolean {
  return call.state === 'talking' || call.state === 'held';
}
