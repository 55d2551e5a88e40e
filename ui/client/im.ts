// The messenger of who is signed in, for all areas of the page.

import { createEffect, createRoot, untrack } from 'solid-js';
import { Messenger } from '../core/im/messenger.ts';
import { client, session } from '../core/session.ts';
import { signal } from '../core/signal.ts';

let account = '';
const current = signal<Messenger | null>(null);

/** Null only while nobody is signed in. */
export const messenger = current;

/** For what is shown only to people who are signed in. */
export function im(): Messenger {
  const own = current();
  if (!own) throw new Error('nobody is signed in');
  return own;
}

createRoot(() =>
  createEffect(() => {
    const now = session.known() === 'somebody' ? session.jid() || client.bare : '';
    if (!now || now === account) return;
    untrack(current)?.close();
    const made = new Messenger(client, now);
    account = now;
    current.set(made);
    void made.load();
  }),
);

/** Signing out: nothing is kept of the account. */
export async function forgetMessenger(): Promise<void> {
  const own = untrack(current);
  own?.close();
  account = '';
  current.set(null);
  await own?.cache.destroy().catch(() => {});
}
