// Who signed in on this browser: the address, the server, and the token that stands for the password. Never the password.

import { openDatabase, result } from './database.ts';
import type { Token } from './xmpp/sign-in.ts';

export type Account = { address: string; server: string; client: string; token?: Token | undefined };

const KEY = 'account';

let opened: Promise<IDBDatabase> | undefined;

async function place(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  opened ??= openDatabase('carillon-account', 1, database => database.createObjectStore('account'));
  return (await opened).transaction('account', mode).objectStore('account');
}

/** The account of this browser, if somebody signed in and not out. */
export async function readAccount(): Promise<Account | undefined> {
  return (await result((await place('readonly')).get(KEY))) as Account | undefined;
}

export async function writeAccount(account: Account): Promise<void> {
  await result((await place('readwrite')).put(account, KEY));
}

/** Signs out: the token goes, the name of this browser stays. */
export async function forgetAccount(): Promise<void> {
  await result((await place('readwrite')).delete(KEY));
}

/** How this browser is called in a sign-in; the same one for good (XEP-0388 §2.4). */
export async function clientId(): Promise<string> {
  const store = await place('readwrite');
  const known = (await result(store.get('client'))) as string | undefined;
  if (known) return known;
  const made = crypto.randomUUID();
  await result(store.put(made, 'client'));
  return made;
}
