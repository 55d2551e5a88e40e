//! Programs beside the server, and its push service, for people on other servers: in the name of their own domains.

use std::time::Duration;

use im::ComponentsConfig;
use im::s2s::Domains;

use crate::client::condition;
use crate::house::{House, Identity};
use crate::program::Component;
use crate::town::{A, B, Town, state_of};

const GATEWAY: &str = "gateway.a.example";

async fn with_gateway(town: &Town, identity: Identity) -> House {
    let mut config = town.config(A);
    config.components = ComponentsConfig {
        domains: vec![GATEWAY.parse().expect("a domain")],
        secret: "north".into(),
        ..ComponentsConfig::default()
    };
    town.house_with(config, identity).await
}

fn named(town: &Town) -> Identity {
    town.issue(&[A, GATEWAY, &format!("push.{A}")], |_| {})
}

async fn connected(house: &House) -> Component<'_> {
    let mut gateway = Component::connect(house, GATEWAY, "north").await;
    gateway.hears("<handshake/>").await;
    gateway
}

/// Everything both ways between somebody elsewhere and a component.
async fn talk(a: &House, b: &House) {
    let mut gateway = connected(a).await;
    let mut bob = b.available("bob", "desk").await;
    bob.send(&format!("<message to='x@{GATEWAY}' type='chat'><body>there</body></message>")).await;
    let heard = gateway.hears("</message>").await;
    assert!(
        heard.contains("<body>there</body>") && heard.contains(&format!("from='{}'", bob.jid())),
        "{heard}"
    );
    gateway
        .send(&format!("<message from='x@{GATEWAY}/y' to='bob@{B}' type='chat'><body>back</body></message>"))
        .await;
    assert_eq!(bob.body().await, "back");

    bob.send(&format!("<iq type='get' id='q' to='{GATEWAY}'><query xmlns='jabber:iq:version'/></iq>")).await;
    gateway.hears("jabber:iq:version").await;
    gateway.send(&format!("<iq type='result' id='q' from='{GATEWAY}' to='{}'/>", bob.jid())).await;
    let answer = bob.expect("the answer", |stanza| stanza.id().as_deref() == Some("q")).await;
    assert_eq!((answer.type_().as_deref(), answer.from().as_deref()), (Some("result"), Some(GATEWAY)));
    gateway
        .send(&format!("<iq type='get' id='p' from='{GATEWAY}' to='{B}'><ping xmlns='urn:xmpp:ping'/></iq>"))
        .await;
    assert!(gateway.hears("id='p'").await.contains("type='result'"));

    bob.send(&format!("<presence type='subscribe' to='x@{GATEWAY}'/>")).await;
    assert!(gateway.hears("subscribe").await.contains(&format!("from='bob@{B}'")));
    gateway.send(&format!("<presence type='subscribed' from='x@{GATEWAY}' to='bob@{B}'/>")).await;
    gateway.send(&format!("<presence from='x@{GATEWAY}/y' to='bob@{B}'/>")).await;
    bob.presence(&format!("x@{GATEWAY}/y"), None).await;
}

#[tokio::test(start_paused = true)]
async fn people_elsewhere_talk_with_a_component_by_its_certificate() {
    let town = Town::new();
    let a = with_gateway(&town, named(&town)).await;
    let b = town.house(B).await;
    talk(&a, &b).await;
    let way = state_of(&b, B, GATEWAY);
    assert!(format!("{way:?}").contains("EXTERNAL"), "{way:?}");
    // Nothing of it went in the name of the house's own domain.
    assert!(a.im.federation().iter().all(|state| state.local == GATEWAY), "{:?}", a.im.federation());
}

#[tokio::test(start_paused = true)]
async fn a_component_without_a_name_in_the_certificate_shows_itself_by_dialback() {
    let town = Town::new();
    let a = with_gateway(&town, town.identity(A)).await;
    let mut config = town.config(B);
    config.federation.unverified = Domains::new(vec![GATEWAY.to_owned()]).expect("a list");
    let b = town.house_with(config, town.identity(B)).await;
    {
        // The component speaks first, so that the way is its own.
        let mut bob = b.available("bob", "first").await;
        let mut gateway = connected(&a).await;
        gateway
            .send(&format!(
                "<message from='x@{GATEWAY}' to='bob@{B}' type='chat'><body>first</body></message>"
            ))
            .await;
        assert_eq!(bob.body().await, "first");
        gateway.send("</stream:stream>").await;
        gateway.hears("</stream:stream>").await;
    }
    talk(&a, &b).await;
    let way = state_of(&a, GATEWAY, B);
    assert!(format!("{way:?}").contains("dialback"), "{way:?}");
}

#[tokio::test(start_paused = true)]
async fn a_message_from_elsewhere_waits_for_a_component_and_a_request_does_not() {
    let town = Town::new();
    let a = with_gateway(&town, named(&town)).await;
    let b = town.house(B).await;
    let mut bob = b.available("bob", "desk").await;
    bob.send(&format!("<message to='x@{GATEWAY}' type='chat'><body>waits</body></message>")).await;
    let ping = format!("<iq type='get' id='q' to='{GATEWAY}'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_eq!(condition(&bob.ask("q", &ping).await), "service-unavailable");
    let mut gateway = Component::connect(&a, GATEWAY, "north").await;
    gateway.hears("<body>waits</body>").await;
}

#[tokio::test(start_paused = true)]
async fn a_component_is_told_what_did_not_go_out() {
    let town = Town::new();
    let a = with_gateway(&town, named(&town)).await;
    let mut gateway = connected(&a).await;
    gateway
        .send(&format!(
            "<iq type='get' id='e' from='{GATEWAY}' to='none.example'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
    assert!(gateway.hears("</iq>").await.contains("remote-server-not-found"));
    gateway
        .send(&format!(
            "<message id='m' from='x@{GATEWAY}' to='y@none.example' type='chat'><body>hi</body></message>"
        ))
        .await;
    let heard = gateway.hears("</message>").await;
    assert!(heard.contains("remote-server-not-found") && heard.contains("id='m'"), "{heard}");
    assert!(heard.contains(&format!("to='x@{GATEWAY}'")), "{heard}");
    a.pass(Duration::from_secs(1)).await;
    for owner in ["none.example", GATEWAY] {
        assert_eq!(a.wait(a.store.spool_count(&owner.parse().unwrap())).await.unwrap(), 0, "{owner}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_component_sends_to_a_server_that_is_away_goes_out_after_a_restart() {
    let town = Town::new();
    let a = with_gateway(&town, named(&town)).await;
    let b = town.house(B).await;
    town.hang_up(B);
    {
        let mut gateway = connected(&a).await;
        gateway
            .send(&format!(
                "<message from='x@{GATEWAY}' to='bob@{B}' type='chat'><body>kept</body></message>"
            ))
            .await;
        a.pass(Duration::from_secs(1)).await;
    }
    let mut config = town.config(A);
    config.components = ComponentsConfig {
        domains: vec![GATEWAY.parse().expect("a domain")],
        secret: "north".into(),
        ..ComponentsConfig::default()
    };
    let a = a.again_with(config, named(&town)).await;
    town.open(&a).await;
    assert_eq!(state_of(&a, GATEWAY, B).queued, 1);
    let mut bob = b.available("bob", "desk").await;
    town.listen(&b);
    a.pass(Duration::from_secs(20)).await;
    let way = state_of(&a, GATEWAY, B);
    assert_eq!((way.sent, way.queued), (1, 0), "{way:?}");
    assert_eq!(bob.body().await, "kept");
}

#[tokio::test(start_paused = true)]
async fn nobody_elsewhere_speaks_for_a_component() {
    let town = Town::new();
    let _a = with_gateway(&town, named(&town)).await;
    // Another house with a good certificate for the very name: the domain is served here.
    let mut config = town.config(B);
    config.components = ComponentsConfig {
        domains: vec![GATEWAY.parse().expect("a domain")],
        secret: "south".into(),
        ..ComponentsConfig::default()
    };
    let b = town.house_with(config, town.issue(&[B, GATEWAY], |_| {})).await;
    let mut thief = Component::connect(&b, GATEWAY, "south").await;
    thief.hears("<handshake/>").await;
    thief
        .send(&format!(
            "<message id='f' from='x@{GATEWAY}' to='ann@{A}' type='chat'><body>forged</body></message>"
        ))
        .await;
    b.pass(Duration::from_secs(3)).await;
    let way = state_of(&b, GATEWAY, A);
    assert_eq!((way.sent, way.queued), (0, 1), "{way:?}");
}

#[tokio::test(start_paused = true)]
async fn the_push_service_is_found_from_elsewhere_and_serves_its_own_people() {
    let town = Town::new();
    let _a = with_gateway(&town, named(&town)).await;
    let b = town.house(B).await;
    let mut bob = b.available("bob", "desk").await;
    let info = format!(
        "<iq type='get' id='i' to='push.{A}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
    );
    let found = bob.ask("i", &info).await;
    assert!(format!("{:?}", found.bytes()).contains("carillon:push:0"), "{:?}", found.bytes());
    let register = format!(
        "<iq type='set' id='r' to='push.{A}'><register xmlns='carillon:push:0' endpoint='https://push.example/1'/></iq>"
    );
    assert_eq!(condition(&bob.ask("r", &register).await), "not-allowed");
}
