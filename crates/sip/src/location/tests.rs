//! Look-ups against a zone in memory: tables of RFC 3263, and properties for any zone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::tests_clock;

const ALL: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

/// A zone: answers by the text of the question.
#[derive(Clone, Debug, Default)]
struct Zone {
    naptr: Vec<Naptr>,
    srv: BTreeMap<String, Vec<Srv>>,
    addresses: BTreeMap<String, Vec<IpAddr>>,
    silent: bool,
}

fn srv(priority: u16, weight: u16, port: u16, target: &str) -> Srv {
    Srv { priority, weight, port, target: target.to_owned() }
}

fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Naptr {
    let (flags, service) = ("s".to_owned(), service.to_owned());
    Naptr { order, preference, flags, service, replacement: replacement.to_owned() }
}

impl Zone {
    fn host(mut self, name: &str, address: &str) -> Self {
        self.addresses.entry(name.to_owned()).or_default().push(address.parse().unwrap());
        self
    }

    fn srv(mut self, name: &str, records: Vec<Srv>) -> Self {
        self.srv.insert(name.to_owned(), records);
        self
    }

    fn answer(&self, question: &Question) -> Answer {
        if self.silent {
            return Answer::Failed;
        }
        match question {
            Question::Naptr(_) if self.naptr.is_empty() => Answer::Nothing,
            Question::Naptr(_) => Answer::Naptr(self.naptr.clone()),
            Question::Srv(name) => self.srv.get(name).cloned().map_or(Answer::Nothing, Answer::Srv),
            Question::Addresses(name) => {
                self.addresses.get(name).cloned().map_or(Answer::Nothing, Answer::Addresses)
            }
        }
    }

    fn look_up(&self, destination: Destination, able: &[Transport]) -> (Next, Vec<Question>) {
        let (mut lookup, mut asked) = (Lookup::new(destination, able), Vec::new());
        loop {
            match lookup.proceed() {
                Next::Ask(question) => {
                    lookup.answer(self.answer(&question), &mut || 0);
                    asked.push(question);
                }
                done => return (done, asked),
            }
        }
    }

    /// `udp 192.0.2.1:5060, …` for a URI.
    fn hops(&self, uri: &str) -> String {
        let destination = Destination::of(&uri.parse().unwrap()).unwrap();
        match self.look_up(destination, &ALL).0 {
            Next::Done(hops) => {
                let text =
                    |hop: &Hop| format!("{} {}", hop.transport.name().to_ascii_lowercase(), hop.address);
                hops.iter().map(text).collect::<Vec<_>>().join(", ")
            }
            Next::Unanswered => "unanswered".to_owned(),
            Next::Ask(_) => unreachable!("a look-up ends"),
        }
    }
}

#[test]
fn an_address_needs_no_name_service() {
    let zone = Zone::default();
    for (uri, hops) in [
        ("sip:1@192.0.2.1", "udp 192.0.2.1:5060"),
        ("sip:192.0.2.1:5080", "udp 192.0.2.1:5080"),
        ("sip:192.0.2.1;transport=tcp", "tcp 192.0.2.1:5060"),
        ("sips:192.0.2.1", "tls 192.0.2.1:5061"),
        ("sips:192.0.2.1;transport=tcp", "tls 192.0.2.1:5061"),
        ("sip:[2001:db8::1]:5070;transport=tls", "tls [2001:db8::1]:5070"),
        ("sip:example.org;maddr=192.0.2.9", "udp 192.0.2.9:5060"),
    ] {
        assert_eq!(zone.hops(uri), hops, "{uri}");
        let destination = Destination::of(&uri.parse().unwrap()).unwrap();
        assert!(zone.look_up(destination, &ALL).1.is_empty(), "{uri}");
    }
}

#[test]
fn a_port_means_that_there_is_no_srv() {
    let zone = Zone::default()
        .host("example.org", "192.0.2.1")
        .srv("_sip._udp.example.org", vec![srv(0, 0, 5999, "other.example.org")]);
    assert_eq!(zone.hops("sip:example.org:5080"), "udp 192.0.2.1:5080");
    assert_eq!(zone.hops("sip:example.org:5080;transport=tcp"), "tcp 192.0.2.1:5080");
}

/// The example of RFC 3263 §4.1 and §4.2.
#[test]
fn naptr_chooses_the_transport_and_srv_the_servers() {
    let zone = Zone {
        naptr: vec![
            naptr(50, 50, "SIPS+D2T", "_sips._tcp.example.com"),
            naptr(90, 50, "SIP+D2T", "_sip._tcp.example.com"),
            naptr(100, 50, "SIP+D2U", "_sip._udp.example.com"),
            naptr(10, 10, "E2U+sip", "ignored.example.com"),
        ],
        ..Zone::default()
    };
    let zone = zone
        .srv(
            "_sip._tcp.example.com",
            vec![srv(2, 1, 5060, "b.example.com"), srv(1, 1, 5062, "a.example.com")],
        )
        .srv("_sip._udp.example.com", vec![srv(0, 0, 5064, "a.example.com")])
        .host("a.example.com", "192.0.2.1")
        .host("b.example.com", "192.0.2.2");
    assert_eq!(
        zone.hops("sip:example.com"),
        "tcp 192.0.2.1:5062, tcp 192.0.2.2:5060, udp 192.0.2.1:5064",
        "TLS has no servers; TCP is preferred to UDP"
    );
    assert_eq!(zone.hops("sips:example.com"), "", "sips: never falls back to what others can read");
}

#[test]
fn without_naptr_every_transport_of_ours_is_asked_for() {
    let zone = Zone::default()
        .srv("_sip._tcp.example.org", vec![srv(1, 0, 5060, "a.example.org")])
        .srv("_sips._tcp.example.org", vec![srv(1, 0, 5061, "a.example.org")])
        .host("a.example.org", "192.0.2.1")
        .host("a.example.org", "2001:db8::1");
    assert_eq!(
        zone.hops("sip:example.org"),
        "tcp 192.0.2.1:5060, tcp [2001:db8::1]:5060, tls 192.0.2.1:5061, tls [2001:db8::1]:5061"
    );
    assert_eq!(
        zone.hops("sip:example.org;transport=tls"),
        "tls 192.0.2.1:5061, tls [2001:db8::1]:5061",
        "a transport that is said is not looked for"
    );
}

#[test]
fn without_srv_the_host_itself_is_the_server() {
    let zone = Zone::default().host("example.org", "192.0.2.1");
    assert_eq!(zone.hops("sip:example.org"), "udp 192.0.2.1:5060");
    assert_eq!(zone.hops("sips:example.org"), "tls 192.0.2.1:5061");
    assert_eq!(zone.hops("sip:example.org;transport=tcp"), "tcp 192.0.2.1:5060");
    assert_eq!(zone.hops("sip:nobody.example"), "");
}

#[test]
fn a_service_that_is_decidedly_not_there_is_not_looked_for_elsewhere() {
    let zone = Zone::default()
        .srv("_sip._udp.example.org", vec![srv(0, 0, 0, ".")])
        .host("example.org", "192.0.2.1");
    assert_eq!(zone.hops("sip:example.org;transport=udp"), "");
}

#[test]
fn a_name_service_that_is_silent_is_told_from_a_name_that_is_not_there() {
    let zone = Zone { silent: true, ..Zone::default() };
    assert_eq!(zone.hops("sip:example.org"), "unanswered");
    assert_eq!(Zone::default().hops("sip:example.org"), "");
}

#[test]
fn weights_share_the_load() {
    let mut seed = 7_u32;
    let mut entropy = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed >> 8
    };
    let records = vec![srv(0, 3, 1, "a"), srv(0, 1, 2, "b"), srv(0, 0, 3, "c"), srv(9, 60_000, 4, "d")];
    let mut first = [0_u32; 5];
    for _ in 0..4_000 {
        let order = record::in_order(records.clone(), &mut entropy);
        first[usize::from(order[0].port)] += 1;
        assert_eq!(order[3].port, 4, "a lower priority comes last, whatever its weight");
    }
    let [_, a, b, c, d] = first;
    assert!(a > 2 * b && b > 0 && c > 0 && d == 0, "{first:?}");
}

#[test]
fn who_failed_lately_is_tried_last() {
    let hop = |last: u8| Hop { transport: Transport::Udp, address: ([192, 0, 2, last], 5060).into() };
    let mut servers = Servers::new(vec![hop(1), hop(2), hop(3)]);
    let now = tests_clock();
    servers.failed(hop(1), None, now);
    assert_eq!(servers.in_order(now), [hop(2), hop(3), hop(1)]);
    servers.failed(hop(2), Some(Duration::from_secs(5)), now);
    assert_eq!(servers.in_order(now), [hop(3), hop(2), hop(1)], "who comes back sooner is tried sooner");
    assert_eq!(servers.in_order(now + Duration::from_secs(6)), [hop(2), hop(3), hop(1)]);
    assert_eq!(servers.in_order(now + REST), [hop(1), hop(2), hop(3)]);
    servers.succeeded(hop(1));
    assert_eq!(servers.rests_until(hop(1), now), None);
    servers.failed(hop(3), Some(Duration::from_secs(86_400)), now);
    assert!(
        servers.rests_until(hop(3), now + Duration::from_secs(601)).is_none(),
        "no answer takes a server out for a day"
    );
    servers.set(vec![hop(2)]);
    assert_eq!(servers.in_order(now), [hop(2)]);
}

fn any_zone() -> impl Strategy<Value = Zone> {
    let host = || proptest::sample::select(vec!["a", "b", "c", "example.org", ".", "192.0.2.7"]);
    let record = (0_u16..3, 0_u16..4, 1_u16..9, host())
        .prop_map(|(priority, weight, port, target)| srv(priority, weight, port, target));
    let names = ["_sip._udp.example.org", "_sip._tcp.example.org", "_sips._tcp.example.org", "x"];
    let srvs = proptest::collection::btree_map(
        proptest::sample::select(names.to_vec()).prop_map(str::to_owned),
        proptest::collection::vec(record, 0..60),
        0..4,
    );
    let service = proptest::sample::select(vec!["SIP+D2U", "SIP+D2T", "SIPS+D2T", "E2U+sip"]);
    let pointer = (0_u16..3, 0_u16..3, service, proptest::sample::select(names.to_vec()))
        .prop_map(|(order, preference, service, to)| naptr(order, preference, service, to));
    let addresses = proptest::collection::btree_map(
        host().prop_map(str::to_owned),
        proptest::collection::vec(any::<IpAddr>(), 0..5),
        0..6,
    );
    (proptest::collection::vec(pointer, 0..6), srvs, addresses, any::<bool>())
        .prop_map(|(naptr, srv, addresses, silent)| Zone { naptr, srv, addresses, silent })
}

proptest! {
    #[test]
    fn a_look_up_ends_and_gives_only_what_was_asked_for(zone in any_zone(), secure: bool, port in proptest::option::of(1_u16..9), transport in proptest::option::of(proptest::sample::select(ALL.to_vec()))) {
        let destination = Destination { host: "example.org".to_owned(), port, transport, secure };
        let (next, asked) = zone.look_up(destination, &ALL);
        prop_assert!(asked.len() <= QUESTIONS_MAX);
        if let Next::Done(hops) = next {
            prop_assert!(hops.len() <= HOPS_MAX);
            for (at, hop) in hops.iter().enumerate() {
                prop_assert!(!hops[..at].contains(hop), "nobody is tried twice");
                prop_assert!(transport.is_none_or(|wanted| hop.transport == wanted || secure && hop.transport == Transport::Tls));
                prop_assert!(!secure || hop.transport != Transport::Tcp);
                prop_assert!(port.is_none_or(|port| hop.address.port() == port));
            }
        } else {
            prop_assert!(zone.silent);
        }
    }

    #[test]
    fn the_order_of_servers_is_one_of_those_there_are(records in proptest::collection::vec((0_u16..4, any::<u16>(), any::<u16>()), 0..30), draws in proptest::collection::vec(any::<u32>(), 30)) {
        let records: Vec<Srv> = records.into_iter().map(|(p, w, port)| srv(p, w, port, "a")).collect();
        let mut draws = draws.into_iter();
        let mut ordered = record::in_order(records.clone(), &mut || draws.next().unwrap_or(0));
        prop_assert!(ordered.is_sorted_by_key(|record| record.priority));
        let mut records = records;
        let key = |r: &Srv| (r.priority, r.weight, r.port);
        ordered.sort_by_key(key);
        records.sort_by_key(key);
        prop_assert_eq!(ordered, records);
    }

    #[test]
    fn servers_that_fail_are_never_lost(fails in proptest::collection::vec((0_u8..4, 0_u64..100, 0_u64..50), 0..20)) {
        let hop = |last: u8| Hop { transport: Transport::Udp, address: ([192, 0, 2, last], 5060).into() };
        let mut servers = Servers::new((0..4).map(hop).collect());
        let mut now: Instant = tests_clock();
        for (which, retry, pass) in fails {
            now += Duration::from_secs(pass);
            servers.failed(hop(which), Some(Duration::from_secs(retry)), now);
            let mut order = servers.in_order(now);
            order.sort();
            prop_assert_eq!(order.len(), 4);
        }
        prop_assert_eq!(servers.in_order(now + Duration::from_secs(100)), servers.hops());
    }
}
