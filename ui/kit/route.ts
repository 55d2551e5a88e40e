// Which page of the application is shown: the path of the address, so that every page has an address of its own.

import { createSignal } from 'solid-js';

const current = () => ({ path: location.pathname, query: new URLSearchParams(location.search) });
const [route, setRoute] = createSignal(current(), { equals: false });
export { route };

globalThis.addEventListener?.('popstate', () => setRoute(current()));

/** Goes to another page of this application. */
export function go(address: string, options: { replace?: boolean } = {}): void {
  if (address === location.pathname + location.search) return;
  history[options.replace ? 'replaceState' : 'pushState'](null, '', address);
  setRoute(current());
}

/** The named parts of a path, `/chats/:jid`; null when it is another path. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const [wanted, given] = [pattern.split('/'), path.replace(/\/$/, '').split('/')];
  if (wanted.length !== given.length) return null;
  const parts: Record<string, string> = {};
  for (const [index, name] of wanted.entries()) {
    const part = given[index] ?? '';
    if (name.startsWith(':')) {
      try {
        parts[name.slice(1)] = decodeURIComponent(part);
      } catch {
        return null;
      }
    } else if (name !== part) return null;
  }
  return parts;
}

/** For a link within the application: a plain click goes there without loading the page again. */
export function follow(event: MouseEvent & { currentTarget: HTMLAnchorElement }): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(event.currentTarget.getAttribute('href') ?? '/');
}
