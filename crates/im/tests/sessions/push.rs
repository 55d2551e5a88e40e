//! Push notifications (XEP-0357): registered at our own service, and told when no client takes a message.

use std::sync::Arc;

use im::{PushNotice, PushSender};
use parking_lot::Mutex;

use crate::client::{Client, condition};
use crate::house::House;

/// A way out that only notes what goes.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<PushNotice>>>);

impl PushSender for Noted {
    fn accepts(&self, endpoint: &str) -> Result<(), &'static str> {
        if endpoint.starts_with("https://") { Ok(()) } else { Err("https only") }
    }

    fn send(&self, notice: PushNotice) -> bool {
        self.0.lock().push(notice);
        true
    }

    fn public_key(&self) -> String {
        "the key".to_owned()
    }
}

impl Noted {
    fn payloads(&self) -> Vec<String> {
        let payload = |notice: PushNotice| String::from_utf8(notice.payload.to_vec()).expect("JSON");
        std::mem::take(&mut *self.0.lock()).into_iter().map(payload).collect()
    }
}

async fn ask(client: &mut Client<'_>, to: &str, kind: &str, payload: &str) -> xmpp::Stanza {
    client.send(&format!("<iq type='{kind}' id='ask' {to}>{payload}</iq>")).await;
    client.expect("the answer", |stanza| stanza.id().as_deref() == Some("ask")).await
}

/// Registers an endpoint and enables it; gives the node.
async fn enable(client: &mut Client<'_>) -> String {
    let register = "<register xmlns='carillon:push:0' endpoint='https://push.example/1'/>";
    let answer = ask(client, "to='push.localhost'", "set", register).await;
    let registered = answer.child("registered", "carillon:push:0").expect("a registration");
    let node = registered.attr("node").expect("its node").to_owned();
    let enable = format!("<enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='{node}'/>");
    assert_eq!(ask(client, "", "set", &enable).await.type_().as_deref(), Some("result"));
    node
}

async fn say(client: &mut Client<'_>, to: &str) {
    client.send(&format!("<message to='{to}' type='chat'><body>words</body></message>")).await;
    client.settle().await;
}

#[tokio::test(start_paused = true)]
async fn who_has_no_client_is_told_how_many_wait() {
    let house = House::open().await;
    let noted = Noted::default();
    house.im.set_push_sender(noted.clone());
    let mut bob = house.available("bob", "phone").await;
    let node = enable(&mut bob).await;
    let mut ann = house.available("ann", "desk").await;
    say(&mut ann, "bob@localhost").await;
    assert_eq!(noted.payloads(), [""; 0], "the client has it");
    bob.lose();
    ann.settle().await;
    say(&mut ann, "bob@localhost").await;
    say(&mut ann, "bob@localhost").await;
    ann.send(
        "<message to='bob@localhost' type='chat'><received xmlns='urn:xmpp:receipts' id='1'/></message>",
    )
    .await;
    ann.settle().await;
    assert_eq!(noted.0.lock()[0].node, node);
    assert_eq!(noted.payloads(), [r#"{"count":1}"#, r#"{"count":2}"#]);

    let _again = house.available("bob", "desk").await;
    say(&mut ann, "bob@localhost").await;
    assert_eq!(noted.payloads(), [""; 0], "another device is awake");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_nobody_looks_at_or_that_is_lost_is_told_though_another_is_awake() {
    let house = House::configured(|config| config.push_shows_sender = true).await;
    let noted = Noted::default();
    house.im.set_push_sender(noted.clone());
    let mut phone = house.available("bob", "phone").await;
    enable(&mut phone).await;
    let _id = phone.enable().await;
    let _desk = house.available("bob", "desk").await;
    let mut ann = house.available("ann", "desk").await;
    phone.send("<inactive xmlns='urn:xmpp:csi:0'/>").await;
    phone.settle().await;
    say(&mut ann, "bob@localhost").await;
    assert_eq!(noted.payloads(), [format!(r#"{{"count":1,"sender":"{}"}}"#, ann.jid())]);
    phone.send("<active xmlns='urn:xmpp:csi:0'/>").await;
    phone.settle().await;
    say(&mut ann, "bob@localhost").await;
    assert_eq!(noted.payloads(), [""; 0]);
    phone.acknowledges = false;
    say(&mut ann, "bob@localhost").await;
    phone.lose();
    ann.settle().await;
    // What was on its way when the connection was lost counts, too.
    let left = noted.payloads();
    assert!(
        left.len() == 1 && left[0].starts_with(r#"{"count":"#) && !left[0].contains("sender"),
        "{left:?}"
    );
    say(&mut ann, "bob@localhost").await;
    assert_eq!(noted.payloads().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_or_disabled_is_not_told() {
    let house = House::open().await;
    let noted = Noted::default();
    house.im.set_push_sender(noted.clone());
    let mut ann = house.available("ann", "desk").await;
    let mut bob = house.available("bob", "phone").await;
    let node = enable(&mut bob).await;
    let list = "<registrations xmlns='carillon:push:0'/>";
    let count =
        |answer: xmpp::Stanza| answer.child("registrations", "carillon:push:0").unwrap().children().count();
    assert_eq!(count(ask(&mut bob, "to='push.localhost'", "get", list).await), 1);
    let owner = "bob@localhost".parse().unwrap();
    let gone = house.im.push_gone(&owner, &node);
    crate::foundation::drive(&house.runtime, gone).await;
    assert_eq!(count(ask(&mut bob, "to='push.localhost'", "get", list).await), 0);
    enable(&mut bob).await;
    let disable = "<disable xmlns='urn:xmpp:push:0' jid='push.localhost'/>";
    assert_eq!(ask(&mut bob, "", "set", disable).await.type_().as_deref(), Some("result"));
    bob.lose();
    say(&mut ann, "bob@localhost").await;
    assert_eq!(noted.payloads(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn registrations_outlive_a_restart() {
    let house = House::open().await;
    house.im.set_push_sender(Noted::default());
    let mut bob = house.available("bob", "phone").await;
    enable(&mut bob).await;
    bob.lose();
    let house = house.again().await;
    crate::foundation::drive(&house.runtime, house.im.load()).await.unwrap();
    let noted = Noted::default();
    house.im.set_push_sender(noted.clone());
    let mut ann = house.available("ann", "desk").await;
    say(&mut ann, "bob@localhost").await;
    assert_eq!(noted.payloads(), [r#"{"count":1}"#]);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_register_hears_why() {
    let house = House::open().await;
    let mut bob = house.available("bob", "phone").await;
    let key = "<key xmlns='carillon:push:0'/>";
    let answer = ask(&mut bob, "to='push.localhost'", "get", key).await;
    assert_eq!(condition(&answer), "service-unavailable", "there is no way out");
    house.im.set_push_sender(Noted::default());
    let answer = ask(&mut bob, "to='push.localhost'", "get", key).await;
    assert_eq!(answer.child("key", "carillon:push:0").unwrap().text(), "the key");
    for (endpoint, expected) in [("endpoint='http://push.example'", "not-acceptable"), ("", "bad-request")] {
        let register = format!("<register xmlns='carillon:push:0' {endpoint}/>");
        let answer = ask(&mut bob, "to='push.localhost'", "set", &register).await;
        assert_eq!(condition(&answer), expected);
    }
    let publish =
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='x'><item/></publish></pubsub>";
    let answer = ask(&mut bob, "to='push.localhost'", "set", publish).await;
    assert_eq!(condition(&answer), "forbidden");
}
