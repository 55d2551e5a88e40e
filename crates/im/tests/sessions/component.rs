//! External components (XEP-0114): who connects, what goes both ways, what waits, and whose words are whose.

use std::time::Duration;

use im::ComponentsConfig;

use crate::house::House;
use crate::program::Component;

pub const DOMAIN: &str = "gateway.localhost";

async fn house() -> House {
    House::configured(|config| {
        config.components = ComponentsConfig {
            domains: vec![DOMAIN.parse().expect("a domain")],
            secret: "north".into(),
            ..ComponentsConfig::default()
        };
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn stanzas_go_both_ways() {
    let house = house().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("<handshake/>").await;
    let mut ann = house.available("ann", "desk").await;
    ann.send("<message to='bob@gateway.localhost' type='chat'><body>there</body></message>").await;
    let heard = gateway.hears("</message>").await;
    assert!(
        heard.contains("<body>there</body>") && heard.contains(&format!("from='{}'", ann.jid())),
        "{heard}"
    );
    gateway
        .send("<message from='bob@gateway.localhost/x' to='ann@localhost' type='chat'><body>back</body></message>")
        .await;
    assert_eq!(ann.body().await, "back");

    ann.send("<iq type='get' id='q' to='gateway.localhost'><query xmlns='jabber:iq:version'/></iq>").await;
    gateway.hears("jabber:iq:version").await;
    let to = ann.jid();
    gateway.send(&format!("<iq type='result' id='q' from='gateway.localhost' to='{to}'/>")).await;
    let answer = ann.expect("the answer", |stanza| stanza.id().as_deref() == Some("q")).await;
    assert_eq!(answer.type_().as_deref(), Some("result"));

    gateway
        .send("<iq type='get' id='d' from='gateway.localhost' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
        .await;
    assert!(gateway.hears("</iq>").await.contains("type='result'"));
    gateway.send("<iq type='get' id='e' from='gateway.localhost' to='elsewhere'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    assert!(gateway.hears("</iq>").await.contains("remote-server-not-found"));
}

#[tokio::test(start_paused = true)]
async fn a_component_is_subscribed_to_as_anybody_else() {
    let house = house().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("<handshake/>").await;
    let mut ann = house.available("ann", "desk").await;
    ann.send("<presence type='subscribe' to='bob@gateway.localhost'/>").await;
    let heard = gateway.hears("subscribe").await;
    assert!(heard.contains("from='ann@localhost'"), "{heard}");
    gateway.send("<presence type='subscribed' from='bob@gateway.localhost' to='ann@localhost'/>").await;
    gateway.send("<presence from='bob@gateway.localhost/x' to='ann@localhost'/>").await;
    ann.presence("bob@gateway.localhost/x", None).await;
}

/// A connection that is lost without a word takes nothing for long: it is asked, and what comes afterwards waits.
#[tokio::test(start_paused = true)]
async fn a_silent_component_is_asked_and_then_given_up() {
    let house = house().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("<handshake/>").await;
    for _ in 0..2 {
        house.pass(Duration::from_secs(601)).await;
        let asked = gateway.hears("</iq>").await;
        assert!(
            asked.contains("<ping xmlns='urn:xmpp:ping'/>") && asked.contains("to='gateway.localhost'"),
            "{asked}"
        );
        let id = asked.split("id='").nth(1).and_then(|rest| rest.split('\'').next()).expect("an id");
        gateway.send(&format!("<iq type='result' id='{id}' from='gateway.localhost' to='localhost'/>")).await;
    }
    house.pass(Duration::from_secs(601)).await;
    gateway.hears("</iq>").await;
    house.pass(Duration::from_secs(61)).await;
    gateway.hears("<connection-timeout ").await;
    let mut ann = house.available("ann", "desk").await;
    ann.send("<message to='bob@gateway.localhost' type='chat'><body>kept</body></message>").await;
    ann.hears_no_message().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    assert!(gateway.hears("</message>").await.contains("<body>kept</body>"));
}

#[tokio::test(start_paused = true)]
async fn messages_wait_for_a_component_that_is_away() {
    let house = house().await;
    let mut ann = house.available("ann", "desk").await;
    ann.send("<message to='bob@gateway.localhost' type='chat'><body>waits</body></message>").await;
    let refused =
        ann.ask("q", "<iq type='get' id='q' to='gateway.localhost'><ping xmlns='urn:xmpp:ping'/></iq>").await;
    assert_eq!(crate::client::condition(&refused), "service-unavailable");
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    let heard = gateway.hears("</message>").await;
    assert!(heard.contains("<body>waits</body>") && heard.contains("urn:xmpp:delay"), "{heard}");
    gateway.send("</stream:stream>").await;
    gateway.hears("</stream:stream>").await;
    ann.settle().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("<handshake/>").await;
    ann.send("<message to='bob@gateway.localhost' type='chat'><body>second</body></message>").await;
    let heard = gateway.hears("second").await;
    assert!(!heard.contains("waits"), "what was written is not written again: {heard}");
}

/// XEP-0424 §6: as with any other message, the sender's archive forgets the words.
#[tokio::test(start_paused = true)]
async fn what_was_said_to_a_component_can_be_taken_back() {
    const ARCHIVE: &str = "<query xmlns='urn:xmpp:mam:2'/>";
    let house = house().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("<handshake/>").await;
    let mut ann = house.available("ann", "desk").await;
    let archived = async |ann: &mut crate::client::Client<'_>, id: &str| {
        ann.send(&format!("<iq type='set' id='{id}'>{ARCHIVE}</iq>")).await;
        let came = ann.settle().await;
        came.iter().map(|stanza| String::from_utf8_lossy(stanza.bytes()).into_owned()).collect::<String>()
    };
    ann.send("<message to='bob@gateway.localhost' type='chat' id='m1'><body>moonlight</body></message>")
        .await;
    gateway.hears("moonlight").await;
    assert!(archived(&mut ann, "a").await.contains("moonlight"));
    ann.send("<message to='bob@gateway.localhost' type='chat' id='r1'><retract xmlns='urn:xmpp:message-retract:1' id='m1'/><body>taken back</body></message>").await;
    gateway.hears("message-retract").await;
    ann.settle().await;
    let after = archived(&mut ann, "b").await;
    assert!(after.contains("<retracted") && !after.contains("moonlight"), "{after}");
}

#[tokio::test(start_paused = true)]
async fn who_has_no_right_does_not_connect_and_nobody_speaks_for_others() {
    let house = house().await;
    Component::connect(&house, DOMAIN, "south").await.hears("not-authorized").await;
    Component::connect(&house, "other.localhost", "north").await.hears("host-unknown").await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("<handshake/>").await;
    Component::connect(&house, DOMAIN, "north").await.hears("conflict").await;
    gateway.send("<message from='bob@localhost' to='ann@localhost'><body>forged</body></message>").await;
    gateway.hears("invalid-from").await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("<handshake/>").await;
    gateway.send("<message from='gateway.localhost'><body>to whom</body></message>").await;
    gateway.hears("improper-addressing").await;
}

/// XEP-0357 §7: another push service is a component here; one that refuses is not asked again.
#[tokio::test(start_paused = true)]
async fn a_push_service_elsewhere_is_told_until_it_refuses() {
    let house = house().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("<handshake/>").await;
    let mut bob = house.available("bob", "phone").await;
    let enable = "<enable xmlns='urn:xmpp:push:0' jid='gateway.localhost' node='n'><x xmlns='jabber:x:data' type='submit'>\
                  <field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
                  <field var='secret'><value>s3</value></field></x></enable>";
    bob.ask("p", &format!("<iq type='set' id='p'>{enable}</iq>")).await;
    bob.lose();
    let mut ann = house.available("ann", "desk").await;
    let say = "<message to='bob@localhost' type='chat'><body>words</body></message>";
    ann.send(say).await;
    let heard = gateway.hears("</iq>").await;
    for part in ["from='bob@localhost'", "<publish node='n'>", "message-count", "<value>s3</value>"] {
        assert!(heard.contains(part), "{part} is missing: {heard}");
    }
    assert!(!heard.contains("words"), "{heard}");
    let id = heard.split("id='").nth(1).and_then(|rest| rest.split('\'').next()).expect("an id");
    gateway
        .send(&format!(
            "<iq type='error' id='{id}' from='gateway.localhost' to='bob@localhost'><error type='cancel'>\
             <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        ))
        .await;
    ann.settle().await;
    ann.send(say).await;
    ann.send("<message to='x@gateway.localhost' type='chat'><body>last</body></message>").await;
    assert!(!gateway.hears("last").await.contains("<publish"), "it is asked no more");
}
