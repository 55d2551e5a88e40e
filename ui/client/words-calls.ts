// The texts of calls.

import { type Peer, isConference, nameOf } from '../core/phone/call.ts';
import { translator } from '../kit/language.ts';
import { de } from './words-calls-de.ts';
import { en } from './words-calls-en.ts';

export const t = translator<typeof en>({ en, de });

/** Somebody in words, also who has neither name nor number. */
export function whoIs(peer: Peer): string {
  return isConference(peer) ? t('conference') : nameOf(peer) || t('anonymous');
}
