//! What is kept for each user has an end: messages that wait (XEP-0160) and personal events (XEP-0163).

use std::time::Duration;

use im::Limits;
use model::BareJid;

use crate::client::{Client, condition};
use crate::foundation::{identity, user};
use crate::house::{House, config};

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.kept.offline_messages_max = 3;
    limits.kept.offline_bytes_max = 4_000;
    limits.kept.personal_bytes_max = 2_000;
    limits
}

fn carol() -> BareJid {
    "carol@localhost".parse().expect("an address")
}

/// Sends words to carol; the conditions of what comes back.
async fn tell(ann: &mut Client<'_>, bodies: &[&str]) -> Vec<String> {
    for body in bodies {
        ann.send(&format!("<message to='carol@localhost' type='chat'><body>{body}</body></message>")).await;
    }
    let back = ann.settle().await;
    back.iter().filter(|stanza| stanza.name() == "message").map(condition).collect()
}

#[tokio::test(start_paused = true)]
async fn so_many_messages_wait_for_a_user_and_no_more() {
    let house = House::with(limits()).await;
    let mut ann = house.available("ann", "desk").await;
    assert_eq!(tell(&mut ann, &["1", "2", "3", "4", "5"]).await, ["service-unavailable"; 2]);
    let mut client = house.bound("carol", "desk").await;
    client.send("<presence/>").await;
    for body in ["1", "2", "3"] {
        assert_eq!(client.body().await, body);
    }
    client.hears_no_message().await;
    assert!(tell(&mut ann, &["there"]).await.is_empty());
    assert_eq!(client.body().await, "there");
    client.send("</stream:stream>").await;
    house.pass(Duration::from_secs(2)).await;
    // What was read waits no longer.
    assert_eq!(tell(&mut ann, &["6", "7", "8", "9"]).await, ["service-unavailable"]);
}

#[tokio::test(start_paused = true)]
async fn long_messages_fill_it_sooner_and_short_ones_still_fit() {
    let house = House::with(limits()).await;
    let mut ann = house.available("ann", "desk").await;
    let long = "x".repeat(2_500);
    assert_eq!(tell(&mut ann, &[&long, &long, "short"]).await, ["service-unavailable"]);
    assert_eq!(house.wait(house.store.spool_count(&carol())).await.expect("a count"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_waited_before_a_restart_counts() {
    let house = House::with(limits()).await;
    let mut ann = house.available("ann", "desk").await;
    assert!(tell(&mut ann, &["1", "2"]).await.is_empty());
    ann.lose();
    let mut again = config("localhost");
    again.limits = limits();
    let house = house.again_with(again, identity()).await;
    let mut ann = house.available("ann", "desk").await;
    // The first one makes the store count.
    assert!(tell(&mut ann, &["3"]).await.is_empty());
    assert_eq!(tell(&mut ann, &["4"]).await, ["service-unavailable"]);
    assert_eq!(house.wait(house.store.spool_count(&carol())).await.expect("a count"), 3);
}

/// Publishes an item of some length; the condition of a refusal.
async fn publish(client: &mut Client<'_>, id: &str, length: usize) -> Option<String> {
    let text = "x".repeat(length);
    let answer = client
        .ask(
            id,
            &format!(
                "<iq type='set' id='{id}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:n:{id}'>\
                 <item id='{id}'><a xmlns='urn:a'>{text}</a></item></publish></pubsub></iq>"
            ),
        )
        .await;
    (answer.type_().as_deref() == Some("error")).then(|| condition(&answer))
}

#[tokio::test(start_paused = true)]
async fn personal_events_fill_so_many_bytes_and_no_more() {
    let house = House::with(limits()).await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    assert_eq!(publish(&mut ann, "one", 900).await, None);
    assert_eq!(publish(&mut ann, "two", 900).await, None);
    assert_eq!(publish(&mut ann, "three", 900).await.as_deref(), Some("resource-constraint"));
    assert_eq!(publish(&mut bob, "one", 900).await, None, "each for themselves");
    let retract = "<iq type='set' id='r'><pubsub xmlns='http://jabber.org/protocol/pubsub'><retract node='urn:n:one'>\
                   <item id='one'/></retract></pubsub></iq>";
    assert_eq!(ann.ask("r", retract).await.type_().as_deref(), Some("result"));
    house.pass(Duration::from_secs(11)).await;
    assert_eq!(publish(&mut ann, "three", 900).await, None, "what was taken back makes room");
    // After a restart it is counted before anything more is kept.
    ann.lose();
    bob.lose();
    let mut again = config("localhost");
    again.limits = limits();
    let house = house.again_with(again, identity()).await;
    let mut ann = house.available("ann", "desk").await;
    assert_eq!(publish(&mut ann, "four", 900).await.as_deref(), Some("resource-constraint"));
}

/// XEP-0133 §4.23: one who has no room is left out, and all others hear it, however many they are.
#[tokio::test(start_paused = true)]
async fn an_announcement_reaches_all_for_whom_there_is_room() {
    let mut limits = limits();
    limits.session.journal_behind_entries_max = 4;
    limits.kept.offline_messages_max = 1;
    let house = House::with(limits).await;
    let many = (0..60).map(|number| user(&format!("user{number}@localhost"), 1)).collect();
    house.wait(house.store.users_import(many)).await.expect("accounts");
    let mut ann = house.available("ann", "desk").await;
    assert!(tell(&mut ann, &["first"]).await.is_empty());
    let told = house.wait(house.im.announce("fire drill", true)).await;
    assert_eq!(told, Ok(62), "all but carol");
    assert_eq!(ann.body().await, "fire drill");
    let last = "user59@localhost".parse().expect("an address");
    assert_eq!(house.wait(house.store.spool_count(&last)).await.expect("a count"), 1);
    assert_eq!(house.wait(house.store.spool_count(&carol())).await.expect("a count"), 1);
}
