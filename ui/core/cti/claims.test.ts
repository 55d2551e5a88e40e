// Each call is shown once, by the phone that has it.

import { expect, test } from 'vitest';
import { advance, begin } from '../phone/call.ts';
import { claim } from './claims.ts';
import type { Connection, ControlledCall, LineId } from './words.ts';

const isOurs = (line: LineId | null) => line?.number === '1001';

function connection(number: string, state: Connection['state']): Connection {
  return { line: { number, partition: 'internal' }, owner: '', address: number, name: '', direction: 'recipient', state, since: 0 };
}

function control(id: string, started: number, dialled: string | null, ...connections: Connection[]): ControlledCall {
  return { id, sequence: 1, started, answered: null, dialled, connections };
}

const browserCall = (number: string, startedAt = 1000) => begin({ id: 'sip-1', device: 'browser', direction: 'out', peer: { number, name: '' }, startedAt });

test('what this browser dialled is its own; what the desk phone dialled is not', () => {
  const mine = control('a', 1200, '1002', connection('1001', 'initiated'), connection('1002', 'alerting'));
  const desk = control('b', 1100, '1003', connection('1001', 'connected'), connection('1003', 'connected'));
  expect(claim([browserCall('1002')], [desk, mine], isOurs, new Map())).toEqual(new Map([['sip-1', 'a']]));
});

test('a code that leads to a person is known by what was dialled', () => {
  const redial = control('a', 1200, '*68', connection('1001', 'initiated'), connection('1002', 'alerting'));
  expect(claim([browserCall('*68')], [redial], isOurs, new Map()).get('sip-1')).toBe('a');
});

test('what was found stays found when the other side changes', () => {
  const call = advance(browserCall('1002'), { kind: 'answered', at: 1100 });
  const later = control('a', 900_000, '1009', connection('1001', 'connected'), connection('1007', 'connected'));
  expect(claim([call], [later], isOurs, new Map([['sip-1', 'a']])).get('sip-1')).toBe('a');
});

test('a call that the desk phone has answered is no longer the browser’s', () => {
  const call = advance(begin({ id: 'sip-1', device: 'browser', direction: 'in', peer: { number: '1002', name: '' }, startedAt: 0 }), {
    kind: 'ended',
    at: 5,
    ending: 'answered-elsewhere',
  });
  const talking = control('a', 0, null, connection('1002', 'connected'), connection('1001', 'connected'));
  expect(claim([call], [talking], isOurs, new Map([['sip-1', 'a']])).size).toBe(0);
});

test('an old desk call to the same person is not taken for a new one', () => {
  const old = control('old', -600_000, '1002', connection('1001', 'connected'), connection('1002', 'connected'));
  expect(claim([browserCall('1002')], [old], isOurs, new Map()).size).toBe(0);
});
