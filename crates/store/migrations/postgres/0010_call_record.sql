-- One record per call that has ended, and one per leg of it. Times are microseconds since 1970 UTC.
CREATE TABLE call_record (
    id BIGINT PRIMARY KEY,
    started BIGINT NOT NULL,
    answered BIGINT,
    ended BIGINT NOT NULL,
    dialled TEXT NOT NULL,
    cause TEXT NOT NULL,
    ended_by BIGINT,
    linked BIGINT
);
CREATE INDEX call_record_started ON call_record (started, id);

-- call_started is the call's own time once more, so that pages by line and by owner need no other table.
CREATE TABLE call_leg (
    call_id BIGINT NOT NULL REFERENCES call_record (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    call_started BIGINT NOT NULL,
    number TEXT,
    partition_name TEXT,
    owner TEXT,
    address TEXT NOT NULL,
    name TEXT,
    calling BIGINT NOT NULL,
    started BIGINT NOT NULL,
    alerted BIGINT,
    answered BIGINT,
    ended BIGINT NOT NULL,
    cause TEXT NOT NULL,
    sip_call_id TEXT NOT NULL,
    codecs TEXT NOT NULL,
    packets BIGINT,
    lost BIGINT,
    jitter BIGINT,
    round_trip BIGINT,
    opinion BIGINT,
    history BIGINT NOT NULL,
    peer TEXT,
    peer_name TEXT,
    PRIMARY KEY (call_id, place)
);
CREATE INDEX call_leg_line ON call_leg (number, partition_name, call_started, call_id) WHERE number IS NOT NULL;
CREATE INDEX call_leg_owner ON call_leg (owner, call_started, call_id) WHERE owner IS NOT NULL;

-- Up to when a user has seen the history of their calls.
CREATE TABLE call_history_seen (
    owner TEXT NOT NULL PRIMARY KEY REFERENCES users (jid) ON DELETE CASCADE,
    seen BIGINT NOT NULL
);
