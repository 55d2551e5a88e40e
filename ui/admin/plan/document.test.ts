// Where things stand in a dial plan.

import { expect, test } from 'vitest';
import { lineIn, lineOf, partsOf } from './document.ts';
import { caseOf, toText } from './cases.ts';

const PLAN = `[settings]
search_space = "all"

[[search_space]]
name = "all"
partitions = ["internal", "out"]

[[line]]
number = "1000-1099"

[[route]]
pattern = "0!"
to = { trunk = "city" }

[[route]]
pattern = "0!"
partition = "out"
to = "block"

[[reception.queue]]
name = "orders"
number = "8100"
`;

test('a finding is about the entry with this name in this partition', () => {
  expect(lineOf(PLAN, 'route 0! in internal')).toBe(11);
  expect(lineOf(PLAN, 'route 0! in out')).toBe(15);
  expect(lineOf(PLAN, 'reception.queue orders')).toBe(20);
});

test('a setting has the line of its key, or that of its table', () => {
  expect(lineOf(PLAN, 'settings.search_space')).toBe(2);
  expect(lineOf(PLAN, 'settings.subscribe_search_space')).toBe(1);
});

test('what is not in the document has no line', () => {
  expect(lineOf(PLAN, 'emergency')).toBeNull();
  expect(lineOf(PLAN, 'route 9! in out')).toBeNull();
});

test('a parser says its line', () => {
  expect(lineIn('this is no dial plan: TOML parse error at line 12, column 9')).toBe(12);
  expect(lineIn('no')).toBeNull();
});

test('patterns, search spaces and partitions are listed with what they have to do with each other', () => {
  const parts = partsOf(PLAN);
  expect(parts.patterns.map(entry => [entry.kind, entry.pattern, entry.partition, entry.does, entry.line])).toEqual([
    ['line', '1000-1099', 'internal', '', 8],
    ['route', '0!', 'internal', 'trunk city', 11],
    ['route', '0!', 'out', 'block', 15],
    ['queue', '8100', 'internal', 'orders', 20],
  ]);
  expect(parts.partitions).toEqual([
    { name: 'internal', patterns: 3, spaces: ['all'] },
    { name: 'out', patterns: 1, spaces: ['all'] },
  ]);
});

test('a plan in JSON is read, too, and no plan is an error', () => {
  expect(partsOf('{"line":[{"number":"12@lobby"}]}').patterns[0]).toMatchObject({ pattern: '12', partition: 'lobby' });
  expect(() => partsOf('[[route]')).toThrow();
});

test('a test becomes a case, in the columns that the server knows', () => {
  const one = caseOf('out, "city"', { from: '1001', dial: '0123', overlap: '1' }, { goes_to: 'trunk city', called: '123', calling: '+49301001' });
  expect(toText([one]).split('\n')[1]).toBe('"out, ""city""",1001,,0123,,,,yes,trunk city,123,+49301001,,');
});
