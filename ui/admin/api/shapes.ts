// The shapes of what the server answers, by the names that the console has for them.

export type { PasswordSet, TokenShown as SignIn, UserMade as UserAdded, UserShown as User } from './types.ts';

/** A line. */
export type Line = { number: string; partition: string; owner: string | null };
/** A line with what its user has set. */
export type LineShown = Line & { settings: Record<string, unknown>; outside: OutsideClass[] };
/** What a line may call outside, and has called. */
export type OutsideClass = {
  class: string;
  calls: number;
  calls_this_hour: number;
  calls_this_day: number;
  minutes_this_day: number;
  allowed: { calls_max: number; calls_per_hour: number; calls_per_day: number; minutes_per_day: number };
  barred: string | null;
};
/** A device. */
export type Device = { name: string; lines: string[]; pool: string | null; account: string | null; registered: string[] };
/** A phone that is registered. */
export type Registration = { line: string; owner: string | null; phone: string | null; source: string; expires: string };
/** A client that is signed in. */
export type ChatSession = { jid: string; address: string; since: string; show: string | null; idle_seconds: number; is_waiting: boolean };
/** A call in a few words. */
export type CallRow = { from: string; to: string; state: string; started: string; answered: string | null };
/** A port that is listened on. */
export type ListenerRow = { name: string; address: string; is_up: boolean };
/** How the server is. */
export type Status = {
  version: string;
  domain: string;
  uptime_seconds: number;
  storage_failure: string | null;
  listeners: ListenerRow[];
  sessions: ChatSession[];
  registrations: Registration[];
  calls: CallRow[];
  alerts: unknown[];
};
/** One thing that was looked at, and how it stands. */
export type Check = { what: string; grade: string; text: string; advice: string };
/** A trunk. */
export type Trunk = {
  name: string;
  address: string;
  usable: boolean;
  registration: string | null;
  registered: boolean;
  calls: number;
  calls_max: number | null;
  from: string[];
  servers: { server: string; state: string; seconds: number; rests_seconds: number | null }[];
  problem: string | null;
};
/** What a server of a trunk said to OPTIONS. */
export type TrunkTested = { server: string; status: number | null; milliseconds: number };
/** A call. */
export type Call = {
  id: string;
  state: string;
  started: string;
  answered: string | null;
  ended: string | null;
  seconds: number | null;
  dialled: string;
  cause: string | null;
  ended_by: number | null;
  linked: string | null;
  legs: Leg[];
};
/** A device in a call. */
export type Leg = {
  line: string | null;
  owner: string | null;
  address: string;
  name: string | null;
  calling: boolean;
  state: string;
  alerted: string | null;
  answered: string | null;
  ended: string | null;
  cause: string | null;
  sip_call_id: string;
  codecs: string;
  quality: { packets: number; lost: number; jitter_ms: number; round_trip_ms: number | null; mean_opinion_score: number | null } | null;
};
/** What was said in a call. */
export type Trace = {
  id: string;
  parties: { label: string; address: string }[];
  messages: { at: string; party: number; sent: boolean; repeated: boolean; text: string; cut: number }[];
  left_out: number;
};
/** The dial plan. */
export type DialPlan = { revision: number; changed: string | null; document: string };
/** Something about a dial plan. */
export type Finding = { severity: string; path: string; message: string; advice: string };
/** What a call would do, and why. */
export type Tested = {
  summary: { goes_to: string; called: string; calling: string };
  explanation: { steps: { text: string; candidates?: { kind: string; partition: string; pattern: string; taken: boolean; why: string }[]; more?: number }[] };
  text: string;
};
/** A queue of callers. */
export type Queue = {
  name: string;
  number: { number: string; partition: string };
  distribution: string;
  maxWaiting: number;
  callers: { call: string; number: string; name: string | null; since: string }[];
  agents: { line: { number: string; partition: string }; state: string; taken: number; missed: number }[];
};
/** A room where several people talk. */
export type Room = { jid: string; owners: string[]; admins: string[]; members: number; outcasts: number; orphaned: boolean };
/** Another server. */
export type Federated = {
  domain: string;
  local: string;
  state: string;
  how: string | null;
  since: string | null;
  queued: number;
  oldest_seconds: number | null;
  failure: string | null;
  failed_at: string | null;
  sent: number;
  returned: number;
  incoming: { address: string; since: string; authentication: string }[];
};
/** What an administrator did. */
export type AuditEntry = { id: number; at: string; who: string; how: string; address: string; act: string; target: string; before: unknown; after: unknown; result: string };
/** A sound. */
export type Sound = { name: string; of_the_house: boolean; milliseconds?: number };
/** A certificate that is in use. */
export type Certificate = { subject: string; issuer: string; names: string[]; not_before: string; not_after: string; days_left: number; self_signed: boolean; fingerprint: string };
/** A group of people. */
export type Group = { name: string; shared: boolean; in_rosters: boolean; members: string[] };
/** An invitation that stands. */
export type Invitation = { id: string; username: string | null; inviter: string | null; created_at: string; expires_at: string };
/** A case that failed. */
export type CaseFailure = { row: number; case: Record<string, string>; found: string; explanation: string };
/** What came of applying a dial plan. */
export type PlanApplied = { applied: boolean; revision: number; findings: Finding[]; cases: number; failures: CaseFailure[] };
/** What came of running cases. */
export type CasesRun = { cases: number; failures: CaseFailure[]; saved: boolean };
/** Bandwidth at a place. */
export type Bandwidth = { name: string; audio_taken: number; audio_kbits: number; video_taken: number; video_kbits: number; calls: number };
