//! What is said of media resources: that groups and lists are there, have something in them, and are used.

use std::collections::BTreeSet;

use super::super::{Place, Plan};
use super::phones::unused;
use super::{Findings, named, unique};

/// Looks at groups and lists of media resources, and at who names them.
pub(super) fn check(plan: &Plan, found: &mut Findings) {
    let resources = &plan.resources;
    let groups = unique("resources.group", resources.groups.iter().map(|one| one.name.as_str()), found);
    let lists = unique("resources.list", resources.lists.iter().map(|one| one.name.as_str()), found);
    let mut listed = BTreeSet::new();
    for list in &resources.lists {
        let at = format!("resources.list {}", list.name);
        if list.groups.is_empty() {
            found.warning(
                &at,
                "it has no groups: no music, conferences or transcoding",
                "name some in groups",
            );
        }
        for group in &list.groups {
            named(&at, "media resource group", Some(group), &groups, found);
            if !listed.insert((list.name.as_str(), group.as_str())) {
                found.warning(
                    &at,
                    format!("it names {group} twice"),
                    "the first place counts; remove the other",
                );
            }
        }
    }
    let used = places(plan, &lists, found);
    for list in &resources.lists {
        unused(&format!("resources.list {}", list.name), "no place names it", &used, &list.name, found);
    }
    let listed = listed.into_iter().map(|(_, group)| group).collect();
    for group in &resources.groups {
        let at = format!("resources.group {}", group.name);
        if group.music.is_none() && !group.conferences && !group.transcoding {
            found.warning(&at, "nothing is in it", "set music, conferences or transcoding");
        }
        unused(&at, "no list names it", &listed, &group.name, found);
    }
}

/// The lists that places name.
fn places<'a>(plan: &'a Plan, lists: &BTreeSet<&str>, found: &mut Findings) -> BTreeSet<&'a str> {
    let devices = plan.devices.iter().map(|one| ("device", &one.name, &one.place));
    let pools = plan.device_pools.iter().map(|one| ("device_pool", &one.name, &one.place));
    let trunks = plan.outside.trunks.iter().map(|one| ("outside.trunk", &one.name, &one.place));
    let mut used = BTreeSet::new();
    for (kind, name, place) in devices.chain(pools).chain(trunks) {
        let place: &Place = place;
        let list = place.media_resources.as_deref();
        named(&format!("{kind} {name}"), "media resource list", list, lists, found);
        used.extend(list);
    }
    used
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn lists_and_groups_are_there_have_something_and_are_used() {
        check(
            r#"
            [[resources.group]]
            name = "bare"
            [[resources.group]]
            name = "full"
            music = "waltz"
            [[resources.list]]
            name = "l"
            groups = ["full", "missing", "full"]
            [[resources.list]]
            name = "m"
            [[device_pool]]
            name = "p"
            place.media_resources = "l"
            [[device]]
            name = "d"
            lines = ["1001"]
            place.media_resources = "n"
            [emergency]
            to = { group = "local" }
        "#,
            &[
                "device d: there is no media resource list \"n\"",
                "resources.list l: there is no media resource group \"missing\"",
                "resources.group bare: no list names it",
                "resources.group bare: nothing is in it",
                "resources.list l: it names full twice",
                "resources.list m: it has no groups",
                "resources.list m: no place names it",
            ],
        );
    }
}
