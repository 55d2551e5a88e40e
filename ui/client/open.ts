// Links that lead into this page: /open?uri=xmpp:… and its kin, and ?to= with an address or a number.

import { bareOf, workAddress } from '../core/xmpp/address.ts';
import { chatPath, contactPath } from './chat/path.ts';

/** Where a link leads within this page; `join` is a room to enter. */
export type Target = { path: string; join?: string };

const CALLS = new Set(['tel:', 'sip:', 'sips:', 'ciscotel:', 'callto:', 'clicktocall:']);
const CHATS = new Set(['xmpp:', 'im:', 'sipim:', 'ciscoim:']);

/** Reads a link of another program. Never acts by itself: a call is only filled in, a room only offered. */
export function targetOf(uri: string): Target | null {
  const link = uri.trim().replace(/^web\+/i, '');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(link)?.[0].toLowerCase();
  if (!scheme) return null;
  const rest = decode(link.slice(scheme.length).replace(/^\/\//, ''));
  const [address = '', query = ''] = rest.split('?', 2);
  if (CALLS.has(scheme)) return { path: `/calls?to=${encodeURIComponent(address.split(';')[0] ?? '')}` };
  if (!CHATS.has(scheme)) return null;
  const jid = workAddress(bareOf(address));
  if (!jid) return null;
  const act = query.split(';')[0]?.toLowerCase();
  if (act === 'join') return { path: chatPath(jid), join: jid };
  return { path: act === 'subscribe' || act === 'roster' ? contactPath(jid) : chatPath(jid) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
