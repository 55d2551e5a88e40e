//! Patterns that stand in each other's way: twice the same, ambiguous, shadowed, or cut off by an urgent one.

use std::collections::BTreeMap;

use super::super::{Pattern, Plan};
use super::{Findings, Item, spaces, wild};
use crate::Partition;

/// Pairs of patterns of one partition that are compared.
const PAIRS_MAX: usize = 5_000_000;

/// A pattern by what it matches, however it is written.
type Language = (Vec<u16>, Option<usize>);

/// Looks for patterns in each other's way.
pub(super) fn check(plan: &Plan, found: &mut Findings) {
    let items = wild(plan);
    let placed = twice(plan, &items, found);
    ambiguous(&items, found);
    shadowed(plan, &placed, found);
    cut_off(plan, &items, found);
}

fn language(pattern: &Pattern) -> Language {
    (pattern.elements().iter().map(|set| set.bits()).collect(), pattern.many())
}

/// The same numbers twice in one partition: nobody could say which is meant. Gives where each pattern stands.
fn twice<'a>(
    plan: &'a Plan,
    items: &[Item<'a>],
    found: &mut Findings,
) -> BTreeMap<Language, BTreeMap<&'a Partition, String>> {
    let mut placed: BTreeMap<Language, BTreeMap<&'a Partition, String>> = BTreeMap::new();
    let mut add = |pattern: &Pattern, partition: &'a Partition, at: String, found: &mut Findings| {
        let places = placed.entry(language(pattern)).or_default();
        if let Some(other) = places.get(partition) {
            let message = format!("it matches the same numbers as {other}");
            found.error(at, message, "remove one, or move it into another partition");
        } else {
            places.insert(partition, at);
        }
    };
    for line in &plan.lines {
        for one in line.number.lines() {
            let Some(number) = super::lookup::digits(&one.number) else { continue };
            let at = super::path("line", one.number.as_str(), line.number.partition());
            add(&Pattern::from(number), line.number.partition(), at, found);
        }
    }
    for (kind, _, number, partition) in super::pilots(plan) {
        let Some(digits) = super::lookup::digits(number) else { continue };
        let at = super::path(kind.word(), number.as_str(), partition);
        add(&Pattern::from(digits), partition, at, found);
    }
    for item in items {
        add(&item.pattern, item.partition, item.path(), found);
    }
    placed
}

/// Two patterns of one partition that are equally close for some number: which one wins is decided by their text.
fn ambiguous(items: &[Item<'_>], found: &mut Findings) {
    let mut by_partition: BTreeMap<&Partition, Vec<&Item<'_>>> = BTreeMap::new();
    for item in items {
        by_partition.entry(item.partition).or_default().push(item);
    }
    for (partition, all) in by_partition {
        if all.len() * all.len() / 2 > PAIRS_MAX {
            let message = format!("its {} patterns are too many to look for ambiguous ones", all.len());
            found.warning(format!("partition {partition}"), message, "split it where that is natural");
            continue;
        }
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                let (a, b) = (&one.pattern, &other.pattern);
                let length = a.elements().len().max(b.elements().len());
                let equal =
                    a.breadth(length) == b.breadth(length) && a.many().is_some() == b.many().is_some();
                if equal && a.overlaps(b) && !a.is_same_as(b) {
                    let message = format!("some numbers match it and {} equally well", other.path());
                    found.warning(
                        one.path(),
                        message,
                        "make one of them narrower, or the first by its text wins",
                    );
                }
            }
        }
    }
}

/// A pattern that stands also in an earlier partition of every search space it is in never wins.
fn shadowed(plan: &Plan, placed: &BTreeMap<Language, BTreeMap<&Partition, String>>, found: &mut Findings) {
    let spaces = spaces(plan);
    // A partition that comes and goes leaves its numbers to the others while it is away.
    let comes_and_goes =
        |partition: &Partition| plan.partitions.iter().any(|p| p.name == *partition && p.schedule.is_some());
    for places in placed.values().filter(|places| places.len() > 1) {
        for (partition, at) in places {
            let mut winner = None;
            let mut is_seen = false;
            for space in spaces.values().filter(|space| space.contains(partition)) {
                let wins =
                    |p: &&&Partition| *p == partition || (places.contains_key(**p) && !comes_and_goes(p));
                let first = space.iter().find(wins);
                is_seen |= first.is_none_or(|first| first == partition);
                winner = winner.or(first);
            }
            if let (false, Some(winner)) = (is_seen, winner) {
                let message =
                    format!("it never wins: {} comes first wherever both are reached", places[*winner]);
                found.warning(at, message, "remove it, or change the order of the partitions");
            }
        }
    }
}

/// An urgent pattern that is the beginning of a longer one: digit by digit the longer one cannot be dialled.
fn cut_off(plan: &Plan, items: &[Item<'_>], found: &mut Findings) {
    let spaces = spaces(plan);
    for urgent in items.iter().filter(|item| item.urgent && item.pattern.many().is_none()) {
        let length = urgent.pattern.elements().len();
        for other in items.iter().filter(|other| other.pattern.elements().len() > length) {
            let begins_alike = urgent.pattern.elements().iter().zip(other.pattern.elements());
            let together =
                spaces.values().any(|s| s.contains(&urgent.partition) && s.contains(&other.partition));
            let covered = other.pattern.many().is_none_or(|many| many >= length);
            if together && covered && begins_alike.clone().all(|(a, b)| b.bits() & !a.bits() == 0) {
                let message = format!("the urgent {} routes before its digits are complete", urgent.path());
                found.warning(other.path(), message, "make the urgent pattern narrower, or this one shorter");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    fn routes(patterns: &[(&str, &str)]) -> String {
        let route = |(pattern, rest): &(&str, &str)| {
            format!("[[route]]\npattern = \"{pattern}\"\nto = \"block\"\n{rest}\n")
        };
        patterns.iter().map(route).collect()
    }

    #[test]
    fn the_same_numbers_twice_in_a_partition_are_refused() {
        check(
            &routes(&[("0X", ""), ("0[0-9]", "")]),
            &["error: route 0[0-9] in internal: it matches the same numbers as route 0X"],
        );
        check(&routes(&[("0X", ""), ("0[0-9]", "partition = \"other\"")]), &["it never wins"]);
    }

    #[test]
    fn a_line_twice_is_refused_also_within_spans() {
        check(
            "[[line]]\nnumber = \"1000-1999\"\n[[line]]\nnumber = \"1002\"",
            &["line 1002 in internal: it matches the same"],
        );
    }

    #[test]
    fn equally_close_patterns_are_told() {
        check(&routes(&[("1X2", ""), ("12X", "")]), &["equally well"]);
        check(&routes(&[("1X2", ""), ("1XX", "")]), &[]);
    }

    #[test]
    fn a_later_partition_that_never_wins_is_told() {
        let both = routes(&[("0!", "partition = \"a\""), ("0!", "partition = \"b\"")]);
        let space = |name: &str, partitions: &str| {
            format!("[[search_space]]\nname = \"{name}\"\npartitions = [{partitions}]\n")
        };
        let settings = "settings.search_space = \"x\"\nsettings.subscribe_search_space = \"x\"\n";
        let shadowed = format!("{settings}{}{both}", space("x", "\"a\", \"b\""));
        check(&shadowed, &["route 0! in b: it never wins: route 0! in a"]);
        let seen = format!("{shadowed}{}", space("y", "\"b\""));
        check(&seen, &[]);
        let hours = "[[time.period]]\nname = \"p\"\n[[time.schedule]]\nname = \"s\"\nopen = [\"p\"]\n";
        for comes_and_goes in ["a", "b"] {
            let partition = format!("[[partition]]\nname = \"{comes_and_goes}\"\nschedule = \"s\"\n");
            let expected: &[&str] = if comes_and_goes == "a" { &[] } else { &["it never wins"] };
            check(&format!("{shadowed}{hours}{partition}"), expected);
        }
    }

    #[test]
    fn an_urgent_pattern_cuts_longer_ones_off() {
        check(
            &routes(&[("11X", "urgent = true"), ("1122", "")]),
            &["route 1122 in internal: the urgent route 11X"],
        );
        check(&routes(&[("112", "urgent = true"), ("11XX", "")]), &[]);
    }
}
