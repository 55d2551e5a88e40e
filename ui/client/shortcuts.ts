// Keys that work everywhere: search, areas, the next conversation, landmarks.

import { untrack } from 'solid-js';
import { go, match, route } from '../kit/route.ts';
import { chatPath } from './chat/path.ts';
import { messenger } from './im.ts';
import { openJump } from './jump-state.ts';

/** For the sheet: the keys and the name of what they do. */
export const SHORTCUTS = [
  ['Ctrl+K', 'keys.jump'],
  ['Ctrl+/', 'keys.sheet'],
  ['Alt+↑ / Alt+↓', 'keys.chat'],
  ['Alt+Shift+↑ / Alt+Shift+↓', 'keys.unread'],
  ['Ctrl+F6', 'keys.landmark'],
  ['Enter', 'keys.send'],
  ['Shift+Enter', 'keys.line'],
  ['↑', 'keys.edit'],
  ['Esc', 'keys.escape'],
] as const;

const LANDMARKS = '.rail a[aria-current], .pane-list a[aria-current], .pane-list a, .message[tabindex="0"], .composer textarea';

/** Begins to listen; the answer ends it. */
export function listenToKeys(openSheet: () => void): () => void {
  const keys = (event: KeyboardEvent) => {
    const command = event.ctrlKey || event.metaKey;
    if (command && event.key.toLowerCase() === 'k' && !event.shiftKey) openJump();
    else if (command && event.key === '/') openSheet();
    else if (event.altKey && !command && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) step(event.key === 'ArrowDown' ? 1 : -1, event.shiftKey);
    else if (command && event.key === 'F6') landmark(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
  };
  addEventListener('keydown', keys);
  return () => removeEventListener('keydown', keys);
}

function step(by: number, unreadOnly: boolean): void {
  const current = match('/chats/:jid', route().path)?.['jid'];
  const all = untrack(() => messenger()?.chats.list() ?? []);
  const at = all.findIndex(chat => chat.jid === current);
  const rest = by > 0 ? all.slice(at + 1) : all.slice(0, Math.max(0, at)).toReversed();
  const next = rest.find(chat => !unreadOnly || chat.unread > 0);
  if (next) go(chatPath(next.jid));
}

function landmark(by: number): void {
  const seen = new Set<Element | null>();
  const places = [...document.querySelectorAll<HTMLElement>(LANDMARKS)].filter(one => {
    const area = one.closest('.rail, .pane-list, .timeline, .composer');
    const first = !seen.has(area);
    seen.add(area);
    return first;
  });
  const at = places.findIndex(one => one.closest('.rail, .pane-list, .timeline, .composer')?.contains(document.activeElement));
  places[(at + by + places.length) % places.length]?.focus();
}
