// What the server tells a person about their own lines, and does for them: `/api/v1/self`.

import { type LineId, type PastCall, each, fields, readPastCall, text } from '../cti/words.ts';
import type { Account, IceServer } from './browser.ts';

/** Asks the server's interface. */
export type Ask = (path: string, init?: { method?: string; json?: unknown }) => Promise<unknown>;

export type ForwardWhen = 'all' | 'busy' | 'no-answer' | 'unregistered';
export const FORWARD_WHEN: readonly ForwardWhen[] = ['all', 'busy', 'no-answer', 'unregistered'];
export type Forward = { when: ForwardWhen; target: string };
export type SpeedDial = { place: number; target: string; label: string };
export type DoNotDisturb = '' | 'reject' | 'silent';

/** What a person has set on a line. */
export type LineSettings = { forwards: Forward[]; doNotDisturb: DoNotDisturb; speedDials: SpeedDial[] };

/** A change of it, as the interface has them. */
export type LineChange =
  | { set: 'forward'; when: ForwardWhen; to: string | null }
  | { set: 'do-not-disturb'; mode: 'reject' | 'silent' | null }
  | { set: 'speed-dial'; place: number; dial: { number: string; label?: string } | null };

/** A page of the calls before, the latest first. */
export type History = { calls: PastCall[]; unseen: number };

/** What a call to a target would do (S25). */
export type Preview = {
  /** As it will be called there; empty when it leads nowhere. */
  number: string;
  name: string;
  /** Where it leads, in the server's words: `line`, `person`, `outside`, `emergency`, `nowhere`, … */
  goesTo: string;
  /** What a call to the outside costs, roughly; empty for others. */
  costs: string;
  /** Why it would not be placed; empty when it would. */
  refused: string;
  emergency: boolean;
  /** Where rescuers would look; empty when that is not known. */
  location: string;
};

/** Somebody who was found. */
export type Person = { jid: string; name: string; numbers: string[] };

export type Self = {
  account: () => Promise<Account>;
  preview: (target: string, line: LineId | null) => Promise<Preview>;
  line: (line: LineId) => Promise<LineSettings>;
  change: (line: LineId, change: LineChange) => Promise<LineSettings>;
  people: (query: string) => Promise<Person[]>;
  /** The calls before, for whom call control is not open to. */
  history: (kind?: PastCall['kind'], after?: string) => Promise<History>;
  historySeen: () => Promise<void>;
};

/** The partition that is not named in the name of a line. */
const PARTITION_DEFAULT = 'internal';

/** What a line is called in the interface. */
function named(line: LineId): string {
  return line.partition === PARTITION_DEFAULT || line.partition === '' ? line.number : `${line.number}@${line.partition}`;
}

/** The interface, with `page` as the address that WebSockets belong to. */
export function selfOf(ask: Ask, page: URL): Self {
  const pathOf = (line: LineId) => `/self/lines/${encodeURIComponent(named(line))}`;
  return {
    account: async () => {
      const [made, me] = await Promise.all([ask('/self/phone', { method: 'POST', json: {} }), ask('/self/me').catch(() => null)]);
      return readAccount(made, page, me);
    },
    preview: async (target, line) => readPreview(await ask(`/self/dial?${new URLSearchParams({ to: target, ...(line && { line: named(line) }) })}`)),
    line: async line => readLineSettings(await ask(pathOf(line))),
    change: async (line, change) => readLineSettings(await ask(pathOf(line), { method: 'PATCH', json: change })),
    people: async query => each(fields(await ask(`/self/directory?${new URLSearchParams({ q: query })}`))?.['people'], readPerson),
    history: async (kind, after) => readHistory(await ask(`/self/calls?${new URLSearchParams({ ...(kind && { kind }), ...(after && { behind: after }) })}`)),
    historySeen: async () => void (await ask('/self/calls/seen', { method: 'POST' })),
  };
}

/** Reads the account of a phone; `me` has the name, and the servers that help sound to find its way. */
export function readAccount(value: unknown, page: URL, me: unknown = null): Account {
  const of = fields(value);
  const [uri, user, password] = [text(of?.['uri']), text(of?.['username']), text(of?.['password'])];
  if (uri === '' || user === '' || password === '') throw new Error('no-account');
  const socket = new URL(text(of?.['ws']) || '/sip', page);
  socket.protocol = socket.protocol === 'https:' || socket.protocol === 'wss:' ? 'wss:' : 'ws:';
  const until = Date.parse(text(of?.['expires']));
  return {
    uri,
    user,
    password,
    socket: socket.href,
    name: text(fields(me)?.['name']),
    iceServers: each(fields(me)?.['ice_servers'], readIceServer),
    until: Number.isNaN(until) ? null : until,
  };
}

/** One that a browser would not take is left out: it would take none at all then. */
function readIceServer(value: unknown): IceServer | null {
  const of = fields(value);
  const urls = text(of?.['urls']);
  const [username, credential] = [text(of?.['username']), text(of?.['credential'])];
  if (!/^(stun|turns?):[^/?]+(\?transport=(udp|tcp))?$/.test(urls)) return null;
  if (urls.startsWith('turn')) return username && credential ? { urls, username, credential } : null;
  return urls.includes('?') ? null : { urls };
}

/** Reads a page of the history: the same calls as call control has them, in the interface's words. */
export function readHistory(value: unknown): History {
  const of = fields(value);
  const unseen = of?.['unseen'];
  return { calls: each(of?.['calls'], readCallBefore), unseen: typeof unseen === 'number' ? unseen : 0 };
}

function readCallBefore(value: unknown): PastCall | null {
  const of = fields(value);
  const call = readPastCall({ ...of, call: of?.['id'], name: of?.['peer_name'] });
  const seconds = of?.['seconds'];
  return call && (typeof seconds === 'number' ? { ...call, answered: call.started, ended: call.started + seconds * 1000 } : call);
}

/** Reads what a call would do. */
export function readPreview(value: unknown): Preview {
  const of = fields(value);
  const place = fields(of?.['emergency_location']);
  const goesTo = text(of?.['goes_to']);
  return {
    number: text(of?.['called']) || text(of?.['dialled']),
    name: text(of?.['name']),
    goesTo,
    costs: text(of?.['class']),
    refused: text(of?.['refused']),
    emergency: goesTo === 'emergency' || place !== null,
    location: [text(place?.['name']), text(place?.['address'])].filter(Boolean).join(', '),
  };
}

function readPerson(value: unknown): Person | null {
  const of = fields(value);
  const jid = text(of?.['jid']);
  if (!of || jid === '') return null;
  return { jid, name: text(of['name']) || jid, numbers: each(of['numbers'], one => text(one) || null) };
}

/** Where calls go then; those from inside and from outside may go elsewhere, and the page shows one of them. */
function readForward(when: ForwardWhen, value: unknown): Forward[] {
  const of = fields(value);
  const target = text(of?.['to']) || text(fields(of?.['internal'])?.['to']) || text(fields(of?.['external'])?.['to']);
  return target === '' ? [] : [{ when, target }];
}

function readSpeedDial([place, value]: [string, unknown]): SpeedDial[] {
  const of = fields(value);
  const target = text(of?.['number']);
  return target === '' || !/^\d{1,3}$/.test(place) ? [] : [{ place: Number(place), target, label: text(of?.['label']) }];
}

/** Reads what is set on a line. */
export function readLineSettings(value: unknown): LineSettings {
  const of = fields(fields(value)?.['settings']);
  const forward = fields(of?.['forward']);
  const quiet = text(of?.['do_not_disturb']);
  return {
    forwards: FORWARD_WHEN.flatMap(when => readForward(when, forward?.[when.replace('-', '_')])),
    doNotDisturb: quiet === 'reject' || quiet === 'silent' ? quiet : '',
    speedDials: Object.entries(fields(of?.['speed_dials']) ?? {}).flatMap(readSpeedDial).toSorted((one, other) => one.place - other.place),
  };
}
