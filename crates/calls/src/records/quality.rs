//! What media said of the ports of calls, until their records are written.

use std::collections::BTreeMap;
use std::time::Duration;

use media::{PortId, Quality};
use parking_lot::Mutex;
use store::LegQuality;

use crate::snapshot::Connection;

/// Reports that are kept: a call has two or four ports, and reports of long calls come again and again.
const REPORTS_MAX: usize = 65_536;

/// The latest report of each port.
#[derive(Debug, Default)]
pub(crate) struct QualityReports(Mutex<Reports>);

#[derive(Debug, Default)]
struct Reports {
    /// With the number of the report.
    by_port: BTreeMap<PortId, (u64, Quality)>,
    /// By the number of their latest report: whoever has been silent longest is in front.
    order: BTreeMap<u64, PortId>,
    count: u64,
}

impl QualityReports {
    /// Takes a report; it replaces an earlier one of the port.
    pub(crate) fn put(&self, port: PortId, quality: Quality) {
        let mut reports = self.0.lock();
        reports.count += 1;
        let number = reports.count;
        if let Some((before, _)) = reports.by_port.insert(port, (number, quality)) {
            reports.order.remove(&before);
        }
        reports.order.insert(number, port);
        // A call that goes on reports again and again: those are forgotten that nobody wrote down.
        if reports.order.len() > REPORTS_MAX
            && let Some((_, silent)) = reports.order.pop_first()
        {
            reports.by_port.remove(&silent);
        }
    }

    /// The quality of a leg: that of its first port that received anything, which is its sound.
    pub(crate) fn of(&self, connection: &Connection) -> Option<LegQuality> {
        let media = connection.particulars.media.as_ref()?;
        let reports = self.0.lock();
        let mut known = media.ports.iter().filter_map(|port| reports.by_port.get(port));
        known.find(|(_, quality)| quality.packets > 0).map(|(_, quality)| kept(quality))
    }

    /// Forgets the ports of a leg.
    pub(crate) fn forget(&self, connection: &Connection) {
        let Some(media) = &connection.particulars.media else { return };
        let mut reports = self.0.lock();
        for port in &media.ports {
            if let Some((number, _)) = reports.by_port.remove(port) {
                reports.order.remove(&number);
            }
        }
    }
}

fn kept(quality: &Quality) -> LegQuality {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    LegQuality {
        packets: quality.packets,
        lost: quality.lost,
        jitter_us: micros(quality.jitter),
        round_trip_us: quality.round_trip.map(micros),
        opinion: Some(quality.opinion),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::Timestamp;

    use super::*;
    use crate::snapshot::{ConnectionState, Direction, MediaUse, Particulars};

    fn leg(ports: &[u64]) -> Connection {
        let ports = ports.iter().map(|port| PortId::numbered(*port)).collect();
        let media = Some(Arc::new(MediaUse { ports, ..MediaUse::default() }));
        Connection {
            line: None,
            owner: None,
            address: String::new(),
            name: None,
            direction: Direction::Initiator,
            state: ConnectionState::Null,
            since: Timestamp(0),
            dialog: None,
            particulars: Particulars { media, ..Particulars::default() },
            trunk: None,
            withheld: false,
        }
    }

    fn report(packets: u64) -> Quality {
        Quality { packets, ..Quality::default() }
    }

    #[test]
    fn the_latest_report_of_a_port_counts_until_it_is_forgotten() {
        let reports = QualityReports::default();
        reports.put(PortId::numbered(1), report(5));
        reports.put(PortId::numbered(1), report(9));
        reports.put(PortId::numbered(2), report(3));
        assert_eq!(reports.of(&leg(&[7, 1, 2])).map(|quality| quality.packets), Some(9));
        reports.forget(&leg(&[1]));
        assert_eq!(reports.of(&leg(&[1])), None);
        assert_eq!(reports.of(&leg(&[2])).map(|quality| quality.packets), Some(3));
    }

    #[test]
    fn reports_are_bounded() {
        let reports = QualityReports::default();
        for port in 0..REPORTS_MAX as u64 + 10 {
            reports.put(PortId::numbered(port), report(1));
        }
        assert_eq!(reports.of(&leg(&[9])), None);
        assert_eq!(reports.0.lock().by_port.len(), REPORTS_MAX);
        reports.forget(&leg(&[100]));
        assert_eq!(reports.0.lock().order.len(), REPORTS_MAX - 1);
    }

    #[test]
    fn a_long_call_is_not_forgotten_for_short_ones() {
        let reports = QualityReports::default();
        for port in 0..REPORTS_MAX as u64 + 10 {
            reports.put(PortId::numbered(port + 1), report(1));
            if port % 1_000 == 0 {
                reports.put(PortId::numbered(0), report(port + 1));
            }
        }
        assert!(reports.of(&leg(&[0])).is_some());
    }
}
