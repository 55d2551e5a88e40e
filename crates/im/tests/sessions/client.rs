//! A client that a test drives stanza by stanza.

use base64::Engine as _;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use xmpp::{ContentNamespace, Frame, Framer, Kind, Limits, Stanza};

use super::house::House;

/// How long an answer may take, in ticks.
const TICKS_MAX: usize = 3_000;

/// A client of one house.
pub struct Client<'h> {
    house: &'h House,
    stream: DuplexStream,
    framer: Framer,
    user: String,
    resource: String,
    /// What came in, and its number.
    pub received: u32,
    /// True: every `<r/>` is answered.
    pub acknowledges: bool,
}

impl<'h> Client<'h> {
    pub fn new(house: &'h House, stream: DuplexStream, user: &str) -> Self {
        let framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
        let user = user.to_owned();
        Self { house, stream, framer, user, resource: String::new(), received: 0, acknowledges: true }
    }

    pub fn bare(&self) -> String {
        format!("{}@{}", self.user, self.house.domain)
    }

    pub fn jid(&self) -> String {
        format!("{}/{}", self.bare(), self.resource)
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("the server reads");
    }

    pub async fn open(&mut self) {
        self.framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
        let domain = self.house.domain;
        self.send(&format!(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             to='{domain}' version='1.0'>"
        ))
        .await;
        assert!(matches!(self.frame().await, Some(Frame::Open(_))));
        let features = self.any().await;
        assert_eq!(features.name(), "features");
    }

    /// Tries a password: the answer, and whether it is a success.
    pub async fn try_password(&mut self, password: &str) -> Stanza {
        self.send_password(password).await;
        self.any().await
    }

    /// Sends a password and does not wait for the answer.
    pub async fn send_password(&mut self, password: &str) {
        let plain = base64::engine::general_purpose::STANDARD.encode(format!("\0{}\0{password}", self.user));
        self.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
        ))
        .await;
    }

    pub async fn sign_in(&mut self, password: &str) {
        self.open().await;
        let answer = self.try_password(password).await;
        assert_eq!(answer.name(), "success", "{:?}", answer.bytes());
        self.open().await;
    }

    /// Signs in by XEP-0388 with a password, a bind request and more; gives the answer. Everything goes out at once,
    /// behind the stream header, as a client sends it that knows the server.
    pub async fn sign_in_at_once(&mut self, password: &str, more: &str) -> Stanza {
        let plain = base64::engine::general_purpose::STANDARD.encode(format!("\0{}\0{password}", self.user));
        self.authenticate("PLAIN", &plain, more).await
    }

    /// The same by another mechanism that needs one message.
    pub async fn authenticate(&mut self, mechanism: &str, initial: &str, more: &str) -> Stanza {
        self.framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
        self.send(&format!(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             to='localhost' from='{}' version='1.0'>\
             <authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'>\
             <initial-response>{initial}</initial-response>{more}</authenticate>",
            self.bare()
        ))
        .await;
        assert!(matches!(self.frame().await, Some(Frame::Open(_))));
        assert_eq!(self.any().await.name(), "features");
        let answer = self.any().await;
        if answer.name() == "success" {
            let jid = answer.child("authorization-identifier", "urn:xmpp:sasl:2").expect("an address").text();
            self.resource = jid.split_once('/').map(|(_, resource)| resource.to_owned()).unwrap_or_default();
            assert_eq!(self.any().await.name(), "features");
        }
        answer
    }

    pub async fn bind(&mut self, resource: &str) {
        self.bind_later(resource).await;
        let answer = self.any().await;
        assert_eq!(answer.type_().as_deref(), Some("result"), "{:?}", answer.bytes());
    }

    /// Asks for a resource and does not wait for the answer.
    pub async fn bind_later(&mut self, resource: &str) {
        self.send(&format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>{resource}</resource></bind></iq>"
        ))
        .await;
        self.resource = resource.to_owned();
    }

    /// Turns stream management on; gives the identifier to resume by.
    pub async fn enable(&mut self) -> String {
        self.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
        let enabled = self.expect("<enabled/>", |stanza| stanza.name() == "enabled").await;
        self.received = 0;
        enabled.attr("id").expect("it can be resumed").into_owned()
    }

    /// The connection is lost without a word.
    pub fn lose(self) {}

    /// The next frame; none at the end of the connection.
    pub async fn frame(&mut self) -> Option<Frame> {
        let mut buffer = [0; 4096];
        for _ in 0..TICKS_MAX {
            if let Some(frame) = self.framer.next_frame().expect("the server writes well-formed XML") {
                return Some(frame);
            }
            tokio::select! {
                biased;
                read = self.stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => return None,
                    Ok(count) => self.framer.push(&buffer[..count]),
                },
                () = self.house.tick() => {}
            }
        }
        panic!("{} waited in vain", self.jid());
    }

    /// The next element, whatever it is.
    pub async fn any(&mut self) -> Stanza {
        match self.frame().await {
            Some(Frame::Stanza(stanza)) => stanza,
            other => panic!("{} expected a stanza, and got {other:?}", self.jid()),
        }
    }

    /// The next stanza. Requests for acknowledgement are answered by the way.
    pub async fn next(&mut self) -> Stanza {
        loop {
            let stanza = self.any().await;
            if stanza.kind() != Kind::Other {
                self.received += 1;
                return stanza;
            }
            assert_ne!(stanza.name(), "error", "{} was cut: {:?}", self.jid(), stanza.bytes());
            if stanza.name() != "r" {
                return stanza;
            }
            if self.acknowledges {
                self.send(&format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.received)).await;
            }
        }
    }

    /// Skips stanzas until one fits.
    pub async fn expect(&mut self, what: &str, fits: impl Fn(&Stanza) -> bool) -> Stanza {
        for _ in 0..200 {
            let stanza = self.next().await;
            if fits(&stanza) {
                return stanza;
            }
        }
        panic!("{} did not get {what}", self.jid());
    }

    /// The next message's body.
    pub async fn body(&mut self) -> String {
        let message = self.expect("a message", |stanza| stanza.kind() == Kind::Message).await;
        text(&message, "body").expect("a body")
    }

    /// Presence of a type from an address.
    pub async fn presence(&mut self, from: &str, kind: Option<&str>) -> Stanza {
        self.expect(&format!("presence {kind:?} from {from}"), |stanza| {
            stanza.kind() == Kind::Presence
                && stanza.from().as_deref() == Some(from)
                && stanza.type_().as_deref() == kind
        })
        .await
    }

    /// Sends a request with this `id` and waits for the answer.
    pub async fn ask(&mut self, id: &str, request: &str) -> Stanza {
        self.send(request).await;
        self.expect(id, |stanza| stanza.kind() == Kind::Iq && stanza.id().as_deref() == Some(id)).await
    }

    /// Takes everything that was sent before now.
    pub async fn settle(&mut self) -> Vec<Stanza> {
        // Two rounds through the server: what others sent us in between is then in front of the answer.
        let mut before = Vec::new();
        for round in ["settle-1", "settle-2"] {
            for _ in 0..5 {
                self.house.tick().await;
            }
            self.send(&format!(
                "<iq type='get' id='{round}' to='{}'><ping xmlns='urn:xmpp:ping'/></iq>",
                self.house.domain
            ))
            .await;
            loop {
                let stanza = self.next().await;
                if stanza.id().as_deref() == Some(round) {
                    break;
                }
                before.push(stanza);
            }
        }
        before
    }

    /// Asserts that no message is on its way.
    pub async fn hears_no_message(&mut self) {
        let got = self.settle().await;
        let messages: Vec<_> = got.iter().filter(|stanza| stanza.kind() == Kind::Message).collect();
        assert!(messages.is_empty(), "{} got {messages:?}", self.jid());
    }

    /// The stream error that ends the stream.
    pub async fn stream_error(&mut self) -> String {
        let error = loop {
            match self.any().await {
                stanza if stanza.name() == "error" => break stanza,
                _ => {}
            }
        };
        let name = error.children().next().expect("a condition").name().to_owned();
        while self.frame().await.is_some() {}
        name
    }
}

/// The text of a child.
pub fn text(stanza: &Stanza, child: &str) -> Option<String> {
    stanza.child(child, "jabber:client").map(|child| child.text())
}

/// The condition of a stanza error.
pub fn condition(stanza: &Stanza) -> String {
    assert_eq!(stanza.type_().as_deref(), Some("error"), "{:?}", stanza.bytes());
    xmpp::StanzaError::from_stanza(stanza).expect("an error").condition.to_string()
}
