//! Where a request goes (RFC 3263): from a host, and what is known beside it, to addresses in the order in which they
//! are tried.
//!
//! [`Lookup`] asks the questions that the name service must answer, one after the other, and takes the answers; it
//! opens no socket and draws no random number. [`Servers`] keeps the outcome, and which of it has failed lately.

mod record;
mod servers;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

pub use record::{Answer, Naptr, Question, Srv};
pub use servers::{REST, Servers};

use crate::Uri;
use crate::endpoint::Transport;
use crate::uri::Scheme;

/// Addresses that one look-up gives at most: further ones would be tried after minutes, if ever.
pub const HOPS_MAX: usize = 32;
/// Questions that one look-up asks at most, so that no zone keeps us busy.
pub const QUESTIONS_MAX: usize = 40;
/// The port of SIP over UDP and TCP (RFC 3261 §19.1.2).
pub const PORT: u16 = 5060;
/// The port of SIP over TLS.
pub const PORT_TLS: u16 = 5061;

/// One place to send a request to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    /// How.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

/// What is to be found: the parts of a URI that decide (RFC 3263 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// A name, or an address; an IPv6 address may stand in brackets.
    pub host: String,
    /// The port, when it is said.
    pub port: Option<u16>,
    /// The transport, when it is said.
    pub transport: Option<Transport>,
    /// Nobody may read along (`sips:`).
    pub secure: bool,
}

impl Destination {
    /// What a URI says; `maddr` stands for the host (RFC 3263 §4). `None`: it is no SIP URI.
    pub fn of(uri: &Uri) -> Option<Self> {
        if !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) {
            return None;
        }
        let host = uri.params().value(b"maddr").unwrap_or_else(|| uri.host());
        Some(Self {
            host: String::from_utf8_lossy(host).into_owned(),
            port: uri.port(),
            transport: uri.transport().and_then(Transport::from_name),
            secure: uri.scheme() == Scheme::Sips,
        })
    }

    /// The host, when it is an address.
    fn literal(&self) -> Option<IpAddr> {
        self.host.trim_matches(['[', ']']).parse().ok()
    }

    /// The transport when nothing in the name service decides: what the URI says, else UDP, or TLS for `sips:`
    /// (RFC 3263 §4.1). RFC 3261 §26.2.2: `sips:` over TCP means TLS.
    fn plain_transport(&self) -> Transport {
        match (self.transport, self.secure) {
            (Some(Transport::Tcp) | None, true) => Transport::Tls,
            (Some(transport), _) => transport,
            (None, false) => Transport::Udp,
        }
    }
}

/// A server whose addresses are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    transport: Transport,
    host: String,
    port: u16,
}

/// A question that is to be asked, and what its answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Naptr,
    Srv(Transport, String),
    Addresses(Server),
}

/// What comes next in a look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// This is to be asked; the answer goes to [`Lookup::answer`].
    Ask(Question),
    /// It is done: these are tried in order.
    Done(Vec<Hop>),
    /// It is done, and led nowhere because the name service could not answer: it may later.
    Unanswered,
}

/// A look-up under way.
#[derive(Clone, Debug)]
pub struct Lookup {
    destination: Destination,
    able: Vec<Transport>,
    steps: VecDeque<Step>,
    hops: Vec<Hop>,
    asked: usize,
    /// An answer was missing that could have led somewhere.
    unanswered: bool,
    /// No server was found by SRV: the host itself is the last resort (RFC 3263 §4.2).
    found_servers: bool,
}

impl Lookup {
    /// Begins one. `able` are the transports that we can use, the preferred one first.
    pub fn new(destination: Destination, able: &[Transport]) -> Self {
        let mut lookup = Self {
            able: able.to_vec(),
            steps: VecDeque::new(),
            hops: Vec::new(),
            asked: 0,
            unanswered: false,
            found_servers: false,
            destination,
        };
        lookup.begin();
        lookup
    }

    fn begin(&mut self) {
        let wanted = &self.destination;
        let transport = wanted.plain_transport();
        if let Some(address) = wanted.literal() {
            // RFC 3263 §4.1: "If the TARGET is a numeric IP address […] UDP", and §4.2: the port said or the default.
            let port = wanted.port.unwrap_or_else(|| default_port(transport));
            if self.able.contains(&transport) {
                self.hops.push(Hop { transport, address: SocketAddr::new(address, port) });
            }
        } else if let Some(port) = wanted.port {
            // RFC 3263 §4.2: with a port there is no SRV look-up.
            let host = wanted.host.clone();
            self.steps.push_back(Step::Addresses(Server { transport, host, port }));
        } else if wanted.transport.is_some() {
            let name = srv_name(transport, &wanted.host);
            self.steps.push_back(Step::Srv(transport, name));
        } else {
            self.steps.push_back(Step::Naptr);
        }
    }

    /// What comes next. The same until [`Lookup::answer`] is called.
    pub fn proceed(&mut self) -> Next {
        while self.hops.len() < HOPS_MAX && self.asked < QUESTIONS_MAX {
            match self.steps.front() {
                Some(Step::Naptr) => return Next::Ask(Question::Naptr(self.destination.host.clone())),
                Some(Step::Srv(_, name)) => return Next::Ask(Question::Srv(name.clone())),
                Some(Step::Addresses(server)) => {
                    let transport = server.transport;
                    // An address where a name should stand (RFC 2782 forbids it) needs no question.
                    let Ok(address) = server.host.trim_matches(['[', ']']).parse() else {
                        return Next::Ask(Question::Addresses(server.host.clone()));
                    };
                    let address = SocketAddr::new(address, server.port);
                    self.steps.pop_front();
                    self.put(Hop { transport, address });
                }
                None => break,
            }
        }
        if self.hops.is_empty() && self.unanswered {
            return Next::Unanswered;
        }
        Next::Done(self.hops.clone())
    }

    /// Takes the answer to the question that [`Lookup::proceed`] gave. `entropy` spreads the load over servers of one
    /// priority by their weights (RFC 2782).
    pub fn answer(&mut self, answer: Answer, entropy: &mut dyn FnMut() -> u32) {
        let Some(step) = self.steps.pop_front() else { return };
        self.asked += 1;
        self.unanswered |= answer == Answer::Failed;
        match step {
            Step::Naptr => self.take_naptr(answer),
            Step::Srv(transport, _) => self.take_srv(transport, answer, entropy),
            Step::Addresses(server) => {
                let Answer::Addresses(addresses) = answer else { return };
                for address in addresses {
                    let address = SocketAddr::new(address, server.port);
                    self.put(Hop { transport: server.transport, address });
                }
            }
        }
    }

    fn put(&mut self, hop: Hop) {
        if self.hops.len() < HOPS_MAX && !self.hops.contains(&hop) {
            self.hops.push(hop);
        }
    }

    /// The services of the domain that we can use, by order, then preference (RFC 3263 §4.1, RFC 3403 §4.1). Without
    /// any, SRV is asked for each transport of ours.
    fn take_naptr(&mut self, answer: Answer) {
        let records = if let Answer::Naptr(records) = answer { records } else { Vec::new() };
        let mut usable: Vec<(Transport, Naptr)> = records
            .into_iter()
            .filter_map(|record| Some((record.transport()?, record)))
            .filter(|(transport, _)| self.may_use(*transport))
            .collect();
        usable.sort_by_key(|(_, record)| (record.order, record.preference));
        for (transport, record) in usable {
            self.steps.push_back(Step::Srv(transport, record.replacement));
        }
        if self.steps.is_empty() {
            let usable: Vec<Transport> =
                self.able.iter().copied().filter(|transport| self.may_use(*transport)).collect();
            for transport in usable {
                let name = srv_name(transport, &self.destination.host);
                self.steps.push_back(Step::Srv(transport, name));
            }
        }
        self.last_resort();
    }

    /// The servers of one transport, lowest priority first, then by weight.
    fn take_srv(&mut self, transport: Transport, answer: Answer, entropy: &mut dyn FnMut() -> u32) {
        if let Answer::Srv(records) = answer {
            let records = record::in_order(records, entropy);
            self.found_servers |= !records.is_empty();
            // RFC 2782: a target of "." says that the service is decidedly not there.
            let servers =
                records.into_iter().filter(|record| !record.target.trim_end_matches('.').is_empty());
            let steps: Vec<Step> = servers
                .map(|record| Step::Addresses(Server { transport, host: record.target, port: record.port }))
                .collect();
            // Before the SRV questions of transports that are preferred less.
            for step in steps.into_iter().rev() {
                self.steps.push_front(step);
            }
        }
        self.last_resort();
    }

    /// RFC 3263 §4.2: when no SRV records were found, the host's own addresses and the default port.
    fn last_resort(&mut self) {
        let transport = self.destination.plain_transport();
        if self.steps.is_empty()
            && !self.found_servers
            && self.hops.is_empty()
            && self.able.contains(&transport)
        {
            let (host, port) = (self.destination.host.clone(), default_port(transport));
            self.steps.push_back(Step::Addresses(Server { transport, host, port }));
        }
    }

    fn may_use(&self, transport: Transport) -> bool {
        self.able.contains(&transport) && (!self.destination.secure || transport.is_secure())
    }
}

/// The port when none is said.
pub fn default_port(transport: Transport) -> u16 {
    if transport.is_secure() { PORT_TLS } else { PORT }
}

/// `_sip._udp.example.org` (RFC 3263 §4.1).
fn srv_name(transport: Transport, host: &str) -> String {
    let service = match transport {
        Transport::Udp => "_sip._udp",
        Transport::Tcp => "_sip._tcp",
        Transport::Tls => "_sips._tcp",
        // RFC 7118 §5.1 uses the HTTP URI; whoever asks all the same gets what the transport is called.
        Transport::Ws => "_sip._ws",
        Transport::Wss => "_sips._ws",
    };
    format!("{service}.{host}")
}
