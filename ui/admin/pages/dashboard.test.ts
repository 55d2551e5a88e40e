// What the dashboard says needs somebody.

import { expect, test } from 'vitest';
import { troublesOf } from './troubles.ts';

const check = (what: string, grade: string, text = what) => ({ what, grade, text, advice: 'do it' });

test('what is fine is no trouble', () => {
  expect(troublesOf([check('storage', 'fine')])).toEqual([]);
});

test('what failed comes before what is only odd, and leads to its page', () => {
  const found = troublesOf([check('certificate', 'warning'), check('trunk', 'failed')]);
  expect(found.map(one => [one.grade, one.to])).toEqual([['bad', '/admin/trunks'], ['warn', '/admin/certificates']]);
});

test('many of one kind are told together', () => {
  const found = troublesOf(['a', 'b', 'c', 'd'].map(name => check('trunk', 'failed', name)));
  expect(found).toHaveLength(1);
  expect(found[0]?.text).toBe('a (and 3 more)');
});
