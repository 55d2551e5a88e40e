//! Elements that travel one by one instead of in a stream of bytes: XMPP over WebSocket (RFC 7395), read and written.
//!
//! No stream header gives such an element its namespaces, so it names them itself (RFC 7395 §3.3.3). What the house
//! writes is written for a stream of bytes, and shared by all who get it; [`framed`] says what to put in between.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::fault::{fault, malformed};
use crate::header::version;
use crate::reader::{Reader, Step};
use crate::scope::Scope;
use crate::{
    ContentNamespace, Frame, Limits, Stanza, StreamCondition, StreamError, StreamHeader, escape, ns,
};

/// `<close/>`, ready to send (RFC 7395 §3.6).
pub const CLOSE: &[u8] = b"<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";

/// The declaration that a stanza gets.
const CONTENT: &[u8] = b" xmlns='jabber:client'";
/// The declaration that `<stream:features/>` and `<stream:error/>` get.
const STREAM: &[u8] = b" xmlns:stream='http://etherx.jabber.org/streams'";

/// An element with the declaration that it needs outside of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    head: &'a [u8],
    declaration: &'static [u8],
    tail: &'a [u8],
}

impl<'a> Framed<'a> {
    /// The bytes, in three pieces.
    pub fn pieces(&self) -> [&'a [u8]; 3] {
        [self.head, self.declaration, self.tail]
    }

    /// The length of all pieces, in bytes.
    pub fn length(&self) -> usize {
        self.head.len() + self.declaration.len() + self.tail.len()
    }

    /// True for an element that uses the prefix of the stream namespace.
    pub fn is_of_stream(&self) -> bool {
        self.head.starts_with(b"<stream:")
    }

    /// The element without the declaration, for where the prefix `stream` is declared around it.
    pub fn undeclared(&self) -> [&'a [u8]; 2] {
        [self.head, self.tail]
    }
}

/// Completes an element that was written for a client's stream of bytes ([`crate::Context::Client`]), by us: with
/// single quotes, and a namespace, if there is one, as its first attribute.
pub fn framed(element: &[u8]) -> Framed<'_> {
    let names: [(&[u8], &'static [u8]); 5] = [
        (b"<message", CONTENT),
        (b"<presence", CONTENT),
        (b"<iq", CONTENT),
        (b"<stream:features", STREAM),
        (b"<stream:error", STREAM),
    ];
    for (name, declaration) in names {
        let Some(tail) = element.strip_prefix(name) else { continue };
        let is_whole_name = matches!(tail.first(), Some(b' ' | b'>' | b'/'));
        if is_whole_name && !tail.starts_with(b" xmlns=") && !tail.starts_with(b" xmlns:stream=") {
            return Framed { head: &element[..name.len()], declaration, tail };
        }
    }
    Framed { head: element, declaration: b"", tail: b"" }
}

/// Appends `<open/>`, which stands for a stream header (RFC 7395 §3.3.2).
pub fn write_open(header: &StreamHeader, out: &mut BytesMut) {
    out.extend_from_slice(b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'");
    let version = header.version.map(|(major, minor)| format!("{major}.{minor}"));
    let attributes = [
        ("from", &header.from),
        ("to", &header.to),
        ("id", &header.id),
        ("version", &version),
        ("xml:lang", &header.lang),
    ];
    for (name, value) in attributes {
        if let Some(value) = value {
            for part in [" ", name, "='"] {
                out.extend_from_slice(part.as_bytes());
            }
            escape::push_attribute(out, value);
            out.extend_from_slice(b"'");
        }
    }
    out.extend_from_slice(b"/>");
}

/// The reader of one client's elements, each in a message of its own.
#[derive(Debug)]
pub struct ElementReader {
    reader: Reader,
    failed: Option<StreamError>,
}

impl ElementReader {
    /// A reader for clients.
    pub fn new(limits: Limits) -> Self {
        let scope = Scope::standalone(ContentNamespace::Client, "");
        Self { reader: Reader::standalone(scope, limits), failed: None }
    }

    /// Other limits from now on, as after sign-in.
    pub fn set_limits(&mut self, limits: Limits) {
        self.reader.limits = limits;
    }

    /// Reads one message. After an error there is only that error.
    pub fn read(&mut self, message: Bytes) -> Result<Frame, StreamError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let read = self.read_element(message).and_then(|stanza| self.frame(stanza));
        if let Err(error) = &read {
            self.failed = Some(error.clone());
        }
        read
    }

    fn read_element(&mut self, message: Bytes) -> Result<Stanza, StreamError> {
        // RFC 7395 §3.3.3: a message is one element and begins with it. White space keeps nothing alive here.
        if message.first() != Some(&b'<') {
            return Err(malformed("a message begins with its element").into());
        }
        match self.reader.step(&message)? {
            Step::Stanza(end, parts) if end == message.len() => {
                self.reader.release();
                Ok(Stanza::new(message, Arc::clone(&self.reader.scope), parts))
            }
            Step::Stanza(..) => Err(malformed("more than one element").into()),
            _ => Err(malformed("not a whole element").into()),
        }
    }

    fn frame(&mut self, stanza: Stanza) -> Result<Frame, StreamError> {
        if stanza.ns() == ns::STREAMS && stanza.name() == "stream" {
            // RFC 7395 §3.3.2: the old way, without the framing that we speak.
            return Err(fault(StreamCondition::InvalidNamespace, "a stream opens with <open/>").into());
        }
        if stanza.ns() != ns::FRAMING {
            return Ok(Frame::Stanza(stanza));
        }
        match stanza.name() {
            "open" => self.open(&stanza).map(Frame::Open),
            "close" => Ok(Frame::Close),
            _ => Err(fault(StreamCondition::UnsupportedStanzaType, "neither <open/> nor <close/>").into()),
        }
    }

    /// `<open/>` sets the language of all that follows (RFC 7395 §3.3.2).
    fn open(&mut self, stanza: &Stanza) -> Result<StreamHeader, StreamError> {
        let text = |name: &str| stanza.attr(name).map(|value| value.into_owned());
        let header = StreamHeader {
            to: text("to"),
            from: text("from"),
            id: text("id"),
            version: stanza.attr("version").map(|text| version(&text)).transpose()?,
            lang: text("xml:lang"),
            ..StreamHeader::new(ContentNamespace::Client)
        };
        let lang = header.lang.as_deref().map(Into::into);
        self.reader.scope = Arc::new(Scope { lang, ..Scope::standalone(ContentNamespace::Client, "") });
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn reader() -> ElementReader {
        ElementReader::new(Limits::signed_in())
    }

    fn read(text: &'static str) -> Result<Frame, StreamError> {
        reader().read(Bytes::from_static(text.as_bytes()))
    }

    fn completed(element: &str) -> String {
        String::from_utf8(framed(element.as_bytes()).pieces().concat()).unwrap()
    }

    #[test]
    fn what_lacks_its_namespace_gets_it() {
        for (element, expected) in [
            (
                "<message from='a'><body>x</body></message>",
                "<message xmlns='jabber:client' from='a'><body>x</body></message>",
            ),
            ("<presence/>", "<presence xmlns='jabber:client'/>"),
            ("<iq><query xmlns='a'/></iq>", "<iq xmlns='jabber:client'><query xmlns='a'/></iq>"),
            (
                "<stream:features><a xmlns='b'/></stream:features>",
                "<stream:features xmlns:stream='http://etherx.jabber.org/streams'><a xmlns='b'/></stream:features>",
            ),
        ] {
            assert_eq!(completed(element), expected);
            assert_eq!(framed(element.as_bytes()).length(), expected.len());
        }
    }

    #[test]
    fn what_has_its_namespace_stays() {
        for element in [
            "<message xmlns='jabber:client' from='a'/>",
            "<r xmlns='urn:xmpp:sm:3'/>",
            "<iqs xmlns='urn:example'/>",
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        ] {
            assert_eq!(completed(element), element);
        }
    }

    #[test]
    fn a_stream_opens_and_closes_by_elements_of_framing() {
        let mut reader = reader();
        let open =
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0' xml:lang='de'/>";
        let Ok(Frame::Open(header)) = reader.read(open.into()) else { panic!("not open") };
        assert_eq!((header.to.as_deref(), header.version), (Some("localhost"), Some((1, 0))));
        let message = "<message xmlns='jabber:client'><body>hallo</body></message>";
        let Ok(Frame::Stanza(stanza)) = reader.read(message.into()) else { panic!("no stanza") };
        assert_eq!((stanza.kind(), stanza.lang().as_deref()), (Kind::Message, Some("de")));
        assert!(stanza.has_child("body", ns::CLIENT));
        assert!(matches!(reader.read(Bytes::from_static(CLOSE)), Ok(Frame::Close)));
    }

    #[test]
    fn our_open_is_read_as_it_was_written() {
        let header = StreamHeader {
            from: Some("localhost".into()),
            id: Some("a'b".into()),
            lang: Some("en".into()),
            ..StreamHeader::new(ContentNamespace::Client)
        };
        let mut out = BytesMut::new();
        write_open(&header, &mut out);
        let Ok(Frame::Open(read)) = reader().read(out.freeze()) else { panic!("not open") };
        assert_eq!(read, header);
    }

    #[test]
    fn a_stanza_must_name_its_namespace() {
        let Ok(Frame::Stanza(stanza)) = read("<message><body/></message>") else { panic!("no element") };
        assert_eq!(stanza.kind(), Kind::Other);
    }

    #[test]
    fn a_message_is_one_whole_element() {
        for (text, condition) in [
            (" <presence xmlns='jabber:client'/>", StreamCondition::NotWellFormed),
            ("", StreamCondition::NotWellFormed),
            ("<presence xmlns='jabber:client'>", StreamCondition::NotWellFormed),
            ("<a xmlns='b'/><a xmlns='b'/>", StreamCondition::NotWellFormed),
            ("<a xmlns='b'/> ", StreamCondition::NotWellFormed),
            ("<?xml version='1.0'?><a xmlns='b'/>", StreamCondition::RestrictedXml),
            ("<!-- --><a xmlns='b'/>", StreamCondition::RestrictedXml),
            (
                "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'/>",
                StreamCondition::InvalidNamespace,
            ),
            ("<ajar xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", StreamCondition::UnsupportedStanzaType),
            (
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='x'/>",
                StreamCondition::UnsupportedVersion,
            ),
        ] {
            let mut reader = reader();
            let error = reader.read(text.into()).expect_err(text);
            assert_eq!(error.condition, condition, "{text}");
            assert_eq!(reader.read(Bytes::from_static(CLOSE)).expect_err("it is over"), error);
        }
    }

    #[test]
    fn a_message_over_the_limit_is_refused() {
        let mut reader = ElementReader::new(Limits::before_sign_in());
        let long = format!("<a xmlns='b'>{}</a>", "x".repeat(20_000));
        assert_eq!(
            reader.read(long.into()).expect_err("too long").condition,
            StreamCondition::PolicyViolation
        );
    }
}
