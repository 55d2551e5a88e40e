//! Ten thousand INVITEs that nobody acknowledges: a trunk gets its share of the room and no more, its neighbours theirs,
//! and nothing of it stays.

use std::time::Duration;

use calls::CallLimits;
use sip::{Message, Name};

use crate::phone::{Extras, Session};
use crate::stage::{Numbering, Stage};

/// INVITEs of one flood.
const FLOOD: usize = 10_000;
/// What `half_open_max` is when the plan says nothing.
const HALF_OPEN_MAX: usize = 200;

fn stage(shards: usize) -> Stage {
    let phones = [("ann", "1001"), ("bob", "1002"), ("gate", "7000"), ("other", "7001")];
    let phones = phones.map(|(name, number)| (name.to_owned(), number.to_owned()));
    let trunk = |name: &str, phone: &str| (name.to_owned(), vec![phone.to_owned()], Vec::new());
    let trunks = vec![trunk("pstn", "gate"), trunk("second", "other")];
    Stage::new(&phones, &Numbering { trunks, ..Numbering::default() }, (CallLimits::default(), shards))
}

fn invite(stage: &mut Stage, from: &str, uri: &str) -> u16 {
    let phone = stage.phone(from);
    phone.inbox.clear();
    let bytes =
        phone.request("INVITE", Some(uri), &Extras { session: Some(Session::Plain), ..Extras::default() });
    stage.deliver(from, bytes);
    let answers = stage.phone(from).inbox.iter().filter_map(|message| match message {
        Message::Response(response) => Some(response),
        Message::Request(_) => None,
    });
    let last = answers.last();
    let status = last.map_or(0, sip::Response::status);
    assert_eq!(last.is_some_and(|last| last.headers().has(Name::RetryAfter)), status == 503, "{status}");
    status
}

/// One call between neighbours that is answered and ended.
fn neighbours_talk(stage: &mut Stage) {
    assert_eq!(invite(stage, "ann", "sip:1002@localhost"), 0);
    let answer = Extras { session: Some(Session::Plain), ..Extras::default() };
    let bytes = stage.phone("bob").response(200, &answer);
    stage.deliver("bob", bytes);
    for method in ["ACK", "BYE"] {
        let bytes = stage.phone("ann").request(method, None, &Extras::default());
        stage.deliver("ann", bytes);
    }
    let bytes = stage.phone("bob").response(200, &Extras::default());
    stage.deliver("bob", bytes);
}

#[test]
fn a_trunk_that_acknowledges_nothing_gets_its_share_and_harms_nobody() {
    for shards in [1, 3] {
        let mut stage = stage(shards);
        let mut taken = 0;
        for _ in 0..FLOOD {
            match invite(&mut stage, "gate", "sip:600@192.0.2.1") {
                200 => taken += 1,
                status => assert_eq!(status, 503),
            }
        }
        assert_eq!(taken, HALF_OPEN_MAX);
        assert_eq!(stage.ports.open_ports(), HALF_OPEN_MAX);
        let (sent, received) = stage.transactions();
        assert_eq!((sent, received), (0, HALF_OPEN_MAX), "those that were refused take no place at all");
        neighbours_talk(&mut stage);
        assert_eq!(
            invite(&mut stage, "other", "sip:600@192.0.2.1"),
            200,
            "another trunk has a share of its own"
        );
        // RFC 3261 §13.3.1.4: without an ACK the session is ended after 64 T1.
        stage.wait(Duration::from_secs(120));
        assert_eq!(invite(&mut stage, "gate", "sip:600@192.0.2.1"), 200, "the room is free again");
        stage.wait(Duration::from_secs(120));
        assert_eq!(stage.remains(), Vec::<String>::new());
    }
}

#[test]
fn a_flood_that_rings_one_line_finds_it_busy() {
    let mut stage = stage(1);
    let mut busy = 0;
    for _ in 0..FLOOD {
        match invite(&mut stage, "gate", "sip:1001@192.0.2.1") {
            486 => busy += 1,
            status => assert_eq!(status, 0, "it rings"),
        }
    }
    assert_eq!(busy, FLOOD - CallLimits::default().calls_per_line_max);
    assert_eq!(invite(&mut stage, "other", "sip:1002@192.0.2.1"), 0, "bob is rung all the same");
    stage.wait(Duration::from_secs(600));
    assert_eq!(stage.remains(), Vec::<String>::new());
}
