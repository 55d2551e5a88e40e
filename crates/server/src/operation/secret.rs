//! What passwords become: SCRAM records for chat, digest HA1 values for lines. The password itself is never kept.

use model::{BareJid, LineId};
use runtime::Runtime;
use sip::digest::Algorithm;
use store::{DigestSecret, ScramRecord};
use xmpp::sasl::Credentials;
use xmpp::sasl::scram::{HASHES_DEFAULT, ITERATIONS_DEFAULT, Record, SALT_BYTES};

use super::Failure;

/// A password shorter than this is accepted with a warning, in characters.
const PASSWORD_CHARACTERS_WEAK: usize = 8;
/// Random line passwords have this many random bytes.
const LINE_PASSWORD_BYTES: usize = 12;

/// The records of a password; costs milliseconds of computing.
pub fn scram(password: &str, salt: &[u8; SALT_BYTES]) -> Result<Vec<ScramRecord>, Failure> {
    let derived = Credentials::derive(password, salt, ITERATIONS_DEFAULT, &HASHES_DEFAULT)
        .map_err(|error| Failure::refused(error.to_string()))?;
    let named = [("SCRAM-SHA-1", derived.sha1), ("SCRAM-SHA-256", derived.sha256)];
    Ok(named.into_iter().filter_map(|(mechanism, record)| Some(kept(mechanism, record?))).collect())
}

fn kept(mechanism: &str, record: Record) -> ScramRecord {
    ScramRecord {
        mechanism: mechanism.to_owned(),
        salt: record.salt,
        iterations: record.iterations,
        stored_key: record.stored_key,
        server_key: record.server_key,
    }
}

/// The secrets of a line: for its number and for its owner's user name, by both algorithms (RFC 8760), so that
/// the algorithms on offer can change without new passwords.
pub fn digest(line: &LineId, owner: Option<&BareJid>, realm: &str, password: &str) -> Vec<DigestSecret> {
    let name = owner.and_then(|owner| owner.node()).map(|node| node.as_str().to_owned());
    let mut secrets = Vec::with_capacity(4);
    for username in std::iter::once(line.number.as_str().to_owned()).chain(name) {
        for (name, algorithm) in [("md5", Algorithm::Md5), ("sha-256", Algorithm::Sha256)] {
            secrets.push(DigestSecret {
                ha1: sip::digest::ha1(algorithm, &username, realm, password),
                username: username.clone(),
                realm: realm.to_owned(),
                algorithm: name.to_owned(),
            });
        }
    }
    secrets
}

/// A password for a line that nobody has to remember.
pub fn random_line_password(runtime: &Runtime) -> String {
    runtime.random_token(LINE_PASSWORD_BYTES)
}

/// A salt.
pub fn salt(runtime: &Runtime) -> [u8; SALT_BYTES] {
    let mut salt = [0; SALT_BYTES];
    runtime.fill(&mut salt);
    salt
}

/// Why a password is weak, when it is: an administrator may set it all the same.
pub fn weakness(password: &str) -> Option<&'static str> {
    if password.chars().count() < PASSWORD_CHARACTERS_WEAK {
        Some("the password has fewer than 8 characters")
    } else if password.chars().all(|c| c.is_ascii_digit()) {
        Some("the password has digits only")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_can_sign_in_by_number_and_by_user_name() {
        let line = LineId::from("1002".parse::<model::Number>().unwrap());
        let owner = "bob@example.org".parse().unwrap();
        let secrets = digest(&line, Some(&owner), "example.org", "secret");
        let names: Vec<_> = secrets.iter().map(|s| (s.username.as_str(), s.algorithm.as_str())).collect();
        assert_eq!(names, [("1002", "md5"), ("1002", "sha-256"), ("bob", "md5"), ("bob", "sha-256")]);
        assert!(!format!("{secrets:?}").contains(&secrets[0].ha1), "a log must not have it");
    }

    #[test]
    fn weak_passwords_are_named() {
        assert!(weakness("short").is_some());
        assert!(weakness("1234567890").is_some());
        assert!(weakness("correct horse").is_none());
    }
}
