//! Signing in with one request (XEP-0388, XEP-0386): what the session begins with, and who is kept out.

use store::{ArchiveDefault, ArchivePreference};
use xmpp::Kind;
use xmpp::sasl::Credentials;
use xmpp::sasl::scram::Hash;

use crate::client::{Client, text};
use crate::foundation::PASSWORD;
use crate::house::House;

const BIND: &str = "<bind xmlns='urn:xmpp:bind:0'/>";

#[tokio::test(start_paused = true)]
async fn what_follows_the_request_needs_no_answer_in_between() {
    let house = House::open().await;
    let mut bob = house.available("bob", "desk").await;
    let mut ann = Client::new(&house, house.connect(), "ann");
    let answer = ann
        .sign_in_at_once(
            PASSWORD,
            &format!(
                "{BIND}</authenticate><presence/>\
                 <message to='bob@localhost' type='chat'><body>hi</body></message><authenticate xmlns='urn:x'>"
            ),
        )
        .await;
    assert_eq!(answer.name(), "success");
    assert_eq!(bob.body().await, "hi");
}

#[tokio::test(start_paused = true)]
async fn a_lost_session_is_resumed_within_the_sign_in() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = Client::new(&house, house.connect(), "bob");
    let enable = "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>";
    let answer = bob.sign_in_at_once(PASSWORD, enable).await;
    let bound = answer.child("bound", "urn:xmpp:bind:0").expect("a session");
    let id = bound.child("enabled", "urn:xmpp:sm:3").and_then(|enabled| enabled.attr("id")).expect("an id");
    bob.acknowledges = false;
    bob.send("<presence/>").await;
    bob.settle().await;
    ann.send("<message to='bob@localhost' type='chat'><body>one</body></message>").await;
    assert_eq!(bob.body().await, "one");
    let (jid, handled) = (bob.jid(), bob.received - 1);
    bob.lose();
    ann.settle().await;
    let mut bob = Client::new(&house, house.connect(), "bob");
    let resume = format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{handled}'/>{BIND}");
    let answer = bob.sign_in_at_once(PASSWORD, &resume).await;
    assert_eq!(bob.jid(), jid);
    assert!(answer.has_child("resumed", "urn:xmpp:sm:3") && !answer.has_child("bound", "urn:xmpp:bind:0"));
    assert_eq!(bob.body().await, "one");
    assert_eq!(house.im.sessions().iter().filter(|session| session.jid == jid).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn copies_and_state_begin_with_the_session() {
    let house = House::open().await;
    let mut bob = house.available("bob", "desk").await;
    let mut desk = house.available("ann", "desk").await;
    house.befriend(&mut desk, &mut bob).await;
    let mut hand = Client::new(&house, house.connect(), "ann");
    let wish = "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:carbons:2'/>\
                <inactive xmlns='urn:xmpp:csi:0'/></bind>";
    hand.sign_in_at_once(PASSWORD, wish).await;
    hand.send("<presence/>").await;
    hand.settle().await;
    // What can wait does, and goes out before what cannot.
    let away = |stanza: &xmpp::Stanza| text(stanza, "show").as_deref() == Some("away");
    bob.send("<presence><show>away</show></presence>").await;
    bob.settle().await;
    assert!(!hand.settle().await.iter().any(away));
    desk.send("<message to='bob@localhost' type='chat'><body>hi</body></message>").await;
    bob.body().await;
    hand.expect("presence", away).await;
    let copy = hand.expect("a copy", |stanza| stanza.kind() == Kind::Message).await;
    assert!(copy.has_child("sent", "urn:xmpp:carbons:2"), "{:?}", copy.bytes());
}

#[tokio::test(start_paused = true)]
async fn what_waited_comes_from_the_archive_alone() {
    let house = House::open().await;
    let carol = "carol@localhost".parse().expect("an address");
    let mut ann = house.available("ann", "desk").await;
    ann.send("<message to='carol@localhost' type='chat'><body>kept</body></message>").await;
    ann.settle().await;
    // From here on nothing of hers is archived.
    let preference = ArchivePreference { otherwise: ArchiveDefault::Never, ..ArchivePreference::default() };
    house.wait(house.store.archive_preference_put(&carol, &preference)).await.expect("a preference");
    house.wait(house.im.load()).await.expect("it is read");
    ann.send("<message to='carol@localhost' type='chat'><body>not kept</body></message>").await;
    ann.settle().await;
    let mut client = Client::new(&house, house.connect(), "carol");
    let answer = client.sign_in_at_once(PASSWORD, BIND).await;
    let bound = answer.child("bound", "urn:xmpp:bind:0").expect("a session");
    let metadata = bound.child("metadata", "urn:xmpp:mam:2").expect("the ends of her archive");
    let (start, end) = (metadata.child("start", "urn:xmpp:mam:2"), metadata.child("end", "urn:xmpp:mam:2"));
    assert!(
        start.is_some() && start.and_then(|start| start.attr("id")) == end.and_then(|end| end.attr("id"))
    );
    client.send("<presence/>").await;
    assert_eq!(client.body().await, "not kept");
    client.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn who_guesses_is_limited_as_by_the_other_profile() {
    let house = House::open().await;
    let limit = usize::from(im::Limits::default().sign_in.failures_per_account_max);
    for _ in 0..limit {
        let mut guesser = Client::new(&house, house.connect_from([127, 0, 0, 9]), "ann");
        assert_eq!(guesser.sign_in_at_once("guess", BIND).await.name(), "failure");
    }
    let mut late = Client::new(&house, house.connect_from([127, 0, 0, 9]), "ann");
    let refused = late.sign_in_at_once(PASSWORD, BIND).await;
    assert_eq!(refused.children().next().map(|child| child.name()), Some("temporary-auth-failure"));
    let mut elsewhere = Client::new(&house, house.connect_from([127, 0, 0, 8]), "ann");
    assert_eq!(elsewhere.sign_in_at_once(PASSWORD, BIND).await.name(), "success");
}

#[tokio::test(start_paused = true)]
async fn a_password_that_is_seen_makes_the_next_sign_in_a_stronger_one() {
    let house = House::open().await;
    let ann = "ann@localhost".parse().expect("an address");
    let weak = Credentials::derive(PASSWORD, &[2; 16], 1, &[Hash::Sha1]).expect("a password");
    let weak = weak.sha1.expect("it was asked for");
    let weak = store::ScramRecord {
        mechanism: "SCRAM-SHA-1".to_owned(),
        salt: weak.salt,
        iterations: weak.iterations,
        stored_key: weak.stored_key,
        server_key: weak.server_key,
    };
    house.wait(house.store.user_set_credentials(&ann, vec![weak])).await.expect("ann is there");
    let mechanisms = || async {
        let stored = house.wait(house.store.credentials(&ann)).await.expect("a store").expect("ann");
        stored.scram.into_iter().map(|record| record.mechanism).collect::<Vec<_>>()
    };
    let mut wrong = Client::new(&house, house.connect(), "ann");
    wrong.sign_in_at_once("wrong", BIND).await;
    assert_eq!(mechanisms().await, ["SCRAM-SHA-1"]);
    // What `carillon user list --without scram-sha-256` names: who holds up the mechanism.
    let without = || async { house.wait(house.store.users_without("SCRAM-SHA-256")).await.expect("a store") };
    assert_eq!(without().await, std::slice::from_ref(&ann));
    let mut right = Client::new(&house, house.connect(), "ann");
    right.sign_in_at_once(PASSWORD, BIND).await;
    assert_eq!(mechanisms().await, ["SCRAM-SHA-1", "SCRAM-SHA-256"]);
    assert!(without().await.is_empty());
    let mut again = Client::new(&house, house.connect(), "ann");
    assert_eq!(again.sign_in_at_once(PASSWORD, BIND).await.name(), "success");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_account_is_told_after_the_right_password_only() {
    let house = House::open().await;
    let jid = "bob@localhost".parse().expect("an address");
    house.wait(house.store.user_set_enabled(&jid, false)).await.expect("bob is there");
    for (password, condition) in [("wrong", "not-authorized"), (PASSWORD, "account-disabled")] {
        let mut client = Client::new(&house, house.connect(), "bob");
        let failure = client.sign_in_at_once(password, BIND).await;
        assert_eq!(failure.children().next().map(|child| child.name()), Some(condition));
    }
}
