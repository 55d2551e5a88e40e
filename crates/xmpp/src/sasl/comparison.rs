//! What PLAIN costs: a password is compared with a record, wherever that holds up nobody.

use super::plain::{self, Plain};
use super::scram::{self, Hash, Record};
use super::{Condition, Credentials, Step};

/// Records that an account lacks, to be made once its password has proved right.
pub(super) struct Missing {
    pub(super) hashes: Vec<Hash>,
    /// Something fresh, for the salts.
    pub(super) entropy: String,
    pub(super) iterations: u32,
}

/// A password of PLAIN and the record that it is compared with: a whole derivation (about 2 ms), to be run where
/// it holds up nobody.
pub struct Comparison {
    message: Plain,
    hash: Hash,
    record: Record,
    /// False for a record that only costs the same time.
    known: bool,
    enabled: bool,
    equal: bool,
    missing: Missing,
    records: Vec<(Hash, Record)>,
}

impl Comparison {
    /// `invented` stands in for the record of a user who has none.
    pub(super) fn new(
        message: Plain,
        found: Option<&Credentials>,
        invented: Record,
        missing: Missing,
    ) -> Self {
        let record = found.and_then(plain::record).map(|(hash, record)| (hash, record.clone()));
        let known = record.is_some();
        let enabled = found.is_some_and(|credentials| credentials.enabled);
        let (hash, record) = record.unwrap_or((Hash::Sha256, invented));
        Self { message, hash, record, known, enabled, equal: false, missing, records: Vec::new() }
    }

    /// Compares; until then the password counts as wrong. One that is right gives the records that the account lacks:
    /// its next sign-in can be a stronger one.
    pub fn run(&mut self) {
        self.equal = self.message.verifies(self.hash, &self.record);
        if self.equal && self.known && self.enabled {
            let Missing { hashes, entropy, iterations } = &self.missing;
            let derive = |hash: &Hash| {
                let salt = scram::salt(entropy.as_bytes(), *hash, self.message.username.as_bytes());
                self.message.record(*hash, &salt, *iterations).map(|record| (*hash, record))
            };
            self.records = hashes.iter().filter_map(derive).collect();
        }
    }

    pub(super) fn step(self) -> Step {
        match self.equal && self.known {
            false => Step::Failure(Condition::NotAuthorized),
            true if !self.enabled => Step::Failure(Condition::AccountDisabled),
            true => Step::Success {
                username: self.message.username,
                authzid: self.message.authzid,
                additional: None,
                records: self.records,
            },
        }
    }
}

impl std::fmt::Debug for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Comparison").field("hash", &self.hash).finish_non_exhaustive()
    }
}
