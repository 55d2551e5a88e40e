import { expect, it } from 'vitest';
import { bytes, isLarge, pieces, plain } from './text.ts';

const links = (text: string) => pieces(text).flatMap(piece => (piece.kind === 'link' ? [[piece.text, piece.host]] : []));

it('finds links and leaves the punctuation outside', () => {
  expect(links('see https://example.org/a(b), and (http://x.example).')).toEqual([['https://example.org/a(b)', 'example.org'], ['http://x.example', 'x.example']]);
  expect(links('xmpp:room@rooms.example?join tel:+4912345 mailto:a@b.example sip:100@x')).toHaveLength(4);
});

it('follows no other scheme', () => {
  for (const text of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'vbscript:x', 'http://']) expect(links(text), text).toEqual([]);
});

it('shows the host behind look-alike letters and before an @', () => {
  expect(links('https://аpple.example')[0]?.[1]).toMatch(/^xn--/);
  expect(links('https://bank.example@evil.example/')[0]?.[1]).toBe('evil.example');
});

it('loses no text', () => {
  const text = 'a https://b.example, Ann: c\n<script>';
  expect(pieces(text, 'Ann').map(piece => piece.text).join('')).toBe(text);
});

it('takes what turns the order out of names', () => expect(plain('a\u202egpj.exe')).toBe('agpj.exe'));

it('shows few emojis large', () => {
  expect(isLarge('👍🏽')).toBe(true);
  expect(isLarge('👨‍👩‍👧 ')).toBe(true);
  expect(isLarge('👍'.repeat(4))).toBe(false);
  expect(isLarge('12')).toBe(false);
});

it('says sizes in words', () => expect(bytes(1_500_000, 'en')).toBe('1.5 MB'));
