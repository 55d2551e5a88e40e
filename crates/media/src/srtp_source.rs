//! What SRTP remembers of each source: rollover counter, and which of the latest packets came (RFC 3711 §3.3).

use crate::srtp::Refused;

/// Sources of one direction that are remembered; the one heard longest ago makes room. Only packets that were
/// proved genuine make a source known.
const SOURCES_MAX: usize = 8;
/// Sources that are sealed under one key: none is ever forgotten, for its next packet would be sealed like its first.
const SEALED_MAX: usize = 64;
/// Packets back that are known; older ones are refused (RFC 3711 §3.3.2 wants at least 64).
const WINDOW: u64 = 128;

#[derive(Debug, Default)]
struct Source {
    ssrc: u32,
    /// The highest index of RTP, and the window below it: bit n is the packet n before.
    highest: Option<u64>,
    came: u128,
    /// The same of reports.
    report_highest: Option<u64>,
    reports_came: u128,
    used: u64,
}

/// The sources of one direction.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    known: Vec<Source>,
    uses: u64,
}

impl Sources {
    /// The index of a packet that goes out. `None`: one was sealed with this index already, or may have been, and two
    /// with the same index give each other away (RFC 3711 §9.1; in GCM the key of the tags as well, RFC 7714 §14).
    pub(crate) fn outgoing(&mut self, ssrc: u32, sequence: u16) -> Option<u64> {
        let source = self.sealed(ssrc)?;
        let index = guess(source.highest, sequence);
        fresh(source.highest, source.came, index).ok()?;
        mark(&mut source.highest, &mut source.came, index);
        Some(index)
    }

    /// The index that an incoming packet most probably has (RFC 3711 §3.3.1), unless it came before.
    pub(crate) fn incoming(&self, ssrc: u32, sequence: u16) -> Result<u64, Refused> {
        let Some(source) = self.known.iter().find(|source| source.ssrc == ssrc) else {
            return Ok(u64::from(sequence));
        };
        let index = guess(source.highest, sequence);
        fresh(source.highest, source.came, index).map(|()| index)
    }

    /// A packet proved genuine.
    pub(crate) fn accept(&mut self, ssrc: u32, index: u64) {
        let source = self.source(ssrc);
        mark(&mut source.highest, &mut source.came, index);
    }

    /// The index of the next report that goes out; the first is 1, and after the last there is none.
    pub(crate) fn next_report(&mut self, ssrc: u32) -> Option<u64> {
        let source = self.sealed(ssrc)?;
        let next = source.report_highest.map_or(1, |last| last + 1);
        source.report_highest = Some(next);
        (next <= 0x7fff_ffff).then_some(next)
    }

    /// Has a report with this index come before?
    pub(crate) fn incoming_report(&self, ssrc: u32, index: u64) -> Result<(), Refused> {
        let source = self.known.iter().find(|source| source.ssrc == ssrc);
        source.map_or(Ok(()), |source| fresh(source.report_highest, source.reports_came, index))
    }

    /// A report proved genuine.
    pub(crate) fn accept_report(&mut self, ssrc: u32, index: u64) {
        let source = self.source(ssrc);
        mark(&mut source.report_highest, &mut source.reports_came, index);
    }

    /// A source of ours; never in the place of another.
    fn sealed(&mut self, ssrc: u32) -> Option<&mut Source> {
        let known = self.known.iter().position(|source| source.ssrc == ssrc);
        let place = known.or_else(|| {
            (self.known.len() < SEALED_MAX).then(|| {
                self.known.push(Source { ssrc, ..Source::default() });
                self.known.len() - 1
            })
        })?;
        self.known.get_mut(place)
    }

    fn source(&mut self, ssrc: u32) -> &mut Source {
        self.uses += 1;
        let place = match self.known.iter().position(|source| source.ssrc == ssrc) {
            Some(place) => place,
            None if self.known.len() < SOURCES_MAX => {
                self.known.push(Source { ssrc, ..Source::default() });
                self.known.len() - 1
            }
            None => {
                let oldest = (0..self.known.len()).min_by_key(|place| self.known[*place].used).unwrap_or(0);
                self.known[oldest] = Source { ssrc, ..Source::default() };
                oldest
            }
        };
        self.known[place].used = self.uses;
        &mut self.known[place]
    }
}

/// The index nearest to the highest one so far with these lower sixteen bits (RFC 3711 §3.3.1, appendix A).
fn guess(highest: Option<u64>, sequence: u16) -> u64 {
    let Some(highest) = highest else { return u64::from(sequence) };
    let apart = i64::from(sequence.wrapping_sub(highest as u16) as i16);
    // Before the first wrap there is nothing below zero.
    highest.checked_add_signed(apart).unwrap_or_else(|| u64::from(sequence))
}

fn fresh(highest: Option<u64>, came: u128, index: u64) -> Result<(), Refused> {
    let Some(highest) = highest else { return Ok(()) };
    if index > highest {
        return Ok(());
    }
    let back = highest - index;
    if back >= WINDOW || came >> back & 1 == 1 { Err(Refused::Replayed) } else { Ok(()) }
}

fn mark(highest: &mut Option<u64>, came: &mut u128, index: u64) {
    match *highest {
        Some(last) if index <= last => *came |= 1_u128.checked_shl((last - index) as u32).unwrap_or(0),
        Some(last) => {
            let ahead = u32::try_from(index - last).unwrap_or(u32::MAX);
            *came = came.checked_shl(ahead).unwrap_or(0) | 1;
            *highest = Some(index);
        }
        None => (*highest, *came) = (Some(index), 1),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_index_of_a_source_is_sealed_twice(packets in prop::collection::vec((0_u32..100, any::<u16>()), 0..2_000)) {
            let (mut sources, mut sealed) = (Sources::default(), BTreeSet::new());
            for (ssrc, sequence) in packets {
                if let Some(index) = sources.outgoing(ssrc, sequence) {
                    prop_assert!(sealed.insert((ssrc, index)));
                }
            }
        }
    }

    #[test]
    fn a_stream_that_wraps_goes_on() {
        let mut sources = Sources::default();
        for number in 65_000_u64..140_000 {
            assert_eq!(sources.outgoing(7, number as u16), Some(number));
        }
        assert_eq!(sources.outgoing(7, 139_999_u64 as u16), None, "the last one again");
    }

    #[test]
    fn more_sources_than_are_remembered_are_not_sealed() {
        let mut sources = Sources::default();
        assert!((0..SEALED_MAX as u32).all(|ssrc| sources.outgoing(ssrc, 1).is_some()));
        assert_eq!(sources.outgoing(1_000, 1), None);
        assert_eq!(sources.next_report(1_000), None);
        assert_eq!(sources.outgoing(0, 2), Some(2));
    }
}
