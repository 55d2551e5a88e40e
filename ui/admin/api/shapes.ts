// The shapes of what the server answers, by the names that the console has for them; schemas.ts is made of the interface's document.

import type { LineDetail } from './schemas.ts';

export type {
  CallRow,
  CallShown as Call,
  CallTraced as Trace,
  CaseFailure,
  CasesRun,
  Certificate,
  Check,
  DeviceShown as Device,
  DialPlan,
  DialPlanApplied as PlanApplied,
  Federated,
  Finding,
  GroupShown as Group,
  InvitationShown as Invitation,
  LegShown as Leg,
  LineShown as Line,
  ListenerShown as ListenerRow,
  PasswordSet,
  Queue,
  RegistrationRow as Registration,
  Room,
  SessionRow as ChatSession,
  SoundShown as Sound,
  Status,
  Tested,
  TokenShown as SignIn,
  Trunk,
  TrunkProbe as TrunkTested,
  UserMade as UserAdded,
  UserShown as User,
} from './schemas.ts';

/** A line with what its user has set. */
export type LineShown = Omit<LineDetail, 'outside'> & { outside: OutsideClass[] };
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
/** What an administrator did. */
export type AuditEntry = { id: number; at: string; who: string; how: string; from?: string | null; act: string; target?: string | null; before: unknown; after: unknown; result: string };
