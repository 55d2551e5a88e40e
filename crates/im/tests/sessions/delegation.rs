//! Namespace delegation (XEP-0355): a component answers in the server's place what the operator names, and nothing else.

use im::ComponentsConfig;

use crate::client::condition;
use crate::component::DOMAIN;
use crate::house::House;
use crate::program::Component;

async fn house() -> House {
    House::configured(|config| {
        config.components = ComponentsConfig {
            domains: vec![DOMAIN.parse().expect("a domain"), "other.localhost".parse().expect("a domain")],
            secret: "north".into(),
            delegations: vec![
                format!("{DOMAIN} urn:weather jabber:iq:private").parse().expect("a delegation"),
            ],
            ..ComponentsConfig::default()
        };
    })
    .await
}

fn answer(outer: &str, inner: &str) -> String {
    format!(
        "<iq from='{DOMAIN}' to='localhost' id='{outer}' type='result'><delegation xmlns='urn:xmpp:delegation:2'>\
         <forwarded xmlns='urn:xmpp:forward:0'>{inner}</forwarded></delegation></iq>"
    )
}

/// The id under which a request was passed on.
fn id(heard: &str) -> String {
    let iq = heard.split("<iq ").nth(1).expect("a request");
    iq.split(" id='").nth(1).and_then(|rest| rest.split('\'').next()).expect("an id").to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_component_is_told_what_it_answers_and_answers_it() {
    let house = house().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    let told = gateway.hears("</message>").await;
    assert!(told.contains("<delegation xmlns='urn:xmpp:delegation:2'>"), "{told}");
    assert!(told.contains("<delegated namespace='urn:weather'/>"), "{told}");
    let mut ann = house.available("ann", "desk").await;
    ann.send("<iq type='get' id='w1' to='localhost'><now xmlns='urn:weather'/></iq>").await;
    let heard = gateway.hears("</delegation>").await;
    assert!(heard.contains("type='set'") && heard.contains("from='ann@localhost/desk'"), "{heard}");
    assert!(heard.contains("<now xmlns='urn:weather'/>") && heard.contains("id='w1'"), "{heard}");
    let sun = "<iq xmlns='jabber:client' type='result' id='w1' from='localhost' to='ann@localhost/desk'>\
               <now xmlns='urn:weather'>sun</now></iq>";
    gateway.send(&answer(&id(&heard), sun)).await;
    let came = ann.expect("the weather", |stanza| stanza.id().as_deref() == Some("w1")).await;
    assert_eq!(came.from().as_deref(), Some("localhost"));
    assert_eq!(came.child("now", "urn:weather").map(|now| now.text()).as_deref(), Some("sun"));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_does_itself_is_done_by_the_component() {
    let house = house().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("</message>").await;
    let mut ann = house.available("ann", "desk").await;
    ann.send("<iq type='get' id='p'><query xmlns='jabber:iq:private'><a xmlns='urn:a'/></query></iq>").await;
    let heard = gateway.hears("</delegation>").await;
    let refusal = "<iq xmlns='jabber:client' type='error' id='p' to='ann@localhost/desk'>\
                   <error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    gateway.send(&answer(&id(&heard), refusal)).await;
    let came = ann.expect("the refusal", |stanza| stanza.id().as_deref() == Some("p")).await;
    assert_eq!(condition(&came), "forbidden");
    // Other namespaces, other addresses: as ever.
    let version =
        ann.ask("v", "<iq type='get' id='v' to='localhost'><query xmlns='jabber:iq:version'/></iq>").await;
    assert_eq!(version.type_().as_deref(), Some("result"));
    let other =
        ann.ask("o", "<iq type='get' id='o' to='bob@localhost'><now xmlns='urn:weather'/></iq>").await;
    assert_eq!(condition(&other), "service-unavailable");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_does_not_fit_is_refused_in_its_place() {
    let house = house().await;
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("</message>").await;
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "desk").await;
    ann.send("<iq type='get' id='w1' to='localhost'><now xmlns='urn:weather'/></iq>").await;
    let outer = id(&gateway.hears("</delegation>").await);
    // Another component cannot answer.
    let mut other = Component::connect(&house, "other.localhost", "north").await;
    other.hears("<handshake/>").await;
    let forged = "<iq xmlns='jabber:client' type='result' id='w1' to='ann@localhost/desk'/>";
    other.send(&answer(&outer, forged).replace(DOMAIN, "other.localhost")).await;
    ann.settle().await.iter().for_each(|stanza| assert_ne!(stanza.id().as_deref(), Some("w1")));
    // To somebody who did not ask.
    let wrong = "<iq xmlns='jabber:client' type='result' id='w1' to='bob@localhost/desk'/>";
    gateway.send(&answer(&outer, wrong)).await;
    let came = ann.expect("a refusal", |stanza| stanza.id().as_deref() == Some("w1")).await;
    assert_eq!(condition(&came), "service-unavailable");
    bob.settle().await.iter().for_each(|stanza| assert_ne!(stanza.id().as_deref(), Some("w1")));
}

#[tokio::test(start_paused = true)]
async fn a_component_that_is_away_or_goes_leaves_nobody_waiting() {
    let house = house().await;
    let mut ann = house.available("ann", "desk").await;
    let question = "<iq type='get' id='w1'><now xmlns='urn:weather'/></iq>";
    assert_eq!(condition(&ann.ask("w1", question).await), "service-unavailable");
    let mut gateway = Component::connect(&house, DOMAIN, "north").await;
    gateway.hears("</message>").await;
    ann.send(question).await;
    gateway.hears("</delegation>").await;
    drop(gateway);
    let came = ann.expect("a refusal", |stanza| stanza.id().as_deref() == Some("w1")).await;
    assert_eq!(condition(&came), "service-unavailable");
}
