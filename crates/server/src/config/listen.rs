//! `[listen]`: on which addresses and ports.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where the server listens. A port of 0 means: not at all. The ports here have the offset in them already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenSection {
    /// The addresses; loopback-only services ignore them.
    pub addresses: Vec<IpAddr>,
    /// Moves all ports.
    pub port_offset: u16,
    /// XMPP with STARTTLS (RFC 6120 §14.7).
    pub xmpp: u16,
    /// XMPP with direct TLS (XEP-0368).
    pub xmpps: u16,
    /// Other XMPP servers, with STARTTLS (RFC 6120 §14.7).
    pub xmpp_servers: u16,
    /// Other XMPP servers, with direct TLS (XEP-0368).
    pub xmpps_servers: u16,
    /// Programs beside this server (XEP-0114), on loopback.
    pub components: u16,
    /// SIP over UDP and TCP.
    pub sip: u16,
    /// SIP over TLS.
    pub sips: u16,
    /// HTTPS.
    pub https: u16,
    /// Plain HTTP on loopback, a secure context for browsers on this machine.
    pub http_loopback: u16,
    /// Metrics on loopback.
    pub metrics: u16,
    /// The proxy for bytestreams between clients (XEP-0065).
    pub proxy: u16,
    /// Sound and pictures of browsers, over UDP and TCP.
    pub webrtc: u16,
}

impl Default for ListenSection {
    fn default() -> Self {
        Self {
            addresses: vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)],
            port_offset: 0,
            xmpp: 5222,
            xmpps: 5223,
            xmpp_servers: 5269,
            xmpps_servers: 5270,
            components: 0,
            sip: 5060,
            sips: 5061,
            https: 8443,
            http_loopback: 8080,
            metrics: 9464,
            proxy: 0,
            webrtc: 0,
        }
    }
}

impl ListenSection {
    /// The addresses of a service on `port`; none when the port is 0.
    pub fn at(&self, port: u16) -> Vec<SocketAddr> {
        if port == 0 {
            return Vec::new();
        }
        self.addresses.iter().map(|address| SocketAddr::new(*address, port)).collect()
    }

    /// The loopback addresses that go with the addresses, on `port`; none when the port is 0.
    pub fn loopback(&self, port: u16) -> Vec<SocketAddr> {
        if port == 0 {
            return Vec::new();
        }
        let mut loopback = vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)];
        if self.addresses.iter().any(IpAddr::is_ipv6) {
            loopback.push(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), port));
        }
        loopback
    }

    /// All ports that are listened on.
    pub fn ports(&self) -> Vec<u16> {
        let mut all = self.clone();
        all.ports_mut().into_iter().map(|port| *port).filter(|port| *port != 0).collect()
    }

    fn ports_mut(&mut self) -> [&mut u16; 12] {
        [
            &mut self.xmpp,
            &mut self.xmpps,
            &mut self.xmpp_servers,
            &mut self.xmpps_servers,
            &mut self.components,
            &mut self.sip,
            &mut self.sips,
            &mut self.https,
            &mut self.http_loopback,
            &mut self.metrics,
            &mut self.proxy,
            &mut self.webrtc,
        ]
    }

    /// Adds the offset to every port that is not 0; false when one does not fit.
    pub(super) fn move_ports(&mut self) -> bool {
        let offset = self.port_offset;
        for port in self.ports_mut() {
            if *port != 0 {
                match port.checked_add(offset) {
                    Some(moved) => *port = moved,
                    None => return false,
                }
            }
        }
        true
    }
}
