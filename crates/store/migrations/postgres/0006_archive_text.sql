-- The words of archived messages, by place in the journal: made from the journal, behind it, up to the seq in the
-- one row of archive_text_horizon. The text itself is in the journal only.
CREATE TABLE archive_text (
    rowid BIGINT NOT NULL PRIMARY KEY,
    words TSVECTOR NOT NULL
);
CREATE INDEX archive_text_words ON archive_text USING GIN (words);

CREATE TABLE archive_text_horizon (seq BIGINT NOT NULL);
INSERT INTO archive_text_horizon (seq) VALUES (0);

-- Entries that no archive covers (any more): they go when they are handed on.
CREATE INDEX journal_uncovered ON journal (seq) WHERE archive = 0;
