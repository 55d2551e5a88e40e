//! Loops: translations that come back to themselves, forwards that lead in a circle.

use std::collections::BTreeSet;

use super::super::{Digits, ForwardTo, Forwards, Plan};
use super::lookup::Lookup;
use super::{Findings, Kind, line_path, path, spaces};
use crate::Partition;

/// Translations one behind the other after which a call is given up.
const CHAIN_MAX: usize = 16;
/// How many digits an open pattern is tried with.
const SAMPLE_DIGITS: usize = 12;
/// Search spaces of callers in which a translation without one of its own is tried.
const SPACES_MAX: usize = 32;

/// Looks for loops, by trying numbers.
pub(super) fn check(plan: &Plan, lookup: &Lookup<'_>, found: &mut Findings) {
    translations(plan, lookup, found);
    forwards(plan, lookup, found);
    hunts(plan, lookup, found);
}

/// The partitions of a search space by name; of the settings' when none is named.
pub(super) fn space<'a>(plan: &'a Plan, name: Option<&str>) -> Vec<&'a Partition> {
    let name = name.or(plan.settings.search_space.as_deref());
    match name.and_then(|name| plan.search_space(name)) {
        Some(space) => space.partitions.iter().collect(),
        None => super::partitions(plan)
            .into_iter()
            .filter(|p| !plan.has_classes() || **p == Partition::default())
            .collect(),
    }
}

fn translations(plan: &Plan, lookup: &Lookup<'_>, found: &mut Findings) {
    let all = spaces(plan);
    for (index, translation) in plan.translations.iter().enumerate() {
        let callers = all.values().filter(|space| space.contains(&&translation.partition)).take(SPACES_MAX);
        for caller in callers {
            let tried = (0..10).map(|wish| translation.pattern.sample(wish, SAMPLE_DIGITS));
            let looping = tried
                .filter(|number| lookup.closest(number, caller) == Some((Kind::Translation, index)))
                .find_map(|number| chain(plan, lookup, number, caller));
            if let Some(way) = looping {
                let at = path("translation", translation.pattern.as_str(), &translation.partition);
                let message = format!("it leads in a circle: {way}");
                found.error(at, message, "look the new number up in a search space without this pattern");
                break;
            }
        }
    }
}

/// Follows a number through translations; gives the way when it does not end.
fn chain(plan: &Plan, lookup: &Lookup<'_>, mut number: Digits, caller: &[&Partition]) -> Option<String> {
    let mut way = vec![number.to_string()];
    let mut searched: Vec<&Partition> = caller.to_vec();
    for _ in 0..CHAIN_MAX {
        let Some((Kind::Translation, index)) = lookup.closest(&number, &searched) else { return None };
        let translation = &plan.translations[index];
        number = translation.called.apply(&number, translation.pattern.pre_dot())?;
        if let Some(name) = &translation.search_space {
            searched = space(plan, Some(name));
        }
        way.push(number.to_string());
    }
    way.truncate(5);
    Some(way.join(" -> ") + " …")
}

fn forwards(plan: &Plan, lookup: &Lookup<'_>, found: &mut Findings) {
    type Select = fn(&Forwards) -> Option<&ForwardTo>;
    let kinds: [(&str, Select); 7] = [
        ("forward.all", |f| f.all.as_ref()),
        ("forward.busy.internal", |f| f.busy.internal.as_ref()),
        ("forward.busy.external", |f| f.busy.external.as_ref()),
        ("forward.no_answer.internal", |f| f.no_answer.internal.as_ref()),
        ("forward.no_answer.external", |f| f.no_answer.external.as_ref()),
        ("forward.unregistered.internal", |f| f.unregistered.internal.as_ref()),
        ("forward.unregistered.external", |f| f.unregistered.external.as_ref()),
    ];
    for line in &plan.lines {
        for (field, select) in &kinds {
            let Some(mut to) = select(&line.forward) else { continue };
            let mut seen = BTreeSet::from([line.number.first().number.to_string()]);
            loop {
                let next = lookup.closest(&to.to, &space(plan, to.search_space.as_deref()));
                let Some((Kind::Line, index)) = next else { break };
                if !seen.insert(to.to.to_string()) {
                    let at = format!("{} {field}", line_path(&line.number));
                    let message = format!("it leads in a circle over {}", to.to);
                    let advice = "forward one of them to somebody who does not forward";
                    // Only what is always forwarded never rings anywhere.
                    if *field == "forward.all" {
                        found.error(at, message, advice);
                    } else {
                        found.warning(at, message, advice);
                    }
                    break;
                }
                let Some(further) = select(&plan.lines[index].forward) else { break };
                to = further;
            }
        }
    }
}

fn hunts(plan: &Plan, lookup: &Lookup<'_>, found: &mut Findings) {
    for (index, pilot) in plan.hunt_pilots.iter().enumerate() {
        let Some(last) = &pilot.last else { continue };
        let leads = lookup.closest(&last.to, &space(plan, last.search_space.as_deref()));
        if leads == Some((Kind::HuntPilot, index)) {
            let at = path("hunt_pilot", pilot.number.as_str(), &pilot.partition);
            found.error(at, "its last destination is itself", "name another");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn translations_that_come_back_are_refused() {
        check(
            "[[translation]]\npattern = \"1XXX\"\ncalled = { strip_leading = 1, prefix = \"2\" }\n[[translation]]\npattern = \"2XXX\"\ncalled = { strip_leading = 1, prefix = \"1\" }",
            &[
                "translation 1XXX in internal: it leads in a circle",
                "translation 2XXX in internal: it leads in a circle",
            ],
        );
        check(
            "[[translation]]\npattern = \"0!\"\ncalled = { prefix = \"0\" }",
            &["in a circle: 000000000000 -> 0000000000000"],
        );
    }

    #[test]
    fn a_translation_that_ends_is_no_loop() {
        check("[[translation]]\npattern = \"0.!\"\ncalled = { strip_pre_dot = true }", &[]);
        check(
            "[[translation]]\npattern = \"1XXX\"\ncalled = { prefix = \"2\" }\n[[line]]\nnumber = \"21002\"",
            &[],
        );
    }

    #[test]
    fn forwards_in_a_circle_are_told() {
        let line = |number: &str, forward: &str| {
            format!("[[line]]\nnumber = \"{number}\"\n[line.forward]\n{forward}\n")
        };
        let both = line("1001", "all = { to = \"1002\" }") + &line("1002", "all = { to = \"1001\" }");
        check(&both, &["error: line 1001 forward.all: it leads in a circle", "error: line 1002 forward.all"]);
        let own = line("1001", "busy.internal = { to = \"1001\" }");
        check(&own, &["warning: line 1001 forward.busy.internal"]);
        let chain = line("1001", "all = { to = \"1002\" }") + &line("1002", "all = { to = \"1003\" }");
        check(&chain, &[]);
    }

    #[test]
    fn a_hunt_pilot_does_not_end_in_itself() {
        check(
            "[[hunt_pilot]]\nnumber = \"5000\"\nalgorithm = \"top-down\"\nmembers = [\"1001\"]\nlast = { to = \"5000\" }",
            &["hunt_pilot 5000 in internal: its last destination is itself"],
        );
    }
}
