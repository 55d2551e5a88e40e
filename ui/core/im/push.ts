// Waking this browser when nobody looks (XEP-0357, RFC 8030): the server's push service is told where.

import { element } from '../xml.ts';
import type { Client } from '../xmpp/client.ts';
import { PUSH } from '../xmpp/namespaces.ts';

/** The service's own protocol of registrations. */
export const PUSH_SERVICE = 'carillon:push:0';

/** The public key by which the service signs; a browser asks for it. */
export async function pushKey(client: Client, service: string): Promise<Uint8Array<ArrayBuffer>> {
  const text = (await client.iq('get', service, element('key', PUSH_SERVICE))).child('key', PUSH_SERVICE)?.text.trim() ?? '';
  const plain = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  return Uint8Array.from(plain, character => character.charCodeAt(0));
}

export type PushPlace = { endpoint: string; p256dh: string; auth: string };

/** Registers a browser's endpoint, and has the account tell the service of messages. Gives the node. */
export async function enablePush(client: Client, service: string, place: PushPlace): Promise<string> {
  const register = element('register', PUSH_SERVICE, { endpoint: place.endpoint }, element('p256dh', PUSH_SERVICE, {}, place.p256dh), element('auth', PUSH_SERVICE, {}, place.auth));
  const answer = (await client.iq('set', service, register)).child('registered', PUSH_SERVICE);
  const [jid, node] = [answer?.attribute('jid') ?? service, answer?.attribute('node') ?? ''];
  await client.iq('set', undefined, element('enable', PUSH, { jid, node }));
  return node;
}

export async function disablePush(client: Client, service: string, node: string): Promise<void> {
  await client.iq('set', undefined, element('disable', PUSH, { jid: service, node }));
  await client.iq('set', service, element('unregister', PUSH_SERVICE, { node }));
}
