//! Stream management (XEP-0198): acknowledgement, resumption, and what becomes of a session that is not resumed.

use std::time::Duration;

use xmpp::Kind;

use crate::client::{Client, text};
use crate::foundation::PASSWORD;
use crate::house::House;

async fn resume<'h>(house: &'h House, user: &str, id: &str, h: u32) -> (Client<'h>, xmpp::Stanza) {
    let mut client = Client::new(house, house.connect(), user);
    client.sign_in(PASSWORD).await;
    client.send(&format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{h}'/>")).await;
    let answer = client.any().await;
    client.received = h;
    (client, answer)
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_goes_on_where_it_was() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    bob.acknowledges = false;
    let id = bob.enable().await;
    for word in ["one", "two"] {
        ann.send(&format!("<message to='bob@localhost' type='chat'><body>{word}</body></message>")).await;
        assert_eq!(bob.body().await, word);
    }
    bob.lose();
    ann.settle().await;
    assert!(house.im.sessions().iter().any(|session| session.waiting));
    ann.send("<message to='bob@localhost' type='chat'><body>three</body></message>").await;
    ann.settle().await;
    // He had the first one only.
    let (mut bob, answer) = resume(&house, "bob", &id, 1).await;
    assert_eq!(answer.name(), "resumed", "{:?}", answer.bytes());
    assert_eq!(answer.attr("h").as_deref(), Some("0"));
    for word in ["two", "three"] {
        assert_eq!(bob.body().await, word);
    }
    bob.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn a_session_is_resumed_while_the_server_still_believes_in_the_old_stream() {
    let house = House::open().await;
    let mut bob = house.available("bob", "desk").await;
    let id = bob.enable().await;
    let (mut again, answer) = resume(&house, "bob", &id, 0).await;
    assert_eq!(answer.name(), "resumed");
    assert_eq!(bob.stream_error().await, "conflict");
    again.settle().await;
    assert_eq!(house.im.sessions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_resumes_the_session_of_another() {
    let house = House::open().await;
    let mut bob = house.available("bob", "desk").await;
    let id = bob.enable().await;
    let (mut ann, answer) = resume(&house, "ann", &id, 0).await;
    assert_eq!(answer.name(), "failed");
    ann.bind("desk").await;
    bob.settle().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_lost_session_did_not_get_goes_to_the_other_device() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    bob.acknowledges = false;
    bob.enable().await;
    bob.lose();
    ann.settle().await;
    ann.send("<message to='bob@localhost' type='chat' id='m'><body>where are you?</body></message>").await;
    ann.settle().await;
    let mut hand = house.bound("bob", "hand").await;
    hand.send("<presence/>").await;
    let first = hand.expect("the message", |stanza| stanza.kind() == Kind::Message).await;
    assert_eq!(text(&first, "body").as_deref(), Some("where are you?"));
    house.pass(xmpp::sm::RESUME_TIME_MAX + Duration::from_secs(1)).await;
    hand.hears_no_message().await;
    let waiting = house.im.sessions().iter().filter(|session| session.waiting).count();
    assert_eq!(waiting, 0, "the time to resume is over");
}

#[tokio::test(start_paused = true)]
async fn what_was_for_the_lost_device_alone_comes_to_the_others_when_its_time_is_over() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut hand = house.available("bob", "hand").await;
    let mut bob = house.available("bob", "desk").await;
    hand.settle().await;
    bob.acknowledges = false;
    bob.enable().await;
    bob.lose();
    ann.settle().await;
    ann.send("<message to='bob@localhost/desk' type='chat'><body>to the desk</body></message>").await;
    ann.settle().await;
    hand.hears_no_message().await;
    house.pass(xmpp::sm::RESUME_TIME_MAX + Duration::from_secs(1)).await;
    let message = hand.expect("the message", |stanza| stanza.kind() == Kind::Message).await;
    assert_eq!(text(&message, "body").as_deref(), Some("to the desk"));
    assert!(message.child("delay", "urn:xmpp:delay").is_some());
}

#[tokio::test(start_paused = true)]
async fn acknowledging_what_was_never_sent_ends_the_stream() {
    let house = House::open().await;
    let mut bob = house.available("bob", "desk").await;
    bob.enable().await;
    bob.send("<a xmlns='urn:xmpp:sm:3' h='77'/>").await;
    assert_eq!(bob.stream_error().await, "undefined-condition");
}

#[tokio::test(start_paused = true)]
async fn everything_is_acknowledged_that_was_asked_for() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    ann.enable().await;
    for n in 1..=3 {
        ann.send(
            "<message to='bob@localhost' type='chat'><body>x</body></message><r xmlns='urn:xmpp:sm:3'/>",
        )
        .await;
        let ack = ann.expect("<a/>", |stanza| stanza.name() == "a").await;
        assert_eq!(ack.attr("h"), Some(n.to_string().into()));
        let durable = house.wait(house.store.journal_count()).await.expect("a count");
        assert!(durable >= n, "acknowledged {n}, durable {durable}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_only_asks_is_asked_to_acknowledge_too() {
    let house = House::open().await;
    let mut ann = house.bound("ann", "desk").await;
    ann.enable().await;
    // Twice what may stay unacknowledged: each page of a long archive is such an answer.
    for number in 0..2 * xmpp::sm::UNACKED_STANZAS_MAX {
        let id = format!("p{number}");
        let ping = format!("<iq type='get' id='{id}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>");
        assert_eq!(ann.ask(&id, &ping).await.type_().as_deref(), Some("result"));
    }
}
