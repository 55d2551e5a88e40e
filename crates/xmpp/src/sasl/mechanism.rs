//! The names of SASL: mechanisms in order of preference, channel bindings, failure conditions.

use super::scram::Hash;

/// A mechanism that we speak. The order is the order of preference, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// `SCRAM-SHA-512-PLUS`, bound to the TLS channel.
    ScramSha512Plus,
    /// `SCRAM-SHA-256-PLUS` (RFC 7677), bound to the TLS channel.
    ScramSha256Plus,
    /// `SCRAM-SHA-1-PLUS` (RFC 5802), bound to the TLS channel.
    ScramSha1Plus,
    /// `SCRAM-SHA-512`.
    ScramSha512,
    /// `SCRAM-SHA-256` (RFC 7677).
    ScramSha256,
    /// `SCRAM-SHA-1` (RFC 5802).
    ScramSha1,
    /// `PLAIN` (RFC 4616), inside TLS only.
    Plain,
}

impl Mechanism {
    /// All of them, most preferred first.
    pub const ALL: [Self; 7] = [
        Self::ScramSha512Plus,
        Self::ScramSha256Plus,
        Self::ScramSha1Plus,
        Self::ScramSha512,
        Self::ScramSha256,
        Self::ScramSha1,
        Self::Plain,
    ];

    /// Those that need no more than the records of [`super::scram::HASHES_DEFAULT`]. A list that goes beyond
    /// what every account has keeps out the users of clients that take the strongest.
    pub const DEFAULT: [Self; 5] =
        [Self::ScramSha256Plus, Self::ScramSha1Plus, Self::ScramSha256, Self::ScramSha1, Self::Plain];

    /// The name in the IANA registry of SASL mechanisms.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ScramSha512Plus => "SCRAM-SHA-512-PLUS",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Self::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
        }
    }

    /// The mechanism of that name, if we speak it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name() == name)
    }

    /// The hash function, for the SCRAM family.
    pub const fn hash(self) -> Option<Hash> {
        match self {
            Self::ScramSha512Plus | Self::ScramSha512 => Some(Hash::Sha512),
            Self::ScramSha256Plus | Self::ScramSha256 => Some(Hash::Sha256),
            Self::ScramSha1Plus | Self::ScramSha1 => Some(Hash::Sha1),
            Self::Plain => None,
        }
    }

    /// True when the exchange is bound to the TLS channel beneath it.
    pub const fn is_plus(self) -> bool {
        matches!(self, Self::ScramSha512Plus | Self::ScramSha256Plus | Self::ScramSha1Plus)
    }
}

/// What the TLS layer tells of its channel. `tls-unique` is not here: TLS 1.3 has none (RFC 9266 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelBinding {
    /// 32 bytes of keying material for the label `EXPORTER-Channel-Binding` (RFC 9266 §2), TLS 1.3.
    pub exporter: Option<Vec<u8>>,
    /// The hash of the server's certificate (RFC 5929 §4).
    pub server_end_point: Option<Vec<u8>>,
}

impl ChannelBinding {
    /// The registered name of the exporter binding.
    pub const EXPORTER: &'static str = "tls-exporter";
    /// The registered name of the certificate binding.
    pub const SERVER_END_POINT: &'static str = "tls-server-end-point";

    /// True when there is nothing to bind to, so that no `-PLUS` mechanism can be offered.
    pub fn is_empty(&self) -> bool {
        self.exporter.is_none() && self.server_end_point.is_none()
    }

    /// The data of the binding called `name`.
    pub fn data(&self, name: &str) -> Option<&[u8]> {
        match name {
            Self::EXPORTER => self.exporter.as_deref(),
            Self::SERVER_END_POINT => self.server_end_point.as_deref(),
            _ => None,
        }
    }

    /// The names that [`ChannelBinding::data`] knows here, most preferred first.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [Self::EXPORTER, Self::SERVER_END_POINT].into_iter().filter(|name| self.data(name).is_some())
    }
}

/// Why a sign-in failed: the conditions of RFC 6120 §6.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.name())]
pub enum Condition {
    /// The client gave up with `<abort/>`.
    Aborted,
    /// The password was right and the account is disabled.
    AccountDisabled,
    /// The password was right and has expired.
    CredentialsExpired,
    /// The mechanism is allowed inside TLS only.
    EncryptionRequired,
    /// The base64 was wrong.
    IncorrectEncoding,
    /// The client may not act as the address it asked for.
    InvalidAuthzid,
    /// A mechanism that was not offered.
    InvalidMechanism,
    /// The message broke the grammar of its mechanism.
    MalformedRequest,
    /// The mechanism is weaker than the account's policy allows.
    MechanismTooWeak,
    /// Wrong password or unknown user: deliberately the same.
    NotAuthorized,
    /// Our own trouble; the same attempt may work later.
    TemporaryAuthFailure,
}

impl Condition {
    const ALL: [Self; 11] = [
        Self::Aborted,
        Self::AccountDisabled,
        Self::CredentialsExpired,
        Self::EncryptionRequired,
        Self::IncorrectEncoding,
        Self::InvalidAuthzid,
        Self::InvalidMechanism,
        Self::MalformedRequest,
        Self::MechanismTooWeak,
        Self::NotAuthorized,
        Self::TemporaryAuthFailure,
    ];

    /// The element name of the condition.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::AccountDisabled => "account-disabled",
            Self::CredentialsExpired => "credentials-expired",
            Self::EncryptionRequired => "encryption-required",
            Self::IncorrectEncoding => "incorrect-encoding",
            Self::InvalidAuthzid => "invalid-authzid",
            Self::InvalidMechanism => "invalid-mechanism",
            Self::MalformedRequest => "malformed-request",
            Self::MechanismTooWeak => "mechanism-too-weak",
            Self::NotAuthorized => "not-authorized",
            Self::TemporaryAuthFailure => "temporary-auth-failure",
        }
    }

    /// The condition of that element name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|condition| condition.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_back_to_its_mechanism() {
        for mechanism in Mechanism::ALL {
            assert_eq!(Mechanism::from_name(mechanism.name()), Some(mechanism));
            assert_eq!(mechanism.is_plus(), mechanism.name().ends_with("-PLUS"));
        }
        assert_eq!(Mechanism::from_name("DIGEST-MD5"), None);
    }

    #[test]
    fn every_condition_name_leads_back() {
        for condition in Condition::ALL {
            assert_eq!(Condition::from_name(condition.name()), Some(condition));
        }
    }

    #[test]
    fn the_binding_names_are_those_that_have_data() {
        let binding = ChannelBinding { exporter: None, server_end_point: Some(vec![1]) };
        assert_eq!(binding.names().collect::<Vec<_>>(), ["tls-server-end-point"]);
        assert!(ChannelBinding::default().is_empty());
        assert_eq!(binding.data("tls-unique"), None);
    }
}
