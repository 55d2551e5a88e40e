// Generated from docs/openapi.json by build/openapi-types.mjs: not to be changed by hand.

/** The paths that the server has. */
export const PATHS: readonly string[] = [
  "/api/v1/admin/administrators",
  "/api/v1/admin/administrators/{name}",
  "/api/v1/admin/administrators/{name}/password",
  "/api/v1/admin/announcements",
  "/api/v1/admin/announcements/message-of-the-day",
  "/api/v1/admin/audit",
  "/api/v1/admin/audit.csv",
  "/api/v1/admin/backup",
  "/api/v1/admin/backup/verify",
  "/api/v1/admin/calls",
  "/api/v1/admin/calls/{id}",
  "/api/v1/admin/calls/{id}/trace",
  "/api/v1/admin/certificates",
  "/api/v1/admin/certificates/reload",
  "/api/v1/admin/devices",
  "/api/v1/admin/devices/{name}",
  "/api/v1/admin/devices/{name}/password",
  "/api/v1/admin/dialplan",
  "/api/v1/admin/dialplan/cases",
  "/api/v1/admin/dialplan/cases/run",
  "/api/v1/admin/dialplan/check",
  "/api/v1/admin/dialplan/test",
  "/api/v1/admin/federation",
  "/api/v1/admin/federation/{domain}/test",
  "/api/v1/admin/groups",
  "/api/v1/admin/groups/{name}",
  "/api/v1/admin/health",
  "/api/v1/admin/invitations",
  "/api/v1/admin/invitations/{id}",
  "/api/v1/admin/lines",
  "/api/v1/admin/lines/{line}",
  "/api/v1/admin/lines/{line}/password",
  "/api/v1/admin/lines/{line}/release",
  "/api/v1/admin/log-levels",
  "/api/v1/admin/log-levels/{module}",
  "/api/v1/admin/presence/{jid}",
  "/api/v1/admin/queues",
  "/api/v1/admin/recordings",
  "/api/v1/admin/registrations",
  "/api/v1/admin/rooms",
  "/api/v1/admin/search",
  "/api/v1/admin/session",
  "/api/v1/admin/session/password",
  "/api/v1/admin/session/totp",
  "/api/v1/admin/sessions",
  "/api/v1/admin/sessions/{jid}",
  "/api/v1/admin/sounds",
  "/api/v1/admin/sounds/{name}",
  "/api/v1/admin/status",
  "/api/v1/admin/tokens",
  "/api/v1/admin/tokens/{id}",
  "/api/v1/admin/trunks",
  "/api/v1/admin/trunks/{name}",
  "/api/v1/admin/trunks/{name}/test",
  "/api/v1/admin/users",
  "/api/v1/admin/users/{jid}",
  "/api/v1/admin/users/{jid}/password",
  "/api/v1/admin/users/{jid}/sign-ins",
];

/** An act as it is told. */
export type ActShown = {
  /** What was done. */
  act: string;
  /** What it was like after, or what was given, without its secrets. */
  after: unknown;
  /** When. */
  at: string;
  /** What it was like before, where that is known. */
  before: unknown;
  /** From where; none when it was on the server itself. */
  from?: string | null;
  /** By which way: `api`, `socket`, `chat` or `store`. */
  how: string;
  /** Its number. */
  id: number;
  /** `done`, or why it was not. */
  result: string;
  /** To what. */
  target?: string | null;
  /** Who. */
  who: string;
};

/** A page of acts. */
export type Acts = {
  /** What is on it. */
  items: ActShown[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** Another role. */
export type AdministratorChange = {
  /** What they are there for from now on. */
  role: Role;
};

/** An administrator to be made. */
export type AdministratorGiven = {
  /** The name to sign in with. */
  name: string;
  /** The password; a one-time one is made up when none is given. */
  password?: string | null;
  /** What they are there for. */
  role: Role;
};

/** An administrator, as others see them. */
export type AdministratorShown = {
  /** They have a one-time password and must choose another. */
  must_choose_password: boolean;
  /** The name to sign in with. */
  name: string;
  /** What they are there for. */
  role: Role;
  /** They sign in with a code as well. */
  second_factor: boolean;
};

/** An agent of a queue. */
export type Agent = {
  /** The line. */
  line: LineName;
  /** Calls that it was rung for in vain. */
  missed: number;
  /** How it stands. */
  state: string;
  /** Calls of queues that it has taken since the start of the server. */
  taken: number;
};

/** Something odd. */
export type Alert = {
  /** When it was noticed first. */
  at: string;
  /** In words. */
  text: string;
  /** How often it was noticed since. */
  times: number;
  /** What: `limit`, `short-calls`, `night-calls`, `refused-numbers`, `scanning`. */
  what: string;
  /** Who: a line, or an address. */
  who: string;
};

/** What came of an announcement. */
export type Announced = {
  /** How many users it was for. */
  users: number;
};

/** Something to say. */
export type AnnouncementGiven = {
  /** Also to those who are not signed in. */
  all?: boolean;
  /** What. */
  text: string;
};

/** A token that was made. It is told this once: only a hash of it is kept. */
export type ApiTokenMade = {
  /** When it ends. */
  expires_at: string;
  /** What it is called in paths. */
  id: string;
  /** The token. */
  token: string;
};

/** A token of a program, without the token. */
export type ApiTokenShown = {
  /** When it was made. */
  created_at: string;
  /** When it ends. */
  expires_at: string;
  /** What it is called in paths. */
  id: string;
  /** Who made it. */
  made_by: string;
  /** What it is for. */
  name: string;
  /** What it may do. */
  role: Role;
};

/** Where a backup goes. */
export type BackupGiven = {
  /** A path on the server that nothing is at yet. */
  path: string;
};

/** A backup. */
export type BackupMade = {
  /** Where it is, on the server. */
  path: string;
};

/** A page of calls. How many there are in all is not counted. */
export type CallPage = {
  /** What is on it. */
  items: CallShown[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many are on this page. */
  total: number;
};

/** One live call. */
export type CallRow = {
  /** When it was answered. */
  answered?: string | null;
  /** Who calls, as shown to people. */
  from: string;
  /** When it started. */
  started: string;
  /** What the call is doing, in words: "Ringing", "Talking", "On hold". */
  state: string;
  /** Who is called. */
  to: string;
};

/** A call as an administrator sees it. */
export type CallShown = {
  /** When it was first answered. */
  answered?: string | null;
  /** Why it ended. */
  cause?: string | null;
  /** What was dialled. */
  dialled: string;
  /** When it ended. */
  ended?: string | null;
  /** The place of the leg that ended it, from 0; none when the server did. */
  ended_by?: number | null;
  /** Its number. */
  id: string;
  /** The devices; the caller first. */
  legs: LegShown[];
  /** The call that a leg of it came from or went to. */
  linked?: string | null;
  /** How long it was talked, in seconds. */
  seconds?: number | null;
  /** When the caller dialled. */
  started: string;
  /** `dialling`, `ringing`, `talking`, `held` or `ended`. */
  state: string;
};

/** What was said in a call. */
export type CallTraced = {
  /** The call's number, or the Call-ID that was asked for. */
  id: string;
  /** Messages of long legs that are not kept. */
  left_out: number;
  /** The messages, in the order of their times. */
  messages: MessageShown[];
  /** The parties: who was spoken with. */
  parties: PartyShown[];
};

/** A pattern that matches the number. */
export type Candidate = {
  /** `line`, `route`, … */
  kind: string;
  /** Its partition. */
  partition: string;
  /** The pattern. */
  pattern: string;
  /** Is it the one that was taken? */
  taken: boolean;
  /** Why it was taken, or not. */
  why: string;
};

/** A question, or a saved case. What is empty is not looked at. */
export type Case = {
  /** What the regions of both ends allow, in the words of an explanation. */
  allows?: string;
  /** As if there were no bandwidth to the line that is reached: `yes`. */
  around?: string;
  /** When, such as `2026-11-20T09:30:00Z`; nothing is now. */
  at?: string;
  /** The authorisation code that is keyed in. */
  authorization?: string;
  /** The called number there. */
  called?: string;
  /** The calling number there. */
  calling?: string;
  /** The device of the line. */
  device?: string;
  /** What is dialled: a number, a name, or `user@domain` of another domain. */
  dial?: string;
  /** A line, `trunk NAME NUMBER`, or nothing. */
  from?: string;
  /** Where it goes. */
  goes_to?: string;
  /** The client matter code that is keyed in. */
  matter?: string;
  /** What it is there for. */
  name?: string;
  /** Digit by digit: `yes`. */
  overlap?: string;
};

/** A case that did not come out as it says. */
export type CaseFailure = {
  /** The case. */
  case: Case;
  /** The explanation, line by line. */
  explanation: string;
  /** What came out, or why it could not be run. */
  found: string;
  /** Its row, from 1. */
  row: number;
};

/** The saved cases. */
export type Cases = {
  /** They are run on every change of the dial plan. */
  items: Case[];
  /** How many there are. */
  total: number;
};

/** Cases as CSV, with a head. */
export type CasesGiven = {
  /** The text. */
  csv: string;
};

/** What came of running cases. */
export type CasesRun = {
  /** How many were run. */
  cases: number;
  /** The explanation of each, when it was asked for. */
  explanations: string[];
  /** Those that failed. */
  failures: CaseFailure[];
  /** They were saved, and are run on every change from now on. */
  saved: boolean;
};

/** Cases as CSV, or none for the saved ones. */
export type CasesToRun = {
  /** The text. */
  csv?: string | null;
  /** Explains every case. */
  explain?: boolean;
};

/** A certificate, for people. */
export type Certificate = {
  /** For how many more days; negative when it is out of time. */
  days_left: number;
  /** SHA-256 of the whole of it, in hexadecimal. */
  fingerprint: string;
  /** Who signed it. */
  issuer: string;
  /** The names that it is for. */
  names: string[];
  /** Until when it is good. */
  not_after: string;
  /** From when it is good. */
  not_before: string;
  /** It is signed by itself. */
  self_signed: boolean;
  /** Whose it is. */
  subject: string;
};

/** The certificates in use. */
export type Certificates = {
  items: Certificate[];
  total: number;
};

/** Something that was looked at. */
export type Check = {
  /** What to do next; empty when nothing. */
  advice: string;
  /** `failed`, `warning` or `fine`. */
  grade: string;
  /** What was seen. */
  text: string;
  /** What: `storage`, `listener`, `certificate`, `trunk`, `federation`, `calls`. */
  what: string;
};

/** Another password. */
export type Choice = {
  /** The code of the second factor, when there is one. */
  code?: string | null;
  /** The password that is in force; not asked of who signed in with a one-time password. */
  current?: string;
  /** The new one: 12 characters at least. */
  password: string;
};

/** A code of the second factor. */
export type CodeGiven = {
  /** Six digits, or a recovery code. */
  code: string;
};

/** A device that gets an account. */
export type DeviceGiven = {
  /** The line that it signs in for; the first that the dial plan gives it when none is named. */
  line?: string | null;
  /** Its name: letters, digits, `-`, `_` and `.`. */
  name: string;
  /** What it signs in with; made up when it is not given. */
  password?: string | null;
};

/** A device as an administrator sees it. */
export type DeviceShown = {
  /** The line of its account; `None` when it signs in with its lines' accounts. */
  account?: string | null;
  /** The lines that it shows, as the dial plan has them. */
  lines: string[];
  /** Its name. */
  name: string;
  /** Its device pool. */
  pool?: string | null;
  /** Where it is registered from. */
  registered: string[];
};

/** The dial plan in force. */
export type DialPlan = {
  /** When it was changed last. */
  changed?: string | null;
  /** The document in TOML. What is secret in it is hidden unless `secrets` is asked for, and must be there in a document that is put. */
  document: string;
  /** Counts changes; 0 when none was ever applied. */
  revision: number;
};

/** What came of it. */
export type DialPlanApplied = {
  /** It is in force. When it is not, findings or failures say why. */
  applied: boolean;
  /** How many saved cases were run. */
  cases: number;
  /** Those that failed. */
  failures: CaseFailure[];
  /** What the check found. */
  findings: Finding[];
  /** The revision in force. */
  revision: number;
};

/** A plan that shall take effect. */
export type DialPlanGiven = {
  /** Cases, as CSV, that are saved in place of those that were. */
  cases?: string | null;
  /** The document. */
  document: string;
  /** Takes effect although saved cases fail. */
  without_cases?: boolean;
};

/** A document, or none for the one in force. */
export type DocumentGiven = {
  /** The document. */
  document?: string | null;
};

/** What an application for codes needs. */
export type Enrolment = {
  /** The secret, to be typed. */
  secret: string;
  /** The link, to be shown as a QR code. */
  uri: string;
};

/** How a route was found, step by step. */
export type Explanation = {
  steps: Step[];
};

/** How another domain stands to one of ours. */
export type Federated = {
  /** The other domain. */
  domain: string;
  /** When that was. */
  failed_at?: string | null;
  /** Why the last try failed, if it did. */
  failure?: string | null;
  /** How we are connected. */
  how?: string | null;
  /** Its streams to us. */
  incoming: Incoming[];
  /** Ours. */
  local: string;
  /** In how many seconds the next try is made. */
  next_try_seconds?: number | null;
  /** How long the oldest of them has been waiting, in seconds. */
  oldest_seconds?: number | null;
  /** Stanzas that wait for it. */
  queued: number;
  /** Stanzas for it that went back to their senders. */
  returned: number;
  /** Stanzas that it has got since we started. */
  sent: number;
  /** Since when we are connected. */
  since?: string | null;
  /** `connected`, `connecting`, `waiting` or `idle`: our way to it. */
  state: string;
};

/** A step on the way to another domain. */
export type FederationStep = {
  /** What to do about it; empty when nothing. */
  advice: string;
  /** `fine`, `warning` or `failed`. */
  grade: string;
  /** What was seen. */
  text: string;
  /** What was done: `policy`, `dns`, `connect`, `tls`, `certificate`, `authentication`. */
  what: string;
};

/** A field that is not right. */
export type FieldProblem = {
  /** Where it is, such as `lines[0].number`; empty for the request as a whole. */
  field: string;
  /** What is wrong with it. */
  message: string;
};

/** Something in a plan that is not right. */
export type Finding = {
  /** What to do. */
  advice: string;
  /** What is wrong. */
  message: string;
  /** Where: `route 9.011! in pstn`. */
  path: string;
  /** `error`: the plan does not take effect; or `warning`. */
  severity: string;
};

/** What the check found. */
export type Findings = {
  findings: Finding[];
};

/** What is to be changed; the rest stays. */
export type GroupChanges = {
  /** Exactly these belong to it. */
  members?: string[] | null;
  /** Its members stand in each other's rosters. */
  shared?: boolean | null;
};

/** A group to be made. */
export type GroupGiven = {
  /** Who belongs to it. */
  members?: string[];
  /** Its name. */
  name: string;
  /** Its members stand in each other's rosters. */
  shared?: boolean;
};

/** A group as an administrator sees it. */
export type GroupShown = {
  /** They do: it is shared and not too large. */
  in_rosters: boolean;
  /** Who belongs to it. */
  members: string[];
  /** Its name. */
  name: string;
  /** Its members are meant to stand in each other's rosters. */
  shared: boolean;
};

/** What was looked at, the worst first. */
export type Health = {
  checks: Check[];
  /** The worst grade of all. */
  grade: string;
};

/** Something that was found. */
export type Hit = {
  /** What it is called in the path of its kind. */
  id: string;
  /** `user`, `line`, `device`, `room` or `trunk`. */
  kind: string;
  /** What people call it. */
  title: string;
};

/** What was found. */
export type Hits = {
  items: Hit[];
};

/** A stream of another server to us. */
export type Incoming = {
  /** Where it comes from. */
  address: string;
  /** How it is authenticated. */
  authentication: string;
  /** Since when. */
  since: string;
};

/** Who is invited. */
export type InvitationGiven = {
  /** How many days the link is good. */
  days?: number | null;
  /** Who becomes a contact of the new account. */
  inviter?: string | null;
  /** Under this name only. */
  username?: string | null;
};

/** What came of inviting. The link is told this once: of its token only a hash is kept. */
export type InvitationMade = {
  /** When it ends. */
  expires_at: string;
  /** The link, for one account. */
  uri: string;
  /** What the administrator should know. */
  warnings: string[];
};

/** An invitation as an administrator sees it. */
export type InvitationShown = {
  /** When it was made. */
  created_at: string;
  /** When it ends. */
  expires_at: string;
  /** What it is called. */
  id: string;
  /** Who becomes a contact of the new account. */
  inviter?: string | null;
  /** The only name that it is good for. */
  username?: string | null;
};

/** A device in a call as an administrator sees it. */
export type LegShown = {
  /** What the other side was shown. */
  address: string;
  /** When it rang, was connected, and left. */
  alerted?: string | null;
  /** When it was connected. */
  answered?: string | null;
  /** It called; else it was called. */
  calling: boolean;
  /** Why it left. */
  cause?: string | null;
  /** The codecs in use. */
  codecs: string;
  /** When it left. */
  ended?: string | null;
  /** Its line. */
  line?: string | null;
  /** The name that the other side was shown. */
  name?: string | null;
  /** The line's owner. */
  owner?: string | null;
  quality?: null | QualityShown;
  /** The Call-ID of its SIP dialog. */
  sip_call_id: string;
  /** `dialling`, `ringing`, `talking`, `held` or `ended`. */
  state: string;
};

/** The level of a module. */
export type Level = {
  /** `off`, `error`, `warn`, `info`, `debug` or `trace`. */
  level: string;
  /** The module; `all` for those without a level of their own. */
  module: string;
};

/** Another level. */
export type LevelGiven = {
  /** `off`, `error`, `warn`, `info`, `debug` or `trace`. */
  level: string;
};

/** The levels of the log. */
export type Levels = {
  items: Level[];
  total: number;
};

/** What is to be set; done one after the other. */
export type LineChanges = {
  /** Each has `set` with what it sets, such as `{"set": "do-not-disturb", "mode": "reject"}` or `{"set": "forward", "when": "busy", "to": "1003"}`. */
  changes: Record<string, unknown>[];
};

/** A line with what its user has set. */
export type LineDetail = LineShown & {
  /** What it has used of what it may call outside, class by class. */
  outside: Record<string, unknown>[];
  /** What its user has set: forwards, do not disturb, speed dials and so on; what is not set is not there. */
  settings: Record<string, unknown>;
};

/** A line to be added. */
export type LineGiven = {
  /** Its number, such as `1004`, or `1004@partition`. */
  line: string;
  /** The user whose line it is to be. */
  owner?: string | null;
  /** What its phones sign in with; made up when it is not given. */
  password?: string | null;
};

/** What came of adding a line. The password is here only when it was made up, and only now. */
export type LineMade = {
  /** The line. */
  line: string;
  /** The password that was made up. */
  password?: string | null;
  /** What the administrator should know. */
  warnings: string[];
};

/** A line. */
export type LineName = {
  number: string;
  partition: string;
};

/** A line as an administrator sees it. */
export type LineShown = {
  /** The number. */
  number: string;
  /** The user whose line it is. */
  owner?: string | null;
  /** The partition. */
  partition: string;
};

/** One address that is listened on. */
export type ListenerShown = {
  /** Where. */
  address: string;
  /** It is served. */
  is_up: boolean;
  /** What is spoken there. */
  name: string;
};

/** What everybody gets when they sign in, once. */
export type MessageGiven = {
  /** Those who are signed in get it now. */
  tell?: boolean;
  /** What it says. */
  text: string;
};

/** The message that everybody gets when they sign in, once. */
export type MessageOfTheDay = {
  /** What it says; nothing when there is none. */
  text?: string | null;
};

/** A message of a trace. */
export type MessageShown = {
  /** When it came or went. */
  at: string;
  /** Bytes that were cut off at its end. */
  cut: number;
  /** The place of the party, from 0. */
  party: number;
  /** It is the same as one before. */
  repeated: boolean;
  /** The server sent it; else the party did. */
  sent: boolean;
  /** The message, without its secrets. */
  text: string;
};

/** A page of a list. */
export type PageAdministratorShown = {
  /** What is on it. */
  items: {
    /** They have a one-time password and must choose another. */
    must_choose_password: boolean;
    /** The name to sign in with. */
    name: string;
    /** What they are there for. */
    role: Role;
    /** They sign in with a code as well. */
    second_factor: boolean;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageApiTokenShown = {
  /** What is on it. */
  items: {
    /** When it was made. */
    created_at: string;
    /** When it ends. */
    expires_at: string;
    /** What it is called in paths. */
    id: string;
    /** Who made it. */
    made_by: string;
    /** What it is for. */
    name: string;
    /** What it may do. */
    role: Role;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageDeviceShown = {
  /** What is on it. */
  items: {
    /** The line of its account; `None` when it signs in with its lines' accounts. */
    account?: string | null;
    /** The lines that it shows, as the dial plan has them. */
    lines: string[];
    /** Its name. */
    name: string;
    /** Its device pool. */
    pool?: string | null;
    /** Where it is registered from. */
    registered: string[];
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageFederated = {
  /** What is on it. */
  items: {
    /** The other domain. */
    domain: string;
    /** When that was. */
    failed_at?: string | null;
    /** Why the last try failed, if it did. */
    failure?: string | null;
    /** How we are connected. */
    how?: string | null;
    /** Its streams to us. */
    incoming: Incoming[];
    /** Ours. */
    local: string;
    /** In how many seconds the next try is made. */
    next_try_seconds?: number | null;
    /** How long the oldest of them has been waiting, in seconds. */
    oldest_seconds?: number | null;
    /** Stanzas that wait for it. */
    queued: number;
    /** Stanzas for it that went back to their senders. */
    returned: number;
    /** Stanzas that it has got since we started. */
    sent: number;
    /** Since when we are connected. */
    since?: string | null;
    /** `connected`, `connecting`, `waiting` or `idle`: our way to it. */
    state: string;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageGroupShown = {
  /** What is on it. */
  items: {
    /** They do: it is shared and not too large. */
    in_rosters: boolean;
    /** Who belongs to it. */
    members: string[];
    /** Its name. */
    name: string;
    /** Its members are meant to stand in each other's rosters. */
    shared: boolean;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageInvitationShown = {
  /** What is on it. */
  items: {
    /** When it was made. */
    created_at: string;
    /** When it ends. */
    expires_at: string;
    /** What it is called. */
    id: string;
    /** Who becomes a contact of the new account. */
    inviter?: string | null;
    /** The only name that it is good for. */
    username?: string | null;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageLineShown = {
  /** What is on it. */
  items: {
    /** The number. */
    number: string;
    /** The user whose line it is. */
    owner?: string | null;
    /** The partition. */
    partition: string;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageQueue = {
  /** What is on it. */
  items: {
    /** Its agents. */
    agents: Agent[];
    /** Who waits, first to last. */
    callers: QueuedCaller[];
    /** Which agent is rung, in the word of the dial plan. */
    distribution: string;
    /** How many may wait. */
    maxWaiting: number;
    /** Its name. */
    name: string;
    /** Its number. */
    number: LineName;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageRecordingShown = {
  /** What is on it. */
  items: {
    /** When it was written last. */
    at: string;
    /** How large it is, in bytes. */
    bytes: number;
    /** The call's number. */
    call: string;
    /** The file. */
    path: string;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageRegistrationRow = {
  /** What is on it. */
  items: {
    /** When it lapses. */
    expires: string;
    /** The line. */
    line: string;
    /** Whose it is. */
    owner?: string | null;
    /** What the phone calls itself. */
    phone?: string | null;
    /** The transport and address that it registered over. */
    source: string;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageRoom = {
  /** What is on it. */
  items: {
    /** Who administrates it. */
    admins: string[];
    /** Its address. */
    jid: string;
    /** How many are members. */
    members: number;
    /** Nobody owns it. */
    orphaned: boolean;
    /** How many may not come in. */
    outcasts: number;
    /** Who owns it. */
    owners: string[];
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageSessionRow = {
  /** What is on it. */
  items: {
    /** Where the client is. */
    address: string;
    /** How long nothing was heard from it, in seconds. */
    idle_seconds: number;
    /** It has no connection and waits to be resumed. */
    is_waiting: boolean;
    /** The full address. */
    jid: string;
    /** What it says of itself: `online`, `away`; `None` when it sent no presence. */
    show?: string | null;
    /** Since when it is signed in. */
    since: string;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageSoundShown = {
  /** What is on it. */
  items: {
    /** How long it is, in milliseconds; not said of those that need no file. */
    milliseconds?: number | null;
    /** What the dial plan calls it. */
    name: string;
    /** It needs no file. */
    of_the_house: boolean;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageTokenShown = {
  /** What is on it. */
  items: {
    /** The client that it was given to. */
    client: string;
    /** The client's device, as it calls itself. */
    device: string;
    /** When it ends. */
    expires_at: string;
    /** When it was given. */
    issued_at: string;
    /** The mechanism that it is good for. */
    mechanism: string;
    /** The client's software, as it calls itself. */
    software: string;
    /** When it was used, within a day; `None` for one that waits for its first use. */
    used_at?: string | null;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageTrunk = {
  /** What is on it. */
  items: {
    /** Where it is; empty when calls only come in. */
    address: string;
    /** Live calls over it. */
    calls: number;
    /** As many as there may be. */
    calls_max?: number | null;
    /** Whom it takes calls from. */
    from: string[];
    /** Its name in the dial plan. */
    name: string;
    /** Why its name leads nowhere, while it does. */
    problem?: string | null;
    /** It is registered. */
    registered: boolean;
    /** The registration, in words; none when it does not register. */
    registration?: string | null;
    /** Its servers, in the order of the name service. */
    servers: TrunkServer[];
    /** Calls go out over it. */
    usable: boolean;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A page of a list. */
export type PageUserShown = {
  /** What is on it. */
  items: {
    /** May they sign in? */
    enabled: boolean;
    /** The address. */
    jid: string;
    /** Their lines. */
    lines: string[];
    /** The name shown to people. */
    name: string;
  }[];
  /** What to ask for as `after` for the next page; none when this is the last one. */
  next?: string | null;
  /** How many there are on all pages. */
  total: number;
};

/** A party of a trace: a leg and the address that it was spoken with. */
export type PartyShown = {
  /** Transport and address. */
  address: string;
  /** The line's number, or what is known of it. */
  label: string;
};

/** A password. */
export type PasswordGiven = {
  /** The password; one is made up when none is given. */
  password?: string | null;
};

/** What came of setting a password. It is here only when it was made up. */
export type PasswordSet = {
  /** The password that was made up. */
  password?: string | null;
  /** What the administrator should know. */
  warnings: string[];
};

/** What one source says. */
export type PresenceObservation = {
  /** What. */
  says: string;
  /** Since when. */
  since: string;
  /** Who says it: `client desk`, `line 1001`, `choice`, … */
  source: string;
  /** Until when, if it lapses by itself. */
  until?: string | null;
};

/** The same as it is told. */
export type Problem = {
  /** What it is this time. */
  detail: string;
  /** The fields that are not right. */
  errors?: FieldProblem[];
  /** What to do next. */
  next?: string | null;
  /** After how many seconds another try may succeed. */
  retry_seconds?: number | null;
  /** The right that is missing. */
  right?: string | null;
  /** The status of the answer. */
  status: number;
  /** The kind in words. */
  title: string;
  /** Which kind of problem it is: `urn:carillon:problem:…`, with the same word for the same kind. */
  type: string;
};

/** What somebody signs in with. */
export type Proof = {
  /** The code of the second factor, or a recovery code; asked for when there is one. */
  code?: string | null;
  /** The password. */
  password: string;
  /** Who: `admin` is the first administrator. */
  username: string;
};

/** How well packets arrived. */
export type QualityShown = {
  /** Interarrival jitter, in milliseconds. */
  jitter_ms: number;
  /** Packets that did not arrive. */
  lost: number;
  /** The mean opinion score. */
  mean_opinion_score?: number | null;
  /** Packets received. */
  packets: number;
  /** From here to the device and back, in milliseconds. */
  round_trip_ms?: number | null;
};

/** A queue of callers at this moment. */
export type Queue = {
  /** Its agents. */
  agents: Agent[];
  /** Who waits, first to last. */
  callers: QueuedCaller[];
  /** Which agent is rung, in the word of the dial plan. */
  distribution: string;
  /** How many may wait. */
  maxWaiting: number;
  /** Its name. */
  name: string;
  /** Its number. */
  number: LineName;
};

/** A caller that waits. */
export type QueuedCaller = {
  /** Its call. */
  call: string;
  /** Its name. */
  name?: string | null;
  /** Its number. */
  number: string;
  /** The agents who are rung for it. */
  rings: LineName[];
  /** Since when. */
  since: string;
};

/** A recording of a call. */
export type RecordingShown = {
  /** When it was written last. */
  at: string;
  /** How large it is, in bytes. */
  bytes: number;
  /** The call's number. */
  call: string;
  /** The file. */
  path: string;
};

/** What is for who has lost the device: told this once, each good once. */
export type RecoveryCodes = {
  recovery_codes: string[];
};

/** One phone registered on a line. */
export type RegistrationRow = {
  /** When it lapses. */
  expires: string;
  /** The line. */
  line: string;
  /** Whose it is. */
  owner?: string | null;
  /** What the phone calls itself. */
  phone?: string | null;
  /** The transport and address that it registered over. */
  source: string;
};

/** What a reload did. */
export type Reloaded = {
  /** The settings that have changed and hold from now on. */
  applied: string[];
  /** The settings that stand otherwise in the file and are taken at the next start. */
  at_next_start: string[];
};

/** How many were taken back. */
export type RevokedCount = {
  /** So many sign-ins. */
  revoked: number;
};

/** What somebody who administrates is there for. */
export type Role = "administrator" | "operator" | "helpdesk" | "auditor" | "telephony";

/** A room. */
export type Room = {
  /** Who administrates it. */
  admins: string[];
  /** Its address. */
  jid: string;
  /** How many are members. */
  members: number;
  /** Nobody owns it. */
  orphaned: boolean;
  /** How many may not come in. */
  outcasts: number;
  /** Who owns it. */
  owners: string[];
};

/** Whether a second factor is asked for. */
export type SecondFactor = {
  /** It is. */
  enabled: boolean;
};

/** What is seen, and why. */
export type Seen = {
  /** The state in a sentence, with its reason. */
  explanation: string;
  /** The watcher may see the user. */
  may_watch: boolean;
  /** What the state was composed from, whoever watches. */
  observations: PresenceObservation[];
  /** A client is signed in. */
  reachable_by_chat: boolean;
  /** A phone is registered. */
  reachable_by_phone: boolean;
  /** The state that is seen: `Available`, `On the phone`, `Offline`, … */
  state: string;
  /** The status text that is seen. */
  status?: string | null;
  /** Whom. */
  user: string;
  /** Who watches. */
  watcher?: string | null;
  /** Why, or why not. */
  why: string;
};

/** One signed-in client. */
export type SessionRow = {
  /** Where the client is. */
  address: string;
  /** How long nothing was heard from it, in seconds. */
  idle_seconds: number;
  /** It has no connection and waits to be resumed. */
  is_waiting: boolean;
  /** The full address. */
  jid: string;
  /** What it says of itself: `online`, `away`; `None` when it sent no presence. */
  show?: string | null;
  /** Since when it is signed in. */
  since: string;
};

/** Who is signed in. */
export type SessionShown = {
  /** What every change must carry as `X-CSRF-Token`. */
  csrf: string;
  /** They signed in with a one-time password and can do nothing but choose another. */
  must_choose_password: boolean;
  /** Who. */
  name: string;
  /** What they may do. */
  rights: string[];
  /** What they are there for. */
  role: Role;
};

/** A sound to be taken. */
export type SoundGiven = {
  /** The WAV file, in base64. */
  wav: string;
};

/** A sound as an administrator sees it. */
export type SoundShown = {
  /** How long it is, in milliseconds; not said of those that need no file. */
  milliseconds?: number | null;
  /** What the dial plan calls it. */
  name: string;
  /** It needs no file. */
  of_the_house: boolean;
};

/** What the node does at this moment. */
export type Status = {
  /** What was odd about calls lately. */
  alerts: Alert[];
  /** The live calls. */
  calls: CallRow[];
  /** Whom it serves. */
  domain: string;
  /** Where it listens. */
  listeners: ListenerShown[];
  /** The phones that are registered. */
  registrations: RegistrationRow[];
  /** Who is signed in. */
  sessions: SessionRow[];
  /** Why the storage takes no writes; none when it does. */
  storage_failure?: string | null;
  /** How long it has been running, in seconds. */
  uptime_seconds: number;
  /** Its version. */
  version: string;
};

/** One step. */
export type Step = {
  /** The patterns that match the number, closest first. */
  candidates?: Candidate[];
  /** Candidates that are not listed. */
  more?: number;
  /** What was done, or found. */
  text: string;
};

/** Where a call would go. */
export type Summary = {
  /** The called number there. */
  called: string;
  /** The calling number there. */
  calling: string;
  /** `line 1002`, `trunk london-1`, `blocked`, `unallocated`, … */
  goes_to: string;
};

/** What a call would do, and how that was found. */
export type Tested = {
  explanation: Explanation;
  summary: Summary;
  /** The explanation for people. */
  text: string;
};

/** A token to be made. */
export type TokenGiven = {
  /** How many days it lives: 90 when it is not said. */
  days?: number | null;
  /** What it is for. */
  name: string;
  /** What it may do. */
  role: Role;
};

/** A token as an administrator sees it: whose it is, not what it is. */
export type TokenShown = {
  /** The client that it was given to. */
  client: string;
  /** The client's device, as it calls itself. */
  device: string;
  /** When it ends. */
  expires_at: string;
  /** When it was given. */
  issued_at: string;
  /** The mechanism that it is good for. */
  mechanism: string;
  /** The client's software, as it calls itself. */
  software: string;
  /** When it was used, within a day; `None` for one that waits for its first use. */
  used_at?: string | null;
};

/** A trunk at this moment. */
export type Trunk = {
  /** Where it is; empty when calls only come in. */
  address: string;
  /** Live calls over it. */
  calls: number;
  /** As many as there may be. */
  calls_max?: number | null;
  /** Whom it takes calls from. */
  from: string[];
  /** Its name in the dial plan. */
  name: string;
  /** Why its name leads nowhere, while it does. */
  problem?: string | null;
  /** It is registered. */
  registered: boolean;
  /** The registration, in words; none when it does not register. */
  registration?: string | null;
  /** Its servers, in the order of the name service. */
  servers: TrunkServer[];
  /** Calls go out over it. */
  usable: boolean;
};

/** What came of asking a server whether it is there. */
export type TrunkProbe = {
  /** After how long, in milliseconds. */
  milliseconds: number;
  /** `udp 192.0.2.1:5060`. */
  server: string;
  /** The status that it answered; none when it did not. */
  status?: number | null;
};

/** A server of a trunk. */
export type TrunkServer = {
  /** Calls try it last for so many seconds, because one failed there. */
  rests_seconds?: number | null;
  /** For how many seconds. */
  seconds: number;
  /** `udp 192.0.2.1:5060`. */
  server: string;
  /** `up`, `down`, or `unknown`. */
  state: string;
};

/** What is to be changed; the rest stays. */
export type UserChange = {
  /** May they sign in? Who may not is signed out at once. */
  enabled?: boolean | null;
  /** The name shown to people. */
  name?: string | null;
};

/** A user to be added. */
export type UserGiven = {
  /** The address. */
  jid: string;
  /** The number of a new line for the user. */
  line?: string | null;
  /** What the line's phones sign in with; made up when it is not given. */
  line_password?: string | null;
  /** The name shown to people; the user part of the address when it is not given. */
  name?: string;
  /** The password; one is made up when none is given. */
  password?: string | null;
};

/** What came of adding a user. Passwords are here only when they were made up, and only now. */
export type UserMade = {
  /** The address. */
  jid: string;
  /** The line. */
  line?: string | null;
  /** The line's password that was made up. */
  line_password?: string | null;
  /** The password that was made up. */
  password?: string | null;
  /** What the administrator should know. */
  warnings: string[];
};

/** A user as an administrator sees them. */
export type UserShown = {
  /** May they sign in? */
  enabled: boolean;
  /** The address. */
  jid: string;
  /** Their lines. */
  lines: string[];
  /** The name shown to people. */
  name: string;
};

/** What verification found. */
export type Verified = {
  /** What is wrong; empty when all is well. */
  findings: string[];
};
