// Where the arrows of a ladder go.

import { expect, test } from 'vitest';
import type { Trace } from '../api/shapes.ts';
import { labelOf, layOut } from './ladder.ts';

const message = (party: number, sent: boolean, text: string, at: string) => ({ at, party, sent, repeated: false, text, cut: 0 });
const trace: Trace = {
  id: '1',
  parties: [{ label: '1001', address: 'udp 127.0.0.1:5062' }, { label: '1002', address: 'udp 127.0.0.1:5064' }],
  messages: [
    message(0, false, 'INVITE sip:1002@localhost SIP/2.0\r\nCSeq: 1 INVITE\r\n', '2026-01-01T00:00:00.000000Z'),
    message(1, true, 'INVITE sip:1002@127.0.0.1 SIP/2.0\r\nCSeq: 1 INVITE\r\n', '2026-01-01T00:00:00.250000Z'),
    message(1, false, 'SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n', '2026-01-01T00:00:01.500000Z'),
  ],
  left_out: 0,
};

test('the server stands between the caller and the others', () => {
  const { poles } = layOut(trace);
  expect(poles.map(pole => pole.label)).toEqual(['1001', 'Carillon', '1002']);
});

test('arrows go from who sent to who received, downward in time', () => {
  const { poles, rungs } = layOut(trace);
  const at = (label: string) => poles.find(pole => pole.label === label)?.x;
  expect(rungs.map(rung => [rung.from, rung.to])).toEqual([[at('1001'), at('Carillon')], [at('Carillon'), at('1002')], [at('1002'), at('Carillon')]]);
  expect(rungs.map(rung => rung.seconds)).toEqual([0, 0.25, 1.5]);
  expect(rungs[1]?.y).toBeGreaterThan(rungs[0]?.y ?? Infinity);
});

test('a trace with one party has no pole in the air', () => {
  const one = layOut({ ...trace, parties: trace.parties.slice(0, 1), messages: trace.messages.slice(0, 1) });
  expect(one.poles).toHaveLength(2);
  expect(one.width).toBeGreaterThan(one.poles[1]?.x ?? Infinity);
});

test('an answer says what it answers, unless it is the call itself', () => {
  expect(labelOf('SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n')).toEqual({ label: '180 Ringing', kind: 'provisional' });
  expect(labelOf('SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n')).toEqual({ label: '200 OK (BYE)', kind: 'success' });
  expect(labelOf('SIP/2.0 486 Busy Here\r\nCSeq: 1 INVITE\r\n').kind).toBe('failure');
  expect(labelOf('ACK sip:x SIP/2.0\r\n')).toEqual({ label: 'ACK', kind: 'request' });
});
