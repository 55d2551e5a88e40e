//! What is answered without a transaction, and where responses go.

use std::net::SocketAddr;

use super::bench::{Bench, incoming, outgoing};
use crate::endpoint::{CommandError, Config, Output, Target, Transport};
use crate::message::{Message, Name, Response};
use crate::method::Method;

#[test]
fn garbage_gets_400_with_the_same_tag_each_time() {
    let mut bench = Bench::new(Transport::Udp);
    let garbage = incoming("MESSAGE", "z9hG4bK1", "", "").replace("CSeq: 1 MESSAGE", "CSeq: one MESSAGE");
    bench.receive(&garbage);
    bench.receive(&garbage);
    assert!(bench.lines().iter().all(|line| line.starts_with("SIP/2.0 400")), "{:?}", bench.lines());
    assert_eq!(bench.sent[0].1, bench.sent[1].1);
    assert!(bench.sent[0].1.headers().to_tag().is_some());
    assert!(bench.endpoint.is_at_rest());
    bench.receive("not SIP at all\r\n\r\n");
    bench.receive(&garbage.replace("MESSAGE", "ACK"));
    assert_eq!(
        (bench.sent.len(), bench.endpoint.counters().strays),
        (2, 2),
        "no answer to what has no way back"
    );
}

#[test]
fn an_unknown_extension_gets_420_that_names_it() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("MESSAGE", "z9hG4bK1", "", "Require: telepathy, 100rel\r\n"));
    let Some((_, Message::Response(response))) = bench.sent.last() else { panic!("no response") };
    assert_eq!(response.status(), 420);
    assert_eq!(response.headers().first(Name::Unsupported), Some(&b"telepathy"[..]));
}

#[test]
fn an_unknown_method_is_the_users_business() {
    let mut bench = Bench::new(Transport::Udp);
    bench.receive(&incoming("YODEL", "z9hG4bK1", "", ""));
    assert_eq!(bench.request().1.method().as_bytes(), b"YODEL");
}

#[test]
fn a_full_table_answers_503_and_says_when_to_try_again() {
    let config = Config { server_transactions_max: 1, client_transactions_max: 1, ..Config::default() };
    let mut bench = Bench::with(Transport::Udp, config);
    bench.receive(&incoming("MESSAGE", "z9hG4bK1", "", ""));
    bench.receive(&incoming("OPTIONS", "z9hG4bK2", "", ""));
    let (transaction, request) = bench.request();
    let Some((_, Message::Response(response))) = bench.sent.last() else { panic!("no response") };
    assert_eq!((response.status(), response.headers().has(Name::RetryAfter)), (503, true));
    assert_eq!(bench.endpoint.counters().overloads, 1);
    bench.respond(transaction, &Response::to(&request, 200, Some(b"ann")).finish());

    bench.send(Method::Invite);
    let target = Target::from(bench.flow);
    let refused = bench.endpoint.send_request(outgoing(Method::Options), &target, bench.now);
    assert_eq!(refused, Err(CommandError::Full));
    bench.rest();
    bench.events.clear();
    bench.receive(&incoming("OPTIONS", "z9hG4bK3", "", ""));
    bench.request();
}

#[test]
fn responses_go_back_to_where_the_request_came_from() {
    let went_to = |via: &str, source: &str| -> (SocketAddr, String) {
        let mut bench = Bench::new(Transport::Udp);
        bench.flow.remote = source.parse().unwrap();
        let text = incoming("MESSAGE", "z9hG4bK1", "", "");
        bench.receive(&text.replace("192.0.2.2:5060;branch=z9hG4bK1;rport", via));
        let (transaction, request) = bench.request();
        let response = Response::to(&request, 200, Some(b"ann")).finish();
        bench.endpoint.respond(transaction, &response, bench.now);
        match bench.endpoint.poll_output() {
            Some(Output::Transmit(transmit)) => {
                let text = String::from_utf8_lossy(&transmit.bytes).into_owned();
                (transmit.flow.remote, text.lines().nth(1).unwrap_or_default().to_owned())
            }
            other => panic!("{other:?}"),
        }
    };
    let behind_nat = went_to("10.0.0.1:5062;rport;branch=z9hG4bK1", "192.0.2.9:4711");
    assert_eq!(behind_nat.0, "192.0.2.9:4711".parse().unwrap());
    assert!(
        behind_nat.1.contains("rport=4711") && behind_nat.1.contains("received=192.0.2.9"),
        "{behind_nat:?}"
    );
    let without_rport = went_to("192.0.2.9:5062;branch=z9hG4bK1", "192.0.2.9:4711");
    assert_eq!(without_rport.0, "192.0.2.9:5062".parse().unwrap());
    let without_port = went_to("phone.example.org;branch=z9hG4bK1", "192.0.2.9:4711");
    assert_eq!(without_port.0, "192.0.2.9:5060".parse().unwrap());
}
