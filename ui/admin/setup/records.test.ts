// What the set-up reckons.

import { expect, test } from 'vitest';
import { freeNumbers, isRange, recordsFor, userNameFor, zoneOf } from './records.ts';

const listener = (name: string, address: string) => ({ name, address, is_up: true });

test('records name the ports that are listened on and no others', () => {
  const records = recordsFor('example.org', 'uc.example.org', [listener('XMPP', '0.0.0.0:5222'), listener('SIP over TLS', '[::]:5061')]);
  expect(records.map(record => record.key)).toEqual(['address', 'xmpp-client', 'sips']);
  expect(zoneOf(records)).toBe('_xmpp-client._tcp.example.org. 3600 IN SRV 0 5 5222 uc.example.org.\n_sips._tcp.example.org. 3600 IN SRV 0 5 5061 uc.example.org.');
});

test('a range has two ends of the same length, in order', () => {
  expect(isRange({ first: '0100', last: '0199' })).toBe(true);
  expect(isRange({ first: '200', last: '100' })).toBe(false);
  expect(isRange({ first: '99', last: '100' })).toBe(false);
  expect(isRange({ first: '1x', last: '20' })).toBe(false);
});

test('free numbers keep their zeros and leave out what is taken', () => {
  expect(freeNumbers({ first: '0098', last: '0101' }, new Set(['0099']), 9)).toEqual(['0098', '0100', '0101']);
  expect(freeNumbers({ first: '10', last: '19' }, new Set(), 2)).toEqual(['10', '11']);
});

test('user names are of letters that every keyboard has, and nobody gets the one of another', () => {
  expect(userNameFor('Zoë Weiß', new Set())).toBe('zoe');
  expect(userNameFor('Zoë Weiß', new Set(['zoe']))).toBe('zoe.weiss');
  expect(userNameFor('Zoë Weiß', new Set(['zoe', 'zoe.weiss']))).toBe('zoe.weiss2');
});
