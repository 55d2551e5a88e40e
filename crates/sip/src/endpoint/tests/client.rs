//! Requests that we send: when they are repeated, what their responses do.

use super::bench::Bench;
use super::ms;
use crate::endpoint::{ConnectionId, Event, Target, Transport};
use crate::message::{Message, Name, Request, RequestBuilder, Response};
use crate::method::Method;

fn answer(request: &Request, status: u16, tag: &str) -> Response {
    Response::to(request, status, Some(tag.as_bytes())).header(Name::Contact, "<sip:bob@192.0.2.2>").finish()
}

fn statuses(events: &[Event]) -> Vec<u16> {
    let status = |event: &Event| match event {
        Event::Response { response, .. } => Some(response.status()),
        _ => None,
    };
    events.iter().filter_map(status).collect()
}

#[test]
fn an_unheard_invite_is_repeated_seven_times_and_given_up_after_64_t1() {
    let mut bench = Bench::new(Transport::Udp);
    let transaction = bench.send(Method::Invite);
    bench.pass(ms(31_999));
    assert_eq!(bench.times("INVITE"), [0, 500, 1500, 3500, 7500, 15500, 31500]);
    assert_eq!(bench.events, []);
    bench.pass(ms(1));
    assert_eq!(bench.events, [Event::Timeout { transaction }]);
    bench.rest();
}

#[test]
fn an_unheard_request_is_repeated_at_most_every_t2() {
    let mut bench = Bench::new(Transport::Udp);
    let transaction = bench.send(Method::Options);
    bench.pass(ms(32_000));
    assert_eq!(bench.times("OPTIONS"), [0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!(bench.events, [Event::Timeout { transaction }]);
    bench.rest();
}

#[test]
fn a_provisional_response_stops_the_invite_but_only_slows_other_requests() {
    let mut bench = Bench::new(Transport::Udp);
    bench.send(Method::Invite);
    bench.receive_response(&answer(&bench.sent_request(), 180, "bob"));
    bench.pass(ms(60_000));
    assert_eq!(bench.times("INVITE"), [0]);

    let mut bench = Bench::new(Transport::Udp);
    bench.send(Method::Options);
    bench.receive_response(&answer(&bench.sent_request(), 100, ""));
    bench.pass(ms(12_000));
    assert_eq!(bench.times("OPTIONS"), [0, 500, 4500, 8500]);
}

#[test]
fn over_a_reliable_transport_nothing_is_repeated() {
    for method in [Method::Invite, Method::Options] {
        let mut bench = Bench::new(Transport::Tcp);
        let transaction = bench.send(method);
        bench.pass(ms(32_000));
        assert_eq!(bench.sent.len(), 1);
        assert_eq!(bench.events, [Event::Timeout { transaction }]);
        bench.rest();
    }
}

#[test]
fn a_final_response_is_reported_once() {
    let mut bench = Bench::new(Transport::Udp);
    bench.send(Method::Options);
    let response = answer(&bench.sent_request(), 200, "bob");
    bench.receive_response(&response);
    bench.receive_response(&response);
    assert_eq!(statuses(&bench.events), [200]);
    bench.pass(ms(4_999));
    assert_eq!(bench.endpoint.transactions(), (1, 0), "Timer K runs");
    bench.pass(ms(1));
    assert_eq!(bench.endpoint.transactions(), (0, 0));
    bench.rest();
}

#[test]
fn a_refusal_is_acknowledged_by_the_invites_own_transaction() {
    let mut bench = Bench::new(Transport::Udp);
    bench.send(Method::Invite);
    let invite = bench.sent_request();
    let refusal = answer(&invite, 486, "bob");
    bench.receive_response(&refusal);
    bench.receive_response(&refusal);
    assert_eq!(statuses(&bench.events), [486]);
    assert_eq!(bench.times("ACK").len(), 2);
    let ack = bench.sent_request();
    assert_eq!(ack.headers().first(Name::Via), invite.headers().first(Name::Via));
    assert_eq!(ack.headers().first(Name::CSeq), Some(&b"1 ACK"[..]));
    assert_eq!(ack.headers().to_tag().as_deref(), Some(&b"bob"[..]));
    assert_eq!(ack.uri_bytes(), invite.uri_bytes());
    bench.pass(ms(31_999));
    assert_eq!(bench.endpoint.transactions().0, 1, "Timer D runs");
    bench.pass(ms(1));
    assert_eq!(bench.endpoint.transactions().0, 0);
    bench.rest();
}

#[test]
fn each_fork_that_accepts_is_reported_once_and_its_ack_is_repeated() {
    let mut bench = Bench::new(Transport::Udp);
    let transaction = bench.send(Method::Invite);
    let invite = bench.sent_request();
    for tag in ["x", "y", "x", "y"] {
        bench.receive_response(&answer(&invite, 200, tag));
    }
    assert_eq!(statuses(&bench.events), [200, 200]);
    let ack = RequestBuilder::new(Method::Ack, b"sip:bob@192.0.2.2")
        .copy(invite.headers(), Name::From)
        .header(Name::To, "<sip:bob@example.org>;tag=y")
        .copy(invite.headers(), Name::CallId)
        .header(Name::CSeq, "1 ACK")
        .finish();
    bench.endpoint.send_ack_2xx(transaction, &ack, &Target::from(bench.flow));
    bench.receive_response(&answer(&invite, 200, "x"));
    assert_eq!(bench.times("ACK").len(), 1, "the ACK of one fork is no answer to the other");
    bench.receive_response(&answer(&invite, 200, "y"));
    assert_eq!(bench.times("ACK").len(), 2);
    assert_eq!(bench.sent[1].1, bench.sent[2].1, "the very same ACK");
    bench.pass(ms(32_000));
    assert_eq!(bench.events.last(), Some(&Event::NoMoreForks { transaction }));
    bench.rest();
}

#[test]
fn a_cancel_waits_until_something_was_heard() {
    let mut bench = Bench::new(Transport::Udp);
    let transaction = bench.send(Method::Invite);
    let invite = bench.sent_request();
    bench.endpoint.cancel(transaction, bench.now).unwrap();
    bench.drain();
    assert_eq!(bench.times("CANCEL").len(), 0);
    bench.receive_response(&answer(&invite, 180, "bob"));
    assert_eq!(bench.times("CANCEL").len(), 1);
    let cancel = bench.sent_request();
    assert_eq!(cancel.headers().first(Name::Via), invite.headers().first(Name::Via));
    assert_eq!(cancel.headers().first(Name::CSeq), Some(&b"1 CANCEL"[..]));
    bench.endpoint.cancel(transaction, bench.now).unwrap();
    bench.receive_response(&answer(&cancel, 200, "bob"));
    bench.receive_response(&answer(&invite, 487, "bob"));
    assert_eq!(bench.times("CANCEL").len(), 1, "once is enough");
    assert_eq!(statuses(&bench.events), [180, 487], "the answer to a CANCEL interests nobody");
    bench.rest();
}

#[test]
fn a_cancelled_invite_that_gets_no_answer_is_over_after_64_t1() {
    let mut bench = Bench::new(Transport::Udp);
    let transaction = bench.send(Method::Invite);
    bench.receive_response(&answer(&bench.sent_request(), 180, "bob"));
    bench.endpoint.cancel(transaction, bench.now).unwrap();
    bench.pass(ms(32_000));
    assert_eq!(bench.events.last(), Some(&Event::Timeout { transaction }));
    assert_eq!(bench.endpoint.transactions(), (0, 0));
}

#[test]
fn an_invite_that_only_rings_is_cancelled_by_timer_c() {
    let mut bench = Bench::new(Transport::Udp);
    bench.send(Method::Invite);
    let invite = bench.sent_request();
    bench.receive_response(&answer(&invite, 180, "bob"));
    bench.pass(ms(100_000));
    bench.receive_response(&answer(&invite, 180, "bob"));
    bench.pass(ms(180_000));
    assert_eq!(bench.times("CANCEL").len(), 0, "the second 180 started Timer C anew");
    bench.pass(ms(1_000));
    assert_eq!(bench.times("CANCEL"), [281_000]);
    bench.rest();
}

#[test]
fn repeated_and_overtaken_reliable_responses_are_not_reported() {
    let mut bench = Bench::new(Transport::Udp);
    bench.send(Method::Invite);
    let invite = bench.sent_request();
    let reliable = |rseq: u32| {
        Response::to(&invite, 183, Some(b"bob"))
            .header(Name::Require, "100rel")
            .header(Name::RSeq, &rseq)
            .finish()
    };
    for rseq in [10, 10, 12, 11, 12] {
        bench.receive_response(&reliable(rseq));
    }
    let rseqs: Vec<u32> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Response { response, .. } => response.headers().rseq().unwrap(),
            _ => None,
        })
        .collect();
    assert_eq!(rseqs, [10, 11, 12]);
}

#[test]
fn a_response_that_belongs_to_nothing_is_dropped() {
    let mut bench = Bench::new(Transport::Udp);
    bench.send(Method::Options);
    let request = bench.sent_request();
    let mut other = request.bytes().to_vec();
    let at = other.windows(7).position(|part| part == b"z9hG4bK").unwrap() + 25;
    other[at] = if other[at] == b'0' { b'1' } else { b'0' };
    let Ok(Message::Request(forged)) = Message::parse(other.into()) else { panic!("no request") };
    bench.receive_response(&answer(&forged, 200, "bob"));
    let other_method = String::from_utf8(answer(&request, 200, "bob").bytes().to_vec()).unwrap();
    bench.receive(&other_method.replace("1 OPTIONS", "1 INVITE"));
    assert_eq!(bench.events, []);
    assert_eq!(bench.endpoint.counters().strays, 2);
}

#[test]
fn a_transport_error_ends_the_request() {
    let mut bench = Bench::new(Transport::Tcp);
    let transaction = bench.send(Method::Options);
    let origin = crate::endpoint::Transaction::Client(transaction);
    bench.endpoint.handle_transport_error(origin, bench.now);
    bench.drain();
    assert_eq!(bench.events, [Event::TransportError { transaction: origin }]);
    bench.rest();
}

#[test]
fn a_lost_connection_ends_the_requests_that_wait_on_it() {
    let mut bench = Bench::new(Transport::Tcp);
    bench.flow.connection = Some(ConnectionId(1));
    bench.send(Method::Options);
    bench.flow.connection = Some(ConnectionId(2));
    let other = bench.send(Method::Invite);
    bench.endpoint.handle_connection_lost(ConnectionId(2), bench.now);
    bench.drain();
    let origin = crate::endpoint::Transaction::Client(other);
    assert_eq!(bench.events, [Event::TransportError { transaction: origin }]);
    assert_eq!(bench.endpoint.transactions(), (1, 0));
}

#[test]
fn our_via_is_on_top_and_asks_for_rport() {
    let mut bench = Bench::new(Transport::Tcp);
    let target = Target { flow: bench.flow, sent_by: Some("pbx.example.org:5070".to_owned()) };
    let request = super::bench::outgoing(Method::Options);
    bench.endpoint.send_request(request, &target, bench.now).unwrap();
    bench.drain();
    let via = bench.sent_request().headers().via().unwrap();
    assert_eq!((via.transport(), via.host(), via.port()), (&b"TCP"[..], &b"pbx.example.org"[..], Some(5070)));
    assert_eq!(via.rport(), Some(None));
    assert!(via.has_unique_branch());
}
