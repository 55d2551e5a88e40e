// One session of JsSIP, and what its events mean for a call.

import type { IncomingEvent, OutgoingEvent, RTCSession } from 'jssip/lib/RTCSession.js';
import type { Happening, Peer } from './call.ts';
import { endingOfSip } from './ending.ts';

/** What a session tells: what happens to its call, and whether its media path is broken. */
export type SessionHappening = Happening | { kind: 'path'; broken: boolean };

export type SessionListener = { happened: (what: SessionHappening) => void; stream: (stream: MediaStream) => void };

/** What is used of a message of JsSIP. */
type Message = { getHeader?: (name: string) => string | undefined; status_code?: number; body?: string } | null | undefined;

/** So long after the first candidate, others are waited for. */
const GATHER_MILLISECONDS = 400;

/** Listens to a session as long as it lives. */
export function attach(session: RTCSession, listener: SessionListener): void {
  const happened = listener.happened;
  session.on('progress', (event: IncomingEvent | OutgoingEvent) => {
    const response = ('response' in event ? event.response : null) as Message;
    if (session.direction as string === 'outgoing') happened(response?.body ? { kind: 'early' } : { kind: 'ringing' });
  });
  session.on('accepted', (event: IncomingEvent | OutgoingEvent) => {
    happened({ kind: 'answered', at: Date.now() });
    identify(('response' in event ? event.response : null) as Message, happened);
  });
  session.on('hold', event => happened((event.originator as string) === 'local' ? { kind: 'held' } : { kind: 'waiting', on: true }));
  session.on('unhold', event => happened((event.originator as string) === 'local' ? { kind: 'resumed' } : { kind: 'waiting', on: false }));
  session.on('muted', event => event.audio && happened({ kind: 'muted', on: true }));
  session.on('unmuted', event => event.audio && happened({ kind: 'muted', on: false }));
  session.on('reinvite', event => identify(event.request as Message, happened));
  session.on('update', event => identify(event.request as Message, happened));
  const over = (answered: boolean) => (event: { originator: unknown; message: unknown; cause: string }) => {
    const message = event.message as Message;
    happened({
      kind: 'ended',
      at: Date.now(),
      ending: endingOfSip({
        by: event.originator as 'local' | 'remote' | 'system',
        status: message?.status_code,
        cause: event.cause,
        reason: message?.getHeader?.('reason'),
        answered,
        incoming: (session.direction as string) === 'incoming',
      }),
    });
  };
  // Candidates of this machine do for a server that has a public one: those that never come are not waited for (RFC 8838).
  session.on('icecandidate', ({ ready }) => void setTimeout(ready, GATHER_MILLISECONDS));
  session.on('ended', over(true));
  session.on('failed', over(false));
  if (session.connection) watch(session.connection, listener);
  session.on('peerconnection', event => watch(event.peerconnection, listener));
}

const watched = new WeakSet<RTCPeerConnection>();

function watch(connection: RTCPeerConnection, listener: SessionListener): void {
  if (watched.has(connection)) return;
  watched.add(connection);
  const all = new MediaStream();
  connection.addEventListener('track', ({ track }) => {
    all.addTrack(track);
    const pictures = () => listener.happened({ kind: 'pictures', pictures: { theirs: track.readyState === 'live' && !track.muted } });
    if (track.kind === 'video') {
      for (const event of ['mute', 'unmute', 'ended']) track.addEventListener(event, pictures);
      pictures();
    }
    listener.stream(all);
  });
  connection.addEventListener('iceconnectionstatechange', () => {
    const state = connection.iceConnectionState;
    if (state === 'disconnected') listener.happened({ kind: 'path', broken: true });
    if (state === 'connected' || state === 'completed') listener.happened({ kind: 'path', broken: false });
  });
}

/** Who the other side is now, when the server says so (P-Asserted-Identity, RFC 3325). */
function identify(message: Message, happened: (what: Happening) => void): void {
  const header = message?.getHeader?.('p-asserted-identity');
  const peer = header ? readAddress(header) : null;
  if (peer) happened({ kind: 'peer', peer });
}

/** A name and the user part of a URI: `"Bob" <sip:1002@host>;tag=1`. */
export function readAddress(header: string): Peer | null {
  const found = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^<"]*?))?\s*<\s*(?:sips?|tel):([^@>;?]+)/i.exec(header) ?? /^\s*()()(?:sips?|tel):([^@>;?]+)/i.exec(header);
  if (!found) return null;
  const name = (found[1]?.replace(/\\(.)/g, '$1') ?? found[2] ?? '').trim();
  let number = found[3] ?? '';
  try {
    number = decodeURIComponent(number);
  } catch {
    // It is shown as it is.
  }
  return /^anonymous$/i.test(number) ? { number: '', name: '' } : { number, name: name === number ? '' : name };
}

/** Who calls, and who the call was for before it was diverted (Diversion, RFC 5806). */
export function identityOf(session: RTCSession, request: unknown): { peer: Peer; diverted: Peer | undefined } {
  const message = request as Message;
  const asserted = readAddress(message?.getHeader?.('p-asserted-identity') ?? '');
  const from = readAddress(session.remote_identity.toString()) ?? { number: '', name: '' };
  const diverted = readAddress(message?.getHeader?.('diversion') ?? '') ?? undefined;
  const peer = from.number === '' ? from : (asserted ?? from);
  return { peer: { ...peer, name: peer.name || (peer.number === '' ? '' : from.name) }, diverted };
}
