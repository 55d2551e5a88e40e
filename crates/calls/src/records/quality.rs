//! What media said of the ports of calls, until their records are written.

use std::collections::{BTreeMap, VecDeque};
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
    by_port: BTreeMap<PortId, Quality>,
    /// In the order in which the ports first reported.
    order: VecDeque<PortId>,
}

impl QualityReports {
    /// Takes a report; it replaces an earlier one of the port.
    pub(crate) fn put(&self, port: PortId, quality: Quality) {
        let mut reports = self.0.lock();
        if reports.by_port.insert(port, quality).is_none() {
            reports.order.push_back(port);
            if reports.order.len() > REPORTS_MAX
                && let Some(oldest) = reports.order.pop_front()
            {
                reports.by_port.remove(&oldest);
            }
        }
    }

    /// The quality of a leg: that of its first port that received anything, which is its sound.
    pub(crate) fn of(&self, connection: &Connection) -> Option<LegQuality> {
        let media = connection.particulars.media.as_ref()?;
        let reports = self.0.lock();
        let mut known = media.ports.iter().filter_map(|port| reports.by_port.get(port));
        known.find(|quality| quality.packets > 0).map(kept)
    }

    /// Forgets the ports of a leg.
    pub(crate) fn forget(&self, connection: &Connection) {
        let Some(media) = &connection.particulars.media else { return };
        let mut reports = self.0.lock();
        for port in &media.ports {
            reports.by_port.remove(port);
        }
        // Ports are forgotten in about the order in which they came: the front of the queue is what is gone.
        while reports.order.front().is_some_and(|port| !reports.by_port.contains_key(port)) {
            reports.order.pop_front();
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
    }
}
