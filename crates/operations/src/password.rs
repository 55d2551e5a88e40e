//! Passwords: what becomes of them, whether one is weak, and random ones. None is kept or logged.

use std::fmt;

use model::{BareJid, LineId};
use runtime::Runtime;
use serde::{Deserialize, Serialize};
use sip::digest::Algorithm;
use store::{DigestSecret, ScramRecord};
use xmpp::sasl::{Credentials, Mechanism, PasswordError, scram};

use crate::{Context, Failure};

/// The longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// A shorter password is weak, in characters.
const PASSWORD_CHARS_WEAK: usize = 8;
/// Characters of random passwords: none that looks like another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Random passwords are groups of this many characters,
const GROUP_CHARS: usize = 5;
/// and this many groups: 100 bits.
const GROUPS: usize = 4;
/// Passwords that everybody tries first.
const COMMON: &[&str] = &[
    "password",
    "passwort",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyuiop",
    "qwerty123",
    "11111111",
    "letmein1",
    "iloveyou",
    "welcome1",
    "changeme",
    "administrator",
    "sunshine",
    "princess",
    "football",
    "password1",
    "password123",
    "trustno1",
    "carillon",
];

/// A text that must not be seen: a password, or a file of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹secret›")
    }
}

/// Why a password is weak; `None` when nothing speaks against it. `names` are what it must not be made of.
pub fn weakness(password: &str, names: &[&str]) -> Option<&'static str> {
    let lower = password.to_lowercase();
    if password.chars().count() < PASSWORD_CHARS_WEAK {
        return Some("it is shorter than 8 characters");
    }
    if names.iter().any(|name| !name.is_empty() && lower == name.to_lowercase()) {
        return Some("it is the user's own name or number");
    }
    if COMMON.contains(&lower.as_str()) {
        return Some("it is one of those that everybody tries first");
    }
    let mut chars = lower.chars();
    let first = chars.next();
    if chars.all(|c| Some(c) == first) {
        return Some("it is one character again and again");
    }
    None
}

/// A random password of 100 bits that can be read out on the telephone.
pub(crate) fn random(runtime: &Runtime) -> String {
    let mut bytes = [0_u8; GROUP_CHARS * GROUPS];
    runtime.fill(&mut bytes);
    let letters: Vec<u8> = bytes.iter().map(|byte| ALPHABET[usize::from(byte % 32)]).collect();
    let groups: Vec<String> =
        letters.chunks(GROUP_CHARS).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    groups.join("-")
}

/// Sixteen random bytes that the salts of one password are made from.
pub(crate) fn entropy(runtime: &Runtime) -> [u8; scram::SALT_BYTES] {
    let mut entropy = [0; scram::SALT_BYTES];
    runtime.fill(&mut entropy);
    entropy
}

/// The hash functions that a password gets a record for: the usual ones, and those of all mechanisms that the domain
/// allows, for one that somebody has no record for is offered to nobody.
pub fn hashes(mechanisms: &[Mechanism]) -> Vec<scram::Hash> {
    let allowed = mechanisms.iter().filter_map(|mechanism| mechanism.hash());
    let mut hashes: Vec<_> = scram::HASHES_DEFAULT.into_iter().chain(allowed).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// What a user's password becomes. Takes milliseconds: call it where blocking is allowed.
pub(crate) fn derive(
    password: &str,
    entropy: &[u8; scram::SALT_BYTES],
    hashes: &[scram::Hash],
) -> Result<Vec<ScramRecord>, PasswordError> {
    let credentials = Credentials::derive(password, entropy, scram::ITERATIONS_DEFAULT, hashes)?;
    let named = [
        ("SCRAM-SHA-1", credentials.sha1),
        ("SCRAM-SHA-256", credentials.sha256),
        ("SCRAM-SHA-512", credentials.sha512),
    ];
    let records = named.into_iter().filter_map(|(mechanism, record)| {
        let scram::Record { salt, iterations, stored_key, server_key } = record?;
        Some(ScramRecord { mechanism: mechanism.to_owned(), salt, iterations, stored_key, server_key })
    });
    Ok(records.collect())
}

/// The same, without holding up the caller's thread.
pub(crate) async fn derive_behind(context: &Context, password: &str) -> Result<Vec<ScramRecord>, Failure> {
    check(password)?;
    let (password, entropy) = (password.to_owned(), entropy(&context.runtime));
    let hashes = context.hashes.clone();
    let derived = context.runtime.blocking(move || derive(&password, &entropy, &hashes)).join().await;
    derived
        .ok_or_else(|| Failure::new(crate::exit::Exit::Failed, "deriving the password failed"))?
        .map_err(|error| Failure::invalid(error.to_string()))
}

/// What a line's password becomes: for the number and for its owner's user name, by each algorithm.
pub(crate) fn digest_secrets(
    line: &LineId,
    owner: Option<&BareJid>,
    realm: &str,
    password: &str,
) -> Vec<DigestSecret> {
    let mut names = vec![line.number.as_str()];
    names.extend(owner.and_then(|owner| owner.node()).map(|node| node.as_str()));
    names.dedup();
    secrets_of(&names, realm, password)
}

/// What a device's password becomes: for its name, by each algorithm.
pub(crate) fn device_secrets(name: &str, realm: &str, password: &str) -> Vec<DigestSecret> {
    secrets_of(&[name], realm, password)
}

fn secrets_of(names: &[&str], realm: &str, password: &str) -> Vec<DigestSecret> {
    let mut secrets = Vec::new();
    for &username in names {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            secrets.push(DigestSecret {
                username: username.to_owned(),
                realm: realm.to_owned(),
                algorithm: algorithm.as_str().to_ascii_lowercase(),
                ha1: sip::digest::ha1(algorithm, username, realm, password),
            });
        }
    }
    secrets
}

/// What no password may be, be it a user's or a line's.
pub(crate) fn check(password: &str) -> Result<(), Failure> {
    if password.is_empty() {
        return Err(Failure::invalid("a password needs at least one character"));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(Failure::invalid(format!("a password has at most {PASSWORD_BYTES_MAX} bytes")));
    }
    if password.chars().any(char::is_control) {
        return Err(Failure::invalid("a password has no control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::Number;

    use super::*;

    #[test]
    fn weak_passwords_are_told_why() {
        for (password, weak) in [
            ("secret", true),
            ("Password", true),
            ("zzzzzzzzzz", true),
            ("ann-1001-x", true),
            ("correct horse battery", false),
            ("k7Qw9z4m", false),
        ] {
            assert_eq!(weakness(password, &["ann-1001-x"]).is_some(), weak, "{password}");
        }
    }

    #[tokio::test]
    async fn random_passwords_differ_and_are_not_weak() {
        let runtime = Runtime::simulated(3, model::Timestamp(0));
        let (one, two) = (random(&runtime), random(&runtime));
        assert_ne!(one, two);
        assert_eq!(one.len(), 23);
        assert_eq!(weakness(&one, &[]), None);
    }

    #[test]
    fn a_line_has_secrets_for_its_number_and_its_owners_name() {
        let line = LineId::from("1001".parse::<Number>().unwrap());
        let ann: BareJid = "ann@localhost".parse().unwrap();
        let secrets = digest_secrets(&line, Some(&ann), "localhost", "pw");
        let names: Vec<_> = secrets.iter().map(|s| (s.username.as_str(), s.algorithm.as_str())).collect();
        assert_eq!(names, [("1001", "md5"), ("1001", "sha-256"), ("ann", "md5"), ("ann", "sha-256")]);
        // RFC 7616 §3.4.2: HA1 is H(username ":" realm ":" password).
        assert_eq!(secrets[0].ha1, sip::digest::ha1(Algorithm::Md5, "1001", "localhost", "pw"));
        assert_eq!(digest_secrets(&line, None, "localhost", "pw").len(), 2);
    }

    #[test]
    fn a_users_record_proves_the_password() {
        let records = derive("pencil", &[7; scram::SALT_BYTES], &hashes(&Mechanism::DEFAULT)).unwrap();
        assert_eq!(records.len(), 2);
        let sha256 = records.iter().find(|record| record.mechanism == "SCRAM-SHA-256").unwrap();
        let record = scram::Record {
            salt: sha256.salt.clone(),
            iterations: sha256.iterations,
            stored_key: sha256.stored_key.clone(),
            server_key: sha256.server_key.clone(),
        };
        assert!(record.verifies(scram::Hash::Sha256, "pencil"));
        assert!(!record.verifies(scram::Hash::Sha256, "pencil "));
    }

    #[test]
    fn a_password_gets_a_record_for_each_mechanism_that_is_allowed() {
        let allowed = [Mechanism::ScramSha512Plus, Mechanism::Plain];
        let records = derive("pencil", &[7; scram::SALT_BYTES], &hashes(&allowed)).unwrap();
        let names: Vec<_> = records.iter().map(|record| record.mechanism.as_str()).collect();
        assert_eq!(names, ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"]);
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret("pw".to_owned())), "‹secret›");
    }
}
