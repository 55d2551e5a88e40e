//! Call back: whoever called in vain has both lines rung as soon as both are free (RFC 6910 calls it call completion: on
//! busy subscriber, on no reply, when not logged in).
//!
//! A wish names two lines of ours. The shard that took it looks every two seconds whether both are free; then it is
//! carried out as if an application had made the call, but for the phones of who wished: these ring, for nobody may be there.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use model::{BareJid, LineId, Timestamp};
use parking_lot::Mutex;

use crate::call::house::Context;
use crate::call::{House, Now};
use crate::place::{Caller, Dialled, Unplaceable};
use crate::snapshot::Cause;

/// Wishes of one line.
const OF_LINE_MAX: usize = 5;
/// Wishes of all lines.
const ALL_MAX: usize = 10_000;
/// How long a wish holds.
const LIFE: Duration = Duration::from_secs(45 * 60);
/// How often a shard looks whether lines are free.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);
/// How long nobody else is called back for a line that is just being called.
const TURN: Duration = Duration::from_secs(30);

/// The wishes of all lines.
#[derive(Debug, Default)]
pub struct CallBacks {
    count: AtomicUsize,
    wishes: Mutex<Vec<Wish>>,
}

/// One wish.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    line: LineId,
    owner: Option<BareJid>,
    dialled: String,
    target: LineId,
    /// Nobody answered there: it counts from the target's next call on, which shows that somebody is there.
    after_use: bool,
    wished: Timestamp,
    shard: usize,
    /// It was carried out then, and only keeps others from calling the target at the same time.
    done: Option<Timestamp>,
}

impl CallBacks {
    /// Nobody waits for anybody.
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    fn add(&self, wish: Wish) -> Result<(), Unplaceable> {
        let mut wishes = self.wishes.lock();
        wishes.retain(|known| known.line != wish.line || known.target != wish.target || known.done.is_some());
        let of_line = wishes.iter().filter(|known| known.line == wish.line && known.done.is_none()).count();
        if of_line >= OF_LINE_MAX || wishes.len() >= ALL_MAX {
            return Err(Unplaceable::NotAllowed);
        }
        wishes.push(wish);
        self.count.store(wishes.len(), Ordering::Release);
        Ok(())
    }

    /// A line wishes nothing any more; false when it did not.
    fn cancel(&self, line: &LineId) -> bool {
        let mut wishes = self.wishes.lock();
        let before = wishes.len();
        wishes.retain(|wish| wish.line != *line || wish.done.is_some());
        self.count.store(wishes.len(), Ordering::Release);
        wishes.len() < before
    }

    fn is_waited_in(&self, shard: usize) -> bool {
        !self.is_empty() && self.wishes.lock().iter().any(|wish| wish.shard == shard)
    }

    /// The wishes of a shard that can be carried out now: both lines are `free`, and the target was in `use` since.
    fn due(
        &self,
        shard: usize,
        now: Timestamp,
        free: impl Fn(&LineId, Option<&BareJid>) -> bool,
        used: impl Fn(&LineId) -> Option<Timestamp>,
    ) -> Vec<(LineId, String)> {
        let mut wishes = self.wishes.lock();
        let is_over = |at: Timestamp, after: Duration| now.since(at) >= after;
        wishes.retain(|wish| match wish.done {
            Some(done) => !is_over(done, TURN),
            None => !is_over(wish.wished, LIFE),
        });
        let mut taken: Vec<LineId> =
            wishes.iter().filter(|wish| wish.done.is_some()).map(|wish| wish.target.clone()).collect();
        let mut due = Vec::new();
        for wish in wishes.iter_mut().filter(|wish| wish.shard == shard && wish.done.is_none()) {
            let is_used = !wish.after_use || used(&wish.target).is_some_and(|used| used > wish.wished);
            if is_used
                && !taken.contains(&wish.target)
                && free(&wish.target, None)
                && free(&wish.line, wish.owner.as_ref())
            {
                wish.done = Some(now);
                taken.push(wish.target.clone());
                due.push((wish.line.clone(), wish.dialled.clone()));
            }
        }
        self.count.store(wishes.len(), Ordering::Release);
        due
    }
}

/// A line wishes to be called back when the number is free.
///
/// # Errors
/// It is no line of ours that it may call, or it wishes too much.
pub(crate) fn wish(dialled: &str, caller: &Caller, context: &Context<'_>) -> Result<(), Unplaceable> {
    let (house, line) = (context.house, caller.line.as_ref().ok_or(Unplaceable::NotAllowed)?);
    let target = house.directory.line_dialled(&Dialled::here(dialled), caller)?;
    if target == *line {
        return Err(Unplaceable::NotAllowed);
    }
    let failed =
        house.lines.board().last_calls(line).placed(caller.user.as_ref()).and_then(|last| last.failed);
    let wish = Wish {
        line: line.clone(),
        owner: caller.user.clone(),
        dialled: dialled.to_owned(),
        target,
        after_use: matches!(failed, Some(Cause::NoAnswer | Cause::CallCancelled)),
        wished: context.now.civil,
        shard: house.shard.index,
        done: None,
    };
    metrics::counter!("carillon_call_backs_wished_total").increment(1);
    house.lines.call_backs().add(wish)
}

/// A line wishes nothing any more.
///
/// # Errors
/// It did not.
pub(crate) fn cancel(caller: &Caller, house: &House) -> Result<(), Unplaceable> {
    let line = caller.line.as_ref().ok_or(Unplaceable::NotAllowed)?;
    if house.lines.call_backs().cancel(line) { Ok(()) } else { Err(Unplaceable::NotFound) }
}

/// When a shard looks next, if it has anything to look for.
pub(crate) fn next_look(house: &House, now: Now) -> Option<Instant> {
    house.lines.call_backs().is_waited_in(house.shard.index).then(|| now.instant + INTERVAL)
}

/// The calls that a shard makes now.
pub(crate) fn due(house: &House, now: Now) -> Vec<(LineId, String)> {
    let board = house.lines.board();
    // A line that has changed hands meanwhile calls nobody.
    let free = |line: &LineId, owner: Option<&BareJid>| {
        let phones = house.directory.phones_of(line);
        let is_theirs = owner.is_none() || phones.first().and_then(|phone| phone.owner.as_ref()) == owner;
        !phones.is_empty() && is_theirs && house.directory.is_free(line)
    };
    let due = house.lines.call_backs().due(house.shard.index, now.civil, free, |line| board.rested(line));
    metrics::counter!("carillon_call_backs_made_total").increment(due.len() as u64);
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: &str) -> LineId {
        LineId::from(number.parse::<model::Number>().unwrap())
    }

    fn wish(from: &str, to: &str, after_use: bool) -> Wish {
        Wish {
            line: line(from),
            owner: None,
            dialled: to.to_owned(),
            target: line(to),
            after_use,
            wished: Timestamp(0),
            shard: 0,
            done: None,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp(0).plus(Duration::from_secs(seconds))
    }

    #[test]
    fn a_line_wishes_so_much_and_no_more_and_can_take_it_all_back() {
        let all = CallBacks::default();
        for to in ["1002", "1003", "1004", "1005", "1006", "1002"] {
            assert_eq!(all.add(wish("1001", to, false)), Ok(()), "{to}: the same one is one");
        }
        assert_eq!(all.add(wish("1001", "1007", false)), Err(Unplaceable::NotAllowed));
        assert_eq!(all.add(wish("1009", "1007", false)), Ok(()));
        assert!(all.cancel(&line("1001")) && !all.cancel(&line("1001")));
        assert!(!all.is_empty() && all.is_waited_in(0) && !all.is_waited_in(1));
    }

    #[test]
    fn nobody_is_called_back_before_both_are_free_nor_too_late() {
        let all = CallBacks::default();
        all.add(wish("1001", "1002", false)).unwrap();
        let never = |_: &LineId| None;
        assert!(all.due(0, at(2), |free, _| *free == line("1001"), never).is_empty());
        assert!(all.due(1, at(2), |_, _| true, never).is_empty(), "another shard looks");
        assert_eq!(all.due(0, at(4), |_, _| true, never), [(line("1001"), "1002".to_owned())]);
        assert!(all.due(0, at(6), |_, _| true, never).is_empty(), "once");
        all.add(wish("1001", "1002", false)).unwrap();
        assert!(all.due(0, at(45 * 60), |_, _| true, never).is_empty());
        assert!(all.is_empty());
    }

    #[test]
    fn of_two_who_wait_for_one_line_the_second_waits_on() {
        let all = CallBacks::default();
        all.add(wish("1001", "1002", false)).unwrap();
        all.add(wish("1003", "1002", false)).unwrap();
        let never = |_: &LineId| None;
        assert_eq!(all.due(0, at(2), |_, _| true, never).len(), 1);
        assert!(all.due(0, at(31), |_, _| true, never).is_empty());
        assert_eq!(all.due(0, at(32), |_, _| true, never), [(line("1003"), "1002".to_owned())]);
    }

    #[test]
    fn where_nobody_answered_somebody_must_have_been_first() {
        let all = CallBacks::default();
        all.add(wish("1001", "1002", true)).unwrap();
        assert!(all.due(0, at(2), |_, _| true, |_| Some(Timestamp(0))).is_empty());
        assert_eq!(all.due(0, at(9), |_, _| true, |_| Some(at(8))).len(), 1);
    }
}
