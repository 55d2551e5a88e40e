// What the server says of a person's own lines, read.

import { expect, test } from 'vitest';
import { readAccount, readHistory, readLineSettings, readPreview, selfOf } from './self.ts';

const PAGE = new URL('https://example.org/calls');

test('an account has its socket on this server, and the helpers of sound that a browser takes', () => {
  const me = {
    name: 'Ann',
    ice_servers: [{ urls: 'stun:example.org:3478' }, { urls: 'turn:example.org:3478?transport=udp', username: 'u', credential: 'c' }, { urls: 'turn:example.org:3478' }, { urls: 'javascript:1' }, 7],
  };
  const account = readAccount({ uri: 'sip:1001@example.org', username: 'web.1', password: 'p', ws: '/sip', expires: '2026-11-21T23:08:12Z' }, PAGE, me);
  expect(account).toEqual({
    uri: 'sip:1001@example.org',
    user: 'web.1',
    password: 'p',
    socket: 'wss://example.org/sip',
    name: 'Ann',
    iceServers: [{ urls: 'stun:example.org:3478' }, { urls: 'turn:example.org:3478?transport=udp', username: 'u', credential: 'c' }],
    until: Date.parse('2026-11-21T23:08:12Z'),
  });
  expect(() => readAccount({}, PAGE)).toThrow('no-account');
});

test('a preview says where a call goes, or why it goes nowhere', () => {
  expect(readPreview({ dialled: '1002', goes_to: 'line', called: '1002', name: 'Bob' })).toEqual({ number: '1002', name: 'Bob', goesTo: 'line', costs: '', refused: '', emergency: false, location: '' });
  expect(readPreview({ dialled: '1999', goes_to: 'nowhere', refused: 'there is no such number' })).toMatchObject({ number: '1999', refused: 'there is no such number' });
  expect(readPreview({ dialled: '112', goes_to: 'emergency', emergency_location: { name: 'berlin-3', address: 'Chausseestr. 1' } })).toMatchObject({ emergency: true, location: 'berlin-3, Chausseestr. 1' });
  expect(readPreview(null)).toMatchObject({ number: '', emergency: false });
});

test('settings of a line are read, whatever is missing', () => {
  const settings = { forward: { all: { to: '1003' }, no_answer: { internal: { to: '1004' } } }, do_not_disturb: 'silent', speed_dials: { '7': { number: '+4930', label: 'Town hall' }, '0': { number: '1002' }, x: {} } };
  expect(readLineSettings({ line: '1001', settings })).toEqual({
    forwards: [
      { when: 'all', target: '1003' },
      { when: 'no-answer', target: '1004' },
    ],
    doNotDisturb: 'silent',
    speedDials: [
      { place: 0, target: '1002', label: '' },
      { place: 7, target: '+4930', label: 'Town hall' },
    ],
  });
  expect(readLineSettings({ settings: {} })).toEqual({ forwards: [], doNotDisturb: '', speedDials: [] });
});

test('a line of another partition is named with it', async () => {
  const asked: string[] = [];
  const self = selfOf(path => {
    asked.push(path);
    return Promise.resolve({});
  }, PAGE);
  await self.line({ number: '1001', partition: 'internal' });
  await self.line({ number: '1001', partition: 'lab' });
  await self.preview('a b', { number: '1001', partition: 'lab' });
  expect(asked).toEqual(['/self/lines/1001', '/self/lines/1001%40lab', '/self/dial?to=a+b&line=1001%40lab']);
});

test('a call before has a duration when it was answered', () => {
  const call = { id: '0001', kind: 'placed', peer: '1002', peer_name: 'Bob', started: '2026-11-21T10:00:00Z', seconds: 5.5, seen: true };
  const started = Date.parse(call.started);
  expect(readHistory({ unseen: 2, calls: [call, { ...call, id: '0002', kind: 'missed', seconds: null }, { kind: 'odd' }] })).toEqual({
    unseen: 2,
    calls: [
      { call: '0001', kind: 'placed', peer: '1002', name: 'Bob', started, answered: started, ended: started + 5500, seen: true },
      { call: '0002', kind: 'missed', peer: '1002', name: 'Bob', started, answered: null, ended: started, seen: true },
    ],
  });
});
