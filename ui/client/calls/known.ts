// Whom this page knows already: the calls of the history and the speed dials, read once and again when they change.

import { createMemo, createResource, createRoot } from 'solid-js';
import type { PastCall } from '../../core/cti/words.ts';
import { messenger } from '../im.ts';
import { self, telephony } from './telephone.ts';
import type { Found } from './target.tsx';

/** The first page of the history, and how many missed calls are new. */
export const [recent] = createRoot(() =>
  createResource(
    () => telephony.hasHistory() && telephony.historyChanged(),
    () => telephony.history(),
    { initialValue: { calls: [] as PastCall[], unseen: 0 } },
  ),
);

/** What is set on the line that calls are made from. */
export const [settings, { refetch: readSettings }] = createRoot(() =>
  createResource(
    () => telephony.lines().length > 0 && telephony.line(),
    line => self.line(line),
  ),
);

/** The speed dials, as far as they can be read. */
export const speedDials = () => (hasSettings() ? (settings.latest?.speedDials ?? []) : []);

/** Could they be read at all? */
export const hasSettings = () => settings.state === 'ready' || settings.state === 'refreshing';

/** New missed calls, for a badge. */
export const missed = () => (recent.state === 'ready' || recent.state === 'refreshing' ? (recent.latest?.unseen ?? 0) : 0);

/** The speed dials, one's contacts, and everybody whom one has called or been called by. */
export const known = createRoot(() =>
  createMemo((): Found[] => {
    const dials = speedDials().map(one => ({ name: one.label || one.target, number: one.target, jid: '' }));
    const calls = recent.state === 'errored' ? [] : (recent.latest?.calls ?? []);
    const contacts = (messenger()?.people.list() ?? []).map(one => ({ name: messenger()?.people.nameOf(one.jid) ?? one.jid, number: '', jid: one.jid }));
    return [...dials, ...contacts, ...calls.filter(call => call.name !== '' && call.peer !== '').map(call => ({ name: call.name, number: call.peer, jid: '' }))];
  }),
);
