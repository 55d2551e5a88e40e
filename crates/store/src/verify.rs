//! Verify: the database's own integrity check, and the references that no constraint holds.

use crate::db::{Db, args};
use crate::{Error, Store};

/// The most findings of one kind that are told.
const FINDINGS_MAX: i64 = 20;

const INTEGRITY_LITE: &str = "SELECT integrity_check FROM pragma_integrity_check";
const FOREIGN_KEYS_LITE: &str = "SELECT \"table\" || ' refers to a missing ' || \"parent\" \
     FROM pragma_foreign_key_check LIMIT $1";
const SPOOL_WITHOUT_JOURNAL: &str = "SELECT s.owner || ' waits for entry ' || s.seq FROM spool s \
     WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.seq = s.seq) ORDER BY s.owner, s.seq LIMIT $1";
const SPOOL_OF_ANOTHER: &str = "SELECT s.owner || ' waits for entry ' || s.seq || ' of ' || j.owner FROM spool s \
     JOIN journal j ON j.seq = s.seq WHERE j.owner <> s.owner ORDER BY s.owner, s.seq LIMIT $1";
const ROSTER_AHEAD: &str = "SELECT i.owner || ' has ' || i.contact || ' at version ' || i.version \
     FROM roster_item i LEFT JOIN roster_state s ON s.owner = i.owner \
     WHERE s.version IS NULL OR i.version > s.version ORDER BY i.owner, i.contact LIMIT $1";
const BINDING_WITHOUT_LINE: &str = "SELECT b.contact || ' of ' || b.number FROM binding b \
     WHERE NOT EXISTS (SELECT 1 FROM line l WHERE l.number = b.number \
     AND l.partition_name = b.partition_name) ORDER BY b.number LIMIT $1";
const HORIZON_AHEAD: &str = "SELECT 'horizon ' || h.seq FROM spool_horizon h \
     WHERE h.seq > (SELECT COALESCE(MAX(seq), 0) FROM journal) LIMIT $1";
const WORDS_WITHOUT_ENTRY: &str = "SELECT 'entry ' || t.rowid FROM archive_text t \
     WHERE NOT EXISTS (SELECT 1 FROM journal j WHERE j.seq = t.rowid) LIMIT $1";
const ID_TWICE: &str = "SELECT 'entries ' || MIN(seq) || ' and ' || MAX(seq) FROM journal \
     GROUP BY owner, id HAVING COUNT(*) > 1 LIMIT $1";

pub(crate) const STATEMENTS: &[&str] = &[
    SPOOL_WITHOUT_JOURNAL,
    SPOOL_OF_ANOTHER,
    ROSTER_AHEAD,
    BINDING_WITHOUT_LINE,
    HORIZON_AHEAD,
    WORDS_WITHOUT_ENTRY,
    ID_TWICE,
];
pub(crate) const STATEMENTS_LITE: &[&str] = &[INTEGRITY_LITE, FOREIGN_KEYS_LITE];

/// A check of our own: its SQL finds what is wrong, and this is what it means.
const CHECKS: &[(&str, &str)] = &[
    (SPOOL_WITHOUT_JOURNAL, "a waiting message is not in the journal"),
    (SPOOL_OF_ANOTHER, "a waiting message is somebody else's"),
    (ROSTER_AHEAD, "a contact is newer than its roster"),
    (BINDING_WITHOUT_LINE, "a registration has no line"),
    (HORIZON_AHEAD, "the spool is ahead of the journal"),
    (WORDS_WITHOUT_ENTRY, "words are kept of a message that is gone"),
    (ID_TWICE, "a message is in the journal twice"),
];

impl Store {
    /// Checks the whole database while it works; answers what is wrong, nothing when all is well.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn verify(&self) -> Result<Vec<String>, Error> {
        self.settle_all().await?;
        let mut findings = Vec::new();
        if matches!(self.db(), Db::Lite(_)) {
            for row in self.db().rows(INTEGRITY_LITE, args![]).await? {
                let finding = row.text(0)?;
                if finding != "ok" {
                    findings.push(format!("the file is damaged: {finding}"));
                }
            }
            for row in self.db().rows(FOREIGN_KEYS_LITE, args![FINDINGS_MAX]).await? {
                findings.push(row.text(0)?);
            }
        }
        for (sql, meaning) in CHECKS {
            for row in self.db().rows(sql, args![FINDINGS_MAX]).await? {
                findings.push(format!("{meaning}: {}", row.text(0)?));
            }
        }
        Ok(findings)
    }
}
