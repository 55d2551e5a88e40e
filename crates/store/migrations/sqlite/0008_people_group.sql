-- Groups of people; those of a shared one stand in each other's rosters.
CREATE TABLE people_group (
    name TEXT NOT NULL PRIMARY KEY,
    shared INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE people_group_member (
    group_name TEXT NOT NULL REFERENCES people_group (name) ON DELETE CASCADE,
    jid TEXT NOT NULL REFERENCES users (jid) ON DELETE CASCADE,
    PRIMARY KEY (group_name, jid)
) STRICT, WITHOUT ROWID;
CREATE INDEX people_group_member_jid ON people_group_member (jid);
