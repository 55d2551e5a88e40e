import { expect, it } from 'vitest';
import { bareOf, domainOf, localOf, resourceOf, workAddress } from './address.ts';

it('takes addresses apart', () => {
  expect(bareOf('ann@example.org/a/b')).toBe('ann@example.org');
  expect(resourceOf('ann@example.org/a/b')).toBe('a/b');
  expect(domainOf('ann@example.org/x')).toBe('example.org');
  expect(domainOf('example.org')).toBe('example.org');
  expect(localOf('rooms.example.org')).toBe('rooms.example.org');
});

it('reads what people type', () => {
  expect(workAddress(' Ann@Example.org ')).toBe('ann@example.org');
  expect(workAddress('xmpp:ann@localhost')).toBe('ann@localhost');
  for (const typed of ['', 'ann', '@x', 'ann@', 'a b@c', 'a@b@c', 'a@b/c', 'a@-']) expect(workAddress(typed), typed).toBeNull();
});
