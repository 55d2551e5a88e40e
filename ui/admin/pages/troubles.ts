// What needs somebody, out of what the server has looked at.

import type { Check } from '../api/shapes.ts';
import { say } from '../words/dashboard.ts';

/** Something that needs somebody. */
export type Trouble = { grade: 'warn' | 'bad'; text: string; advice: string; to?: string; act?: string };

/** Where to go for what was looked at. */
const PLACES: Record<string, readonly [to: string, act: Parameters<typeof say>[0]]> = {
  certificate: ['/admin/certificates', 'act.certificate'],
  certs: ['/admin/certificates', 'act.certificate'],
  trunk: ['/admin/trunks', 'act.trunks'],
  federation: ['/admin/federation', 'act.federation'],
  calls: ['/admin/calls', 'act.calls'],
  alerts: ['/admin/calls', 'act.calls'],
};

/** More of one kind than this are one trouble together. */
const NAMED_MAX = 2;

/** What needs somebody, the worst first; many of one kind are told together. */
export function troublesOf(checks: readonly Check[]): Trouble[] {
  const bad = checks.filter(check => check.grade !== 'fine').sort((one, other) => Number(other.grade === 'failed') - Number(one.grade === 'failed'));
  const kinds = [...new Set(bad.map(check => check.what))];
  return kinds.flatMap(kind => {
    const same = bad.filter(check => check.what === kind);
    const [to, act] = PLACES[kind] ?? [];
    const way = to && act ? { to, act: say(act) } : {};
    const one = (check: Check): Trouble => ({ grade: check.grade === 'failed' ? 'bad' : 'warn', text: check.text, advice: check.advice, ...way });
    if (same.length <= NAMED_MAX) return same.map(one);
    const first = one(same[0] as Check);
    return [{ ...first, text: `${first.text} ${say('andMore', { count: same.length - 1 })}` }];
  });
}
