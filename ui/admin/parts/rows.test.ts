// What tables do with rows.

import { expect, test } from 'vitest';
import { inOrder, nextOrder, pageOf, thatHave, toCsv } from './rows.ts';

type Row = { name: string; number: string | null };
const rows: Row[] = [{ name: 'Zoë', number: '10' }, { name: 'ann', number: '2' }, { name: 'Bob', number: null }];

test('numbers in texts are ordered by size and what is empty comes last both ways', () => {
  expect(inOrder(rows, row => row.number, false).map(row => row.name)).toEqual(['ann', 'Zoë', 'Bob']);
  expect(inOrder(rows, row => row.number, true).map(row => row.name)).toEqual(['Zoë', 'ann', 'Bob']);
});

test('names are ordered without regard to case', () => {
  expect(inOrder(rows, row => row.name, false).map(row => row.name)).toEqual(['ann', 'Bob', 'Zoë']);
});

test('the rows that came are left as they were', () => {
  inOrder(rows, row => row.name, true);
  expect(rows[0]?.name).toBe('Zoë');
});

test('every word has to stand somewhere in a row, without regard to accents', () => {
  const cells = (row: Row) => [row.name, row.number];
  expect(thatHave(rows, 'zoe 10', cells)).toHaveLength(1);
  expect(thatHave(rows, 'zoe 2', cells)).toHaveLength(0);
  expect(thatHave(rows, '  ', cells)).toHaveLength(3);
});

test('a column is ordered up, then down, then no more', () => {
  const up = nextOrder(null, 'name');
  expect(up).toEqual({ key: 'name', down: false });
  const down = nextOrder(up, 'name');
  expect(down).toEqual({ key: 'name', down: true });
  expect(nextOrder(down, 'name')).toBeNull();
  expect(nextOrder(down, 'number')).toEqual({ key: 'number', down: false });
});

test('CSV quotes what needs it and lets no spreadsheet reckon', () => {
  const text = toCsv(['a', 'b'], [['x,"y"', '=1+1'], ['+4930', -3], [null, true]]);
  expect(text).toBe('a,b\r\n"x,""y""",\'=1+1\r\n+4930,-3\r\n,true\r\n');
});

test('a page that is not there any more is the last one', () => {
  expect(pageOf([1, 2, 3], 9, 2)).toEqual({ rows: [3], page: 1, pages: 2 });
  expect(pageOf([], 0, 2)).toEqual({ rows: [], page: 0, pages: 1 });
});
