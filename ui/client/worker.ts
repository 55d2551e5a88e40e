// Registers the service worker and the schemes of links that this page can open.

import { WORKER, trusted } from '../kit/trusted.ts';

const SCHEMES = ['xmpp', 'im', 'tel', 'sip', 'web+ciscotel'];

/** After the first screen is there: nothing of it waits for this. */
export function registerWorker(): void {
  if (!('serviceWorker' in navigator) || import.meta.env.DEV) return;
  const register = () => void navigator.serviceWorker.register(trusted.createScriptURL(WORKER)).catch((error: unknown) => console.warn('no service worker', error));
  if (document.readyState === 'complete') register();
  else addEventListener('load', register);
}

/** On demand only, because the browser asks; those that it does not allow are left out. */
export function registerLinks(): number {
  let taken = 0;
  for (const scheme of SCHEMES) {
    try {
      navigator.registerProtocolHandler(scheme, `${location.origin}/open?uri=%s`);
      taken += 1;
    } catch {
      // RFC 8820 and the HTML standard's list: another browser may allow it.
    }
  }
  return taken;
}
