//! Personal events for those who watch from elsewhere (XEP-0163 §4.3): only what their clients ask for, the newest
//! when they come, and nothing any more when they are gone.

use xmpp::{Kind, Stanza};

use crate::client::Client;
use crate::house::House;
use crate::town::{B, Town};

/// Of a client that asks for tunes.
const CAPS: &str = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:j' ver='l5thsjCpvU/affyO56/BbsWJhiQ='/>";
const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'>\
                    <identity category='client' type='pc'/><feature var='urn:tune+notify'/></query>";

fn is_question(stanza: &Stanza, from: &str) -> bool {
    stanza.kind() == Kind::Iq
        && stanza.type_().as_deref() == Some("get")
        && stanza.from().as_deref() == Some(from)
}

/// The client shows what it can do, and answers those who ask for it.
async fn shows(client: &mut Client<'_>, askers: &[&str]) {
    client.send(&format!("<presence>{CAPS}</presence>")).await;
    for asker in askers {
        let question = client.expect("a question", |stanza| is_question(stanza, asker)).await;
        let id = question.id().expect("an id");
        client.send(&format!("<iq type='result' id='{id}' to='{asker}'>{INFO}</iq>")).await;
    }
}

async fn publishes(client: &mut Client<'_>, node: &str, title: &str) {
    let publish = format!(
        "<iq type='set' id='p'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='{node}'>\
         <item id='current'><tune xmlns='urn:tune'>{title}</tune></item></publish></pubsub></iq>"
    );
    assert_eq!(client.ask("p", &publish).await.type_().as_deref(), Some("result"));
}

/// The words of the next event.
async fn hears(client: &mut Client<'_>) -> String {
    let event = client.expect("an event", |stanza| stanza.kind() == Kind::Message).await;
    assert_eq!(event.from().as_deref(), Some("ann@a.example"));
    assert_eq!(event.to().as_deref(), Some(client.jid().as_str()), "the client that asks for it");
    words(&event.child("event", "http://jabber.org/protocol/pubsub#event").expect("an event"))
}

fn words(element: &xmpp::Element) -> String {
    element.text() + &element.children().map(words).collect::<String>()
}

/// Two friends in two houses; bob's server and ann's have learnt what his client asks for.
async fn friends<'h>(a: &'h House, b: &'h House) -> (Client<'h>, Client<'h>) {
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    a.befriend(&mut ann, &mut bob).await;
    // His own server asks once for everybody here, ann's in her name.
    shows(&mut bob, &[B, "ann@a.example"]).await;
    bob.settle().await;
    ann.settle().await;
    (ann, bob)
}

#[tokio::test(start_paused = true)]
async fn a_watcher_elsewhere_hears_what_its_client_asks_for_and_nothing_else() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let (mut ann, mut bob) = friends(&a, &b).await;
    publishes(&mut ann, "urn:mood", "merry").await;
    publishes(&mut ann, "urn:tune", "Queen Mab").await;
    assert_eq!(hears(&mut bob).await, "Queen Mab");

    // Whoever is gone is not told, and hears the newest when they come again: the hash is known.
    bob.send("<presence type='unavailable'/>").await;
    ann.presence(&bob.jid(), Some("unavailable")).await;
    publishes(&mut ann, "urn:tune", "Greensleeves").await;
    bob.hears_no_message().await;
    shows(&mut bob, &[]).await;
    assert_eq!(hears(&mut bob).await, "Greensleeves");
    bob.hears_no_message().await;
    // Presence that changes nothing brings nothing.
    bob.send(&format!("<presence><show>away</show>{CAPS}</presence>")).await;
    bob.hears_no_message().await;
    // A client that shows no capabilities any more asks for nothing.
    bob.send("<presence/>").await;
    ann.presence(&bob.jid(), None).await;
    bob.settle().await;
    publishes(&mut ann, "urn:tune", "Silence").await;
    bob.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn a_user_who_comes_shows_the_newest_to_those_who_watch_from_elsewhere() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let (mut ann, mut bob) = friends(&a, &b).await;
    publishes(&mut ann, "urn:tune", "Queen Mab").await;
    assert_eq!(hears(&mut bob).await, "Queen Mab");
    drop(ann);
    bob.presence("ann@a.example/desk", Some("unavailable")).await;
    let mut ann = a.available("ann", "later").await;
    ann.presence(&bob.jid(), None).await;
    assert_eq!(hears(&mut bob).await, "Queen Mab");
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_see_the_user_any_more_hears_nothing() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let (mut ann, mut bob) = friends(&a, &b).await;
    ann.send(&format!("<presence to='bob@{B}' type='unsubscribed'/>")).await;
    bob.presence("ann@a.example", Some("unsubscribed")).await;
    publishes(&mut ann, "urn:tune", "Queen Mab").await;
    bob.hears_no_message().await;
    // Allowed again, the client that is still there hears the newest at once.
    bob.send("<presence to='ann@a.example' type='subscribe'/>").await;
    ann.presence(&format!("bob@{B}"), Some("subscribe")).await;
    ann.send(&format!("<presence to='bob@{B}' type='subscribed'/>")).await;
    assert_eq!(hears(&mut bob).await, "Queen Mab");
    // Blocked is not told either.
    let block =
        format!("<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@{B}'/></block></iq>");
    assert_eq!(ann.ask("b", &block).await.type_().as_deref(), Some("result"));
    publishes(&mut ann, "urn:tune", "Greensleeves").await;
    bob.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lies_about_its_hash_deceives_nobody_else() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    a.befriend(&mut ann, &mut bob).await;
    // It gives another's hash, and says that it asks for moods.
    bob.send(&format!("<presence>{CAPS}</presence>")).await;
    for asker in [B, "ann@a.example"] {
        let question = bob.expect("a question", |stanza| is_question(stanza, asker)).await;
        let info = INFO.replace("urn:tune", "urn:mood");
        let id = question.id().expect("an id");
        bob.send(&format!("<iq type='result' id='{id}' to='{asker}'>{info}</iq>")).await;
    }
    bob.settle().await;
    // Another client of that hash is asked again.
    let mut hand = b.available("bob", "hand").await;
    shows(&mut hand, &[B, "ann@a.example"]).await;
    hand.settle().await;
    publishes(&mut ann, "urn:tune", "Queen Mab").await;
    assert_eq!(hears(&mut hand).await, "Queen Mab");
    let heard = bob.settle().await;
    assert!(!heard.iter().any(|stanza| stanza.kind() == Kind::Message), "{heard:?}");
}
