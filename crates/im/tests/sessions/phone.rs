//! The phone in presence (`PS-07`): what watchers see while a call goes on, as status and as activity (XEP-0108).

use xmpp::Kind;

use crate::client::{Client, text};
use crate::house::House;

const REASON: &str = "urn:carillon:presence:0";
const EVENT: &str = "http://jabber.org/protocol/pubsub#event";

#[tokio::test(start_paused = true)]
async fn a_call_shows_as_on_the_phone_and_ends_with_what_was_there() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    house.befriend(&mut ann, &mut bob).await;
    bob.send(
        "<presence><status>at my desk</status><priority>3</priority>\
         <reason xmlns='urn:carillon:presence:0' state='busy'/></presence>",
    )
    .await;
    let said = ann.presence("bob@localhost/desk", None).await;
    assert!(!said.has_child("reason", REASON), "only the server says why");
    house.line_of("bob", true);
    let busy = ann.presence("bob@localhost/desk", None).await;
    assert_eq!(text(&busy, "show").as_deref(), Some("away"));
    assert_eq!(text(&busy, "status").as_deref(), Some("On the phone"));
    assert_eq!(text(&busy, "priority").as_deref(), Some("3"), "the rest stays");
    let why = busy.child("reason", REASON).expect("a reason");
    assert_eq!((why.attr("state"), why.attr("source")), (Some("on-the-phone"), Some("line")));
    assert!(why.attr("since").is_some_and(|since| since.ends_with('Z')));
    house.line_of("bob", false);
    let free = ann.presence("bob@localhost/desk", None).await;
    assert_eq!(text(&free, "show"), None);
    assert!(!free.has_child("reason", REASON));
    assert_eq!(text(&free, "status").as_deref(), Some("at my desk"));
}

#[tokio::test(start_paused = true)]
async fn who_signs_in_during_a_call_sees_it() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    house.befriend(&mut ann, &mut bob).await;
    house.line_of("bob", true);
    ann.presence("bob@localhost/desk", None).await;
    let mut other = house.bound("ann", "hand").await;
    other.send("<presence/>").await;
    let busy = other.presence("bob@localhost/desk", None).await;
    assert_eq!(text(&busy, "status").as_deref(), Some("On the phone"));
}

#[tokio::test(start_paused = true)]
async fn the_phone_speaks_for_a_user_who_is_not_signed_in() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    house.befriend(&mut ann, &mut bob).await;
    drop(bob);
    ann.presence("bob@localhost/desk", Some("unavailable")).await;
    house.line_of("bob", true);
    let busy = ann.presence("bob@localhost/phone", None).await;
    assert_eq!(text(&busy, "priority").as_deref(), Some("-1"));
    assert_eq!(text(&busy, "status").as_deref(), Some("On the phone"));
    let mut bob = house.bound("bob", "desk").await;
    bob.send("<presence/>").await;
    let shown = ann.presence("bob@localhost/desk", None).await;
    assert_eq!(text(&shown, "status").as_deref(), Some("On the phone"));
    ann.presence("bob@localhost/phone", Some("unavailable")).await;
    drop(bob);
    ann.presence("bob@localhost/phone", None).await;
    house.line_of("bob", false);
    ann.presence("bob@localhost/phone", Some("unavailable")).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_asks_for_activities_is_asked_once_and_gets_them() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    house.befriend(&mut ann, &mut bob).await;
    show_capabilities(&mut ann).await;
    let question =
        ann.expect("a question", |s| s.kind() == Kind::Iq && s.type_().as_deref() == Some("get")).await;
    let node = question.child("query", "http://jabber.org/protocol/disco#info").expect("disco");
    assert_eq!(node.attr("node"), Some(format!("urn:test#{}", hash()).as_str()));
    let id = question.id().expect("an id").into_owned();
    ann.send(&format!("<iq type='result' to='localhost' id='{id}'>{}</iq>", info())).await;
    ann.settle().await;
    house.line_of("bob", true);
    assert!(activity(&mut ann).await.contains("on_the_phone"));
    let mut hand = house.bound("ann", "hand").await;
    show_capabilities(&mut hand).await;
    assert!(activity(&mut hand).await.contains("on_the_phone"), "known by its hash, told at once");
    house.line_of("bob", false);
    assert!(!activity(&mut ann).await.contains("on_the_phone"));
}

async fn show_capabilities(client: &mut Client<'_>) {
    let caps =
        format!("<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:test' ver='{}'/>", hash());
    client.send(&format!("<presence>{caps}</presence>")).await;
}

fn info() -> &'static str {
    "<query xmlns='http://jabber.org/protocol/disco#info'><identity category='client' type='pc'/>\
     <feature var='http://jabber.org/protocol/activity+notify'/></query>"
}

fn hash() -> String {
    let element = xmpp::Element::parse(info().as_bytes(), "").expect("an element");
    let info = xmpp::xep::disco::Info::from_element(&element).expect("an answer");
    xmpp::xep::caps::ver(&info).expect("a hash")
}

async fn activity(client: &mut Client<'_>) -> String {
    let event = client
        .expect("an activity", |s| s.kind() == Kind::Message && s.child("event", EVENT).is_some())
        .await;
    assert_eq!(event.from().as_deref(), Some("bob@localhost"));
    String::from_utf8(event.bytes().to_vec()).expect("text")
}
