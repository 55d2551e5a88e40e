// The messages of a conversation as one scrolls through them: days, the unread line, the place kept while pages come and go.

import { For, Show, createEffect, createMemo, createSignal, on, onCleanup, onMount } from 'solid-js';
import type { Message } from '../../core/im/message.ts';
import type { Timeline } from '../../core/im/timeline.ts';
import { formatTime } from '../../kit/language.ts';
import { Skeleton } from '../../kit/state.tsx';
import { im } from '../im.ts';
import { t } from '../words-chat.ts';
import { type Acts, MessageRow } from './message.tsx';

/** So near to the end counts as the end, in pixels. */
const NEAR_PIXELS = 48;
/** So near to an edge the next page is fetched. */
const AHEAD_PIXELS = 900;
/** Messages of one sender within this time stand together. */
const GROUP_MILLISECONDS = 5 * 60_000;

type Row = { message: Message; head: boolean; day: string | null; unread: boolean };
type Props = { timeline: Timeline; readUpTo: number; acts: Acts; target: string | null; onEnd: (atEnd: boolean, last: Message | undefined) => void };

export function TimelineView(props: Props) {
  let place!: HTMLDivElement;
  const [sticks, setSticks] = createSignal(true);
  const [focused, setFocused] = createSignal<string | null>(null);
  const [fresh, setFresh] = createSignal(0);
  const rows = createMemo<Row[]>(before => makeRows(props.timeline.messages(), props.readUpTo, before), []);
  let anchor: { key: string; offset: number } | null = null;

  const remember = () => {
    const top = place.getBoundingClientRect().top;
    const seen = [...place.querySelectorAll<HTMLElement>('[data-key]')].find(one => one.getBoundingClientRect().bottom > top);
    anchor = seen ? { key: seen.dataset['key'] ?? '', offset: seen.getBoundingClientRect().top } : null;
  };
  const toEnd = () => {
    place.scrollTop = place.scrollHeight;
  };
  const settle = () => {
    if (sticks() && props.timeline.atEnd()) toEnd();
    else if (anchor) {
      const again = byKey(anchor.key);
      if (again) place.scrollTop += again.getBoundingClientRect().top - anchor.offset;
    }
    tell();
  };
  const byKey = (key: string) => place.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`);
  const tell = () => props.onEnd(sticks() && props.timeline.atEnd(), props.timeline.messages().at(-1));

  const scrolled = () => {
    const below = place.scrollHeight - place.scrollTop - place.clientHeight;
    setSticks(below < NEAR_PIXELS);
    if (sticks()) setFresh(0);
    remember();
    if (place.scrollTop < AHEAD_PIXELS) void props.timeline.older();
    if (below < AHEAD_PIXELS) void props.timeline.newer();
    tell();
  };

  createEffect(
    on(rows, (now, before) => {
      const last = before?.at(-1)?.message;
      if (last && !sticks()) setFresh(count => count + now.filter(row => !row.message.mine && row.message.at > last.at).length);
      if (now.at(-1)?.message.mine && now.at(-1)?.message.key !== last?.key && now.at(-1)?.message.delivery === 'queued') setSticks(true);
      settle();
    }),
  );
  // What does not fill the place cannot be scrolled, and so nobody would ask for what was before.
  createEffect(() => {
    if (im().current() && rows() && !props.timeline.atBeginning() && place.scrollHeight < place.clientHeight + AHEAD_PIXELS) void props.timeline.older();
  });
  onMount(() => {
    const watcher = new ResizeObserver(() => sticks() && toEnd());
    watcher.observe(place);
    for (const child of place.children) watcher.observe(child);
    document.addEventListener('visibilitychange', tell);
    onCleanup(() => {
      watcher.disconnect();
      document.removeEventListener('visibilitychange', tell);
    });
  });
  createEffect(
    on(
      () => props.target,
      async target => {
        if (!target) return;
        const found = await props.timeline.around(target);
        if (!found) return;
        setSticks(false);
        const row = byKey(found.key);
        row?.scrollIntoView({ block: 'center' });
        row?.classList.add('found');
        row?.focus({ preventScroll: true });
        remember();
      },
    ),
  );

  const keys = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || !(event.target instanceof HTMLElement) || !event.target.matches('.message')) return;
    event.preventDefault();
    const all = [...place.querySelectorAll<HTMLElement>('.message')];
    const next = all[Math.max(0, Math.min(all.length - 1, all.indexOf(event.target) + step))];
    next?.focus();
  };
  const current = createMemo(() => (rows().some(row => row.message.key === focused()) ? focused() : (rows().at(-1)?.message.key ?? null)));

  return (
    <div class="timeline-place">
      <div ref={place} class="timeline" onScroll={scrolled} onKeyDown={keys}>
        <div class="timeline-rows" role="log" aria-label={t('timeline')} aria-live="polite" aria-relevant="additions">
          <Show when={!props.timeline.loading()} fallback={<Skeleton rows={8} />}>
            <p class="soft small timeline-top">{props.timeline.atBeginning() ? t('beginning') : ''}</p>
            <For each={rows()}>
              {row => (
                <>
                  <Show when={row.day}>{day => <p class="day">{day()}</p>}</Show>
                  <Show when={row.unread}>
                    <p class="unread-line">{t('unreadLine')}</p>
                  </Show>
                  <MessageRow message={row.message} head={row.head} current={row.message.key === current()} acts={props.acts} onFocus={() => setFocused(row.message.key)} />
                </>
              )}
            </For>
          </Show>
        </div>
      </div>
      <Show when={!sticks() || !props.timeline.atEnd()}>
        <button
          type="button"
          class="button plain to-end"
          onClick={() => {
            setSticks(true);
            if (props.timeline.atEnd()) toEnd();
            else void props.timeline.open();
          }}
        >
          {fresh() > 0 ? t('newBelow', { count: fresh() }) : t('jumpToEnd')} ↓
        </button>
      </Show>
    </div>
  );
}

/** What stands around each message; a row that has not changed stays the same object, so that its elements stay. */
function makeRows(messages: readonly Message[], readUpTo: number, before: Row[]): Row[] {
  const known = new Map(before.map(row => [row.message, row]));
  let unreadShown = false;
  return messages.map((message, index) => {
    const previous = messages[index - 1];
    const day = previous && sameDay(previous.at, message.at) ? null : dayName(message.at);
    const unread = !unreadShown && !message.mine && message.at > readUpTo;
    unreadShown ||= unread;
    const head = day !== null || unread || !previous || previous.from !== message.from || message.at - previous.at > GROUP_MILLISECONDS;
    const row = known.get(message);
    return row && row.head === head && row.day === day && row.unread === unread ? row : { message, head, day, unread };
  });
}

const sameDay = (a: number, b: number): boolean => new Date(a).toDateString() === new Date(b).toDateString();

function dayName(at: number): string {
  if (sameDay(at, Date.now())) return t('today');
  if (sameDay(at, Date.now() - 86_400_000)) return t('yesterday');
  return formatTime(at, { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
}
