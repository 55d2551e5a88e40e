//! What the operator may set, and the halves of the port range.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use runtime::Dscp;

use crate::{Error, Kind};

/// Media threads at most; more cores than this do not help one node's sockets.
pub(crate) const THREADS_MAX: usize = 64;

/// How `media` is set up.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// First and last UDP port, inclusive (`MD-15`).
    pub rtp_ports: (u16, u16),
    /// Ports inside that range that others of this node listen on: never taken.
    pub kept_ports: Vec<u16>,
    /// The one UDP and TCP port for browsers; `None`: they come to the ports of their streams.
    pub published_port: Option<u16>,
    /// How packets are marked.
    pub marks: Marks,
    /// The address that sockets are bound to.
    pub bind: IpAddr,
    /// Threads; 0 is one per core.
    pub threads: usize,
    /// How long a peer that should send may be silent before [`crate::Report::Timeout`].
    pub silence_max: Duration,
    /// How often [`crate::Report::Quality`] comes while packets arrive.
    pub quality_interval: Duration,
}

/// How packets are marked for the network (`MD-16`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Sound, and what is sent by fax.
    pub audio: Dscp,
    /// Pictures.
    pub video: Dscp,
    /// Sound in a call with pictures (`Q-08`).
    pub video_call_audio: Dscp,
}

impl Default for Marks {
    fn default() -> Self {
        Self { audio: Dscp::EF, video: Dscp::AF41, video_call_audio: Dscp::AF41 }
    }
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            rtp_ports: (16_384, 32_766),
            kept_ports: Vec::new(),
            published_port: None,
            marks: Marks::default(),
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            threads: 0,
            silence_max: Duration::from_secs(60),
            quality_interval: Duration::from_secs(10),
        }
    }
}

/// An inclusive range of ports that serves one kind of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// First port.
    pub start: u16,
    /// Last port.
    pub stop: u16,
}

impl PortRange {
    /// The part of `start..=stop` for `kind`: the lower half is audio, the upper half video, split at
    /// ⌊(start + stop) / 2⌋, which is the first video port (`MD-15`).
    pub fn half(ports: (u16, u16), kind: Kind) -> Self {
        let (start, stop) = ports;
        let middle = u16::midpoint(start, stop);
        match kind {
            Kind::Audio | Kind::Fax => Self { start, stop: middle.saturating_sub(1) },
            Kind::Video => Self { start: middle, stop },
        }
    }

    /// The even ports whose odd neighbour above is in the range too: one pair each (RFC 3550 §11).
    pub fn pairs(self) -> impl Iterator<Item = u16> {
        (self.start..=self.stop).filter(move |port| port.is_multiple_of(2) && *port < self.stop)
    }
}

impl MediaConfig {
    /// The pairs that `media` may take for one kind.
    pub(crate) fn pairs(&self, kind: Kind) -> impl Iterator<Item = u16> {
        let is_kept = |port: u16| self.kept_ports.contains(&port);
        PortRange::half(self.rtp_ports, kind)
            .pairs()
            .filter(move |port| !is_kept(*port) && !is_kept(port + 1))
    }

    /// The mark of what travels in a call with or without pictures (`MD-16`, `Q-08`).
    pub(crate) fn dscp(&self, kind: Kind, with_video: bool) -> Dscp {
        match kind {
            Kind::Audio if with_video => self.marks.video_call_audio,
            Kind::Audio | Kind::Fax => self.marks.audio,
            Kind::Video => self.marks.video,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let (start, stop) = self.rtp_ports;
        let serves = |kind| self.pairs(kind).next().is_some();
        if start < 2 || start > stop || !serves(Kind::Audio) || !serves(Kind::Video) {
            return Err(Error::Range { start, stop });
        }
        Ok(())
    }

    pub(crate) fn thread_count(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.threads == 0 { cores.min(THREADS_MAX) } else { self.threads.min(THREADS_MAX) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(start: u16, stop: u16) -> [(u16, u16); 2] {
        [Kind::Audio, Kind::Video].map(|kind| {
            let half = PortRange::half((start, stop), kind);
            (half.start, half.stop)
        })
    }

    #[test]
    fn the_default_range_is_halved_as_phones_do_it() {
        assert_eq!(halves(16_384, 32_766), [(16_384, 24_574), (24_575, 32_766)]);
    }

    #[test]
    fn other_ranges_are_halved_at_the_floor_of_the_middle() {
        assert_eq!(halves(1000, 3000), [(1000, 1999), (2000, 3000)]);
        assert_eq!(halves(3000, 4000), [(3000, 3499), (3500, 4000)]);
    }

    #[test]
    fn pairs_start_even_and_stay_inside_their_half() {
        let pairs: Vec<u16> = PortRange { start: 24_575, stop: 24_580 }.pairs().collect();
        assert_eq!(pairs, [24_576, 24_578]);
        assert_eq!(PortRange::half((16_384, 32_766), Kind::Audio).pairs().count(), 4095);
    }

    #[test]
    fn a_range_without_room_for_both_kinds_is_refused() {
        let check = |rtp_ports| MediaConfig { rtp_ports, ..MediaConfig::default() }.check();
        assert!(check((20_000, 20_002)).is_err());
        assert!(check((30_000, 20_000)).is_err());
        assert!(check((20_000, 20_007)).is_ok());
    }

    #[test]
    fn a_pair_with_a_port_that_somebody_listens_on_is_never_taken() {
        let config = |kept_ports: &[u16]| MediaConfig {
            rtp_ports: (20_000, 20_011),
            kept_ports: kept_ports.to_vec(),
            ..MediaConfig::default()
        };
        let audio = |kept_ports: &[u16]| config(kept_ports).pairs(Kind::Audio).collect::<Vec<_>>();
        assert_eq!(audio(&[5060]), [20_000, 20_002]);
        assert_eq!(audio(&[20_000]), [20_002]);
        assert_eq!(audio(&[20_003]), [20_000], "the RTCP port counts too");
        assert!(config(&[20_000, 20_002]).check().is_err());
    }
}
