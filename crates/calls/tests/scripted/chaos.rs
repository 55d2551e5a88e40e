//! Phones that do whatever comes to their mind: nothing of it may stop the server or stay in it.

use std::time::Duration;

use calls::CallLimits;
use proptest::prelude::*;

use crate::application;
use crate::phone::{Extras, Session};
use crate::stage::{Numbering, Stage};

/// One deed of one phone.
#[derive(Clone, Debug)]
enum Deed {
    Call { to: usize, session: Option<Session>, reliable: bool },
    Request { method: &'static str, session: Option<Session> },
    Refer { to: usize },
    Replace { whom: usize, refer: bool },
    Command { what: usize },
    Respond { status: u16, session: Option<Session>, reliable: bool },
    Press { key: char },
    Repeat,
    Wait { seconds: u64 },
}

const TARGETS: [&str; 12] = [
    "sip:1001@localhost",
    "sip:1002@localhost",
    "sip:1003@localhost",
    "sip:bob@localhost",
    "sip:600@localhost",
    "sip:9@localhost",
    "sip:701@localhost",
    "sip:800@localhost",
    "sip:801@localhost",
    "sip:1000@localhost",
    "sip:5100@localhost",
    "sip:4711@localhost",
];
/// A menu on 1000, a queue on 5100, and a word for who dials what is not there.
const PLAN: &str = r#"
    [[reception.attendant]]
    name = "main"
    number = "1000"
    menu = ["menu"]
    extensions = ["1XXX"]
    keys = { 2 = { dial = "5100" }, 3 = { dial = "1003" }, 4 = "repeat" }
    last = { dial = "1002" }
    [[reception.queue]]
    name = "support"
    number = "5100"
    distribution = "circular"
    agents = ["1002-1003"]
    max_waiting = 2
    max_wait_seconds = 300
    overflow = { to = "1000" }
    no_agent = { to = "1001" }
    [reception.announcements]
    unallocated = ["sorry"]
    busy = ["sorry"]
"#;
const METHODS: [&str; 11] =
    ["INVITE", "UPDATE", "PRACK", "ACK", "CANCEL", "BYE", "INFO", "OPTIONS", "REFER", "ACK", "INVITE"];
const COMMANDS: [&str; 20] = [
    "hold",
    "retrieve",
    "answer",
    "clear",
    "clear all",
    "alternate",
    "join",
    "join",
    "park",
    "confer",
    "confer",
    "privacy",
    "transfer to 800",
    "park at 701",
    "call 1003",
    "consult 1001",
    "transfer to 1003",
    "transfer to 701",
    "deflect to 1001",
    "pick up from 1002",
];
const NAMES: [&str; 4] = ["ann", "bob", "bob2", "carol"];
const STATUSES: [u16; 14] = [180, 183, 200, 200, 200, 302, 401, 404, 422, 481, 486, 491, 503, 603];

fn session() -> impl Strategy<Value = Option<Session>> {
    prop_oneof![
        3 => Just(Some(Session::Plain)),
        2 => Just(None),
        1 => Just(Some(Session::Hold)),
        1 => Just(Some(Session::Held)),
        1 => Just(Some(Session::Video)),
        1 => Just(Some(Session::VideoRefused)),
        1 => Just(Some(Session::Encrypted)),
        1 => Just(Some(Session::Same)),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (0..TARGETS.len(), session(), any::<bool>()).prop_map(|(to, session, reliable)| Deed::Call { to, session, reliable }),
        5 => (0..METHODS.len(), session()).prop_map(|(at, session)| Deed::Request { method: METHODS[at], session }),
        2 => (0..TARGETS.len()).prop_map(|to| Deed::Refer { to }),
        2 => (0..4_usize, any::<bool>()).prop_map(|(whom, refer)| Deed::Replace { whom, refer }),
        3 => (0..COMMANDS.len()).prop_map(|what| Deed::Command { what }),
        8 => (0..STATUSES.len(), session(), any::<bool>()).prop_map(|(at, session, reliable)| {
            Deed::Respond { status: STATUSES[at], session, reliable: reliable && STATUSES[at] < 200 }
        }),
        2 => (0..6_usize).prop_map(|key| Deed::Press { key: ['0', '1', '2', '3', '4', '#'][key] }),
        1 => Just(Deed::Repeat),
        1 => (0..200_u64).prop_map(|seconds| Deed::Wait { seconds }),
    ]
}

fn act(stage: &mut Stage, name: &str, deed: &Deed) {
    let whom = match deed {
        Deed::Replace { whom, .. } if stage.phone(NAMES[*whom]).can_request("BYE") => {
            Some(stage.phone(NAMES[*whom]).replaces())
        }
        _ => None,
    };
    let phone = stage.phone(name);
    phone.inbox.clear();
    let with = |header: &str, value: String| Extras {
        headers: vec![(header.to_owned(), value)],
        session: (header == "Replaces").then_some(Session::Plain),
        ..Extras::default()
    };
    let bytes = match deed {
        Deed::Call { to, session, reliable } => {
            let headers = if *reliable {
                vec![("Supported".to_owned(), "100rel, timer".to_owned())]
            } else {
                Vec::new()
            };
            let extras = Extras { session: *session, headers, ..Extras::default() };
            phone.request("INVITE", Some(TARGETS[*to]), &extras)
        }
        Deed::Request { method, session } if phone.can_request(method) => {
            phone.request(method, None, &Extras { session: *session, ..Extras::default() })
        }
        Deed::Refer { to } if phone.can_request("REFER") => {
            phone.request("REFER", None, &with("Refer-To", format!("<{}>", TARGETS[*to])))
        }
        Deed::Replace { refer, .. } if whom.is_some() && (!refer || phone.can_request("REFER")) => {
            let whom = whom.unwrap_or_default();
            if *refer {
                let escaped = whom.replace(';', "%3B").replace('=', "%3D");
                let target = format!("<{}?Replaces={escaped}>", TARGETS[2]);
                phone.request("REFER", None, &with("Refer-To", target))
            } else {
                phone.request("INVITE", Some(TARGETS[0]), &with("Replaces", whom))
            }
        }
        Deed::Respond { status, session, reliable } if phone.can_respond() => {
            phone.response(*status, &Extras { session: *session, reliable: *reliable, ..Extras::default() })
        }
        Deed::Repeat if phone.has_sent() => phone.again(),
        Deed::Command { what } => {
            let number = phone.number.clone();
            let words: Vec<&str> = COMMANDS[*what].split(' ').collect();
            let command = application::command(stage, &number, &words).expect("a command");
            // What cannot be done is refused; that is as good.
            drop(stage.command(&command));
            return;
        }
        // Who is in no call presses in vain.
        Deed::Press { key } => return drop(stage.key(name, *key)),
        Deed::Wait { seconds } => return stage.wait(Duration::from_secs(*seconds)),
        Deed::Refer { .. }
        | Deed::Replace { .. }
        | Deed::Request { .. }
        | Deed::Respond { .. }
        | Deed::Repeat => return,
    };
    stage.deliver(name, bytes);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_phones_do_nothing_stays(deeds in proptest::collection::vec((0..4_usize, deed()), 1..40), shards in 1..4_usize) {
        let names = NAMES;
        let numbers = ["1001", "1002", "1002", "1003"];
        let phones: Vec<_> = names.iter().zip(numbers).map(|(name, number)| ((*name).to_owned(), number.to_owned())).collect();
        let limits = CallLimits { call_length_max: Duration::from_secs(3600), ..CallLimits::default() };
        let numbering = Numbering { plan: PLAN.to_owned(), ..Numbering::default() };
        let mut stage = Stage::new(&phones, &numbering, (limits, shards));
        for (phone, deed) in &deeds {
            act(&mut stage, names[*phone], deed);
        }
        // Nobody answers any more: timers must end it all.
        stage.wait(Duration::from_secs(2 * 3600));
        prop_assert_eq!(stage.remains(), Vec::<String>::new());
    }
}
