//! SIP route patterns: addresses by domain or IP address, to a trunk (`CC-13`).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::RouteTo;
use crate::Partition;

/// Sends addresses of other domains out, or blocks them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipRoute {
    /// What it matches.
    pub domain: DomainPattern,
    /// Where it lives.
    #[serde(default)]
    pub partition: Partition,
    /// Where it goes.
    pub to: RouteTo,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// `example.net`, `*.example.net` (all below it), `192.0.2.7`, `192.0.2.0/24`, `*` (all).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainPattern {
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Domain(String),
    Below(String),
    Network(IpAddr, u8),
    All,
}

/// The text is no pattern of domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a SIP route matches a domain such as example.net, *.example.net, an address or network such as 192.0.2.0/24, or *"
)]
pub struct DomainPatternError;

impl DomainPattern {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How close the match with a host is, closest highest; `None` when it does not match.
    pub fn closeness(&self, host: &str) -> Option<usize> {
        let host = host.trim_matches(['[', ']']);
        match &self.kind {
            Kind::Domain(domain) => host.eq_ignore_ascii_case(domain).then_some(usize::MAX),
            Kind::Below(suffix) => {
                let (front, end) = host.split_at_checked(host.len().checked_sub(suffix.len())?)?;
                (front.len() > 1 && front.ends_with('.') && end.eq_ignore_ascii_case(suffix))
                    .then_some(1 + suffix.len())
            }
            Kind::Network(network, prefix) => {
                let address: IpAddr = host.parse().ok()?;
                is_within(address, *network, *prefix).then_some(1 + usize::from(*prefix))
            }
            Kind::All => Some(0),
        }
    }
}

fn is_within(address: IpAddr, network: IpAddr, prefix: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
            a.to_bits() & mask == b.to_bits() & mask
        }
        _ => false,
    }
}

impl FromStr for DomainPattern {
    type Err = DomainPatternError;

    fn from_str(text: &str) -> Result<Self, DomainPatternError> {
        let is_domain = |domain: &str| {
            !domain.is_empty()
                && domain.len() < 254
                && domain.split('.').all(|label| {
                    !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
                })
        };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let kind = if text == "*" {
            Kind::All
        } else if let Ok(address) = address.trim_matches(['[', ']']).parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| DomainPatternError)?;
            if prefix > most {
                return Err(DomainPatternError);
            }
            Kind::Network(address, prefix)
        } else if let Some(suffix) = text.strip_prefix("*.").filter(|suffix| is_domain(suffix)) {
            Kind::Below(suffix.to_owned())
        } else if is_domain(text) {
            Kind::Domain(text.to_owned())
        } else {
            return Err(DomainPatternError);
        };
        Ok(Self { text: text.to_owned(), kind })
    }
}

impl TryFrom<String> for DomainPattern {
    type Error = DomainPatternError;

    fn try_from(text: String) -> Result<Self, DomainPatternError> {
        text.parse()
    }
}

impl From<DomainPattern> for String {
    fn from(pattern: DomainPattern) -> Self {
        pattern.text
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closeness(pattern: &str, host: &str) -> Option<usize> {
        pattern.parse::<DomainPattern>().unwrap().closeness(host)
    }

    #[test]
    fn the_closest_domain_wins() {
        let exact = closeness("sjc.xyz.com", "SJC.xyz.com");
        let below = closeness("*.xyz.com", "sjc.xyz.com");
        assert!(exact > below && below > closeness("*.com", "sjc.xyz.com"));
        assert!(closeness("*.com", "sjc.xyz.com") > closeness("*", "sjc.xyz.com"));
    }

    #[test]
    fn what_is_below_a_domain_is_not_the_domain() {
        for host in ["xyz.com", "notxyz.com", ".xyz.com", "com", ""] {
            assert_eq!(closeness("*.xyz.com", host), None, "{host}");
        }
    }

    #[test]
    fn networks_hold_their_addresses() {
        assert!(closeness("192.0.2.0/24", "192.0.2.77") < closeness("192.0.2.77", "192.0.2.77"));
        assert_eq!(closeness("192.0.2.0/24", "192.0.3.1"), None);
        assert!(closeness("2001:db8::/32", "[2001:db8::1]").is_some());
        assert!(closeness("0.0.0.0/0", "10.0.0.1").is_some());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "a b", "*.", "**", "10.0.0.0/33", ".x", "x..y"] {
            assert_eq!(text.parse::<DomainPattern>(), Err(DomainPatternError), "{text:?}");
        }
    }
}
