// Search over everything that has a page: Ctrl+K, type, arrows, Enter.

import { For, Show, createMemo, createSignal, createUniqueId, onCleanup } from 'solid-js';
import { Dialog } from '../../kit/overlay.tsx';
import { go } from '../../kit/route.ts';
import { get, withQuery } from '../api/client.ts';
import { thatHave } from '../parts/rows.ts';
import { may } from '../session.ts';
import { say } from '../words/shell.ts';
import { ENTRIES } from './nav.ts';

/** Something that was found. */
type Found = { kind: string; name: string; detail: string; to: string };
type Hit = { kind: string; id: string; title: string };

const WAIT_MILLISECONDS = 120;
const PAGES: Record<string, string> = { user: 'users', number: 'lines', line: 'lines', device: 'devices', room: 'rooms', trunk: 'trunks' };

/** The search. */
export function Search(props: { onClose: () => void }) {
  const id = createUniqueId();
  const [q, setQ] = createSignal('');
  const [hits, setHits] = createSignal<Found[]>([]);
  const [at, setAt] = createSignal(0);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = new AbortController();
  onCleanup(() => { clearTimeout(timer); asking.abort(); });
  const pages = createMemo(() =>
    thatHave(ENTRIES.filter(entry => !entry.right || may(entry.right)), q(), entry => [say(entry.key)])
      .slice(0, q() ? 5 : 8)
      .map((entry): Found => ({ kind: 'page', name: say(entry.key), detail: '', to: entry.to })),
  );
  const found = () => [...hits(), ...pages()];
  const look = (text: string) => {
    setQ(text);
    setAt(0);
    clearTimeout(timer);
    asking.abort();
    if (!text.trim()) { setHits([]); return; }
    timer = setTimeout(() => {
      asking = new AbortController();
      get<{ items: Hit[] } | Hit[]>(withQuery('/search', { q: text.trim() }), { signal: asking.signal })
        .then(answer => setHits((Array.isArray(answer) ? answer : answer.items).map(asFound)))
        .catch(() => undefined);
    }, WAIT_MILLISECONDS);
  };
  const open = (one: Found | undefined) => {
    if (!one) return;
    props.onClose();
    go(one.to);
  };
  const keys = (event: KeyboardEvent) => {
    const count = found().length;
    if (event.key === 'ArrowDown') setAt(now => Math.min(now + 1, count - 1));
    else if (event.key === 'ArrowUp') setAt(now => Math.max(now - 1, 0));
    else if (event.key === 'Enter') open(found()[at()]);
    else if (event.key === 'Escape') props.onClose();
    else return;
    event.preventDefault();
  };
  return (
    <Dialog title={say('searchAll')} onClose={props.onClose}>
      <input
        type="search"
        class="input"
        role="combobox"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={found().length ? `${id}-${at()}` : undefined}
        aria-label={say('searchHint')}
        placeholder={say('searchHint')}
        autofocus
        value={q()}
        onInput={event => look(event.currentTarget.value)}
        onKeyDown={keys}
      />
      <ul id={id} role="listbox" class="found" aria-label={say('results')}>
        <For each={found()}>
          {(one, place) => (
            <li id={`${id}-${place()}`} role="option" aria-selected={place() === at()} onPointerMove={() => setAt(place())} onClick={() => open(one)}>
              <span>{one.name}<Show when={one.detail}><span class="soft small"> {one.detail}</span></Show></span>
              <span class="small soft">{kindOf(one.kind)}</span>
            </li>
          )}
        </For>
      </ul>
      <Show when={q() && found().length === 0}><p class="soft" role="status">{say('searchNothing', { q: q() })}</p></Show>
    </Dialog>
  );
}

function kindOf(kind: string): string {
  const key = `kind.${kind}`;
  const text = say(key as 'kind.user');
  return text === key ? kind : text;
}

function asFound(hit: Hit): Found {
  return { kind: hit.kind, name: hit.title, detail: hit.id === hit.title ? '' : hit.id, to: `/admin/${PAGES[hit.kind] ?? ''}/${encodeURIComponent(hit.id)}` };
}
