-- The words of archived messages, by place in the journal: made from the journal, behind it, up to the seq in the
-- one row of archive_text_horizon. The text itself is in the journal only.
CREATE VIRTUAL TABLE archive_text USING fts5 (
    archives, words, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0 categories 'L* N* Co M*'"
);

CREATE TABLE archive_text_horizon (seq INTEGER NOT NULL) STRICT;
INSERT INTO archive_text_horizon (seq) VALUES (0);

-- Entries that no archive covers (any more): they go when they are handed on.
CREATE INDEX journal_uncovered ON journal (seq) WHERE archive = 0;
