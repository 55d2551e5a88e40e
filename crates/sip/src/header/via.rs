//! Via: how a message came and how its response goes back (RFC 3261 §20.42, RFC 3581).

use std::net::{IpAddr, SocketAddr};

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::Error;
use crate::message::{HeaderValue, Name, put_number};
use crate::param::Params;
use crate::scan;

/// What every branch of an RFC 3261 element begins with (§8.1.1.7).
pub const BRANCH_COOKIE: &[u8] = b"z9hG4bK";

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    raw: Bytes,
    transport: (u32, u32),
    host: (u32, u32),
    port: Option<u16>,
    params: u32,
}

impl Via {
    /// Reads one value that fills all of `raw`: `SIP/2.0/UDP host:port;branch=...`, white space around the slashes
    /// and the colon allowed.
    ///
    /// # Errors
    /// [`Error::Value`] when it does not follow its grammar.
    pub fn parse(raw: Bytes) -> Result<Self, Error> {
        Self::read(&raw)
            .map(|(transport, host, port, params)| Self { raw, transport, host, port, params })
            .ok_or(Error::Value(Name::Via))
    }

    #[allow(clippy::type_complexity, reason = "the parts of one value, named where they are used")]
    fn read(raw: &[u8]) -> Option<((u32, u32), (u32, u32), Option<u16>, u32)> {
        let range = |part: &[u8]| {
            let start = part.as_ptr().addr() - raw.as_ptr().addr();
            Some((u32::try_from(start).ok()?, u32::try_from(start + part.len()).ok()?))
        };
        let first = memchr::memchr(b'/', raw)?;
        let second = first + 1 + memchr::memchr(b'/', &raw[first + 1..])?;
        if !scan::trim(&raw[..first]).eq_ignore_ascii_case(b"SIP")
            || scan::trim(&raw[first + 1..second]) != b"2.0"
        {
            return None;
        }
        let rest = trim_start(&raw[second + 1..]);
        let transport_end = rest.iter().position(|b| matches!(b, b' ' | b'\t'))?;
        let transport = &rest[..transport_end];
        let sent_by = trim_start(&rest[transport_end..]);
        let params = memchr::memchr(b';', sent_by).unwrap_or(sent_by.len());
        let host_port = scan::trim(&sent_by[..params]);
        let host_end = match host_port.first()? {
            b'[' => memchr::memchr(b']', host_port)? + 1,
            _ => host_port.iter().position(|b| matches!(b, b':' | b' ' | b'\t')).unwrap_or(host_port.len()),
        };
        let host = &host_port[..host_end];
        let port = match trim_start(&host_port[host_end..]) {
            [] => None,
            [b':', digits @ ..] => Some(scan::number::<u16>(digits)?),
            _ => return None,
        };
        let params = &sent_by[params..];
        if !scan::is_token(transport) || !crate::uri::is_host(host) || !Params::new(params).is_well_formed() {
            return None;
        }
        Some((range(transport)?, range(host)?, port, u32::try_from(raw.len() - params.len()).ok()?))
    }

    /// The transport as it stands: `UDP`, `TCP`, `TLS`, `WSS`, or any other token.
    pub fn transport(&self) -> &[u8] {
        &self.raw[self.transport.0 as usize..self.transport.1 as usize]
    }

    /// The sent-by host as it stands.
    pub fn host(&self) -> &[u8] {
        &self.raw[self.host.0 as usize..self.host.1 as usize]
    }

    /// The sent-by port, when one is written.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// All parameters.
    pub fn params(&self) -> Params<'_> {
        Params::new(&self.raw[self.params as usize..])
    }

    /// The branch.
    pub fn branch(&self) -> Option<&[u8]> {
        self.params().value(b"branch")
    }

    /// Does the branch identify the transaction, that is, did an RFC 3261 element write it (§17.2.3)?
    pub fn has_unique_branch(&self) -> bool {
        self.branch().is_some_and(|b| {
            b.len() > BRANCH_COOKIE.len() && b[..BRANCH_COOKIE.len()].eq_ignore_ascii_case(BRANCH_COOKIE)
        })
    }

    /// The `received` parameter as an address.
    pub fn received(&self) -> Option<IpAddr> {
        let text = std::str::from_utf8(self.params().value(b"received")?).ok()?;
        text.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// The `rport` parameter (RFC 3581): `Some(None)` when it waits to be filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.params().find(b"rport").map(|value| value.and_then(scan::number))
    }

    /// The `maddr` parameter.
    pub fn maddr(&self) -> Option<&[u8]> {
        self.params().value(b"maddr")
    }

    /// The value as it stands.
    pub fn as_bytes(&self) -> &[u8] {
        &self.raw
    }

    /// Writes the value as a server adds to it what it saw: `received` when the sent-by is not the source address or
    /// `rport` was asked for, and the value of `rport` (RFC 3261 §18.2.1, RFC 3581 §4).
    pub fn write_received(&self, source: SocketAddr, out: &mut BytesMut) {
        let source_ip = source.ip().to_canonical();
        let wants_rport = self.params().has(b"rport");
        let same_host = std::str::from_utf8(self.host()).is_ok_and(|host| {
            host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical() == source_ip)
        });
        out.put_slice(&self.raw[..self.params as usize]);
        for (name, value) in self.params().iter() {
            if name.eq_ignore_ascii_case(b"received") {
                continue;
            }
            out.put_u8(b';');
            out.put_slice(name);
            if name.eq_ignore_ascii_case(b"rport") {
                out.put_u8(b'=');
                put_number(out, u64::from(source.port()));
            } else if let Some(value) = value {
                out.put_u8(b'=');
                out.put_slice(value);
            }
        }
        if wants_rport || !same_host {
            out.put_slice(b";received=");
            out.put_slice(source_ip.to_string().as_bytes());
        }
    }
}

impl HeaderValue for Via {
    fn write(&self, out: &mut BytesMut) {
        out.put_slice(&self.raw);
    }
}

fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}
