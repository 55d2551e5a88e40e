//! What `media` reports.

use std::net::SocketAddr;
use std::time::Duration;

use crate::{JitterCounts, PortId, Recorded};

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
    /// What [`crate::Command::Play`] played once is over.
    Played,
    /// All keys of [`crate::Command::SendDigits`] are sent.
    DigitsSent,
    /// The leg's party in a conference began or ceased to talk.
    Talking {
        /// Does it talk now?
        talking: bool,
    },
    /// The recording of the leg is over, and its file is whole.
    Recorded(Recorded),
    /// A command cannot be obeyed.
    Refused(Refusal),
    /// How well packets arrive from the peer, from the start; at intervals and when the port closes.
    Quality(Quality),
}

/// Why a command was not obeyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The leg has no codec that is spoken here: [`crate::Remote::speech`] names none.
    NoCodec,
    /// The conference is over, or never was.
    NoConference,
    /// The conference has as many parties as it may.
    ConferenceFull,
    /// The leg is being recorded already.
    AlreadyRecorded,
    /// Its keys cannot be agreed on by DTLS: another certificate than its description names, one that is not ECDSA, or silence.
    NoKeys,
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
    /// Packets whose sound began here.
    pub sent: u64,
    /// What the peer reported in all: packets lost on the way to it, and their jitter.
    pub peer_lost: Option<i32>,
    /// The jitter that the peer reported.
    pub peer_jitter: Option<Duration>,
    /// From us to the peer and back, by its reports (RFC 3550 §6.4.1).
    pub round_trip: Option<Duration>,
    /// The mean opinion score, times 100, of what comes from the peer: see [`crate::mean_opinion_score`].
    pub opinion: u16,
    /// The same of what goes to the peer, when its reports told.
    pub peer_opinion: Option<u16>,
    /// What became of the packets whose sound was heard here.
    pub heard: JitterCounts,
    /// How long packets wait in the jitter buffer, when sound is heard here.
    pub buffer_delay: Duration,
}
