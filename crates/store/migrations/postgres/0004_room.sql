-- Rooms that outlive their occupants (XEP-0045).
CREATE TABLE room (
    jid TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    config TEXT NOT NULL,
    subject BYTEA,
    secret BYTEA NOT NULL
);

CREATE TABLE room_affiliation (
    room TEXT COLLATE "C" NOT NULL REFERENCES room (jid) ON DELETE CASCADE,
    jid TEXT COLLATE "C" NOT NULL,
    affiliation TEXT NOT NULL,
    PRIMARY KEY (room, jid)
);
