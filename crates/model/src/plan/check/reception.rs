//! Attendants and queues: what they name must be there, and nobody goes round in them for ever.

use std::collections::BTreeSet;

use super::super::{Attendant, Choice, Hours, Plan, Queue};
use super::lookup::Lookup;
use super::loops::space;
use super::{Findings, Kind, named, unique};

/// How often a menu may be tried at most.
const TRIES_MAX: u8 = 10;
/// How long a key may be awaited at most, in seconds.
const KEY_SECONDS_MAX: u8 = 60;
/// How long an agent may be rung, left alone or passed over at most, in seconds.
const AGENT_SECONDS_MAX: u16 = 3_600;
/// How often callers may be spoken to at most: every so many seconds.
const EVERY_SECONDS_MIN: u16 = 10;

/// Looks at attendants and queues.
pub(super) fn check(plan: &Plan, lookup: &Lookup<'_>, found: &mut Findings) {
    let reception = &plan.reception;
    let menus = reception.attendants.iter().map(|attendant| attendant.name.as_str());
    let menus = unique("reception.attendant", menus, found);
    unique("reception.queue", reception.queues.iter().map(|queue| queue.name.as_str()), found);
    let spaces: BTreeSet<&str> = plan.search_spaces.iter().map(|space| space.name.as_str()).collect();
    for attendant in &reception.attendants {
        let at = format!("reception.attendant {}", attendant.name);
        named(&at, "search space", attendant.search_space.as_deref(), &spaces, found);
        for choice in attendant.choices() {
            if let Choice::Menu(menu) = choice {
                named(&at, "attendant", Some(menu), &menus, found);
            }
        }
        times(plan, attendant, &at, found);
        by_itself(plan, attendant, &at, found);
        if attendant.number.is_none() && !is_led_to(plan, &attendant.name) {
            let message = "it has no number, and no other menu leads to it";
            found.warning(&at, message, "give it a number, or name it in a menu");
        }
    }
    for (index, queue) in reception.queues.iter().enumerate() {
        let at = format!("reception.queue {}", queue.name);
        for to in [&queue.overflow, &queue.no_agent].into_iter().flatten() {
            named(&at, "search space", to.search_space.as_deref(), &spaces, found);
            let leads = lookup.closest(&to.to, &space(plan, to.search_space.as_deref()));
            if leads == Some((Kind::Queue, index)) {
                found.error(&at, "its callers go from it to itself", "name another destination");
            }
        }
        numbers(queue, &at, found);
    }
}

fn times(plan: &Plan, attendant: &Attendant, at: &str, found: &mut Findings) {
    for hours in &attendant.hours {
        if let Err(error) = Hours::of(plan, &hours.schedule) {
            found.error(at, error.to_string(), "add the schedule under [[time.schedule]], or name another");
        }
    }
    if !(1..=TRIES_MAX).contains(&attendant.tries) {
        found.error(at, format!("tries is not between 1 and {TRIES_MAX}"), "3 is usual");
    }
    for (name, seconds) in
        [("first_key_seconds", attendant.first_key_seconds), ("next_key_seconds", attendant.next_key_seconds)]
    {
        if !(1..=KEY_SECONDS_MAX).contains(&seconds) {
            found.error(at, format!("{name} is not between 1 and {KEY_SECONDS_MAX}"), "3 to 5 are usual");
        }
    }
}

/// What a menu does when nobody touches a key must come to an end.
fn by_itself(plan: &Plan, attendant: &Attendant, at: &str, found: &mut Findings) {
    if attendant.last == Choice::Repeat {
        found.error(at, "last is \"repeat\", so it never ends", "name a number, a menu, or \"hang-up\"");
    }
    if attendant.hours.iter().any(|hours| hours.then == Some(Choice::Repeat)) {
        found.error(at, "then is \"repeat\", so it never ends", "leave it out to wait for a key");
    }
    let mut seen = BTreeSet::from([attendant.name.as_str()]);
    let mut next = &attendant.last;
    while let Choice::Menu(name) = next {
        if !seen.insert(name) {
            let message = "without a key it goes round in a circle of menus for ever";
            return found.error(at, message, "let one of them end: last = \"hang-up\", or a number");
        }
        let Some(menu) = plan.reception.attendants.iter().find(|menu| menu.name == *name) else { return };
        next = &menu.last;
    }
}

fn is_led_to(plan: &Plan, name: &str) -> bool {
    let leads = |choice: &Choice| matches!(choice, Choice::Menu(menu) if menu == name);
    let others = plan.reception.attendants.iter().filter(|menu| menu.name != name);
    others.flat_map(Attendant::choices).any(leads)
}

fn numbers(queue: &Queue, at: &str, found: &mut Findings) {
    if queue.agents.is_empty() {
        found.error(at, "it has no agents", "name lines in agents");
    }
    if queue.max_waiting == 0 {
        found.error(at, "max_waiting is 0, so nobody can wait", "50 is usual");
    }
    if !(1..=AGENT_SECONDS_MAX).contains(&queue.ring_seconds) {
        found.error(at, format!("ring_seconds is not between 1 and {AGENT_SECONDS_MAX}"), "20 is usual");
    }
    for (name, seconds) in
        [("wrap_up_seconds", queue.wrap_up_seconds), ("retry_seconds", queue.retry_seconds)]
    {
        if seconds > AGENT_SECONDS_MAX {
            found.error(at, format!("{name} is more than {AGENT_SECONDS_MAX}"), "10 is usual");
        }
    }
    if queue.sounds.every_seconds.is_some_and(|seconds| seconds < EVERY_SECONDS_MIN) {
        let message = format!("every_seconds is less than {EVERY_SECONDS_MIN}");
        found.error(at, message, "60 is usual");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    fn menu(name: &str, more: &str) -> String {
        format!("[[reception.attendant]]\nname = \"{name}\"\n{more}\n")
    }

    fn queue(more: &str) -> String {
        let numbers = "name = \"q\"\nnumber = \"5100\"\ndistribution = \"top-down\"";
        format!("[[reception.queue]]\n{numbers}\n{more}\n")
    }

    #[test]
    fn what_a_menu_names_must_be_there() {
        let hours = "hours = [{ schedule = \"office\" }]";
        let more =
            format!("number = \"1000\"\nsearch_space = \"s\"\nkeys = {{ 1 = {{ menu = \"b\" }} }}\n{hours}");
        check(
            &menu("a", &more),
            &[
                "there is no attendant \"b\"",
                "there is no schedule \"office\"",
                "there is no search space \"s\"",
            ],
        );
        check(&menu("a", "tries = 0"), &["tries is not between", "no number, and no other menu"]);
        check(&menu("a", "number = \"1000\"\nfirst_key_seconds = 0"), &["first_key_seconds is not between"]);
    }

    #[test]
    fn menus_that_never_end_are_refused() {
        check(&menu("a", "number = \"1000\"\nlast = \"repeat\""), &["last is \"repeat\""]);
        let both =
            menu("a", "number = \"1000\"\nlast = { menu = \"b\" }") + &menu("b", "last = { menu = \"a\" }");
        check(&both, &["reception.attendant a: without a key", "reception.attendant b: without a key"]);
        let one = menu("a", "number = \"1000\"\nlast = { menu = \"b\" }") + &menu("b", "");
        check(&one, &[]);
    }

    #[test]
    fn a_queue_has_agents_and_does_not_overflow_into_itself() {
        check(&queue("agents = []"), &["it has no agents"]);
        check(&queue("agents = [\"1001\"]\noverflow = { to = \"5100\" }"), &["from it to itself"]);
        check(
            &queue("agents = [\"1001\"]\nmax_waiting = 0\nring_seconds = 0"),
            &["max_waiting", "ring_seconds"],
        );
        check(&queue("agents = [\"1001\"]\nsounds = { every_seconds = 1 }"), &["every_seconds is less"]);
        check(&queue("agents = [\"1001\"]\nno_agent = { to = \"1002\" }"), &[]);
    }

    #[test]
    fn two_of_one_number_are_refused() {
        let both = menu("a", "number = \"5100\"") + &queue("agents = [\"1001\"]");
        check(&both, &["it matches the same numbers as"]);
    }
}
