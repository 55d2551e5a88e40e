// QR codes against what the standard and its examples say.

import { expect, test } from 'vitest';
import { TooLong, correction, encode, formatOf } from './qr.ts';

test('the codewords for correction are those of the worked example of the standard', () => {
  // ISO/IEC 18004 annex I: "01234567" in version 1-M.
  const data = [0x10, 0x20, 0x0c, 0x56, 0x61, 0x80, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11, 0xec, 0x11];
  expect(correction(data, 10)).toEqual([0xa5, 0x24, 0xd4, 0xc1, 0xed, 0x36, 0xc7, 0x87, 0x2c, 0x55]);
});

test('the format says level and mask as the table of the standard has it', () => {
  expect(formatOf(0).toString(2).padStart(15, '0')).toBe('101010000010010');
  expect(formatOf(5).toString(2).padStart(15, '0')).toBe('100000011001110');
});

test('a code grows with its text', () => {
  expect(encode('x'.repeat(14))).toHaveLength(21);
  expect(encode('x'.repeat(15))).toHaveLength(25);
  expect(encode('x'.repeat(200))).toHaveLength(57);
});

test('three corners have finders and the fourth has none', () => {
  const rows = encode('sip:1001@example.org');
  const finder = (x: number, y: number) => [0, 1, 2, 3, 4, 5, 6].map(step => rows[y + 3]?.[x + step]);
  const wanted = [true, false, true, true, true, false, true];
  expect(finder(0, 0)).toEqual(wanted);
  expect(finder(rows.length - 7, 0)).toEqual(wanted);
  expect(finder(0, rows.length - 7)).toEqual(wanted);
  expect(finder(rows.length - 7, rows.length - 7)).not.toEqual(wanted);
});

test('a text that is too long is refused', () => {
  expect(() => encode('x'.repeat(700))).toThrow(TooLong);
});
