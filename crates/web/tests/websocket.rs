//! XMPP over WebSocket on real sockets (RFC 7395), and where clients find it (XEP-0156 by RFC 6415).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod chat;
mod house;

use std::net::SocketAddr;
use std::sync::Arc;

use chat::{CLOSE, Client, HANDSHAKE, Heard, OPEN, body, handshake, message, plain};
use house::{House, ask};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use xmpp::{ContentNamespace, Frame, Framer, Limits, Stanza};

#[tokio::test]
async fn host_meta_names_the_addresses_that_were_asked() {
    let house = House::start().await;
    let host = house.http().to_string();
    for path in ["/.well-known/host-meta", "/.well-known/host-meta.json"] {
        let answer = ask(house.http(), "GET", path, &[("Host", &host)], "").await;
        // The helper sends its own Host first, which counts.
        assert_eq!((answer.status, answer.field("access-control-allow-origin")), (200, Some("*")), "{path}");
        for link in ["http://localhost/bosh", "ws://localhost/ws", "urn:xmpp:alt-connections:websocket"] {
            assert!(answer.body.contains(link), "{}", answer.body);
        }
        let proxied = ask(house.http(), "GET", path, &[("X-Forwarded-Proto", "https")], "").await;
        assert!(proxied.body.contains("wss://localhost/ws"), "{}", proxied.body);
    }
    let answer = house.get_by_tls("/.well-known/host-meta").await;
    assert!(answer.body.contains("href=\"wss://localhost/ws\""), "{}", answer.body);
    assert_eq!(answer.field("content-type"), Some("application/xrd+xml"));
}

#[tokio::test]
async fn who_does_not_speak_the_protocol_is_told() {
    let house = House::start().await;
    for (from, to, status) in [
        ("Sec-WebSocket-Protocol: xmpp\r\n", "", "400"),
        ("Protocol: xmpp", "Protocol: mqtt", "400"),
        ("Version: 13", "Version: 8", "426"),
        ("Upgrade: websocket\r\n", "", "426"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "x", "400"),
    ] {
        let (_, answer) = handshake(house.http(), &HANDSHAKE.replace(from, to)).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{to}: {answer}");
    }
    let answer = ask(house.http(), "POST", "/ws", &[], "x").await;
    assert_eq!((answer.status, answer.field("upgrade")), (426, Some("websocket")));
}

#[tokio::test]
async fn two_clients_talk() {
    let house = House::start().await;
    let mut ann = Client::available(house.http(), "ann", "web").await;
    let mut bob = Client::available(house.http(), "bob", "web").await;
    ann.send(&message("bob", "hello")).await;
    assert_eq!(bob.words().await, "hello");
    bob.send(&message("ann", "and you")).await;
    assert_eq!(ann.words().await, "and you");
    ann.send("<iq xmlns='jabber:client' type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>").await;
    assert!(ann.expect("iq").await.has_child("query", "jabber:iq:roster"));
    // More than one frame header can tell in short, in fragments, with a ping in between.
    let long = message("bob", &"x".repeat(70_000));
    let (one, rest) = long.as_bytes().split_at(40_000);
    ann.send_frame(0x01, one).await;
    ann.send_frame(0x89, b"there?").await;
    assert_eq!(ann.hear().await, Heard::Pong(b"there?".to_vec()));
    ann.send_frame(0x80, rest).await;
    assert_eq!(bob.words().await.len(), 70_000);
}

#[tokio::test]
async fn a_stream_closes_in_good_order() {
    let house = House::start().await;
    let mut ann = Client::available(house.http(), "ann", "web").await;
    ann.send(CLOSE).await;
    ann.expect("close").await;
    assert_eq!(ann.hear().await, Heard::Close(1000));
    ann.send_frame(0x88, &[3, 232]).await;
    assert_eq!(ann.hear().await, Heard::Eof);
    assert!(house.im.sessions().is_empty());
}

#[tokio::test]
async fn the_close_of_a_socket_is_answered() {
    let house = House::start().await;
    let mut ann = Client::connect(house.http()).await;
    ann.open().await;
    ann.send_frame(0x88, &[3, 233]).await;
    assert_eq!(ann.hear().await, Heard::Close(1000));
    assert_eq!(ann.hear().await, Heard::Eof);
}

#[tokio::test]
async fn no_mechanism_is_offered_that_binds_to_a_channel() {
    let house = House::start().await;
    let mut ann = Client::connect(house.http()).await;
    ann.send(OPEN).await;
    let open = ann.expect("open").await;
    assert_eq!(open.attr("from").as_deref(), Some("localhost"));
    let features = ann.expect("features").await;
    let names = features.child("mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl").unwrap();
    let names: Vec<String> = names.children().map(|name| name.text()).collect();
    assert_eq!(names, ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]);
}

#[tokio::test]
async fn bad_input_ends_the_stream_with_its_error_and_code() {
    let house = House::start().await;
    let long = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{}</auth>", "x".repeat(20_000));
    let cases: [(u8, &[u8], &str, u16); 6] = [
        (0x82, b"<presence xmlns='jabber:client'/>", "bad-format", 1003),
        (0x81, b"<presence", "not-well-formed", 1007),
        (0x81, b"<a b='\xff'/>", "not-well-formed", 1007),
        (0x81, b"<!DOCTYPE x><a/>", "restricted-xml", 1007),
        (0xc1, b"<a/>", "bad-format", 1002),
        (0x81, long.as_bytes(), "policy-violation", 1009),
    ];
    for (first, payload, condition, code) in cases {
        let mut peer = Client::connect(house.http()).await;
        peer.open().await;
        peer.send_frame(first, payload).await;
        let (heard, heard_code) = peer.ending().await;
        let fits = heard == condition || (condition == "not-well-formed" && heard == "unsupported-encoding");
        assert!(fits && heard_code == code, "{heard} {heard_code}: {condition} {code}");
    }
}

#[tokio::test]
async fn a_password_that_is_wrong_too_often_ends_the_stream() {
    let house = House::start().await;
    let mut peer = Client::connect(house.http()).await;
    peer.open().await;
    for _ in 0..xmpp::stream::LOGIN_ATTEMPTS_MAX {
        peer.send(&plain("nobody")).await;
        peer.expect("failure").await;
    }
    assert_eq!(peer.ending().await, ("policy-violation".to_owned(), 1000));
}

/// The next element on a stream of bytes.
async fn next(stream: &mut tokio::io::DuplexStream, framer: &mut Framer) -> Stanza {
    loop {
        match framer.next_frame().unwrap() {
            Some(Frame::Stanza(stanza)) => return stanza,
            Some(_) => {}
            None => {
                stream.read_buf(framer.buffer()).await.unwrap();
            }
        }
    }
}

const ENABLE: &str = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";

#[tokio::test]
async fn a_session_goes_on_after_a_break_and_on_another_transport() {
    let house = House::start().await;
    let mut ann = Client::available(house.http(), "ann", "web").await;
    let mut bob = Client::available(house.http(), "bob", "web").await;
    bob.send(ENABLE).await;
    let id = bob.expect("enabled").await.attr("id").unwrap().into_owned();
    ann.send(&message("bob", "one")).await;
    assert_eq!(bob.words().await, "one");
    drop(bob);
    ann.send(&message("bob", "two")).await;

    let mut bob = Client::signed_in(house.http(), "bob").await;
    bob.send(&format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='1'/>")).await;
    bob.expect("resumed").await;
    assert_eq!(bob.words().await, "two");
    drop(bob);
    ann.send(&message("bob", "three")).await;

    // The same session, now over a stream of bytes.
    let (mut stream, theirs) = tokio::io::duplex(64 * 1024);
    let peer: SocketAddr = "127.0.0.1:4000".parse().unwrap();
    house.runtime.spawn_session(Arc::clone(&house.im).accept(theirs, peer, im::Transport::Protected));
    let header = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                  to='localhost' version='1.0'>";
    let resume = format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='2'/>");
    let mut framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
    stream.write_all(format!("{header}{}", plain("bob")).as_bytes()).await.unwrap();
    while next(&mut stream, &mut framer).await.name() != "success" {}
    framer.restart();
    stream.write_all(format!("{header}{resume}").as_bytes()).await.unwrap();
    while next(&mut stream, &mut framer).await.name() != "resumed" {}
    let three = loop {
        let stanza = next(&mut stream, &mut framer).await;
        if stanza.name() == "message" {
            break stanza;
        }
    };
    assert_eq!(body(&three).as_deref(), Some("three"));
}
