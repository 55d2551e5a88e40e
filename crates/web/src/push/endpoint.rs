//! Where notices may go: addresses that users give must not lead into the operator's own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;

/// The address of a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) path: String,
}

impl Endpoint {
    /// Reads an address; without TLS and to a port or host of ours only where the operator allows it.
    pub(super) fn parse(text: &str, private: bool) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "an endpoint is an address of HTTPS")?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") if private => false,
            _ => return Err("an endpoint is an address of HTTPS"),
        };
        let authority = uri.authority().ok_or("an endpoint names a host")?;
        if authority.as_str().contains('@') {
            return Err("an endpoint has no user in its host");
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if let Ok(address) = host.parse::<IpAddr>()
            && !private
            && !is_public(address)
        {
            return Err("an endpoint is in the public network");
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { tls, host, port, path })
    }

    /// The origin (RFC 6454 §6.2), for the token.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// Host, and port where it is not the usual one.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}

/// Is an address one of the public network, and not of this machine, this site or a special use (RFC 6890)?
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || a == 100 && b & 0xc0 == 64
        || a == 192 && b == 0 && c == 0
        || a == 198 && b & 0xfe == 18)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [first, second, .., high, low] = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match first {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056) carry an IPv4 address.
        0x64 if second == 0xff9b => embedded(high, low),
        0x2002 => embedded(second, address.segments()[2]),
        0x2001 if second == 0xdb8 || second == 0 => false,
        // Only global unicast (RFC 4291 §2.4).
        first => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_outside_unless_the_operator_allows_others() {
        let read = |text| Endpoint::parse(text, false);
        let endpoint = read("https://push.example/a/b?c=d").unwrap();
        assert_eq!((endpoint.port, endpoint.path.as_str()), (443, "/a/b?c=d"));
        assert_eq!(endpoint.origin(), "https://push.example");
        assert_eq!(read("https://push.example:8443/").unwrap().origin(), "https://push.example:8443");
        for refused in [
            "http://push.example/",
            "ftp://push.example/",
            "push.example",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest",
            "https://a:b@push.example/",
            "",
        ] {
            assert!(read(refused).is_err(), "{refused}");
        }
        assert_eq!(Endpoint::parse("http://127.0.0.1:81/", true).unwrap().authority(), "127.0.0.1:81");
        assert_eq!(Endpoint::parse("https://[::1]:8443/x", true).unwrap().origin(), "https://[::1]:8443");
    }

    #[test]
    fn special_addresses_are_not_public() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.1.1",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["9.9.9.9", "2620:fe::9", "::ffff:9.9.9.9", "64:ff9b::909:909"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
