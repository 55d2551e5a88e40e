// Who administers: signing in and out, and what the role may do.

import { createSignal } from 'solid-js';
import { Problem, get, send, useCsrf, whenSignedOut } from './api/client.ts';
import type { Right } from './rights.ts';

/** Somebody who has signed in. */
export type Person = { name: string; role: string; rights: readonly string[]; must_choose_password: boolean; csrf: string };

/** What is known of it: not asked yet, nobody, somebody, or why it cannot be known. */
export type Session = { state: 'asking' } | { state: 'out' } | { state: 'in'; person: Person } | { state: 'failed'; problem: Problem };

const [session, setSession] = createSignal<Session>({ state: 'asking' });
export { session };

const [domain, setDomain] = createSignal(globalThis.location?.hostname ?? '');
/** The domain of the users here. */
export { domain };

whenSignedOut(() => setSession({ state: 'out' }));

function take(person: Person): void {
  useCsrf(person.csrf);
  setSession({ state: 'in', person });
}

/** Asks the server who we are. */
export async function begin(): Promise<void> {
  try {
    take(await get<Person>('/session', { mayBeUnknown: true }));
    void get<{ domain: string }>('/status').then(status => setDomain(status.domain), () => undefined);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    setSession(error.status === 401 || error.status === 403 ? { state: 'out' } : { state: 'failed', problem: error });
  }
}

/** Signs in; a problem says what was wrong, or that a code is wanted. */
export async function signIn(username: string, password: string, code: string): Promise<void> {
  const body = code ? { username, password, code } : { username, password };
  await send('POST', '/session', { body, mayBeUnknown: true });
  await begin();
}

/** Signs out. */
export async function signOut(): Promise<void> {
  await send('DELETE', '/session', { mayBeUnknown: true }).catch(() => undefined);
  setSession({ state: 'out' });
}

/** Chooses the own password, in place of the one that was given. */
export async function choosePassword(present: string, password: string, code = ''): Promise<void> {
  await send('PUT', '/session/password', { body: { ...(present ? { current: present } : {}), ...(code ? { code } : {}), password } });
  await begin();
}

/** May this person do that? What they may not is never offered. */
export function may(right: Right): boolean {
  const now = session();
  return now.state === 'in' && now.person.rights.includes(right);
}
