//! What was odd, for administrators: the latest of it, each told once an hour.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Alerts that are kept, of scanning and of all else: whoever scans from many addresses pushes out nothing but scans.
const ALERTS_MAX: usize = 100;
/// The same of the same one is told again after this time.
const AGAIN: Duration = Duration::from_secs(3600);

/// Something odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// When it was noticed first.
    pub at: Timestamp,
    /// What.
    pub what: Oddity,
    /// Who: a line, or an address.
    pub who: String,
    /// In words.
    pub text: String,
    /// How often it was noticed since.
    pub times: u32,
}

/// What may be odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Oddity {
    /// A line has reached a limit of its calls to the outside.
    Limit,
    /// Many short calls abroad.
    ShortCalls,
    /// Calls abroad at night.
    NightCalls,
    /// Many numbers that trunks refuse.
    RefusedNumbers,
    /// An address tries passwords, or names.
    Scanning,
}

impl Oddity {
    /// As people and metrics spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::ShortCalls => "short-calls",
            Self::NightCalls => "night-calls",
            Self::RefusedNumbers => "refused-numbers",
            Self::Scanning => "scanning",
        }
    }
}

/// The latest alerts. Shared.
#[derive(Debug, Default)]
pub struct Alerts {
    latest: Mutex<VecDeque<Alert>>,
}

impl Alerts {
    /// Something is odd: it is logged and counted, unless that was done within the hour.
    pub fn raise(&self, what: Oddity, who: &str, text: String, now: Timestamp) {
        let mut latest = self.latest.lock();
        let is_same =
            |alert: &&mut Alert| alert.what == what && alert.who == who && now.since(alert.at) < AGAIN;
        if let Some(known) = latest.iter_mut().rev().find(is_same) {
            known.times = known.times.saturating_add(1);
            return;
        }
        let is_alike = |alert: &Alert| (alert.what == Oddity::Scanning) == (what == Oddity::Scanning);
        let mut is_flood = false;
        if latest.iter().filter(|alert| is_alike(alert)).count() >= ALERTS_MAX
            && let Some(oldest) = latest.iter().position(is_alike)
        {
            // So many within the hour: the log keeps silent of further ones; they are counted and shown.
            is_flood = latest.remove(oldest).is_some_and(|alert| now.since(alert.at) < AGAIN);
        }
        if !is_flood {
            tracing::warn!(what = what.word(), who, text, "ALERT: something is odd about calls");
        }
        metrics::counter!("carillon_calls_alerts_total", "what" => what.word()).increment(1);
        latest.push_back(Alert { at: now, what, who: who.to_owned(), text, times: 1 });
    }

    /// An administrator has seen to what a line did.
    pub(super) fn settle(&self, line: &str) {
        self.latest.lock().retain(|alert| alert.what == Oddity::Scanning || alert.who != line);
    }

    /// The latest, oldest first.
    pub fn latest(&self) -> Vec<Alert> {
        self.latest.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_scans_from_many_hosts_pushes_out_no_other_alert() {
        let alerts = Alerts::default();
        alerts.raise(Oddity::Limit, "1001", "much".to_owned(), Timestamp(0));
        for host in 0..3 * ALERTS_MAX {
            alerts.raise(Oddity::Scanning, &format!("192.0.2.{host}"), "tries".to_owned(), Timestamp(1));
        }
        let latest = alerts.latest();
        assert_eq!(latest.len(), 1 + ALERTS_MAX);
        assert_eq!((latest[0].what, latest[0].who.as_str()), (Oddity::Limit, "1001"));
        assert_eq!(latest[1].who, "192.0.2.200", "the oldest scan has gone");
    }

    #[test]
    fn who_is_forgiven_takes_no_scan_along() {
        let alerts = Alerts::default();
        for what in [Oddity::Scanning, Oddity::NightCalls] {
            alerts.raise(what, "1001", String::new(), Timestamp(0));
        }
        alerts.settle("1001");
        assert_eq!(alerts.latest().iter().map(|alert| alert.what).collect::<Vec<_>>(), [Oddity::Scanning]);
    }
}
