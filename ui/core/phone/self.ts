// What the server tells a person about their own lines, and does for them: `/api/v1/self`.

import { type LineId, each, fields, readLineId, text } from '../cti/words.ts';
import type { Account, IceServer } from './browser.ts';

/** Asks the server's interface. */
export type Ask = (path: string, init?: { method?: string; json?: unknown }) => Promise<unknown>;

export type ForwardWhen = 'all' | 'busy' | 'no-answer' | 'unregistered';
export const FORWARD_WHEN: readonly ForwardWhen[] = ['all', 'busy', 'no-answer', 'unregistered'];
export type Forward = { when: ForwardWhen; calls: string; target: string; after: number | null };
export type SpeedDial = { place: number; target: string; label: string };
export type DoNotDisturb = '' | 'reject' | 'silent';

/** What a person has set on a line. */
export type LineSettings = { forwards: Forward[]; doNotDisturb: DoNotDisturb; speedDials: SpeedDial[] };

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
  iceServers: () => Promise<IceServer[]>;
  preview: (target: string, line: LineId | null) => Promise<Preview>;
  line: (line: LineId) => Promise<LineSettings>;
  people: (query: string) => Promise<Person[]>;
};

/** The interface, with `page` as the address that WebSockets belong to. */
export function selfOf(ask: Ask, page: URL): Self {
  const iceServers = async () => {
    const me = fields(await ask('/self/me'));
    return each(me?.['ice_servers'] ?? me?.['iceServers'], readIceServer);
  };
  return {
    iceServers,
    account: async () => {
      const [made, servers] = await Promise.all([ask('/self/phone', { method: 'POST', json: {} }), iceServers().catch(() => [])]);
      return readAccount(made, page, servers);
    },
    preview: async (target, line) => readPreview(await ask(`/self/dial?${new URLSearchParams({ to: target, ...(line && { line: line.number }) })}`)),
    line: async line => readLineSettings(await ask(`/self/lines/${encodeURIComponent(line.number)}?${new URLSearchParams({ partition: line.partition })}`)),
    people: async query => {
      const found = await ask(`/self/directory?${new URLSearchParams({ q: query })}`);
      return each(fields(found)?.['people'] ?? fields(found)?.['items'] ?? found, readPerson);
    },
  };
}

/** Reads the account of a phone. */
export function readAccount(value: unknown, page: URL, iceServers: IceServer[] = []): Account {
  const of = fields(value);
  const [uri, user, password] = [text(of?.['uri']), text(of?.['username']), text(of?.['password'])];
  if (uri === '' || password === '') throw new Error('no-account');
  const socket = new URL(text(of?.['ws']) || '/sip', page);
  socket.protocol = socket.protocol === 'https:' || socket.protocol === 'wss:' ? 'wss:' : 'ws:';
  return { uri, user, password, socket: socket.href, name: text(of?.['name']), iceServers };
}

function readIceServer(value: unknown): IceServer | null {
  const of = fields(value);
  const urls = Array.isArray(of?.['urls']) ? of['urls'].filter((url): url is string => typeof url === 'string') : text(of?.['urls']);
  if (!of || urls.length === 0) return null;
  const [username, credential] = [text(of['username']), text(of['credential'])];
  return { urls, ...(username && { username }), ...(credential && { credential }) };
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
  const numbers = each(of['numbers'] ?? of['lines'], one => text(one) || readLineId(one)?.number || null);
  return { jid, name: text(of['name']) || jid, numbers };
}

function readForward(value: unknown): Forward | null {
  const of = fields(value);
  const when = FORWARD_WHEN.find(one => one === text(of?.['when']).replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`).replace('_', '-'));
  const target = text(of?.['target']);
  const after = of?.['after'];
  return of && when && target ? { when, calls: text(of['calls']), target, after: typeof after === 'number' ? after : null } : null;
}

function readSpeedDial(value: unknown): SpeedDial | null {
  const of = fields(value);
  const place = of?.['place'];
  const target = text(of?.['target']) || text(of?.['number']);
  return of && typeof place === 'number' && target ? { place, target, label: text(of['label']) } : null;
}

/** Reads what is set on a line. */
export function readLineSettings(value: unknown): LineSettings {
  const of = fields(value);
  const quiet = text(of?.['do_not_disturb'] ?? of?.['doNotDisturb']);
  return {
    forwards: each(of?.['forwards'], readForward),
    doNotDisturb: quiet === 'reject' || quiet === 'silent' ? quiet : '',
    speedDials: each(of?.['speed_dials'] ?? of?.['speedDials'], readSpeedDial).toSorted((one, other) => one.place - other.place),
  };
}
