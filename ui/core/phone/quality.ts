// How good a call sounds, in words: from what the browser counts (W3C Identifiers for WebRTC's Statistics API).

/** What was counted at one moment. */
export type Sample = {
  at: number;
  received: number;
  lost: number;
  /** Seconds. */
  jitter: number;
  /** Seconds; null when the other side does not report. */
  roundTrip: number | null;
  /** Of what we sent, the part that the other side did not get, 0 to 1. */
  lostThere: number | null;
  bytesIn: number;
  bytesOut: number;
  codec: string;
  /** `host`, `srflx`, `relay` and `udp`, `tcp`: how the sound travels. */
  path: string;
  /** Level of what we send, 0 to 1. */
  level: number | null;
};

/** What is wrong, worst first. */
export type Trouble = 'nothing-comes' | 'loses-much' | 'loses' | 'loses-there' | 'late' | 'uneven';
export type Grade = 'good' | 'fair' | 'poor' | 'unknown';

export type Quality = {
  grade: Grade;
  trouble: Trouble | null;
  /** Percent of what should have come. */
  loss: number;
  jitterMilliseconds: number;
  roundTripMilliseconds: number | null;
  lossThere: number | null;
  kilobitsIn: number;
  kilobitsOut: number;
  codec: string;
  path: string;
};

const LOSS_FAIR = 1;
const LOSS_POOR = 5;
const ROUND_TRIP_FAIR_MILLISECONDS = 400;
const JITTER_FAIR_MILLISECONDS = 40;
const SILENT_SECONDS = 4;

/** What happened between two samples; `up`: sound should come. */
export function judge(before: Sample, now: Sample, up = true): Quality {
  const seconds = Math.max((now.at - before.at) / 1000, 0.001);
  const received = Math.max(now.received - before.received, 0);
  const lost = Math.max(now.lost - before.lost, 0);
  const loss = received + lost === 0 ? 0 : (100 * lost) / (received + lost);
  const roundTripMilliseconds = now.roundTrip === null ? null : Math.round(now.roundTrip * 1000);
  const jitterMilliseconds = Math.round(now.jitter * 1000);
  const lossThere = now.lostThere === null ? null : 100 * now.lostThere;
  const trouble = troubleOf({ received, loss, lossThere, roundTripMilliseconds, jitterMilliseconds, seconds, up });
  return {
    grade: gradeOf(trouble),
    trouble,
    loss,
    jitterMilliseconds,
    roundTripMilliseconds,
    lossThere,
    kilobitsIn: kilobits(now.bytesIn - before.bytesIn, seconds),
    kilobitsOut: kilobits(now.bytesOut - before.bytesOut, seconds),
    codec: now.codec,
    path: now.path,
  };
}

type Measured = {
  received: number;
  loss: number;
  lossThere: number | null;
  roundTripMilliseconds: number | null;
  jitterMilliseconds: number;
  seconds: number;
  up: boolean;
};

function troubleOf(of: Measured): Trouble | null {
  if (of.up && of.received === 0 && of.seconds >= SILENT_SECONDS) return 'nothing-comes';
  if (of.loss >= LOSS_POOR) return 'loses-much';
  if (of.loss >= LOSS_FAIR) return 'loses';
  if ((of.lossThere ?? 0) >= LOSS_FAIR) return 'loses-there';
  if ((of.roundTripMilliseconds ?? 0) >= ROUND_TRIP_FAIR_MILLISECONDS) return 'late';
  if (of.jitterMilliseconds >= JITTER_FAIR_MILLISECONDS) return 'uneven';
  return null;
}

function gradeOf(trouble: Trouble | null): Grade {
  if (trouble === null) return 'good';
  return trouble === 'nothing-comes' || trouble === 'loses-much' ? 'poor' : 'fair';
}

function kilobits(bytes: number, seconds: number): number {
  return Math.max(0, Math.round((bytes * 8) / seconds / 1000));
}

type Entry = Record<string, unknown> & { type?: unknown };

/** Reads what a peer connection counts of its sound. */
export function sampleOf(report: Iterable<Entry>, at: number): Sample {
  const entries = [...report];
  const sound = (type: string) => entries.find(entry => entry.type === type && (entry['kind'] ?? entry['mediaType']) === 'audio');
  const inbound = sound('inbound-rtp');
  const outbound = sound('outbound-rtp');
  const told = sound('remote-inbound-rtp');
  const source = sound('media-source');
  const pair = entries.find(entry => entry.type === 'candidate-pair' && entry['nominated'] === true && entry['state'] === 'succeeded');
  const named = (id: unknown) => entries.find(entry => entry['id'] === id);
  const here = named(pair?.['localCandidateId']);
  const codec = text(named(inbound?.['codecId'])?.['mimeType']).replace(/^audio\//i, '');
  const path = here ? [text(here['candidateType']), text(here['protocol'])].filter(Boolean).join(' ') : '';
  return {
    at,
    received: number(inbound?.['packetsReceived']) ?? 0,
    lost: number(inbound?.['packetsLost']) ?? 0,
    jitter: number(inbound?.['jitter']) ?? 0,
    roundTrip: number(told?.['roundTripTime']) ?? number(pair?.['currentRoundTripTime']),
    lostThere: number(told?.['fractionLost']),
    bytesIn: number(inbound?.['bytesReceived']) ?? 0,
    bytesOut: number(outbound?.['bytesSent']) ?? 0,
    codec,
    path,
    level: number(source?.['audioLevel']),
  };
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
