//! SCRAM's keys (RFC 5802 §3, RFC 7677): hash functions, derivation, the stored record.

mod client;
mod message;
mod server;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{PasswordError, prepare};

pub(crate) use client::ScramClient;
pub(crate) use server::{ClientFirst, ScramServer};

/// The iteration count of new records: what RFC 7677 §4 demands at least, and what ejabberd uses. Measured on
/// a processor without SHA instructions, a SHA-1 and a SHA-256 record together cost 4.5 ms, so that an
/// import of 10,000 users takes 23 s on two cores; with the 10,000 that XEP-0438 recommends it takes 55 s.
pub const ITERATIONS_DEFAULT: u32 = 4_096;
/// The fewest iterations that our client accepts from a server (RFC 7677 §4).
pub const ITERATIONS_MIN: u32 = 4_096;
/// The most iterations that our client computes for a server, so that none can keep it busy for minutes.
pub const ITERATIONS_MAX: u32 = 1_000_000;
/// The hash functions that new accounts get a record for.
pub const HASHES_DEFAULT: [Hash; 2] = [Hash::Sha1, Hash::Sha256];
/// The length of the salts that we make, in bytes.
pub const SALT_BYTES: usize = 16;

/// The hash functions of the SCRAM family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    /// SHA-1 (RFC 5802).
    Sha1,
    /// SHA-256 (RFC 7677).
    Sha256,
    /// SHA-512.
    Sha512,
}

/// What a server keeps of a password for one hash function (RFC 5802 §3); the password cannot be had from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The salt of the derivation.
    pub salt: Vec<u8>,
    /// How often the derivation iterates.
    pub iterations: u32,
    /// H(ClientKey): checks the client's proof.
    pub stored_key: Vec<u8>,
    /// Proves to the client that the server knows the record.
    pub server_key: Vec<u8>,
}

impl std::fmt::Debug for Record {
    /// Keys never reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Record {
    /// Derives the record of a password.
    pub fn derive(hash: Hash, password: &str, salt: &[u8], iterations: u32) -> Result<Self, PasswordError> {
        let password = Zeroizing::new(prepare(password)?.into_owned());
        let salted = hash.salted_password(password.as_bytes(), salt, iterations);
        Ok(Self::from_salted(hash, &salted, salt, iterations))
    }

    /// The record of a password that somebody else has salted (XEP-0480 §3).
    pub fn from_salted(hash: Hash, salted: &[u8], salt: &[u8], iterations: u32) -> Self {
        Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: hash.digest(&hash.hmac(salted, &[b"Client Key"])),
            server_key: hash.hmac(salted, &[b"Server Key"]),
        }
    }

    /// True when `password` is the one this record was made from. Costs a whole derivation.
    pub fn verifies(&self, hash: Hash, password: &str) -> bool {
        let Ok(password) = prepare(password) else { return false };
        let salted = hash.salted_password(password.as_bytes(), &self.salt, self.iterations);
        hash.digest(&hash.hmac(&salted, &[b"Client Key"])).ct_eq(&self.stored_key).into()
    }
}

impl Hash {
    /// All of them, weakest first.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The mechanism that uses it, without `-PLUS`.
    pub const fn mechanism(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The length of the function's output, in bytes.
    pub const fn output_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// H(data).
    pub(crate) fn digest(self, data: &[u8]) -> Vec<u8> {
        #[cfg(test)]
        work::note(1);
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    /// HMAC(key, the parts one after another).
    pub(crate) fn hmac(self, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        fn run<M: Mac + hmac::digest::KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
            let mut mac = <M as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
            parts.iter().for_each(|part| mac.update(part));
            mac.finalize().into_bytes().to_vec()
        }
        #[cfg(test)]
        work::note(1);
        match self {
            Self::Sha1 => run::<Hmac<Sha1>>(key, parts),
            Self::Sha256 => run::<Hmac<Sha256>>(key, parts),
            Self::Sha512 => run::<Hmac<Sha512>>(key, parts),
        }
    }

    /// Hi(password, salt, iterations) (RFC 5802 §2.2), which is PBKDF2 with one block of output.
    fn salted_password(self, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        #[cfg(test)]
        work::note(u64::from(iterations));
        let mut output = Zeroizing::new(vec![0; self.output_bytes()]);
        match self {
            Self::Sha1 => pbkdf2::pbkdf2::<Hmac<Sha1>>(password, salt, iterations, &mut output),
            Self::Sha256 => pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, iterations, &mut output),
            Self::Sha512 => pbkdf2::pbkdf2::<Hmac<Sha512>>(password, salt, iterations, &mut output),
        }
        .expect("HMAC takes keys of any length");
        output
    }

    const fn label(self) -> &'static [u8] {
        match self {
            Self::Sha1 => b"salt SHA-1 ",
            Self::Sha256 => b"salt SHA-256 ",
            Self::Sha512 => b"salt SHA-512 ",
        }
    }
}

/// A salt out of a key and a name. Real users' salts and those of users who do not exist are both made
/// here, so that neither differs from the other in length or in how it varies with the mechanism.
pub(crate) fn salt(key: &[u8], hash: Hash, name: &[u8]) -> Vec<u8> {
    let mut salt = Hash::Sha256.hmac(key, &[hash.label(), name]);
    salt.truncate(SALT_BYTES);
    salt
}

/// ClientProof = ClientKey XOR ClientSignature, and back again.
fn xor(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(l, r)| l ^ r).collect()
}

fn encode(data: &[u8]) -> String {
    BASE64.encode(data)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

/// What the exchanges of a test cost: it is the work, and so the time, that must not tell who exists.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    thread_local! {
        static HASHES: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn note(hashes: u64) {
        HASHES.set(HASHES.get() + hashes);
    }

    /// Hashes computed on this thread since the last call; each iteration of a derivation is one.
    pub(crate) fn take() -> u64 {
        HASHES.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The `Hi` of RFC 5802 is PBKDF2: RFC 6070 §2, the vector with 4096 iterations.
    #[test]
    fn the_derivation_is_that_of_rfc_6070() {
        let output = Hash::Sha1.salted_password(b"password", b"salt", 4096);
        assert_eq!(hex::encode(&*output), "4b007901b765489abead49d926f721d065a429c1");
    }

    #[test]
    fn a_record_verifies_its_password_only() {
        for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha512] {
            let record = Record::derive(hash, "pencil", b"0123456789abcdef", 4096).unwrap();
            assert_eq!(record.stored_key.len(), hash.output_bytes());
            assert!(record.verifies(hash, "pencil"));
            assert!(!record.verifies(hash, "Pencil"));
        }
    }

    /// RFC 4013 §3: a soft hyphen maps to nothing, a Roman numeral one to "I".
    #[test]
    fn passwords_are_prepared_before_derivation() {
        let record = Record::derive(Hash::Sha1, "I\u{00AD}X", b"salt", 1).unwrap();
        assert!(record.verifies(Hash::Sha1, "\u{2168}"));
        assert_eq!(Record::derive(Hash::Sha1, "\u{0007}", b"salt", 1), Err(PasswordError::Forbidden));
        assert_eq!(Record::derive(Hash::Sha1, "", b"salt", 1), Err(PasswordError::Empty));
    }

    #[test]
    fn salts_differ_by_key_by_name_and_by_hash() {
        let salts = [
            salt(b"key", Hash::Sha1, b"ann"),
            salt(b"key", Hash::Sha256, b"ann"),
            salt(b"key", Hash::Sha1, b"bob"),
            salt(b"other", Hash::Sha1, b"ann"),
        ];
        for (index, salt) in salts.iter().enumerate() {
            assert_eq!(salt.len(), SALT_BYTES);
            assert!(!salts[..index].contains(salt));
        }
        assert_eq!(salts[0], salt(b"key", Hash::Sha1, b"ann"));
    }

    #[test]
    fn a_record_shows_no_key_when_printed() {
        let record = Record { salt: vec![1], iterations: 5, stored_key: vec![222], server_key: vec![223] };
        assert_eq!(format!("{record:?}"), "Record { iterations: 5, .. }");
    }
}
