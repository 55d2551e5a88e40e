//! What an administrator sets for lines, beside a running server and without one.

use crate::support::House;

fn house() -> House {
    let house = House::new();
    for number in ["1001", "1002"] {
        assert_eq!(house.verb(&["line", "add", number]).code, 0);
    }
    house
}

/// The same with and without a running server.
fn a_line_is_set(house: &House) {
    let set = house.verb(&["line", "forward", "1002", "no-answer", "1001", "--after", "12"]);
    assert_eq!(set.code, 0, "{set:?}");
    for part in ["forward.no_answer.internal: 1001", "forward.no_answer.external: 1001", "rings for 12 s"] {
        assert!(set.out.contains(part), "{set:?}");
    }
    let set = house.verb(&["line", "forward", "1002", "no-answer", "off", "--calls", "external"]);
    assert!(set.out.contains("internal: 1001") && !set.out.contains("external"), "{set:?}");
    let set = house.verb(&["line", "dnd", "1002", "silent"]);
    assert!(set.out.contains("do not disturb: phones show calls without a sound"), "{set:?}");
    assert_eq!(house.json(&["line", "show", "1002"])["settings"]["do_not_disturb"], "silent");
    let set = house.verb(&["line", "call-waiting", "1002", "off"]);
    assert!(set.out.contains("call waiting: off, callers hear busy while the line is in a call"), "{set:?}");
    assert_eq!(house.verb(&["line", "call-waiting", "1002", "perhaps"]).code, 2);
    let set = house.verb(&["line", "call-waiting", "1002", "plan"]);
    assert!(!set.out.contains("call waiting"), "{set:?}");
    let set = house.verb(&["line", "withhold", "1002", "on"]);
    assert!(set.out.contains("the number is withheld"), "{set:?}");
    let set = house.verb(&["line", "reject-anonymous", "1002", "on"]);
    assert!(set.out.contains("anonymous calls: refused"), "{set:?}");
    for switch in ["withhold", "reject-anonymous"] {
        assert_eq!(house.verb(&["line", switch, "1002", "plan"]).code, 0);
    }
    let dials = house.verb(&["line", "speed-dial", "set", "1002", "7", "+4930555", "--label", "Town hall"]);
    assert!(dials.out.contains("+4930555") && dials.out.contains("Town hall"), "{dials:?}");
    assert_eq!(
        house.verb(&["line", "speed-dial", "set", "1002", "100", "1001"]).code,
        2,
        "the house's places"
    );
    assert_eq!(house.json(&["line", "speed-dial", "list", "1002"])["7"]["number"], "+4930555");
    let dials = house.verb(&["line", "speed-dial", "remove", "1002", "7"]);
    assert!(!dials.out.contains("+4930555"), "{dials:?}");
    for (wrong, code) in [
        (["line", "forward", "1002", "all", "9999"], 6),
        (["line", "forward", "1002", "all", "1002"], 6),
        (["line", "forward", "1003", "all", "1001"], 4),
        (["line", "forward", "1002", "always", "1001"], 2),
    ] {
        let refused = house.verb(&wrong);
        assert_eq!(refused.code, code, "{wrong:?}: {refused:?}");
    }
    assert_eq!(house.verb(&["line", "dnd", "1002", "off"]).code, 0);
    assert_eq!(house.verb(&["line", "forward", "1002", "no-answer", "off"]).code, 0);
    let shown = house.verb(&["line", "show", "1002"]);
    assert!(shown.out.contains("line 1002 in internal, of nobody"), "{shown:?}");
    assert!(!shown.out.contains("forward") && !shown.out.contains("disturb"), "{shown:?}");
}

#[test]
fn a_line_is_set_without_a_server() {
    a_line_is_set(&house());
}

#[test]
fn a_line_is_set_in_a_running_server() {
    let house = house();
    let _server = house.serve();
    a_line_is_set(&house);
}
