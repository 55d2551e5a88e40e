// The session of this page: where it stands, as signals; signing in and out; the interface of the server over HTTP.

import { batch } from 'solid-js';
import { type Account, clientId, forgetAccount, readAccount, writeAccount } from './account.ts';
import { Api } from './api.ts';
import { signal } from './signal.ts';
import { domainOf } from './xmpp/address.ts';
import { Client, type ClientState } from './xmpp/client.ts';
import { type Step, discover } from './xmpp/discovery.ts';
import { SignInError, type Token } from './xmpp/sign-in.ts';
import { StreamEnd, webSocket } from './xmpp/stream.ts';

const state = signal<ClientState>({ is: 'signed-out' });
const jid = signal('');
const known = signal<'unknown' | 'nobody' | 'somebody'>('unknown');

let account: Account | undefined;

function keepToken(token: Token | undefined): void {
  if (!account) return;
  account = { ...account, token };
  void writeAccount(account);
}

/** The one XMPP session of this page. */
export const client = new Client({ open: webSocket, keepToken });

client.on('state', next =>
  batch(() => {
    state.set(next);
    jid.set(client.bare);
  }),
);

/** Where the session stands: `state()`, `jid()` (bare), and whether somebody is signed in on this browser at all. */
export const session = { state, jid, known };

/** What is known of this browser, at the start: signs in again by the token if there is one. */
export async function begin(): Promise<void> {
  account = await readAccount();
  if (account?.token) {
    known.set('somebody');
    client.resumeLater(account.server, { address: account.address, client: account.client, device: device(), token: account.token });
  } else known.set('nobody');
  watchTheWorld();
}

/** The address that was used here last, for a sign-in that needs the password again. */
export function lastAddress(): string {
  return account?.address ?? '';
}

const FIND_MILLISECONDS = 8000;
const ask = (from: string) => fetch(from, { credentials: 'omit', cache: 'no-store', signal: AbortSignal.timeout(FIND_MILLISECONDS) });

/** Looks for the server of an address and gives its WebSocket, telling each step. */
export async function findServer(address: string, told: (steps: Step[]) => void, page: URL): Promise<string> {
  for await (const found of discover(domainOf(address), page, ask, told)) return found;
  throw new StreamEnd('no-server', domainOf(address));
}


/** Signs in with a password; the password is forgotten when the page is. */
export async function signInWith(server: string, address: string, password: string): Promise<void> {
  account = { address, server, client: await clientId() };
  try {
    await client.connect(server, { address, client: account.client, device: device(), password });
  } catch (error) {
    client.disconnect();
    throw error;
  }
  await writeAccount(account);
  known.set('somebody');
}

/** Whose words are shown for a sign-in that failed. */
export function refusalOf(error: unknown): SignInError['refusal'] | 'unreachable' | 'host-unknown' {
  if (error instanceof SignInError) return error.refusal;
  return error instanceof StreamEnd && error.condition === 'host-unknown' ? 'host-unknown' : 'unreachable';
}

/** Signs out on this browser; what it keeps of messages goes by `forget`. */
export async function signOut(forget: () => Promise<void>): Promise<void> {
  client.disconnect();
  await Promise.all([forgetAccount(), forget()]);
  account = undefined;
  known.set('nobody');
}

/** A browser and its system in words, for the list of one's devices. */
function device(): string {
  const agent = globalThis.navigator?.userAgent ?? '';
  const browser = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(agent)?.[1] ?? 'Browser';
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent)?.[1] ?? '';
  return [{ Edg: 'Edge', OPR: 'Opera' }[browser] ?? browser, system].filter(Boolean).join(', ');
}

function watchTheWorld(): void {
  globalThis.addEventListener?.('online', () => client.nudge());
  globalThis.document?.addEventListener('visibilitychange', () => {
    client.setActive(!document.hidden);
    if (!document.hidden) client.nudge();
  });
}


export { ApiError } from './api.ts';
const own = new Api(client);
/** A token for the server's interface, of who is signed in. */
export const apiToken = () => own.token();
/** Asks `/api/v1` + path with that token; what goes wrong is an ApiError. */
export const api = own.call.bind(own) as Api['call'];
