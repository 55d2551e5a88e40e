-- Rooms that outlive their occupants (XEP-0045).
CREATE TABLE room (
    jid TEXT NOT NULL PRIMARY KEY,
    config TEXT NOT NULL,
    subject BLOB,
    secret BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE room_affiliation (
    room TEXT NOT NULL REFERENCES room (jid) ON DELETE CASCADE,
    jid TEXT NOT NULL,
    affiliation TEXT NOT NULL,
    PRIMARY KEY (room, jid)
) STRICT, WITHOUT ROWID;
