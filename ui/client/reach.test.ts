import { expect, it } from 'vitest';
import { reach } from './reach.ts';

const page = { origin: 'http://localhost:8080', hostname: 'localhost' };

it('reaches files of the own server by the own origin, and nothing else', () => {
  expect(reach('https://localhost:8443/upload/a/b.png?c', page)).toBe('http://localhost:8080/upload/a/b.png?c');
  expect(reach('https://example.org/upload/a', page)).toBe('https://example.org/upload/a');
  expect(reach('https://localhost:8443/other', page)).toBe('https://localhost:8443/other');
});
