//! Looks at a whole plan before it takes effect: every finding names its place and says what to do (`PH-13`).

mod conflicts;
mod lookup;
mod loops;
mod phones;
mod places;
mod reach;
mod reception;
mod references;
mod resources;
mod route_points;
mod security;
mod trunks;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{LineSpan, Pattern, Plan};
use crate::{Number, Partition};
use lookup::Lookup;
use references::{named, unique};

/// Findings that are told; of what comes behind them only that there is more.
const FINDINGS_MAX: usize = 500;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The plan does not take effect with it.
    Error,
    /// It works, but hardly as it is meant.
    Warning,
}

/// Something in a plan that is not right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where: `route 9.011! in pstn`, `search_space staff`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = if self.severity == Severity::Error { "error" } else { "warning" };
        write!(f, "{severity}: {}: {}; {}", self.path, self.message, self.advice)
    }
}

impl Plan {
    /// All that is not right, worst first. Empty for a plan without faults; the empty plan has only the warning that
    /// emergency calls have no way out.
    pub fn check(&self) -> Vec<Finding> {
        let mut found = Findings::default();
        references::check(self, &mut found);
        trunks::check(self, &mut found);
        security::check(self, &mut found);
        places::check(self, &mut found);
        phones::check(self, &mut found);
        resources::check(self, &mut found);
        conflicts::check(self, &mut found);
        reach::check(self, &mut found);
        let lookup = Lookup::new(self);
        loops::check(self, &lookup, &mut found);
        route_points::check(self, &lookup, &mut found);
        reception::check(self, &lookup, &mut found);
        let mut all = found.all;
        all.sort();
        all.dedup();
        if all.len() > FINDINGS_MAX {
            let more = all.len() - FINDINGS_MAX;
            all.truncate(FINDINGS_MAX);
            all.push(Finding {
                severity: all[FINDINGS_MAX - 1].severity,
                path: "the plan".to_owned(),
                message: format!("{more} findings more"),
                advice: "mend these and check again".to_owned(),
            });
        }
        all
    }
}

impl Plan {
    /// What of [`Plan::check`] concerns emergency calls alone: for whoever starts a server.
    pub fn check_emergency(&self) -> Vec<Finding> {
        let mut found = Findings::default();
        reach::emergency(self, &mut found);
        found.all
    }
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    all: Vec<Finding>,
}

impl Findings {
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>, advice: impl Into<String>) {
        self.add(Severity::Error, path.into(), message.into(), advice.into());
    }

    fn warning(&mut self, path: impl Into<String>, message: impl Into<String>, advice: impl Into<String>) {
        self.add(Severity::Warning, path.into(), message.into(), advice.into());
    }

    fn add(&mut self, severity: Severity, path: String, message: String, advice: String) {
        self.all.push(Finding { severity, path, message, advice });
    }
}

/// One thing that is dialled by a pattern, wherever it stands in the plan.
struct Item<'a> {
    kind: Kind,
    /// Its place in its own table.
    index: usize,
    pattern: std::borrow::Cow<'a, Pattern>,
    partition: &'a Partition,
    urgent: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Line,
    HuntPilot,
    Attendant,
    Queue,
    Translation,
    Route,
    RoutePoint,
    FeatureCode,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::HuntPilot => "hunt_pilot",
            Self::Attendant => "reception.attendant",
            Self::Queue => "reception.queue",
            Self::Translation => "translation",
            Self::Route => "route",
            Self::RoutePoint => "outside.route_point",
            Self::FeatureCode => "feature_code",
        }
    }
}

impl Item<'_> {
    fn path(&self) -> String {
        path(self.kind.word(), self.pattern.as_str(), self.partition)
    }
}

fn path(kind: &str, pattern: &str, partition: &Partition) -> String {
    format!("{kind} {pattern} in {partition}")
}

fn line_path(span: &LineSpan) -> String {
    format!("line {span}")
}

/// Everything with a pattern that is no single number: translations, routes, route points and feature codes.
fn wild(plan: &Plan) -> Vec<Item<'_>> {
    let translations = plan.translations.iter().enumerate().map(|(index, t)| Item {
        kind: Kind::Translation,
        index,
        pattern: std::borrow::Cow::Borrowed(&t.pattern),
        partition: &t.partition,
        urgent: t.urgent,
    });
    let routes = plan.routes.iter().enumerate().map(|(index, r)| Item {
        kind: Kind::Route,
        index,
        pattern: std::borrow::Cow::Borrowed(&r.pattern),
        partition: &r.partition,
        urgent: r.urgent,
    });
    let points = plan.outside.route_points.iter().enumerate().map(|(index, point)| Item {
        kind: Kind::RoutePoint,
        index,
        pattern: std::borrow::Cow::Borrowed(&point.pattern),
        partition: &point.partition,
        urgent: false,
    });
    // Whoever wrote no codes wants to hear nothing of the usual ones.
    let codes = if plan.has_usual_feature_codes() { &[] } else { plan.feature_codes.as_slice() };
    let codes = codes.iter().enumerate().map(|(index, code)| Item {
        kind: Kind::FeatureCode,
        index,
        pattern: std::borrow::Cow::Borrowed(&code.pattern),
        partition: &code.partition,
        urgent: false,
    });
    translations.chain(routes).chain(points).chain(codes).collect()
}

/// Numbers that stand for something of their own: hunt pilots, attendants, queues.
fn pilots(plan: &Plan) -> impl Iterator<Item = (Kind, usize, &Number, &Partition)> {
    let hunts = plan.hunt_pilots.iter().enumerate();
    let hunts = hunts.map(|(index, one)| (Kind::HuntPilot, index, &one.number, &one.partition));
    let attendants = plan.reception.attendants.iter().enumerate();
    let attendants = attendants
        .filter_map(|(index, one)| Some((Kind::Attendant, index, one.number.as_ref()?, &one.partition)));
    let queues = plan.reception.queues.iter().enumerate();
    let queues = queues.map(|(index, one)| (Kind::Queue, index, &one.number, &one.partition));
    hunts.chain(attendants).chain(queues)
}

/// The partitions of each search space; before there is one, a space of all partitions.
fn spaces(plan: &Plan) -> BTreeMap<&str, Vec<&Partition>> {
    if plan.has_classes() {
        return plan.search_spaces.iter().map(|s| (s.name.as_str(), s.partitions.iter().collect())).collect();
    }
    BTreeMap::from([("", partitions(plan))])
}

/// All partitions in which something of the plan lives, the default one first.
fn partitions(plan: &Plan) -> Vec<&Partition> {
    let mut all: Vec<&Partition> = plan.partitions.iter().map(|partition| &partition.name).collect();
    all.extend(plan.lines.iter().map(|line| line.number.partition()));
    all.extend(pilots(plan).map(|(.., partition)| partition));
    all.extend(plan.outside.route_points.iter().map(|point| &point.partition));
    all.extend(plan.translations.iter().map(|translation| &translation.partition));
    all.extend(plan.routes.iter().map(|route| &route.partition));
    all.extend(plan.outside.sip_routes.iter().map(|route| &route.partition));
    all.sort_by_key(|partition| (**partition != Partition::default(), *partition));
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings of a plan, by severity and path.
    pub(super) fn findings(document: &str) -> Vec<String> {
        let plan = Plan::read(document).unwrap_or_else(|error| panic!("{error}"));
        // Every plan of these tests is too small to have a way out for emergency calls.
        plan.check().iter().filter(|f| f.path != "emergency").map(ToString::to_string).collect()
    }

    #[test]
    fn codes_are_looked_at_when_somebody_wrote_them() {
        let space = "[[search_space]]\nname = \"a\"\npartitions = [\"staff\"]\n";
        let of_codes = |document: &str| -> Vec<String> {
            findings(document).into_iter().filter(|found| found.contains("feature_code")).collect()
        };
        let code = |pattern: &str, partition: &str| {
            let place = format!("pattern = \"{pattern}\"\npartition = \"{partition}\"");
            of_codes(&format!("{space}[[feature_code]]\n{place}\ndoes = \"forward-all\""))
        };
        assert!(of_codes(space).is_empty());
        assert!(code("*72.!", "staff").is_empty());
        assert!(code("*72", "staff")[0].starts_with("error: feature_code *72 in staff: the feature wants"));
        assert!(code("*72.!", "codes")[0].contains("nobody can dial it"));
    }

    pub(super) fn check(document: &str, expected: &[&str]) {
        let found = findings(document);
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found}\nwithout {expected}");
        }
    }

    #[test]
    fn the_empty_plan_warns_only_of_emergency_calls() {
        let all = Plan::default().check();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].severity, all[0].path.as_str()), (Severity::Warning, "emergency"));
        assert_eq!(Plan::default().check_emergency(), all);
    }
}
