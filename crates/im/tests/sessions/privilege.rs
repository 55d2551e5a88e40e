//! Privileged components (XEP-0356): what one that the operator trusts does in the name of users, and what none does.

use im::ComponentsConfig;

use crate::client::{condition, text};
use crate::component::DOMAIN;
use crate::house::House;
use crate::program::Component;

const ALL: &str = "gateway.localhost roster=both message=outgoing presence=managed_entity \
                   iq:http://jabber.org/protocol/pubsub=both";

/// A house with one component, which may do what is said.
async fn house(grant: Option<&str>) -> House {
    House::configured(|config| {
        config.components = ComponentsConfig {
            domains: vec![DOMAIN.parse().expect("a domain")],
            secret: "north".into(),
            privileges: grant.map(|grant| grant.parse().expect("a grant")).into_iter().collect(),
            ..ComponentsConfig::default()
        };
    })
    .await
}

fn privileged_message(from: &str, to: &str) -> String {
    format!(
        "<message from='{DOMAIN}' to='localhost' id='m'><privilege xmlns='urn:xmpp:privilege:2'>\
         <forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='{from}' to='{to}' type='chat'>\
         <body>in your name</body></message></forwarded></privilege></message>"
    )
}

fn privileged_iq(user: &str, type_: &str, payload: &str) -> String {
    format!(
        "<iq from='{DOMAIN}' to='{user}' id='p' type='{type_}'><privileged_iq xmlns='urn:xmpp:privilege:2'>\
         <iq xmlns='jabber:client' id='i' type='{type_}' to='{user}'>{payload}</iq></privileged_iq></iq>"
    )
}

const PUBLISH: &str = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:tune'>\
                       <item id='current'><tune xmlns='urn:tune'/></item></publish></pubsub>";
const ROSTER: &str = "<query xmlns='jabber:iq:roster'><item jid='romeo@elsewhere' name='Romeo'/></query>";

#[tokio::test(start_paused = true)]
async fn a_component_is_told_what_it_may_do_and_who_is_there() {
    let house = house(Some(ALL)).await;
    let mut ann = house.available("ann", "desk").await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    let told = gateway.hears("<presence from='ann@localhost/desk'").await;
    for part in [
        "<perm access='roster' type='both' push='false'/>",
        "<perm access='message' type='outgoing'/>",
        "<perm access='presence' type='managed_entity'/>",
        "<namespace ns='http://jabber.org/protocol/pubsub' type='both'/>",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    ann.send("<presence type='unavailable'/>").await;
    gateway.hears("type='unavailable'").await;
    let _bob = house.available("bob", "desk").await;
    gateway.hears("from='bob@localhost/desk'").await;
}

#[tokio::test(start_paused = true)]
async fn a_component_speaks_in_the_name_of_users_and_of_nobody_else() {
    let house = house(Some(ALL)).await;
    let mut bob = house.available("bob", "desk").await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.send(&privileged_message("ann@localhost", "bob@localhost")).await;
    let heard = bob.expect("a message", |stanza| stanza.name() == "message").await;
    assert_eq!(heard.from().as_deref(), Some("ann@localhost"));
    assert_eq!(text(&heard, "body").as_deref(), Some("in your name"));
    // As slixmpp writes it.
    let own = privileged_message("ann@localhost", "bob@localhost");
    gateway.send(&own.replace("jabber:client", "jabber:component:accept")).await;
    assert_eq!(bob.body().await, "in your name");
    for other in ["ann@localhost/desk", "eve@elsewhere", "search.localhost"] {
        gateway.send(&privileged_message(other, "bob@localhost")).await;
        assert!(gateway.hears("</error>").await.contains("<forbidden"), "{other}");
    }
    bob.hears_no_message().await;
}

#[tokio::test(start_paused = true)]
async fn a_component_reads_and_changes_rosters() {
    let house = house(Some(ALL)).await;
    let mut ann = house.available("ann", "desk").await;
    ann.ask("r", "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.send(&format!("<iq type='set' id='s' from='{DOMAIN}' to='ann@localhost'>{ROSTER}</iq>")).await;
    assert!(gateway.hears("id='s'").await.contains("type='result'"));
    let push = ann.expect("a push", |stanza| stanza.type_().as_deref() == Some("set")).await;
    assert!(format!("{:?}", push.bytes()).contains("romeo@elsewhere"));
    // Of one who is away, too.
    for user in ["ann", "bob"] {
        gateway
            .send(&format!(
                "<iq type='get' id='g' from='{DOMAIN}' to='{user}@localhost'><query xmlns='jabber:iq:roster'/></iq>"
            ))
            .await;
        let answer = gateway.hears("</iq>").await;
        assert_eq!(answer.contains("name='Romeo'"), user == "ann", "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_component_asks_in_the_name_of_users() {
    let house = house(Some(ALL)).await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.send(&privileged_iq("ann@localhost", "set", PUBLISH)).await;
    let answer = gateway.hears("</iq></forwarded></privilege></iq>").await;
    assert!(answer.contains("<publish node='urn:tune'><item id='current'/></publish>"), "{answer}");
    // What goes wrong goes wrong for the component as it would have for the user.
    let items = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:none'/></pubsub>";
    gateway.send(&privileged_iq("ann@localhost", "get", items)).await;
    let answer = gateway.hears("</privilege><error").await;
    assert!(answer.contains("<item-not-found"), "{answer}");
    // Only what is granted, and only of users.
    let ping = "<ping xmlns='urn:xmpp:ping'/>";
    for (user, payload) in [("ann@localhost", ping), ("nobody@localhost", PUBLISH)] {
        gateway.send(&privileged_iq(user, "set", payload)).await;
        let answer = gateway.hears("</iq>").await;
        assert!(answer.contains("<forbidden") || answer.contains("<item-not-found"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_component_without_privileges_has_none() {
    let house = house(None).await;
    let mut ann = house.available("ann", "desk").await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("<handshake/>").await;
    gateway.send(&privileged_message("bob@localhost", "ann@localhost")).await;
    gateway
        .send(&format!(
            "<iq type='get' id='g' from='{DOMAIN}' to='ann@localhost'><query xmlns='jabber:iq:roster'/></iq>"
        ))
        .await;
    gateway.hears("id='g'").await;
    gateway.send(&privileged_iq("ann@localhost", "set", PUBLISH)).await;
    let answer = gateway.hears("id='p'").await;
    assert!(answer.contains("type='error'"), "{answer}");
    ann.hears_no_message().await;
    assert!(!gateway.heard_so_far().contains("privilege'"), "nothing is told of what is not granted");
    // A client cannot do it at all.
    let asked = privileged_iq("bob@localhost", "set", PUBLISH).replace(&format!("from='{DOMAIN}' "), "");
    assert_eq!(condition(&ann.ask("p", &asked).await), "service-unavailable");
}
