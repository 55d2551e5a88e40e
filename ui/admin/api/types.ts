// Generated from docs/openapi.json by build/openapi-types.mjs: not to be changed by hand.

/** Another password. */
export type Choice = {
  /** The password that is in force; not asked of who signed in with a one-time password. */
  current?: string;
  /** The new one: 12 characters at least. */
  password: string;
};

/** A field that is not right. */
export type FieldProblem = {
  /** Where it is, such as `lines[0].number`; empty for the request as a whole. */
  field: string;
  /** What is wrong with it. */
  message: string;
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
  /** The password. */
  password: string;
  /** Who: `admin` is the first administrator. */
  username: string;
};

/** How many were taken back. */
export type RevokedCount = {
  /** So many sign-ins. */
  revoked: number;
};

/** What somebody who administrates is there for. */
export type Role = "administrator" | "operator" | "helpdesk" | "auditor" | "telephony";

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
