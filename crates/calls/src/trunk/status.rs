//! What administrators see of trunks.

use std::time::Instant;

use serde::{Deserialize, Serialize};
use sip::registration::State as Registered;

use super::health::State;
use super::{Trunk, Trunks};

/// A trunk at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrunkStatus {
    /// Its name in the dial plan.
    pub name: String,
    /// Where it is, as the plan says it; empty when calls only come in.
    pub address: String,
    /// Do calls go out over it: is a server up, or not known to be down?
    pub usable: bool,
    /// The registration, in words; `None` when it does not register.
    pub registration: Option<String>,
    /// It is registered.
    pub registered: bool,
    /// Live calls over it.
    pub calls: usize,
    /// As many as there may be.
    pub calls_max: Option<u32>,
    /// Whom it takes calls from.
    pub from: Vec<String>,
    /// Its servers, in the order of the name service.
    pub servers: Vec<ServerStatus>,
    /// Why its name leads nowhere, or a server cannot be connected to, while it is so.
    pub problem: Option<String>,
}

/// One server of a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// `udp 192.0.2.1:5060`.
    pub server: String,
    /// `up`, `down`, or `unknown`.
    pub state: String,
    /// For how many seconds.
    pub seconds: u64,
    /// Calls try it last for so many seconds, because one failed there.
    pub rests_seconds: Option<u64>,
    /// Why it cannot be connected to, while it cannot.
    #[serde(default)]
    pub problem: Option<String>,
}

/// What came of asking a server whether it is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeOutcome {
    /// `udp 192.0.2.1:5060`.
    pub server: String,
    /// The status that it answered; `None` when it did not.
    pub status: Option<u16>,
    /// After how long, in milliseconds.
    pub milliseconds: u64,
}

/// `udp 192.0.2.1:5060`.
pub(super) fn server(hop: sip::location::Hop) -> String {
    format!("{} {}", hop.transport.name().to_ascii_lowercase(), hop.address)
}

impl Trunks {
    /// All trunks as they are now.
    pub fn status(&self, now: Instant) -> Vec<TrunkStatus> {
        self.all().iter().map(|trunk| trunk.status(self.calls(trunk.name()), now)).collect()
    }
}

impl Trunk {
    fn status(&self, calls: usize, now: Instant) -> TrunkStatus {
        let registered = self.registered();
        let seen = self.seen(now).into_iter().map(|seen| ServerStatus {
            problem: self.connection_problem(seen.hop),
            server: server(seen.hop),
            state: match seen.state {
                State::Up => "up",
                State::Down => "down",
                State::Unknown => "unknown",
            }
            .to_owned(),
            seconds: seen.since.map_or(0, |since| now.saturating_duration_since(since).as_secs()),
            rests_seconds: seen.rests_until.map(|until| until.saturating_duration_since(now).as_secs()),
        });
        let servers: Vec<ServerStatus> = seen.collect();
        let unconnected = servers.iter().find_map(|server| server.problem.clone());
        TrunkStatus {
            name: self.name.clone(),
            address: self.sip.address.clone(),
            usable: self.is_usable(),
            registration: registered.map(|state| words(state, now)),
            registered: matches!(registered, Some(Registered::Registered { until }) if until > now),
            calls,
            calls_max: self.sip.calls_max,
            from: self.sip.from.iter().map(ToString::to_string).collect(),
            servers,
            problem: self.nowhere().or(unconnected),
        }
    }
}

fn words(state: Registered, now: Instant) -> String {
    match state {
        Registered::Trying => "trying".to_owned(),
        Registered::Registered { until } if until > now => {
            format!("registered for {} s", until.saturating_duration_since(now).as_secs())
        }
        Registered::Refused { status } => {
            format!("refused: {status} {}", sip::message::reason_phrase(status))
        }
        Registered::Registered { .. } | Registered::Silent => "the registrar does not answer".to_owned(),
    }
}
