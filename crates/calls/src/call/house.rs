//! What all calls of a shard share: settings, rooms around them, and the tables that lead a message to its call.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use model::Timestamp;
use sip::endpoint::{ClientTransaction, Endpoint, Flow, ServerTransaction, Target};

use super::dialogs::Dialogs;
use super::letter::Letter;
use super::moved::Moved;
use super::streams::Ports;
use crate::address::Addresses;
use crate::admission::Pools;
use crate::config::{CallLimits, Recordings};
use crate::dialplan::Services;
use crate::features::conference::Conferences;
use crate::features::park::Parking;
use crate::features::queues::Queues;
use crate::line_state::LineStates;
use crate::place::SharedDirectory;
use crate::snapshot::CallId;
use crate::trunk::Trunks;

/// What a shard's calls are told once.
pub struct House {
    /// The domain that From and To of outgoing calls name.
    pub domain: String,
    /// The limits of calls.
    pub limits: CallLimits,
    /// Which of our addresses a phone is told.
    pub addresses: Addresses,
    /// What is written into User-Agent and Server.
    pub product: String,
    /// Media ports.
    pub ports: Arc<dyn Ports>,
    /// Dial plan, directory and registrar.
    pub directory: SharedDirectory,
    /// The board of calls, and presence.
    pub lines: Arc<LineStates>,
    /// This shard's place.
    pub shard: Shard,
    /// The dialogs that are away from the shard of their Call-ID.
    pub moved: Arc<Moved>,
    /// The slots of parked calls.
    pub parking: Arc<Parking>,
    /// The conferences.
    pub conferences: Arc<Conferences>,
    /// The ways to other systems.
    pub trunks: Arc<Trunks>,
    /// Where recordings of calls go.
    pub recordings: Recordings,
    /// The bandwidth between places.
    pub pools: Arc<Pools>,
    /// What answers callers before people do.
    pub reception: Reception,
}

/// What answers callers before people do, for all shards.
#[derive(Clone, Debug, Default)]
pub struct Reception {
    /// What is played by name.
    pub sounds: Arc<media::Shelf>,
    /// Who waits in which queue.
    pub queues: Arc<Queues>,
    /// The numbers that the server itself answers.
    pub services: Services,
    /// What phones that are held or parked hear; `None` leaves it to the phones.
    pub music: Option<media::Source>,
}

/// One of several shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

/// The tables that lead from a message, a transaction or a moment to a call.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The calls that dialogs belong to.
    pub dialogs: Dialogs,
    pub clients: BTreeMap<ClientTransaction, CallId>,
    pub servers: BTreeMap<ServerTransaction, CallId>,
    pub timers: BTreeSet<(Instant, CallId)>,
    /// What calls have to say to others, not yet delivered.
    pub letters: VecDeque<Letter>,
    /// The dialogs that are away from the shard of their Call-ID.
    pub moved: Arc<Moved>,
}

/// What a call needs while it handles one input.
pub(crate) struct Context<'a> {
    pub endpoint: &'a mut Endpoint,
    pub house: &'a House,
    pub index: &'a mut Index,
    pub now: Now,
}

/// The moment of an input, on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// For timers.
    pub instant: Instant,
    /// For stamps that people see.
    pub civil: Timestamp,
}

impl Shard {
    /// The shard that a Call-ID belongs to: FNV-1a, so that every node and every start agree.
    pub fn of(call_id: &[u8], count: usize) -> usize {
        let hash =
            call_id.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME));
        // The low bits of FNV-1a alone are weak for small counts.
        ((hash ^ (hash >> 32)) % count.max(1) as u64) as usize
    }

    /// A new Call-ID that leads back to this shard, so that both legs of a call live here.
    pub(crate) fn call_id(self, endpoint: &mut Endpoint) -> Bytes {
        let mut text = endpoint.new_tag().into_bytes();
        let stem = text.len();
        let mut number = 0_u32;
        while Self::of(&text, self.count) != self.index {
            text.truncate(stem);
            text.extend_from_slice(format!("-{number}").as_bytes());
            number += 1;
        }
        text.into()
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

impl Index {
    /// The call that Replaces names a dialog of.
    pub(crate) fn call_of(&self, replaces: &sip::header::Replaces) -> Option<CallId> {
        self.dialogs.find(&replaces.call_id, [&replaces.from_tag, &replaces.to_tag])
    }

    /// Forgets a dialog, unless it went to another call meanwhile.
    pub(crate) fn forget_dialog(&mut self, call_id: &Bytes, call: CallId) {
        if self.dialogs.remove(call_id, call) && !self.dialogs.contains(call_id) {
            self.moved.forget(call_id);
        }
    }
}

impl House {
    /// Our Contact towards the phone on `flow` (RFC 3261 §8.1.1.8).
    pub(crate) fn contact(&self, flow: &Flow) -> String {
        let host = bracketed(self.addresses.signalling(flow.local.ip(), flow.remote.ip()));
        let port = flow.local.port();
        match flow.transport {
            sip::endpoint::Transport::Udp => format!("<sip:{host}:{port}>"),
            // RFC 7118 §5.4: the URI of either kind says `ws`.
            sip::endpoint::Transport::Ws | sip::endpoint::Transport::Wss => {
                format!("<sip:{host}:{port};transport=ws>")
            }
            transport => {
                format!("<sip:{host}:{port};transport={}>", transport.name().to_ascii_lowercase())
            }
        }
    }

    /// `target` with the name that the other side shall see in our Via.
    pub(crate) fn target(&self, mut target: Target) -> Target {
        let local = target.flow.local;
        let told = self.addresses.signalling(local.ip(), target.flow.remote.ip());
        if target.sent_by.is_none() && told != local.ip() {
            target.sent_by = Some(format!("{}:{}", bracketed(told), local.port()));
        }
        target
    }
}

fn bracketed(address: std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outgoing_call_id_leads_to_the_same_shard() {
        let mut endpoint = Endpoint::new(sip::endpoint::Config::default(), [7; 32]);
        for count in [1, 2, 3, 8, 64] {
            for index in 0..count {
                let call_id = Shard { index, count }.call_id(&mut endpoint);
                assert_eq!(Shard::of(&call_id, count), index);
            }
        }
    }

    #[test]
    fn call_ids_spread_over_the_shards() {
        let mut endpoint = Endpoint::new(sip::endpoint::Config::default(), [7; 32]);
        let mut hits = [0; 4];
        for _ in 0..4000 {
            hits[Shard::of(endpoint.new_call_id().as_bytes(), 4)] += 1;
        }
        assert!(hits.iter().all(|hit| (800..1200).contains(hit)), "{hits:?}");
    }
}
