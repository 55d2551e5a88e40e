//! How a trunk is reached, and what is believed of whoever comes over it: its security profile (`CC-27`).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Recording, Srtp};

/// Trunks that one plan has at most: each of them is looked after all the time.
pub const TRUNKS_MAX: usize = 1_000;

/// The SIP side of a trunk. A trunk without it is known to the dial plan only, and no call goes over it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrunkSip {
    /// Where it is: an address or a name, with a port or without. A name without port is looked up as RFC 3263 says.
    /// Empty: calls only come in over it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The transport; by the name service when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<TrunkTransport>,
    /// Who calls from these addresses is the trunk, without a password.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Source>,
    /// Credentials, for both directions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<TrunkAccount>,
    /// The domain in From and To of calls that go out; the trunk's address when it is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Which header field says who calls, beside From.
    #[serde(skip_serializing_if = "is_default")]
    pub caller_id: CallerId,
    /// Who calls in is who its P-Asserted-Identity says (RFC 3325 §8: within a trust domain only).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trust_identity: bool,
    /// Calls at once, in both directions together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_max: Option<u32>,
    /// Calls at once that came in over it and are not answered and acknowledged yet: the share of this server's room that
    /// half-open calls of one trunk may take.
    pub half_open_max: u32,
    /// Calls that come in over it may go out over trunks again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub transit: bool,
    /// How often it is asked by OPTIONS whether it is there, in seconds; 0 is never.
    pub options_seconds: u16,
    /// How long a call waits for the first answer of all before it goes on to the next trunk, in seconds.
    pub answer_seconds: u16,
    /// The only codecs that are offered over it, by their names, such as `PCMA`; all when it is empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codecs: Vec<String>,
    /// Whether its media is secret.
    #[serde(skip_serializing_if = "is_default")]
    pub srtp: Srtp,
    /// Whether calls over it are recorded.
    #[serde(skip_serializing_if = "is_default")]
    pub recording: Recording,
}

impl Default for TrunkSip {
    fn default() -> Self {
        Self {
            address: String::new(),
            transport: None,
            from: Vec::new(),
            account: None,
            domain: None,
            caller_id: CallerId::default(),
            trust_identity: false,
            calls_max: None,
            half_open_max: 200,
            transit: false,
            options_seconds: 30,
            answer_seconds: 4,
            codecs: Vec::new(),
            srtp: Srtp::default(),
            recording: Recording::default(),
        }
    }
}

impl TrunkSip {
    /// The host of the address, and its port when there is one.
    pub fn host_and_port(&self) -> (&str, Option<u16>) {
        let (host, port) = host_and_port(&self.address);
        (host, port.flatten())
    }
}

/// The parts of `host`, `host:port` and `[address]:port`. The port is `None` when it is no number.
pub(super) fn host_and_port(text: &str) -> (&str, Option<Option<u16>>) {
    let port = |text: &str| text.parse::<u16>().ok().map(Some);
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(text) => (host, port(text)),
            None if rest.is_empty() => (host, Some(None)),
            None => (host, None),
        };
    }
    match text.split_once(':') {
        // More colons than one: an IPv6 address without brackets.
        Some((_, rest)) if rest.contains(':') => (text, Some(None)),
        Some((host, text)) => (host, port(text)),
        None => (text, Some(None)),
    }
}

/// Credentials of a trunk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrunkAccount {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: String,
    /// We register there with it, so that calls come to us (RFC 3261 §10).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub register: bool,
    /// For how long at a time, in seconds.
    #[serde(default = "expires_seconds")]
    pub expires_seconds: u32,
    /// Who calls in must know it: the other side signs in with the same name and password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inbound: bool,
}

fn expires_seconds() -> u32 {
    600
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl fmt::Debug for TrunkAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrunkAccount")
            .field("username", &self.username)
            .field("register", &self.register)
            .field("inbound", &self.inbound)
            .finish_non_exhaustive()
    }
}

/// The transport of a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrunkTransport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream over TLS.
    Tls,
}

/// Which header field says who calls, beside From.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallerId {
    /// None.
    #[default]
    From,
    /// P-Asserted-Identity (RFC 3325).
    PAssertedIdentity,
    /// Remote-Party-ID, which no RFC became of and many exchanges read.
    RemotePartyId,
    /// Both.
    Both,
}

/// An address or a network in CIDR notation, such as `192.0.2.0/24`.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Source {
    address: IpAddr,
    prefix: u8,
}

/// The text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a network such as 192.0.2.0/24")]
pub struct SourceError;

impl Source {
    /// Is this address one of them? An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let shift = 32 - u32::from(self.prefix);
                (ours.to_bits() ^ theirs.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let shift = 128 - u32::from(self.prefix);
                (ours.to_bits() ^ theirs.to_bits()).checked_shr(shift).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Would it let everybody in?
    pub fn is_everybody(&self) -> bool {
        self.prefix == 0
    }

    /// Is there an address that is in both?
    pub fn overlaps(&self, other: &Self) -> bool {
        let wider = if self.prefix <= other.prefix { (self, other) } else { (other, self) };
        wider.0.contains(wider.1.address)
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| SourceError)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), str::parse::<u8>).map_err(|_| SourceError)?;
        if prefix > bits { Err(SourceError) } else { Ok(Self { address, prefix }) }
    }
}

impl TryFrom<String> for Source {
    type Error = SourceError;

    fn try_from(text: String) -> Result<Self, SourceError> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> Self {
        source.to_string()
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = if self.address.is_ipv4() { 32 } else { 128 };
        if self.prefix == bits { self.address.fmt(f) } else { write!(f, "{}/{}", self.address, self.prefix) }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_a_network() {
        let contains = |source: &str, address: &str| {
            source.parse::<Source>().unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("192.0.2.0/24", "192.0.2.200") && !contains("192.0.2.0/24", "192.0.3.1"));
        assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.2"));
        assert!(contains("2001:db8::/32", "2001:db8:1::1") && !contains("2001:db8::/32", "192.0.2.1"));
        assert!(contains("192.0.2.1", "::ffff:192.0.2.1"), "an address mapped into IPv6 is the same");
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        for wrong in ["", "192.0.2.0/33", "example.org", "192.0.2.1/", "::/129"] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
        for text in ["192.0.2.0/24", "192.0.2.1", "2001:db8::/32"] {
            assert_eq!(text.parse::<Source>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let account = TrunkAccount {
            username: "carillon".into(),
            password: "open sesame".into(),
            register: true,
            expires_seconds: 60,
            inbound: false,
        };
        assert!(!format!("{account:?}").contains("sesame"));
    }
}
