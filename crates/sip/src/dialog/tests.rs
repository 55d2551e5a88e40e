//! Both sides of a dialog, message by message.

use bytes::Bytes;

use super::{Dialog, DialogId, Forks, State};
use crate::message::{Message, Name, Request, RequestBuilder, Response};
use crate::method::Method;

fn invite(record_routes: &[&str]) -> Request {
    let mut request = RequestBuilder::new(Method::Invite, b"sip:bob@example.org")
        .via("UDP", "192.0.2.1:5060", b"z9hG4bKa")
        .header(Name::From, "<sip:ann@example.org>;tag=ann")
        .header(Name::To, "Bob <sip:bob@example.org>")
        .header(Name::CallId, "call")
        .header(Name::CSeq, "7 INVITE")
        .header(Name::Contact, "<sip:ann@192.0.2.1>");
    for route in record_routes {
        request = request.header(Name::RecordRoute, *route);
    }
    request.finish()
}

fn answer(request: &Request, status: u16, tag: &str, contact: &str) -> Response {
    Response::to(request, status, Some(tag.as_bytes()))
        .copy(request.headers(), Name::RecordRoute)
        .header(Name::Contact, contact)
        .finish()
}

/// Ann's and Bob's ends of one confirmed dialog.
fn pair(record_routes: &[&str]) -> (Dialog, Dialog) {
    let request = invite(record_routes);
    let response = answer(&request, 200, "bob", "<sip:bob@192.0.2.2>");
    let ann = Dialog::uac(&request, &response).unwrap();
    let bob = Dialog::uas(&request, b"bob", State::Confirmed).unwrap();
    (ann, bob)
}

fn wire(request: &Request) -> Request {
    let with_via = String::from_utf8(request.bytes().to_vec()).unwrap();
    let with_via = with_via.replacen("\r\n", "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\n", 1);
    match Message::parse(Bytes::from(with_via)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

#[test]
fn both_sides_see_the_same_dialog_mirrored() {
    let (ann, bob) = pair(&[]);
    assert_eq!(ann.id().local_tag, bob.id().remote_tag);
    assert_eq!(ann.id().remote_tag, bob.id().local_tag);
    assert_eq!(ann.remote_target().as_bytes(), b"sip:bob@192.0.2.2");
    assert_eq!(bob.remote_target().as_bytes(), b"sip:ann@192.0.2.1");
    assert_eq!((ann.is_caller(), bob.is_caller()), (true, false));
}

#[test]
fn requests_in_a_dialog_find_the_other_side() {
    let (mut ann, mut bob) = pair(&[]);
    let bye = wire(&ann.request(Method::Bye).finish());
    assert_eq!(bye.uri_bytes().as_ref(), b"sip:bob@192.0.2.2");
    assert_eq!(bye.headers().cseq().unwrap().number, 8);
    assert_eq!(DialogId::of_request(&bye).as_ref(), Some(bob.id()));
    assert_eq!(bob.receive(&bye), Ok(()));
    let info = wire(&bob.request(Method::Info).finish());
    assert_eq!(DialogId::of_request(&info).as_ref(), Some(ann.id()));
    assert_eq!(info.headers().cseq().unwrap().number, 1);
    assert_eq!(ann.receive(&info), Ok(()));
}

#[test]
fn the_route_set_is_followed_from_both_ends() {
    let (mut ann, mut bob) = pair(&["<sip:p2;lr>", "<sip:p1;lr>"]);
    let routes = |request: &Request| {
        let routes = request.headers().all(Name::Route);
        routes.map(|route| String::from_utf8_lossy(route).into_owned()).collect::<Vec<_>>()
    };
    let bye = ann.request(Method::Bye).finish();
    assert_eq!(routes(&bye), ["<sip:p1;lr>", "<sip:p2;lr>"]);
    assert_eq!(ann.next_hop().as_bytes(), b"sip:p1;lr");
    let bye = bob.request(Method::Bye).finish();
    assert_eq!(routes(&bye), ["<sip:p2;lr>", "<sip:p1;lr>"]);
    assert_eq!(bye.uri_bytes().as_ref(), b"sip:ann@192.0.2.1");
}

#[test]
fn a_strict_router_gets_its_uri_and_the_target_comes_last() {
    let (mut ann, _) = pair(&["<sip:p2;lr>", "<sip:p1>"]);
    let bye = ann.request(Method::Bye).finish();
    assert_eq!(bye.uri_bytes().as_ref(), b"sip:p1");
    let routes: Vec<&[u8]> = bye.headers().all(Name::Route).collect();
    assert_eq!(routes, [&b"<sip:p2;lr>"[..], b"<sip:bob@192.0.2.2>"]);
}

#[test]
fn a_request_out_of_order_gets_500_and_changes_nothing() {
    let (mut ann, mut bob) = pair(&[]);
    let older = wire(&ann.request(Method::Info).finish());
    let newer = wire(&ann.request(Method::Info).finish());
    assert_eq!(bob.receive(&newer), Ok(()));
    assert_eq!(bob.receive(&older).map_err(|refusal| refusal.status), Err(500));
    assert_eq!(bob.receive(&newer).map_err(|refusal| refusal.status), Err(500));
    let ack = wire(&ann.ack(7).finish());
    assert_eq!(bob.receive(&ack), Ok(()), "an ACK has the number of its INVITE");
}

#[test]
fn a_reinvite_moves_the_target_but_an_info_does_not() {
    let (mut ann, mut bob) = pair(&[]);
    let info = ann.request(Method::Info).header(Name::Contact, "<sip:elsewhere>").finish();
    bob.receive(&wire(&info)).unwrap();
    assert_eq!(bob.remote_target().as_bytes(), b"sip:ann@192.0.2.1");
    let reinvite = wire(&ann.request(Method::Invite).header(Name::Contact, "<sip:ann@new>").finish());
    bob.receive(&reinvite).unwrap();
    assert_eq!(bob.remote_target().as_bytes(), b"sip:ann@new");
    ann.answered(&answer(&reinvite, 200, "", "<sip:bob@new>")).unwrap();
    assert_eq!(ann.remote_target().as_bytes(), b"sip:bob@new");
}

#[test]
fn forked_responses_make_dialogs_of_their_own() {
    let request = invite(&[]);
    let mut forks = Forks::new(request.clone());
    assert!(forks.answered(&Response::to(&request, 100, None).finish()).unwrap().is_none());
    for (tag, contact) in [("x", "<sip:x>"), ("y", "<sip:y>"), ("x", "<sip:x2>")] {
        let dialog = forks.answered(&answer(&request, 180, tag, contact)).unwrap().unwrap();
        assert_eq!((dialog.id().remote_tag.as_ref(), dialog.state()), (tag.as_bytes(), State::Early));
    }
    assert_eq!(forks.dialogs().len(), 2);
    assert_eq!(forks.dialogs()[0].remote_target().as_bytes(), b"sip:x2");
    let accepted = forks.answered(&answer(&request, 200, "y", "<sip:y>")).unwrap().unwrap();
    assert_eq!(accepted.state(), State::Confirmed);
    let id = accepted.id().clone();
    assert!(forks.answered(&answer(&request, 486, "x", "<sip:x>")).unwrap().is_none());
    assert_eq!(forks.dialogs().len(), 1, "a refusal ends the early ones only");
    assert!(forks.take(&id).is_some());
}

#[test]
fn a_confirming_response_settles_the_route_set_anew() {
    let early = answer(&invite(&["<sip:p1;lr>"]), 183, "bob", "<sip:bob@a>");
    let request = invite(&[]);
    let mut dialog = Dialog::uac(&request, &early).unwrap();
    assert_eq!(dialog.route_set().len(), 1);
    let confirming = answer(&invite(&["<sip:p3;lr>", "<sip:p2;lr>"]), 200, "bob", "<sip:bob@b>");
    dialog.answered(&confirming).unwrap();
    assert_eq!(dialog.next_hop().as_bytes(), b"sip:p2;lr");
    assert_eq!(dialog.state(), State::Confirmed);
}

#[test]
fn a_side_that_knows_nothing_ends_the_dialog() {
    for status in [408, 481] {
        let (mut ann, _) = pair(&[]);
        let info = wire(&ann.request(Method::Info).finish());
        ann.answered(&answer(&info, status, "", "<sip:bob>")).unwrap();
        assert_eq!(ann.state(), State::Terminated);
        assert_eq!(ann.receive(&info).map_err(|refusal| refusal.status), Err(481));
    }
}

#[test]
fn a_prack_names_the_response_that_it_acknowledges() {
    let request = invite(&[]);
    let reliable = Response::to(&request, 183, Some(b"bob"))
        .header(Name::Require, "100rel")
        .header(Name::RSeq, "42")
        .finish();
    let mut dialog = Dialog::uac(&request, &reliable).unwrap();
    let prack = dialog.prack(&reliable).unwrap().finish();
    assert_eq!(prack.headers().first(Name::RAck), Some(&b"42 7 INVITE"[..]));
    assert_eq!(prack.headers().cseq().unwrap().number, 8);
    assert!(dialog.prack(&answer(&request, 180, "bob", "<sip:bob>")).is_none());
}

#[test]
fn a_notify_makes_the_subscribers_dialog() {
    let subscribe = RequestBuilder::new(Method::Subscribe, b"sip:bob@example.org")
        .header(Name::From, "<sip:ann@example.org>;tag=ann")
        .header(Name::To, "<sip:bob@example.org>")
        .header(Name::CallId, "sub")
        .header(Name::CSeq, "1 SUBSCRIBE")
        .header(Name::Contact, "<sip:ann@192.0.2.1>")
        .finish();
    let mut notifier = Dialog::uas(&subscribe, b"bob", State::Confirmed).unwrap();
    let notify =
        wire(&notifier.request(Method::Notify).header(Name::Contact, "<sip:bob@192.0.2.2>").finish());
    let mut subscriber = Dialog::notified(&subscribe, &notify).unwrap();
    assert_eq!(subscriber.receive(&notify), Ok(()));
    assert_eq!(subscriber.id().remote_tag.as_ref(), b"bob");
    let refresh = wire(&subscriber.request(Method::Subscribe).finish());
    assert_eq!(notifier.receive(&refresh), Ok(()));
}
