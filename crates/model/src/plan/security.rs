//! Security profiles of trunks: how signalling with the other side is kept secret, how it shows who it is, and what it
//! may ask for (`CC-12`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::TrunkTransport;

/// Names of certificates and pinned certificates that one profile has at most.
pub const CERTIFICATES_MAX: usize = 100;
/// Bytes of a fingerprint by SHA-256.
const FINGERPRINT_BYTES: usize = 32;

/// What several trunks may have in common: who is believed to be them, and what they may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecurityProfile {
    /// Its name.
    pub name: String,
    /// How secret what is said over it must be.
    #[serde(skip_serializing_if = "is_default")]
    pub mode: SecurityMode,
    /// The transport of what goes out, where the trunk says none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<TrunkTransport>,
    /// The transports that requests may come in over; any when it is empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub incoming: Vec<TrunkTransport>,
    /// A file with certificates of the authorities that are believed instead of those that the system trusts; from the data
    /// folder on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// The other side's certificates themselves: who shows one of them is believed without any authority or name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pinned: Vec<Fingerprint>,
    /// Our certificate is shown to a server that asks for one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub client_certificate: bool,
    /// The names of which the other side's certificate must have one, in both directions. When it is empty, servers must have
    /// the trunk's domain, and who comes in need not show a certificate unless some are pinned.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_names: Vec<String>,
    /// Who calls in must sign in with the trunk's account.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub digest: bool,
    /// A REFER outside a dialog originates a call here (`CC-27`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub accept_out_of_dialog_refer: bool,
    /// An INVITE may take the place of another call (RFC 3891).
    pub accept_replaces: bool,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Default for SecurityProfile {
    /// What holds for a trunk without a profile.
    fn default() -> Self {
        Self {
            name: String::new(),
            mode: SecurityMode::default(),
            transport: None,
            incoming: Vec::new(),
            ca_file: None,
            pinned: Vec::new(),
            client_certificate: false,
            subject_names: Vec::new(),
            digest: false,
            accept_out_of_dialog_refer: false,
            accept_replaces: true,
            note: String::new(),
        }
    }
}

impl SecurityProfile {
    /// May a request come in over this transport?
    pub fn lets_in(&self, transport: TrunkTransport) -> bool {
        let secure = self.mode == SecurityMode::NonSecure || transport == TrunkTransport::Tls;
        secure && (self.incoming.is_empty() || self.incoming.contains(&transport))
    }

    /// Is whoever comes in known by a certificate?
    pub fn knows_by_certificate(&self) -> bool {
        !self.subject_names.is_empty() || !self.pinned.is_empty()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How secret what is said with another side must be (`EN-08`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecurityMode {
    /// Anything goes.
    #[default]
    NonSecure,
    /// Signalling over TLS only.
    Authenticated,
    /// Signalling over TLS only, and media by SRTP only.
    Encrypted,
}

/// The SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` prints it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

/// The text is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 fingerprint such as 3A:F0:… with 32 bytes")]
pub struct FingerprintError;

impl Fingerprint {
    /// The fingerprint with these bytes.
    pub fn new(bytes: [u8; FINGERPRINT_BYTES]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Hexadecimal digits, with or without colons.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
        if digits.len() != 2 * FINGERPRINT_BYTES {
            return Err(FingerprintError);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut bytes = [0; FINGERPRINT_BYTES];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = (digit(pair[0]), digit(pair[1]));
            *byte = high.zip(low).map(|(high, low)| high << 4 | low).ok_or(FingerprintError)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;

    fn try_from(text: String) -> Result<Self, FingerprintError> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if at > 0 { ":" } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_and_without_colons_and_shown_with_them() {
        let plain: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
        let read: Fingerprint = plain.parse().unwrap();
        let shown = read.to_string();
        assert!(shown.starts_with("00:01:02:") && shown.ends_with(":1E:1F"), "{shown}");
        assert_eq!(shown.parse(), Ok(read));
        for wrong in ["", "00", &plain[2..], &plain.replace('1', "g")] {
            assert_eq!(wrong.parse::<Fingerprint>(), Err(FingerprintError), "{wrong}");
        }
    }

    #[test]
    fn what_must_be_secret_comes_in_over_tls_only() {
        use TrunkTransport::{Tcp, Tls, Udp};
        let lets_in = |mode, incoming: &[TrunkTransport]| {
            let profile = SecurityProfile { mode, incoming: incoming.to_vec(), ..SecurityProfile::default() };
            [Udp, Tcp, Tls].map(|transport| profile.lets_in(transport))
        };
        assert_eq!(lets_in(SecurityMode::NonSecure, &[]), [true; 3]);
        assert_eq!(lets_in(SecurityMode::NonSecure, &[Tcp, Tls]), [false, true, true]);
        for mode in [SecurityMode::Authenticated, SecurityMode::Encrypted] {
            assert_eq!(lets_in(mode, &[]), [false, false, true]);
            assert_eq!(lets_in(mode, &[Udp]), [false; 3]);
        }
    }
}
