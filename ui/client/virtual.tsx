// A list of which only the rows in sight are on the page. Rows have one height; arrows move from row to row.

import { For, type JSX, createMemo, createSignal, onCleanup, onMount } from 'solid-js';
import { looks } from '../kit/preferences.ts';

/** Rows above and below what is seen, so that scrolling shows no gaps. */
const SPARE_ROWS = 6;

type VirtualListProps<T> = {
  items: readonly T[];
  /** In rem, so that it grows with the size of text. */
  rowHeight: number;
  label: string;
  children: (item: T) => JSX.Element;
  /** The row that should be in sight. */
  show?: number | undefined;
};

export function VirtualList<T>(props: VirtualListProps<T>) {
  const [top, setTop] = createSignal(0);
  const [height, setHeight] = createSignal(800);
  let place!: HTMLDivElement;
  // Asked for once per choice of size: the answer makes the browser lay out the page.
  const rem = createMemo(() => looks() && Number.parseFloat(getComputedStyle(document.documentElement).fontSize));
  const row = () => props.rowHeight * rem();
  const first = createMemo(() => Math.max(0, Math.floor(top() / row()) - SPARE_ROWS));
  const count = createMemo(() => Math.ceil(height() / row()) + 2 * SPARE_ROWS);
  const shown = createMemo(() => props.items.slice(first(), first() + count()));

  onMount(() => {
    const watcher = new ResizeObserver(() => setHeight(place.clientHeight));
    watcher.observe(place);
    onCleanup(() => watcher.disconnect());
  });

  const keys = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    const rows = [...place.querySelectorAll<HTMLElement>('[data-row]')];
    const at = rows.findIndex(one => one.contains(document.activeElement));
    const next = rows[at + step]?.querySelector<HTMLElement>('a, button');
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  return (
    <div ref={place} class="virtual" onScroll={() => setTop(place.scrollTop)} onKeyDown={keys}>
      <ul aria-label={props.label} style={{ height: `${props.items.length * row()}px`, 'padding-top': `${first() * row()}px` }}>
        <For each={shown()}>
          {item => (
            <li data-row style={{ height: `${props.rowHeight}rem` }} aria-setsize={props.items.length}>
              {props.children(item)}
            </li>
          )}
        </For>
      </ul>
    </div>
  );
}
