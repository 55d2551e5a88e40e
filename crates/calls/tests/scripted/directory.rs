//! The house of a script: who has which line, and ports of media that are only numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use calls::call::Ports;
use calls::dialplan::{Accounts, DialPlan, Services, compile};
use calls::directory::Phones;
use calls::place::Branch;
use media::{Command, Conference, ConferenceId, NoPort, OpenPort, Port, PortId, Sound, Source};
use model::plan::Plan;
use model::{LineId, Timestamp, User, UserId};
use parking_lot::Mutex;
use sip::endpoint::{Flow, Target, Transport};
use store::Line;

/// The server's own address.
pub const SERVER: &str = "192.0.2.1:5060";

/// The port of phones whose signalling comes over TLS.
pub const SECURE_PORT: u16 = 5061;

/// What the server is known by in handshakes.
pub const FINGERPRINT: &str =
    "sha-256 53:65:72:76:65:72:53:65:72:76:65:72:53:65:72:76:65:72:53:65:72:76:65:72:53:65:72:76:65:72:53:65";

/// The port of phones whose signalling comes over a WebSocket.
pub const WEB_PORT: u16 = 5062;

/// The one port for browsers.
pub const PUBLISHED_PORT: u16 = 29_000;

/// A registered phone.
#[derive(Clone)]
pub struct Registered {
    /// Also the name of its device, should the plan have such a one.
    pub name: String,
    pub line: LineId,
    pub owner: String,
    pub address: SocketAddr,
}

/// Phones of a script, and its clock.
#[derive(Clone, Default)]
pub struct Registrations {
    pub phones: Vec<Registered>,
    pub now: Arc<AtomicI64>,
}

pub fn line(number: &str) -> LineId {
    LineId::from(number.parse::<model::Number>().expect("a number"))
}

pub fn flow_to(address: SocketAddr) -> Flow {
    let local = SERVER.parse().expect("an address");
    let transport = match address.port() {
        SECURE_PORT => Transport::Tls,
        WEB_PORT => Transport::Wss,
        _ => Transport::Udp,
    };
    Flow { transport, local, remote: address, connection: None }
}

impl Registered {
    fn branch(&self) -> Branch {
        Branch {
            contact: format!("sip:{}@{}", self.line.number, self.address).parse().expect("a URI"),
            target: Target::from(flow_to(self.address)),
            path: Vec::new(),
            line: Some(self.line.clone()),
            is_silent: false,
            owner: Some(format!("{}@localhost", self.owner).parse().expect("an address")),
            trunk: None,
            device: Some(self.name.as_str().into()),
        }
    }
}

impl Phones for Registrations {
    fn of(&self, line: &LineId, _when: Timestamp) -> Vec<Branch> {
        self.phones.iter().filter(|phone| phone.line == *line).map(Registered::branch).collect()
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::Relaxed))
    }
}

/// The plan of a script: its document, over the lines `(number, owner)`, with 600 for the echo.
pub fn plan(document: &str, lines: &BTreeMap<String, String>) -> Result<DialPlan, String> {
    let plan = Plan::read(document).map_err(|error| error.to_string())?;
    let jid = |owner: &str| format!("{owner}@localhost").parse().expect("an address");
    let owners: BTreeSet<&String> = lines.values().collect();
    let user = |owner: &&String| User { id: UserId(0), jid: jid(owner), name: String::new(), enabled: true };
    let users: Vec<User> = owners.iter().map(user).collect();
    let owned = |(number, owner): (&String, &String)| Line { line: line(number), owner: Some(jid(owner)) };
    let lines: Vec<Line> = lines.iter().map(owned).collect();
    let conferences = ["800", "801"].map(str::to_owned);
    Ok(compile(&plan, Accounts::new(&users, &lines), Services::new(Some("600".to_owned()), conferences)))
}

/// `1002=1003`: calls go there that fail, whatever the reason.
pub fn forwards(pairs: &[(String, String)]) -> String {
    let forward = |(from, to): &(String, String)| {
        let always = format!("{{ internal = {{ to = \"{to}\" }} }}");
        format!(
            "[[line]]\nnumber = \"{from}\"\nforward = {{ busy = {always}, no_answer = {always}, unregistered = {always} }}\n"
        )
    };
    pairs.iter().map(forward).collect()
}

/// A trunk of a script: its name, the phones that are its servers, and what its sip table says more.
pub type Trunk = (String, Vec<String>, Vec<String>);

/// Trunks that show callers as `+4930` and their number.
pub fn trunks(trunks: &[Trunk], address: impl Fn(&str) -> SocketAddr) -> String {
    let one = |(name, servers, special): &Trunk| {
        let from: Vec<String> = servers.iter().map(|name| address(name).ip().to_string()).collect();
        let sip = format!("address = \"{name}.example\"\nfrom = {from:?}\n{}", special.join("\n"));
        let calling = "search_space = \"everywhere\"\ncalling = { prefix = \"+4930\" }";
        format!("[[outside.trunk]]\nname = \"{name}\"\n{calling}\n[outside.trunk.sip]\n{sip}\n")
    };
    if trunks.is_empty() {
        return String::new();
    }
    // Calls that come in reach what their trunk's search space has, and nothing without one.
    let space = "[settings]\nsearch_space = \"everywhere\"\n\
                 [[search_space]]\nname = \"everywhere\"\npartitions = [\"internal\", \"out\"]\n";
    space.to_owned() + &trunks.iter().map(one).collect::<String>()
}

/// `9=pstn,other`: what is dialled behind 9 goes over these trunks.
pub fn route(prefix: &str, trunks: &str) -> String {
    let trunks: Vec<&str> = trunks.split(',').collect();
    format!(
        "[[route]]\npattern = \"{prefix}.!\"\npartition = \"out\"\nto = {{ group = \"out-{prefix}\" }}\n\
         called = {{ strip_pre_dot = true }}\n\
         [[outside.route_group]]\nname = \"out-{prefix}\"\ntrunks = {trunks:?}\n"
    )
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
    transcoded: BTreeMap<PortId, PortId>,
    codecs: BTreeMap<PortId, String>,
    keys: BTreeMap<PortId, media::Crypto>,
    fax: BTreeSet<SocketAddr>,
    tapes: BTreeMap<PortId, PathBuf>,
    hears_keys: BTreeMap<SocketAddr, bool>,
    directions: BTreeMap<PortId, media::Direction>,
    echoes: BTreeSet<PortId>,
    tones: BTreeSet<PortId>,
    music: BTreeMap<PortId, Vec<Arc<Sound>>>,
    conferences: u64,
    parties: BTreeMap<PortId, (ConferenceId, bool)>,
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

    fn fingerprint(&self) -> String {
        FINGERPRINT.to_owned()
    }

    fn published_port(&self) -> Option<u16> {
        Some(PUBLISHED_PORT)
    }

    fn conference(&self, _: Conference) -> ConferenceId {
        let mut told = self.state.lock();
        told.conferences += 1;
        ConferenceId::numbered(told.conferences)
    }

    fn command(&self, command: Command) {
        let mut told = self.state.lock();
        match command {
            Command::SetRemote { port, remote } => {
                told.remotes.insert(port, remote.rtp);
                told.with_video.insert(remote.rtp, remote.with_video);
                told.directions.insert(port, remote.direction);
                told.hears_keys.insert(remote.rtp, remote.speech.keys_in_sound);
                match remote.is_udptl {
                    true => told.fax.insert(remote.rtp),
                    false => told.fax.remove(&remote.rtp),
                };
                let codec = remote.speech.encodings.first().map(|encoding| format!("{:?}", encoding.codec));
                told.codecs.insert(port, codec.unwrap_or_default());
            }
            Command::Connect { a, b } => {
                told.rest(a);
                told.rest(b);
                told.partners.insert(a, b);
                told.partners.insert(b, a);
            }
            Command::SetCrypto { port, crypto: Some(crypto) } => {
                told.keys.insert(port, crypto);
            }
            Command::SetCrypto { port, crypto: None } => {
                told.keys.remove(&port);
            }
            Command::Transcode { a, b } => {
                told.rest(a);
                told.rest(b);
                told.transcoded.insert(a, b);
                told.transcoded.insert(b, a);
            }
            Command::Record { port, recording } => {
                assert!(
                    told.partners.contains_key(&port) || told.transcoded.contains_key(&port),
                    "nobody talks"
                );
                told.tapes.insert(port, recording.path);
            }
            Command::StopRecording { port } => {
                told.tapes.remove(&port).expect("it was recorded");
            }
            Command::Echo { port } => {
                told.rest(port);
                told.echoes.insert(port);
            }
            Command::Play { port, source: Source::Sounds(sounds), .. } => {
                told.rest(port);
                told.music.insert(port, sounds);
            }
            Command::Play { port, .. } => {
                told.rest(port);
                told.tones.insert(port);
            }
            Command::Mix { conference, port, role } => {
                told.rest(port);
                let is_heard = role.heard_by == media::Audience::Everybody;
                told.parties.insert(port, (conference, is_heard));
            }
            Command::Rest { port } => told.rest(port),
            Command::Close { port } => {
                assert!(told.open.remove(&port), "a port is closed twice");
                told.keys.remove(&port);
                told.tapes.remove(&port);
                told.rest(port);
            }
            _ => {}
        }
    }
}

impl Told {
    fn is_heard(&self, port: PortId, address: SocketAddr) -> bool {
        self.remotes.get(&port) == Some(&address)
            && self.directions.get(&port).is_some_and(|direction| direction.sends())
    }

    /// Ends what a port did.
    fn rest(&mut self, port: PortId) {
        self.partners.retain(|a, b| *a != port && *b != port);
        self.transcoded.retain(|a, b| *a != port && *b != port);
        self.echoes.remove(&port);
        self.tones.remove(&port);
        self.music.remove(&port);
        self.parties.remove(&port);
    }
}

impl Numbers {
    pub fn has_tone(&self, address: SocketAddr) -> bool {
        let told = self.state.lock();
        told.tones.iter().any(|port| told.remotes.get(port) == Some(&address))
    }

    /// Does this address hear music, as far as it may hear anything?
    pub fn has_music(&self, address: SocketAddr) -> bool {
        let told = self.state.lock();
        told.music.keys().any(|port| told.is_heard(*port, address))
    }

    /// The sounds that this address hears, as far as it may hear anything.
    pub fn sounds(&self, address: SocketAddr) -> Vec<Arc<Sound>> {
        let told = self.state.lock();
        let heard = told.music.iter().find(|(port, _)| told.is_heard(**port, address));
        heard.map_or_else(Vec::new, |(_, sounds)| sounds.clone())
    }

    /// Who is in a conference with this address, and is heard there; the address itself included.
    pub fn confers_with(&self, address: SocketAddr) -> Vec<SocketAddr> {
        let told = self.state.lock();
        let at = |(port, party): (&PortId, &(ConferenceId, bool))| Some((*told.remotes.get(port)?, *party));
        let all: Vec<_> = told.parties.iter().filter_map(at).collect();
        let Some((_, (room, _))) = all.iter().find(|(of, _)| *of == address) else { return Vec::new() };
        let mut heard: Vec<_> =
            all.iter().filter(|(_, (of, is_heard))| of == room && *is_heard).map(|(of, _)| *of).collect();
        heard.sort();
        heard
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

    /// The keys of what comes from this address and of what goes there, as descriptions write them.
    pub fn keys(&self, address: SocketAddr) -> Option<(String, String)> {
        let told = self.state.lock();
        let (_, keys) = told.keys.iter().find(|(port, _)| told.remotes.get(port) == Some(&address))?;
        let written = |secret: &media::Secret| {
            let line = sip::sdp::Crypto { tag: 1, suite: String::new(), key: secret.bytes().to_vec() };
            line.inline()
        };
        let media::Crypto::Keys(keys) = keys else { return None };
        Some((written(&keys.receive), written(&keys.send)))
    }

    /// Has what comes from this address and goes there to be secret?
    pub fn is_secret(&self, address: SocketAddr) -> bool {
        let told = self.state.lock();
        told.keys.iter().any(|(port, _)| told.remotes.get(port) == Some(&address))
    }

    /// The handshake that agrees on keys with this address.
    pub fn handshake(&self, address: SocketAddr) -> Option<media::Handshake> {
        let told = self.state.lock();
        let (_, keys) = told.keys.iter().find(|(port, _)| told.remotes.get(port) == Some(&address))?;
        let media::Crypto::Handshake(handshake) = keys else { return None };
        Some(handshake.clone())
    }

    /// The codecs that are made of each other between these two addresses.
    pub fn transcodes(&self, one: SocketAddr, other: SocketAddr) -> Option<String> {
        let told = self.state.lock();
        let at = |port: &PortId, address| told.remotes.get(port) == Some(&address);
        let (a, b) = told.transcoded.iter().find(|(a, b)| at(a, one) && at(b, other))?;
        Some(format!("{} {}", told.codecs.get(a)?, told.codecs.get(b)?))
    }

    /// Where a recording at the port of this address goes.
    pub fn recorded(&self, address: SocketAddr) -> Option<PathBuf> {
        let told = self.state.lock();
        let at = told.tapes.iter().find(|(port, _)| told.remotes.get(port) == Some(&address));
        at.map(|(_, path)| path.clone())
    }

    pub fn is_recording(&self) -> bool {
        !self.state.lock().tapes.is_empty()
    }

    /// Are keys looked for in what this address says?
    pub fn hears_keys(&self, address: SocketAddr) -> Option<bool> {
        self.state.lock().hears_keys.get(&address).copied()
    }

    /// Was media told that a facsimile goes to this address?
    pub fn is_fax(&self, address: SocketAddr) -> bool {
        self.state.lock().fax.contains(&address)
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
