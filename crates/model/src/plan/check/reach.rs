//! What nobody reaches, and who reaches nothing: empty search spaces, partitions in none, emergency without a way.

use std::collections::BTreeSet;

use super::super::outside::LOCAL_ROUTE_GROUP;
use super::super::{Device, Plan, RouteTo};
use super::{Findings, partitions, path, wild};
use crate::Partition;

/// Looks for what nobody reaches.
pub(super) fn check(plan: &Plan, found: &mut Findings) {
    if plan.has_classes() {
        spaces(plan, found);
        unreachable(plan, found);
        without_class(plan, found);
    }
    local_groups(plan, found);
    emergency(plan, found);
}

fn spaces(plan: &Plan, found: &mut Findings) {
    let lived_in: BTreeSet<&Partition> = partitions(plan).into_iter().collect();
    let internal = Partition::default();
    for space in &plan.search_spaces {
        let at = format!("search_space {}", space.name);
        if space.partitions.is_empty() {
            found.warning(
                &at,
                "it is empty, so its holders can call nobody",
                "list partitions, or remove it",
            );
        }
        let mut seen = BTreeSet::new();
        for partition in &space.partitions {
            if !seen.insert(partition) {
                found.warning(
                    &at,
                    format!("it lists {partition} twice"),
                    "the first place counts; remove the other",
                );
            }
            if *partition != internal && !lived_in.contains(partition) {
                let message = format!("nothing of the plan lives in its partition {partition}");
                found.warning(&at, message, "remove it; if lines live there, name it under [[partition]]");
            }
        }
    }
}

/// Partitions that no search space lists: what lives there can be dialled by nobody.
fn unreachable(plan: &Plan, found: &mut Findings) {
    let listed: BTreeSet<&Partition> =
        plan.search_spaces.iter().flat_map(|space| &space.partitions).collect();
    let advice = |partition: &Partition| format!("list the partition {partition} in a search space");
    for item in wild(plan).iter().filter(|item| !listed.contains(item.partition)) {
        found.warning(
            item.path(),
            "nobody can dial it: no search space lists its partition",
            advice(item.partition),
        );
    }
    for line in plan.lines.iter().filter(|line| !listed.contains(line.number.partition())) {
        let message = "nobody can dial it: no search space lists its partition";
        found.warning(super::line_path(&line.number), message, advice(line.number.partition()));
    }
    for (kind, _, number, partition) in
        super::pilots(plan).filter(|(.., partition)| !listed.contains(partition))
    {
        let at = path(kind.word(), number.as_str(), partition);
        found.warning(at, "nobody can dial it: no search space lists its partition", advice(partition));
    }
}

/// With search spaces in use, whoever has none can dial only the default partition, and watch nobody.
fn without_class(plan: &Plan, found: &mut Findings) {
    let settings = &plan.settings;
    if settings.search_space.is_none() {
        let message =
            "lines without a search space of their own or of their device reach only the partition internal";
        found.warning("settings.search_space", message, "name the search space that such lines shall have");
    }
    let any_watches = plan.devices.iter().any(|device| device.subscribe_search_space.is_some());
    if settings.subscribe_search_space.is_none() && !any_watches {
        let message = "no device has a SUBSCRIBE search space, so busy lamps and call lists show nothing";
        found.warning(
            "settings.subscribe_search_space",
            message,
            "name the search space that may be watched",
        );
    }
    let silent = |device: &&Device| {
        settings.subscribe_search_space.is_none() && device.subscribe_search_space.is_none()
    };
    for device in plan.devices.iter().filter(silent).filter(|_| any_watches) {
        let message = "it has no SUBSCRIBE search space, so its busy lamps and call lists show nothing";
        found.warning(format!("device {}", device.name), message, "name one, or one for all in settings");
    }
}

/// Who calls through `local` needs a route group of their own.
fn local_groups(plan: &Plan, found: &mut Findings) {
    let list_uses = |list: &String| {
        let list = plan.outside.route_lists.iter().find(|found| found.name == *list);
        list.is_some_and(|list| list.members.iter().all(|member| member.group == LOCAL_ROUTE_GROUP))
    };
    let only_local = |to: &RouteTo| match to {
        RouteTo::Group(group) => group == LOCAL_ROUTE_GROUP,
        RouteTo::List(list) => list_uses(list),
        RouteTo::Block | RouteTo::Trunk(_) => false,
    };
    if !plan.routes.iter().any(|route| only_local(&route.to)) {
        return;
    }
    for pool in plan.device_pools.iter().filter(|pool| pool.place.local_route_group.is_none()) {
        let message = "it has no local route group, but routes lead to it alone";
        found.warning(format!("device_pool {}", pool.name), message, "name one in place.local_route_group");
    }
    for device in
        plan.devices.iter().filter(|device| device.pool.is_none() && device.place.local_route_group.is_none())
    {
        let message = "it has neither a device pool nor a local route group, but routes lead to it alone";
        found.warning(format!("device {}", device.name), message, "name its pool");
    }
}

pub(super) fn emergency(plan: &Plan, found: &mut Findings) {
    let emergency = &plan.emergency;
    if emergency.numbers.is_empty() {
        found.warning(
            "emergency",
            "there are no emergency numbers",
            "leave emergency.numbers out for 911, 112 and 999",
        );
        return;
    }
    let numbers: Vec<&str> = emergency.numbers.iter().map(|number| number.as_str()).collect();
    let advice = "name a trunk, route group or route list in emergency.to, or in the locations";
    let local = plan.device_pools.iter().any(|pool| pool.place.local_route_group.is_some());
    if emergency.to.is_none() && !local && !emergency.locations.iter().any(|location| location.to.is_some()) {
        let message = format!("calls to {} have no way out and are refused", numbers.join(", "));
        found.warning("emergency", message, advice);
    }
    for pool in &plan.device_pools {
        let location = pool.place.emergency_location.as_ref();
        let way = location.and_then(|name| emergency.locations.iter().find(|l| l.name == *name)?.to.as_ref());
        if emergency.to.is_none() && way.is_none() && pool.place.local_route_group.is_none() {
            found.warning(
                format!("device_pool {}", pool.name),
                "its emergency calls have no way out",
                advice,
            );
        }
    }
    for line in &plan.lines {
        let taken = line.number.lines().find(|line| {
            let digits = super::lookup::digits(&line.number);
            digits.is_some_and(|digits| emergency.numbers.iter().any(|number| number.matches(&digits)))
        });
        if let Some(taken) = taken {
            let message =
                format!("{} is an emergency number, so this line is never reached by it", taken.number);
            found.warning(
                super::line_path(&line.number),
                message,
                "give it another number, or change emergency.numbers",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use crate::plan::Plan;

    const SETTINGS: &str = "settings.search_space = \"s\"\nsettings.subscribe_search_space = \"s\"\n";

    #[test]
    fn empty_and_forgotten_search_spaces_are_told() {
        let document = "[[search_space]]\nname = \"s\"\npartitions = []\n[[search_space]]\nname = \"t\"\npartitions = [\"internal\", \"lobby\", \"internal\"]";
        check(
            &format!("{SETTINGS}{document}"),
            &[
                "search_space s: it is empty",
                "search_space t: it lists internal twice",
                "search_space t: nothing of the plan lives in its partition lobby",
            ],
        );
    }

    #[test]
    fn what_no_search_space_lists_is_unreachable() {
        let document = "[[search_space]]\nname = \"s\"\npartitions = [\"internal\"]\n[[route]]\npattern = \"0!\"\npartition = \"pstn\"\nto = \"block\"\n[[line]]\nnumber = \"7000@lab\"\n";
        check(
            &format!("{SETTINGS}{document}"),
            &["line 7000@lab: nobody can dial it", "route 0! in pstn: nobody can dial it"],
        );
    }

    #[test]
    fn lines_without_a_class_of_service_are_told() {
        let document = "[[search_space]]\nname = \"s\"\npartitions = [\"internal\"]\n";
        check(
            document,
            &["settings.search_space: lines without", "settings.subscribe_search_space: no device"],
        );
    }

    #[test]
    fn a_device_that_may_watch_nobody_among_others_that_may_is_told() {
        let device =
            |name: &str, more: &str| format!("[[device]]\nname = \"{name}\"\nlines = [\"1002\"]\n{more}\n");
        let space =
            "settings.search_space = \"s\"\n[[search_space]]\nname = \"s\"\npartitions = [\"internal\"]\n";
        let document = format!("{space}{}{}", device("a", "subscribe_search_space = \"s\""), device("b", ""));
        check(&document, &["device b: it has no SUBSCRIBE search space"]);
    }

    #[test]
    fn emergency_calls_need_a_way_out() {
        let emergency = |document: &str| {
            let findings = Plan::read(document).unwrap().check();
            findings.iter().filter(|f| f.path == "emergency" || f.path.starts_with("line")).count()
        };
        assert_eq!(emergency(""), 1);
        assert_eq!(emergency("[emergency]\nto = { group = \"local\" }"), 0);
        assert_eq!(emergency("[emergency]\nnumbers = []"), 1);
        assert_eq!(emergency("[emergency]\nto = { group = \"local\" }\n[[line]]\nnumber = \"900-920\""), 1);
    }

    #[test]
    fn pools_without_a_local_route_group_are_told() {
        let document = "[[route]]\npattern = \"0!\"\nto = { group = \"local\" }\n[[device_pool]]\nname = \"p\"\n[emergency]\nto = { group = \"local\" }";
        check(document, &["device_pool p: it has no local route group"]);
    }
}
