//! Rosters, subscriptions and presence between clients (RFC 6121 §2, §3, §4).

use xmpp::Kind;

use crate::client::{condition, text};
use crate::foundation::user;
use crate::house::House;

const ROSTER: &str = "jabber:iq:roster";

#[tokio::test(start_paused = true)]
async fn two_users_come_to_see_each_other_and_stop() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    house.befriend(&mut ann, &mut bob).await;
    let roster = ann.ask("r", "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await;
    let query = roster.child("query", ROSTER).expect("a roster");
    let item = query.child("item", ROSTER).expect("an item");
    assert_eq!((item.attr("jid"), item.attr("subscription")), (Some("bob@localhost"), Some("both")));
    bob.send("<presence><show>away</show><status>lunch</status></presence>").await;
    let away = ann.presence("bob@localhost/desk", None).await;
    assert_eq!(
        (text(&away, "show").as_deref(), text(&away, "status").as_deref()),
        (Some("away"), Some("lunch"))
    );
    ann.send("<presence to='bob@localhost' type='unsubscribed'/>").await;
    bob.presence("ann@localhost/desk", Some("unavailable")).await;
    bob.presence("ann@localhost", Some("unsubscribed")).await;
    ann.send("<presence><show>dnd</show></presence>").await;
    ann.settle().await;
    let heard = bob.settle().await;
    assert!(heard.iter().all(|stanza| stanza.from().as_deref() != Some("ann@localhost/desk")), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn who_signs_in_sees_who_is_there_and_who_asked() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    house.befriend(&mut ann, &mut bob).await;
    drop(ann);
    bob.presence("ann@localhost/desk", Some("unavailable")).await;
    let mut carol = house.available("carol", "desk").await;
    carol.send("<presence to='ann@localhost' type='subscribe'/>").await;
    carol.settle().await;
    let mut ann = house.bound("ann", "hand").await;
    ann.send("<presence/>").await;
    let heard = ann.settle().await;
    let has = |from: &str, kind: Option<&str>| {
        heard.iter().any(|s| {
            s.kind() == Kind::Presence && s.from().as_deref() == Some(from) && s.type_().as_deref() == kind
        })
    };
    assert!(has("bob@localhost/desk", None), "{heard:?}");
    assert!(has("carol@localhost", Some("subscribe")), "{heard:?}");
    assert!(!has("carol@localhost/desk", None), "she may not be seen yet");
    bob.presence("ann@localhost/hand", None).await;
}

#[tokio::test(start_paused = true)]
async fn a_grant_given_before_it_is_asked_is_kept() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    bob.send("<presence to='ann@localhost' type='subscribed'/>").await;
    bob.settle().await;
    ann.send("<presence to='bob@localhost' type='subscribe'/>").await;
    ann.presence("bob@localhost", Some("subscribed")).await;
    ann.presence("bob@localhost/desk", None).await;
    let heard = bob.settle().await;
    assert!(heard.iter().all(|stanza| stanza.type_().as_deref() != Some("subscribe")), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn roster_changes_go_to_all_devices_and_versions_save_the_rest() {
    let house = House::open().await;
    let mut desk = house.available("ann", "desk").await;
    let mut hand = house.available("ann", "hand").await;
    let set = "<iq type='set' id='s'><query xmlns='jabber:iq:roster'>\
               <item jid='bob@localhost' name='Bob'><group>Friends</group></item></query></iq>";
    let done = desk.ask("s", set).await;
    assert_eq!(done.type_().as_deref(), Some("result"));
    let push = hand.expect("a push", |s| s.kind() == Kind::Iq && s.type_().as_deref() == Some("set")).await;
    let query = push.child("query", ROSTER).expect("a roster");
    let version = query.attr("ver").expect("a version").to_owned();
    assert_eq!(query.child("item", ROSTER).and_then(|item| item.attr("name")), Some("Bob"));
    let same = hand
        .ask("v", &format!("<iq type='get' id='v'><query xmlns='jabber:iq:roster' ver='{version}'/></iq>"))
        .await;
    assert_eq!(same.children().count(), 0, "nothing new");
    let removed = desk
        .ask(
            "d",
            "<iq type='set' id='d'><query xmlns='jabber:iq:roster'>\
             <item jid='bob@localhost' subscription='remove'/></query></iq>",
        )
        .await;
    assert_eq!(removed.type_().as_deref(), Some("result"));
    let since = hand
        .ask("w", &format!("<iq type='get' id='w'><query xmlns='jabber:iq:roster' ver='{version}'/></iq>"))
        .await;
    assert_eq!(since.children().count(), 0);
    let push = hand.expect("the removal", |s| s.type_().as_deref() == Some("set")).await;
    let item = push.child("query", ROSTER).and_then(|query| query.child("item", ROSTER).cloned());
    assert_eq!(item.expect("an item").attr("subscription"), Some("remove"));
}

#[tokio::test(start_paused = true)]
async fn a_roster_set_that_asks_too_much_is_refused() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let long = "x".repeat(300);
    for (id, items, expected) in [
        ("a", String::new(), "bad-request"),
        ("b", "<item jid='a@x'/><item jid='b@x'/>".to_owned(), "bad-request"),
        ("c", "<item jid='@'/>".to_owned(), "jid-malformed"),
        ("d", format!("<item jid='a@x' name='{long}'/>"), "not-acceptable"),
        ("e", "<item jid='a@x'><group></group></item>".to_owned(), "not-acceptable"),
        ("f", "<item jid='a@x' subscription='remove'/>".to_owned(), "item-not-found"),
        ("g", "<item jid='ann@localhost'/>".to_owned(), "not-allowed"),
    ] {
        let set = format!("<iq type='set' id='{id}'><query xmlns='jabber:iq:roster'>{items}</query></iq>");
        assert_eq!(condition(&ann.ask(id, &set).await), expected, "{items}");
    }
}

#[tokio::test(start_paused = true)]
async fn directed_presence_ends_with_the_session() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    ann.send("<presence to='bob@localhost/desk'><status>only you</status></presence>").await;
    let shown = bob.presence("ann@localhost/desk", None).await;
    assert_eq!(text(&shown, "status").as_deref(), Some("only you"));
    ann.send("</stream:stream>").await;
    bob.presence("ann@localhost/desk", Some("unavailable")).await;
}

#[tokio::test(start_paused = true)]
async fn strangers_learn_nothing() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    let _bob = house.available("bob", "desk").await;
    for (id, to) in [("1", "bob@localhost"), ("2", "nobody@localhost")] {
        let query = "http://jabber.org/protocol/disco#info";
        let answer =
            ann.ask(id, &format!("<iq type='get' id='{id}' to='{to}'><query xmlns='{query}'/></iq>")).await;
        assert_eq!(condition(&answer), "service-unavailable", "{to}");
    }
    for (id, to) in [("3", "bob@localhost"), ("4", "nobody@localhost")] {
        let answer = ann
            .ask(id, &format!("<iq type='get' id='{id}' to='{to}'><query xmlns='jabber:iq:last'/></iq>"))
            .await;
        assert_eq!(condition(&answer), "forbidden", "{to}");
    }
    ann.send("<presence to='bob@localhost' type='probe'/>").await;
    assert!(ann.settle().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_account_of_the_same_name_begins_with_nothing_of_the_one_that_was_removed() {
    let house = House::open().await;
    let mut ann = house.bound("ann", "desk").await;
    let block =
        "<iq type='set' id='b'><block xmlns='urn:xmpp:blocking'><item jid='bob@localhost'/></block></iq>";
    ann.ask("b", block).await;
    let prefs = "<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>";
    ann.ask("p", prefs).await;
    ann.send("</stream:stream>").await;
    drop(ann);
    let jid = "ann@localhost".parse().expect("an address");
    house.wait(house.store.user_remove(&jid)).await.expect("no such user");
    house.im.forget(&jid);
    house.wait(house.store.users_import(vec![user("ann@localhost", 1)])).await.expect("an account");
    let mut bob = house.available("bob", "desk").await;
    bob.send("<message to='ann@localhost' type='chat'><body>Welcome</body></message>").await;
    bob.hears_no_message().await;
    let mut ann = house.bound("ann", "desk").await;
    ann.send("<presence/>").await;
    assert_eq!(ann.body().await, "Welcome");
    let asked = ann.ask("p", "<iq type='get' id='p'><prefs xmlns='urn:xmpp:mam:2'/></iq>").await;
    let prefs = asked.child("prefs", "urn:xmpp:mam:2").expect("preferences");
    assert_eq!(prefs.attr("default"), Some("always"));
}
