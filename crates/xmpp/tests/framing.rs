//! The framer: any split gives the same frames, rxml accepts what it accepts, and hostile input is refused.

mod oracle;

use bytes::Bytes;
use oracle::{Choices, Content, document, read};
use proptest::prelude::*;
use xmpp::{
    ContentNamespace, Frame, Framer, Limits, STANZA_BYTES_MAX, StreamCondition, StreamError, parse_one,
};

const OPEN: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' to='x' version='1.0' \
                    xmlns:stream='http://etherx.jabber.org/streams'>";

/// What a stream gave: frames in short, and the error that ended it.
#[derive(Debug, PartialEq)]
struct Outcome {
    frames: Vec<String>,
    error: Option<StreamError>,
}

fn frames(pieces: &[&[u8]]) -> Outcome {
    frames_in(ContentNamespace::Client, pieces)
}

fn frames_in(content: ContentNamespace, pieces: &[&[u8]]) -> Outcome {
    let mut framer = Framer::new(content, Limits::signed_in());
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Open(header))) => frames.push(format!("{header:?}")),
                Ok(Some(Frame::Stanza(stanza))) => frames.push(format!("{stanza:?}")),
                Ok(Some(Frame::Close)) => frames.push("close".to_owned()),
                Ok(None) => break,
                Err(error) => return Outcome { frames, error: Some(error) },
            }
        }
    }
    Outcome { frames, error: None }
}

fn condition(stream: &[u8]) -> Option<StreamCondition> {
    frames(&[stream]).error.map(|e| e.condition)
}

fn after_open(rest: &str) -> Option<StreamCondition> {
    condition(format!("{OPEN}{rest}").as_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_split_gives_the_same_frames(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        damage in proptest::option::of((any::<u16>(), any::<u8>())),
        cuts in proptest::collection::vec(any::<u16>(), 0..8),
    ) {
        let document = document(&mut Choices(&bytes));
        let mut stream = format!("{}\n{}{}", document.header, document.stanza, document.stanza).into_bytes();
        if let Some((at, byte)) = damage {
            let at = usize::from(at) % stream.len();
            stream[at] = byte;
        }
        let whole = frames_in(document.content, &[&stream]);
        let mut cuts: Vec<usize> = cuts.iter().map(|c| usize::from(*c) % stream.len()).collect();
        cuts.push(0);
        cuts.push(stream.len());
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &stream[w[0]..w[1]]).collect();
        prop_assert_eq!(&frames_in(document.content, &pieces), &whole);
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(&frames_in(document.content, &single), &whole);
    }

    #[test]
    fn what_is_accepted_rxml_accepts_too(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..4),
    ) {
        let document = document(&mut Choices(&bytes));
        let mut stream = format!("{}{}", document.header, document.stanza).into_bytes();
        for (at, byte) in damage {
            let at = usize::from(at) % stream.len();
            stream[at] = byte;
        }
        let ours = frames_in(document.content, &[&stream]);
        let stanzas = ours.frames.len().saturating_sub(1);
        let (trees, fault) = read(&stream);
        if ours.error.is_none() && stanzas > 0 {
            prop_assert!(!trees.is_empty(), "{:?} {}", fault, stream.escape_ascii());
            let theirs = trees[0].content.iter().filter(|c| matches!(c, Content::Element(_))).count();
            prop_assert_eq!(stanzas, theirs, "{:?} {}", fault, stream.escape_ascii());
        }
    }
}

#[test]
fn a_stream_is_a_header_stanzas_and_an_end() {
    let stream =
        format!("{OPEN} <presence/>\n<iq id='1' type='get'><q xmlns='u'/></iq> </stream:stream> rest");
    let outcome = frames(&[stream.as_bytes()]);
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.frames.len(), 4);
    assert_eq!(outcome.frames[3], "close");
}

#[test]
fn the_header_is_read() {
    let mut framer = Framer::new(ContentNamespace::Server, Limits::before_sign_in());
    framer.push(
        b"<?xml version=\"1.0\" encoding='utf-8' standalone='yes' ?>\n<s:stream xmlns:s='http://etherx.jabber.org/streams' \
          xmlns='jabber:server' xmlns:db='jabber:server:dialback' to='b.example' from='a.example' id='&lt;1' \
          version='1.0' xml:lang='de'>",
    );
    let Ok(Some(Frame::Open(header))) = framer.next_frame() else { panic!("no header") };
    assert_eq!(header.to.as_deref(), Some("b.example"));
    assert_eq!(header.from.as_deref(), Some("a.example"));
    assert_eq!(header.id.as_deref(), Some("<1"));
    assert_eq!(header.version, Some((1, 0)));
    assert_eq!(header.lang.as_deref(), Some("de"));
    assert!(header.dialback);
    let mut written = bytes::BytesMut::new();
    header.write(&mut written);
    framer.restart();
    framer.push(&written);
    let Ok(Some(Frame::Open(again))) = framer.next_frame() else { panic!("no header") };
    assert_eq!(again, header);
}

#[test]
fn headers_that_are_not_ours_get_their_condition() {
    use StreamCondition::*;
    let stream = "xmlns:stream='http://etherx.jabber.org/streams'";
    for (header, wanted) in [
        (format!("<stream:stream {stream} xmlns='jabber:server'>"), InvalidNamespace),
        ("<stream:stream xmlns:stream='urn:other' xmlns='jabber:client'>".to_owned(), InvalidNamespace),
        (format!("<stream:flood {stream} xmlns='jabber:client'>"), BadFormat),
        (format!("<stream:stream {stream} xmlns='jabber:client'/>"), BadFormat),
        (format!("<stream:stream {stream} xmlns='jabber:client' version='one'>"), UnsupportedVersion),
        ("<stream:stream xmlns='jabber:client'>".to_owned(), NotWellFormed),
        (format!("<stream:stream {stream} xmlns='jabber:client' a:b='1'>"), NotWellFormed),
        ("<?xml version='1.0' encoding='ISO-8859-1'?><a>".to_owned(), UnsupportedEncoding),
        ("<?xml version='1.1'?><a>".to_owned(), NotWellFormed),
        ("<?xml encoding='UTF-8'?><a>".to_owned(), NotWellFormed),
        ("<?xml version='1.0'?><?xml version='1.0'?>".to_owned(), RestrictedXml),
        (" <?xml version='1.0'?>".to_owned(), RestrictedXml),
        ("<?xml-stylesheet href='x'?>".to_owned(), RestrictedXml),
        ("<!DOCTYPE stream>".to_owned(), RestrictedXml),
        ("GET / HTTP/1.1\r\n".to_owned(), NotWellFormed),
        ("</stream:stream>".to_owned(), NotWellFormed),
        (
            format!("<stream:stream {stream} xmlns='jabber:client' a='{}'>", "x".repeat(5_000)),
            PolicyViolation,
        ),
        ("\u{FEFF}<stream:stream>".to_owned(), NotWellFormed),
    ] {
        assert_eq!(condition(header.as_bytes()), Some(wanted), "{header}");
    }
}

#[test]
fn hostile_stanzas_get_their_condition() {
    use StreamCondition::*;
    let laughs = "<message><body>&lol9;</body></message>";
    let attributes: String = (0..65).map(|n| format!(" a{n}='1'")).collect();
    let declarations: String = (0..40).map(|n| format!(" xmlns:p{n}='u'")).collect();
    for (stanza, wanted) in [
        (laughs.to_owned(), RestrictedXml),
        ("<!DOCTYPE lolz [<!ENTITY lol 'lol'>]>".to_owned(), RestrictedXml),
        ("<message><!DOCTYPE x></message>".to_owned(), RestrictedXml),
        ("<message><!-- hello --></message>".to_owned(), RestrictedXml),
        ("<!-- hello -->".to_owned(), RestrictedXml),
        ("<message><?php exit ?></message>".to_owned(), RestrictedXml),
        ("<message><?xml version='1.0'?></message>".to_owned(), RestrictedXml),
        ("<message to='&nbsp;'/>".to_owned(), RestrictedXml),
        ("<a>".repeat(65), PolicyViolation),
        (format!("<message{attributes}/>"), PolicyViolation),
        (format!("<m{declarations}>").repeat(4), PolicyViolation),
        (format!("<message>{}</message>", "<a/>".repeat(1_025)), PolicyViolation),
        (format!("<{}/>", "a".repeat(257)), PolicyViolation),
        (format!("<message {}='1'/>", "a".repeat(257)), PolicyViolation),
        (format!("<message><body>{}", "x".repeat(STANZA_BYTES_MAX as usize)), PolicyViolation),
        (format!("<message to='{}", "x".repeat(STANZA_BYTES_MAX as usize)), PolicyViolation),
        (format!("<message><![CDATA[{}", "x".repeat(STANZA_BYTES_MAX as usize)), PolicyViolation),
        ("<message to='1' to='2'/>".to_owned(), NotWellFormed),
        ("<message xmlns:a='u' xmlns:b='u' a:x='1' b:x='1'/>".to_owned(), NotWellFormed),
        ("<message xmlns:xml='urn:other'/>".to_owned(), NotWellFormed),
        ("<message xmlns:p='http://www.w3.org/XML/1998/namespace'/>".to_owned(), NotWellFormed),
        ("<message xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>".to_owned(), NotWellFormed),
        ("<message xmlns='http://www.w3.org/2000/xmlns/'/>".to_owned(), NotWellFormed),
        ("<message xmlns:p=''/>".to_owned(), NotWellFormed),
        ("<p:message/>".to_owned(), NotWellFormed),
        ("<message p:a='1'/>".to_owned(), NotWellFormed),
        ("<message><a xmlns:p='u'/><p:b/></message>".to_owned(), NotWellFormed),
        ("<message></presence>".to_owned(), NotWellFormed),
        ("<message><a></message></a>".to_owned(), NotWellFormed),
        ("</other>".to_owned(), NotWellFormed),
        ("text".to_owned(), NotWellFormed),
        ("<![CDATA[text]]>".to_owned(), NotWellFormed),
        ("<message>\0</message>".to_owned(), NotWellFormed),
        ("<message>\u{1}</message>".to_owned(), NotWellFormed),
        ("<message><![CDATA[\u{8}]]></message>".to_owned(), NotWellFormed),
        ("<message to='\u{1f}'/>".to_owned(), NotWellFormed),
        ("<message>\u{FFFE}</message>".to_owned(), NotWellFormed),
        ("<message to='\u{FFFF}'/>".to_owned(), NotWellFormed),
        ("<message>&#0;</message>".to_owned(), NotWellFormed),
        ("<message>&#xD800;</message>".to_owned(), NotWellFormed),
        ("<message>&amp</message>".to_owned(), NotWellFormed),
        ("<message>]]></message>".to_owned(), NotWellFormed),
        ("<message to='<'/>".to_owned(), NotWellFormed),
        ("<message to=bob/>".to_owned(), NotWellFormed),
        ("<message to/>".to_owned(), NotWellFormed),
        ("<message to='1'id='2'/>".to_owned(), NotWellFormed),
        ("< message/>".to_owned(), NotWellFormed),
        ("<1/>".to_owned(), NotWellFormed),
        ("<a:b:c/>".to_owned(), NotWellFormed),
        ("<:a/>".to_owned(), NotWellFormed),
        ("<a:/>".to_owned(), NotWellFormed),
        ("<a\u{D7}/>".to_owned(), NotWellFormed),
        ("<message></message to='1'>".to_owned(), NotWellFormed),
        ("<message/ >".to_owned(), NotWellFormed),
    ] {
        assert_eq!(after_open(&stanza), Some(wanted), "{}", &stanza[..stanza.len().min(80)]);
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_refused() {
    for bad in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"] {
        for (before, after) in [("<message>", "</message>"), ("<message to='", "'/>"), ("<a", "/>")] {
            let stream = [OPEN.as_bytes(), before.as_bytes(), bad, after.as_bytes()].concat();
            assert_eq!(condition(&stream), Some(StreamCondition::NotWellFormed), "{bad:?} in {before}");
        }
    }
}

#[test]
fn unusual_but_legal_stanzas_are_accepted() {
    for stanza in [
        "<message><![CDATA[<!-- & ]] ]]></message>",
        "<message\n\tto = '>'\r\n></message\n>",
        "<message to=\"'/>\"/>",
        "<message xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='en'/>",
        "<message xmlns:a='u' xmlns:b='v' a:x='1' b:x='2' x='3'/>",
        "<message>&lt;&gt;&amp;&apos;&quot;&#9;&#x10FFFF;</message>",
        "<ünï-cödé.1 xmlns='u'/>",
        "<message><body>\u{7f}\u{85}\u{10FFFF}\u{FFFD}</body></message>",
        "<message><x xmlns=''/></message>",
    ] {
        assert_eq!(after_open(stanza), None, "{stanza}");
        let document = format!("{OPEN}{stanza}");
        assert!(read(document.as_bytes()).1.is_none(), "{stanza}");
    }
}

#[test]
fn the_largest_stanza_fits_and_one_byte_more_does_not() {
    let stanza = |bytes: usize| format!("<message>{}</message>", "x".repeat(bytes - 19));
    assert_eq!(after_open(&stanza(STANZA_BYTES_MAX as usize)), None);
    assert_eq!(after_open(&stanza(STANZA_BYTES_MAX as usize + 1)), Some(StreamCondition::PolicyViolation));
}

#[test]
fn limits_before_sign_in_are_smaller() {
    let mut framer = Framer::new(ContentNamespace::Client, Limits::before_sign_in());
    framer.push(OPEN.as_bytes());
    framer.push(format!("<auth>{}", "x".repeat(10_240)).as_bytes());
    assert!(matches!(framer.next_frame(), Ok(Some(Frame::Open(_)))));
    assert_eq!(framer.next_frame().unwrap_err().condition, StreamCondition::PolicyViolation);
    assert!(framer.next_frame().is_err());
}

#[test]
fn an_idle_framer_gives_its_buffer_back_and_works_on() {
    let mut framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
    framer.push(OPEN.as_bytes());
    framer.push(b"<pres");
    assert!(matches!(framer.next_frame(), Ok(Some(Frame::Open(_)))));
    assert!(matches!(framer.next_frame(), Ok(None)));
    assert!(framer.release().is_none(), "a part of a stanza waits");
    framer.push(b"ence/> ");
    assert!(matches!(framer.next_frame(), Ok(Some(Frame::Stanza(_)))));
    assert!(matches!(framer.next_frame(), Ok(None)));
    let buffer = framer.release().expect("nothing waits");
    assert_eq!(framer.buffer().capacity(), 0);
    framer.attach(buffer);
    framer.push(b"<presence/>");
    assert!(matches!(framer.next_frame(), Ok(Some(Frame::Stanza(_)))));
}

#[test]
fn a_restart_takes_a_new_header_after_a_line_end() {
    let mut framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
    framer.push(format!("{OPEN}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").as_bytes());
    framer.next_frame().unwrap();
    framer.next_frame().unwrap();
    framer.restart();
    framer.push(b"\r\n");
    assert!(matches!(framer.next_frame(), Ok(None)));
    framer.push(OPEN.as_bytes());
    assert!(matches!(framer.next_frame(), Ok(Some(Frame::Open(_)))));
    assert_eq!(framer.pending_bytes(), 0);
}

#[test]
fn one_element_alone_is_read_whole_or_not_at_all() {
    let one = |text: &str| parse_one(Bytes::copy_from_slice(text.as_bytes()));
    let open = one(" <open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='x' version='1.0'/> ").unwrap();
    assert!(open.is("open", xmpp::ns::FRAMING));
    assert_eq!(one("<message xmlns='jabber:client'/>").unwrap().kind(), xmpp::Kind::Message);
    assert_eq!(one("<message/>").unwrap().kind(), xmpp::Kind::Other, "it names no namespace");
    for bad in ["", " ", "<a>", "</a>", "<a/><b/>", "<a/>text", "text<a/>", "<?xml version='1.0'?><a/>"] {
        assert!(one(bad).is_err(), "{bad}");
    }
}
