//! What `media` is told, by value.

use std::net::{IpAddr, SocketAddr};

use crate::{Encoding, Handshake, MixRole, PlayMode, Recording, Secret, Source};

/// The clock of G.711 and G.722 in RTP (RFC 3551 §4.5), in hertz.
const AUDIO_CLOCK_HERTZ: u32 = 8_000;

/// One leg's place in `media`, never given twice in the life of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub(crate) u64);

impl PortId {
    /// The id with this number: for whoever stands in for `media` in a test.
    pub fn numbered(number: u64) -> Self {
        Self(number)
    }
}

/// One conference's name, never given twice in the life of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConferenceId(pub(crate) u64);

impl ConferenceId {
    /// The id with this number: for whoever stands in for `media` in a test.
    pub fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// The room of two legs that are joined through their codecs, by the first.
    pub(crate) fn of_pair(port: PortId) -> Self {
        Self(port.0 | 1 << 63)
    }

    pub(crate) fn is_pair(self) -> bool {
        self.0 >> 63 == 1
    }
}

/// A conference's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conference {
    /// The caller's own id; conferences are spread over the media threads by it.
    pub owner: u64,
    /// Legs that may be in it, listeners included.
    pub parties_max: usize,
    /// How many are heard at once, the loudest: at most 16.
    pub speakers_max: usize,
    /// Is [`crate::Report::Talking`] wanted?
    pub tells_talkers: bool,
}

impl Conference {
    /// Up to 100 parties, five of whom are heard at once.
    pub fn new(owner: u64) -> Self {
        Self { owner, parties_max: 100, speakers_max: 5, tells_talkers: true }
    }
}

/// What travels over a port; decides the half of the range (`MD-15`) and, mostly, the mark (`MD-16`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Sound: lower half, expedited forwarding (see [`Remote::with_video`]).
    Audio,
    /// Moving pictures: upper half, AF41.
    Video,
    /// Facsimile (T.38 over UDPTL): as sound, whose place in a call it takes.
    Fax,
}

/// Asks for a port.
#[derive(Clone, Copy, Debug)]
pub struct OpenPort {
    /// What will travel over it.
    pub kind: Kind,
    /// The caller's own id, given back with every event. Ports with one owner share a media thread, so use the call's id.
    pub owner: u64,
}

/// A port that was opened: an even RTP port and the odd one above it for RTCP (RFC 3550 §11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its id in commands and events.
    pub id: PortId,
    /// The RTP port number, to be written into the SDP.
    pub rtp_port: u16,
    /// The RTCP port number; unused once RTP and RTCP share a port.
    pub rtcp_port: u16,
}

/// Whose packets a port takes for its peer's. The source is learned once; after that all others are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learn {
    /// Only from exactly the address and port that the SDP named.
    Exact,
    /// From the first RTP packet of this host or the host in the SDP, whatever its port; answers go where it
    /// came from (RFC 4961). For a peer behind NAT, name the host that its signalling came from.
    FromHost(IpAddr),
    /// From the first RTP packet at all. Only for peers behind a NAT whose signalling takes another way.
    Any,
    /// From wherever packets come that are proved by the keys; answers go where the peer's checks say (RFC 8445).
    Checked,
}

/// Which way packets flow on a leg, in the words of RFC 8866 §6.7, as seen from this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendReceive,
    /// We send to the peer and drop what it sends.
    SendOnly,
    /// We take what the peer sends and send nothing.
    ReceiveOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// Do packets go out to the peer?
    pub fn sends(self) -> bool {
        matches!(self, Self::SendReceive | Self::SendOnly)
    }

    /// Are packets from the peer taken?
    pub fn receives(self) -> bool {
        matches!(self, Self::SendReceive | Self::ReceiveOnly)
    }
}

/// The far end of a leg, as its SDP said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where its RTP goes.
    pub rtp: SocketAddr,
    /// Where its RTCP goes; `None` is the port above (RFC 3550 §11), see `a=rtcp` (RFC 3605).
    pub rtcp: Option<SocketAddr>,
    /// RTP and RTCP on one port (`a=rtcp-mux`, RFC 5761).
    pub mux: bool,
    /// Whose packets are taken.
    pub learn: Learn,
    /// Which way packets flow.
    pub direction: Direction,
    /// The payload type of `telephone-event` that the peer sends, when digits shall be reported.
    pub telephone_event: Option<u8>,
    /// The call has pictures too; decides the mark of its sound (`Q-08`).
    pub with_video: bool,
    /// Packets are no RTP but UDPTL (ITU-T T.38): relayed as they are, and nothing is read in them.
    pub is_udptl: bool,
    /// The RTP clock of the negotiated codec, in hertz; needed to know the jitter.
    pub clock_hertz: u32,
    /// Payload types of packets from this peer to be rewritten on their way out: (from, to). Usually empty.
    pub payload_map: Vec<(u8, u8)>,
    /// What is needed when sound begins or ends here; empty for a leg that is only relayed.
    pub speech: Speech,
}

impl Speech {
    /// The codecs as the peer sends them.
    pub(crate) fn heard(&self) -> &[Encoding] {
        if self.heard_as.is_empty() { &self.encodings } else { &self.heard_as }
    }

    /// Does the peer take sound that is made here, and no telephone events?
    pub(crate) fn is_without_events(&self) -> bool {
        self.events_to_peer.is_none() && !self.encodings.is_empty()
    }
}

/// How sound is spoken with a peer, when it is made or heard here and not only relayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speech {
    /// The codecs agreed on, under the payload types that the peer takes. The first is what we send; all are understood.
    pub encodings: Vec<Encoding>,
    /// The same under the payload types that the peer sends, when these are others; empty when they are not.
    pub heard_as: Vec<Encoding>,
    /// The payload type under which the peer takes telephone events; without one, keys go to it as sound.
    pub events_to_peer: Option<u8>,
    /// Keys are looked for in the sound too, for peers that send no telephone events.
    pub keys_in_sound: bool,
}

impl Remote {
    /// A peer that sends from the host it named, with symmetric RTP, both ways, without rewriting.
    pub fn new(rtp: SocketAddr) -> Self {
        Self {
            rtp,
            rtcp: None,
            mux: false,
            learn: Learn::FromHost(rtp.ip()),
            direction: Direction::SendReceive,
            telephone_event: None,
            with_video: false,
            is_udptl: false,
            clock_hertz: AUDIO_CLOCK_HERTZ,
            payload_map: Vec::new(),
            speech: Speech::default(),
        }
    }
}

/// How the packets of a leg are secret (SRTP and SRTCP).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Crypto {
    /// Under keys that the SDP of both sides has (RFC 4568).
    Keys(SrtpKeys),
    /// Under keys that are agreed on over the leg's own port (RFC 5764). Until then nothing passes.
    Handshake(Handshake),
}

/// The keys of both directions of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SrtpKeys {
    /// What the peer protects with: its `a=crypto`.
    pub receive: Secret,
    /// What we protect with: ours.
    pub send: Secret,
}

/// What `media` can be told to do. Commands for one port are obeyed in order.
#[derive(Clone, Debug)]
pub enum Command {
    /// Names the far end of a leg; until then its packets are dropped. The same remote again keeps what was learned.
    SetRemote {
        /// The leg.
        port: PortId,
        /// Its far end.
        remote: Remote,
    },
    /// Relays between two legs, both ways. Ends what either did before.
    Connect {
        /// One leg.
        a: PortId,
        /// The other.
        b: PortId,
    },
    /// Changes which way packets flow, without touching what was learned.
    Hold {
        /// The leg.
        port: PortId,
        /// The new direction.
        direction: Direction,
    },
    /// Sends every RTP packet back to where it came from.
    Echo {
        /// The leg.
        port: PortId,
    },
    /// Plays tones or announcements to the peer; what it sends is only counted, and its keys reported.
    Play {
        /// The leg.
        port: PortId,
        /// What to play.
        source: Source,
        /// Once or over and over.
        mode: PlayMode,
    },
    /// Ends what [`Command::Play`] began; the leg rests.
    StopPlaying {
        /// The leg.
        port: PortId,
    },
    /// Sends keys to the peer, 100 ms each with as long a pause, whatever else the leg does: as telephone events
    /// (RFC 4733), or as sound to a peer that takes none. Others than `0`-`9`, `*`, `#`, `A`-`D` are left out.
    SendDigits {
        /// The leg.
        port: PortId,
        /// The keys.
        digits: String,
    },
    /// Says a short tone to the peer, whatever else the leg does: that a recording begins.
    Beep {
        /// The leg.
        port: PortId,
    },
    /// Joins two legs that share no codec, or shall not be relayed as they are: what each says is decoded and said
    /// anew to the other. Ends what either did before, and ends itself with either.
    Transcode {
        /// One leg.
        a: PortId,
        /// The other.
        b: PortId,
    },
    /// Brings a leg into a conference, or changes its role there: mute, unmute, whisper.
    Mix {
        /// The conference.
        conference: ConferenceId,
        /// The leg.
        port: PortId,
        /// Who hears it, and whether it hears.
        role: MixRole,
    },
    /// Takes a leg out of its conference; it rests.
    Unmix {
        /// The leg.
        port: PortId,
    },
    /// Ends a conference; all its legs rest.
    EndConference {
        /// The conference.
        conference: ConferenceId,
    },
    /// Records both sides of a leg to a file; [`crate::Report::Recorded`] tells its end. Of two legs that are
    /// relayed to each other both need [`Remote::speech`], and only one is recorded.
    Record {
        /// The leg.
        port: PortId,
        /// Where and how.
        recording: Recording,
    },
    /// Leaves out what is said from now on, or goes on.
    PauseRecording {
        /// The leg.
        port: PortId,
        /// Leave out?
        paused: bool,
    },
    /// Ends the recording of a leg; so does closing it.
    StopRecording {
        /// The leg.
        port: PortId,
    },
    /// From now on only packets under these keys are taken from the peer, and all that goes to it is protected.
    /// The same keys, or the same handshake, again keep what is known of the streams; `None` is plain RTP. Any leg can be
    /// joined to any.
    SetCrypto {
        /// The leg.
        port: PortId,
        /// The keys.
        crypto: Option<Crypto>,
    },
    /// Ends relay, echo and everything else: packets are counted and dropped.
    Rest {
        /// The leg.
        port: PortId,
    },
    /// Gives the port back. A last [`crate::Report::Quality`] follows when anything was received.
    Close {
        /// The leg.
        port: PortId,
    },
}

impl Command {
    /// The port whose thread obeys the command; conferences are numbered like ports.
    pub(crate) fn port(&self) -> PortId {
        match self {
            Self::EndConference { conference } => PortId(conference.0),
            Self::Connect { a: port, .. }
            | Self::Transcode { a: port, .. }
            | Self::Mix { port, .. }
            | Self::Unmix { port }
            | Self::SetCrypto { port, .. }
            | Self::Record { port, .. }
            | Self::PauseRecording { port, .. }
            | Self::StopRecording { port }
            | Self::SetRemote { port, .. }
            | Self::Hold { port, .. }
            | Self::Echo { port }
            | Self::Play { port, .. }
            | Self::StopPlaying { port }
            | Self::SendDigits { port, .. }
            | Self::Beep { port }
            | Self::Rest { port }
            | Self::Close { port } => *port,
        }
    }
}
