//! Records of the name service as far as they matter here: NAPTR (RFC 3403), SRV (RFC 2782), addresses.

use std::net::IpAddr;

use crate::endpoint::Transport;

/// What the name service is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// The NAPTR records of a domain.
    Naptr(String),
    /// The SRV records of a name.
    Srv(String),
    /// The addresses of a host, IPv4 and IPv6.
    Addresses(String),
}

/// What it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// NAPTR records.
    Naptr(Vec<Naptr>),
    /// SRV records.
    Srv(Vec<Srv>),
    /// Addresses.
    Addresses(Vec<IpAddr>),
    /// There is no such name, or it has no such records.
    Nothing,
    /// It did not answer, or answered that it cannot.
    Failed,
}

/// One NAPTR record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// Lower ones first.
    pub order: u16,
    /// Among those of one order, lower ones first.
    pub preference: u16,
    /// `s`: the replacement is the name of SRV records.
    pub flags: String,
    /// Such as `SIP+D2U`.
    pub service: String,
    /// The name to go on with.
    pub replacement: String,
}

impl Naptr {
    /// The transport that it is for; `None` when it is for something else, or goes on in a way of its own.
    pub fn transport(&self) -> Option<Transport> {
        let is = |name: &str| self.service.eq_ignore_ascii_case(name);
        match () {
            () if !self.flags.eq_ignore_ascii_case("s") => None,
            () if is("SIP+D2U") => Some(Transport::Udp),
            () if is("SIP+D2T") => Some(Transport::Tcp),
            () if is("SIPS+D2T") => Some(Transport::Tls),
            () => None,
        }
    }
}

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srv {
    /// Lower ones first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The server's name.
    pub target: String,
}

/// Servers in the order in which they are tried: by priority; within one, drawn by their weights (RFC 2782: "the
/// running sum of the weights", those of weight 0 first in line and seldom drawn).
pub(super) fn in_order(mut records: Vec<Srv>, entropy: &mut dyn FnMut() -> u32) -> Vec<Srv> {
    records.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let count = records.iter().take_while(|record| record.priority == first.priority).count();
        let sum: u64 = records[..count].iter().map(|record| u64::from(record.weight)).sum();
        let drawn = u64::from(entropy()) % (sum + 1);
        let mut running = 0;
        let place = records[..count].iter().position(|record| {
            running += u64::from(record.weight);
            running >= drawn
        });
        // The last running sum is the sum, which is never less than what was drawn.
        ordered.push(records.remove(place.unwrap_or(0)));
    }
    ordered
}
