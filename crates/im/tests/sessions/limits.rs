//! What a client may not do, and how it is told.

use std::sync::Arc;
use std::time::Duration;

use im::{Limits, Transport};
use xmpp::Kind;

use crate::client::{Client, condition};
use crate::foundation::PASSWORD;
use crate::house::House;

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_and_its_messages_are_kept() {
    let mut limits = Limits::default();
    limits.session.queued_stanzas_max = 50;
    let house = House::with(limits).await;
    let mut ann = house.available("ann", "desk").await;
    let bob = house.available("bob", "desk").await;
    let words = "x".repeat(4_000);
    // 256 KiB in the pipe, 64 KiB in the session, 50 stanzas in the queue: the rest is too much.
    let count = 200;
    for _ in 0..count {
        ann.send(&format!("<message to='bob@localhost' type='chat'><body>{words}</body></message>")).await;
    }
    ann.settle().await;
    house.pass(Duration::from_secs(10)).await;
    drop(bob);
    assert_eq!(house.im.sessions().len(), 1, "bob's session was cut");
    let owner = "bob@localhost".parse().expect("an address");
    let kept = house.wait(house.store.spool_count(&owner)).await.expect("a count");
    assert!(kept > 0 && kept <= count, "{kept}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_asked_and_then_cut() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    ann.settle().await;
    house.pass(Duration::from_secs(601)).await;
    let ping = ann.next().await;
    assert!(ping.child("ping", "urn:xmpp:ping").is_some(), "{:?}", ping.bytes());
    house.pass(Duration::from_secs(61)).await;
    assert_eq!(ann.stream_error().await, "connection-timeout");
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_keeps_the_session() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    ann.settle().await;
    for _ in 0..4 {
        house.pass(Duration::from_secs(400)).await;
        ann.send(" ").await;
    }
    assert!(ann.settle().await.is_empty(), "nobody had to ask");
}

#[tokio::test(start_paused = true)]
async fn an_account_has_a_limit_of_sessions() {
    let mut limits = Limits::default();
    limits.account.sessions_max = 1;
    let house = House::with(limits).await;
    let _desk = house.bound("ann", "desk").await;
    let mut hand = Client::new(&house, house.connect(), "ann");
    hand.sign_in(PASSWORD).await;
    hand.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>").await;
    assert_eq!(condition(&hand.any().await), "resource-constraint");
}

#[tokio::test(start_paused = true)]
async fn stanzas_that_are_none_are_refused() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    for (id, iq) in [
        ("1", "<iq type='get' id='1'/>"),
        ("2", "<iq type='ask' id='2'><a xmlns='u'/></iq>"),
        ("3", "<iq type='set' id='3'><a xmlns='u'/><b xmlns='u'/></iq>"),
    ] {
        assert_eq!(condition(&ann.ask(id, iq).await), "bad-request", "{iq}");
    }
    ann.send("<presence><priority>loud</priority></presence>").await;
    let error = ann.expect("an error", |stanza| stanza.kind() == Kind::Presence).await;
    assert_eq!(condition(&error), "bad-request");
    ann.send("<unheard xmlns='urn:of'/>").await;
    assert_eq!(ann.stream_error().await, "unsupported-stanza-type");
}

#[tokio::test(start_paused = true)]
async fn xml_that_rfc_6120_forbids_ends_the_stream() {
    for (text, expected) in [
        ("<!DOCTYPE x []>", "restricted-xml"),
        ("<!-- x -->", "restricted-xml"),
        ("<message><body>&x;</body></message>", "restricted-xml"),
        ("<message></iq>", "not-well-formed"),
    ] {
        let house = House::open().await;
        let mut ann = house.bound("ann", "desk").await;
        ann.send(text).await;
        assert_eq!(ann.stream_error().await, expected, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_before_sign_in_is_limited_though_it_is_white_space() {
    let house = House::open().await;
    let mut idler = Client::new(&house, house.connect(), "ann");
    idler.open().await;
    let limit = Limits::default().stream.before_sign_in_bytes_max as usize;
    idler.send(&" ".repeat(limit)).await;
    assert_eq!(idler.stream_error().await, "policy-violation");
    let mut ann = Client::new(&house, house.connect(), "ann");
    ann.open().await;
    ann.send(&" ".repeat(limit / 2)).await;
    assert_eq!(ann.try_password(PASSWORD).await.name(), "success", "below the limit nobody is cut");
    ann.open().await;
    ann.send(&" ".repeat(limit)).await;
    ann.bind("desk").await;
}

#[tokio::test(start_paused = true)]
async fn a_host_full_of_strangers_locks_out_nobody_else() {
    let mut limits = Limits::default();
    limits.sign_in.unauthenticated_connections_per_host_max = 2;
    let house = House::with(limits).await;
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let mut stranger = Client::new(&house, house.connect_from([192, 0, 2, 1]), "ann");
        stranger.open().await;
        strangers.push(stranger);
    }
    let mut third = Client::new(&house, house.connect_from([192, 0, 2, 1]), "ann");
    assert!(third.frame().await.is_none(), "closed at once");
    let mut ann = Client::new(&house, house.connect_from([192, 0, 2, 2]), "ann");
    ann.sign_in(PASSWORD).await;
    // Who has signed in gives their place back.
    assert_eq!(strangers[0].try_password(PASSWORD).await.name(), "success");
    strangers[0].open().await;
    strangers[0].bind("desk").await;
    let mut next = Client::new(&house, house.connect_from([192, 0, 2, 1]), "ann");
    next.sign_in(PASSWORD).await;
}

#[tokio::test(start_paused = true)]
async fn a_sender_is_held_while_the_journal_is_behind() {
    let mut limits = Limits::default();
    limits.session.journal_behind_entries_max = 5;
    let house = House::with(limits).await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    let durable = house.store.durable();
    let message = "<message to='bob@localhost' type='chat'><body>x</body></message>";
    ann.send(&message.repeat(100)).await;
    for delivered in 1..=100 {
        bob.body().await;
        assert!(
            delivered - durable.borrow().0 <= 6,
            "{delivered} delivered, {:?} durable",
            *durable.borrow()
        );
    }
    ann.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_session_that_ends_is_answered() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    bob.acknowledges = false;
    bob.enable().await;
    ann.send("<iq type='get' id='q' to='bob@localhost/desk'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    bob.expect("the request", |stanza| stanza.id().as_deref() == Some("q")).await;
    bob.send("</stream:stream>").await;
    let answer = ann.expect("an answer", |stanza| stanza.id().as_deref() == Some("q")).await;
    assert_eq!(condition(&answer), "recipient-unavailable");
}

#[tokio::test(start_paused = true)]
async fn a_session_costs_at_most_2_kib_besides_its_connection() {
    let house = House::open().await;
    let (stream, theirs) = tokio::io::duplex(4096);
    let connection = size_of_val(&stream);
    let arriving = Arc::clone(&house.im).arrive(stream, ([127, 0, 0, 1], 4000).into(), Transport::Protected);
    let mut ann = Client::new(&house, theirs, "ann");
    let signing_in = async {
        ann.sign_in(PASSWORD).await;
        ann.bind_later("desk").await;
    };
    let (session, ()) = tokio::join!(arriving, signing_in);
    let size = size_of_val(&*session.expect("a session"));
    assert!(size <= 2_048 + connection, "{size} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_user_makes_so_many_rooms_and_no_more() {
    let mut limits = Limits::default();
    limits.account.rooms_made_max = 1;
    let house = House::with(limits).await;
    let mut ann = house.bound("ann", "desk").await;
    let mut bob = house.bound("bob", "desk").await;
    let enter = |room: &str| {
        format!(
            "<presence to='{room}@conference.localhost/me'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        )
    };
    let of = |room: &'static str, kind: Option<&'static str>| {
        let from = format!("{room}@conference.localhost/me");
        move |stanza: &xmpp::Stanza| {
            stanza.kind() == Kind::Presence
                && stanza.from().as_deref() == Some(&from)
                && stanza.type_().as_deref() == kind
        }
    };
    ann.send(&enter("one")).await;
    ann.expect("a room", of("one", None)).await;
    ann.send(&enter("two")).await;
    assert_eq!(condition(&ann.expect("a refusal", of("two", Some("error"))).await), "resource-constraint");
    bob.send(&enter("two")).await;
    bob.expect("a room", of("two", None)).await;
    // A room that has ended does not count.
    ann.send("<presence type='unavailable' to='one@conference.localhost/me'/>").await;
    ann.expect("the end", of("one", Some("unavailable"))).await;
    ann.send(&enter("three")).await;
    ann.expect("a room", of("three", None)).await;
}
