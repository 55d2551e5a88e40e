//! SIP over WebSocket on real sockets (RFC 7118): phones in browsers register, write to each other, and go.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod chat;
mod house;

use std::time::Duration;

use chat::{Client, HANDSHAKE, Heard, PATIENCE, handshake_at};
use house::House;
use sip::digest::{Account, answer};
use sip::message::Edit;
use sip::{Message, Method, Name, Request, Response};

fn fields() -> String {
    HANDSHAKE.replace("Protocol: xmpp", "Protocol: sip")
}

/// A phone in a page.
struct Phone {
    socket: Client,
    number: &'static str,
    sent: u32,
}

impl Phone {
    async fn open(house: &House, number: &'static str) -> Self {
        let (stream, answer) = handshake_at(house.http(), "/sip", &fields()).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.contains("sec-websocket-protocol: sip\r\n"), "{answer}");
        Self { socket: Client::on(stream), number, sent: 0 }
    }

    async fn registered(house: &House, number: &'static str) -> Self {
        let mut phone = Self::open(house, number).await;
        let response = phone.register(600).await;
        assert_eq!(response.status(), 200, "{response:?}");
        phone
    }

    /// A request without Content-Length, which is not needed here (RFC 7118 §4.2).
    fn request(&mut self, method: &Method, to: &str, more: &str, body: &[u8]) -> Request {
        self.sent += 1;
        let (number, sent) = (self.number, self.sent);
        let (uri, aor) = match to {
            "" => ("sip:localhost".to_owned(), number),
            to => (format!("sip:{to}@localhost"), to),
        };
        let head = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK{number}{sent}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{number}@localhost>;tag=f{sent}\r\nTo: <sip:{aor}@localhost>\r\n\
             Call-ID: page-{number}-{method}\r\nCSeq: {sent} {method}\r\n{more}\r\n"
        );
        Message::parse([head.as_bytes(), body].concat().into()).unwrap().into_request().unwrap()
    }

    async fn next(&mut self) -> Message {
        match self.socket.hear().await {
            Heard::Text(text) => Message::parse(text.into()).unwrap(),
            Heard::Binary(bytes) => Message::parse(bytes.into()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    async fn send(&mut self, bytes: &[u8]) {
        let kind = if std::str::from_utf8(bytes).is_ok() { 0x81 } else { 0x82 };
        self.socket.send_frame(kind, bytes).await;
    }

    /// Sends a request, and again with the password when it is asked for; gives the final answer.
    async fn ask(&mut self, method: &Method, to: &str, more: &str, body: &[u8]) -> Response {
        let first = self.request(method, to, more, body);
        self.send(&first.bytes().clone()).await;
        let challenge = self.response().await;
        if challenge.status() != 401 {
            return challenge;
        }
        let account = Account { username: self.number.to_owned(), password: "secret".to_owned() };
        let request = self.request(method, to, more, body);
        let challenges = challenge.headers().challenges(Name::WwwAuthenticate);
        let name = method.as_bytes();
        let value = answer(challenges, &account, name, request.uri_bytes(), "cnonce", 1).unwrap();
        let signed = Edit::request(&request).push(Name::Authorization, &value).finish();
        self.send(&signed.bytes().clone()).await;
        self.response().await
    }

    async fn response(&mut self) -> Response {
        self.next().await.into_response().expect("a response")
    }

    async fn register(&mut self, seconds: u32) -> Response {
        let number = self.number;
        let more = format!(
            "Supported: path, outbound\r\nUser-Agent: A page\r\nContact: <sip:{number}@df7jal23ls0d.invalid;transport=ws>\
             ;reg-id=1;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e{number}>\";expires={seconds}\r\n"
        );
        self.ask(&Method::Register, "", &more, b"").await
    }
}

fn lines(house: &House) -> Vec<String> {
    house.calls.registrations().iter().map(|found| found.line.number.to_string()).collect()
}

async fn until(house: &House, wanted: &[&str]) {
    let waiting = async {
        while lines(house) != wanted {
            house.runtime.sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:?}", lines(house)));
}

#[tokio::test]
async fn a_page_registers_and_its_registration_goes_with_its_socket() {
    let house = House::start().await;
    let mut phone = Phone::open(&house, "1001").await;
    assert_eq!(phone.ask(&Method::Options, "", "", b"").await.status(), 200);
    let registered = phone.register(600).await;
    assert_eq!(registered.status(), 200);
    assert!(registered.headers().has_token(Name::Require, b"outbound"), "a flow (RFC 5626 §6)");
    let shown = house.calls.registrations().remove(0);
    assert!(shown.source.starts_with("WS 127.0.0.1:"), "{}", shown.source);
    assert_eq!(shown.user_agent.as_deref(), Some("A page"));
    drop(phone);
    until(&house, &[]).await;
    let mut other = Phone::registered(&house, "1002").await;
    other.socket.send_frame(0x88, &[3, 232]).await;
    assert_eq!(other.socket.hear().await, Heard::Close(1000));
    until(&house, &[]).await;
}

#[tokio::test]
async fn pages_write_to_each_other_in_text_and_in_other_bytes() {
    let house = House::start().await;
    let (mut ann, mut bob) =
        (Phone::registered(&house, "1001").await, Phone::registered(&house, "1002").await);
    for body in [&b"hello"[..], b"gr\xfc\xdfe"] {
        let more = "Content-Type: text/plain;charset=iso-8859-1\r\n";
        let request = ann.request(&Method::Message, "1002", more, body);
        ann.send(&request.bytes().clone()).await;
        let challenge = ann.response().await;
        let account = Account { username: "1001".to_owned(), password: "secret".to_owned() };
        let request = ann.request(&Method::Message, "1002", more, body);
        let challenges = challenge.headers().challenges(Name::WwwAuthenticate);
        let value = answer(challenges, &account, b"MESSAGE", request.uri_bytes(), "cnonce", 1).unwrap();
        let signed = Edit::request(&request).push(Name::Authorization, &value).finish();
        ann.send(&signed.bytes().clone()).await;
        let came = bob.next().await.into_request().unwrap();
        assert_eq!(*came.method(), Method::Message);
        assert_eq!(&came.body()[..], body);
        assert_eq!(came.uri_bytes()[..], b"sip:1002@df7jal23ls0d.invalid;transport=ws"[..]);
        let via = came.headers().first(Name::Via).unwrap();
        assert!(via.starts_with(b"SIP/2.0/WS 127.0.0.1"), "{via:?}");
        bob.send(&Response::to(&came, 200, Some(b"bob")).finish().bytes().clone()).await;
        assert_eq!(ann.response().await.status(), 200);
    }
}

#[tokio::test]
async fn a_page_that_asks_whether_we_are_there_is_told() {
    let house = House::start().await;
    let mut phone = Phone::open(&house, "1001").await;
    phone.send(b"\r\n\r\n").await;
    assert_eq!(phone.socket.hear().await, Heard::Text("\r\n".to_owned()));
    phone.socket.send_frame(0x89, b"there?").await;
    assert_eq!(phone.socket.hear().await, Heard::Pong(b"there?".to_vec()));
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_what_is_too_long_ends_the_socket() {
    let house = House::start().await;
    let mut phone = Phone::open(&house, "1001").await;
    let bad = "OPTIONS sip:localhost SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bKb\r\nFrom: <sip:a@b>;tag=1\r\n\
               To: <sip:a@b>\r\nCall-ID: bad\r\nCSeq: none\r\n\r\n";
    phone.send(bad.as_bytes()).await;
    assert_eq!(phone.response().await.status(), 400);
    let half = vec![b'x'; 40_000];
    phone.socket.send_frame(0x01, &half).await;
    phone.socket.send_frame(0x80, &half).await;
    assert_eq!(phone.socket.hear().await, Heard::Close(1009));
    let (_, answer) = handshake_at(house.http(), "/sip", HANDSHAKE).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "the subprotocol is another: {answer}");
}
