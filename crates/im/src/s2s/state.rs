//! How other domains stand, for people.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use xmpp::stream::peer::{Authentication, Pair};

use super::peer::{Peer, Phase};
use crate::Im;

/// A stream of another server.
pub(crate) struct Incoming {
    pub(crate) address: SocketAddr,
    pub(crate) since: Timestamp,
    /// For whom it is authenticated, and how.
    pub(crate) pairs: Vec<(Pair, Authentication)>,
}

/// How another domain stands to one of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FederationState {
    /// The other domain.
    pub domain: String,
    /// Ours.
    pub local: String,
    /// `connected`, `connecting`, `waiting` or `idle`: our way to it.
    pub state: String,
    /// How we are connected.
    pub how: Option<String>,
    /// Since when we are connected.
    pub since: Option<Timestamp>,
    /// Stanzas that wait for it.
    pub queued: usize,
    /// How long the oldest of them has been waiting, in seconds.
    pub oldest_seconds: Option<u64>,
    /// In how many seconds the next try is made.
    pub next_try_seconds: Option<u64>,
    /// Why the last try failed, if it did.
    pub failure: Option<String>,
    /// When that was.
    pub failed_at: Option<Timestamp>,
    /// Stanzas that it has got since we started.
    pub sent: u64,
    /// Stanzas for it that went back to their senders.
    pub returned: u64,
    /// Its streams to us.
    pub incoming: Vec<IncomingState>,
}

/// A stream of another server to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncomingState {
    /// Where it comes from.
    pub address: String,
    /// Since when.
    pub since: Timestamp,
    /// How it is authenticated.
    pub authentication: String,
}

impl FederationState {
    fn new(domain: &str, local: &str) -> Self {
        Self {
            domain: domain.to_owned(),
            local: local.to_owned(),
            state: "idle".to_owned(),
            how: None,
            since: None,
            queued: 0,
            oldest_seconds: None,
            next_try_seconds: None,
            failure: None,
            failed_at: None,
            sent: 0,
            returned: 0,
            incoming: Vec::new(),
        }
    }
}

impl Im {
    /// How all other domains stand that something was sent to or came from, by name.
    pub fn federation(&self) -> Vec<FederationState> {
        let mut states: BTreeMap<(String, String), FederationState> = BTreeMap::new();
        for peer in self.s2s.peers.all() {
            let key = (peer.remote.to_string(), peer.local.to_string());
            states.insert(key, self.state_of(&peer));
        }
        for incoming in self.s2s.incoming.lock().values() {
            for (pair, how) in &incoming.pairs {
                let (domain, local) = (pair.remote.to_string(), pair.local.to_string());
                let state = FederationState::new(&domain, &local);
                states.entry((domain, local)).or_insert(state).incoming.push(IncomingState {
                    address: incoming.address.to_string(),
                    since: incoming.since,
                    authentication: how.as_str().to_owned(),
                });
            }
        }
        states.into_values().collect()
    }

    fn state_of(&self, peer: &Peer) -> FederationState {
        let (now, (queued, oldest)) = (self.runtime.now(), peer.waiting());
        let mut state = FederationState::new(peer.remote.as_str(), peer.local.as_str());
        state.queued = queued;
        state.oldest_seconds = oldest.map(|oldest| now.saturating_duration_since(oldest).as_secs());
        let status = peer.status.lock();
        match &status.phase {
            Phase::Idle => {}
            Phase::Connecting => state.state = "connecting".to_owned(),
            Phase::Connected { since, how } => {
                state.state = "connected".to_owned();
                (state.since, state.how) = (Some(*since), Some(how.clone()));
            }
            Phase::Waiting { until } => {
                state.state = "waiting".to_owned();
                state.next_try_seconds = Some(until.saturating_duration_since(now).as_secs());
            }
        }
        (state.sent, state.returned) = (status.sent, status.returned);
        if let Some((at, why)) = &status.failure {
            (state.failed_at, state.failure) = (Some(*at), Some(why.clone()));
        }
        state
    }
}
