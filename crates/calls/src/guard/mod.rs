//! What calls to the outside may cost: who has made how many of which class, whether another one may begin, and what is
//! odd about them. A stolen password shall be a small loss, and be noticed.
//!
//! | file | what |
//! | --- | --- |
//! | `usage` | calls and minutes of one line and class, within an hour and a day |
//! | `charge` | one call to the outside, as long as it lasts |
//! | `alerts` | what was odd, for administrators |
//!
//! The limits stand in the plan ([`model::plan::Costs`]). What was used is held in memory only: after a restart the hours
//! begin anew. Whoever holds a [`Charge`] is counted; it goes with the leg, wherever that goes.

mod alerts;
mod charge;
mod usage;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::plan::{Allowed, CostClass, Costs};
use model::{LineId, Timestamp};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

pub use alerts::{Alert, Alerts, Oddity};
pub use charge::Charge;
use usage::Usage;

/// Lines whose use is remembered; when full, those that have rested longest are forgotten.
const LINES_MAX: usize = 65_536;
/// A call abroad that is talked for less is short.
const SHORT: Duration = Duration::from_secs(20);
/// Short calls abroad of one line within an hour that are odd.
const SHORT_MAX: u32 = 6;
/// Calls abroad of one line in one night that are odd.
const NIGHT_MAX: u32 = 3;
/// Numbers that the other side refused to one line within an hour that are odd.
const REFUSED_MAX: u32 = 20;

/// What the time is; tests move it by hand.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// See the module. Shared by all shards; its lock is short, and taken only by calls to the outside.
pub struct Guard {
    clock: Clock,
    lines: Mutex<BTreeMap<LineId, Line>>,
    alerts: Arc<Alerts>,
    /// Numbers the charges.
    next: AtomicU64,
}

/// What one line has done.
#[derive(Default)]
struct Line {
    classes: BTreeMap<CostClass, Usage>,
    /// Short calls abroad.
    short: usage::Window<12>,
    /// Calls abroad at night.
    night: usage::Window<12>,
    /// Numbers that were refused.
    refused: usage::Window<12>,
    seen: Option<Timestamp>,
}

/// Why a line may not call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barred {
    /// The class of the number.
    pub class: CostClass,
    /// Which limit.
    pub limit: Limit,
    /// How much it allows.
    pub allowed: u32,
}

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Calls at once.
    CallsAtOnce,
    /// Calls that begin within an hour.
    CallsPerHour,
    /// Calls that begin within a day.
    CallsPerDay,
    /// Minutes within a day.
    MinutesPerDay,
}

/// How much a line has used of what it may, within one class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// The class.
    pub class: CostClass,
    /// Calls at this moment.
    pub calls: u32,
    /// Calls that began within an hour.
    pub calls_this_hour: u32,
    /// Calls that began within a day.
    pub calls_this_day: u32,
    /// Minutes that were talked within a day, begun ones counted.
    pub minutes_this_day: u32,
    /// What it may.
    pub allowed: Allowed,
    /// The limit that stands in the way of the next call.
    pub barred: Option<Limit>,
}

impl fmt::Display for Barred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { class, allowed, .. } = self;
        match self.limit {
            Limit::CallsAtOnce => {
                write!(f, "this line may have {allowed} {class} calls at once, and has them")
            }
            Limit::CallsPerHour => {
                write!(f, "this line may make {allowed} {class} calls an hour, and has made them")
            }
            Limit::CallsPerDay => {
                write!(f, "this line may make {allowed} {class} calls a day, and has made them")
            }
            Limit::MinutesPerDay => {
                write!(f, "this line may talk {allowed} minutes a day in {class} calls, and has done so")
            }
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("lines", &self.lines.lock().len()).finish_non_exhaustive()
    }
}

impl Guard {
    /// Nobody has called yet.
    pub fn new(clock: Clock) -> Self {
        Self { alerts: Arc::default(), clock, lines: Mutex::default(), next: AtomicU64::new(1) }
    }

    /// What was odd.
    pub fn alerts(&self) -> &Arc<Alerts> {
        &self.alerts
    }

    /// May a line make a call of this class? Then it is counted from now on, until the charge is gone.
    ///
    /// # Errors
    /// A limit stands in the way.
    pub fn admit(
        self: &Arc<Self>,
        line: &LineId,
        class: CostClass,
        (costs, zone): (&Costs, &str),
    ) -> Result<Arc<Charge>, Barred> {
        let now = (self.clock)();
        let allowed = costs.allowed(Some(line), class);
        let odd = {
            let mut lines = self.lines.lock();
            make_room(&mut lines, line);
            let known = lines.entry(line.clone()).or_default();
            known.seen = Some(now);
            let usage = known.classes.entry(class).or_default();
            if let Some(limit) = usage.barred(allowed, now) {
                drop(lines);
                return Err(self.bar(line, class, limit, allowed, now));
            }
            usage.begin(now);
            let is_night = class != CostClass::National && costs.is_night(now, zone);
            is_night && known.night.add(1, now) == NIGHT_MAX
        };
        if odd {
            let text = format!("{NIGHT_MAX} calls abroad or to dear numbers within an hour, at night");
            self.alerts.raise(Oddity::NightCalls, &line.to_string(), text, now);
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Charge::new(Arc::clone(self), number, line.clone(), (class, allowed), now)))
    }

    fn bar(&self, line: &LineId, class: CostClass, limit: Limit, allowed: Allowed, now: Timestamp) -> Barred {
        let allowed = match limit {
            Limit::CallsAtOnce => allowed.calls_max,
            Limit::CallsPerHour => allowed.calls_per_hour,
            Limit::CallsPerDay => allowed.calls_per_day,
            Limit::MinutesPerDay => allowed.minutes_per_day,
        };
        let barred = Barred { class, limit, allowed };
        metrics::counter!("carillon_calls_barred_total", "class" => class.word()).increment(1);
        self.alerts.raise(Oddity::Limit, &line.to_string(), barred.to_string(), now);
        barred
    }

    /// A call is over; `answered`: somebody took it then.
    fn ended(&self, charge: u64, line: &LineId, class: CostClass, answered: Option<Timestamp>) {
        let now = (self.clock)();
        let talked = answered.map(|answered| now.since(answered));
        let odd = {
            let mut lines = self.lines.lock();
            let Some(known) = lines.get_mut(line) else { return };
            if let Some(usage) = known.classes.get_mut(&class) {
                usage.end(charge, now);
            }
            let is_short = class != CostClass::National && talked.is_some_and(|talked| talked < SHORT);
            is_short && known.short.add(1, now) == SHORT_MAX
        };
        if odd {
            let text = format!(
                "{SHORT_MAX} calls abroad or to dear numbers within an hour, each of less than {} s",
                SHORT.as_secs()
            );
            self.alerts.raise(Oddity::ShortCalls, &line.to_string(), text, now);
        }
    }

    /// Somebody answered a call.
    fn answered(&self, charge: u64, line: &LineId, class: CostClass) -> Timestamp {
        let now = (self.clock)();
        if let Some(usage) = self.lines.lock().get_mut(line).and_then(|known| known.classes.get_mut(&class)) {
            usage.answer(charge, now);
        }
        now
    }

    /// How long a call that was answered may go on.
    fn time_left(&self, line: &LineId, class: CostClass, allowed: Allowed) -> Duration {
        let now = (self.clock)();
        let mut lines = self.lines.lock();
        let usage = lines.get_mut(line).and_then(|known| known.classes.get_mut(&class));
        usage.map_or(Duration::MAX, |usage| usage.time_left(allowed, now))
    }

    /// The other side refused a number.
    fn refused(&self, line: &LineId) {
        let now = (self.clock)();
        let odd = {
            let mut lines = self.lines.lock();
            lines.get_mut(line).is_some_and(|known| known.refused.add(1, now) == REFUSED_MAX)
        };
        if odd {
            let text = format!("{REFUSED_MAX} numbers were refused by trunks within an hour");
            self.alerts.raise(Oddity::RefusedNumbers, &line.to_string(), text, now);
        }
    }

    /// Forgets what a line has used: it may call again. False when there was nothing to forget.
    pub fn release(&self, line: &LineId) -> bool {
        let now = (self.clock)();
        let mut lines = self.lines.lock();
        let Some(known) = lines.get_mut(line) else { return false };
        // Calls that are under way go on being counted.
        known.classes.values_mut().for_each(|usage| usage.forget(now));
        (known.short, known.night, known.refused) = Default::default();
        drop(lines);
        self.alerts.settle(&line.to_string());
        tracing::info!(%line, "the calls to the outside that a line has made are forgiven");
        true
    }

    /// How much a line has used, of each class.
    pub fn used(&self, line: &LineId, costs: &Costs) -> Vec<Used> {
        let now = (self.clock)();
        let mut lines = self.lines.lock();
        let mut known = lines.get_mut(line);
        let used = |class: CostClass| {
            let allowed = costs.allowed(Some(line), class);
            let mut unused = Usage::default();
            let usage = known.as_mut().and_then(|known| known.classes.get_mut(&class)).unwrap_or(&mut unused);
            usage.shown(class, allowed, now)
        };
        CostClass::ALL.map(used).to_vec()
    }
}

/// Makes room for a line: whoever has no call and has rested longest is forgotten.
fn make_room(lines: &mut BTreeMap<LineId, Line>, line: &LineId) {
    if lines.len() < LINES_MAX || lines.contains_key(line) {
        return;
    }
    let resting = lines.iter().filter(|(_, known)| known.classes.values().all(Usage::rests));
    if let Some(oldest) = resting.min_by_key(|(_, known)| known.seen).map(|(line, _)| line.clone()) {
        lines.remove(&oldest);
    }
}

#[cfg(test)]
mod tests;
