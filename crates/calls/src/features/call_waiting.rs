//! Call waiting and the limits of a line: with how many calls it is busy, and how many it takes part in at all.
//!
//! A line is one thing to call, however many phones show it: its calls are counted together.

use model::LineSettings;
use model::plan::LineCalls;

use crate::place::{Limits, LineRoom};

/// What holds for a line: its user's word goes before the plan's, and the plan's before the server's.
pub(crate) fn room(said: LineCalls, own: Option<&LineSettings>, limits: Limits) -> LineRoom {
    let max = said.max.map_or(limits.calls_per_line_max, usize::from);
    let waiting = own.and_then(|own| own.call_waiting).or(said.waiting).unwrap_or(true);
    let busy_at = match waiting {
        true => said.busy_at.map_or(max, usize::from).min(max),
        false => 1,
    };
    LineRoom { max, busy_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { calls_per_line_max: 4 };

    fn of(
        max: Option<u16>,
        busy_at: Option<u16>,
        waiting: Option<bool>,
        own: Option<bool>,
    ) -> (usize, usize) {
        let own = LineSettings { call_waiting: own, ..LineSettings::default() };
        let LineRoom { max, busy_at } = room(LineCalls { max, busy_at, waiting }, Some(&own), LIMITS);
        (max, busy_at)
    }

    #[test]
    fn the_users_word_goes_before_the_plans_and_that_before_the_servers() {
        assert_eq!(of(None, None, None, None), (4, 4));
        assert_eq!(of(Some(6), Some(2), None, None), (6, 2));
        assert_eq!(of(Some(2), Some(9), None, None), (2, 2), "busy at more calls than it can have");
        assert_eq!(of(None, Some(3), Some(false), None), (4, 1), "the plan has no call waiting for it");
        assert_eq!(of(None, Some(3), Some(false), Some(true)), (4, 3));
        assert_eq!(of(None, None, None, Some(false)), (4, 1), "it may still call others meanwhile");
    }
}
