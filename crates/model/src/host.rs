//! Who a network address belongs to, as limits count it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A host at the other end. Limits are kept by host and not by address, because a host has a whole /64 of IPv6
/// addresses to itself (RFC 6177 §2) and could take a new one for every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host(IpAddr);

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        // An IPv4 address seen through an IPv6 socket is still that host's alone (RFC 4291 §2.5.5.2).
        match address.to_canonical() {
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
            v4 => Self(v4),
        }
    }
}

/// Its address, or that of its network: `192.0.2.1`, `2001:db8::/64`.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(address: &str) -> Host {
        Host::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn all_of_a_hosts_ipv6_addresses_are_one_host() {
        assert_eq!(host("2001:db8::1"), host("2001:db8::ffff:1:2:3"));
        assert_ne!(host("2001:db8::1"), host("2001:db8:0:1::1"));
        assert_eq!(host("2001:db8::1").to_string(), "2001:db8::/64");
    }

    #[test]
    fn every_ipv4_address_is_a_host_however_it_is_written() {
        assert_ne!(host("192.0.2.1"), host("192.0.2.2"));
        assert_eq!(host("::ffff:192.0.2.1"), host("192.0.2.1"));
        assert_ne!(host("::ffff:192.0.2.1"), host("::ffff:192.0.2.2"));
    }
}
