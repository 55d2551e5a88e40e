-- One record per call that has ended, and one per leg of it. Times are microseconds since 1970 UTC.
CREATE TABLE call_record (
    id INTEGER PRIMARY KEY,
    started INTEGER NOT NULL,
    answered INTEGER,
    ended INTEGER NOT NULL,
    dialled TEXT NOT NULL,
    cause TEXT NOT NULL,
    ended_by INTEGER,
    linked INTEGER
) STRICT;
CREATE INDEX call_record_started ON call_record (started, id);

-- call_started is the call's own time once more, so that pages by line and by owner need no other table.
CREATE TABLE call_leg (
    call_id INTEGER NOT NULL REFERENCES call_record (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    call_started INTEGER NOT NULL,
    number TEXT,
    partition_name TEXT,
    owner TEXT,
    address TEXT NOT NULL,
    name TEXT,
    calling INTEGER NOT NULL,
    started INTEGER NOT NULL,
    alerted INTEGER,
    answered INTEGER,
    ended INTEGER NOT NULL,
    cause TEXT NOT NULL,
    sip_call_id TEXT NOT NULL,
    codecs TEXT NOT NULL,
    packets INTEGER,
    lost INTEGER,
    jitter INTEGER,
    round_trip INTEGER,
    opinion INTEGER,
    history INTEGER NOT NULL,
    peer TEXT,
    peer_name TEXT,
    PRIMARY KEY (call_id, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX call_leg_line ON call_leg (number, partition_name, call_started, call_id) WHERE number IS NOT NULL;
CREATE INDEX call_leg_owner ON call_leg (owner, call_started, call_id) WHERE owner IS NOT NULL;

-- Up to when a user has seen the history of their calls.
CREATE TABLE call_history_seen (
    owner TEXT NOT NULL PRIMARY KEY REFERENCES users (jid) ON DELETE CASCADE,
    seen INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
