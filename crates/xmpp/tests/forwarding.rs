//! Every way of forwarding a stanza gives, by canonical tree, what rxml and a plain reference give.

mod oracle;

use bytes::Bytes;
use oracle::{Choices, Document, Tree, document, forwarded, from_element, read, read_inside};
use proptest::prelude::*;
use xmpp::{Context, Element, Frame, Framer, Limits, Stamp, Stanza, Value, ns, parse_one};

const CONTEXTS: [Context; 5] =
    [Context::Client, Context::Server, Context::Component, Context::Framed, Context::Forwarded];

fn frame(document: &Document) -> Stanza {
    let mut framer = Framer::new(document.content, Limits::signed_in());
    framer.push(document.header.as_bytes());
    framer.push(document.stanza.as_bytes());
    assert!(matches!(framer.next_frame(), Ok(Some(Frame::Open(_)))), "{}", document.header);
    match framer.next_frame() {
        Ok(Some(Frame::Stanza(stanza))) => stanza,
        other => panic!("{other:?} for {}", document.stanza),
    }
}

fn reference(document: &Document) -> Tree {
    let whole = format!("{}{}", document.header, document.stanza);
    let (trees, fault) = read(whole.as_bytes());
    assert!(fault.is_none(), "{fault:?} in {whole}");
    trees[0].children().next().expect("a stanza").clone()
}

fn client(text: &str) -> Stanza {
    let mut framer = Framer::new(xmpp::ContentNamespace::Client, Limits::signed_in());
    framer.push(b"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>");
    framer.push(text.as_bytes());
    framer.next_frame().expect("our own header");
    match framer.next_frame() {
        Ok(Some(Frame::Stanza(stanza))) => stanza,
        other => panic!("{other:?} for {text}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn every_path_gives_the_reference_tree(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let document = document(&mut Choices(&bytes));
        let stanza = frame(&document);
        let tree = reference(&document);
        for context in CONTEXTS {
            let written = stanza.to_bytes(context, &Stamp::default().from("ann@x/1"));
            let around = if context.names_content() { "urn:around" } else { context.content() };
            prop_assert_eq!(
                read_inside(&written, around),
                forwarded(&tree, context, "ann@x/1", document.lang),
                "{:?} of {} {}", context, document.header, document.stanza
            );
        }
    }

    /// What is shared by streams of bytes and WebSockets is completed to what would have been written for the latter.
    #[test]
    fn a_completed_stanza_is_the_framed_one(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let stanza = frame(&document(&mut Choices(&bytes)));
        let stamp = Stamp::default().from("ann@x/1");
        let (shared, framed) = (stanza.to_bytes(Context::Client, &stamp), stanza.to_bytes(Context::Framed, &stamp));
        prop_assert_eq!(xmpp::framing::framed(&shared).pieces().concat(), &framed[..]);
        prop_assert_eq!(xmpp::framing::framed(&framed).pieces().concat(), &framed[..]);
    }

    #[test]
    fn trees_are_the_same_by_both_readers(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let document = document(&mut Choices(&bytes));
        let stanza = frame(&document);
        let mut expected = forwarded(&reference(&document), Context::Client, "", None);
        let mut tree = from_element(&stanza.element());
        expected.attributes.clear();
        tree.attributes.clear();
        prop_assert_eq!(&tree, &expected, "{} {}", document.header, document.stanza);
        let children: Vec<Tree> = stanza.children().map(|c| from_element(&c.element())).collect();
        let expected: Vec<Tree> = expected.children().cloned().collect();
        for (child, tree) in stanza.children().zip(&expected) {
            prop_assert!(child.is(&tree.name, &tree.ns));
            prop_assert!(stanza.has_child(&tree.name, &tree.ns));
        }
        prop_assert_eq!(children, expected);
    }

    #[test]
    fn a_tree_survives_writing_and_reading(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let element = frame(&document(&mut Choices(&bytes))).element();
        prop_assert_eq!(Element::parse(&element.to_bytes(), "urn:around").unwrap(), element);
    }

    #[test]
    fn a_stanza_survives_the_store(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let stanza = frame(&document(&mut Choices(&bytes)));
        let once = stanza.to_bytes(Context::Framed, &Stamp::default());
        let again = parse_one(once.clone()).unwrap();
        let (read, was) = (again.element(), stanza.element());
        prop_assert_eq!(read.nodes(), was.nodes());
        prop_assert_eq!(again.to_bytes(Context::Framed, &Stamp::default()), once);
    }
}

#[test]
fn an_ordinary_payload_goes_as_it_is_to_every_context() {
    let stanza = client(
        "<message to='bob@x' id='1'><body>hi &amp; bye</body><active xmlns='http://jabber.org/protocol/chatstates'/>\
         <p:x xmlns:p='urn:p' p:y='1'/></message>",
    );
    for context in CONTEXTS {
        assert!(stanza.is_verbatim_in(context), "{context:?}");
    }
}

#[test]
fn what_uses_names_from_outside_is_written_anew() {
    let outer = client("<message xmlns:p='urn:p'><p:x/></message>");
    assert!(!outer.is_verbatim_in(Context::Client));
    assert_eq!(outer.to_bytes(Context::Client, &Stamp::default()), "<message><x xmlns='urn:p'/></message>");
    let explicit = client("<message><body xmlns='jabber:client'>hi</body></message>");
    assert!(explicit.is_verbatim_in(Context::Framed));
    assert_eq!(explicit.to_bytes(Context::Server, &Stamp::default()), "<message><body>hi</body></message>");
}

#[test]
fn content_of_another_stream_cannot_hide_from_us() {
    let stanza = client("<message><body xmlns='jabber:server'>hi</body></message>");
    assert!(stanza.has_child("body", ns::CLIENT));
    assert_eq!(stanza.to_bytes(Context::Server, &Stamp::default()), "<message><body>hi</body></message>");
}

#[test]
fn a_stamp_sets_keeps_and_removes() {
    let stanza = client("<message to=\"it's\" from='a' id='1' type='chat'/>");
    let stamp = Stamp { to: Value::Keep, type_: Value::Remove, ..Stamp::default().from("ann@x/<1>").id("2") };
    assert_eq!(
        stanza.to_bytes(Context::Framed, &stamp),
        "<message xmlns='jabber:client' from='ann@x/&lt;1&gt;' to=\"it's\" id='2'/>"
    );
    let added = stanza.to_bytes(Context::Client, &Stamp::default().adding(b"<a xmlns='urn:a'/>"));
    assert_eq!(added, "<message from='a' to=\"it's\" type='chat' id='1'><a xmlns='urn:a'/></message>");
}

#[test]
fn forged_children_are_neither_seen_nor_forwarded() {
    for (declared, kept) in [
        ("", "<body>hi</body> <x xmlns='urn:x'/>"),
        (" xmlns:p='urn:p'", "<body>hi</body> <x xmlns='urn:x'/>"),
    ] {
        let used = if declared.is_empty() { "" } else { "<p:y/>" };
        let mut stanza = client(&format!(
            "<message{declared}><stanza-id xmlns='urn:xmpp:sid:0' by='x' id='1'/><body>hi</body> <x xmlns='urn:x'/>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='x'>t</stanza-id>{used}</message>"
        ));
        assert_eq!(stanza.cut_children(|c| c.is("stanza-id", "urn:xmpp:sid:0")), 2);
        assert!(!stanza.has_child("stanza-id", "urn:xmpp:sid:0"));
        assert!(stanza.element().child("stanza-id", "urn:xmpp:sid:0").is_none());
        let rewritten = if declared.is_empty() { "" } else { "<y xmlns='urn:p'/>" };
        assert_eq!(
            stanza.to_bytes(Context::Client, &Stamp::default()),
            Bytes::from(format!("<message>{kept}{rewritten}</message>"))
        );
    }
}

#[test]
fn what_is_no_stanza_shows_its_attributes_and_text() {
    let auth = client(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AG<![CDATA[Fu]]>bg==</auth>",
    );
    assert_eq!(auth.kind(), xmpp::Kind::Other);
    assert!(auth.is("auth", ns::SASL));
    assert_eq!(auth.attr("mechanism").as_deref(), Some("PLAIN"));
    assert_eq!(auth.attr("absent"), None);
    assert_eq!(auth.text(), "AGFubg==");
}
