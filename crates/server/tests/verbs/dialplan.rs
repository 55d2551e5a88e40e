//! The dial plan as an administrator changes it: checked, applied, held against its cases, asked.

use crate::support::House;

const PLAN: &str = r#"
    # kept as it was written
    [settings]
    search_space = "staff"
    subscribe_search_space = "staff"
    [[search_space]]
    name = "staff"
    partitions = ["internal"]
    [[translation]]
    pattern = "8.XXXX"
    called = { strip_pre_dot = true }
    [[outside.trunk]]
    name = "out"
    search_space = "staff"
    [emergency]
    to = { trunk = "out" }
"#;

const CASES: &str = "name,from,dial,goes_to\ninside,1001,81002,line 1002\nhelp,1001,112,emergency out\n";

fn house() -> House {
    let house = House::new();
    for number in ["1001", "1002"] {
        assert_eq!(house.verb(&["line", "add", number]).code, 0);
    }
    house
}

/// The same with and without a running server.
fn a_plan_is_applied_and_asked(house: &House) {
    let (plan, cases) = (house.write("dialplan.toml", PLAN), house.write("cases.csv", CASES));
    let applied = house.verb(&["dialplan", "apply", &plan, "--cases", &cases]);
    assert_eq!(applied.code, 0, "{applied:?}");
    assert!(applied.out.contains("revision 1 is in force; 2 of 2 saved cases pass"), "{applied:?}");
    assert!(house.verb(&["dialplan", "show"]).out.contains("# kept as it was written"));
    assert_eq!(house.json(&["dialplan", "show"])["cases"][1]["dial"], "112");
    let told = house.verb(&["dialplan", "test", "--from", "1001", "--dial", "8-1002"]);
    assert!(told.out.contains("8.XXXX makes the called number 81002 into 1002"), "{told:?}");
    assert!(told.out.contains("result: line 1002, called 1002, calling 1001"), "{told:?}");
    // What a saved case says must stay true.
    let wrong = house.write("wrong.toml", &PLAN.replace("8.XXXX", "7.XXXX"));
    let refused = house.verb(&["dialplan", "apply", &wrong]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.out.contains("FAILED  row 1, inside: 1001 dials 81002"), "{refused:?}");
    assert!(refused.out.contains("NOT applied, revision 1 stays in force"), "{refused:?}");
    let forced = house.verb(&["dialplan", "apply", &wrong, "--without-cases"]);
    assert!(forced.out.contains("revision 2 is in force; 1 of 2 saved cases pass"), "{forced:?}");
    assert_eq!(house.verb(&["dialplan", "cases"]).code, 8);
    assert_eq!(
        house.json(&["dialplan", "test", "--from", "1001", "--dial", "71002"])["summary"]["goes_to"],
        "line 1002"
    );
}

#[test]
fn a_plan_takes_effect_without_a_server() {
    a_plan_is_applied_and_asked(&house());
}

#[test]
fn a_plan_takes_effect_in_a_running_server() {
    let house = house();
    let server = house.serve();
    a_plan_is_applied_and_asked(&house);
    server.logs(&["a dial plan was applied", "revision=2"]);
}

#[test]
fn a_plan_with_errors_never_takes_effect() {
    let house = house();
    let wrong = house.write("wrong.toml", &PLAN.replace("trunk = \"out\"", "trunk = \"gone\""));
    let checked = house.verb(&["dialplan", "check", &wrong]);
    assert_eq!(checked.code, 8, "{checked:?}");
    assert!(checked.out.contains("ERROR    emergency.to: there is no trunk \"gone\""), "{checked:?}");
    let refused = house.verb(&["dialplan", "apply", &wrong, "--without-cases"]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert_eq!(house.json(&["dialplan", "show"])["revision"], 0);
    let nonsense = house.write("nonsense.toml", "[[rout]]\n");
    let refused = house.verb(&["dialplan", "apply", &nonsense]);
    assert_eq!((refused.code, refused.err.contains("line 1")), (6, true), "{refused:?}");
    assert_eq!(house.verb(&["dialplan", "check", "/nowhere.toml"]).code, 4);
}

#[test]
fn cases_are_saved_only_when_all_pass() {
    let house = house();
    let wrong = house.write("wrong.csv", "name,from,dial,goes_to\nno,1001,1002,line 1003\n");
    let refused = house.verb(&["dialplan", "cases", &wrong, "--save"]);
    assert_eq!(refused.code, 8, "{refused:?}");
    assert!(
        refused.out.contains("expected line 1003") && refused.out.contains("look up 1002"),
        "{refused:?}"
    );
    let right = house.write("right.csv", "name,from,dial,goes_to\nyes,1001,1002,line 1002\n");
    let saved = house.verb(&["dialplan", "cases", &right, "--save"]);
    assert!(saved.out.contains("1 of 1 cases pass, and are saved"), "{saved:?}");
    assert_eq!(house.json(&["dialplan", "show"])["cases"][0]["name"], "yes");
}

#[test]
fn a_line_with_the_number_of_a_slot_for_parked_calls_is_told() {
    let house = house();
    assert!(!house.verb(&["dialplan", "check"]).out.contains("slot for parked calls"));
    assert_eq!(house.verb(&["line", "add", "705"]).code, 0);
    let checked = house.verb(&["dialplan", "check"]);
    let told = "warning  line 705 in internal: its number is also that of a slot for parked calls";
    assert_eq!((checked.code, checked.out.contains(told)), (8, true), "{checked:?}");
}

#[test]
fn a_document_that_was_shown_is_refused_when_another_came_into_force_since() {
    let house = house();
    let plan = house.write("dialplan.toml", PLAN);
    assert_eq!(house.verb(&["dialplan", "apply", &plan]).code, 0);
    let shown = house.write("shown.toml", &house.verb(&["dialplan", "show"]).out);
    let applied = house.verb(&["dialplan", "apply", &shown]);
    assert!(applied.out.contains("revision 2 is in force"), "{applied:?}");
    assert_eq!(house.verb(&["dialplan", "show"]).out.matches("# revision ").count(), 1);
    // It was made from the first; the second may be somebody else's.
    let refused = house.verb(&["dialplan", "apply", &shown]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(
        refused.err.contains("made from revision 1 of the dial plan, and revision 2 is in force"),
        "{refused:?}"
    );
    assert_eq!(house.verb(&["dialplan", "apply", &plan, "--if", "1"]).code, 6);
    assert_eq!(house.json(&["dialplan", "show"])["revision"], 2);
    assert_eq!(house.verb(&["dialplan", "apply", &shown, "--if", "2"]).code, 0);
    // A document that does not say what it was made from is applied, as ever.
    assert!(house.verb(&["dialplan", "apply", &plan]).out.contains("revision 4 is in force"));
}

#[test]
fn passwords_are_shown_only_when_asked_for_and_never_applied_hidden() {
    let house = house();
    let account = "account = { username = \"c\", password = \"sesame\" }";
    let trunk = format!("[outside.trunk.sip]\naddress = \"192.0.2.1\"\n{account}\n[emergency]");
    let plan = house.write("dialplan.toml", &PLAN.replace("[emergency]", &trunk));
    let applied = house.verb(&["dialplan", "apply", &plan]);
    assert_eq!(applied.code, 0, "{applied:?}");
    let shown = house.verb(&["dialplan", "show"]).out;
    assert!(
        shown.contains("# kept as it was written") && shown.contains("password = \"(hidden)\""),
        "{shown}"
    );
    assert!(!house.json(&["dialplan", "show"]).to_string().contains("sesame"));
    let refused = house.verb(&["dialplan", "apply", &house.write("shown.toml", &shown), "--without-cases"]);
    assert_eq!(refused.code, 6, "{refused:?}");
    assert!(refused.out.contains("ERROR    outside.trunk out: its secret was hidden"), "{refused:?}");
    let whole = house.verb(&["dialplan", "show", "--secrets"]).out;
    assert!(whole.contains("password = \"sesame\""), "{whole}");
    assert_eq!(house.verb(&["dialplan", "apply", &house.write("whole.toml", &whole)]).code, 0);
}
