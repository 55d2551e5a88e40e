//! One scripted client: a connection, and what came over it and was not yet expected by the script.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use xmpp::{ContentNamespace, Element, Frame, Framer, Limits, StreamHeader, ns};

use super::foundation::PASSWORD;
use super::house::House;

/// How long something expected may take, in ticks of the house.
const PATIENCE_TICKS: u32 = 3_000;

/// What came over a stream.
#[derive(Clone, Debug)]
pub enum Came {
    /// The server's stream header.
    Open,
    /// An element.
    Element(Element),
    /// The end: `</stream:stream>`, or no more bytes.
    End,
}

/// A scripted client.
pub struct Peer {
    connection: DuplexStream,
    framer: Framer,
    waiting: VecDeque<Came>,
    /// Stream management counts stanzas, so that the script must know of every one of them.
    counted: bool,
    bound: bool,
    fences: u32,
}

impl Peer {
    /// A client that has only just connected.
    pub fn connect(house: &House) -> Self {
        Self {
            connection: house.connect(),
            framer: Framer::new(ContentNamespace::Client, Limits::signed_in()),
            waiting: VecDeque::new(),
            counted: false,
            bound: false,
            fences: 0,
        }
    }

    /// Sends a stream header and waits for the server's.
    pub async fn open(&mut self, house: &House, domain: &str) -> Result<(), String> {
        let mut out = BytesMut::new();
        let to = Some(domain.to_owned());
        StreamHeader { to, ..StreamHeader::new(ContentNamespace::Client) }.write(&mut out);
        self.framer.restart();
        self.write(&out).await?;
        match self.next(house).await? {
            Came::Open => Ok(()),
            other => Err(format!("no stream header but {other:?}")),
        }
    }

    /// Signs in by PLAIN, up to and with the features that follow.
    pub async fn sign_in(&mut self, house: &House, jid: &str) -> Result<(), String> {
        let (name, domain) = jid.split_once('@').ok_or("a user has a name and a domain")?;
        self.open(house, domain).await?;
        self.element(house, "features").await?;
        let message = BASE64.encode(format!("\0{name}\0{PASSWORD}"));
        let auth = format!("<auth xmlns='{}' mechanism='PLAIN'>{message}</auth>", ns::SASL);
        self.write(auth.as_bytes()).await?;
        self.element(house, "success").await?;
        self.open(house, domain).await?;
        self.element(house, "features").await.map(drop)
    }

    /// Signs in and binds a resource.
    pub async fn session(&mut self, house: &House, jid: &str) -> Result<(), String> {
        let (user, resource) = jid.split_once('/').ok_or("a session's address has a resource")?;
        self.sign_in(house, user).await?;
        let bind = format!(
            "<iq type='set' id='bind'><bind xmlns='{}'><resource>{resource}</resource></bind></iq>",
            ns::BIND
        );
        self.write(bind.as_bytes()).await?;
        let result = self.element(house, "iq").await?;
        let bound =
            result.child("bind", ns::BIND).and_then(|bind| bind.child("jid", ns::BIND)).map(Element::text);
        if bound.as_deref() != Some(jid) {
            return Err(format!("bound to {bound:?}"));
        }
        self.bound = true;
        Ok(())
    }

    /// Sends XML as it is.
    pub async fn send(&mut self, xml: &str) -> Result<(), String> {
        self.counted |= xml.contains("urn:xmpp:sm:3");
        self.write(xml.as_bytes()).await
    }

    /// What comes next, in time.
    pub async fn next(&mut self, house: &House) -> Result<Came, String> {
        for _ in 0..PATIENCE_TICKS {
            if let Some(came) = self.waiting.pop_front() {
                return Ok(came);
            }
            self.read_one(house).await?;
        }
        Err("nothing came".to_owned())
    }

    /// Makes sure that what was sent before has had its effect: the server works a stream off in order, and
    /// so answers this question after all that came before it.
    pub async fn fence(&mut self, house: &House) -> Result<(), String> {
        if self.counted || !self.bound {
            return Ok(());
        }
        self.fences += 1;
        let id = format!("fence-{}", self.fences);
        self.write(format!("<iq type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>").as_bytes()).await?;
        for _ in 0..PATIENCE_TICKS {
            let answer = self.waiting.iter().position(|came| match came {
                Came::Element(element) => element.attr("id") == Some(&id),
                Came::Open | Came::End => false,
            });
            if let Some(answer) = answer {
                self.waiting.remove(answer);
                return Ok(());
            }
            if matches!(self.waiting.back(), Some(Came::End)) {
                return Ok(());
            }
            self.read_one(house).await?;
        }
        Err("the server answers no ping".to_owned())
    }

    /// Takes what is there already.
    pub async fn read_waiting(&mut self, house: &House) -> Result<Option<&Came>, String> {
        self.read_one(house).await?;
        Ok(self.waiting.front())
    }

    /// Closes the stream in order.
    pub async fn close(&mut self) -> Result<(), String> {
        self.bound = false;
        self.write(b"</stream:stream>").await
    }

    async fn element(&mut self, house: &House, name: &str) -> Result<Element, String> {
        match self.next(house).await? {
            Came::Element(element) if element.name() == name => Ok(element),
            other => Err(format!("no <{name}> but {other:?}")),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.connection.write_all(bytes).await.map_err(|error| format!("cannot send: {error}"))
    }

    /// Reads what comes within one tick.
    async fn read_one(&mut self, house: &House) -> Result<(), String> {
        let count = tokio::select! {
            biased;
            count = self.connection.read_buf(self.framer.buffer()) => count.unwrap_or(0),
            () = house.tick() => return Ok(()),
        };
        if count == 0 {
            house.tick().await;
            if !matches!(self.waiting.back(), Some(Came::End)) {
                self.waiting.push_back(Came::End);
            }
            self.bound = false;
            return Ok(());
        }
        while let Some(frame) =
            self.framer.next_frame().map_err(|error| format!("the server sent {error}"))?
        {
            let came = match frame {
                Frame::Open(_) => Came::Open,
                Frame::Stanza(stanza) => Came::Element(stanza.element().clone()),
                Frame::Close => Came::End,
            };
            self.waiting.push_back(came);
        }
        Ok(())
    }
}
