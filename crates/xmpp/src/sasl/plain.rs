//! PLAIN (RFC 4616): a name and a password in one message, allowed inside TLS only.

use zeroize::Zeroizing;

use super::scram::{Hash, Record};
use super::{Condition, Credentials, prepare};

/// The message of PLAIN, taken apart; the password is wiped when it is dropped.
pub(crate) struct Plain {
    /// Whom the client wants to act as.
    pub(crate) authzid: Option<String>,
    /// Who the client is, prepared.
    pub(crate) username: String,
    password: Zeroizing<String>,
}

impl Plain {
    /// Parses `[authzid] NUL authcid NUL passwd`.
    pub(crate) fn parse(message: &[u8]) -> Result<Self, Condition> {
        let text = std::str::from_utf8(message).map_err(|_| Condition::MalformedRequest)?;
        let mut parts = text.split('\0');
        let (Some(authzid), Some(username), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Condition::MalformedRequest);
        };
        Ok(Self {
            authzid: Some(authzid.to_owned()).filter(|authzid| !authzid.is_empty()),
            username: prepare(username).map_err(|_| Condition::MalformedRequest)?.into_owned(),
            password: Zeroizing::new(password.to_owned()),
        })
    }

    /// The record of the password for another hash function.
    pub(crate) fn record(&self, hash: Hash, salt: &[u8], iterations: u32) -> Option<Record> {
        Record::derive(hash, &self.password, salt, iterations).ok()
    }

    /// Compares with a record that exists, or with one that only costs the same time.
    pub(crate) fn verifies(&self, hash: Hash, record: &Record) -> bool {
        record.verifies(hash, &self.password)
    }
}

/// The record that a password is compared with: the cheapest to compute of the strong ones.
pub(crate) fn record(credentials: &Credentials) -> Option<(Hash, &Record)> {
    [Hash::Sha256, Hash::Sha1, Hash::Sha512]
        .into_iter()
        .find_map(|hash| credentials.record(hash).map(|record| (hash, record)))
}

/// The message that a client sends.
pub fn message(username: &str, password: &str) -> Vec<u8> {
    format!("\0{username}\0{password}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_apart() {
        let plain = Plain::parse(b"ann@localhost\0ann\0secret").ok().unwrap();
        assert_eq!((plain.authzid.as_deref(), plain.username.as_str()), (Some("ann@localhost"), "ann"));
        let record = Record::derive(Hash::Sha1, "secret", b"salt", 10).unwrap();
        assert!(plain.verifies(Hash::Sha1, &record));
        let own = Plain::parse(&message("bob", "secret2")).ok().unwrap();
        assert_eq!((own.authzid, own.username.as_str()), (None, "bob"));
    }

    #[test]
    fn a_message_without_its_three_parts_is_malformed() {
        for message in [&b""[..], b"ann", b"\0ann", b"\0\0secret", b"\0ann\0secret\0more", b"\0\xff\0secret"]
        {
            assert_eq!(Plain::parse(message).err(), Some(Condition::MalformedRequest));
        }
    }
}
