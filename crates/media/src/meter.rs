//! Counters of one media thread: plain numbers per packet, handed to the metrics about once a second.

/// Why a packet was not relayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// From someone else than the peer, or before the peer is known.
    Stranger,
    /// Not RTP.
    Malformed,
    /// The leg is on hold, or joined to nothing.
    Held,
    /// The system did not take it.
    Unsent,
    /// Its protection does not hold: not the peer's, damaged, or sent again.
    Forged,
}

const REASONS: [(Dropped, &str); 5] = [
    (Dropped::Stranger, "stranger"),
    (Dropped::Malformed, "malformed"),
    (Dropped::Held, "held"),
    (Dropped::Unsent, "unsent"),
    (Dropped::Forged, "forged"),
];

/// What one thread counted since the last flush.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    relayed: u64,
    relayed_bytes: u64,
    said: u64,
    said_bytes: u64,
    dropped: [u64; REASONS.len()],
}

impl Meter {
    pub(crate) fn relayed(&mut self, bytes: usize) {
        self.relayed += 1;
        self.relayed_bytes += bytes as u64;
    }

    /// A packet whose sound began here went out.
    pub(crate) fn said(&mut self, bytes: usize) {
        self.said += 1;
        self.said_bytes += bytes as u64;
    }

    pub(crate) fn dropped(&mut self, reason: Dropped) {
        self.dropped[reason as usize] += 1;
    }

    /// Hands the counts to the metrics and starts at zero.
    pub(crate) fn flush(&mut self) {
        let taken = std::mem::take(self);
        if taken.relayed > 0 {
            metrics::counter!("carillon_media_packets_relayed_total").increment(taken.relayed);
            metrics::counter!("carillon_media_relayed_bytes_total").increment(taken.relayed_bytes);
        }
        if taken.said > 0 {
            metrics::counter!("carillon_media_packets_said_total").increment(taken.said);
            metrics::counter!("carillon_media_said_bytes_total").increment(taken.said_bytes);
        }
        for (reason, name) in REASONS {
            let count = taken.dropped[reason as usize];
            if count > 0 {
                metrics::counter!("carillon_media_packets_dropped_total", "reason" => name).increment(count);
            }
        }
    }
}
