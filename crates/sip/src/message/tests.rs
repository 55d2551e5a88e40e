//! Tests of whole messages: reading, typed access, answering, changing.

use super::*;
use crate::header::{Contacts, NameAddr, RAck, Refresher, Replaces, SessionExpires};
use crate::{CSeq, Error};

const INVITE: &str = "INVITE sip:bob@example.org SIP/2.0\r\n\
    Via: SIP/2.0/UDP 10.0.0.5:5062;rport;branch=z9hG4bKa, SIP/2.0/TCP far.example.net;branch=z9hG4bKb\r\n\
    v: SIP/2.0/UDP older\r\n\
    Max-Forwards: 70\r\n\
    f: \"Ann \\\"A\\\"\" <sip:ann@example.org>;tag=ft\r\n\
    t: Bob <sip:bob@example.org;x=1>\r\n\
    i: id1@host\r\n\
    CSeq: 7 INVITE\r\n\
    m: <sip:ann@10.0.0.5>;q=0.7;expires=60;+sip.instance=\"<urn:uuid:1>\";reg-id=2, sip:ann@other;q=2\r\n\
    Route: <sip:p1;lr>,\r\n <sip:p2;lr>\r\n\
    k: timer, 100rel\r\n\
    x: 1800;refresher=uac\r\n\
    Timestamp: 54\r\n\
    X-Odd\t: \u{e4}\r\n\
    Content-Length: 3\r\n\
    \r\n\
    abcDEF";

fn message(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn request(text: &str) -> Request {
    message(text).into_request().unwrap()
}

#[test]
fn header_fields_are_found_by_name_compact_form_and_list() {
    let request = request(INVITE);
    let headers = request.headers();
    assert_eq!(headers.vias().count(), 3);
    assert_eq!(headers.via().unwrap().branch(), Some(&b"z9hG4bKa"[..]));
    assert_eq!(headers.via().unwrap().rport(), Some(None));
    assert_eq!(headers.from().unwrap().display().as_ref(), b"Ann \"A\"");
    assert_eq!(headers.from_tag().unwrap(), "ft");
    assert_eq!(headers.to().unwrap().uri().to_string(), "sip:bob@example.org;x=1");
    assert_eq!(headers.to_tag(), None);
    assert_eq!(headers.call_id().unwrap(), "id1@host");
    assert_eq!(headers.cseq().unwrap(), CSeq { number: 7, method: Method::Invite });
    assert_eq!(headers.routes().unwrap().len(), 2);
    assert!(headers.has_token(Name::Supported, b"100REL"));
    assert_eq!(
        headers.session_expires().unwrap(),
        Some(SessionExpires { seconds: 1800, refresher: Some(Refresher::Uac) })
    );
    assert_eq!(headers.named(b"x-odd"), Some("\u{e4}".as_bytes()));
    assert_eq!(request.body(), "abc");
    assert!(request.bytes().ends_with(b"abc"));
    assert_eq!(request.refusal(&EXTENSIONS_KNOWN), None);
}

#[test]
fn contacts_have_their_parameters() {
    let request = request(INVITE);
    let Contacts::List(contacts) = request.headers().contacts().unwrap() else { panic!() };
    assert_eq!(
        (contacts[0].q_thousandths(), contacts[0].expires(), contacts[0].reg_id()),
        (700, Some(60), Some(2))
    );
    assert_eq!(contacts[0].instance().unwrap().as_ref(), b"urn:uuid:1");
    assert_eq!((contacts[1].q_thousandths(), contacts[1].expires()), (1000, None));
    assert_eq!(contacts[1].uri().to_string(), "sip:ann@other");
    let star = message(&INVITE.replace("m: <sip:ann", "m: *\r\nX: <sip:ann"));
    assert_eq!(star.headers().contacts(), Ok(Contacts::All));
}

#[test]
fn a_response_carries_what_the_request_brought_and_where_it_came_from() {
    let mut request = request(INVITE);
    request.set_source("192.0.2.7:40000".parse().unwrap());
    let response = Response::to(&request, 180, Some(b"tt")).header(Name::RSeq, &9_u32).finish();
    assert_eq!(
        String::from_utf8_lossy(response.bytes()),
        "SIP/2.0 180 Ringing\r\n\
         Via: SIP/2.0/UDP 10.0.0.5:5062;rport=40000;branch=z9hG4bKa;received=192.0.2.7, SIP/2.0/TCP far.example.net;branch=z9hG4bKb\r\n\
         Via: SIP/2.0/UDP older\r\n\
         From: \"Ann \\\"A\\\"\" <sip:ann@example.org>;tag=ft\r\n\
         To: Bob <sip:bob@example.org;x=1>;tag=tt\r\n\
         Call-ID: id1@host\r\nCSeq: 7 INVITE\r\nRSeq: 9\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(message(&String::from_utf8_lossy(response.bytes())), Message::Response(response));
}

#[test]
fn a_100_has_no_tag_and_gives_the_timestamp_back() {
    let response = Response::to(&request(INVITE), 100, Some(b"tt")).finish();
    assert_eq!(response.headers().to_tag(), None);
    assert_eq!(response.headers().first(Name::Timestamp), Some(&b"54"[..]));
    let plain = Response::to(&request(INVITE), 200, Some(b"tt")).finish();
    assert!(!plain.headers().has(Name::Timestamp));
}

#[test]
fn a_built_request_reads_back_the_same() {
    let built = RequestBuilder::new(Method::Prack, b"sip:bob@10.0.0.9")
        .via("UDP", "192.0.2.1:5060", b"z9hG4bK77")
        .header(Name::MaxForwards, &70_u32)
        .header(Name::From, &NameAddr::compose(Some("A \"B\""), &"sip:a@h".parse().unwrap(), Some(b"f")))
        .header(Name::RAck, &RAck { rseq: 3, cseq: CSeq { number: 1, method: Method::Invite } })
        .named("X-Injected", "a\r\nEvil: yes")
        .body("application/sdp", b"v=0");
    let read = message(&String::from_utf8_lossy(built.bytes())).into_request().unwrap();
    assert_eq!(read, built);
    assert!(read.headers().named(b"evil").is_none());
    assert_eq!(read.headers().rack().unwrap().unwrap().rseq, 3);
    assert!(read.headers().content_type().unwrap().is("application", "SDP"));
}

#[test]
fn an_edit_changes_only_what_it_names() {
    let request = request(INVITE);
    let edited = Edit::request(&request)
        .uri(b"sip:bob@10.0.0.9")
        .received("192.0.2.7:40000".parse().unwrap())
        .push_front(Name::Via, "SIP/2.0/UDP us;branch=z9hG4bKc")
        .pop_front(Name::Route)
        .replace(Name::MaxForwards, &69_u32)
        .remove(Name::Timestamp)
        .finish();
    let headers = edited.headers();
    assert_eq!(headers.vias().count(), 4);
    assert_eq!(headers.vias().nth(1).unwrap().unwrap().received(), Some("192.0.2.7".parse().unwrap()));
    assert_eq!(headers.routes().unwrap()[0].uri().to_string(), "sip:p2;lr");
    assert_eq!(headers.max_forwards(), Ok(Some(69)));
    assert!(!headers.has(Name::Timestamp));
    assert_eq!(headers.named(b"x-odd"), Some("\u{e4}".as_bytes()));
    assert_eq!(edited.body(), "abc");
    assert_eq!(message(&String::from_utf8_lossy(edited.bytes())), edited);
    let back = Edit::request(&edited.into_request().unwrap()).pop_front(Name::Via).finish();
    assert_eq!(back.headers().vias().count(), 3);
}

#[test]
fn replaces_and_tags_read_back() {
    let replaces = Replaces::parse(Bytes::from_static(b"a@b;from-tag=f;to-tag=t;early-only")).unwrap();
    assert_eq!(
        (&replaces.to_tag[..], &replaces.from_tag[..], replaces.early_only),
        (&b"t"[..], &b"f"[..], true)
    );
    let address = NameAddr::parse(Bytes::from_static(b"Bob <sip:b@h>;x=1;tag=old")).unwrap();
    assert_eq!(address.with_tag(b"new").as_bytes(), b"Bob <sip:b@h>;x=1;tag=new");
    assert_eq!(address.without_tag().as_bytes(), b"Bob <sip:b@h>;x=1");
}

#[test]
fn a_broken_request_can_still_be_answered() {
    let malformed = Message::parse(Bytes::from(INVITE.replace("Max-Forwards:", "Max Forwards"))).unwrap_err();
    assert_eq!(malformed.error, Error::HeaderLine);
    let answer = Response::to(&malformed.answerable.unwrap(), 400, Some(b"x")).finish();
    assert_eq!(answer.headers().call_id().unwrap(), "id1@host");
    let ack = INVITE.replace("INVITE", "ACK").replace("Max-Forwards:", "Max Forwards");
    assert_eq!(Message::parse(Bytes::from(ack)).unwrap_err().answerable, None);
}

#[test]
fn bare_line_ends_do_not_hide_header_fields() {
    for bad in ["X: a\nEvil: b\r\n", "X: a\rEvil: b\r\n"] {
        let error = Message::parse(Bytes::from(INVITE.replace("Max-Forwards: 70\r\n", bad))).unwrap_err();
        assert_eq!(error.error, Error::HeaderLine);
    }
}

#[test]
fn too_many_header_lines_are_refused() {
    let text = INVITE.replace("Max-Forwards: 70\r\n", &"A: b\r\n".repeat(HEADERS_MAX + 1));
    assert_eq!(Message::parse(Bytes::from(text)).unwrap_err().error, Error::TooLarge);
}
