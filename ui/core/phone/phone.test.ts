// What the parts of the phone make of what they are given.

import { describe, expect, test } from 'vitest';
import { type Happening, advance, begin, inOrder } from './call.ts';
import { endingOfControl, endingOfSip, isFailure, nextAct } from './ending.ts';
import { bare, dialled, digitsOf, fits, read, targetOfLink } from './letters.ts';
import { type Sample, judge, sampleOf } from './quality.ts';
import { readAddress } from './session.ts';

const outgoing = begin({ id: '1', device: 'browser', direction: 'out', peer: { number: '1002', name: '' }, startedAt: 0 });
const incoming = begin({ id: '2', device: 'browser', direction: 'in', peer: { number: '1002', name: 'Bob' }, startedAt: 5 });
const after = (...what: Happening[]) => what.reduce(advance, outgoing).state;

describe('a call', () => {
  test('goes from dialling to talking, is held and resumed, and ends once', () => {
    expect(after({ kind: 'ringing' })).toBe('ringing');
    expect(after({ kind: 'ringing' }, { kind: 'early' })).toBe('early');
    const talking: Happening[] = [{ kind: 'ringing' }, { kind: 'answered', at: 7 }];
    expect(after(...talking)).toBe('talking');
    expect(after(...talking, { kind: 'held' })).toBe('held');
    expect(after(...talking, { kind: 'held' }, { kind: 'resumed' })).toBe('talking');
    const over = [...talking, { kind: 'ended', at: 9, ending: 'hung-up' }, { kind: 'ended', at: 10, ending: 'busy' }] as Happening[];
    expect(over.reduce(advance, outgoing)).toMatchObject({ state: 'ended', endedAt: 9, ending: 'hung-up', answeredAt: 7 });
  });

  test('is not changed by what comes at the wrong time', () => {
    expect(after({ kind: 'held' })).toBe('calling');
    expect(after({ kind: 'answered', at: 1 }, { kind: 'ringing' })).toBe('talking');
    expect(after({ kind: 'answered', at: 1 }, { kind: 'early' })).toBe('talking');
    expect(after({ kind: 'answered', at: 1 }, { kind: 'resumed' })).toBe('talking');
    expect(advance(incoming, { kind: 'early' }).state).toBe('ringing');
  });

  test('that waits on hold is listed first, one that is over last', () => {
    const held = advance(advance(incoming, { kind: 'answered', at: 6 }), { kind: 'held' });
    const over = advance(outgoing, { kind: 'ended', at: 1, ending: 'busy' });
    expect(inOrder([over, outgoing, held]).map(call => call.state)).toEqual(['held', 'calling', 'ended']);
  });
});

describe('an end', () => {
  const end = { by: 'remote', answered: false, incoming: false, cause: '' } as const;
  test('is told by the status, and by the reason of a cancellation', () => {
    expect(endingOfSip({ ...end, status: 486, cause: 'Busy' })).toBe('busy');
    expect(endingOfSip({ ...end, status: 499, cause: 'SIP Failure Code' })).toBe('not-there');
    expect(endingOfSip({ ...end, status: 599, cause: 'SIP Failure Code' })).toBe('server-fault');
    expect(endingOfSip({ ...end, incoming: true, cause: 'Canceled', reason: 'SIP;cause=200;text="Call completed elsewhere"' })).toBe('answered-elsewhere');
    expect(endingOfSip({ ...end, incoming: true, cause: 'Canceled' })).toBe('cancelled');
    expect(endingOfSip({ ...end, by: 'local', cause: 'Terminated', answered: true })).toBe('hung-up');
    expect(endingOfSip({ ...end, by: 'local', incoming: true, cause: 'Rejected' })).toBe('declined-here');
    expect(endingOfSip({ ...end, by: 'local', cause: 'User Denied Media Access' })).toBe('no-microphone');
  });

  test('of call control is told by its cause, and each failure has a next act', () => {
    expect(endingOfControl('destinationOutOfService')).toBe('not-there');
    expect(endingOfControl('somethingNew')).toBe('hung-up-there');
    expect(isFailure('hung-up-there')).toBe(false);
    expect([isFailure('busy'), nextAct('busy'), nextAct('not-found'), nextAct('no-microphone')]).toEqual([true, 'call-back', 'check-number', 'check-microphone']);
  });
});

describe('what is typed', () => {
  test('letters stand on the keys of a telephone', () => {
    expect(digitsOf('FLOWERS')).toBe('3569377');
    expect(digitsOf('Käse')).toBe('5273');
    expect(read('0800 CALL-NOW')).toEqual({ kind: 'vanity', number: '08002255669', name: '0800 CALL-NOW' });
  });

  test('numbers lose what people write between digits', () => {
    expect(bare('+49 (0)30 1234-567')).toBe('+49301234567');
    expect(read(' 1002 ')).toEqual({ kind: 'number', number: '1002' });
    expect(dialled(read('*72 1003'))).toBe('*721003');
  });

  test('names, addresses and links are told apart', () => {
    expect(read('bob')).toEqual({ kind: 'name', name: 'bob' });
    expect(read('bob@example.org')).toEqual({ kind: 'address', address: 'bob@example.org' });
    expect(read('tel:+49-30-12')).toEqual({ kind: 'number', number: '+493012' });
    expect(targetOfLink('sip:bob@example.org;transport=tls')).toBe('bob@example.org');
    expect(targetOfLink('ciscotel:1002')).toBe('1002');
    expect(targetOfLink(`tel:${'1'.repeat(300)}`)).toBeNull();
    expect(targetOfLink('https://example.org')).toBeNull();
    expect(targetOfLink('tel:%')).toBeNull();
    expect(read('')).toEqual({ kind: 'nothing' });
  });

  test('a person is found by the beginning of a name, by digits and by keys', () => {
    expect(fits('bo', 'Bob Builder', '1002')).toBe(true);
    expect(fits('262', 'Bob Builder', '1002')).toBe(true);
    expect(fits('002', 'Bob Builder', '1002')).toBe(true);
    expect(fits('bui b', 'Bob Builder', '1002')).toBe(true);
    expect(fits('ann', 'Bob Builder', '1002')).toBe(false);
  });
});

const sample = (more: Partial<Sample>): Sample => ({ at: 0, received: 0, lost: 0, jitter: 0.004, roundTrip: 0.03, lostThere: 0, bytesIn: 0, bytesOut: 0, codec: 'opus', path: 'host udp', level: 0.2, ...more });

const judged = (more: Partial<Sample>) => judge(sample({}), sample({ at: 5000, received: 250, bytesIn: 25_000, ...more }));

describe('quality', () => {
  test('is told in words, the worst thing first', () => {
    expect(judged({})).toMatchObject({ grade: 'good', trouble: null, kilobitsIn: 40 });
    expect(judged({ lost: 20 })).toMatchObject({ grade: 'poor', trouble: 'loses-much' });
    expect(judged({ lost: 4, roundTrip: 0.9 })).toMatchObject({ grade: 'fair', trouble: 'loses' });
    expect(judged({ lostThere: 0.1 }).trouble).toBe('loses-there');
    expect(judged({ roundTrip: 0.5 }).trouble).toBe('late');
    expect(judged({ jitter: 0.09 }).trouble).toBe('uneven');
    expect(judged({ received: 0 })).toMatchObject({ grade: 'poor', trouble: 'nothing-comes' });
  });

  test('is read from what a browser counts, and nothing is made up', () => {
    const report = [
      { type: 'inbound-rtp', kind: 'video', packetsReceived: 9 },
      { type: 'inbound-rtp', kind: 'audio', packetsReceived: 250, packetsLost: 3, jitter: 0.01, bytesReceived: 100, codecId: 'c' },
      { type: 'codec', id: 'c', mimeType: 'audio/opus' },
      { type: 'remote-inbound-rtp', kind: 'audio', fractionLost: 0.02, roundTripTime: 0.04 },
      { type: 'candidate-pair', nominated: true, state: 'succeeded', localCandidateId: 'l' },
      { type: 'local-candidate', id: 'l', candidateType: 'host', protocol: 'udp' },
    ];
    expect(sampleOf(report, 1)).toEqual({ at: 1, received: 250, lost: 3, jitter: 0.01, roundTrip: 0.04, lostThere: 0.02, bytesIn: 100, bytesOut: 0, codec: 'opus', path: 'host udp', level: null });
    expect(sampleOf([], 1)).toMatchObject({ received: 0, roundTrip: null, codec: '' });
  });
});

test('an address has a name and a number, and anonymous callers have neither', () => {
  expect(readAddress('"Bob \\"B\\" Builder" <sip:1002@example.org>;tag=4')).toEqual({ name: 'Bob "B" Builder', number: '1002' });
  expect(readAddress('Bob <sip:%2B4930@example.org>')).toEqual({ name: 'Bob', number: '+4930' });
  expect(readAddress('sip:1002@example.org')).toEqual({ name: '', number: '1002' });
  expect(readAddress('"Anonymous" <sip:anonymous@anonymous.invalid>')).toEqual({ name: '', number: '' });
  expect(readAddress('nonsense')).toBeNull();
});
