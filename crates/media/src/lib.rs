//! RTP in and out: the port pool, the symmetric relay, echo, tones, telephone events, quality.
//!
//! Commanded by value ([`Command`]), answers by events ([`Event`]); nobody waits for it. One thread per
//! core polls all sockets that are pinned to it; a packet costs no lock and no allocation. What a packet
//! means is decided in small machines without sockets: [`rtp`], [`rtcp`], [`telephone_event`], [`g711`].
//! SDP and who may call whom belong to `calls`.
//!
//! Specs: RFC 3550, RFC 3551, RFC 4733, RFC 5761 §4 (RTP and RTCP on one port), RFC 4961 (symmetric RTP).

mod command;
mod config;
mod engine;
mod event;
pub mod g711;
mod gate;
pub mod goertzel;
mod lane;
mod legs;
mod media;
mod meter;
mod pool;
mod port;
mod reception;
pub mod rtcp;
pub mod rtp;
pub mod telephone_event;
mod tone;
mod traffic;

pub use command::{Command, Direction, Kind, Learn, OpenPort, Port, PortId, Remote};
pub use config::{MediaConfig, PortRange};
pub use event::{Event, Quality, Report};
pub use media::Media;
pub use pool::NoPort;
pub use reception::Reception;
pub use tone::Tone;

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
    /// A media thread or its poll could not be made.
    #[error("media thread: {0}")]
    Thread(#[from] std::io::Error),
}
