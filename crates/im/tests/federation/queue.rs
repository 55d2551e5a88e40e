//! What waits for a server that is away: how long, in what order, and what becomes of it when we go away ourselves.

use std::time::Duration;

use im::s2s::Domains;

use crate::client::{condition, text};
use crate::house::House;
use crate::town::{A, B, Town, state};

async fn say(client: &mut crate::client::Client<'_>, words: &str) {
    client
        .send(&format!("<message to='bob@{B}' type='chat' id='{words}'><body>{words}</body></message>"))
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_goes_out_in_order_when_the_server_is_back() {
    let town = Town::new();
    let (a, b) = town.two().await;
    town.hang_up(B);
    let mut ann = a.available("ann", "desk").await;
    for words in ["one", "two", "three"] {
        say(&mut ann, words).await;
    }
    a.pass(Duration::from_secs(8)).await;
    let waiting = state(&a, B);
    assert_eq!((waiting.state.as_str(), waiting.queued), ("waiting", 3));
    assert!(waiting.failure.unwrap().contains("no connection") && waiting.next_try_seconds.is_some());
    ann.hears_no_message().await;
    town.listen(&b);
    let mut bob = b.available("bob", "desk").await;
    a.pass(Duration::from_secs(10)).await;
    for words in ["one", "two", "three"] {
        let heard = bob.expect(words, |stanza| stanza.name() == "message").await;
        assert_eq!(text(&heard, "body").as_deref(), Some(words));
        assert!(heard.has_child("delay", "urn:xmpp:delay"), "{:?}", heard.bytes());
    }
    bob.hears_no_message().await;
}

/// A house that knows of a server that is away, and waits for it no longer than a minute.
async fn impatient(town: &Town) -> House {
    let mut config = town.config(A);
    config.limits.federation.queue_time_max = Duration::from_secs(60);
    let house = town.house_with(config, town.identity(A)).await;
    let _b = town.house(B).await;
    town.hang_up(B);
    house
}

#[tokio::test(start_paused = true)]
async fn after_the_longest_time_the_sender_is_told() {
    let town = Town::new();
    let a = impatient(&town).await;
    let mut ann = a.available("ann", "desk").await;
    say(&mut ann, "lost").await;
    a.pass(Duration::from_secs(55)).await;
    ann.hears_no_message().await;
    a.pass(Duration::from_secs(8)).await;
    let error = ann.expect("the message back", |stanza| stanza.id().as_deref() == Some("lost")).await;
    assert_eq!(condition(&error), "remote-server-timeout");
    assert_eq!(state(&a, B).returned, 1);
    assert_eq!(a.wait(a.store.spool_count(&B.parse().unwrap())).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_left_meanwhile_is_told_at_the_next_sign_in() {
    let town = Town::new();
    let a = impatient(&town).await;
    let mut ann = a.available("ann", "desk").await;
    say(&mut ann, "lost").await;
    a.pass(Duration::from_secs(1)).await;
    drop(ann);
    a.pass(Duration::from_secs(70)).await;
    let mut ann = a.bound("ann", "other").await;
    ann.send("<presence/>").await;
    let error = ann.expect("the message back", |stanza| stanza.id().as_deref() == Some("lost")).await;
    assert_eq!(condition(&error), "remote-server-timeout");
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_does_not_exist_is_told_at_once() {
    let town = Town::new();
    let a = town.house(A).await;
    let mut ann = a.available("ann", "desk").await;
    for id in ["1", "2"] {
        ann.send(&format!("<message to='x@none.example' type='chat' id='{id}'><body>hi</body></message>"))
            .await;
        let error = ann.expect("an error", |stanza| stanza.id().as_deref() == Some(id)).await;
        assert_eq!(condition(&error), "remote-server-not-found");
    }
    let ping = "<iq type='get' id='p' to='none.example'><ping xmlns='urn:xmpp:ping'/></iq>";
    assert_eq!(condition(&ann.ask("p", ping).await), "remote-server-not-found");
}

#[tokio::test(start_paused = true)]
async fn a_request_to_a_server_that_is_away_is_answered_at_once() {
    let town = Town::new();
    let (a, _b) = town.two().await;
    town.hang_up(B);
    let mut ann = a.available("ann", "desk").await;
    for id in ["1", "2"] {
        let ping = format!("<iq type='get' id='{id}' to='{B}'><ping xmlns='urn:xmpp:ping'/></iq>");
        assert_eq!(condition(&ann.ask(id, &ping).await), "remote-server-timeout");
    }
}

async fn restarted(town: &Town, house: House) -> House {
    let domain = house.domain;
    let house = house.again_with(town.config(domain), town.identity(domain)).await;
    town.open(&house).await;
    house
}

#[tokio::test(start_paused = true)]
async fn what_waits_survives_our_own_restart() {
    let town = Town::new();
    let (a, b) = town.two().await;
    town.hang_up(B);
    let mut ann = a.available("ann", "desk").await;
    say(&mut ann, "kept").await;
    ann.settle().await;
    drop(ann);
    let a = restarted(&town, a).await;
    assert_eq!(state(&a, B).queued, 1);
    let mut bob = b.available("bob", "desk").await;
    town.listen(&b);
    a.pass(Duration::from_secs(6)).await;
    let heard = bob.expect("the message", |stanza| stanza.name() == "message").await;
    assert_eq!(text(&heard, "body").as_deref(), Some("kept"));
    bob.hears_no_message().await;
    assert_eq!(a.wait(a.store.spool_count(&B.parse().unwrap())).await.unwrap(), 0, "it was acknowledged");
}

#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_is_not_sent_again_after_a_restart() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    for number in 0..50 {
        say(&mut ann, &format!("m{number}")).await;
    }
    for number in 0..50 {
        assert_eq!(bob.body().await, format!("m{number}"));
    }
    a.pass(Duration::from_secs(2)).await;
    assert_eq!(state(&a, B).sent, 50);
    drop(ann);
    let _a = restarted(&town, a).await;
    b.pass(Duration::from_secs(20)).await;
    bob.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_other_server_loses_nothing() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut ann = a.available("ann", "desk").await;
    {
        let mut bob = b.available("bob", "desk").await;
        say(&mut ann, "before").await;
        assert_eq!(bob.body().await, "before");
        bob.settle().await;
    }
    town.hang_up(B);
    let domain = b.domain;
    let b = b.again_with(town.config(domain), town.identity(domain)).await;
    say(&mut ann, "meanwhile").await;
    a.pass(Duration::from_secs(3)).await;
    town.open(&b).await;
    let mut bob = b.available("bob", "desk").await;
    a.pass(Duration::from_secs(10)).await;
    let heard = bob.expect("the message", |stanza| stanza.name() == "message").await;
    assert_eq!(text(&heard, "body").as_deref(), Some("meanwhile"), "{:?}", heard.bytes());
    bob.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_not_allowed_is_refused_in_both_directions() {
    let town = Town::new();
    let mut config = town.config(A);
    config.federation.deny = Domains::new(vec![B.to_owned()]).unwrap();
    let a = town.house_with(config, town.identity(A)).await;
    let b = town.house(B).await;
    let mut ann = a.available("ann", "desk").await;
    say(&mut ann, "no").await;
    let error = ann.expect("an error", |stanza| stanza.id().as_deref() == Some("no")).await;
    assert_eq!(condition(&error), "not-allowed");
    let mut bob = b.available("bob", "desk").await;
    let ping = format!("<iq type='get' id='p' to='{A}'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_eq!(condition(&bob.ask("p", &ping).await), "remote-server-timeout");
    assert!(state(&b, A).failure.unwrap().contains("not allowed here"));

    let mut off = town.config(A);
    off.federation.enabled = false;
    a.im.set_federation(off.federation);
    say(&mut ann, "off").await;
    let error = ann.expect("an error", |stanza| stanza.id().as_deref() == Some("off")).await;
    assert_eq!(condition(&error), "remote-server-not-found");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_full_refuses_the_next_one() {
    let town = Town::new();
    let mut config = town.config(A);
    config.limits.federation.queued_stanzas_max = 2;
    let a = town.house_with(config, town.identity(A)).await;
    let _b = town.house(B).await;
    town.hang_up(B);
    let mut ann = a.available("ann", "desk").await;
    for words in ["1", "2", "3"] {
        say(&mut ann, words).await;
    }
    let error = ann.expect("an error", |stanza| stanza.name() == "message").await;
    assert_eq!((error.id().as_deref(), condition(&error).as_str()), (Some("3"), "resource-constraint"));
}
