//! Signing in, binding, and being sent away (RFC 6120 §6, §7).

use std::time::Duration;

use crate::client::Client;
use crate::foundation::PASSWORD;
use crate::house::House;

#[tokio::test(start_paused = true)]
async fn a_client_signs_in_and_asks_the_server() {
    let house = House::open().await;
    let mut ann = house.bound("ann", "desk").await;
    let info = ann
        .ask("1", "<iq type='get' id='1' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        .await;
    assert!(info.child("query", "http://jabber.org/protocol/disco#info").is_some());
    for (id, ns) in [("2", "jabber:iq:version"), ("3", "jabber:iq:last")] {
        let answer =
            ann.ask(id, &format!("<iq type='get' id='{id}' to='localhost'><query xmlns='{ns}'/></iq>")).await;
        assert_eq!(answer.type_().as_deref(), Some("result"), "{ns}");
        assert!(answer.child("query", ns).is_some(), "{ns}");
    }
    let unknown = ann.ask("4", "<iq type='get' id='4' to='localhost'><x xmlns='urn:nothing'/></iq>").await;
    assert_eq!(crate::client::condition(&unknown), "service-unavailable");
    assert_eq!(house.im.sessions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn wrong_passwords_and_unknown_users_look_alike() {
    let house = House::open().await;
    let mut answers = Vec::new();
    for (user, password) in [("ann", "wrong"), ("nobody", PASSWORD)] {
        let mut client = Client::new(&house, house.connect(), user);
        client.open().await;
        answers.push(client.try_password(password).await.bytes().clone());
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_account_can_have_looks_like_one_that_none_has() {
    let house = House::open().await;
    let mut answers = Vec::new();
    for user in ["nobody", "ann@localhost"] {
        let mut client = Client::new(&house, house.connect(), user);
        client.open().await;
        answers.push(client.try_password(PASSWORD).await.bytes().clone());
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(start_paused = true)]
async fn passwords_wait_for_their_turn_and_hold_up_nothing_else() {
    let mut limits = im::Limits::default();
    limits.sign_in.comparisons_max = 0;
    let house = House::with(limits).await;
    let mut ann = Client::new(&house, house.connect(), "ann");
    ann.open().await;
    ann.send_password(PASSWORD).await;
    let mut bob = Client::new(&house, house.connect(), "bob");
    bob.open().await;
    house.pass(xmpp::stream::NEGOTIATION_TIME_MAX + Duration::from_secs(1)).await;
    assert_eq!(ann.stream_error().await, "connection-timeout");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_account_is_told_after_the_right_password_only() {
    let house = House::open().await;
    let jid = "bob@localhost".parse().expect("an address");
    let mut bob = house.bound("bob", "desk").await;
    house.wait(house.store.user_set_enabled(&jid, false)).await.expect("bob is there");
    assert_eq!(house.im.disable(&jid), 1);
    assert_eq!(bob.stream_error().await, "not-authorized");
    for (password, condition) in [("wrong", "not-authorized"), (PASSWORD, "account-disabled")] {
        let mut client = Client::new(&house, house.connect(), "bob");
        client.open().await;
        let failure = client.try_password(password).await;
        assert_eq!(failure.children().next().map(|child| child.name()), Some(condition));
    }
}

#[tokio::test(start_paused = true)]
async fn failures_are_limited_per_account_and_neighbours_get_in() {
    let house = House::open().await;
    let limit = usize::from(im::Limits::default().sign_in.failures_per_account_max);
    for _ in 0..limit {
        let mut guesser = Client::new(&house, house.connect_from([127, 0, 0, 9]), "ann");
        guesser.open().await;
        assert_eq!(guesser.try_password("guess").await.name(), "failure");
    }
    let mut late = Client::new(&house, house.connect_from([127, 0, 0, 9]), "ann");
    late.open().await;
    let refused = late.try_password(PASSWORD).await;
    assert_eq!(refused.children().next().map(|child| child.name()), Some("temporary-auth-failure"));
    for (address, user) in [([127, 0, 0, 9], "bob"), ([127, 0, 0, 8], "ann")] {
        let mut neighbour = Client::new(&house, house.connect_from(address), user);
        neighbour.sign_in(PASSWORD).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_sign_in_is_sent_away() {
    let house = House::open().await;
    let mut idler = Client::new(&house, house.connect(), "ann");
    idler.open().await;
    house.pass(Duration::from_secs(31)).await;
    assert_eq!(idler.stream_error().await, "connection-timeout");
}

#[tokio::test(start_paused = true)]
async fn who_sends_drop_by_drop_is_sent_away_as_well() {
    let house = House::open().await;
    let mut slow = Client::new(&house, house.connect(), "ann");
    slow.open().await;
    for _ in 0..29 {
        slow.send(" ").await;
        house.pass(Duration::from_secs(1)).await;
    }
    assert_eq!(slow.try_password("wrong").await.name(), "failure", "its time is not over yet");
    house.pass(Duration::from_secs(2)).await;
    assert_eq!(slow.stream_error().await, "connection-timeout");
}

#[tokio::test(start_paused = true)]
async fn the_newer_client_takes_the_resource() {
    let house = House::open().await;
    let mut old = house.bound("ann", "desk").await;
    let mut new = house.bound("ann", "desk").await;
    assert_eq!(old.stream_error().await, "conflict");
    new.settle().await;
    assert_eq!(house.im.sessions().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_house_says_that_it_stops() {
    let house = House::open().await;
    let mut ann = house.bound("ann", "desk").await;
    house.runtime.stop();
    assert_eq!(ann.stream_error().await, "system-shutdown");
    house.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_cannot_speak_for_another() {
    let house = House::open().await;
    let mut ann = house.bound("ann", "desk").await;
    ann.send("<message from='bob@localhost' to='carol@localhost'><body>hi</body></message>").await;
    assert_eq!(ann.stream_error().await, "invalid-from");
}
