-- Groups of people; those of a shared one stand in each other's rosters.
CREATE TABLE people_group (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    shared BIGINT NOT NULL
);

CREATE TABLE people_group_member (
    group_name TEXT COLLATE "C" NOT NULL REFERENCES people_group (name) ON DELETE CASCADE,
    jid TEXT COLLATE "C" NOT NULL REFERENCES users (jid) ON DELETE CASCADE,
    PRIMARY KEY (group_name, jid)
);
CREATE INDEX people_group_member_jid ON people_group_member (jid);
