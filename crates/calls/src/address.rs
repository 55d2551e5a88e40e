//! Which address of ours a phone is told: the local one, or the one that the outside world knows.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network in CIDR notation, such as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The text is not a network.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a network such as 10.0.0.0/8 or fd00::/8, nothing but zeros behind its prefix")]
pub struct NetworkError;

/// The addresses that go into Contact, Via and SDP (`[sip] advertise`, `[media] advertise`, `[network] local`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// What phones outside the local networks are told for signalling.
    pub sip_advertise: Option<IpAddr>,
    /// What phones outside the local networks are told for media.
    pub media_advertise: Option<IpAddr>,
    /// The networks whose phones reach us at our own address; the private ranges when empty.
    pub local: Vec<Network>,
}

impl Network {
    /// Is `address` in this network? An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = mask_v4(self.prefix);
                network.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = mask_v6(self.prefix);
                network.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }

    /// Is `address` the first of this network?
    fn is_first(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => address.to_bits() & !mask_v4(self.prefix) == 0,
            IpAddr::V6(address) => address.to_bits() & !mask_v6(self.prefix) == 0,
        }
    }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| NetworkError)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let network = Self { address, prefix: prefix.unwrap_or(bits) };
        // A bit behind the prefix is a slip: of the address, or of the prefix.
        if network.prefix <= bits && network.is_first(address) { Ok(network) } else { Err(NetworkError) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Addresses {
    /// What a phone at `phone` is told for signalling, when `own` is our address on that path.
    pub fn signalling(&self, own: IpAddr, phone: IpAddr) -> IpAddr {
        self.told(own, phone, self.sip_advertise)
    }

    /// What a phone at `phone` is told for media, when `own` is our address on that path.
    pub fn media(&self, own: IpAddr, phone: IpAddr) -> IpAddr {
        self.told(own, phone, self.media_advertise.or(self.sip_advertise))
    }

    fn told(&self, own: IpAddr, phone: IpAddr, advertise: Option<IpAddr>) -> IpAddr {
        match advertise {
            // An address of the other family would be of no use to the phone.
            Some(outside) if !self.is_local(phone) && outside.is_ipv4() == phone.to_canonical().is_ipv4() => {
                outside
            }
            _ => own.to_canonical(),
        }
    }

    fn is_local(&self, phone: IpAddr) -> bool {
        if phone.to_canonical().is_loopback() {
            return true;
        }
        if self.local.is_empty() {
            return match phone.to_canonical() {
                IpAddr::V4(address) => is_private_v4(address),
                IpAddr::V6(address) => is_private_v6(address),
            };
        }
        self.local.iter().any(|network| network.contains(phone))
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    address.is_private() || address.is_link_local()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unique_local() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(local: &[&str], phone: &str, expected: &str) {
        let addresses = Addresses {
            sip_advertise: Some("203.0.113.9".parse().unwrap()),
            media_advertise: Some("203.0.113.10".parse().unwrap()),
            local: local.iter().map(|text| text.parse().unwrap()).collect(),
        };
        let told = addresses.media("10.0.0.1".parse().unwrap(), phone.parse().unwrap());
        assert_eq!(told, expected.parse::<IpAddr>().unwrap(), "{phone}");
    }

    #[test]
    fn local_phones_are_told_our_own_address_and_others_the_advertised_one() {
        check(&[], "10.0.0.7", "10.0.0.1");
        check(&[], "127.0.0.1", "10.0.0.1");
        check(&[], "198.51.100.4", "203.0.113.10");
        check(&["198.51.100.0/24"], "198.51.100.4", "10.0.0.1");
        check(&["198.51.100.0/24"], "10.0.0.7", "203.0.113.10");
    }

    #[test]
    fn an_address_of_the_other_family_is_never_told() {
        check(&[], "2001:db8::7", "10.0.0.1");
    }

    #[test]
    fn networks_end_where_their_prefix_says() {
        let network: Network = "10.1.0.0/16".parse().unwrap();
        assert!(network.contains("10.1.255.255".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.2.3".parse().unwrap()));
        assert!(!network.contains("10.2.0.0".parse().unwrap()));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("8.8.8.8".parse().unwrap()));
        assert_eq!("10.0.0.0/33".parse::<Network>(), Err(NetworkError));
        assert_eq!("ten".parse::<Network>(), Err(NetworkError));
        for slip in ["10.1.2.3/16", "10.0.0.1/0", "2001:db8::1/32", "fd00::1/64"] {
            assert_eq!(slip.parse::<Network>(), Err(NetworkError), "{slip}");
        }
        assert!("2001:db8::1".parse::<Network>().is_ok() && "2001:db8::1/128".parse::<Network>().is_ok());
        assert_eq!(network.to_string(), "10.1.0.0/16");
    }
}
