//! CTI route points: somebody may register for each, in good time, and a failure leads elsewhere (`CC-19`).

use super::super::{Plan, ROUTE_SECONDS_MAX};
use super::lookup::Lookup;
use super::{Findings, Kind, path};

/// Looks at the route points of a plan by themselves.
pub(super) fn check(plan: &Plan, lookup: &Lookup<'_>, found: &mut Findings) {
    for (index, point) in plan.outside.route_points.iter().enumerate() {
        let at = path("outside.route_point", point.pattern.as_str(), &point.partition);
        if point.users.is_empty() {
            found.error(&at, "no application may register for it", "name users in users");
        }
        if point.patience() == 0 || point.patience() > ROUTE_SECONDS_MAX {
            let message = format!("an application cannot have {} seconds to answer", point.patience());
            found.error(&at, message, format!("set answer_seconds to 1 to {ROUTE_SECONDS_MAX}"));
        }
        match &point.on_failure {
            None => {
                let message = "while no application routes its calls, they are refused";
                found.warning(&at, message, "name a destination in on_failure");
            }
            Some(to) => {
                let space = super::loops::space(plan, to.search_space.as_deref());
                if lookup.closest(&to.to, &space) == Some((Kind::RoutePoint, index)) {
                    found.error(&at, "on a failure it leads to itself", "name another destination");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    fn point(pattern: &str, rest: &str) -> String {
        format!("[[outside.route_point]]\nname = \"{pattern}\"\npattern = \"{pattern}\"\n{rest}\n")
    }

    const SOUND: &str = "users = [\"ann\"]\non_failure = { to = \"1001\" }\n";

    #[test]
    fn a_route_point_has_users_and_a_way_on() {
        check(&point("40XX", SOUND), &[]);
        check(
            &point("40XX", "users = []"),
            &["no application may register", "while no application routes its calls"],
        );
        check(&point("40XX", "users = [\"ann\"]\non_failure = { to = \"4017\" }"), &["it leads to itself"]);
        for seconds in [0, 61] {
            check(&point("4000", &format!("{SOUND}answer_seconds = {seconds}")), &["seconds to answer"]);
        }
    }

    #[test]
    fn what_it_names_must_be_there_and_its_numbers_be_its_own() {
        check(
            &point(
                "4000",
                "users = [\"ann\"]\nsearch_space = \"s\"\non_failure = { to = \"1\", search_space = \"t\" }",
            ),
            &["there is no search space \"s\"", "on_failure: there is no search space \"t\""],
        );
        let twice = point("4000", SOUND)
            + "[[hunt_pilot]]\nnumber = \"4000\"\nalgorithm = \"top-down\"\nmembers = [\"1001\"]";
        check(
            &twice,
            &["outside.route_point 4000 in internal: it matches the same numbers as hunt_pilot 4000"],
        );
        let named =
            point("4000", SOUND) + &point("4001", SOUND).replace("name = \"4001\"", "name = \"4000\"");
        check(&named, &["outside.route_point 4000: the name is there twice"]);
        let near = point("4X01", SOUND) + &point("40X1", SOUND);
        check(&near, &["equally well"]);
        let space = "settings.search_space = \"s\"\nsettings.subscribe_search_space = \"s\"\n[[search_space]]\nname = \"s\"\npartitions = [\"internal\"]\n";
        let hidden = point("4000", &format!("{SOUND}partition = \"hidden\""));
        check(&(space.to_owned() + &hidden), &["outside.route_point 4000 in hidden: nobody can dial it"]);
    }
}
