//! Hunting: a call for a group tries its members, by the algorithm of the pilot, and then goes elsewhere (`CC-18`).

use std::collections::{BTreeMap, VecDeque};

use model::plan::{Algorithm, HuntPilot, LineSpan};
use model::{LineId, Timestamp};
use parking_lot::Mutex;

/// A hunt under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunt {
    /// The pilot's own number.
    pub pilot: LineId,
    /// The members who have not been tried.
    pub waiting: VecDeque<LineId>,
    /// When it must be over.
    pub until: Option<Timestamp>,
}

/// Who was tried last at each pilot whose members take turns.
#[derive(Debug, Default)]
pub struct Turns {
    last: Mutex<BTreeMap<LineId, LineId>>,
}

impl Hunt {
    /// Begins. `rested` says since when a member has been without a call; `None`: it never had one.
    pub fn begin(
        pilot: &HuntPilot,
        turns: &Turns,
        rested: impl Fn(&LineId) -> Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let id = LineId { number: pilot.number.clone(), partition: pilot.partition.clone() };
        let members: Vec<LineId> = pilot.members.iter().flat_map(LineSpan::lines).collect();
        let next = turns.next(&id, &members);
        let idle = |line: &LineId| rested(line).map_or(i64::MAX, |since| now.0.saturating_sub(since.0));
        let order = pilot.algorithm.order(&members, next, idle);
        let waiting = order.into_iter().cloned().collect();
        let seconds = |seconds: u16| std::time::Duration::from_secs(seconds.into());
        Self { waiting, until: pilot.max_seconds.map(|max| now.plus(seconds(max))), pilot: id }
    }

    /// The members to ring now: the next one who is free, or with [`Algorithm::Broadcast`] all who are. They are tried
    /// then. Empty when nobody is left, or the time is over.
    pub fn next<T>(
        &mut self,
        pilot: &HuntPilot,
        turns: &Turns,
        now: Timestamp,
        free: impl Fn(&LineId) -> Vec<T>,
    ) -> Vec<T> {
        if self.until.is_some_and(|until| until <= now) {
            return Vec::new();
        }
        if pilot.algorithm == Algorithm::Broadcast {
            return std::mem::take(&mut self.waiting).iter().flat_map(free).collect();
        }
        while let Some(member) = self.waiting.pop_front() {
            let phones = free(&member);
            if !phones.is_empty() {
                if pilot.algorithm == Algorithm::Circular {
                    turns.tried(&self.pilot, member);
                }
                return phones;
            }
        }
        Vec::new()
    }
}

impl Turns {
    /// The place of the member whose turn it is.
    fn next(&self, pilot: &LineId, members: &[LineId]) -> usize {
        let last = self.last.lock();
        let last = last.get(pilot).and_then(|last| members.iter().position(|member| member == last));
        last.map_or(0, |place| place + 1)
    }

    fn tried(&self, pilot: &LineId, member: LineId) {
        self.last.lock().insert(pilot.clone(), member);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pilot(algorithm: Algorithm) -> HuntPilot {
        let text =
            r#"{"number": "5000", "algorithm": "top-down", "members": ["1001-1003"], "max_seconds": 60}"#;
        HuntPilot { algorithm, ..serde_json::from_str(text).unwrap() }
    }

    /// Who is tried by one call at a pilot, one after the other.
    fn tried(pilot: &HuntPilot, turns: &Turns, busy: &str, calls: usize) -> String {
        let rested = |line: &LineId| match line.number.as_str() {
            "1001" => Some(Timestamp(9)),
            "1002" => Some(Timestamp(2)),
            _ => Some(Timestamp(5)),
        };
        let mut hunt = Hunt::begin(pilot, turns, rested, Timestamp(10));
        let free = |line: &LineId| match busy.contains(line.number.as_str()) {
            true => Vec::new(),
            false => vec![line.number.to_string()],
        };
        let rounds: Vec<String> =
            (0..calls).map(|_| hunt.next(pilot, turns, Timestamp(11), free).join("+")).collect();
        rounds.join(" ")
    }

    #[test]
    fn each_algorithm_tries_everybody_once() {
        let turns = Turns::default();
        assert_eq!(tried(&pilot(Algorithm::TopDown), &turns, "", 4), "1001 1002 1003 ");
        assert_eq!(tried(&pilot(Algorithm::TopDown), &turns, "1001", 2), "1002 1003");
        assert_eq!(tried(&pilot(Algorithm::LongestIdle), &turns, "", 4), "1002 1003 1001 ");
        assert_eq!(tried(&pilot(Algorithm::Broadcast), &turns, "1002", 2), "1001+1003 ");
    }

    #[test]
    fn turns_go_round_behind_who_was_tried_last() {
        let (pilot, turns) = (pilot(Algorithm::Circular), Turns::default());
        assert_eq!(tried(&pilot, &turns, "", 1), "1001");
        assert_eq!(tried(&pilot, &turns, "", 2), "1002 1003");
        assert_eq!(tried(&pilot, &turns, "1001", 1), "1002");
        assert_eq!(tried(&pilot, &turns, "1001 1002 1003", 1), "");
        assert_eq!(tried(&pilot, &turns, "", 4), "1003 1001 1002 ");
    }

    #[test]
    fn a_hunt_ends_when_its_time_is_over() {
        let (pilot, turns) = (pilot(Algorithm::TopDown), Turns::default());
        let mut hunt = Hunt::begin(&pilot, &turns, |_| None, Timestamp(0));
        assert_eq!(hunt.next(&pilot, &turns, Timestamp(59_999_999), |_| vec![1]), [1]);
        assert!(hunt.next(&pilot, &turns, Timestamp(60_000_000), |_| vec![1]).is_empty());
    }
}
