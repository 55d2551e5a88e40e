//! What is named must be there, once, and make sense by itself.

use std::collections::BTreeSet;

use super::super::outside::LOCAL_ROUTE_GROUP;
use super::super::{
    DIAL_RULES_MAX, Device, Hours, LAMPS_MAX, LINE_CALLS_MAX, LineCalls, PRESENCE_GROUP_DEFAULT, Pattern,
    Place, Plan, PlanLine, RouteTo, Transformation,
};
use super::{Findings, line_path, path};
use crate::SPEED_DIAL_PLACES;

/// Looks at all references of a plan.
pub(super) fn check(plan: &Plan, found: &mut Findings) {
    let known = Known::of(plan, found);
    settings(plan, &known, found);
    patterns(plan, &known, found);
    people(plan, &known, found);
    for point in &plan.outside.route_points {
        let at = path("outside.route_point", point.pattern.as_str(), &point.partition);
        known.space(&at, point.search_space.as_deref(), found);
        let on_failure = point.on_failure.as_ref().and_then(|to| to.search_space.as_deref());
        known.space(&format!("{at} on_failure"), on_failure, found);
    }
    outside(plan, &known, found);
    times(plan, found);
    emergency(plan, &known, found);
    presence(plan, &known, found);
}

/// The names there are.
struct Known<'a> {
    spaces: BTreeSet<&'a str>,
    pools: BTreeSet<&'a str>,
    trunks: BTreeSet<&'a str>,
    groups: BTreeSet<&'a str>,
    lists: BTreeSet<&'a str>,
    alternates: BTreeSet<&'a str>,
    /// Emergency locations.
    locations: BTreeSet<&'a str>,
    regions: BTreeSet<&'a str>,
    /// Locations of bandwidth.
    links: BTreeSet<&'a str>,
    presence: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(plan: &'a Plan, found: &mut Findings) -> Self {
        let (out, time) = (&plan.outside, &plan.time);
        unique("partition", plan.partitions.iter().map(|p| p.name.as_str()), found);
        unique("outside.route_point", plan.outside.route_points.iter().map(|p| p.name.as_str()), found);
        unique("device", plan.devices.iter().map(|d| d.name.as_str()), found);
        unique("time.period", time.periods.iter().map(|p| p.name.as_str()), found);
        unique("time.schedule", time.schedules.iter().map(|s| s.name.as_str()), found);
        unique("codes.authorization", plan.codes.authorization.iter().map(|c| c.name.as_str()), found);
        Self {
            spaces: unique("search_space", plan.search_spaces.iter().map(|s| s.name.as_str()), found),
            pools: unique("device_pool", plan.device_pools.iter().map(|p| p.name.as_str()), found),
            trunks: unique("outside.trunk", out.trunks.iter().map(|t| t.name.as_str()), found),
            groups: unique("outside.route_group", out.route_groups.iter().map(|g| g.name.as_str()), found),
            lists: unique("outside.route_list", out.route_lists.iter().map(|l| l.name.as_str()), found),
            alternates: unique(
                "outside.alternate_group",
                out.alternate_groups.iter().map(|g| g.name.as_str()),
                found,
            ),
            locations: unique(
                "emergency.location",
                plan.emergency.locations.iter().map(|l| l.name.as_str()),
                found,
            ),
            regions: unique("outside.region", out.regions.iter().map(|r| r.name.as_str()), found),
            links: unique("outside.location", out.locations.iter().map(|l| l.name.as_str()), found),
            presence: unique("presence.groups", plan.presence.groups.iter().map(String::as_str), found),
        }
    }

    fn space(&self, at: &str, name: Option<&str>, found: &mut Findings) {
        named(at, "search space", name, &self.spaces, found);
    }

    fn way(&self, at: &str, to: &RouteTo, found: &mut Findings) {
        match to {
            RouteTo::Block => {}
            RouteTo::List(list) => named(at, "route list", Some(list), &self.lists, found),
            RouteTo::Group(group) if group == LOCAL_ROUTE_GROUP => {}
            RouteTo::Group(group) => named(at, "route group", Some(group), &self.groups, found),
            RouteTo::Trunk(trunk) => named(at, "trunk", Some(trunk), &self.trunks, found),
        }
    }

    fn place(&self, at: &str, place: &Place, found: &mut Findings) {
        named(at, "region", place.region.as_deref(), &self.regions, found);
        named(at, "location", place.location.as_deref(), &self.links, found);
        named(at, "route group", place.local_route_group.as_deref(), &self.groups, found);
        named(at, "emergency location", place.emergency_location.as_deref(), &self.locations, found);
        named(at, "search space", place.alternate_search_space.as_deref(), &self.spaces, found);
        named(at, "alternate group", place.alternate_group.as_deref(), &self.alternates, found);
    }

    fn presence_group(&self, at: &str, group: Option<&str>, found: &mut Findings) {
        named(
            at,
            "presence group",
            group.filter(|group| *group != PRESENCE_GROUP_DEFAULT),
            &self.presence,
            found,
        );
    }
}

pub(super) fn unique<'a>(
    kind: &str,
    names: impl Iterator<Item = &'a str>,
    found: &mut Findings,
) -> BTreeSet<&'a str> {
    let mut known = BTreeSet::new();
    for name in names {
        if name.trim().is_empty() {
            found.error(kind, "a name is missing", "give it one");
        } else if !known.insert(name) {
            found.error(format!("{kind} {name}"), "the name is there twice", "rename or remove one of them");
        }
    }
    known
}

pub(super) fn named(at: &str, kind: &str, name: Option<&str>, known: &BTreeSet<&str>, found: &mut Findings) {
    if let Some(name) = name.filter(|name| !known.contains(name)) {
        found.error(at, format!("there is no {kind} {name:?}"), "add it, or name another");
    }
}

fn settings(plan: &Plan, known: &Known<'_>, found: &mut Findings) {
    known.space("settings.search_space", plan.settings.search_space.as_deref(), found);
    known.space("settings.subscribe_search_space", plan.settings.subscribe_search_space.as_deref(), found);
    if !(1..=60).contains(&plan.settings.inter_digit_seconds) {
        let at = "settings.inter_digit_seconds";
        found.error(at, "it is not between 1 and 60", "15 is usual");
    }
    let rules = &plan.settings.dial_rules;
    for (kind, rules) in [("application", &rules.application), ("directory", &rules.directory)] {
        if rules.len() > DIAL_RULES_MAX {
            let at = format!("settings.dial_rules.{kind}");
            found.error(
                at,
                format!("it has more than {DIAL_RULES_MAX} rules"),
                "clients read them all: merge some",
            );
        }
    }
    let mut places = BTreeSet::new();
    for dial in &plan.settings.speed_dials {
        let at = format!("settings.speed_dial {}", dial.place);
        if !(SPEED_DIAL_PLACES..1_000).contains(&dial.place) {
            found.error(&at, "its place is not between 100 and 999", "places below 100 are the lines' own");
        }
        if dial.number.is_empty() {
            found.error(&at, "it has no number", "give it one");
        }
        if !places.insert(dial.place) {
            found.error(&at, "the place is there twice", "move or remove one of them");
        }
    }
}

fn patterns(plan: &Plan, known: &Known<'_>, found: &mut Findings) {
    for translation in &plan.translations {
        let at = path("translation", translation.pattern.as_str(), &translation.partition);
        known.space(&at, translation.search_space.as_deref(), found);
        transformation(&at, Some(&translation.pattern), &translation.called, found);
        transformation(&at, None, &translation.calling, found);
    }
    for route in &plan.routes {
        let at = path("route", route.pattern.as_str(), &route.partition);
        known.way(&at, &route.to, found);
        transformation(&at, Some(&route.pattern), &route.called, found);
        transformation(&at, None, &route.calling, found);
        let best = plan.codes.authorization.iter().map(|code| code.level).max();
        if let Some(level) = route.authorization_level.filter(|level| best.is_none_or(|best| best < *level)) {
            let message =
                format!("no authorisation code has level {level} or more, so nobody can call there");
            found.warning(&at, message, "add one under [[codes.authorization]]");
        }
        if route.client_matter && plan.codes.matter.is_empty() {
            found.warning(
                &at,
                "there is no client matter code, so nobody can call there",
                "add one under [[codes.matter]]",
            );
        }
    }
    for code in plan.feature_codes.iter().filter(|code| code.does.wants_number() && !code.pattern.has_dot()) {
        let at = path("feature_code", code.pattern.as_str(), &code.partition);
        found.error(at, "the feature wants a number, and no dot says where it begins", "such as *72.!");
    }
    for route in &plan.outside.sip_routes {
        known.way(&format!("outside.sip_route {}", route.domain), &route.to, found);
    }
}

fn transformation(at: &str, pattern: Option<&Pattern>, change: &Transformation, found: &mut Findings) {
    match pattern {
        None if change.strip_pre_dot => {
            found.error(at, "a calling number has no dot to strip to", "use strip_leading");
        }
        Some(pattern) if change.strip_pre_dot && !pattern.has_dot() => {
            found.error(
                at,
                "strip_pre_dot, but the pattern has no dot",
                "write the dot behind the access code",
            );
        }
        Some(pattern) if pattern.many().is_none() => {
            let dot = if change.strip_pre_dot { pattern.pre_dot() } else { 0 };
            let gone = dot + usize::from(change.strip_leading) + usize::from(change.strip_trailing);
            let nothing_left = gone >= pattern.elements().len();
            if nothing_left && change.prefix.is_none_or(|prefix| prefix.is_empty()) && change.mask.is_none() {
                found.error(at, "nothing is left of the called number", "strip less, or add a prefix");
            }
        }
        _ => {}
    }
    for habits in [&change.to_e164, &change.from_e164].into_iter().flatten() {
        let is_code = |code: &str| !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit());
        if !is_code(habits.country.as_str()) {
            found.error(at, "a country code is made of digits only", "write such as country = \"44\"");
        }
    }
}

fn line_calls(line: &PlanLine, at: &str, found: &mut Findings) {
    let LineCalls { max, busy_at, .. } = line.calls;
    for (field, said) in [("max", max), ("busy_at", busy_at)] {
        if said.is_some_and(|said| !(1..=LINE_CALLS_MAX).contains(&said)) {
            let message = format!("calls.{field} is not between 1 and {LINE_CALLS_MAX}");
            found.error(at, message, "4 calls, busy at 2, are usual");
        }
    }
    if max.zip(busy_at).is_some_and(|(max, busy_at)| busy_at > max) {
        found.warning(
            at,
            "calls.busy_at is above calls.max",
            "the line is busy with calls.max calls; lower it",
        );
    }
}

fn people(plan: &Plan, known: &Known<'_>, found: &mut Findings) {
    for line in &plan.lines {
        let at = line_path(&line.number);
        known.space(&at, line.search_space.as_deref(), found);
        known.presence_group(&at, line.presence_group.as_deref(), found);
        named(&at, "alternate group", line.alternate_group.as_deref(), &known.alternates, found);
        known.space(&at, line.forward.search_space.as_deref(), found);
        for (field, to) in line.forward.destinations() {
            known.space(&format!("{at} {field}"), to.search_space.as_deref(), found);
        }
        line_calls(line, &at, found);
    }
    for device in &plan.devices {
        let at = format!("device {}", device.name);
        named(&at, "device pool", device.pool.as_deref(), &known.pools, found);
        known.space(&at, device.search_space.as_deref(), found);
        known.space(&at, device.subscribe_search_space.as_deref(), found);
        known.presence_group(&at, device.presence_group.as_deref(), found);
        known.place(&at, &device.place, found);
        if device.lines.is_empty() {
            found.warning(&at, "it shows no line", "name one in lines");
        }
        if device.calls_max == Some(0) {
            found.warning(&at, "calls_max is 0: it has no calls", "leave it out, or raise it");
        }
        lamps(device, &at, found);
    }
    for pool in &plan.device_pools {
        known.place(&format!("device_pool {}", pool.name), &pool.place, found);
    }
    for pilot in &plan.hunt_pilots {
        let at = path("hunt_pilot", pilot.number.as_str(), &pilot.partition);
        if pilot.members.is_empty() {
            found.error(&at, "it has no members", "name lines in members");
        }
        if let Some(last) = &pilot.last {
            known.space(&at, last.search_space.as_deref(), found);
        }
    }
}

fn lamps(device: &Device, at: &str, found: &mut Findings) {
    if device.lamps.len() > LAMPS_MAX {
        let message = format!("it has more than {LAMPS_MAX} lamps, so the last ones stay dark");
        found.error(at, message, "spread them over several devices");
    }
    let mut watched = BTreeSet::new();
    for lamp in &device.lamps {
        let name = lamp.watches.as_str();
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            found.error(
                at,
                format!("a lamp watches {name:?}, which nobody is called"),
                "name a number or address",
            );
        } else if !watched.insert(name) {
            found.warning(at, format!("two lamps watch {name}"), "remove one of them");
        }
    }
}

fn outside(plan: &Plan, known: &Known<'_>, found: &mut Findings) {
    for trunk in &plan.outside.trunks {
        let at = format!("outside.trunk {}", trunk.name);
        known.space(&at, trunk.search_space.as_deref(), found);
        known.space(&at, trunk.subscribe_search_space.as_deref(), found);
        known.presence_group(&at, trunk.presence_group.as_deref(), found);
        named(&at, "device pool", trunk.pool.as_deref(), &known.pools, found);
        known.place(&at, &trunk.place, found);
        if trunk.search_space.is_none() {
            found.warning(
                &at,
                "it has no search space, so calls that come in over it reach nobody",
                "name one",
            );
        }
        for change in [&trunk.called, &trunk.calling, &trunk.called_in, &trunk.calling_in] {
            transformation(&at, None, change, found);
        }
    }
    for group in &plan.outside.route_groups {
        let at = format!("outside.route_group {}", group.name);
        if group.name == LOCAL_ROUTE_GROUP {
            found.error(&at, "this name stands for the caller's own route group", "rename it");
        }
        if group.trunks.is_empty() {
            found.error(&at, "it has no trunks", "name them in trunks");
        }
        group.trunks.iter().for_each(|trunk| named(&at, "trunk", Some(trunk), &known.trunks, found));
    }
    for list in &plan.outside.route_lists {
        let at = format!("outside.route_list {}", list.name);
        if list.members.is_empty() {
            found.error(&at, "it has no members", "name route groups in members");
        }
        for member in &list.members {
            known.way(&at, &RouteTo::Group(member.group.clone()), found);
            transformation(&at, None, &member.called, found);
            transformation(&at, None, &member.calling, found);
        }
    }
    for group in &plan.outside.alternate_groups {
        let at = format!("outside.alternate_group {}", group.name);
        group
            .prefixes
            .iter()
            .for_each(|row| named(&at, "alternate group", Some(&row.to), &known.alternates, found));
    }
}

fn times(plan: &Plan, found: &mut Findings) {
    for period in &plan.time.periods {
        if period.from >= period.to {
            let advice = "a period that goes over midnight is two: until 24:00, and from 00:00";
            found.error(format!("time.period {}", period.name), "it ends before it begins", advice);
        }
    }
    for schedule in &plan.time.schedules {
        let at = format!("time.schedule {}", schedule.name);
        if schedule.open.is_empty() {
            found.warning(&at, "it is never open", "name periods in open");
        }
        if let Err(error) = Hours::of(plan, &schedule.name) {
            found.error(&at, error.to_string(), "add it, or name another");
        }
    }
    for partition in &plan.partitions {
        let at = format!("partition {}", partition.name);
        match &partition.schedule {
            Some(schedule) if !plan.time.schedules.iter().any(|s| s.name == *schedule) => {
                found.error(&at, format!("there is no schedule {schedule:?}"), "add it, or name another");
            }
            None if partition.while_closed => {
                found.error(&at, "while_closed says nothing without a schedule", "name a schedule");
            }
            _ => {}
        }
    }
}

fn emergency(plan: &Plan, known: &Known<'_>, found: &mut Findings) {
    let ways = plan
        .emergency
        .locations
        .iter()
        .filter_map(|l| Some((format!("emergency.location {}", l.name), l.to.as_ref()?)));
    let all = plan.emergency.to.iter().map(|to| ("emergency.to".to_owned(), to));
    for (at, to) in all.chain(ways) {
        known.way(&at, to, found);
        if *to == RouteTo::Block {
            found.error(&at, "emergency calls cannot be blocked", "name a trunk, route group or route list");
        }
    }
}

fn presence(plan: &Plan, known: &Known<'_>, found: &mut Findings) {
    for relation in &plan.presence.relations {
        let at = format!("presence.relation {} to {}", relation.watcher, relation.watched);
        for group in [&relation.watcher, &relation.watched] {
            known.presence_group(&at, Some(group), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[test]
    fn what_is_named_must_be_there() {
        check(
            r#"
            settings.search_space = "staff"
            [[search_space]]
            name = "staff"
            partitions = ["internal"]
            [[route]]
            pattern = "0!"
            to = { list = "out" }
            [[line]]
            number = "1002"
            search_space = "stuff"
            [[device]]
            name = "d"
            pool = "p"
            lines = ["1002"]
            search_space = "staff"
            subscribe_search_space = "staff"
            "#,
            &[
                "device d: there is no device pool",
                "line 1002: there is no search space",
                "route 0! in internal: there is no route list",
            ],
        );
    }

    #[test]
    fn a_lamp_watches_somebody_and_nobody_twice() {
        let device = |lamps: &str| format!("[[device]]\nname = \"d\"\nlines = [\"1002\"]\n{lamps}");
        let lamp = |watches: &str| format!("[[device.lamp]]\nwatches = \"{watches}\"\n");
        check(&device(&(lamp("1001") + &lamp("sip:bob@example.net"))), &[]);
        check(&device(&lamp("")), &["device d: a lamp watches \"\""]);
        check(&device(&(lamp("1001") + &lamp("1001"))), &["device d: two lamps watch 1001"]);
        let many: String = (0..201).map(|n| lamp(&n.to_string())).collect();
        check(&device(&many), &["device d: it has more than 200 lamps"]);
    }

    #[test]
    fn names_are_there_once() {
        let space = "[[search_space]]\nname = \"staff\"\npartitions = [\"internal\"]\n";
        let document = format!(
            "settings.search_space = \"staff\"\nsettings.subscribe_search_space = \"staff\"\n{space}{space}\n[[partition]]\nname = \"internal\"\n"
        );
        check(&document, &["search_space staff: the name is there twice"]);
    }

    #[test]
    fn what_a_transformation_cannot_do_is_refused() {
        let route = |called: &str| {
            format!(
                "[[outside.trunk]]\nname = \"t\"\nsearch_space=\"s\"\n[[search_space]]\nname=\"s\"\npartitions=[\"internal\"]\n[[route]]\npattern = \"012\"\nto = {{ trunk = \"t\" }}\ncalled = {called}\n[settings]\nsearch_space=\"s\"\nsubscribe_search_space=\"s\""
            )
        };
        check(&route("{ strip_pre_dot = true }"), &["the pattern has no dot"]);
        check(&route("{ strip_leading = 3 }"), &["nothing is left"]);
        check(&route("{ strip_leading = 2 }"), &[]);
    }

    #[test]
    fn periods_and_zones_must_be_real() {
        check(
            r#"
            [[time.period]]
            name = "night"
            from = "22:00"
            to = "06:00"
            [[time.schedule]]
            name = "s"
            open = ["night"]
            time_zone = "Mars/Base"
            "#,
            &["time.period night: it ends before it begins", "time.schedule s: there is no time zone"],
        );
    }

    #[test]
    fn codes_that_nobody_has_are_told() {
        check(
            "[[route]]\npattern = \"0!\"\nto = \"block\"\nauthorization_level = 3\nclient_matter = true\n[[codes.authorization]]\nname = \"a\"\ncode = \"1\"\nlevel = 2",
            &["no authorisation code has level 3", "no client matter code"],
        );
    }
}
