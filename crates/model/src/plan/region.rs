//! Regions: which codecs two places speak with each other, and how fast (`CC-25`, `MD-05`, `MD-10`).

use serde::{Deserialize, Serialize};

/// A region, and what it allows within itself and to others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Region {
    /// Its name.
    pub name: String,
    /// What two ends in it allow each other.
    #[serde(skip_serializing_if = "Allowance::is_none")]
    pub within: Allowance,
    /// What one end in it and one in another region allow each other; each pair is written once, in either region.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<ToRegion>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What is allowed to another region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToRegion {
    /// The other region.
    pub region: String,
    /// What is allowed.
    pub allows: Allowance,
}

/// What two ends of a call may say to each other. Rates are of the payload, without what packets add to it (`MD-10`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allowance {
    /// The only codecs for sound, by their names, most preferred first; all, in the order of the phones, when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub codecs: Vec<String>,
    /// Sound at most, in kbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_kbits: Option<u32>,
    /// A call with pictures at most, its sound included, in kbit/s; 0 allows no pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_call_kbits: Option<u32>,
}

impl Allowance {
    /// Is everything allowed?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Pictures at most, in kbit/s: what is left of the call when its sound takes all that it may (`MD-10`).
    pub fn video_kbits(&self) -> Option<u32> {
        let whole = self.video_call_kbits?;
        Some(whole.saturating_sub(self.audio_kbits.unwrap_or(AUDIO_KBITS)))
    }

    /// The place of a codec in the order of preference; `None` when it is not allowed.
    pub fn rank(&self, codec: &str) -> Option<usize> {
        let listed = self.codecs.iter().position(|name| name.eq_ignore_ascii_case(codec));
        let rank = if self.codecs.is_empty() { Some(0) } else { listed };
        rank.filter(|_| self.audio_kbits.is_none_or(|most| lowest_kbits(codec) <= most))
    }
}

/// The payload rate of sound that nothing more is known of, in kbit/s: that of G.711.
pub const AUDIO_KBITS: u32 = 64;
/// The payload rate of Opus when a phone does not say how much it takes, in kbit/s (RFC 7587 §3.1.1: fullband speech
/// needs 28 to 40).
pub const OPUS_KBITS: u32 = 40;
/// The lowest payload rate of Opus, in kbit/s (RFC 7587 §3.1.1).
const OPUS_KBITS_MIN: u32 = 6;

/// The payload rate of a codec for sound, in kbit/s, rounded up (RFC 3551 §4.5, RFC 3952, RFC 4867, RFC 5577).
pub fn codec_kbits(codec: &str) -> u32 {
    let rates: [(&str, u32); 14] = [
        ("PCMU", 64),
        ("PCMA", 64),
        ("G722", 64),
        ("opus", OPUS_KBITS),
        ("G729", 8),
        ("G723", 7),
        ("G728", 16),
        ("GSM", 13),
        ("iLBC", 16),
        ("AMR", 13),
        ("AMR-WB", 24),
        ("G7221", 32),
        ("G726-32", 32),
        ("L16", 256),
    ];
    let known = rates.iter().find(|(name, _)| name.eq_ignore_ascii_case(codec));
    known.map_or(AUDIO_KBITS, |(_, kbits)| *kbits)
}

/// The lowest rate that a codec can be told to keep to.
fn lowest_kbits(codec: &str) -> u32 {
    if codec.eq_ignore_ascii_case("opus") { OPUS_KBITS_MIN } else { codec_kbits(codec) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(codecs: &[&str], audio: Option<u32>, video_call: Option<u32>) -> Allowance {
        let codecs = codecs.iter().map(|&name| name.to_owned()).collect();
        Allowance { codecs, audio_kbits: audio, video_call_kbits: video_call }
    }

    #[test]
    fn pictures_take_what_sound_leaves() {
        assert_eq!(allows(&[], Some(64), Some(2_064)).video_kbits(), Some(2_000));
        assert_eq!(allows(&[], None, Some(2_064)).video_kbits(), Some(2_000));
        assert_eq!(allows(&[], Some(64), Some(0)).video_kbits(), Some(0));
        assert_eq!(allows(&[], Some(64), None).video_kbits(), None);
    }

    #[test]
    fn a_codec_is_allowed_when_it_is_listed_and_slow_enough() {
        let wan = allows(&["G729", "opus", "PCMA"], Some(24), None);
        assert_eq!((wan.rank("g729"), wan.rank("OPUS"), wan.rank("PCMA")), (Some(0), Some(1), None));
        assert_eq!(wan.rank("PCMU"), None);
        let slow = allows(&[], Some(8), None);
        assert_eq!((slow.rank("G729"), slow.rank("PCMU")), (Some(0), None));
        assert_eq!(Allowance::default().rank("anything"), Some(0));
    }
}
