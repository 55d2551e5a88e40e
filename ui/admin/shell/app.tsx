// The console's frame: top bar, menu, and the page that the address names.

import { For, Match, Show, Suspense, Switch, createEffect, createMemo, createSignal, on, onCleanup, onMount } from 'solid-js';
import { Dynamic } from 'solid-js/web';
import { IconButton } from '../../kit/controls.tsx';
import { Icon } from '../../kit/icons.tsx';
import { LANGUAGES, type Language, language, setLanguage } from '../../kit/language.ts';
import { Menu, type MenuItem, Notices } from '../../kit/overlay.tsx';
import { THEMES, looks, setLooks } from '../../kit/preferences.ts';
import { go, match, route } from '../../kit/route.ts';
import { Failure, Skeleton } from '../../kit/state.tsx';
import { Go, Page } from '../parts/page.tsx';
import { inWords } from '../parts/problem.tsx';
import { begin, may, session, signOut } from '../session.ts';
import { say as sayPart } from '../words/parts.ts';
import { say } from '../words/shell.ts';
import { ENTRIES, type Entry, MENU } from './nav.ts';
import { Search } from './search.tsx';
import { ChoosePassword, SignIn } from './sign-in.tsx';
import './shell.css';

const AWAY_MILLISECONDS = 4000;

/** The console. */
export function App() {
  onMount(() => void begin());
  createEffect(() => {
    document.documentElement.lang = language();
    if (session().state !== 'in') document.title = say('name');
  });
  const timer = setInterval(() => session().state === 'failed' && void begin(), AWAY_MILLISECONDS);
  onCleanup(() => clearInterval(timer));
  const person = () => {
    const now = session();
    return now.state === 'in' ? now.person : undefined;
  };
  const problem = () => {
    const now = session();
    return now.state === 'failed' ? now.problem : undefined;
  };
  return (
    <>
      <Switch fallback={<Skeleton rows={3} />}>
        <Match when={session().state === 'out'}><SignIn /></Match>
        <Match when={problem()}>{why => <Failure title={why().status === 0 ? say('away') : sayPart('failed')} text={inWords(why())} onRetry={() => void begin()} />}</Match>
        <Match when={person()?.must_choose_password}><ChoosePassword /></Match>
        <Match when={person()}><Frame /></Match>
      </Switch>
      <Notices />
    </>
  );
}

/** The page that an address names, if the role may see it. */
function entryOf(path: string): Entry | undefined {
  const patterns = (entry: Entry) => [entry.to.replace(/\/$/, ''), ...(entry.also ?? [])];
  return ENTRIES.find(entry => patterns(entry).some(pattern => match(pattern, path) !== null));
}

function Frame() {
  const [menuOpen, setMenuOpen] = createSignal(false);
  const [searching, setSearching] = createSignal(false);
  const entry = createMemo(() => entryOf(route().path));
  let main!: HTMLElement;
  const keys = (event: KeyboardEvent) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
      event.preventDefault();
      setSearching(true);
    } else if (event.key === 'Escape') setMenuOpen(false);
  };
  document.addEventListener('keydown', keys);
  onCleanup(() => document.removeEventListener('keydown', keys));
  createEffect(on(() => route().path, () => {
    setMenuOpen(false);
    main.scrollTop = 0;
    queueMicrotask(() => main.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true }));
  }, { defer: true }));
  return (
    <div class="frame" classList={{ open: menuOpen() }}>
      <a class="skip" href="#main" onClick={event => { event.preventDefault(); main.focus(); }}>{say('skip')}</a>
      <TopBar onMenu={() => setMenuOpen(!menuOpen())} menuOpen={menuOpen()} onSearch={() => setSearching(true)} />
      <SideMenu current={entry()} />
      <main id="main" ref={main} tabindex={-1}>
        <Suspense fallback={<Skeleton rows={6} />}>
          <Show when={entry()} fallback={<NoPage />} keyed>
            {shown => <Show when={!shown.right || may(shown.right)} fallback={<NotAllowed right={shown.right} />}><Dynamic component={shown.page} /></Show>}
          </Show>
        </Suspense>
      </main>
      <Show when={searching()}><Search onClose={() => setSearching(false)} /></Show>
    </div>
  );
}

function NotAllowed(props: { right: string }) {
  return <Page title={sayPart('forbidden')}><p>{sayPart('forbiddenText', { right: props.right })}</p></Page>;
}

function NoPage() {
  return <Page title={sayPart('page404')}><p>{sayPart('page404Text')}</p></Page>;
}

function TopBar(props: { onMenu: () => void; menuOpen: boolean; onSearch: () => void }) {
  const person = () => {
    const now = session();
    return now.state === 'in' ? now.person : undefined;
  };
  const items = (): MenuItem[] => [
    { text: say('own'), icon: 'shield', do: () => go('/admin/own') },
    { text: say('toClient'), icon: 'chat', do: () => location.assign('/') },
    ...THEMES.map(look => ({ text: `${say('looks')}: ${say(`looks.${look}`)}`, ...(looks().theme === look ? { icon: 'check' as const } : {}), do: () => setLooks({ theme: look }) })),
    ...(Object.entries(LANGUAGES) as [Language, string][]).map(([tag, name]) => ({ text: name, ...(language() === tag ? { icon: 'check' as const } : {}), do: () => setLanguage(tag) })),
    { text: say('signOut'), icon: 'signout', do: () => void signOut() },
  ];
  return (
    <header class="top-bar">
      <IconButton icon="log" class="menu-button" label={say('menu')} aria-expanded={props.menuOpen} onClick={() => props.onMenu()} />
      <Go to="/admin/" class="brand"><img src="/icon.svg" alt="" width="24" height="24" /><strong>{location.hostname}</strong></Go>
      <button type="button" class="search-button" onClick={() => props.onSearch()}>
        <Icon name="search" size={16} /><span>{say('searchAll')}</span><kbd>{/Mac|iPhone/.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'}</kbd>
      </button>
      <span class="person small soft">{say('signedInAs', { name: person()?.name ?? '', role: person()?.role ?? '' })}</span>
      <Menu label={say('account')} icon="people" items={items()} />
    </header>
  );
}

function SideMenu(props: { current: Entry | undefined }) {
  const seen = () => MENU.map(part => ({ ...part, entries: part.entries.filter(entry => !entry.right || may(entry.right)) })).filter(part => part.entries.length > 0);
  return (
    <nav class="side-menu" aria-label={say('menu')}>
      <For each={seen()}>
        {part => (
          <section>
            <h2>{say(part.key)}</h2>
            <ul>
              <For each={part.entries}>
                {entry => (
                  <li><Go to={entry.to} current={props.current === entry}><Icon name={entry.icon} size={18} />{say(entry.key)}</Go></li>
                )}
              </For>
            </ul>
          </section>
        )}
      </For>
    </nav>
  );
}
