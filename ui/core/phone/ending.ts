// Why a call ended, in words that a person can act on: from SIP (RFC 3261 §21, RFC 3326) and from call control.

/** Why a call is over. */
export type Ending =
  | 'hung-up'
  | 'hung-up-there'
  | 'cancelled'
  | 'declined'
  | 'declined-here'
  | 'busy'
  | 'no-answer'
  | 'answered-elsewhere'
  | 'not-found'
  | 'not-there'
  | 'not-allowed'
  | 'anonymous-refused'
  | 'no-route'
  | 'no-common-media'
  | 'no-microphone'
  | 'no-media-path'
  | 'limit'
  | 'congestion'
  | 'server-away'
  | 'sign-in'
  | 'transferred'
  | 'parked'
  | 'cost-limit'
  | 'server-fault';

/** What a person can do next. */
export type NextAct = 'none' | 'call-again' | 'call-back' | 'check-number' | 'ask-administrator' | 'check-microphone' | 'check-network' | 'chat';

const BY_STATUS: Record<number, Ending> = {
  401: 'sign-in',
  403: 'not-allowed',
  404: 'not-found',
  407: 'sign-in',
  408: 'no-answer',
  410: 'not-found',
  415: 'no-common-media',
  433: 'anonymous-refused',
  480: 'not-there',
  484: 'not-found',
  486: 'busy',
  487: 'cancelled',
  488: 'no-common-media',
  500: 'server-fault',
  502: 'no-route',
  503: 'limit',
  504: 'no-route',
  580: 'congestion',
  600: 'busy',
  603: 'declined',
  604: 'not-found',
  606: 'no-common-media',
};

/** What JsSIP says when no status does. */
const BY_CAUSE: Record<string, Ending> = {
  'Connection Error': 'server-away',
  'Request Timeout': 'server-away',
  'Internal Error': 'server-fault',
  'Incompatible SDP': 'no-common-media',
  'Bad Media Description': 'no-common-media',
  'Missing SDP': 'no-common-media',
  'User Denied Media Access': 'no-microphone',
  'WebRTC Error': 'no-media-path',
  'RTP Timeout': 'no-media-path',
  'No ACK': 'server-away',
  'No Answer': 'no-answer',
  Expires: 'no-answer',
  Canceled: 'cancelled',
  Busy: 'busy',
  Rejected: 'declined',
  Unavailable: 'not-there',
  'Not Found': 'not-found',
  'Address Incomplete': 'not-found',
  'Authentication Error': 'sign-in',
};

/** The causes of call control (ECMA-269 §12.2.15), as the server writes them. */
const BY_CONTROL: Record<string, Ending> = {
  normalClearing: 'hung-up-there',
  busy: 'busy',
  noAnswer: 'no-answer',
  callCancelled: 'cancelled',
  notObtainable: 'not-found',
  destinationOutOfService: 'not-there',
  declined: 'declined',
  notAllowed: 'not-allowed',
  incompatibleDestination: 'no-common-media',
  resourcesNotAvailable: 'limit',
  networkCongestion: 'congestion',
  networkSignalLost: 'no-media-path',
  answeredElsewhere: 'answered-elsewhere',
  transfer: 'transferred',
  redirected: 'transferred',
  park: 'parked',
  costLimit: 'cost-limit',
};

/** What a session of SIP ended with. */
export type SipEnd = {
  /** Who ended it. */
  by: 'local' | 'remote' | 'system';
  /** The status of the answer, if it was one. */
  status?: number | undefined;
  /** The stack's own word for it. */
  cause: string;
  /** The Reason header of a CANCEL or BYE (RFC 3326). */
  reason?: string | undefined;
  answered: boolean;
  incoming: boolean;
};

/** Why a call of this browser ended. */
export function endingOfSip(end: SipEnd): Ending {
  const elsewhere = /cause\s*=\s*200\b/i.test(end.reason ?? '') || /elsewhere/i.test(end.reason ?? '');
  if (elsewhere && end.incoming && !end.answered) return 'answered-elsewhere';
  if (end.cause === 'Terminated') return end.by === 'local' ? 'hung-up' : 'hung-up-there';
  if (end.by === 'local' && end.incoming && end.cause === 'Rejected') return 'declined-here';
  if (end.status !== undefined && end.status >= 300) {
    return BY_STATUS[end.status] ?? (end.status < 500 ? 'not-there' : 'server-fault');
  }
  return BY_CAUSE[end.cause] ?? 'server-fault';
}

/** Why a call that is controlled from here ended. */
export function endingOfControl(cause: string): Ending {
  return BY_CONTROL[cause] ?? 'hung-up-there';
}

/** Is it a failure, of which more is said than that it is over? */
export function isFailure(ending: Ending): boolean {
  return !['hung-up', 'hung-up-there', 'cancelled', 'declined-here', 'answered-elsewhere', 'transferred', 'parked'].includes(ending);
}

const NEXT: Partial<Record<Ending, NextAct>> = {
  busy: 'call-back',
  'no-answer': 'call-back',
  declined: 'chat',
  'not-there': 'chat',
  'not-found': 'check-number',
  'no-route': 'check-number',
  'not-allowed': 'ask-administrator',
  'cost-limit': 'ask-administrator',
  'sign-in': 'ask-administrator',
  'no-microphone': 'check-microphone',
  'no-media-path': 'check-network',
  'server-away': 'check-network',
  limit: 'call-again',
  congestion: 'call-again',
  'server-fault': 'call-again',
};

/** What to do after a call that ended so. */
export function nextAct(ending: Ending): NextAct {
  return NEXT[ending] ?? 'none';
}
