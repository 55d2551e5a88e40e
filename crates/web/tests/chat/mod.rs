//! A small chat client over WebSocket, and over whatever else carries elements.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use xmpp::{Stanza, parse_one};

/// How long an answer may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(10);
pub const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
pub const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

/// `<auth/>` of PLAIN.
pub fn plain(user: &str) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0secret"));
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{text}</auth>")
}

pub fn bind(resource: &str) -> String {
    format!(
        "<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>{resource}</resource></bind></iq>"
    )
}

pub fn message(to: &str, words: &str) -> String {
    format!("<message xmlns='jabber:client' to='{to}@localhost' type='chat'><body>{words}</body></message>")
}

/// The words of a message.
pub fn body(stanza: &Stanza) -> Option<String> {
    stanza.child("body", "jabber:client").map(|body| body.text())
}

/// What comes on a WebSocket.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(u16),
    /// With a reason.
    Closed(u16, String),
    Eof,
}

/// One client.
pub struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
}

/// The answer's head to a handshake with these fields.
pub async fn handshake(address: SocketAddr, fields: &str) -> (TcpStream, String) {
    handshake_at(address, "/ws", fields).await
}

/// The same somewhere else.
pub async fn handshake_at(address: SocketAddr, path: &str, fields: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(tokio::time::timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
    }
    (stream, String::from_utf8(answer).unwrap())
}

pub const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: xmpp\r\nOrigin: https://elsewhere.example\r\n";

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let (stream, answer) = handshake(address, HANDSHAKE).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        assert!(answer.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{answer}");
        assert!(answer.contains("sec-websocket-protocol: xmpp\r\n"), "{answer}");
        Self { stream, bytes: Vec::new() }
    }

    /// What comes on a socket whose handshake is over.
    pub fn on(stream: TcpStream) -> Self {
        Self { stream, bytes: Vec::new() }
    }

    /// A client that has signed in and not bound.
    pub async fn signed_in(address: SocketAddr, user: &str) -> Self {
        let mut client = Self::connect(address).await;
        client.open().await;
        client.send(&plain(user)).await;
        client.expect("success").await;
        client.open().await;
        client
    }

    /// A client that is available.
    pub async fn available(address: SocketAddr, user: &str, resource: &str) -> Self {
        let mut client = Self::signed_in(address, user).await;
        client.send(&bind(resource)).await;
        client.expect("iq").await;
        client.send("<presence xmlns='jabber:client'/>").await;
        client.expect("presence").await;
        client
    }

    pub async fn open(&mut self) {
        self.send(OPEN).await;
        self.expect("open").await;
        self.expect("features").await;
    }

    pub async fn send(&mut self, text: &str) {
        self.send_frame(0x81, text.as_bytes()).await;
    }

    /// A frame whose first byte this is, masked by zeros.
    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 126);
                frame.extend((long as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        // The server may have hung up already; what it said before can still be read.
        let _ = self.stream.write_all(&frame).await;
    }

    pub async fn hear(&mut self) -> Heard {
        tokio::time::timeout(PATIENCE, self.next()).await.expect("an answer in time")
    }

    async fn next(&mut self) -> Heard {
        loop {
            if let Some((heard, length)) = frame(&self.bytes) {
                self.bytes.drain(..length);
                return heard;
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer).await {
                Ok(0) | Err(_) => return Heard::Eof,
                Ok(count) => self.bytes.extend(&buffer[..count]),
            }
        }
    }

    pub async fn element(&mut self) -> Stanza {
        match self.hear().await {
            Heard::Text(text) => parse_one(text.clone().into()).expect(&text),
            other => panic!("{other:?}"),
        }
    }

    /// Skips elements until one has this name.
    pub async fn expect(&mut self, name: &str) -> Stanza {
        loop {
            let element = self.element().await;
            if element.name() == name {
                return element;
            }
        }
    }

    /// A token for the programming interface.
    pub async fn api_token(&mut self) -> String {
        self.send("<iq xmlns='jabber:client' type='get' id='token' to='localhost'><token xmlns='urn:carillon:api:0'/></iq>")
            .await;
        loop {
            let answer = self.expect("iq").await;
            if answer.id().as_deref() == Some("token") {
                return answer.child("token", "urn:carillon:api:0").expect("a token").text();
            }
        }
    }

    /// The words of the next message.
    pub async fn words(&mut self) -> String {
        let message = self.expect("message").await;
        assert_eq!(message.kind(), xmpp::Kind::Message, "it names its namespace");
        body(&message).expect("words")
    }

    /// The condition of the stream error that ends the stream, and the close code.
    pub async fn ending(&mut self) -> (String, u16) {
        let error = self.expect("error").await;
        let condition = error.children().next().unwrap().name().to_owned();
        self.expect("close").await;
        match self.hear().await {
            Heard::Close(code) => (condition, code),
            other => panic!("{other:?}"),
        }
    }
}

fn frame(bytes: &[u8]) -> Option<(Heard, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (start, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()) as usize),
        short => (2, usize::from(short)),
    };
    let payload = bytes.get(start..start + length)?;
    let heard = match first {
        0x81 => Heard::Text(String::from_utf8(payload.to_vec()).unwrap()),
        0x82 => Heard::Binary(payload.to_vec()),
        0x88 => match (u16::from_be_bytes(payload[..2].try_into().unwrap()), &payload[2..]) {
            (code, []) => Heard::Close(code),
            (code, reason) => Heard::Closed(code, String::from_utf8(reason.to_vec()).unwrap()),
        },
        0x89 => Heard::Ping,
        0x8a => Heard::Pong(payload.to_vec()),
        other => panic!("frame {other:x}"),
    };
    Some((heard, start + length))
}
