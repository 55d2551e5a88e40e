-- Version 1: everything of the first release. Times are microseconds since 1970 UTC; truth is 0 or 1.

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    jid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    enabled INTEGER NOT NULL
) STRICT;

CREATE TABLE credential (
    jid TEXT NOT NULL REFERENCES users (jid) ON DELETE CASCADE,
    mechanism TEXT NOT NULL,
    salt TEXT NOT NULL,
    iterations INTEGER NOT NULL,
    stored_key TEXT NOT NULL,
    server_key TEXT NOT NULL,
    PRIMARY KEY (jid, mechanism)
) STRICT, WITHOUT ROWID;

CREATE TABLE line (
    number TEXT NOT NULL,
    partition_name TEXT NOT NULL,
    owner TEXT REFERENCES users (jid) ON DELETE CASCADE,
    PRIMARY KEY (number, partition_name)
) STRICT, WITHOUT ROWID;
CREATE INDEX line_owner ON line (owner);

CREATE TABLE digest_secret (
    number TEXT NOT NULL,
    partition_name TEXT NOT NULL,
    username TEXT NOT NULL,
    realm TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    ha1 TEXT NOT NULL,
    PRIMARY KEY (number, partition_name, username, realm, algorithm),
    FOREIGN KEY (number, partition_name) REFERENCES line (number, partition_name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX digest_secret_username ON digest_secret (username, realm);

CREATE TABLE roster_state (
    owner TEXT NOT NULL PRIMARY KEY REFERENCES users (jid) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    oldest_version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE roster_item (
    owner TEXT NOT NULL REFERENCES users (jid) ON DELETE CASCADE,
    contact TEXT NOT NULL,
    version INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    name TEXT NOT NULL,
    subscription TEXT NOT NULL,
    ask INTEGER NOT NULL,
    approved INTEGER NOT NULL,
    group_names TEXT NOT NULL,
    PRIMARY KEY (owner, contact)
) STRICT, WITHOUT ROWID;
CREATE INDEX roster_item_contact ON roster_item (contact);

CREATE TABLE subscription_request (
    owner TEXT NOT NULL REFERENCES users (jid) ON DELETE CASCADE,
    contact TEXT NOT NULL,
    stanza BLOB NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (owner, contact)
) STRICT, WITHOUT ROWID;

CREATE TABLE last_activity (
    owner TEXT NOT NULL PRIMARY KEY REFERENCES users (jid) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    status TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only: every accepted message once. Indexes for readers are built behind, elsewhere.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    owner TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    at INTEGER NOT NULL,
    spool INTEGER NOT NULL,
    stanza BLOB NOT NULL
) STRICT;

-- What was not handed on yet, up to the seq in the one row of spool_horizon. After that seq the journal's own
-- column says it.
CREATE TABLE spool (
    owner TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE spool_horizon (seq INTEGER NOT NULL) STRICT;
INSERT INTO spool_horizon (seq) VALUES (0);

CREATE TABLE binding (
    number TEXT NOT NULL,
    partition_name TEXT NOT NULL,
    binding_key TEXT NOT NULL,
    contact TEXT NOT NULL,
    instance TEXT,
    reg_id INTEGER,
    call_id TEXT NOT NULL,
    cseq INTEGER NOT NULL,
    q_thousandths INTEGER NOT NULL,
    received TEXT NOT NULL,
    path TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    registered_at INTEGER NOT NULL,
    PRIMARY KEY (number, partition_name, binding_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
