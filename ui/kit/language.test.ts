// Texts: places are filled, one thing is said as one.

import { expect, test } from 'vitest';
import { fill, translator } from './language.ts';

test('places that are named are filled, and others stay', () => {
  expect(fill('{name} calls {other}', { name: 'ann' })).toBe('ann calls {other}');
});

test('one of a thing has its own text', () => {
  const both = { unread: '{count} unread messages', 'unread.one': 'One unread message' };
  const words = translator({ en: both, de: both });
  expect(words('unread', { count: 1 })).toBe('One unread message');
  expect(words('unread', { count: 3 })).toBe('3 unread messages');
});
