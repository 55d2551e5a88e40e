// Where a table's rows come from: a list of the interface, which filters and orders for itself when it is long, or rows that are here.

import { type JSX, batch, createEffect, createSignal, on, onCleanup } from 'solid-js';
import { type Page, all, get, withQuery } from '../api/client.ts';
import { type Asked, type Waited, ask } from './ask.ts';
import type { Cell, Order } from './rows.ts';

/** One column of a table. */
export type Column<Row> = {
  key: string;
  title: string;
  /** What rows are ordered, filtered and exported by. */
  value: (row: Row) => Cell;
  /** What is shown; the value when not given. */
  cell?: (row: Row) => JSX.Element;
  /** Shown only when somebody asks for it. */
  extra?: boolean;
  /** Numbers stand at the end of their column. */
  number?: boolean;
  /** The name by which the server orders; a column without one is ordered only among rows that are here. */
  sort?: string;
};

/** Where rows come from. */
export type Rows<Row> = {
  asked: Asked<Page<Row>>;
  /** Filter and order are done by the server, since not all rows are here. */
  remote: () => boolean;
  q: () => string;
  setQ: (q: string) => void;
  order: () => Order | null;
  setOrder: (order: Order | null) => void;
  turn: (way: 1 | -1) => void;
  back: () => boolean;
  everything: () => Promise<Row[]>;
};

const ROWS_ASKED = 500;
const ROWS_REMOTE = 100;
/** Rows on a page of a table whose rows are all here. */
export const ROWS_SHOWN = 50;
/** How long somebody types before the server is asked. */
const TYPED_MILLISECONDS = 200;

/** Rows of a list of the interface. When they are few all of them are here, and filter and order need nobody. */
export function remoteRows<Row>(path: () => string, options: { seconds?: number; columns?: () => Column<Row>[] } = {}): Rows<Row> {
  const [q, setQ] = createSignal('');
  const [order, setOrder] = createSignal<Order | null>(null);
  const [trail, setTrail] = createSignal<string[]>([]);
  const [large, setLarge] = createSignal(false);
  let typed: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(typed));
  createEffect(on(path, () => { setTrail([]); setLarge(false); }, { defer: true }));
  const query = () => {
    const by = order();
    const name = by && options.columns?.().find(column => column.key === by.key)?.sort;
    return large() ? { q: q(), sort: name ? (by.down ? `-${name}` : name) : null, after: trail().at(-1) } : {};
  };
  const asked = ask(async () => {
    const page = await get<Page<Row>>(withQuery(path(), { limit: large() ? ROWS_REMOTE : ROWS_ASKED, ...query() }));
    if (page.next) setLarge(true);
    return page;
  }, options);
  return {
    asked,
    remote: large,
    q,
    setQ: text => {
      clearTimeout(typed);
      const put = () => batch(() => { setQ(text); setTrail([]); });
      if (large()) typed = setTimeout(put, TYPED_MILLISECONDS);
      else put();
    },
    order,
    setOrder: by => batch(() => { setOrder(by); setTrail([]); }),
    turn: way => setTrail(now => (way < 0 ? now.slice(0, -1) : [...now, asked.value()?.next ?? '']).filter(Boolean)),
    back: () => trail().length > 0,
    everything: () => all<Row>(path(), large() && q() ? { q: q() } : {}),
  };
}

/** Rows that the page has already. */
export function localRows<Row>(rows: () => readonly Row[] | undefined, from?: Waited): Rows<Row> {
  const [q, setQ] = createSignal('');
  const [order, setOrder] = createSignal<Order | null>(null);
  const page = () => {
    const items = rows();
    return items && { items: [...items], next: null, total: items.length };
  };
  return {
    asked: { value: page, failure: () => from?.failure(), loading: () => rows() === undefined, again: () => from?.again(), set: () => undefined },
    remote: () => false,
    q, setQ, order, setOrder,
    turn: () => undefined,
    back: () => false,
    everything: async () => [...(rows() ?? [])],
  };
}
