//! RTP in and out: the port pool, the symmetric relay, codecs, players, conferences, recordings, SRTP, quality.
//!
//! Commanded by value ([`Command`]), answers by events ([`Event`]); nobody waits for it. One thread per
//! core polls all sockets that are pinned to it; a packet that is relayed costs no lock and no allocation. What a
//! packet means is decided in small machines without sockets: [`rtp`], [`rtcp`], [`telephone_event`], [`g711`],
//! [`g722`], jitter buffer, mixer, SRTP. SDP and who may call whom belong to `calls`.
//!
//! A leg is relayed as it comes ([`Command::Connect`]) unless its sound must end here: then every 20 ms its jitter
//! buffer is asked for sound, which is decoded (G.711, G.722, Opus), mixed with others', encoded, and sent. Mixing is
//! at 8 kHz among G.711 legs and at 16 kHz as soon as one of them has a wideband codec.
//!
//! # Commands
//!
//! ```no_run
//! use media::{
//!     Codec, Command, Conference, Crypto, Encoding, Kind, Layout, Media, MixRole, OpenPort, PlayMode, Recording,
//!     Region, Remote, Secret, Signal, Sounds, Source, SrtpKeys, Suite, Tone,
//! };
//!
//! fn tour(media: &Media, sounds: &Sounds, call: u64) -> Result<(), Box<dyn std::error::Error>> {
//!     let open = || media.open(OpenPort { kind: Kind::Audio, owner: call });
//!     let (a, b) = (open()?.id, open()?.id);
//!
//!     // Who is at the far end, and what it speaks; a leg that is only relayed needs no `speech`.
//!     let mut remote = Remote::new("192.0.2.1:4000".parse()?);
//!     remote.clock_hertz = Codec::Opus.clock_hertz();
//!     remote.speech.encodings = vec![Encoding::new(Codec::Opus, 111), Encoding::new(Codec::Pcma, 8)];
//!     remote.speech.events_to_peer = Some(101);
//!     media.command(Command::SetRemote { port: a, remote });
//!
//!     // Its packets are secret: the keys of both `a=crypto` lines.
//!     let keys = |bytes: &[u8]| Secret::new(Suite::AesCm128HmacSha1Tag80, bytes).ok_or("30 bytes");
//!     let crypto = Some(Crypto::Keys(SrtpKeys { receive: keys(&[1; 30])?, send: keys(&[2; 30])? }));
//!     media.command(Command::SetCrypto { port: a, crypto });
//!
//!     // It rings there; then an announcement, whose end is `Report::Played`; then music with all who wait.
//!     let ringing = Source::Tone(Tone::of(Signal::RingBack, Region::of_country("de")));
//!     media.command(Command::Play { port: a, source: ringing, mode: PlayMode::Loop });
//!     let welcome = Source::Sounds(vec![sounds.load("welcome.wav".as_ref())?]);
//!     media.command(Command::Play { port: a, source: welcome, mode: PlayMode::Once });
//!     let music = Source::Sounds(vec![sounds.load("music.wav".as_ref())?]);
//!     media.command(Command::Play { port: a, source: music, mode: PlayMode::Shared });
//!     media.command(Command::StopPlaying { port: a });
//!
//!     // Both hear each other: packets as they are, or through their codecs when they share none.
//!     media.command(Command::Connect { a, b });
//!     media.command(Command::Transcode { a, b });
//!     media.command(Command::SendDigits { port: b, digits: "12#".to_owned() });
//!
//!     // A conference, with one who is heard by nobody; `Report::Talking` says who talks.
//!     let conference = media.conference(Conference::new(call));
//!     media.command(Command::Mix { conference, port: a, role: MixRole::default() });
//!     media.command(Command::Mix { conference, port: b, role: MixRole::muted() });
//!     media.command(Command::Unmix { port: b });
//!     media.command(Command::EndConference { conference });
//!
//!     // A recording, whose end is `Report::Recorded`.
//!     let recording = Recording { path: "/var/lib/carillon/1.wav".into(), layout: Layout::Stereo };
//!     media.command(Command::Record { port: a, recording });
//!     media.command(Command::PauseRecording { port: a, paused: true });
//!     media.command(Command::StopRecording { port: a });
//!
//!     // The end of a leg; `Report::Quality` follows for the call detail record.
//!     media.command(Command::Close { port: a });
//!     Ok(())
//! }
//! ```
//!
//! Specs: RFC 3550, RFC 3551, RFC 4733, RFC 5761 §4 (RTP and RTCP on one port), RFC 4961 (symmetric RTP), RFC 3711,
//! RFC 4568 and RFC 7714 (SRTP),
//! RFC 5764, RFC 8122 and RFC 8842 (DTLS-SRTP), RFC 8445, RFC 8489, RFC 7675 and RFC 7983 (ICE-lite), RFC 6716 and RFC 7587 (Opus), ITU-T G.711, G.722, G.107 (E-model), E.180 (tones),
//! Q.23 and Q.24 (keys in sound).

mod chorus;
mod codec;
mod command;
mod conceal;
mod config;
mod dtls;
mod dtmf;
mod ear;
mod engine;
mod event;
pub mod g711;
pub mod g722;
mod gate;
pub mod goertzel;
mod hub;
mod ice;
mod jitter;
mod lane;
mod legs;
mod link;
#[cfg(test)]
mod link_tests;
mod media;
mod meter;
mod mixer;
mod mouth;
mod music;
mod opinion;
mod opus;
mod perform;
mod player;
mod pool;
mod port;
mod reception;
mod recorder;
mod reporter;
mod resample;
mod room;
mod rooms;
pub mod rtcp;
pub mod rtp;
mod shelf;
mod sound;
#[cfg(test)]
#[path = "../tests/speech/mod.rs"]
mod speech;
mod srtp;
mod srtp_source;
mod station;
mod stun;
mod talker;
mod tape;
pub mod telephone_event;
mod tone;
mod traffic;
mod vault;
mod wav;
mod way;

pub use codec::{Codec, Encoding};
pub use command::{
    Command, Conference, ConferenceId, Crypto, Direction, Kind, Learn, OpenPort, Port, PortId, Remote,
    Speech, SrtpKeys,
};
pub use config::{Marks, MediaConfig, PortRange};
pub use dtls::{FINGERPRINTS_MAX, Fingerprint, Handshake, Hash};
pub use event::{Event, Quality, Refusal, Report};
pub use ice::IceCredentials;
pub use jitter::JitterCounts;
pub use media::Media;
pub use mixer::{Audience, Role as MixRole};
pub use opinion::mean_opinion_score;
pub use player::{PlayMode, Source};
pub use pool::NoPort;
pub use reception::Reception;
pub use recorder::Recorded;
pub use resample::{Rate, Resampler};
pub use shelf::{OF_THE_HOUSE, SOUND_LENGTH_MAX, SOUNDS_MAX, Shelf, ShelfError};
pub use sound::{Sound, SoundError, Sounds};
pub use srtp::{Secret, Suite};
pub use tape::{Layout, Recording};
pub use tone::{Region, Signal, Step, Tone};
pub use wav::WavError;

/// Why media could not start. All of it is the operator's configuration or the machine's limits.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port range is empty, upside down, or too small to halve.
    #[error("the RTP port range {start}-{stop} has no room for an audio and a video pair")]
    Range {
        /// First port.
        start: u16,
        /// Last port.
        stop: u16,
    },
    /// Not one pair of ports could be bound.
    #[error("no RTP port in {start}-{stop} could be bound on {address}: {cause}")]
    Bind {
        /// First port tried.
        start: u16,
        /// Last port of the range.
        stop: u16,
        /// The address we bind to.
        address: std::net::IpAddr,
        /// What the system said last.
        cause: std::io::Error,
    },
    /// The certificate for DTLS could not be made.
    #[error("a certificate for DTLS: {0}")]
    Certificate(String),
    /// The published port cannot be bound.
    #[error("the port for browsers, {address}, cannot be bound: {cause}")]
    Published {
        /// Where it is to be.
        address: std::net::SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A media thread or its poll could not be made.
    #[error("media thread: {0}")]
    Thread(#[from] std::io::Error),
}
