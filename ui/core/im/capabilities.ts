// What this client can do, for whoever asks and as a hash in its presence (XEP-0030, XEP-0115).

import { type Element, element } from '../xml.ts';
import { base64 } from '../xmpp/sasl.ts';
import * as ns from '../xmpp/namespaces.ts';

const NODE = 'https://carillon.invalid/client';
const IDENTITY = { category: 'client', type: 'web', name: 'Carillon' };
const NOTIFIED = [ns.ACTIVITY, ns.BOOKMARKS, ns.DISPLAYED, ns.AVATAR_METADATA, ns.NICK].map(one => `${one}+notify`);
export const FEATURES = [
  ns.DISCO_INFO, ns.CAPS, ns.CARBONS, ns.CHAT_STATES, ns.RECEIPTS, ns.MARKERS, ns.CORRECTION, ns.RETRACTION, ns.REACTIONS, ns.REPLY,
  ns.FALLBACK, ns.STANZA_IDS, ns.OUT_OF_BAND, ns.FILE_SHARING, ns.FILE_METADATA, ns.ENCRYPTION, ns.MUC, ns.DIRECT_INVITATION, ns.PING, ns.VERSION, ns.TIME,
  ...NOTIFIED,
].sort();

/** What we can do, as an answer. */
export function information(node?: string): Element {
  return element('query', ns.DISCO_INFO, { node }, element('identity', ns.DISCO_INFO, IDENTITY), ...FEATURES.map(one => element('feature', ns.DISCO_INFO, { var: one })));
}

/** XEP-0115 §5.1. */
export async function capabilities(): Promise<Element> {
  const text = `${IDENTITY.category}/${IDENTITY.type}//${IDENTITY.name}<${FEATURES.map(one => `${one}<`).join('')}`;
  const hash = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(text));
  return element('c', ns.CAPS, { hash: 'sha-1', node: NODE, ver: base64(new Uint8Array(hash)) });
}

/** Answers what others ask of this client. */
export function answerAbout(payload: Element): Element | undefined {
  if (payload.is('query', ns.DISCO_INFO)) return information(payload.attribute('node'));
  if (payload.is('query', ns.DISCO_ITEMS)) return element('query', ns.DISCO_ITEMS);
  if (payload.is('query', ns.VERSION)) return element('query', ns.VERSION, {}, element('name', ns.VERSION, {}, IDENTITY.name), element('version', ns.VERSION, {}, '0.1.0'));
  if (!payload.is('time', ns.TIME)) return undefined;
  const minutes = -new Date().getTimezoneOffset();
  const zone = `${minutes < 0 ? '-' : '+'}${String(Math.trunc(Math.abs(minutes) / 60)).padStart(2, '0')}:${String(Math.abs(minutes) % 60).padStart(2, '0')}`;
  return element('time', ns.TIME, {}, element('tzo', ns.TIME, {}, zone), element('utc', ns.TIME, {}, new Date().toISOString().replace(/\.\d+Z$/, 'Z')));
}
