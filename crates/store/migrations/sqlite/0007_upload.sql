-- Files that users uploaded (XEP-0363), and slots for those that are still to come; the contents are not in the database.
CREATE TABLE upload (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    token TEXT NOT NULL,
    requested INTEGER NOT NULL,
    stored INTEGER,
    expires INTEGER,
    keep INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_owner ON upload (owner, requested);
CREATE INDEX upload_expires ON upload (expires);
