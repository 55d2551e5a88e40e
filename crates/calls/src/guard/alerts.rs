//! What was odd, for administrators: the latest of it, each told once an hour.

use std::collections::VecDeque;
use std::time::Duration;

use model::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Alerts that are kept.
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
        if latest.len() >= ALERTS_MAX {
            latest.pop_front();
        }
        tracing::warn!(what = what.word(), who, text, "ALERT: something is odd about calls");
        metrics::counter!("carillon_calls_alerts_total", "what" => what.word()).increment(1);
        latest.push_back(Alert { at: now, what, who: who.to_owned(), text, times: 1 });
    }

    /// An administrator has seen to it.
    pub(super) fn settle(&self, who: &str) {
        self.latest.lock().retain(|alert| alert.who != who);
    }

    /// The latest, oldest first.
    pub fn latest(&self) -> Vec<Alert> {
        self.latest.lock().iter().cloned().collect()
    }
}
