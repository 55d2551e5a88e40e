//! SASL without I/O (RFC 4422, RFC 6120 §6): SCRAM and PLAIN, both ends, as machines that are told and answer.
//!
//! Random numbers, channel binding data and stored credentials are arguments. What travels here is the
//! raw message of the mechanism; base64 and XML are the business of [`crate::stream`].

mod client;
mod comparison;
mod hashed_token;
mod mechanism;
pub mod plain;
pub mod scram;
mod server;

pub use client::{Client, ClientError};
pub use comparison::Comparison;
pub(crate) use hashed_token::TokenProof;
pub use hashed_token::{TOKEN_KEY_BYTES, TokenKey, TokenMechanism};
pub use mechanism::{ChannelBinding, Condition, Mechanism};
pub use server::{Server, Step, UnknownUsers};

use scram::{Hash, Record};

/// The largest SASL message that either side accepts, in bytes, before base64.
pub const MESSAGE_BYTES_MAX: usize = 4096;

/// What is stored of a user's password: one record for each hash function, never the password.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// False when an administrator has disabled the account (`PS-15`).
    pub enabled: bool,
    /// The record for SCRAM-SHA-1.
    pub sha1: Option<Record>,
    /// The record for SCRAM-SHA-256.
    pub sha256: Option<Record>,
    /// The record for SCRAM-SHA-512.
    pub sha512: Option<Record>,
}

/// A password that no account can have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PasswordError {
    /// Nothing is left of it after preparation.
    #[error("a password needs at least one character")]
    Empty,
    /// It has a character that RFC 4013 forbids (control characters, unassigned code points).
    #[error("the password has a character that SASLprep forbids")]
    Forbidden,
}

impl Credentials {
    /// Computes the records of `hashes` from a password. `entropy` gives each record its own salt.
    pub fn derive(
        password: &str,
        entropy: &[u8; scram::SALT_BYTES],
        iterations: u32,
        hashes: &[Hash],
    ) -> Result<Self, PasswordError> {
        let mut credentials = Self { enabled: true, ..Self::default() };
        for &hash in hashes {
            let salt = scram::salt(entropy, hash, b"");
            *credentials.slot(hash) = Some(Record::derive(hash, password, &salt, iterations)?);
        }
        Ok(credentials)
    }

    /// The record of one hash function.
    pub fn record(&self, hash: Hash) -> Option<&Record> {
        match hash {
            Hash::Sha1 => self.sha1.as_ref(),
            Hash::Sha256 => self.sha256.as_ref(),
            Hash::Sha512 => self.sha512.as_ref(),
        }
    }

    fn slot(&mut self, hash: Hash) -> &mut Option<Record> {
        match hash {
            Hash::Sha1 => &mut self.sha1,
            Hash::Sha256 => &mut self.sha256,
            Hash::Sha512 => &mut self.sha512,
        }
    }
}

/// Prepares a password or user name (RFC 4013), so that the same text typed twice gives the same bytes.
pub(crate) fn prepare(text: &str) -> Result<std::borrow::Cow<'_, str>, PasswordError> {
    let prepared = stringprep::saslprep(text).map_err(|_| PasswordError::Forbidden)?;
    if prepared.is_empty() { Err(PasswordError::Empty) } else { Ok(prepared) }
}
