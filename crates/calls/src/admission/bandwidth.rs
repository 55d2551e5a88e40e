//! What a call takes on the wire, in kbit/s.

use std::ops::{Add, Sub};

/// What IP, UDP and RTP add to sound in packets of 20 ms, in kbit/s: 40 bytes, 50 times a second.
pub const OVERHEAD_KBITS: u32 = 16;
/// What pictures take when nobody says how much, in kbit/s.
pub const VIDEO_KBITS: u32 = 384;

/// What a call takes, with all that packets add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Sound.
    pub audio: u32,
    /// Pictures.
    pub video: u32,
}

impl Load {
    /// Sound of this payload rate.
    pub fn of_audio(payload_kbits: u32) -> Self {
        Self { audio: payload_kbits.saturating_add(OVERHEAD_KBITS), video: 0 }
    }

    /// The greater of each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self { audio: self.audio.max(other.audio), video: self.video.max(other.video) }
    }
}

impl Add for Load {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { audio: self.audio.saturating_add(other.audio), video: self.video.saturating_add(other.video) }
    }
}

impl Sub for Load {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { audio: self.audio.saturating_sub(other.audio), video: self.video.saturating_sub(other.video) }
    }
}

#[cfg(test)]
mod tests {
    use model::plan::codec_kbits;

    use super::*;

    #[test]
    fn a_call_takes_its_payload_and_what_packets_add() {
        let on_the_wire = |codec| Load::of_audio(codec_kbits(codec)).audio;
        assert_eq!([on_the_wire("PCMA"), on_the_wire("G722"), on_the_wire("G729")], [80, 80, 24]);
    }
}
