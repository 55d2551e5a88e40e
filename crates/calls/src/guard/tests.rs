//! Limits and alerts with a clock that is moved by hand.

use std::sync::atomic::{AtomicI64, Ordering};

use model::plan::{CostClass, Costs, Plan};

use super::*;

const MINUTE: i64 = 60;
/// Noon of a day in 2026.
const NOON: i64 = 1_790_000_000 / 86_400 * 86_400 + 12 * 3600;

struct House {
    guard: Arc<Guard>,
    clock: Arc<AtomicI64>,
    costs: Costs,
}

fn house(document: &str) -> House {
    let clock = Arc::new(AtomicI64::new(NOON));
    let reads = Arc::clone(&clock);
    let guard = Guard::new(Arc::new(move || Timestamp(reads.load(Ordering::Relaxed) * 1_000_000)));
    House { guard: Arc::new(guard), clock, costs: Plan::read(document).unwrap().outside.costs }
}

fn line(number: &str) -> LineId {
    LineId::from(number.parse::<model::Number>().unwrap())
}

impl House {
    fn call(&self, number: &str, class: CostClass) -> Result<Arc<Charge>, Limit> {
        self.guard.admit(&line(number), class, (&self.costs, "UTC")).map_err(|barred| barred.limit)
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    fn odd(&self) -> Vec<&'static str> {
        self.guard.alerts().latest().iter().map(|alert| alert.what.word()).collect()
    }
}

#[test]
fn a_stolen_password_makes_few_calls_abroad_and_its_neighbours_go_on() {
    let house = house("");
    let mut made = 0;
    let limit = loop {
        match house.call("1001", CostClass::International) {
            Ok(_) => made += 1,
            Err(limit) => break limit,
        }
        house.pass(10);
    };
    assert_eq!((made, limit), (30, Limit::CallsPerHour));
    assert!(house.call("1001", CostClass::National).is_ok(), "a class of its own");
    assert!(house.call("1002", CostClass::International).is_ok());
    house.pass(65 * MINUTE);
    assert!(house.call("1001", CostClass::International).is_ok(), "an hour later");
    assert_eq!(house.odd(), ["limit"]);
}

#[test]
fn calls_at_once_are_counted_as_long_as_they_last() {
    let house = house("");
    let calls = [house.call("1001", CostClass::International), house.call("1001", CostClass::International)];
    assert!(calls.iter().all(Result::is_ok));
    assert_eq!(house.call("1001", CostClass::International).unwrap_err(), Limit::CallsAtOnce);
    drop(calls);
    assert!(house.call("1001", CostClass::International).is_ok());
}

#[test]
fn minutes_are_counted_from_the_answer_and_while_the_call_lasts() {
    let house = house("[outside.costs.limits.premium]\ncalls_max = 5");
    let call = house.call("1001", CostClass::Premium).unwrap();
    house.pass(10 * MINUTE);
    call.hears(180);
    assert_eq!(house.guard.used(&line("1001"), &house.costs)[2].minutes_this_day, 0, "it rings");
    call.hears(200);
    house.pass(30 * MINUTE);
    assert_eq!(house.call("1001", CostClass::Premium).unwrap_err(), Limit::MinutesPerDay);
    drop(call);
    let used = house.guard.used(&line("1001"), &house.costs);
    assert_eq!((used[2].calls, used[2].minutes_this_day), (0, 30));
    assert_eq!(used[2].barred, Some(Limit::MinutesPerDay));
    house.pass(25 * 60 * MINUTE);
    assert!(house.call("1001", CostClass::Premium).is_ok(), "a day later");
}

#[test]
fn an_administrator_forgives_a_line() {
    let house = house("[outside.costs.limits.national]\ncalls_per_day = 1");
    assert!(house.call("1001", CostClass::National).is_ok());
    assert_eq!(house.call("1001", CostClass::National).unwrap_err(), Limit::CallsPerDay);
    assert_eq!(house.odd(), ["limit"]);
    assert!(house.guard.release(&line("1001")) && !house.guard.release(&line("1002")));
    assert!(house.call("1001", CostClass::National).is_ok());
    assert!(house.odd().is_empty());
}

#[test]
fn what_is_forgiven_during_a_call_is_not_counted_at_its_end_and_the_call_is_over_then() {
    let house = house("");
    let call = house.call("1001", CostClass::Premium).unwrap();
    call.hears(200);
    house.pass(20 * MINUTE);
    house.guard.release(&line("1001"));
    house.pass(5 * MINUTE);
    let minutes = || house.guard.used(&line("1001"), &house.costs)[2].minutes_this_day;
    assert_eq!(minutes(), 5);
    drop(call);
    house.pass(10 * MINUTE);
    assert_eq!(minutes(), 5);
}

#[test]
fn a_call_may_last_as_long_as_the_line_has_minutes() {
    let house = house("[outside.costs.limits.premium]\ncalls_max = 5");
    let first = house.call("1001", CostClass::Premium).unwrap();
    first.hears(200);
    assert_eq!(first.time_left(), Duration::from_secs(30 * 60));
    house.pass(10 * MINUTE);
    assert_eq!(first.time_left(), Duration::from_secs(20 * 60));
    let second = house.call("1001", CostClass::Premium).unwrap();
    second.hears(200);
    assert_eq!(second.time_left(), Duration::from_secs(10 * 60), "two share what is left");
    house.pass(45 * MINUTE);
    assert_eq!(second.time_left(), Duration::ZERO);
}

#[test]
fn odd_calls_are_told_once() {
    let house = house("[outside.costs.limits.international]\ncalls_per_hour = 500");
    for _ in 0..12 {
        house.call("1001", CostClass::International).unwrap().hears(200);
        house.pass(5);
    }
    assert_eq!(house.odd(), ["short-calls"]);
    for _ in 0..25 {
        house.call("1002", CostClass::National).unwrap().hears(404);
    }
    assert_eq!(house.odd(), ["short-calls", "refused-numbers"]);
    house.pass(12 * 60 * MINUTE);
    for _ in 0..5 {
        house.call("1003", CostClass::National).unwrap().hears(486);
        house.call("1003", CostClass::International).unwrap().hears(486);
    }
    assert_eq!(house.odd(), ["short-calls", "refused-numbers", "night-calls"]);
}

#[test]
fn a_clock_that_goes_back_forgives_nothing() {
    let house = house("[outside.costs.limits.national]\ncalls_per_hour = 1");
    assert!(house.call("1001", CostClass::National).is_ok());
    house.pass(-3 * 3600);
    assert!(house.call("1001", CostClass::National).is_err());
}
