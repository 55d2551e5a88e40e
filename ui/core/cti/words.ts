// The words of call control as they come over the wire (docs/dev/cti.md), read with care: what is not as expected is left out.

/** The version of the conversation that is spoken here. */
export const SUBPROTOCOL = 'carillon-cti-1';

/** A line, always with its partition. */
export type LineId = { number: string; partition: string };

/** A line as a program sees it. */
export type Line = { line: LineId; owner: string; name: string; inService: boolean };

export type ConnectionState = 'initiated' | 'alerting' | 'connected' | 'hold' | 'fail' | 'null';

/** One device in a call. */
export type Connection = {
  line: LineId | null;
  owner: string;
  address: string;
  name: string;
  direction: 'initiator' | 'recipient';
  state: ConnectionState;
  since: number;
};

/** A call with all who are in it. */
export type ControlledCall = {
  id: string;
  sequence: number;
  started: number;
  answered: number | null;
  /** What was dialled; only the caller is told. */
  dialled: string | null;
  connections: Connection[];
};

/** A call of the history. */
export type PastCall = {
  call: string;
  kind: 'placed' | 'received' | 'missed';
  peer: string;
  name: string;
  started: number;
  answered: number | null;
  ended: number;
  seen: boolean;
};

/** Why a request was not carried out. */
export class Refused extends Error {
  readonly code: string;
  /** Of an `unplaceable` target: why. */
  readonly why: string;
  constructor(code: string, text: string, why = '') {
    super(text);
    this.name = 'Refused';
    this.code = code;
    this.why = why;
  }
}

type Fields = Record<string, unknown>;

const STATES = new Set(['initiated', 'alerting', 'connected', 'hold', 'fail', 'null']);
const KINDS = new Set(['placed', 'received', 'missed']);

/** An object of JSON, or null. */
export function fields(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

/** A text, or nothing. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Those of a list that can be read. */
export function each<T>(value: unknown, readOne: (one: unknown) => T | null): T[] {
  return Array.isArray(value) ? value.map(readOne).filter((one): one is T => one !== null) : [];
}

function moment(value: unknown): number | null {
  const at = Date.parse(text(value));
  return Number.isNaN(at) ? null : at;
}

/** Reads a line's number and partition. */
export function readLineId(value: unknown): LineId | null {
  const of = fields(value);
  const number = text(of?.['number']);
  return number === '' ? null : { number, partition: text(of?.['partition']) };
}

/** Reads a line. */
export function readLine(value: unknown): Line | null {
  const of = fields(value);
  const line = readLineId(of?.['line']);
  return of && line ? { line, owner: text(of['owner']), name: text(of['name']), inService: of['inService'] === true } : null;
}

function readConnection(value: unknown): Connection | null {
  const of = fields(value);
  const state = text(of?.['state']);
  if (!of || !STATES.has(state)) return null;
  return {
    line: readLineId(of['line']),
    owner: text(of['owner']),
    address: text(of['address']),
    name: text(of['name']),
    direction: of['direction'] === 'initiator' ? 'initiator' : 'recipient',
    state: state as ConnectionState,
    since: moment(of['since']) ?? 0,
  };
}

/** Reads a call. */
export function readCall(value: unknown): ControlledCall | null {
  const of = fields(value);
  const id = text(of?.['id']);
  if (!of || id === '') return null;
  return {
    id,
    sequence: typeof of['sequence'] === 'number' ? of['sequence'] : 0,
    started: moment(of['started']) ?? 0,
    answered: moment(of['answered']),
    dialled: typeof of['dialled'] === 'string' ? of['dialled'] : null,
    connections: each(of['connections'], readConnection),
  };
}

/** Reads a call of the history. */
export function readPastCall(value: unknown): PastCall | null {
  const of = fields(value);
  const [call, kind] = [text(of?.['call']), text(of?.['kind'])];
  const started = moment(of?.['started']);
  if (!of || call === '' || !KINDS.has(kind) || started === null) return null;
  return {
    call,
    kind: kind as PastCall['kind'],
    peer: text(of['peer']),
    name: text(of['name']),
    started,
    answered: moment(of['answered']),
    ended: moment(of['ended']) ?? started,
    seen: of['seen'] === true,
  };
}

/** The same line? */
export function sameLine(one: LineId | null, other: LineId | null): boolean {
  return one !== null && other !== null && one.number === other.number && one.partition === other.partition;
}
