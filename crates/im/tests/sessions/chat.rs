//! Messages from client to client, kept, delayed and refused (RFC 6121 §8, XEP-0160, XEP-0359).

use std::sync::Arc;

use im::{Contact, Gateway, GatewayMessage, Inbound, MessageType, Offer};
use model::BareJid;
use parking_lot::Mutex;
use xmpp::Kind;

use crate::client::{condition, text};
use crate::house::House;

const DELAY: &str = "urn:xmpp:delay";
const STANZA_ID: &str = "urn:xmpp:sid:0";

#[tokio::test(start_paused = true)]
async fn a_message_reaches_all_devices_with_one_stanza_id() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut desk = house.available("bob", "desk").await;
    let mut hand = house.available("bob", "hand").await;
    ann.send("<message to='bob@localhost' type='chat' id='m1'><body>hi &amp; bye</body></message>").await;
    let mut ids = Vec::new();
    for bob in [&mut desk, &mut hand] {
        let message = bob.expect("the message", |stanza| stanza.kind() == Kind::Message).await;
        assert_eq!(text(&message, "body").as_deref(), Some("hi & bye"));
        assert_eq!(message.from().as_deref(), Some("ann@localhost/desk"));
        assert_eq!(message.to().as_deref(), Some("bob@localhost"));
        assert_eq!(message.id().as_deref(), Some("m1"));
        let id = message.child("stanza-id", STANZA_ID).expect("a stanza-id");
        assert_eq!(id.attr("by"), Some("bob@localhost"));
        ids.push(id.attr("id").map(str::to_owned));
        assert!(message.child("delay", DELAY).is_none());
    }
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test(start_paused = true)]
async fn a_negative_priority_gets_no_message_to_the_bare_address() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut desk = house.available("bob", "desk").await;
    let mut hand = house.available("bob", "hand").await;
    hand.send("<presence><priority>-1</priority></presence>").await;
    hand.settle().await;
    ann.send("<message to='bob@localhost' type='chat'><body>to all</body></message>").await;
    assert_eq!(desk.body().await, "to all");
    hand.hears_no_message().await;
    ann.send("<message to='bob@localhost/hand' type='chat'><body>to hand</body></message>").await;
    assert_eq!(hand.body().await, "to hand");
    desk.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_while_away_comes_once_in_order_and_with_its_time() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    // More than one page.
    for n in 0..150 {
        ann.send(&format!("<message to='bob@localhost' type='chat'><body>{n}</body></message>")).await;
    }
    ann.settle().await;
    let mut bob = house.bound("bob", "desk").await;
    bob.send("<presence/>").await;
    for n in 0..150 {
        let message = bob.expect("a message", |stanza| stanza.kind() == Kind::Message).await;
        assert_eq!(text(&message, "body"), Some(n.to_string()));
        let delay = message.child("delay", DELAY).expect("a delay");
        assert_eq!(delay.attr("from"), Some("localhost"));
        assert!(delay.attr("stamp").is_some_and(|stamp| stamp.starts_with("2026-11-20T09:30:")));
        assert!(message.child("stanza-id", STANZA_ID).is_some());
    }
    bob.hears_no_message().await;
    let mut again = house.available("bob", "hand").await;
    again.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn kept_messages_survive_a_restart_with_their_ids() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    ann.enable().await;
    ann.send(
        "<message to='bob@localhost' type='chat'><body>keep me</body></message><r xmlns='urn:xmpp:sm:3'/>",
    )
    .await;
    let ack = ann.expect("<a/>", |stanza| stanza.name() == "a").await;
    assert_eq!(ack.attr("h").as_deref(), Some("1"));
    drop(ann);
    let house = house.again().await;
    let bob = "bob@localhost".parse().expect("an address");
    let kept = house.wait(house.store.spooled(&bob, store::Seq(0), 10)).await.expect("the spool");
    let mut bob = house.bound("bob", "desk").await;
    bob.send("<presence/>").await;
    let message = bob.expect("the message", |stanza| stanza.kind() == Kind::Message).await;
    let id = message.child("stanza-id", STANZA_ID).expect("a stanza-id");
    assert_eq!(id.attr("id"), Some(kept[0].id.to_string().as_str()));
    assert!(message.child("delay", DELAY).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_delivered_goes_back() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    for (to, kind, expected) in [
        ("nobody@localhost", "chat", "service-unavailable"),
        ("bob@localhost", "groupchat", "service-unavailable"),
        ("bob@localhost/gone", "normal", "service-unavailable"),
        ("bob@elsewhere.example", "chat", "remote-server-not-found"),
        ("@@", "chat", "jid-malformed"),
    ] {
        ann.send(&format!("<message to='{to}' type='{kind}' id='{to}'><body>x</body></message>")).await;
        let error = ann.expect("an error", |stanza| stanza.kind() == Kind::Message).await;
        assert_eq!(condition(&error), expected, "{to}");
        assert_eq!(error.from().as_deref(), Some(to));
    }
}

#[tokio::test(start_paused = true)]
async fn chat_states_are_not_kept_and_unstorable_words_go_back() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    ann.send(
        "<message to='bob@localhost' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
    )
    .await;
    ann.hears_no_message().await;
    ann.send(
        "<message to='bob@localhost' type='chat'><body>x</body><no-store xmlns='urn:xmpp:hints'/></message>",
    )
    .await;
    let error = ann.expect("an error", |stanza| stanza.kind() == Kind::Message).await;
    assert_eq!(condition(&error), "service-unavailable");
    let mut bob = house.available("bob", "desk").await;
    bob.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn what_claims_to_be_ours_is_cut() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    ann.send(
        "<message to='bob@localhost' type='chat'><body>x</body>\
         <stanza-id xmlns='urn:xmpp:sid:0' by='bob@localhost' id='forged'/>\
         <delay xmlns='urn:xmpp:delay' from='localhost' stamp='2002-09-10T23:08:25Z'/></message>",
    )
    .await;
    let message = bob.expect("the message", |stanza| stanza.kind() == Kind::Message).await;
    assert!(message.child("delay", DELAY).is_none());
    let ids = message.children().filter(|child| child.name() == "stanza-id").count();
    assert_eq!(ids, 1);
    assert_ne!(message.child("stanza-id", STANZA_ID).expect("ours").attr("id"), Some("forged"));
}

struct Echo;

impl Contact for Echo {
    fn status(&self) -> &str {
        "I repeat what you say"
    }

    fn message(&self, from: &BareJid, body: &str) -> Option<String> {
        Some(format!("{from} said {body}"))
    }
}

#[tokio::test(start_paused = true)]
async fn a_contact_of_the_house_is_there_and_answers() {
    let house = House::open().await;
    house.im.add_contact(&"echo@localhost".parse().expect("an address"), Arc::new(Echo));
    let mut ann = house.available("ann", "desk").await;
    ann.send("<presence to='echo@localhost' type='subscribe'/>").await;
    ann.presence("echo@localhost", Some("subscribed")).await;
    let there = ann.presence("echo@localhost/contact", None).await;
    assert_eq!(text(&there, "status").as_deref(), Some("I repeat what you say"));
    ann.send("<message to='echo@localhost' type='chat'><body>hello</body></message>").await;
    assert_eq!(ann.body().await, "ann@localhost said hello");
}

#[derive(Default, Clone)]
struct Phones(Arc<Mutex<Vec<GatewayMessage>>>);

impl Gateway for Phones {
    fn offer(&self, message: GatewayMessage) -> Offer {
        self.0.lock().push(message);
        Offer::Taken
    }
}

#[tokio::test(start_paused = true)]
async fn a_gateway_gets_what_no_session_takes_and_empties_the_spool() {
    let house = House::open().await;
    let phones = Phones::default();
    house.im.set_gateway(phones.clone());
    let mut ann = house.available("ann", "desk").await;
    ann.send("<message to='bob@localhost' type='chat'><body>ring</body></message>").await;
    ann.settle().await;
    let offered = phones.0.lock().pop().expect("one message");
    assert_eq!(im::features::messages::body(&offered.stanza).as_deref(), Some("ring"));
    house.im.handed_on(&offered.owner, offered.seq);
    let mut bob = house.available("bob", "desk").await;
    bob.hears_no_message().await;
    ann.send("<message to='bob@localhost' type='chat'><body>here</body></message>").await;
    assert_eq!(bob.body().await, "here");
    assert!(phones.0.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn another_room_delivers_and_waits_for_the_journal() {
    let house = House::open().await;
    let mut bob = house.available("bob", "desk").await;
    let message = |to: &str| Inbound {
        from: "ann@localhost/phone".parse().expect("an address"),
        to: to.parse().expect("an address"),
        kind: MessageType::Chat,
        id: None,
        payload: "<body>from the phone</body>".into(),
    };
    house.wait(house.im.deliver(message("bob@localhost"))).await.expect("it is taken");
    assert_eq!(bob.body().await, "from the phone");
    assert_eq!(house.wait(house.store.journal_count()).await.expect("a count"), 1);
    assert!(house.wait(house.im.deliver(message("nobody@localhost"))).await.is_err());
}
