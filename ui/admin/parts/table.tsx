// Tables: they filter, sort, choose columns, export, page, work by keyboard, and become cards where there is no room.

import { For, type JSX, Show, createMemo, createSignal, createUniqueId } from 'solid-js';
import { Button, IconButton } from '../../kit/controls.tsx';
import { Icon } from '../../kit/icons.tsx';
import { language } from '../../kit/language.ts';
import { Menu, type MenuItem } from '../../kit/overlay.tsx';
import { Failure, Skeleton } from '../../kit/state.tsx';
import { say } from '../words/parts.ts';
import { complain, inWords } from './problem.tsx';
import { type Cell, inOrder, nextOrder, pageOf, thatHave, toCsv } from './rows.ts';
import { saveFile } from './save.ts';
import { type Column, ROWS_SHOWN, type Rows } from './source.ts';
import './table.css';

export { type Column, type Rows, localRows, remoteRows } from './source.ts';

type TableProps<Row> = {
  /** What the table is called by those who cannot see it, and by the file of an export. */
  name: string;
  columns: Column<Row>[];
  rows: Rows<Row>;
  /** What a row is told apart by. */
  id: (row: Row) => string;
  acts?: (row: Row) => MenuItem[];
  /** What stands in place of no rows at all. */
  empty: JSX.Element;
  /** A few rows that need no tools. */
  plain?: boolean;
  /** Beside the filter. */
  tools?: JSX.Element;
};

function shownColumns(name: string): { chosen: () => Record<string, boolean>; choose: (key: string, on: boolean) => void } {
  const place = `carillon-columns-${name}`;
  let kept: Record<string, boolean> = {};
  try {
    kept = JSON.parse(localStorage.getItem(place) ?? '{}') as Record<string, boolean>;
  } catch {
    // Somebody else wrote there: the columns are as they come.
  }
  const [chosen, setChosen] = createSignal(kept);
  const choose = (key: string, on: boolean) => localStorage.setItem(place, JSON.stringify(setChosen(now => ({ ...now, [key]: on }))));
  return { chosen, choose };
}

/** A table of rows. */
export function Table<Row>(props: TableProps<Row>) {
  const [page, setPage] = createSignal(0);
  const { chosen, choose } = shownColumns(props.name);
  const columns = createMemo(() => props.columns.filter(column => chosen()[column.key] ?? !column.extra));
  const fitting = createMemo(() => {
    const items = props.rows.asked.value()?.items ?? [];
    if (props.rows.remote()) return items;
    const found = thatHave(items, props.rows.q(), row => props.columns.map(column => column.value(row)));
    const order = props.rows.order();
    const by = order && props.columns.find(column => column.key === order.key);
    return by ? inOrder(found, by.value, order.down, language()) : found;
  });
  const part = createMemo(() => pageOf(fitting(), page(), props.rows.remote() ? Infinity : ROWS_SHOWN));
  const save = async () => {
    try {
      const rows = props.rows.remote() ? await props.rows.everything() : fitting();
      const cells = rows.map(row => props.columns.map(column => column.value(row)));
      saveFile(`${props.name}.csv`, toCsv(props.columns.map(column => column.title), cells), 'text/csv');
    } catch (error) {
      complain(error);
    }
  };
  const nothing = () => props.rows.asked.value()?.items.length === 0 && !props.rows.q() && !props.rows.back();
  return (
    <div class="table-place">
      <Show when={props.rows.asked.failure()}>
        {problem => <Failure title={say('failed')} text={inWords(problem())} onRetry={() => props.rows.asked.again()} />}
      </Show>
      <Show when={props.rows.asked.value()} fallback={<Show when={!props.rows.asked.failure()}><Skeleton rows={6} /></Show>}>
        <Show when={!nothing()} fallback={props.empty}>
          <Show when={!props.plain}><Tools {...props} chosen={chosen()} choose={choose} save={() => void save()} find={q => { setPage(0); props.rows.setQ(q); }} /></Show>
          <Grid {...props} columns={columns()} shown={part().rows} order={key => { setPage(0); props.rows.setOrder(nextOrder(props.rows.order(), key)); }} />
          <Show when={fitting().length === 0}>
            <p class="table-nothing soft">{say('nothingFits', { q: props.rows.q() })}</p>
          </Show>
          <Show when={!props.plain}><Foot rows={props.rows} shown={fitting().length} page={part().page} pages={part().pages} turn={way => (props.rows.remote() ? props.rows.turn(way) : setPage(part().page + way))} /></Show>
        </Show>
      </Show>
    </div>
  );
}

function Tools<Row>(props: TableProps<Row> & { chosen: Record<string, boolean>; choose: (key: string, on: boolean) => void; save: () => void; find: (q: string) => void }) {
  return (
    <div class="table-tools">
      <input
        type="search"
        class="input"
        placeholder={say('filter')}
        aria-label={say('filterHint')}
        value={props.rows.q()}
        onInput={event => props.find(event.currentTarget.value)}
      />
      {props.tools}
      <span class="table-space" />
      <ColumnChoice columns={props.columns} chosen={props.chosen} choose={props.choose} />
      <Button icon="download" kind="quiet" onClick={props.save}>{say('exportCsv')}</Button>
    </div>
  );
}

function ColumnChoice<Row>(props: { columns: Column<Row>[]; chosen: Record<string, boolean>; choose: (key: string, on: boolean) => void }) {
  let place!: HTMLDetailsElement;
  const leave = (event: FocusEvent) => {
    if (!(event.relatedTarget instanceof Node && place.contains(event.relatedTarget))) place.open = false;
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !place.open) return;
    place.open = false;
    place.querySelector('summary')?.focus();
    event.stopPropagation();
  };
  return (
    <details class="table-columns" ref={place} onFocusOut={leave} onKeyDown={keys}>
      <summary class="button quiet">{say('columns')}</summary>
      <div class="table-columns-list" tabindex="-1">
        <For each={props.columns.slice(1)}>
          {column => (
            <label>
              <input type="checkbox" checked={props.chosen[column.key] ?? !column.extra} onChange={event => props.choose(column.key, event.currentTarget.checked)} />
              {column.title}
            </label>
          )}
        </For>
      </div>
    </details>
  );
}

type GridProps<Row> = TableProps<Row> & { shown: Row[]; order: (key: string) => void };

function Grid<Row>(props: GridProps<Row>) {
  const id = createUniqueId();
  const way = (key: string) => {
    const order = props.rows.order();
    return order?.key === key ? (order.down ? 'descending' : 'ascending') : undefined;
  };
  return (
    <div class="table-scroll" role="region" aria-label={props.name} tabindex={-1}>
      <table role="table" id={id} aria-label={props.name} aria-busy={props.rows.asked.loading()} onKeyDown={moveInRows}>
        <thead role="rowgroup">
          <tr role="row">
            <For each={props.columns}>
              {column => (
                <th role="columnheader" scope="col" classList={{ number: column.number }} aria-sort={way(column.key)}>
                  <Show when={!props.rows.remote() || column.sort} fallback={<span class="table-sort">{column.title}</span>}>
                    <button type="button" class="table-sort" title={say('sortBy', { column: column.title })} onClick={() => props.order(column.key)}>
                      {column.title}
                      <span class={`table-way ${way(column.key) ?? ''}`}><Icon name="down" size={12} /></span>
                    </button>
                  </Show>
                </th>
              )}
            </For>
            <Show when={props.acts}><th role="columnheader" scope="col"><span class="hidden">{say('actsColumn')}</span></th></Show>
          </tr>
        </thead>
        <tbody role="rowgroup">
          <For each={props.shown}>{row => <TableRow {...props} row={row} />}</For>
        </tbody>
      </table>
    </div>
  );
}

function TableRow<Row>(props: GridProps<Row> & { row: Row }) {
  const items = createMemo(() => props.acts?.(props.row) ?? []);
  return (
    <tr role="row">
      <For each={props.columns}>
        {(column, at) => (
          <td role="cell" classList={{ number: column.number, first: at() === 0 }} data-title={column.title}>
            {column.cell ? column.cell(props.row) : shown(column.value(props.row))}
          </td>
        )}
      </For>
      <Show when={props.acts}>
        <td role="cell" class="table-acts">
          <Show when={items().length > 0}><Menu label={say('acts', { row: props.id(props.row) })} items={items()} /></Show>
        </td>
      </Show>
    </tr>
  );
}

function shown(cell: Cell): string {
  if (cell === null || cell === undefined || cell === '') return say('none');
  return typeof cell === 'boolean' ? say(cell ? 'yes' : 'no') : String(cell);
}

/** Up and down go from row to row, in the same column as far as something can be reached there. */
function moveInRows(event: KeyboardEvent & { currentTarget: HTMLTableElement }): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const here = (event.target as HTMLElement).closest('td');
  if (!here || event.defaultPrevented || here.querySelector('[aria-expanded=true]')) return;
  const row = here.parentElement;
  const next = event.key === 'ArrowDown' ? row?.nextElementSibling : row?.previousElementSibling;
  const same = next?.children[[...(row?.children ?? [])].indexOf(here)];
  const target = same?.querySelector<HTMLElement>('a, button') ?? next?.querySelector<HTMLElement>('a, button');
  if (!target) return;
  event.preventDefault();
  target.focus();
}

function Foot<Row>(props: { rows: Rows<Row>; shown: number; page: number; pages: number; turn: (way: 1 | -1) => void }) {
  const total = () => props.rows.asked.value()?.total ?? 0;
  const more = () => (props.rows.remote() ? Boolean(props.rows.asked.value()?.next) : props.page + 1 < props.pages);
  const less = () => (props.rows.remote() ? props.rows.back() : props.page > 0);
  return (
    <div class="table-foot">
      <p class="small soft" role="status">
        {props.shown === total() ? say('rows', { count: total() }) : say('rowsOf', { shown: props.shown, total: total() })}
      </p>
      <Show when={more() || less()}>
        <nav aria-label={say('page', { page: props.page + 1, pages: props.pages })}>
          <IconButton icon="back" label={say('previous')} disabled={!less()} onClick={() => props.turn(-1)} />
          <Show when={!props.rows.remote()}><span class="small soft">{say('page', { page: props.page + 1, pages: props.pages })}</span></Show>
          <IconButton icon="back" class="forward" label={say('next')} disabled={!more()} onClick={() => props.turn(1)} />
        </nav>
      </Show>
    </div>
  );
}
