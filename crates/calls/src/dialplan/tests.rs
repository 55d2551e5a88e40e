//! How calls are routed, one behaviour a test.

use model::plan::{Digits, Plan};
use model::{LineId, Timestamp, User, UserId};
use store::Line;

use super::*;
use crate::place::Service;

const NOW: &str = "2026-11-20T09:30:00Z";

/// Three classes of service, two sites, a way out at each.
const PLAN: &str = r#"
    [settings]
    time_zone = "Europe/Berlin"
    search_space = "inside"
    subscribe_search_space = "inside"

    [[search_space]]
    name = "inside"
    partitions = ["internal"]
    [[search_space]]
    name = "national"
    partitions = ["internal", "night", "national"]
    [[search_space]]
    name = "world"
    partitions = ["internal", "national", "international"]
    [[search_space]]
    name = "berlin"
    partitions = ["berlin"]
    [[search_space]]
    name = "aar"
    partitions = ["pstn"]

    [[partition]]
    name = "night"
    schedule = "office"
    while_closed = true
    [[time.period]]
    name = "weekdays"
    days = "mon-fri"
    from = "08:00"
    to = "18:00"
    [[time.schedule]]
    name = "office"
    open = ["weekdays"]

    [[line]]
    number = "1001-1009"
    search_space = "national"
    external_mask = "+4930555XXXX"
    [[line]]
    number = "2001-2009"
    search_space = "world"
    external_mask = "+44207555XXXX"
    [line.forward]
    all = { to = "1009", search_space = "inside" }
    busy.internal = { to = "00441" }
    busy.external = { to = "00441", search_space = "world" }
    [[line]]
    number = "3001"

    [[device]]
    name = "berlin-phones"
    lines = ["1001-1009"]
    pool = "berlin"
    search_space = "berlin"
    [[device]]
    name = "london-phones"
    lines = ["2001-2009"]
    pool = "london"
    [[device_pool]]
    name = "berlin"
    [device_pool.place]
    local_route_group = "berlin"
    emergency_location = "berlin-3"
    alternate_search_space = "aar"
    alternate_group = "de"
    [[device_pool]]
    name = "london"
    [device_pool.place]
    local_route_group = "london"
    alternate_group = "uk"

    [[translation]]
    pattern = "8.XXXX"
    search_space = "inside"
    called = { strip_pre_dot = true }
    calling = { prefix = "8" }
    [[translation]]
    pattern = "77!"
    called = { prefix = "7" }
    [[translation]]
    pattern = "0.112"
    called = { strip_pre_dot = true }
    [[translation]]
    pattern = "1005"
    partition = "night"
    called = { strip_leading = 4, prefix = "1001" }

    [[route]]
    pattern = "0.[1-9]!"
    partition = "national"
    to = { list = "out" }
    called = { strip_pre_dot = true, prefix = "0" }
    calling = { mask = "+4930555XXXX" }
    [[route]]
    pattern = "00.[1-9]!"
    partition = "international"
    to = { list = "out" }
    called = { strip_pre_dot = true, prefix = "00" }
    [[route]]
    pattern = "0.900!"
    partition = "national"
    to = "block"
    [[route]]
    pattern = "0.180XX"
    partition = "national"
    to = { trunk = "berlin-1" }
    authorization_level = 3
    client_matter = true
    [[route]]
    pattern = "+!"
    partition = "pstn"
    to = { group = "local" }
    [[route]]
    pattern = "1007"
    partition = "berlin"
    to = "block"

    [[codes.authorization]]
    name = "ann"
    code = "4711"
    level = 3
    [[codes.matter]]
    name = "acme"
    code = "77"

    [[hunt_pilot]]
    number = "5000"
    algorithm = "circular"
    members = ["1001-1003"]

    [[outside.route_point]]
    name = "desk"
    pattern = "51XX"
    users = ["ann", "bob"]
    on_failure = { to = "1002" }

    [[outside.trunk]]
    name = "berlin-1"
    search_space = "inside"
    called_in = { strip_leading = 8 }
    calling = { prefix = "" }
    [[outside.trunk]]
    name = "berlin-2"
    search_space = "inside"
    called = { prefix = "99" }
    [[outside.trunk]]
    name = "london-1"
    [[outside.route_group]]
    name = "berlin"
    trunks = ["berlin-1", "berlin-2"]
    [[outside.route_group]]
    name = "london"
    trunks = ["london-1"]
    [[outside.route_group]]
    name = "turns"
    trunks = ["berlin-1", "berlin-2"]
    selection = "circular"
    [[outside.route_list]]
    name = "out"
    members = [{ group = "local" }, { group = "london" }]
    [[outside.sip_route]]
    domain = "*.example.net"
    to = { group = "turns" }
    [[outside.sip_route]]
    domain = "bad.example.net"
    to = "block"
    [[outside.sip_route]]
    domain = "secret.example.net"
    partition = "international"
    to = { trunk = "london-1" }

    [[outside.alternate_group]]
    name = "de"
    prefix = [{ to = "uk", dial = "" }]
    [[outside.alternate_group]]
    name = "uk"

    [emergency]
    numbers = ["911", "112", "999"]
    to = { trunk = "london-1" }
    [[emergency.location]]
    name = "berlin-3"
    to = { group = "berlin" }
    calling = "+493055530"
    address = "Invalidenstr. 3"
"#;

fn accounts() -> Accounts {
    let user = |name: &str, enabled| User {
        id: UserId(1),
        jid: format!("{name}@example.org").parse().unwrap(),
        name: name.to_uppercase(),
        enabled,
    };
    let owned = |text: &str, owner: Option<&str>| Line {
        line: line(text),
        owner: owner.map(|name| format!("{name}@example.org").parse().unwrap()),
    };
    Accounts::new(
        &[user("ann", true), user("bob", true), user("carol", true), user("dave", false)],
        &[
            owned("1002@lobby", None),
            owned("1002", Some("bob")),
            owned("1012", Some("bob")),
            owned("1001", Some("ann")),
            owned("1004", Some("dave")),
            owned("1099", None),
        ],
    )
}

fn line(text: &str) -> LineId {
    text.parse::<model::plan::LineSpan>().unwrap().first()
}

fn plan() -> DialPlan {
    compile(&Plan::read(PLAN).unwrap(), accounts(), Some("600"))
}

fn empty() -> DialPlan {
    compile(&Plan::default(), accounts(), Some("600"))
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// Asks and gives the summary; the explanation must agree.
fn ask(plan: &DialPlan, ask: &Ask<'_>) -> String {
    let summary = plan.summary(&plan.resolve(ask)).to_string();
    let (explanation, route) = plan.explain(ask);
    assert_eq!(plan.summary(&route).to_string(), summary, "{explanation}");
    assert_eq!(route, plan.resolve(ask), "{explanation}");
    summary
}

fn check(from: &str, dialled: &str, expected: &str) {
    let (plan, from) = (plan(), line(from));
    let found = ask(&plan, &Ask::new(dialled, Who::Line(&from, None), now()));
    let explanation = plan.explain(&Ask::new(dialled, Who::Line(&from, None), now())).0;
    assert!(found.starts_with(expected), "{dialled} from {from}: {found}, not {expected}\n{explanation}");
}

#[test]
fn before_a_plan_is_written_everybody_reaches_everybody() {
    let plan = empty();
    let from = |dialled: &str| ask(&plan, &Ask::new(dialled, Who::Nobody, now()));
    assert_eq!(from("1002"), "line 1002, called 1002");
    assert_eq!(from("10-02"), "line 1002, called 1002");
    assert_eq!(from("1099"), "line 1099, called 1099");
    assert_eq!(from("600"), "echo, called 600");
    assert_eq!(from("bob"), "user bob");
    assert_eq!(from("BOB"), "user bob");
    for dialled in ["1003", "eve", "", "a@b", "dave", "1004"] {
        assert!(from(dialled).starts_with("unallocated"), "{dialled:?}");
    }
}

#[test]
fn a_name_leads_to_all_lines_of_the_user() {
    let lines = |name: &str| match empty().address(name, now()) {
        Resolution::Lines(reached) => reached.lines.iter().map(ToString::to_string).collect(),
        other => vec![format!("{other:?}")],
    };
    assert_eq!(lines("bob"), ["1002", "1012"]);
    assert_eq!(lines("carol"), Vec::<String>::new());
    assert_eq!(lines("1002"), ["1002"], "the default partition comes first");
}

#[test]
fn the_closest_match_wins_over_the_earlier_partition() {
    check("1001", "0900123", "blocked");
    check("1001", "0301234", "trunk berlin-1, called 0301234");
}

#[test]
fn among_equally_close_matches_the_earlier_partition_wins_the_line_before_the_device() {
    check("1001", "1007", "line 1007");
    let plan = plan();
    let explanation = plan.explain(&Ask::new("1007", Who::Line(&line("1001"), None), now())).0.to_string();
    assert!(explanation.contains("equally close, but partition 4 comes later"), "{explanation}");
}

#[test]
fn what_the_search_space_does_not_list_is_not_reached() {
    check("1001", "00441", "unallocated");
    check("2001", "00441", "trunk london-1, called 00441");
    check("3001", "0301234", "unallocated");
    check("3001", "1001", "line 1001");
    let explanation = plan().explain(&Ask::new("00441", Who::Line(&line("1001"), None), now())).0.to_string();
    assert!(explanation.contains("its partition is not in the search space"), "{explanation}");
}

#[test]
fn a_translation_changes_both_numbers_and_the_search_space() {
    check("1001", "81002", "line 1002, called 1002, calling 81001");
    check("1001", "80301", "unallocated");
}

#[test]
fn translations_that_never_end_are_given_up() {
    check("1001", "771", "looping");
}

#[test]
fn a_partition_comes_and_goes_by_its_schedule() {
    let (plan, from) = (plan(), line("1001"));
    let at = |when: &str| ask(&plan, &Ask::new("1005", Who::Line(&from, None), when.parse().unwrap()));
    assert_eq!(at("2026-11-20T16:59:00Z"), "line 1005, called 1005, calling 1001");
    // Equally close in `internal`, which comes first.
    assert_eq!(at("2026-11-20T17:00:00Z"), "line 1005, called 1005, calling 1001");
    let night = PLAN.replace(r#"["internal", "night", "national"]"#, r#"["night", "internal", "national"]"#);
    let plan = compile(&Plan::read(&night).unwrap(), accounts(), None);
    let at = |when: &str| ask(&plan, &Ask::new("1005", Who::Line(&from, None), when.parse().unwrap()));
    assert_eq!(at("2026-11-20T16:59:00Z"), "line 1005, called 1005, calling 1001");
    assert_eq!(at("2026-11-20T17:00:00Z"), "line 1001, called 1001, calling 1001");
}

#[test]
fn codes_are_asked_for_and_verified() {
    let (plan, from) = (plan(), line("1001"));
    let keyed = |authorization, matter| {
        let keyed = Keyed { authorization, matter };
        ask(&plan, &Ask { keyed, ..Ask::new("018012", Who::Line(&from, None), now()) })
    };
    assert!(keyed(None, None).starts_with("code level 3 matter"));
    assert!(keyed(Some("4711"), None).starts_with("code matter"));
    assert!(keyed(Some("1"), None).starts_with("code refused"));
    assert!(keyed(Some("4711"), Some("77")).starts_with("trunk berlin-1, called 018012"));
}

#[test]
fn emergency_calls_leave_by_the_location_whatever_the_class() {
    check("1001", "112", "emergency berlin-1, called 112, calling +493055530");
    check("1001", "0112", "emergency berlin-1, called 112");
    check("3001", "911", "emergency london-1, called 911, calling 3001");
    check("2001", "999", "emergency london-1, called 999, calling +442075552001");
}

#[test]
fn an_emergency_call_without_a_way_out_is_told_from_a_wrong_number() {
    let plan = empty();
    assert_eq!(plan.resolve(&Ask::new("112", Who::Nobody, now())).outcome, Outcome::NoEmergencyRoute);
    let explanation = plan.explain(&Ask::new("112", Who::Nobody, now())).0.to_string();
    assert!(explanation.contains("THE CALL IS REFUSED"), "{explanation}");
}

#[test]
fn digit_by_digit_waits_while_a_longer_number_could_match() {
    let (plan, from) = (plan(), line("1001"));
    let dial = |dialled: &str| {
        let manner = Manner::DigitByDigit;
        ask(&plan, &Ask { manner, ..Ask::new(dialled, Who::Line(&from, None), now()) })
    };
    for dialled in ["1", "10", "100", "0", "0301234", "11", "99"] {
        assert!(dial(dialled).starts_with("more"), "{dialled}: {}", dial(dialled));
    }
    assert!(dial("1001").starts_with("line 1001"));
    assert!(dial("112").starts_with("emergency"));
    assert!(dial("0301234#").starts_with("trunk berlin-1, called 0301234"));
    assert!(dial("4").starts_with("unallocated"));
    let waits =
        plan.resolve(&Ask { manner: Manner::DigitByDigit, ..Ask::new("0", Who::Line(&from, None), now()) });
    assert_eq!(waits.outcome, Outcome::More(std::time::Duration::from_secs(15)));
}

#[test]
fn addresses_of_other_domains_follow_the_closest_sip_route() {
    let (plan, from) = (plan(), line("1001"));
    let dial = |domain: &str| {
        ask(&plan, &Ask { domain: Some(domain), ..Ask::new("eve", Who::Line(&from, None), now()) })
    };
    assert!(dial("a.example.net").starts_with("trunk berlin-1"));
    assert!(dial("bad.example.net").starts_with("blocked"));
    assert!(dial("secret.example.net").starts_with("trunk berlin-1"), "the closer one is out of reach");
    assert!(dial("example.com").starts_with("unallocated"));
}

#[test]
fn a_route_list_tries_its_groups_in_order_and_local_is_the_callers() {
    let plan = plan();
    let trunks = |from: &str, dialled: &str, turn| {
        let from = line(from);
        let route = plan.resolve(&Ask::new(dialled, Who::Line(&from, None), now()));
        let Outcome::Outside(way) = route.outcome.clone() else { panic!("{route:?}") };
        let attempts = plan.attempts(&way, &route, turn);
        let shown = attempts.iter().map(|a| format!("{} {}", a.trunk.name, a.called));
        shown.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(trunks("1001", "0301", 1), "berlin-1 0301, berlin-2 990301, london-1 0301");
    assert_eq!(trunks("2001", "0301", 0), "london-1 0301");
}

#[test]
fn a_circular_group_takes_turns() {
    let (plan, from) = (plan(), line("1001"));
    let ask = Ask { domain: Some("a.example.net"), ..Ask::new("eve", Who::Line(&from, None), now()) };
    let route = plan.resolve(&ask);
    let Outcome::Outside(way) = route.outcome.clone() else { panic!("{route:?}") };
    let first = |turn| plan.attempts(&way, &route, turn)[0].trunk.name.clone();
    assert_eq!([first(0), first(1), first(2)], ["berlin-1", "berlin-2", "berlin-1"]);
}

#[test]
fn calls_over_a_trunk_reach_what_the_trunk_may() {
    let plan = plan();
    let number = Digits::parse("+15550100").unwrap();
    let over = |trunk: &str, dialled: &str| ask(&plan, &Ask::new(dialled, Who::Trunk(trunk, number), now()));
    assert_eq!(over("berlin-1", "+49305551001"), "line 1001, called 1001, calling +15550100");
    assert!(
        over("berlin-1", "+493055500441").starts_with("unallocated"),
        "nobody calls through to another trunk"
    );
    assert!(over("london-1", "1001").starts_with("unallocated"), "without a search space");
    assert!(over("nobody-knows", "1001").starts_with("unallocated"));
}

#[test]
fn a_forward_is_looked_up_in_its_own_search_space() {
    let plan = plan();
    let goes = |reason, caller: &Who<'_>| {
        let route = plan.forward(&line("2001"), reason, caller, now());
        route.map_or_else(|| "stays".to_owned(), |route| plan.summary(&route).to_string())
    };
    let (from, outside) = (line("1001"), Who::Trunk("berlin-1", Digits::parse("+1555").unwrap()));
    let inside = Who::Line(&from, None);
    assert_eq!(goes(Reason::All, &inside), "line 1009, called 1009, calling 1001");
    assert!(goes(Reason::Busy, &inside).starts_with("unallocated"), "the settings' space is inside");
    assert!(goes(Reason::Busy, &outside).starts_with("trunk london-1, called 00441, calling 2001"));
    assert_eq!(goes(Reason::NoAnswer, &inside), "stays");
    assert_eq!(plan.forward(&line("1001"), Reason::All, &inside, now()), None);
}

#[test]
fn alternate_routing_calls_the_number_outside() {
    let plan = plan();
    let (caller, called) = (line("1001"), line("2002"));
    let route = plan.reroute(&called, &Who::Line(&caller, None), now()).unwrap();
    assert_eq!(plan.summary(&route).to_string(), "trunk berlin-1, called +442075552002, calling 1001");
    assert_eq!(plan.reroute(&line("3001"), &Who::Line(&caller, None), now()), Err(NoAlternate::NoMask));
    assert_eq!(plan.reroute(&caller, &Who::Line(&called, None), now()), Err(NoAlternate::NoSearchSpace));
    assert_eq!(plan.reroute(&called, &Who::Nobody, now()), Err(NoAlternate::NoGroup));
}

#[test]
fn without_a_subscribe_search_space_there_is_nobody_to_watch() {
    let without = PLAN.replace("subscribe_search_space = \"inside\"", "");
    let without = compile(&Plan::read(&without).unwrap(), accounts(), None);
    let from = line("1001");
    let who = Who::Line(&from, None);
    assert_eq!(without.watched("1002", &who, now()), Resolution::Nowhere);
    assert!(matches!(plan().watched("1002", &who, now()), Resolution::Lines(_)));
    assert!(matches!(without.reach("1002", &who, now()), Resolution::Lines(_)), "dialling is unchanged");
    assert!(matches!(empty().watched("1002", &who, now()), Resolution::Lines(_)));
}

#[test]
fn presence_groups_decide_over_call_lists_in_one_direction() {
    let text = "[[line]]\nnumber = \"1\"\npresence_group = \"Contractors\"\n[[line]]\nnumber = \"2\"\npresence_group = \"Executives\"\n\
        [presence]\ngroups = [\"Contractors\", \"Executives\"]\n[[presence.relation]]\nwatcher = \"Contractors\"\nwatched = \"Executives\"\nrelation = \"deny\"\n";
    let plan = compile(&Plan::read(text).unwrap(), Accounts::default(), None);
    let (contractor, executive) = (line("1"), line("2"));
    assert!(!plan.may_list(&Who::Line(&contractor, None), &executive));
    assert!(plan.may_list(&Who::Line(&executive, None), &contractor));
    assert!(plan.may_list(&Who::Nobody, &executive));
}

#[test]
fn a_line_may_be_out_of_the_reach_of_applications() {
    let text = "[[line]]\nnumber = \"1001\"\ncti = false\n[[line]]\nnumber = \"1002\"\n";
    let plan = compile(&Plan::read(text).unwrap(), accounts(), None);
    assert!(!plan.allows_cti(&line("1001")));
    assert!(plan.allows_cti(&line("1002")) && plan.allows_cti(&line("1003")), "of which nothing is said");
}

#[test]
fn a_line_on_two_devices_dials_by_the_device_it_is_on() {
    let text = format!(
        "{PLAN}\n[[device]]\nname = \"guest\"\nlines = [\"3001\"]\nsearch_space = \"inside\"\n[[device]]\nname = \"office\"\nlines = [\"3001\"]\nsearch_space = \"national\"\npool = \"berlin\"\n"
    );
    let plan = compile(&Plan::read(&text).unwrap(), accounts(), None);
    let from = line("3001");
    let on = |device| ask(&plan, &Ask::new("0301234", Who::Line(&from, device), now()));
    assert!(on(None).starts_with("unallocated"));
    assert!(on(Some("guest")).starts_with("unallocated"));
    assert!(on(Some("office")).starts_with("trunk berlin-1"));
}

#[test]
fn services_and_hunt_pilots_are_numbers_like_others() {
    check("1001", "600", "echo");
    check("1001", "5000", "hunt 5000");
    check("1001", "5117", "route point desk");
    assert_eq!(plan().address("600", now()), Resolution::Service(Service::Echo));
    let (plan, from) = (plan(), line("1001"));
    let explained = plan.explain(&Ask::new("5117", Who::Line(&from, None), now())).0.to_string();
    let said = "route point desk: an application of ann, bob has 10 s to say where; else it goes to 1002";
    assert!(explained.contains(said), "{explained}");
}

#[test]
fn saved_cases_fail_with_an_explanation() {
    let text = "name,from,dial,at,goes_to,called,calling\n\
        inside,1001,1002,,line 1002,,\n\
        # a remark\n\
        out,1001,0301234,,trunk berlin-1,0301234,+49305551001\n\
        wrong,1001,00441,,trunk berlin-1,,\n\
        in,trunk berlin-1 +15550100,+49305551001,,line 1001,1001,+15550100\n\
        nonsense,ann,1001,,line 1001,,\n\
        night,1001,1005,2026-11-20T20:00:00Z,line 1005,,\n";
    let cases = read_cases(text).unwrap();
    let failures = run_cases(&plan(), &cases, now());
    let failed: Vec<(usize, &str)> = failures.iter().map(|f| (f.row, f.case.name.as_str())).collect();
    assert_eq!(failed, [(3, "wrong"), (5, "nonsense")], "{failures:#?}");
    assert!(
        failures[0].found.starts_with("unallocated") && failures[0].explanation.contains("look up 00441")
    );
    assert!(failures[1].found.contains("no line"));
    assert!(read_cases("nome,from\nx,1001\n").is_err());
}

#[test]
fn mistakes_in_a_plan_reach_nothing() {
    let text = "[[line]]\nnumber = \"1001\"\nsearch_space = \"nowhere\"\n[[line]]\nnumber = \"1002\"\n[[route]]\npattern = \"0!\"\nto = { list = \"gone\" }\n[[search_space]]\nname = \"a\"\npartitions = [\"internal\"]";
    let plan = compile(&Plan::read(text).unwrap(), Accounts::default(), None);
    let dial = |from: &str, dialled: &str| {
        let from = line(from);
        plan.summary(&plan.resolve(&Ask::new(dialled, Who::Line(&from, None), now()))).goes_to
    };
    assert_eq!(dial("1001", "1002"), "unallocated");
    assert_eq!(dial("1002", "1001"), "line 1001");
    assert_eq!(dial("1002", "01"), "trunk none");
}

#[test]
fn the_example_of_three_sites_has_no_findings_and_passes_its_cases() {
    let plan = Plan::read(include_str!("../../../../examples/three-sites/dialplan.toml")).unwrap();
    let findings: Vec<String> = plan.check().iter().map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    let compiled = compile(&plan, Accounts::default(), Some("600"));
    let cases = read_cases(include_str!("../../../../examples/three-sites/cases.csv")).unwrap();
    assert!(cases.len() >= 200, "{}", cases.len());
    let failures = run_cases(&compiled, &cases, now());
    let told = failures
        .iter()
        .map(|f| format!("{}: {} from {}: {}\n{}", f.row, f.case.dial, f.case.from, f.found, f.explanation));
    assert!(failures.is_empty(), "{}", told.collect::<Vec<_>>().join("\n"));
    for case in &cases {
        let (explanation, summary) = case.explain(&compiled, now()).unwrap();
        assert_eq!(explanation.steps.last().unwrap().text, format!("result: {summary}"), "{}", case.name);
    }
    let users: u64 = plan.lines.iter().map(|line| line.number.len()).sum();
    assert!(users >= 5_000, "{users}");
}
