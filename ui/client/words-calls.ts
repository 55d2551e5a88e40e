// The texts of calls.

import { type Peer, isConference, nameOf } from '../core/phone/call.ts';
import { translator } from '../kit/language.ts';
import { messenger } from './im.ts';
import { de } from './words-calls-de.ts';
import { en } from './words-calls-en.ts';

export const t = translator<typeof en>({ en, de });

/** Somebody in words, also who has neither name nor number. */
export function whoIs(peer: Peer): string {
  if (isConference(peer)) return t('conference');
  const jid = peer.jid ?? (peer.number.includes('@') ? peer.number : '');
  return peer.name || (jid && messenger()?.people.nameOf(jid)) || nameOf(peer) || t('anonymous');
}
