//! What a listener would say of a call: the E-model (ITU-T G.107), simplified to what the network does to it.
//!
//! R = 93.2 − Id − Ie,eff, with Id from the one-way delay (the piecewise form that is commonly taken for G.107
//! §3.5 at default values) and Ie,eff from the codec and random loss (G.107 §3.6, values of G.113 appendix I).
//! Loudness, echo, noise and the advantage factor are at their defaults.

use std::time::Duration;

use crate::codec::Codec;

/// The rating of a perfect narrowband connection, in tenths.
const RATING_BEST: f64 = 93.2;
/// One-way delay in milliseconds above which talking becomes hard.
const DELAY_KNEE_MS: f64 = 177.3;

/// Equipment impairment and robustness against loss (Ie, Bpl) with concealment.
fn impairment(codec: Option<Codec>) -> (f64, f64) {
    match codec {
        Some(Codec::Pcmu | Codec::Pcma) => (0.0, 25.1),
        // Wideband codecs are rated on the narrowband scale, where they are as good as G.711.
        Some(Codec::G722) => (0.0, 20.0),
        Some(Codec::Opus) => (0.0, 30.0),
        // A codec that is only relayed: as G.729 with concealment.
        None => (11.0, 19.0),
    }
}

/// The mean opinion score times 100, from 100 (bad) to 450 (excellent).
///
/// `lost` is the share of packets that were not heard, `delay` the way from mouth to ear.
pub fn mean_opinion_score(codec: Option<Codec>, lost: f64, delay: Duration) -> u16 {
    let delay_ms = delay.as_secs_f64() * 1_000.0;
    let from_delay = 0.024 * delay_ms + 0.11 * (delay_ms - DELAY_KNEE_MS).max(0.0);
    let (equipment, robustness) = impairment(codec);
    let percent = 100.0 * lost.clamp(0.0, 1.0);
    let from_loss = equipment + (95.0 - equipment) * percent / (percent + robustness);
    let rating = (RATING_BEST - from_delay - from_loss).clamp(0.0, 100.0);
    // G.107 annex B.
    let score = 1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7.0e-6;
    (100.0 * score.clamp(1.0, 4.5)).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(codec: Codec, lost_percent: f64, delay_ms: u64) -> u16 {
        mean_opinion_score(Some(codec), lost_percent / 100.0, Duration::from_millis(delay_ms))
    }

    #[test]
    fn a_perfect_connection_is_rated_as_the_recommendation_says() {
        // R = 93.2 is 4.41.
        assert_eq!(score(Codec::Pcma, 0.0, 0), 441);
        assert_eq!(mean_opinion_score(None, 0.0, Duration::ZERO), 410);
    }

    #[test]
    fn loss_and_delay_make_it_worse() {
        assert!(score(Codec::Pcma, 1.0, 20) < 441);
        assert!(score(Codec::Pcma, 5.0, 20) < score(Codec::Pcma, 1.0, 20));
        assert!(score(Codec::Pcma, 0.0, 400) < score(Codec::Pcma, 0.0, 150));
        assert_eq!(score(Codec::Pcma, 100.0, 2_000), 100);
    }

    #[test]
    fn five_per_cent_of_loss_are_annoying_but_intelligible() {
        // G.113: G.711 with concealment at 5 % random loss loses about 16 points.
        let score = score(Codec::Pcma, 5.0, 50);
        assert!((370..400).contains(&score), "{score}");
    }
}
