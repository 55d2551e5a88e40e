//! The house of a script: who has which line, and ports of media that are only numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use calls::Board;
use calls::call::Ports;
use calls::place::{Branch, Caller, Destination, Dialled, Directory, Failed, Service, Unplaceable};
use media::{Command, NoPort, OpenPort, Port, PortId};
use model::LineId;
use parking_lot::Mutex;
use sip::endpoint::{Flow, Target, Transport};

/// The server's own address.
pub const SERVER: &str = "192.0.2.1:5060";

/// A registered phone.
#[derive(Clone)]
pub struct Registered {
    pub line: LineId,
    pub owner: String,
    pub address: SocketAddr,
}

/// Lines and phones of a script.
pub struct Lines {
    pub phones: Vec<Registered>,
    pub lines: BTreeMap<String, String>,
    pub board: Arc<Board>,
    /// Where calls to a number go that fail there.
    pub forwards: BTreeMap<String, String>,
}

pub fn line(number: &str) -> LineId {
    LineId::from(number.parse::<model::Number>().expect("a number"))
}

pub fn flow_to(address: SocketAddr) -> Flow {
    let local = SERVER.parse().expect("an address");
    Flow { transport: Transport::Udp, local, remote: address, connection: None }
}

impl Registered {
    fn branch(&self) -> Branch {
        Branch {
            contact: format!("sip:{}@{}", self.line.number, self.address).parse().expect("a URI"),
            target: Target::from(flow_to(self.address)),
            path: Vec::new(),
            line: self.line.clone(),
            owner: Some(format!("{}@localhost", self.owner).parse().expect("an address")),
        }
    }
}

impl Directory for Lines {
    fn resolve(&self, dialled: &Dialled, _caller: &Caller) -> Result<Destination, Unplaceable> {
        if dialled.foreign_domain.is_some() {
            return Err(Unplaceable::NotFound);
        }
        if dialled.user == "600" {
            return Ok(Destination::Service(Service::Echo));
        }
        let reached = |number: &str, owner: &str| number == dialled.user || owner == dialled.user;
        if !self.lines.iter().any(|(number, owner)| reached(number, owner)) {
            return Err(Unplaceable::NotFound);
        }
        let found = self.phones.iter().filter(|phone| reached(phone.line.number.as_str(), &phone.owner));
        let branches = found.map(Registered::branch).collect();
        Ok(Destination::Phones { branches, address: dialled.user.clone(), name: None, ring_time: None })
    }

    fn line_calls(&self, line: &LineId) -> usize {
        self.board.line_calls(line)
    }

    fn phones_of(&self, line: &LineId) -> Vec<Branch> {
        self.phones.iter().filter(|phone| phone.line == *line).map(Registered::branch).collect()
    }

    fn next(&self, failed: &Failed<'_>) -> Option<Destination> {
        let user = self.forwards.get(failed.line.number.as_str())?.clone();
        self.resolve(&Dialled { user, foreign_domain: None }, failed.caller).ok()
    }
}

/// Media without sockets: remembers what it was told.
#[derive(Default)]
pub struct Numbers {
    state: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    opened: u16,
    open: BTreeSet<PortId>,
    remotes: BTreeMap<PortId, SocketAddr>,
    partners: BTreeMap<PortId, PortId>,
    directions: BTreeMap<PortId, media::Direction>,
    echoes: BTreeSet<PortId>,
    tones: BTreeSet<PortId>,
    with_video: BTreeMap<SocketAddr, bool>,
}

impl Ports for Numbers {
    fn open(&self, _open: OpenPort) -> Result<Port, NoPort> {
        let mut told = self.state.lock();
        told.opened += 1;
        let rtp_port = 30_000 + 2 * told.opened;
        let id = PortId::numbered(u64::from(told.opened));
        told.open.insert(id);
        Ok(Port { id, rtp_port, rtcp_port: rtp_port + 1 })
    }

    fn command(&self, command: Command) {
        let mut told = self.state.lock();
        match command {
            Command::SetRemote { port, remote } => {
                told.remotes.insert(port, remote.rtp);
                told.with_video.insert(remote.rtp, remote.with_video);
                told.directions.insert(port, remote.direction);
            }
            Command::Connect { a, b } => {
                told.rest(a);
                told.rest(b);
                told.partners.insert(a, b);
                told.partners.insert(b, a);
            }
            Command::Echo { port } => {
                told.rest(port);
                told.echoes.insert(port);
            }
            Command::Play { port, .. } => {
                told.rest(port);
                told.tones.insert(port);
            }
            Command::Rest { port } => told.rest(port),
            Command::Close { port } => {
                assert!(told.open.remove(&port), "a port is closed twice");
                told.rest(port);
            }
            _ => {}
        }
    }
}

impl Told {
    /// Ends what a port did.
    fn rest(&mut self, port: PortId) {
        self.partners.retain(|a, b| *a != port && *b != port);
        self.echoes.remove(&port);
        self.tones.remove(&port);
    }
}

impl Numbers {
    pub fn has_tone(&self, address: SocketAddr) -> bool {
        let told = self.state.lock();
        told.tones.iter().any(|port| told.remotes.get(port) == Some(&address))
    }

    pub fn open_ports(&self) -> usize {
        self.state.lock().open.len()
    }

    /// Are packets relayed between these two addresses, and do both directions of it flow?
    pub fn relays(&self, one: SocketAddr, other: SocketAddr) -> bool {
        let told = self.state.lock();
        told.partners.iter().any(|(a, b)| {
            told.remotes.get(a) == Some(&one)
                && told.remotes.get(b) == Some(&other)
                && [a, b].iter().all(|port| told.directions.get(port) == Some(&media::Direction::SendReceive))
        })
    }

    /// Was media told that what goes to this address belongs to a call with pictures?
    pub fn is_with_video(&self, address: SocketAddr) -> bool {
        self.state.lock().with_video.get(&address) == Some(&true)
    }

    pub fn echoes(&self, address: SocketAddr) -> bool {
        let told = self.state.lock();
        told.echoes.iter().any(|port| told.remotes.get(port) == Some(&address))
    }
}
