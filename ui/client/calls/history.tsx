// The calls before: all, missed, received, placed; the same person several times is one row.

import { For, Show, Suspense, createEffect, createResource, createSignal, on } from 'solid-js';
import type { PastCall } from '../../core/cti/words.ts';
import { isConference } from '../../core/phone/call.ts';
import { HISTORY_PAGE } from '../../core/phone/telephony.ts';
import { Button, IconButton } from '../../kit/controls.tsx';
import { Icon } from '../../kit/icons.tsx';
import { formatTime } from '../../kit/language.ts';
import { Empty, Failure, Skeleton } from '../../kit/state.tsx';
import { t, whoIs } from '../words-calls.ts';
import { duration } from './duration.ts';
import { canCall, dial, telephony } from './telephone.ts';

const TABS = ['all', 'missed', 'received', 'placed'] as const;
type Tab = (typeof TABS)[number];

/** Calls with the same person, one after the other, of the same kind. */
export type Group = { first: PastCall; count: number; unseen: boolean };

/** Puts repeats together. */
export function grouped(calls: readonly PastCall[]): Group[] {
  const groups: Group[] = [];
  for (const call of calls) {
    const last = groups.at(-1);
    const isNew = call.kind === 'missed' && !call.seen;
    if (last && last.first.peer === call.peer && last.first.kind === call.kind && call.peer !== '') {
      last.count += 1;
      last.unseen ||= isNew;
    } else groups.push({ first: call, count: 1, unseen: isNew });
  }
  return groups;
}

/** The tabs and their lists. */
export function History() {
  const [tab, setTab] = createSignal<Tab>('all');
  const [older, setOlder] = createSignal<PastCall[]>([]);
  const [more, setMore] = createSignal(false);
  const [read, { refetch }] = createResource(
    () => telephony.hasHistory() && { tab: tab(), changed: telephony.historyChanged() },
    async ({ tab: of }) => (await telephony.history(of === 'all' ? undefined : of)).calls,
  );
  const calls = () => (read.state === 'errored' ? [] : [...(read.latest ?? []), ...older()]);
  createEffect(
    on(() => read.state === 'ready' && read(), first => {
      if (first === false) return;
      setOlder([]);
      setMore(first.length === HISTORY_PAGE);
      // Whoever looks at the missed calls has seen them; the marks stay until the next look.
      if (tab() === 'missed' && first.some(call => !call.seen)) void telephony.historySeen().catch(() => undefined);
    }),
  );
  const earlier = async () => {
    const last = calls().at(-1);
    const next = await telephony.history(tab() === 'all' ? undefined : (tab() as PastCall['kind']), last?.call);
    setOlder(all => [...all, ...next.calls]);
    setMore(next.calls.length === HISTORY_PAGE);
  };
  const choose = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = TABS[(TABS.indexOf(tab()) + step + TABS.length) % TABS.length] ?? 'all';
    setTab(next);
    document.getElementById(`history-${next}`)?.focus();
    event.preventDefault();
  };
  return (
    <section class="history" aria-labelledby="history-title">
      <header>
        <h2 id="history-title">{t('history')}</h2>
        <div class="tabs" role="tablist" aria-labelledby="history-title" onKeyDown={choose}>
          <For each={TABS}>
            {one => (
              <button type="button" role="tab" id={`history-${one}`} aria-selected={tab() === one} aria-controls="history-list" tabindex={tab() === one ? 0 : -1} onClick={() => setTab(one)}>
                {t(`history.${one}`)}
              </button>
            )}
          </For>
        </div>
      </header>
      <div id="history-list" role="tabpanel" aria-labelledby={`history-${tab()}`} class="history-list" tabindex="-1">
        <Show when={read.state !== 'errored'} fallback={<Failure title={t('history.failed')} onRetry={() => void refetch()} />}>
          <Suspense fallback={<Skeleton rows={8} />}>
            <Show when={calls().length > 0} fallback={<Empty icon="phone" title={t(tab() === 'missed' ? 'history.noneMissed' : 'history.empty')} text={tab() === 'missed' ? '' : t('history.emptyText')} />}>
              <ul>
                <For each={grouped(calls())}>{group => <Row group={group} />}</For>
              </ul>
              <Show when={more()}>
                <Button class="history-more" onClick={() => void earlier()}>
                  {t('history.more')}
                </Button>
              </Show>
            </Show>
          </Suspense>
        </Show>
      </div>
    </section>
  );
}

function Row(props: { group: Group }) {
  const call = () => props.group.first;
  const peer = () => ({ name: call().name, number: call().peer });
  const who = () => whoIs(peer());
  const lasted = () => (call().answered === null ? '' : duration(call().ended - (call().answered ?? 0)));
  return (
    <li class={`past ${call().kind}`}>
      <span class="past-kind" title={t(`kind.${call().kind}`)}>
        <Icon name={({ missed: 'close', received: 'down', placed: 'phone' } as const)[call().kind]} size={18} />
        <span class="hidden">{t(`kind.${call().kind}`)}</span>
      </span>
      <span class="past-who">
        <strong>
          <bdi>{who()}</bdi>
          <Show when={props.group.count > 1}> ({props.group.count})</Show>
        </strong>
        <Show when={props.group.unseen}>
          <span class="past-new">{t('history.new')}</span>
        </Show>
        <bdi class="soft small">{call().name ? call().peer : ''}</bdi>
      </span>
      <span class="past-when small soft">
        <time datetime={new Date(call().started).toISOString()} title={formatTime(call().started, { dateStyle: 'full', timeStyle: 'short' })}>
          {when(call().started)}
        </time>
        <span>{lasted()}</span>
      </span>
      <IconButton icon="phone" label={t('history.call', { who: who() })} disabled={!canCall() || call().peer === '' || isConference(peer())} onClick={() => void dial(call().peer)} />
    </li>
  );
}

const DAY_MILLISECONDS = 86_400_000;

/** The time of today, the day of this week, else the date. */
function when(at: number): string {
  const today = new Date().setHours(0, 0, 0, 0);
  if (at >= today) return formatTime(at, { timeStyle: 'short' });
  if (at >= today - 6 * DAY_MILLISECONDS) return formatTime(at, { weekday: 'short', hour: 'numeric', minute: '2-digit' });
  return formatTime(at, { day: 'numeric', month: 'short', year: 'numeric' });
}
