//! What `media` reports.

use std::net::SocketAddr;
use std::time::Duration;

use crate::PortId;

/// Something happened on a port.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Where.
    pub port: PortId,
    /// The owner given when it was opened.
    pub owner: u64,
    /// What.
    pub report: Report,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// The peer has sent neither RTP nor RTCP for the configured time while it should have; said once per silence.
    Timeout {
        /// How long it has been silent.
        silent: Duration,
    },
    /// The peer's packets come from elsewhere than its SDP said, and answers now go there.
    Learned {
        /// Where from.
        source: SocketAddr,
    },
    /// The peer pressed a key (RFC 4733 §2): `0`-`9`, `*`, `#`, `A`-`D`. Said when it is released.
    Dtmf {
        /// The key.
        digit: char,
        /// For how long.
        duration: Duration,
    },
    /// How well packets arrive from the peer, from the start; at intervals and when the port closes.
    Quality(Quality),
}

/// How well packets arrive from a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Packets received.
    pub packets: u64,
    /// Packets that the sequence numbers say were sent and that did not arrive (RFC 3550 §A.3).
    pub lost: u64,
    /// Interarrival jitter (RFC 3550 §A.8).
    pub jitter: Duration,
    /// What the peer last reported about the packets it got from us, in 1/256 (RFC 3550 §6.4.1).
    pub peer_fraction_lost: Option<u8>,
}
