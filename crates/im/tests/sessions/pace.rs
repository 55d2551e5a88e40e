//! Clients that send too much: they are read later, then cut, and nobody else suffers.

use std::time::Duration;

use im::Limits;

use crate::client::{Client, condition};
use crate::house::House;

const ROOM: &str = "kitchen@conference.localhost";

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.session.stanzas_per_second_max = 20;
    limits.session.flood_time_max = Duration::from_secs(10);
    limits.account.room_messages_per_second_max = 5;
    limits
}

/// Bob talks to carol, whom the flood is not for: he is heard as if there were none.
async fn others_are_heard(bob: &mut Client<'_>, carol: &mut Client<'_>) {
    let sent = tokio::time::Instant::now();
    bob.send("<message to='carol@localhost' type='chat'><body>calm</body></message>").await;
    assert_eq!(carol.body().await, "calm");
    assert!(sent.elapsed() < Duration::from_secs(1), "{:?}", sent.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_too_fast_is_read_later_and_loses_nothing() {
    let house = House::with(limits()).await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    let mut carol = house.available("carol", "desk").await;
    let began = tokio::time::Instant::now();
    ann.send(&"<message to='bob@localhost' type='chat'><body>x</body></message>".repeat(100)).await;
    others_are_heard(&mut bob, &mut carol).await;
    for _ in 0..100 {
        assert_eq!(bob.body().await, "x");
    }
    let took = began.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_secs(6)).contains(&took), "100 at 20 a second: {took:?}");
    ann.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_slows_down_is_cut() {
    let house = House::with(limits()).await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    let mut carol = house.available("carol", "desk").await;
    ann.send(&"<presence to='bob@localhost' type='probe'/>".repeat(600)).await;
    others_are_heard(&mut bob, &mut carol).await;
    house.pass(Duration::from_secs(20)).await;
    assert_eq!(ann.stream_error().await, "policy-violation");
    others_are_heard(&mut bob, &mut carol).await;
}

#[tokio::test(start_paused = true)]
async fn a_flood_in_a_room_is_refused_to_its_sender_and_nobody_else_hears_it() {
    let mut limits = limits();
    limits.session.stanzas_per_second_max = 1_000;
    let house = House::with(limits).await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    for (client, nick) in [(&mut ann, "ann"), (&mut bob, "bob")] {
        let join =
            format!("<presence to='{ROOM}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>");
        client.send(&join).await;
        client.expect("the subject", |stanza| stanza.has_child("subject", "jabber:client")).await;
        let open = "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>";
        client.ask("o", &format!("<iq type='set' id='o' to='{ROOM}'>{open}</iq>")).await;
    }
    ann.settle().await;
    let said = format!("<message id='f' to='{ROOM}' type='groupchat'><body>flood</body></message>");
    ann.send(&said.repeat(60)).await;
    let heard = bob.settle().await.iter().filter(|stanza| stanza.has_child("body", "jabber:client")).count();
    assert!((25..=27).contains(&heard), "{heard}: five seconds' worth at 5 a second");
    let answers = ann.settle().await;
    let refused: Vec<_> = answers.iter().filter(|s| s.type_().as_deref() == Some("error")).collect();
    assert_eq!(refused.len() + heard, 60, "what was not heard was refused");
    assert!(refused.iter().all(|stanza| condition(stanza) == "resource-constraint"));
    // Who waits a moment is heard again.
    house.pass(Duration::from_secs(6)).await;
    ann.send(&said).await;
    bob.expect("what was said later", |stanza| stanza.has_child("body", "jabber:client")).await;
}
