// The frame of the client: sign-in, or the rail with its areas, the banner and the place of a call.

import { type Component, For, Match, Show, Suspense, Switch, createEffect, createSignal, lazy, onCleanup } from 'solid-js';
import { Dynamic } from 'solid-js/web';
import { session } from '../core/session.ts';
import { Icon, type IconName } from '../kit/icons.tsx';
import { Button } from '../kit/controls.tsx';
import { Notices } from '../kit/overlay.tsx';
import { follow, go, route } from '../kit/route.ts';
import { Skeleton } from '../kit/state.tsx';
import { Banner } from './banner.tsx';
import { messenger } from './im.ts';
import { jump, openJump } from './jump-state.ts';
import { openJoin } from './join-state.ts';
import { JoinDialog } from './join.tsx';
import { targetOf } from './open.ts';
import { OwnStatus } from './own-status.tsx';
import { CallBar, missedCalls } from './calls/bar.tsx';
import { listenToKeys } from './shortcuts.ts';
import { tour } from './tour-state.ts';
import { t } from './words-shell.ts';
import './shell.css';

const Jump = lazy(async () => ({ default: (await import('./jump.tsx')).Jump }));
/** Fetched when nothing else is to do, so that it opens at the first key. */
const fetchAhead = () => setTimeout(() => void import('./jump.tsx'), AHEAD_MILLISECONDS);
const AHEAD_MILLISECONDS = 1500;
const Shortcuts = lazy(() => import('./shortcuts-sheet.tsx'));
const Tour = lazy(() => import('./tour.tsx'));
const SignIn = lazy(() => import('./sign-in/page.tsx'));

type Area = { path: string; icon: IconName; text: 'chats' | 'calls' | 'contacts' | 'settings'; page: Component; badge?: () => number };

/** The areas of the rail. An area's page looks at the rest of the path itself. */
const AREAS: Area[] = [
  { path: '/chats', icon: 'chat', text: 'chats', page: lazy(() => import('./chat/page.tsx')), badge: () => messenger()?.chats.unread() ?? 0 },
  { path: '/calls', icon: 'phone', text: 'calls', page: lazy(() => import('./calls/page.tsx')), badge: missedCalls },
  { path: '/contacts', icon: 'people', text: 'contacts', page: lazy(() => import('./contacts/page.tsx')) },
  { path: '/settings', icon: 'settings', text: 'settings', page: lazy(() => import('./settings/page.tsx')) },
];

const signedIn = () => session.known() === 'somebody' && session.state().is !== 'refused';
const area = () => AREAS.find(one => route().path === one.path || route().path.startsWith(`${one.path}/`));

/** Everything on the page. */
export function App(props: { elsewhere: () => boolean; takeOver: () => void }) {
  return (
    <Suspense fallback={<Skeleton />}>
      <Switch fallback={<Skeleton />}>
        <Match when={props.elsewhere()}>
          <main class="elsewhere">
            <h1>{t('otherTab')}</h1>
            <p class="soft">{t('otherTabText')}</p>
            <Button kind="main" onClick={() => props.takeOver()}>
              {t('useHere')}
            </Button>
          </main>
        </Match>
        <Match when={session.known() !== 'unknown' && !signedIn()}>
          <SignIn />
        </Match>
        <Match when={signedIn()}>
          <Shell />
        </Match>
      </Switch>
      <Notices />
    </Suspense>
  );
}

const [sheet, setSheet] = createSignal(false);

function Shell() {
  fetchAhead();
  const stop = listenToKeys(() => setSheet(true));
  onCleanup(stop);
  createEffect(() => {
    if (route().path === '/open') return openLink(route().query);
    if (!area()) go('/chats', { replace: true });
  });
  return (
    <div class="shell">
      <a class="skip" href="#content" onClick={skip}>
        {t('skip')}
      </a>
      <Rail area={area()} />
      <div class="stage">
        <Banner />
        <main id="content" class="content" tabindex="-1">
          <h1 class="hidden narrow">Carillon</h1>
          <Suspense fallback={<Skeleton rows={6} />}>
            <Show when={area()}>{one => <Dynamic component={one().page} />}</Show>
          </Suspense>
        </main>
        <CallBar />
      </div>
      <Suspense>
        <Show when={messenger() && jump()}>{where => <Jump within={where().within} />}</Show>
        <Show when={messenger()}>
          <JoinDialog />
        </Show>
        <Show when={sheet()}>
          <Shortcuts onClose={() => setSheet(false)} />
        </Show>
        <Show when={messenger() && tour()}>
          <Tour />
        </Show>
      </Suspense>
    </div>
  );
}

/** A link of another program, or `?to=`: leads on, and does nothing by itself. */
function openLink(query: URLSearchParams): void {
  const target = targetOf(query.get('uri') ?? `tel:${query.get('to') ?? ''}`);
  go(target?.path ?? '/chats', { replace: true });
  if (target?.join) openJoin(target.join);
}

function skip(event: MouseEvent): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

function Rail(props: { area: Area | undefined }) {
  return (
    <nav class="rail" aria-label={t('main')}>
      <OwnStatus />
      <For each={AREAS}>
        {area => (
          <a href={area.path} class="rail-item" aria-current={props.area === area ? 'page' : undefined} onClick={follow}>
            <Icon name={area.icon} size={22} />
            <span>{t(area.text)}</span>
            <Show when={area.badge?.()}>{count => <span class="badge">{count()}</span>}</Show>
          </a>
        )}
      </For>
      <span class="rail-space" />
      <button type="button" class="rail-item rail-search" aria-keyshortcuts="Control+K Meta+K" title={`${t('search')} (Ctrl+K)`} onClick={() => openJump()}>
        <Icon name="search" size={22} />
        <span>{t('searchShort')}</span>
      </button>
    </nav>
  );
}
