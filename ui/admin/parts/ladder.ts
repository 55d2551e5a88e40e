// Where the arrows of a ladder go: the parties of a call as columns, the server between the caller and the others.

import type { Trace } from '../api/shapes.ts';

/** An upright line. */
export type Pole = { x: number; label: string; address: string; server: boolean };
/** One message. */
export type Rung = {
  index: number;
  y: number;
  from: number;
  to: number;
  label: string;
  /** What kind of message, for its colour: a request, or an answer by its first digit. */
  kind: 'request' | 'provisional' | 'success' | 'failure';
  repeated: boolean;
  /** Seconds since the first message. */
  seconds: number;
};
/** A ladder to draw. */
export type Ladder = { poles: Pole[]; rungs: Rung[]; width: number; height: number };

const POLE_STEP = 185;
const POLE_FIRST = 130;
const RUNG_FIRST = 74;
const RUNG_STEP = 34;

/** The first line of a message in few words: the method, or the answer with the method that it is for. */
export function labelOf(text: string): { label: string; kind: Rung['kind'] } {
  const first = text.split(/\r?\n/, 1)[0] ?? '';
  const answer = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(first);
  if (!answer) return { label: first.split(' ', 1)[0] ?? '', kind: 'request' };
  const status = Number(answer[1]);
  const method = /^cseq[ \t]*:[ \t]*\d+[ \t]+(\S+)/im.exec(text)?.[1];
  const label = `${status} ${answer[2] ?? ''}`.trim() + (method && method !== 'INVITE' ? ` (${method})` : '');
  return { label, kind: status < 200 ? 'provisional' : status < 300 ? 'success' : 'failure' };
}

/** Lays a trace out. */
export function layOut(trace: Trace): Ladder {
  const column = (party: number) => (party === 0 ? 0 : party + 1);
  const x = (place: number) => POLE_FIRST + place * POLE_STEP;
  const poles: Pole[] = trace.parties.map((party, index) => ({ x: x(column(index)), label: party.label, address: party.address, server: false }));
  poles.push({ x: x(1), label: 'Carillon', address: '', server: true });
  poles.sort((one, other) => one.x - other.x);
  const start = trace.messages[0] ? Date.parse(trace.messages[0].at) : 0;
  const rungs = trace.messages.map((message, index): Rung => {
    const [server, party] = [x(1), x(column(message.party))];
    return {
      index,
      y: RUNG_FIRST + index * RUNG_STEP,
      from: message.sent ? server : party,
      to: message.sent ? party : server,
      ...labelOf(message.text),
      repeated: message.repeated,
      seconds: Math.max(0, (Date.parse(message.at) - start) / 1000),
    };
  });
  return { poles, rungs, width: Math.max(...poles.map(pole => pole.x)) + POLE_FIRST - 30, height: RUNG_FIRST + trace.messages.length * RUNG_STEP };
}
