-- Files that users uploaded (XEP-0363), and slots for those that are still to come; the contents are not in the database.
CREATE TABLE upload (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    token TEXT NOT NULL,
    requested BIGINT NOT NULL,
    stored BIGINT,
    expires BIGINT,
    keep BIGINT
);
CREATE INDEX upload_owner ON upload (owner, requested);
CREATE INDEX upload_expires ON upload (expires);
