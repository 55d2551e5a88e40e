//! Routing agrees with its explanation, and the trie with a matcher written from the definition.

use model::plan::{Digits, Pattern, Plan, PlanPartition, RoutePattern, RouteTo, SearchSpace, Translation};
use model::{Partition, Timestamp};
use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_795_166_999_000_000);
const PARTITIONS: usize = 4;

fn partition(number: usize) -> Partition {
    ["internal", "a", "b", "night"][number].parse().unwrap()
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    ("[+]?", "([0-3X]|\\[1-3\\]|\\[\\^2\\]|\\[0*#\\]){0,4}", "!?", "[0-2X#]{0,2}")
        .prop_filter_map("empty", |(plus, front, many, tail)| {
            format!("{plus}{front}{many}{tail}").parse().ok()
        })
}

/// Routes named by their place in the document, so that it can be told which one was taken.
fn any_plan() -> impl Strategy<Value = Plan> {
    let route = (any_pattern(), 0..PARTITIONS, any::<bool>());
    let translation = (any_pattern(), 0..PARTITIONS, "[0-3]{0,2}", 0_u8..3);
    let space = proptest::sample::subsequence(vec![0, 1, 2, 3], 0..=PARTITIONS).prop_shuffle();
    (
        proptest::collection::vec(route, 0..40),
        proptest::collection::vec(translation, 0..4),
        space,
        any::<bool>(),
    )
        .prop_map(|(routes, translations, space, is_night_open)| {
            let routes = routes.into_iter().enumerate().map(|(index, (pattern, at, urgent))| RoutePattern {
                pattern,
                partition: partition(at),
                to: RouteTo::Trunk(index.to_string()),
                urgent,
                called: model::plan::Transformation::default(),
                external_calling: false,
                calling: model::plan::Transformation::default(),
                authorization_level: None,
                client_matter: false,
                note: String::new(),
            });
            let translations =
                translations.into_iter().map(|(pattern, at, prefix, strip_leading)| Translation {
                    pattern,
                    partition: partition(at),
                    search_space: None,
                    called: model::plan::Transformation {
                        strip_leading,
                        prefix: Digits::parse(&prefix).ok(),
                        ..Default::default()
                    },
                    calling: model::plan::Transformation::default(),
                    urgent: false,
                    note: String::new(),
                });
            let partitions = space.into_iter().map(partition).collect();
            let mut plan = Plan {
                routes: routes.collect(),
                translations: translations.collect(),
                search_spaces: vec![SearchSpace { name: "all".into(), partitions, note: String::new() }],
                ..Plan::read("[time]\nschedule = [{ name = \"never\" }]").unwrap()
            };
            plan.settings.search_space = Some("all".into());
            let while_closed = is_night_open;
            let schedule = Some("never".to_owned());
            plan.partitions =
                vec![PlanPartition { name: partition(3), schedule, while_closed, note: String::new() }];
            plan.emergency.numbers.clear();
            plan
        })
}

/// The route that the definition takes, without translations; and whether a longer number could match.
fn by_definition(plan: &Plan, number: &Digits) -> (Option<usize>, bool) {
    let space = &plan.search_spaces[0].partitions;
    let is_there = |p: &Partition| *p != partition(3) || plan.partitions[0].while_closed;
    let reached = |route: &RoutePattern| {
        space.iter().position(|p| *p == route.partition).filter(|_| is_there(&route.partition))
    };
    let matching = plan.routes.iter().enumerate().filter(|(_, route)| route.pattern.matches(number));
    let closest = matching
        .filter_map(|(index, route)| {
            let rank = reached(route)?;
            Some((route.pattern.breadth(number.len()), rank, route.pattern.as_str(), index))
        })
        .min();
    let longer = plan.routes.iter().any(|r| reached(r).is_some() && r.pattern.could_become(number));
    (closest.map(|(.., index)| index), longer)
}

/// The trunk's name says which route was taken.
fn taken(route: &Route<'_>) -> Option<usize> {
    match &route.outcome {
        Outcome::Outside(way) => match way.to {
            RouteTo::Trunk(name) => name.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_trie_agrees_with_the_definition(mut plan in any_plan(), dialled in "[+]?[0-3#*]{0,6}") {
        plan.translations.clear();
        plan.feature_codes.clear();
        let number = Digits::dialled(&dialled);
        prop_assume!(number.is_some() && !dialled.ends_with('#'));
        let number = number.unwrap();
        let compiled = compile(&plan, Accounts::default(), None);
        let (closest, longer) = by_definition(&plan, &number);
        let ask = Ask::new(&dialled, Who::Nobody, NOW);
        let whole = compiled.resolve(&ask);
        prop_assert_eq!(taken(&whole), closest);
        let is_begun = closest.is_none() && longer;
        prop_assert_eq!(whole.outcome == Outcome::Incomplete, is_begun);
        let by_digit = compiled.resolve(&Ask { manner: Manner::DigitByDigit, ..ask });
        let waits = longer && closest.is_none_or(|index| !plan.routes[index].urgent);
        prop_assert_eq!(matches!(by_digit.outcome, Outcome::More(_)), waits);
    }

    #[test]
    fn the_explanation_agrees_with_the_route(plan in any_plan(), dialled in "[+]?[0-3#*]{0,6}", by_digit: bool) {
        let compiled = compile(&plan, Accounts::default(), None);
        let manner = if by_digit { Manner::DigitByDigit } else { Manner::Complete };
        let ask = Ask { manner, ..Ask::new(&dialled, Who::Nobody, NOW) };
        let (explanation, explained) = compiled.explain(&ask);
        let resolved = compiled.resolve(&ask);
        prop_assert_eq!(&explained, &resolved);
        let last = explanation.steps.iter().rev().find(|step| step.candidates.iter().any(|c| c.taken));
        let pattern = last.and_then(|step| step.candidates.iter().find(|c| c.taken)).map(|c| c.pattern.clone());
        if let Some(index) = taken(&resolved) {
            prop_assert_eq!(pattern.as_deref(), Some(plan.routes[index].pattern.as_str()));
        }
    }

    #[test]
    fn nothing_that_is_dialled_breaks_a_plan(plan in any_plan(), dialled in ".{0,60}") {
        let compiled = compile(&plan, Accounts::default(), Some("600"));
        let ask = Ask::new(&dialled, Who::Nobody, NOW);
        prop_assert_eq!(compiled.explain(&ask).1, compiled.resolve(&ask));
        plan.check();
    }
}
