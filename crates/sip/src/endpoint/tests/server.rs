//! Requests that we receive: what is repeated, absorbed, matched and refused.

use super::bench::{Bench, incoming};
use super::ms;
use crate::endpoint::{Event, Transport};
use crate::message::{Message, Name, Response};

const CONTACT: &str = "<sip:ann@192.0.2.1>";

fn answer(request: &crate::Request, status: u16) -> Response {
    Response::to(request, status, Some(b"ann")).header(Name::Contact, CONTACT).finish()
}

#[test]
fn a_repeated_request_is_seen_once_and_answered_each_time() {
    let mut bench = Bench::new(Transport::Udp);
    let text = incoming("MESSAGE", "z9hG4bK1", "", "");
    bench.receive(&text);
    bench.receive(&text);
    let (transaction, request) = bench.request();
    assert_eq!(bench.sent.len(), 0, "nothing to repeat yet");
    bench.respond(transaction, &answer(&request, 200));
    bench.respond(transaction, &answer(&request, 500));
    bench.receive(&text);
    assert_eq!(bench.lines(), ["SIP/2.0 200 OK"; 2]);
    assert_eq!(bench.endpoint.counters().retransmissions, 2);
    bench.pass(ms(31_999));
    assert_eq!(bench.endpoint.transactions(), (0, 1), "Timer J runs");
    bench.pass(ms(1));
    assert_eq!(bench.endpoint.transactions(), (0, 0));
    bench.rest();
}

#[test]
fn a_challenge_keeps_nothing_and_is_given_again_with_the_same_tag() {
    let mut bench = Bench::new(Transport::Udp);
    let text = incoming("REGISTER", "z9hG4bK1", "", "");
    for _ in 0..2 {
        bench.receive(&text);
        let (transaction, request) = bench.request();
        let tag = bench.endpoint.stateless_tag(&request);
        let response = Response::to(&request, 401, Some(&tag)).finish();
        bench.endpoint.respond_stateless(transaction, &response);
        bench.drain();
        assert!(bench.endpoint.is_at_rest());
    }
    let tags = bench.sent.iter().map(|(_, message)| message.headers().to_tag());
    assert!(tags.collect::<std::collections::BTreeSet<_>>().len() == 1);
}

#[test]
fn ten_thousand_challenged_invites_leave_nothing_and_their_acks_say_nothing() {
    let mut bench = Bench::new(Transport::Udp);
    for number in 0..10_000 {
        let branch = format!("z9hG4bK{number}");
        bench.receive(&incoming("INVITE", &branch, "", ""));
        let (transaction, request) = bench.request();
        bench.endpoint.respond_stateless(transaction, &answer(&request, 401));
        bench.drain();
        assert_eq!(bench.endpoint.transactions(), (0, 0));
        bench.receive(&incoming("ACK", &branch, "ann", ""));
    }
    bench.pass(ms(5_000));
    assert_eq!(bench.times("SIP/2.0 401 Unauthorized").len(), 10_000);
    assert!(bench.events.is_empty());
    bench.rest();
}

#[test]
fn over_a_reliable_transport_nothing_is_kept_after_the_answer() {
    let mut bench = Bench::new(Transport::Tls);
    bench.receive(&incoming("MESSAGE", "z9hG4bK1", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 200));
    assert!(bench.endpoint.is_at_rest());
}

#[test]
fn an_invite_gets_100_after_200_ms_unless_the_user_was_quicker() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", ""));
    bench.pass(ms(1_000));
    assert_eq!(bench.times("100 Trying"), [200]);

    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 180));
    bench.pass(ms(1_000));
    assert_eq!(bench.lines(), ["SIP/2.0 180 Ringing"]);
}

#[test]
fn a_refusal_is_repeated_until_its_ack() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 486));
    bench.pass(ms(10_000));
    assert_eq!(bench.times("486"), [0, 500, 1500, 3500, 7500]);
    bench.receive(&incoming("ACK", "z9hG4bK1", "ann", ""));
    bench.pass(ms(30_000));
    assert_eq!(bench.times("486").len(), 5);
    assert_eq!(bench.events, [], "this ACK is the transaction's own");
    bench.rest();
}

#[test]
fn a_refusal_without_ack_is_given_up_after_64_t1() {
    let mut bench = Bench::new(Transport::Tcp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 486));
    bench.pass(ms(32_000));
    assert_eq!(bench.times("486"), [0], "a stream loses nothing");
    assert_eq!(bench.events, [Event::NoAck { transaction }]);
    bench.rest();
}

#[test]
fn a_2xx_is_repeated_even_over_a_stream_until_its_ack_which_is_reported_once() {
    let mut bench = Bench::new(Transport::Tcp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 200));
    bench.pass(ms(8_000));
    assert_eq!(bench.times("200"), [0, 500, 1500, 3500, 7500]);
    bench.receive(&incoming("ACK", "z9hG4bK2", "other", ""));
    assert_eq!(bench.events, [], "not the dialog that we made");
    for branch in ["z9hG4bK3", "z9hG4bK3", "z9hG4bK4"] {
        bench.receive(&incoming("ACK", branch, "ann", ""));
    }
    assert!(
        matches!(&bench.events[..], [Event::Ack { transaction: of, .. }] if *of == transaction),
        "{:?}",
        bench.events
    );
    bench.pass(ms(60_000));
    assert_eq!(bench.times("200").len(), 5);
    bench.rest();
}

#[test]
fn a_2xx_without_ack_is_reported_after_64_t1() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 200));
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", ""));
    assert_eq!(bench.sent.len(), 1, "RFC 6026: a repeated INVITE is absorbed");
    bench.pass(ms(32_000));
    assert_eq!(bench.events, [Event::NoAck { transaction }]);
    assert_eq!(bench.times("200").len(), 11);
    bench.rest();
}

#[test]
fn a_cancel_is_answered_and_the_decision_left_to_the_user() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 180));
    let cancel = incoming("CANCEL", "z9hG4bK1", "", "Reason: SIP;cause=200\r\n");
    bench.receive(&cancel);
    bench.receive(&cancel);
    let Some(Event::Cancelled { transaction: of, request: reason }) = bench.events.pop() else {
        panic!("{:?}", bench.events)
    };
    assert_eq!((of, bench.events.len()), (transaction, 0));
    assert!(reason.headers().has(Name::Reason));
    assert_eq!(bench.lines()[1..], ["SIP/2.0 200 OK"; 2]);
    let Some((_, Message::Response(ok))) = bench.sent.last() else { panic!("no response") };
    assert_eq!(ok.headers().to_tag().as_deref(), Some(&b"ann"[..]), "the same tag as the INVITE's responses");
    bench.respond(transaction, &answer(&request, 487));
    bench.receive(&incoming("ACK", "z9hG4bK1", "ann", ""));
    bench.rest();
}

#[test]
fn a_cancel_for_nothing_gets_481_and_after_the_answer_has_no_effect() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("CANCEL", "z9hG4bK1", "", ""));
    assert_eq!(bench.lines(), ["SIP/2.0 481 Call/Transaction Does Not Exist"]);
    bench.receive(&incoming("INVITE", "z9hG4bK2", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 200));
    bench.receive(&incoming("CANCEL", "z9hG4bK2", "", ""));
    assert_eq!(bench.events, []);
}

#[test]
fn a_request_that_comes_by_two_ways_is_processed_once() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("MESSAGE", "z9hG4bK1", "", ""));
    bench.receive(&incoming("MESSAGE", "z9hG4bK2", "", ""));
    bench.request();
    assert_eq!(bench.lines(), ["SIP/2.0 482 Loop Detected"]);
    bench.receive(&incoming("OPTIONS", "z9hG4bK3", "", ""));
    bench.request();
}

#[test]
fn after_a_challenge_the_same_number_may_come_again() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("REGISTER", "z9hG4bK1", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 401));
    bench.receive(&incoming("REGISTER", "z9hG4bK2", "", ""));
    let (transaction, request) = bench.request();
    bench.respond(transaction, &answer(&request, 200));
    bench.receive(&incoming("REGISTER", "z9hG4bK3", "", ""));
    assert_eq!(bench.times("482").len(), 1);
    bench.rest();
}

#[test]
fn an_rfc_2543_element_is_matched_without_branch() {
    let mut bench = Bench::new(Transport::Udp);
    let old = |method: &str| incoming(method, "1", if method == "ACK" { "ann" } else { "" }, "");
    bench.receive(&old("INVITE"));
    bench.receive(&old("INVITE"));
    let (transaction, request) = bench.request();
    bench.receive(&old("CANCEL"));
    assert!(matches!(bench.events.pop(), Some(Event::Cancelled { .. })));
    bench.respond(transaction, &answer(&request, 487));
    bench.receive(&old("ACK"));
    bench.pass(ms(20_000));
    assert_eq!(bench.times("487").len(), 1);
    bench.rest();
}

#[test]
fn a_reliable_response_is_repeated_until_its_prack_and_holds_back_the_2xx() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", "Supported: 100rel\r\n"));
    let (transaction, request) = bench.request();
    let early = Response::to(&request, 183, Some(b"ann")).body("application/sdp", b"v=0\r\n");
    bench.endpoint.respond_reliably(transaction, early, bench.now).unwrap();
    bench.endpoint.respond_reliably(transaction, answer(&request, 180), bench.now).unwrap();
    bench.respond(transaction, &answer(&request, 200));
    bench.pass(ms(4_000));
    assert_eq!(bench.times("183"), [0, 500, 1500, 3500]);
    assert_eq!(bench.sent.len(), 4, "the others wait");
    let Message::Response(sent) = &bench.sent[0].1 else { panic!("no response") };
    assert!(sent.headers().has_token(Name::Require, b"100rel"));
    assert_eq!(sent.body().as_ref(), b"v=0\r\n");
    let rseq = sent.headers().rseq().unwrap().unwrap();

    bench.receive(&incoming("PRACK", "z9hG4bK2", "ann", &format!("RAck: {} 1 INVITE\r\n", rseq + 1)));
    assert_eq!(bench.times("481").len(), 1, "acknowledges nothing that was sent");
    bench.receive(&incoming("PRACK", "z9hG4bK3", "ann", &format!("RAck: {rseq} 1 INVITE\r\n")));
    let Some(Event::Prack { transaction: prack, invite, request: of, .. }) = bench.events.pop() else {
        panic!("{:?}", bench.events)
    };
    assert_eq!(invite, transaction);
    bench.respond(prack, &answer(&of, 200));
    assert_eq!(bench.times("180").len(), 1);
    bench.receive(&incoming("PRACK", "z9hG4bK4", "ann", &format!("RAck: {} 1 INVITE\r\n", rseq + 1)));
    assert!(matches!(bench.events.pop(), Some(Event::Prack { .. })));
    assert_eq!(bench.times("200 OK").len(), 2, "the PRACK's and at last the INVITE's");
}

#[test]
fn a_reliable_response_without_prack_is_reported_and_not_repeated_for_ever() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", "Supported: 100rel\r\n"));
    let (transaction, request) = bench.request();
    bench.endpoint.respond_reliably(transaction, answer(&request, 180), bench.now).unwrap();
    bench.drain();
    bench.pass(ms(100_000));
    assert_eq!(bench.times("180"), [0, 500, 1500, 3500, 7500, 15500, 31500]);
    assert_eq!(bench.events, [Event::NoPrack { transaction }]);
    bench.respond(transaction, &answer(&request, 504));
    bench.receive(&incoming("ACK", "z9hG4bK1", "ann", ""));
    bench.rest();
}

#[test]
fn a_2xx_may_overtake_a_reliable_response_that_says_nothing() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("INVITE", "z9hG4bK1", "", "Supported: 100rel\r\n"));
    let (transaction, request) = bench.request();
    bench.endpoint.respond_reliably(transaction, answer(&request, 180), bench.now).unwrap();
    bench.respond(transaction, &answer(&request, 200));
    bench.pass(ms(2_000));
    assert_eq!((bench.times("180").len(), bench.times("200").len()), (1, 3));
}
