//! Digest authentication (RFC 3261 §22, RFC 7616, RFC 8760): MD5 and SHA-256, qop=auth.
//!
//! The server keeps no state per challenge: a nonce carries its time and a keyed hash. What was used is kept in
//! a bounded table of nonce counts. The `-sess` variants are refused by never being offered or understood.

mod client;
mod field;
mod server;
mod session;

use md5::Md5;
use sha2::Sha256;

pub use client::{Account, answer};
pub use field::{Challenge, Credentials};
pub use server::{NONCES_COUNTED_MAX, NonceCounts, Server, Verdict};
pub use session::Session;

/// A hash function for digests (RFC 8760 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// What every phone knows, and the default when a challenge names none.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    /// The algorithm called `name` in any case; `None` for all others, also for `MD5-sess`.
    pub fn parse(name: &[u8]) -> Option<Self> {
        match name {
            n if n.eq_ignore_ascii_case(b"MD5") => Some(Self::Md5),
            n if n.eq_ignore_ascii_case(b"SHA-256") => Some(Self::Sha256),
            _ => None,
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }
}

/// A hash in lower-case hexadecimal, as digests put them into each other.
#[derive(Clone, Copy)]
pub(crate) struct HexHash {
    digits: [u8; 64],
    length: usize,
}

impl HexHash {
    /// The digits.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.digits[..self.length]
    }
}

/// The hash of `parts` with colons between them.
pub(crate) fn hash(algorithm: Algorithm, parts: &[&[u8]]) -> HexHash {
    let mut digits = [0; 64];
    let length = match algorithm {
        Algorithm::Md5 => hash_into::<Md5>(parts, &mut digits),
        Algorithm::Sha256 => hash_into::<Sha256>(parts, &mut digits),
    };
    HexHash { digits, length }
}

fn hash_into<D: sha2::Digest>(parts: &[&[u8]], digits: &mut [u8; 64]) -> usize {
    let mut hasher = D::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update(b":");
        }
        hasher.update(part);
    }
    let sum = hasher.finalize();
    let length = sum.len() * 2;
    for (pair, byte) in digits.chunks_exact_mut(2).zip(sum.iter()) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
    length
}

/// HA1 = H(username:realm:password), in hexadecimal: what is kept in place of the password.
pub fn ha1(algorithm: Algorithm, username: &str, realm: &str, password: &str) -> String {
    String::from_utf8_lossy(
        hash(algorithm, &[username.as_bytes(), realm.as_bytes(), password.as_bytes()]).as_bytes(),
    )
    .into_owned()
}

/// The response of RFC 7616 §3.4.1, with qop=auth when there is a cnonce, else that of RFC 2069.
pub(crate) fn response(algorithm: Algorithm, ha1: &[u8], method: &[u8], credentials: &Inputs<'_>) -> HexHash {
    let ha2 = hash(algorithm, &[method, credentials.uri]);
    match credentials.counted {
        Some((nc, cnonce)) => hash(algorithm, &[ha1, credentials.nonce, nc, cnonce, b"auth", ha2.as_bytes()]),
        None => hash(algorithm, &[ha1, credentials.nonce, ha2.as_bytes()]),
    }
}

/// What goes into a response besides HA1 and the method.
pub(crate) struct Inputs<'a> {
    pub(crate) nonce: &'a [u8],
    pub(crate) uri: &'a [u8],
    /// nc and cnonce, with qop=auth.
    pub(crate) counted: Option<(&'a [u8], &'a [u8])>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 §3.9.1, for both algorithms.
    #[test]
    fn the_example_of_rfc_7616_comes_out() {
        let inputs = Inputs {
            nonce: b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            uri: b"/dir/index.html",
            counted: Some((b"00000001", b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")),
        };
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let ha1 = ha1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life");
            assert_eq!(response(algorithm, ha1.as_bytes(), b"GET", &inputs).as_bytes(), expected.as_bytes());
        }
    }
}
