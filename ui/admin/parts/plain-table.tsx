// A table of rows as the server has them: a column for each of their fields.

import { type JSX, Show } from 'solid-js';
import type { MenuItem } from '../../kit/overlay.tsx';
import { When } from './page.tsx';
import { Plain, title } from './plain.tsx';
import type { Cell } from './rows.ts';
import { type Column, type Rows, Table } from './table.tsx';

/** A row of whatever fields. */
export type PlainRow = Record<string, unknown>;

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/;

const cellOf = (value: unknown): Cell => {
  if (value === null || value === undefined || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.every(part => typeof part !== 'object') ? value.join(', ') : value.length;
  return JSON.stringify(value);
};

/** The columns of rows: what a page knows better comes from it. */
export function plainColumns(first: PlainRow | undefined, known: Record<string, Partial<Column<PlainRow>>>): Column<PlainRow>[] {
  const keys = first ? Object.keys(first) : Object.keys(known);
  return keys.map(key => ({
    key,
    title: title(key),
    value: (row: PlainRow) => cellOf(row[key]),
    sort: key,
    ...(typeof first?.[key] === 'number' ? { number: true } : {}),
    ...(typeof first?.[key] === 'string' && TIME.test(first[key]) ? { cell: (row: PlainRow) => <When at={row[key] as string | null} /> } : {}),
    ...known[key],
  }));
}

/** The table. */
export function PlainTable(props: { name: string; rows: Rows<PlainRow>; id: string; known?: Record<string, Partial<Column<PlainRow>>>; acts?: (row: PlainRow) => MenuItem[]; empty: JSX.Element; tools?: JSX.Element }) {
  const columns = () => plainColumns(props.rows.asked.value()?.items[0], props.known ?? {});
  return (
    <Show when={columns()} keyed>
      {shown => <Table name={props.name} columns={shown} rows={props.rows} id={row => String(row[props.id] ?? '')} {...(props.acts ? { acts: props.acts } : {})} empty={props.empty} tools={props.tools} />}
    </Show>
  );
}

export { Plain };
