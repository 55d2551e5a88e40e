//! Tokens in place of passwords (XEP-0484): what clients are given, how long it is good, and who is kept out.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use xmpp::Stanza;
use xmpp::sasl::TokenKey;

use crate::client::{Client, text};
use crate::foundation::PASSWORD;
use crate::house::House;

const AGENT: &str =
    "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'><software>Awesome</software></user-agent>";
const WANT: &str = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The token in a success.
fn token_of(success: &Stanza) -> Option<String> {
    assert_eq!(success.name(), "success", "{:?}", success.bytes());
    let token = success.child("token", "urn:xmpp:fast:0")?;
    assert!(token.attr("expiry").is_some_and(|expiry| expiry.ends_with('Z')));
    token.attr("token").map(str::to_owned)
}

fn condition_of(failure: &Stanza) -> String {
    assert_eq!(failure.name(), "failure", "{:?}", failure.bytes());
    failure.children().next().map(|child| child.name().to_owned()).unwrap_or_default()
}

async fn by_password(house: &House, user: &str) -> String {
    let mut client = Client::new(house, house.connect(), user);
    let success =
        client.sign_in_at_once(PASSWORD, &format!("{AGENT}{WANT}<bind xmlns='urn:xmpp:bind:0'/>")).await;
    token_of(&success).expect("a token")
}

async fn by_token(house: &House, user: &str, token: &str, fast: &str) -> Stanza {
    let proof = TokenKey::of(token).expect("ours are long enough").initiator(&[]);
    let initial = BASE64.encode([user.as_bytes(), &[0], &proof].concat());
    let mut client = Client::new(house, house.connect_from([127, 0, 0, 7]), user);
    let more = format!("{AGENT}{fast}<bind xmlns='urn:xmpp:bind:0'/>");
    client.authenticate("HT-SHA-256-NONE", &initial, &more).await
}

const FAST: &str = "<fast xmlns='urn:xmpp:fast:0'/>";

#[tokio::test(start_paused = true)]
async fn a_token_signs_its_client_in_and_nobody_else() {
    let house = House::open().await;
    let token = by_password(&house, "ann").await;
    let success = by_token(&house, "ann", &token, FAST).await;
    assert_eq!(token_of(&success), None, "the old one is good for a while");
    let additional = success.child("additional-data", "urn:xmpp:sasl:2").expect("the server's proof").text();
    assert_eq!(
        BASE64.decode(additional).expect("base64"),
        TokenKey::of(&token).expect("long").responder(&[])
    );
    let other = format!("{token}0");
    let answers = [("ann", &other), ("bob", &token), ("nobody", &token)];
    for (user, token) in answers {
        assert_eq!(condition_of(&by_token(&house, user, token, FAST).await), "not-authorized", "{user}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_replaced_after_a_day_and_the_old_one_ends_with_the_first_use_of_the_new() {
    let house = House::open().await;
    let first = by_password(&house, "ann").await;
    by_token(&house, "ann", &first, FAST).await;
    house.pass(DAY + Duration::from_secs(1)).await;
    let second = token_of(&by_token(&house, "ann", &first, FAST).await).expect("the next one");
    // The client may have been cut off before it saw that.
    let second_again = token_of(&by_token(&house, "ann", &first, FAST).await).expect("the next one");
    assert_eq!(condition_of(&by_token(&house, "ann", &second, FAST).await), "not-authorized");
    assert_eq!(token_of(&by_token(&house, "ann", &second_again, FAST).await), None);
    assert_eq!(condition_of(&by_token(&house, "ann", &first, FAST).await), "not-authorized");
}

#[tokio::test(start_paused = true)]
async fn a_token_ends_in_time() {
    let house = House::open().await;
    let token = by_password(&house, "ann").await;
    house.pass(im::TOKEN_TIME_MAX).await;
    assert_eq!(condition_of(&by_token(&house, "ann", &token, FAST).await), "credentials-expired");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_given_back_is_worthless() {
    let house = House::open().await;
    let token = by_password(&house, "ann").await;
    let back = "<fast xmlns='urn:xmpp:fast:0' invalidate='true'/>";
    assert_eq!(token_of(&by_token(&house, "ann", &token, back).await), None);
    assert_eq!(condition_of(&by_token(&house, "ann", &token, FAST).await), "not-authorized");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_account_and_a_new_password_make_tokens_worthless() {
    let house = House::open().await;
    let ann = "ann@localhost".parse().expect("an address");
    let token = by_password(&house, "ann").await;
    house.wait(house.store.user_set_enabled(&ann, false)).await.expect("ann is there");
    assert_eq!(condition_of(&by_token(&house, "ann", &token, FAST).await), "not-authorized");
    house.wait(house.store.user_set_enabled(&ann, true)).await.expect("ann is there");
    assert_eq!(condition_of(&by_token(&house, "ann", &token, FAST).await), "not-authorized");
    let token = by_password(&house, "ann").await;
    let stored = house.wait(house.store.credentials(&ann)).await.expect("a store").expect("ann").scram;
    house.wait(house.store.user_set_credentials(&ann, stored)).await.expect("ann is there");
    assert_eq!(condition_of(&by_token(&house, "ann", &token, FAST).await), "not-authorized");
}

#[tokio::test(start_paused = true)]
async fn who_guesses_tokens_is_limited_as_who_guesses_passwords() {
    let house = House::open().await;
    let token = by_password(&house, "ann").await;
    let wrong = format!("{token}0");
    for _ in 0..im::Limits::default().sign_in.failures_per_account_max {
        assert_eq!(condition_of(&by_token(&house, "ann", &wrong, FAST).await), "not-authorized");
    }
    assert_eq!(condition_of(&by_token(&house, "ann", &token, FAST).await), "temporary-auth-failure");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_account_loses_its_sessions_and_tokens_and_keeps_its_rooms_and_archive() {
    let house = House::open().await;
    let ann = "ann@localhost".parse().expect("an address");
    let mut bob = house.available("bob", "desk").await;
    let token = by_password(&house, "ann").await;
    let mut desk = house.available("ann", "desk").await;
    desk.send("<presence to='court@conference.localhost/ann'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        .await;
    desk.send(
        "<iq type='set' id='own' to='court@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>\
         <value>http://jabber.org/protocol/muc#roomconfig</value></field>\
         <field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>",
    )
    .await;
    bob.send("<message to='ann@localhost' type='chat'><body>kept</body></message>").await;
    desk.expect("a message", |stanza| text(stanza, "body").as_deref() == Some("kept")).await;
    // One session that is there, and one that has lost its connection and could be resumed.
    let mut lost = house.available("ann", "train").await;
    let id = lost.enable().await;
    lost.lose();
    desk.settle().await;
    let of_ann = || house.im.sessions().iter().filter(|session| session.jid.starts_with("ann@")).count();
    assert!(of_ann() >= 2);
    house.wait(house.store.user_set_enabled(&ann, false)).await.expect("ann is there");
    house.im.disable(&ann);
    assert_eq!(desk.stream_error().await, "not-authorized");
    bob.settle().await;
    assert_eq!(of_ann(), 0);
    assert_eq!(condition_of(&by_token(&house, "ann", &token, FAST).await), "not-authorized");

    house.wait(house.store.user_set_enabled(&ann, true)).await.expect("ann is there");
    let mut back = Client::new(&house, house.connect(), "ann");
    let ask = format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/><bind xmlns='urn:xmpp:bind:0'/>");
    let success = back.sign_in_at_once(PASSWORD, &ask).await;
    assert!(success.has_child("failed", "urn:xmpp:sm:3"), "{:?}", success.bytes());
    let bound = success.child("bound", "urn:xmpp:bind:0").expect("a session");
    let metadata = bound.child("metadata", "urn:xmpp:mam:2").expect("the ends of the archive");
    assert!(metadata.child("start", "urn:xmpp:mam:2").is_some(), "the archive is kept");
    back.send(
        "<iq type='get' id='mine' to='court@conference.localhost'>\
         <query xmlns='http://jabber.org/protocol/muc#owner'/></iq>",
    )
    .await;
    let answer = back.expect("the room's form", |stanza| stanza.id().as_deref() == Some("mine")).await;
    assert_eq!(answer.type_().as_deref(), Some("result"), "{:?}", answer.bytes());
}
