-- In whose archives an entry is found: 1 the owner's, 2 the sender's.
ALTER TABLE journal ADD COLUMN archive INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX journal_id ON journal (id);

-- Who finds what: made from the journal, behind it, up to the seq in the one row of archive_horizon.
CREATE TABLE archive (
    owner TEXT NOT NULL,
    seq INTEGER NOT NULL,
    peer TEXT NOT NULL,
    PRIMARY KEY (owner, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX archive_peer ON archive (owner, peer, seq);

CREATE TABLE archive_horizon (seq INTEGER NOT NULL) STRICT;
INSERT INTO archive_horizon (seq) SELECT COALESCE(MAX(seq), 0) FROM journal;

CREATE TABLE archive_preference (
    owner TEXT NOT NULL PRIMARY KEY,
    otherwise TEXT NOT NULL,
    always TEXT NOT NULL,
    never TEXT NOT NULL
) STRICT, WITHOUT ROWID;
