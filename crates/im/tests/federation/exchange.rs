//! What two users of two houses see of each other: messages, requests, presence, rooms.

use im::Transport;

use crate::client::{condition, text};
use crate::town::{A, B, Town, state};

#[tokio::test(start_paused = true)]
async fn messages_go_both_ways_on_one_stream() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    ann.send(&format!("<message to='bob@{B}' type='chat' id='1'><body>hello</body></message>")).await;
    let heard = bob.expect("the message", |stanza| stanza.name() == "message").await;
    assert_eq!(text(&heard, "body").as_deref(), Some("hello"));
    assert_eq!(heard.from().as_deref(), Some(ann.jid().as_str()));
    let ids: Vec<_> = heard.children().filter(|child| child.name() == "stanza-id").collect();
    assert_eq!(ids.len(), 2, "both servers have given it an id: {:?}", heard.bytes());
    bob.send(&format!("<message to='{}' type='chat'><body>and back</body></message>", ann.jid())).await;
    assert_eq!(ann.body().await, "and back");
    assert_eq!(*town.wires.connections.lock(), 1, "XEP-0288");
    let (there, here) = (state(&a, B), state(&b, A));
    assert_eq!((there.state.as_str(), there.queued), ("connected", 0));
    assert!(there.how.unwrap().contains("SASL EXTERNAL"), "by certificate");
    assert_eq!(here.incoming.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn direct_tls_is_taken_where_it_is_preferred() {
    let town = Town::new();
    let (a, b) = town.two().await;
    town.publish(B, &[(5270, Transport::DirectTls), (5269, Transport::StartTls)]);
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    ann.send(&format!("<message to='bob@{B}' type='chat'><body>hello</body></message>")).await;
    assert_eq!(bob.body().await, "hello");
    assert!(state(&a, B).how.unwrap().contains(":5270"));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_there_gets_it_later_and_strangers_are_told() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut ann = a.available("ann", "desk").await;
    ann.send(&format!("<message to='bob@{B}' type='chat'><body>later</body></message>")).await;
    ann.send(&format!("<message to='nobody@{B}' type='chat' id='n'><body>who?</body></message>")).await;
    let error = ann.expect("an error", |stanza| stanza.id().as_deref() == Some("n")).await;
    assert_eq!(condition(&error), "service-unavailable");
    let mut bob = b.bound("bob", "desk").await;
    bob.send("<presence/>").await;
    assert_eq!(bob.body().await, "later");
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_by_clients_accounts_and_servers() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    let info =
        format!("<iq type='get' id='d' to='{B}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
    let answer = ann.ask("d", &info).await;
    assert_eq!((answer.type_().as_deref(), answer.from().as_deref()), (Some("result"), Some(B)));
    let items = format!(
        "<iq type='get' id='i' to='{B}'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>"
    );
    assert!(format!("{:?}", ann.ask("i", &items).await.bytes()).contains("conference.b.example"));

    ann.send(&format!("<iq type='get' id='p' to='{}'><ping xmlns='urn:xmpp:ping'/></iq>", bob.jid())).await;
    let ping = bob.expect("a ping", |stanza| stanza.id().as_deref() == Some("p")).await;
    assert_eq!(ping.from().as_deref(), Some(ann.jid().as_str()));
    bob.send(&format!("<iq type='result' id='p' to='{}'/>", ann.jid())).await;
    let pong = ann.expect("the answer", |stanza| stanza.id().as_deref() == Some("p")).await;
    assert_eq!(pong.type_().as_deref(), Some("result"));

    let vcard = format!("<iq type='get' id='v' to='bob@{B}'><vCard xmlns='vcard-temp'/></iq>");
    assert!(ann.ask("v", &vcard).await.type_().is_some());
    let nobody = format!("<iq type='get' id='n' to='bob@{B}/nowhere'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_eq!(condition(&ann.ask("n", &nobody).await), "service-unavailable");
}

#[tokio::test(start_paused = true)]
async fn contacts_elsewhere_see_each_other_come_change_and_go() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    a.befriend(&mut ann, &mut bob).await;
    ann.send("<presence><show>dnd</show></presence>").await;
    let seen = bob.presence(&ann.jid(), None).await;
    assert_eq!(text(&seen, "show").as_deref(), Some("dnd"));

    // A probe answers who comes later.
    let jid = bob.jid();
    bob.send("<presence type='unavailable'/>").await;
    ann.presence(&jid, Some("unavailable")).await;
    let mut later = b.available("bob", "later").await;
    later.presence(&ann.jid(), None).await;
    ann.presence(&later.jid(), None).await;

    // Whoever takes the other off the roster sees them no more.
    let remove = format!(
        "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='bob@{B}' subscription='remove'/></query></iq>"
    );
    ann.ask("r", &remove).await;
    later.presence("ann@a.example", Some("unsubscribe")).await;
    later.presence("ann@a.example", Some("unsubscribed")).await;
    let roster = later.ask("g", "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>").await;
    assert!(format!("{:?}", roster.bytes()).contains("subscription='none'"), "{:?}", roster.bytes());
}

#[tokio::test(start_paused = true)]
async fn a_probe_without_the_right_to_see_is_told_so() {
    let town = Town::new();
    let (a, _b) = town.two().await;
    // Ann believes that she may see bob, and bob has never heard of her.
    let mut item = store::RosterItem::new("bob@b.example".parse().unwrap());
    item.subscription = store::Subscription::To;
    a.wait(a.store.roster_put(&"ann@a.example".parse().unwrap(), item)).await.unwrap();
    let mut ann = a.available("ann", "desk").await;
    let push = ann.expect("a roster push", |stanza| stanza.type_().as_deref() == Some("set")).await;
    assert!(format!("{:?}", push.bytes()).contains("subscription='none'"), "{:?}", push.bytes());
}

#[tokio::test(start_paused = true)]
async fn people_from_elsewhere_meet_in_a_room() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut bob = b.available("bob", "desk").await;
    let room = format!("ball@conference.{B}");
    let muc = "<x xmlns='http://jabber.org/protocol/muc'/>";
    bob.send(&format!("<presence to='{room}/bob'>{muc}</presence>")).await;
    bob.presence(&format!("{room}/bob"), None).await;
    let instant = format!(
        "<iq type='set' id='c' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>\
         <x xmlns='jabber:x:data' type='submit'/></query></iq>"
    );
    bob.ask("c", &instant).await;

    let mut ann = a.available("ann", "desk").await;
    ann.send(&format!("<presence to='{room}/ann'>{muc}</presence>")).await;
    ann.presence(&format!("{room}/bob"), None).await;
    ann.presence(&format!("{room}/ann"), None).await;
    bob.presence(&format!("{room}/ann"), None).await;
    ann.send(&format!("<message to='{room}' type='groupchat'><body>good evening</body></message>")).await;
    for who in [&mut bob, &mut ann] {
        let words = |stanza: &xmpp::Stanza| text(stanza, "body").as_deref() == Some("good evening");
        who.expect("what was said", words).await;
    }
    bob.send(&format!("<message to='{room}/ann' type='chat'><body>just us</body></message>")).await;
    assert_eq!(ann.body().await, "just us");
    let ping = format!("<iq type='get' id='p' to='{room}/ann'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_eq!(ann.ask("p", &ping).await.type_().as_deref(), Some("result"), "XEP-0410");

    // The server of an occupant goes away: the room notices when it has something to say.
    drop(ann);
    a.stop().await;
    town.hang_up(A);
    bob.send(&format!("<message to='{room}' type='groupchat'><body>anybody?</body></message>")).await;
    bob.presence(&format!("{room}/ann"), Some("unavailable")).await;
}

#[tokio::test(start_paused = true)]
async fn a_room_tells_somebody_elsewhere_why_they_do_not_come_in() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut bob = b.available("bob", "desk").await;
    let room = format!("ball@conference.{B}");
    let muc = "<x xmlns='http://jabber.org/protocol/muc'/>";
    bob.send(&format!("<presence to='{room}/bob'>{muc}</presence>")).await;
    bob.presence(&format!("{room}/bob"), None).await;
    let mut ann = a.available("ann", "desk").await;
    // It is locked until its owner has said how it is to be.
    ann.send(&format!("<presence to='{room}/ann'>{muc}</presence>")).await;
    let error = ann.presence(&format!("{room}/ann"), Some("error")).await;
    assert_eq!(condition(&error), "item-not-found");
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_elsewhere_is_in_the_senders_archive() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    ann.send(&format!("<message to='bob@{B}/desk' type='chat'><body>for the record</body></message>")).await;
    bob.body().await;
    let query = format!(
        "<iq type='set' id='m'><query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>\
         <field var='with'><value>bob@{B}</value></field></x></query></iq>"
    );
    ann.settle().await;
    ann.send(&query).await;
    let result = ann.expect("a result", |stanza| stanza.name() == "message").await;
    assert!(format!("{:?}", result.bytes()).contains("for the record"));
}
