// What a table does with its rows, without the page: which are shown, in which order, and how they are written for spreadsheets.

/** A value that rows can be put in order by. */
export type Cell = string | number | boolean | null | undefined;

/** How rows are put in order. */
export type Order = { key: string; down: boolean };

const collators = new Map<string, Intl.Collator>();

function compareTexts(language: string, one: string, other: string): number {
  let collator = collators.get(language);
  if (!collator) {
    collator = new Intl.Collator(language, { numeric: true, sensitivity: 'base' });
    collators.set(language, collator);
  }
  return collator.compare(one, other);
}

/** Texts as people order them, 2 before 10; what is empty comes last, whichever way. */
export function inOrder<Row>(rows: readonly Row[], value: (row: Row) => Cell, down: boolean, language = 'en'): Row[] {
  const empty = (cell: Cell) => cell === null || cell === undefined || cell === '';
  return [...rows].sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (empty(a) || empty(b)) return Number(empty(a)) - Number(empty(b));
    const order =
      typeof a === 'number' && typeof b === 'number' ? a - b : compareTexts(language, String(a), String(b));
    return down ? -order : order;
  });
}

/** Rows in which every word that is looked for stands somewhere; case and accents do not count. */
export function thatHave<Row>(rows: readonly Row[], looked: string, texts: (row: Row) => readonly Cell[]): Row[] {
  const words = plain(looked).split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...rows];
  return rows.filter(row => {
    const text = plain(
      texts(row)
        .filter(cell => cell !== null && cell !== undefined)
        .join('\n'),
    );
    return words.every(word => text.includes(word));
  });
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();
}

/** The next way to order by a column: up, then down, then as it came. */
export function nextOrder(now: Order | null, key: string): Order | null {
  if (now?.key !== key) return { key, down: false };
  return now.down ? null : { key, down: true };
}

const FORMULA = /^[=+\-@\t\r]/;

/** Rows as CSV (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe in front, but numbers stay numbers. */
export function toCsv(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const field = (cell: Cell): string => {
    let text = cell === null || cell === undefined ? '' : String(cell);
    if (FORMULA.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...rows].map(row => `${row.map(field).join(',')}\r\n`).join('');
}

/** Part of the rows: page `page`, from 0, and how many pages there are. */
export function pageOf<Row>(rows: readonly Row[], page: number, size: number): { rows: Row[]; page: number; pages: number } {
  const pages = Number.isFinite(size) ? Math.max(1, Math.ceil(rows.length / size)) : 1;
  const at = Math.min(Math.max(0, page), pages - 1);
  return { rows: pages === 1 ? [...rows] : rows.slice(at * size, (at + 1) * size), page: at, pages };
}
