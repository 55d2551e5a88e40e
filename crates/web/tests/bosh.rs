//! XMPP over BOSH on real sockets (XEP-0124, XEP-0206).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod chat;
mod house;

use std::net::SocketAddr;
use std::time::Duration;

use chat::{Client, PATIENCE, bind, message, plain};
use house::{House, ask};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use xmpp::{Element, ns};

const NS: &str = "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'";
const FIRST_RID: u64 = 1_000;

/// Posts a body; gives the answer's.
async fn post(address: SocketAddr, body: &str) -> Element {
    let answer = ask(address, "POST", "/bosh", &[("Origin", "https://elsewhere.example")], body).await;
    assert_eq!(answer.status, 200, "{}", answer.head);
    assert_eq!(answer.field("content-type"), Some("text/xml; charset=utf-8"));
    assert_eq!(answer.field("access-control-allow-origin"), Some("*"));
    Element::parse(answer.body.as_bytes(), "").unwrap_or_else(|_| panic!("{}", answer.body))
}

fn condition(body: &Element) -> Option<&str> {
    assert_eq!(body.attr("type"), Some("terminate"), "{body:?}");
    body.attr("condition")
}

/// One client.
struct Browser {
    address: SocketAddr,
    sid: String,
    rid: u64,
}

impl Browser {
    /// A session that nobody has signed in to.
    async fn create(address: SocketAddr) -> Self {
        let first = format!(
            "<body {NS} rid='{FIRST_RID}' to='localhost' hold='1' wait='20' ver='1.6' xmpp:version='1.0'/>"
        );
        let body = post(address, &first).await;
        assert!(body.child("features", ns::STREAMS).is_some(), "{body:?}");
        let sid = body.attr("sid").unwrap().to_owned();
        assert_eq!(sid.len(), 32, "128 bits in hexadecimal");
        Self { address, sid, rid: FIRST_RID }
    }

    /// A session that is bound and available.
    async fn available(address: SocketAddr, user: &str) -> Self {
        let mut browser = Self::create(address).await;
        assert!(browser.send(&plain(user)).await.child("success", ns::SASL).is_some());
        let restart = browser.body("xmpp:restart='true'", "");
        let features = post(address, &restart).await;
        assert!(features.child("features", ns::STREAMS).is_some());
        let bound = browser.send(&bind("web")).await;
        assert!(bound.child("iq", ns::CLIENT).is_some(), "{bound:?}");
        let own = browser.send("<presence xmlns='jabber:client'/>").await;
        assert!(own.child("presence", ns::CLIENT).is_some(), "{own:?}");
        browser
    }

    /// The next request.
    fn body(&mut self, attributes: &str, inside: &str) -> String {
        self.rid += 1;
        format!("<body {NS} sid='{}' rid='{}' {attributes}>{inside}</body>", self.sid, self.rid)
    }

    async fn send(&mut self, inside: &str) -> Element {
        let body = self.body("", inside);
        post(self.address, &body).await
    }

    /// Starts a request, and gives it with its text.
    async fn start(&mut self, inside: &str) -> (TcpStream, String) {
        let body = self.body("", inside);
        (begin(self.address, &body).await, body)
    }
}

/// Sends a request and does not wait for its answer.
async fn begin(address: SocketAddr, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(house::request("POST", "/bosh", &[], body).as_bytes()).await.unwrap();
    stream
}

/// The answer's body.
async fn end(mut stream: TcpStream) -> Element {
    let mut text = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    Element::parse(text.split_once("\r\n\r\n").unwrap().1.as_bytes(), "").unwrap()
}

fn words(body: &Element) -> Vec<String> {
    let messages = body.children().filter(|child| child.is("message", ns::CLIENT));
    messages.filter_map(|message| Some(message.child("body", ns::CLIENT)?.text())).collect()
}

#[tokio::test]
async fn a_browser_talks_with_a_websocket() {
    let house = House::start().await;
    let mut ann = Browser::available(house.http(), "ann").await;
    let mut bob = Client::available(house.http(), "bob", "web").await;
    let (poll, _) = ann.start("").await;
    bob.send(&message("ann", "hello")).await;
    assert_eq!(words(&end(poll).await), ["hello"]);
    let (roster, _) =
        ann.start("<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await;
    let iq = end(roster).await;
    assert!(iq.child("iq", ns::CLIENT).unwrap().child("query", "jabber:iq:roster").is_some());
    let (poll, _) = ann.start("").await;
    let (sent, _) = ann.start(&message("bob", "and you")).await;
    assert_eq!(bob.words().await, "and you");
    assert_eq!(words(&end(poll).await), [""; 0]);
    bob.send(&message("ann", "well")).await;
    assert_eq!(words(&end(sent).await), ["well"]);
}

#[tokio::test]
async fn a_lost_answer_loses_nothing_and_doubles_nothing() {
    let house = House::start().await;
    let mut ann = Browser::available(house.http(), "ann").await;
    let mut bob = Client::available(house.http(), "bob", "web").await;
    // A connection that breaks while the request waits: its repetition gets what came meanwhile.
    let (poll, body) = ann.start("").await;
    drop(poll);
    bob.send(&message("ann", "one")).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(words(&post(house.http(), &body).await), ["one"]);
    // An answer that was on its way is given again, and what the request brought is not taken again.
    let (sent, body) = ann.start(&message("bob", "mine")).await;
    bob.send(&message("ann", "two")).await;
    assert_eq!(bob.words().await, "mine");
    drop(end(sent).await);
    assert_eq!(words(&post(house.http(), &body).await), ["two"]);
    bob.send(&message("ann", "three")).await;
    assert_eq!(words(&ann.send("").await), ["three"]);
    bob.send(&message("bob", "to myself")).await;
    assert_eq!(bob.words().await, "to myself", "and nothing of ann's a second time");
}

#[tokio::test]
async fn what_a_browser_never_heard_waits_for_its_next_session() {
    let house = House::start().await;
    let mut ann = Browser::available(house.http(), "ann").await;
    let mut bob = Client::available(house.http(), "bob", "web").await;
    let (poll, _) = ann.start("").await;
    bob.send(&message("ann", "into the void")).await;
    drop(end(poll).await);
    // No further request says that the answer has arrived: the session ends, and the message is still there.
    let gone = ann.rid + 50;
    let end = post(house.http(), &format!("<body {NS} sid='{}' rid='{gone}'/>", ann.sid)).await;
    assert_eq!(condition(&end), Some("item-not-found"));
    while house.im.sessions().iter().any(|session| session.jid.starts_with("ann@")) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut again = Client::signed_in(house.http(), "ann").await;
    again.send(&bind("web")).await;
    again.send("<presence xmlns='jabber:client'/>").await;
    assert_eq!(again.words().await, "into the void");
}

#[tokio::test]
async fn stream_management_resumes_what_began_over_bosh() {
    let house = House::start().await;
    let mut ann = Browser::available(house.http(), "ann").await;
    let enabled = ann.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
    let id = enabled.child("enabled", ns::STREAM_MANAGEMENT).unwrap().attr("id").unwrap().to_owned();
    let mut bob = Client::available(house.http(), "bob", "web").await;
    let (poll, _) = ann.start("").await;
    bob.send(&message("ann", "one")).await;
    assert_eq!(words(&end(poll).await), ["one"]);
    let mut again = Client::signed_in(house.http(), "ann").await;
    again.send(&format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='1'/>")).await;
    again.expect("resumed").await;
    bob.send(&message("ann", "two")).await;
    assert_eq!(again.words().await, "two");
    let told = ann.send("").await;
    assert_eq!(condition(&told), Some("remote-stream-error"));
}

#[tokio::test]
async fn a_session_ends_in_good_order() {
    let house = House::start().await;
    let mut ann = Browser::available(house.http(), "ann").await;
    let (poll, _) = ann.start("").await;
    let last = ann.body("type='terminate'", "<presence xmlns='jabber:client' type='unavailable'/>");
    let last = post(house.http(), &last).await;
    assert_eq!(condition(&last), None);
    assert_eq!(end(poll).await.attr("type"), None);
    assert!(house.im.sessions().is_empty());
}

#[tokio::test]
async fn mistakes_end_with_their_condition() {
    let house = House::start().await;
    let long = format!("<body {NS} rid='1' to='localhost'><a xmlns='b'>{}</a></body>", "x".repeat(20_000));
    for (text, expected) in [
        ("<body", "bad-request"),
        ("<body xmlns='urn:example' rid='1' to='localhost'/>", "bad-request"),
        (&format!("<body {NS} to='localhost'/>"), "bad-request"),
        (&format!("<body {NS} rid='1'/>"), "improper-addressing"),
        (&format!("<body {NS} rid='1' sid='guessed'/>"), "item-not-found"),
        (&format!("<body {NS} rid='1' to='elsewhere.example'/>"), "remote-stream-error"),
        (&format!("<body {NS} rid='1' to='localhost'><!-- --></body>"), "bad-request"),
        (&long, "bad-request"),
    ] {
        assert_eq!(
            condition(&post(house.http(), text).await),
            Some(expected),
            "{}",
            &text[..text.len().min(90)]
        );
    }
    let huge = "x".repeat(web::limits::BOSH_BODY_BYTES_BEFORE_SIGN_IN_MAX);
    let huge = format!("<body {NS} rid='1' to='localhost'>{}{huge}</body>", "<a xmlns='b'/>".repeat(2));
    let heard = post(house.http(), &huge).await;
    assert!(matches!(condition(&heard), Some("bad-request" | "policy-violation")));
    let mut browser = Browser::create(house.http()).await;
    let error = browser.send("<message xmlns='jabber:client'/>").await;
    assert_eq!(condition(&error), Some("remote-stream-error"));
    let error = error.child("error", ns::STREAMS).and_then(xmpp::StreamError::from_element).unwrap();
    assert_eq!(error.condition, xmpp::StreamCondition::NotAuthorized);
}

#[tokio::test]
async fn browsers_may_ask_first_and_people_are_told() {
    let house = House::start().await;
    let answer = ask(house.http(), "OPTIONS", "/bosh", &[("Origin", "https://elsewhere.example")], "").await;
    assert_eq!(answer.status, 204);
    for (field, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "POST, OPTIONS"),
        ("access-control-allow-headers", "content-type"),
    ] {
        assert_eq!(answer.field(field), Some(value));
    }
    let answer = ask(house.http(), "GET", "/bosh", &[], "").await;
    assert_eq!((answer.status, answer.field("allow")), (405, Some("POST, OPTIONS")));
}

#[tokio::test]
async fn a_stop_is_told_to_who_waits() {
    let house = House::start().await;
    let mut ann = Browser::available(house.http(), "ann").await;
    let (poll, _) = ann.start("").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    house.runtime.stop();
    let told = end(poll).await;
    assert_eq!(condition(&told), Some("remote-stream-error"));
    let error = told.child("error", ns::STREAMS).and_then(xmpp::StreamError::from_element).unwrap();
    assert_eq!(error.condition, xmpp::StreamCondition::SystemShutdown);
}
