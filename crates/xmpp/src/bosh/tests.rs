//! The machine of a session against scripted clients, and against one whose network loses requests and answers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::{ContentNamespace, Element, Frame, Kind, Limits, StreamCondition, StreamError, StreamHeader};

/// A moment to count from; floor 0 has no clock.
fn start() -> Instant {
    crate::clock_for_tests::tests_clock()
}

fn read(text: &str) -> Result<Request, StreamError> {
    let mut reader = BodyReader::new(Limits::signed_in());
    for byte in text.as_bytes() {
        reader.push(&[*byte]);
        while reader.read()? == Progress::Opened {}
    }
    reader.finish().ok_or_else(|| StreamError::new(StreamCondition::NotWellFormed, "not whole"))
}

/// A request; `@` stands for the namespace.
fn request(text: &str) -> Request {
    read(&text.replace('@', "xmlns='http://jabber.org/protocol/httpbind' xmlns:xmpp='urn:xmpp:xbosh'"))
        .unwrap()
}

fn header() -> StreamHeader {
    StreamHeader {
        from: Some("localhost".into()),
        id: Some("s1".into()),
        ..StreamHeader::new(ContentNamespace::Client)
    }
}

const FEATURES: &[u8] =
    b"<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";

/// A session with its answers by ticket.
struct Side {
    session: Session,
    now: Instant,
    ticket: u64,
    answers: BTreeMap<u64, String>,
}

impl Side {
    /// A session whose first request has number 100 and these attributes besides, and has its answer.
    fn with(attributes: &str) -> Self {
        let now = start();
        let first = request(&format!("<body @ rid='100' to='localhost' {attributes}/>"));
        let session = Session::create("sid".into(), first, Ticket(0), now).unwrap();
        let mut side = Self { session, now, ticket: 0, answers: BTreeMap::new() };
        assert!(matches!(side.session.next_frame(), Some(Frame::Open(_))));
        side.session.open(&header());
        side.session.queue(FEATURES);
        side.settle();
        assert!(side.answers.contains_key(&0));
        side
    }

    fn new() -> Self {
        Self::with("hold='1' wait='60'")
    }

    fn settle(&mut self) {
        self.session.flush(self.now);
        while let Some(answer) = self.session.poll_answer() {
            let text = String::from_utf8(answer.body.to_vec()).unwrap();
            assert!(self.answers.insert(answer.ticket.0, text).is_none(), "one answer a request");
        }
    }

    /// Sends a request; gives its ticket.
    fn send(&mut self, rid: u64, inside: &str) -> u64 {
        self.post(&format!("<body @ sid='sid' rid='{rid}'>{inside}</body>"))
    }

    fn post(&mut self, text: &str) -> u64 {
        self.ticket += 1;
        self.session.request(request(text), Ticket(self.ticket), self.now);
        self.settle();
        self.ticket
    }

    fn answer(&self, ticket: u64) -> Option<&str> {
        self.answers.get(&ticket).map(String::as_str)
    }

    fn queue(&mut self, element: &str) {
        self.session.queue(element.as_bytes());
        self.settle();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.settle();
    }

    fn ids(&mut self) -> Vec<String> {
        let frames = std::iter::from_fn(|| self.session.next_frame());
        frames
            .filter_map(|frame| match frame {
                Frame::Stanza(stanza) => stanza.id().map(|id| id.into_owned()),
                _ => None,
            })
            .collect()
    }

    fn condition(&self, ticket: u64) -> Option<String> {
        let body = Element::parse(self.answer(ticket)?.as_bytes(), "").unwrap();
        assert_eq!(body.attr("type"), Some("terminate"));
        body.attr("condition").map(str::to_owned)
    }
}

const EMPTY: &str = "<body xmlns='http://jabber.org/protocol/httpbind'/>";

#[test]
fn the_first_answer_tells_the_terms_and_the_features() {
    let side = Side::with("hold='5' wait='900' ver='1.6' ack='1' xml:lang='de'");
    let body = Element::parse(side.answer(0).unwrap().as_bytes(), "").unwrap();
    for (name, value) in [
        ("sid", "sid"),
        ("ver", "1.6"),
        ("wait", "60"),
        ("hold", "1"),
        ("requests", "2"),
        ("inactivity", "30"),
        ("polling", "2"),
        ("maxpause", "120"),
        ("ack", "100"),
        ("from", "localhost"),
        ("authid", "s1"),
    ] {
        assert_eq!(body.attr(name), Some(value), "{name}");
    }
    assert_eq!(body.attr_ns("version", XBOSH), Some("1.0"));
    assert_eq!(body.attr_ns("restartlogic", XBOSH), Some("true"));
    assert!(body.child("features", crate::ns::STREAMS).is_some());
    assert_eq!(side.session.lang(), Some("de"));
}

#[test]
fn a_first_request_must_name_its_domain_and_number() {
    for (text, terminal) in [
        ("<body @ rid='1'/>", Terminal::ImproperAddressing),
        ("<body @ rid='1' to=''/>", Terminal::ImproperAddressing),
        ("<body @ to='localhost'/>", Terminal::BadRequest),
    ] {
        assert_eq!(
            Session::create("sid".into(), request(text), Ticket(0), start()).err(),
            Some(terminal),
            "{text}"
        );
    }
}

#[test]
fn payloads_are_read_with_their_namespaces() {
    let both = request(
        "<body @ rid='1'><message xmlns='jabber:client' id='a'><body>x</body></message> <presence id='b'/>\
         <r xmlns='urn:xmpp:sm:3'/></body>\n",
    );
    let kinds: Vec<Kind> = both.payloads.iter().map(|stanza| stanza.kind()).collect();
    assert_eq!(kinds, [Kind::Message, Kind::Presence, Kind::Other]);
    assert!(both.payloads[0].has_child("body", crate::ns::CLIENT));
    let prefixed =
        read("<?xml version='1.0'?><b:body xmlns:b='http://jabber.org/protocol/httpbind' rid='7'/>").unwrap();
    assert_eq!(prefixed.wrapper.rid, Some(7));
}

#[test]
fn a_body_that_is_none_is_refused() {
    for text in [
        "",
        "<body rid='1'/>",
        "<html xmlns='http://jabber.org/protocol/httpbind'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='-1'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='9007199254740992'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='1'>words</body>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='1'><a></body>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='1'/><body/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' rid='1'><!-- --></body>",
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams'>",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn a_request_waits_for_something_to_say() {
    let mut side = Side::new();
    let poll = side.send(101, "");
    assert_eq!(side.answer(poll), None);
    side.queue("<message from='a'><body>x</body></message>");
    assert_eq!(
        side.answer(poll),
        Some(
            "<body xmlns='http://jabber.org/protocol/httpbind'><message xmlns='jabber:client' from='a'>\
             <body>x</body></message></body>"
        )
    );
}

#[test]
fn a_request_waits_no_longer_than_agreed_and_one_at_a_time() {
    let mut side = Side::new();
    let first = side.send(101, "");
    side.pass(WAIT_MAX - Duration::from_millis(1));
    assert_eq!(side.answer(first), None);
    assert_eq!(side.session.next_timeout(), Some(side.now + Duration::from_millis(1)));
    side.pass(Duration::from_millis(1));
    assert_eq!(side.answer(first), Some(EMPTY));
    let second = side.send(102, "");
    let third = side.send(103, "<presence xmlns='jabber:client' id='p'/>");
    assert_eq!((side.answer(second), side.answer(third)), (Some(EMPTY), None));
    assert_eq!(side.ids(), ["p"]);
}

#[test]
fn requests_out_of_order_are_taken_in_order() {
    let mut side = Side::new();
    let second = side.send(102, "<presence xmlns='jabber:client' id='2'/>");
    assert_eq!(side.ids(), [""; 0]);
    let first = side.send(101, "<presence xmlns='jabber:client' id='1'/>");
    assert_eq!(side.ids(), ["1", "2"]);
    assert_eq!((side.answer(first), side.answer(second)), (Some(EMPTY), None));
}

#[test]
fn a_lost_answer_is_given_again_and_nothing_is_taken_twice() {
    let mut side = Side::new();
    let first = side.send(101, "<presence xmlns='jabber:client' id='1'/>");
    side.queue("<message id='m'/>");
    let again = side.send(101, "<presence xmlns='jabber:client' id='1'/>");
    assert_eq!(side.answer(first), side.answer(again));
    assert_eq!(side.ids(), ["1"]);
}

#[test]
fn a_request_whose_connection_broke_waits_on_in_its_repetition() {
    let mut side = Side::new();
    let broken = side.send(101, "");
    side.session.lost(Ticket(broken), side.now);
    side.queue("<message id='m'/>");
    assert_eq!(side.answer(broken), None);
    let again = side.send(101, "");
    assert!(side.answer(again).is_some_and(|answer| answer.contains("id='m'")));
    // Without a word that the first is broken: its connection gets what cannot be taken for the answer.
    let silent = side.send(102, "");
    let again = side.send(102, "");
    assert_eq!(side.answer(silent), Some("<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>"));
    assert_eq!(side.answer(again), None);
}

#[test]
fn a_number_outside_of_the_window_ends_the_session() {
    for rid in [98, 104, 5_000] {
        let mut side = Side::new();
        let waits = side.send(101, "");
        let wrong = side.send(rid, "");
        assert_eq!(side.condition(wrong).as_deref(), Some("item-not-found"), "{rid}");
        assert_eq!(side.condition(waits).as_deref(), Some("other-request"));
        assert!(side.session.is_dead());
    }
}

#[test]
fn who_asks_too_fast_is_cut() {
    let mut side = Side::new();
    side.send(101, "");
    side.pass(POLLING_MIN);
    let slow = side.send(102, "");
    assert_eq!(side.answer(slow), None);
    let fast = side.send(103, "");
    assert_eq!(side.condition(fast).as_deref(), Some("policy-violation"));

    let mut side = Side::with("hold='0' wait='0'");
    side.pass(POLLING_MIN);
    let poll = side.send(101, "");
    assert_eq!(side.answer(poll), Some(EMPTY));
    side.queue("<message id='m'/>");
    side.pass(POLLING_MIN);
    let poll = side.send(102, "");
    assert!(side.answer(poll).is_some_and(|answer| answer.contains("id='m'")));
    let poll = side.send(103, "");
    assert_eq!(side.answer(poll), Some(EMPTY), "right after something that was worth it");
    let fast = side.send(104, "");
    assert_eq!(side.condition(fast).as_deref(), Some("policy-violation"));
}

#[test]
fn a_client_that_is_gone_is_forgotten() {
    let mut side = Side::new();
    assert_eq!(side.session.next_timeout(), Some(side.now + INACTIVITY_MAX));
    side.pass(INACTIVITY_MAX);
    assert!(side.session.is_dead());
    let late = side.send(101, "");
    assert_eq!(side.condition(late).as_deref(), Some("item-not-found"));

    let mut side = Side::new();
    let broken = side.send(101, "");
    side.pass(INACTIVITY_MAX * 2 - Duration::from_secs(1));
    assert!(!side.session.is_dead(), "a request waits");
    side.session.lost(Ticket(broken), side.now);
    side.pass(INACTIVITY_MAX);
    assert!(side.session.is_dead());
}

#[test]
fn a_pause_answers_all_without_payload_and_lengthens_the_silence() {
    let mut side = Side::new();
    let waits = side.send(101, "");
    side.session.queue(b"<message id='m'/>");
    let pause = side.post("<body @ sid='sid' rid='102' pause='500'/>");
    assert!(side.answer(waits).is_some());
    assert_eq!(side.answer(pause), Some(EMPTY));
    side.pass(PAUSE_MAX - Duration::from_secs(1));
    let back = side.send(103, "");
    assert!(side.answer(back).is_some_and(|answer| answer.contains("id='m'")));
    side.pass(INACTIVITY_MAX);
    assert!(side.session.is_dead(), "the usual silence holds again");
}

#[test]
fn a_session_ends_in_good_order() {
    let mut side = Side::new();
    let waits = side.send(101, "");
    let last = side
        .post("<body @ sid='sid' rid='102' type='terminate'><presence xmlns='jabber:client' id='u'/></body>");
    assert_eq!(side.answer(waits), Some(EMPTY));
    assert!(matches!(side.session.next_frame(), Some(Frame::Stanza(_))));
    assert!(matches!(side.session.next_frame(), Some(Frame::Close)));
    side.session.close();
    side.settle();
    assert_eq!(side.condition(last), None);
}

#[test]
fn an_error_of_the_stream_is_told_even_to_a_later_request() {
    let mut side = Side::new();
    side.session.queue(b"<message id='m'/>");
    side.session
        .queue(b"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
    side.session.close();
    side.settle();
    let poll = side.send(101, "");
    assert_eq!(side.condition(poll).as_deref(), Some("remote-stream-error"));
    let body = Element::parse(side.answer(poll).unwrap().as_bytes(), "").unwrap();
    assert!(body.child("message", crate::ns::CLIENT).is_some());
    let error = body.child("error", crate::ns::STREAMS).and_then(StreamError::from_element);
    assert_eq!(error.map(|error| error.condition), Some(StreamCondition::Conflict));
    let again = side.send(101, "");
    assert_eq!(side.answer(again), side.answer(poll));
}

#[test]
fn a_stream_that_vanishes_is_a_failed_connection() {
    let mut side = Side::new();
    let poll = side.send(101, "");
    side.session.abandon(side.now);
    side.settle();
    assert_eq!(side.condition(poll).as_deref(), Some("remote-connection-failed"));
}

#[test]
fn a_restart_opens_a_new_stream() {
    let mut side = Side::new();
    let restart = side.post("<body @ sid='sid' rid='101' xmpp:restart='true'/>");
    let Some(Frame::Open(open)) = side.session.next_frame() else { panic!("no header") };
    assert_eq!((open.to.as_deref(), open.version), (Some("localhost"), Some((1, 0))));
    side.session.open(&header());
    side.queue("<stream:features/>");
    assert!(side.answer(restart).is_some_and(|answer| answer.contains("<stream:features/>")));
}

#[test]
fn what_arrived_is_known_by_acknowledgement_or_by_conduct() {
    let mut side = Side::new();
    assert_eq!(side.session.delivered(), 0);
    side.send(101, "");
    assert_eq!(
        side.session.delivered(),
        1,
        "an empty request, and nothing else waits: the first answer is there"
    );
    side.queue("<message id='1'/>");
    side.send(102, "<presence xmlns='jabber:client'/>");
    assert_eq!(side.session.delivered(), 1, "it may have been sent before the answer");
    side.queue("<message id='2'/>");
    side.send(103, "<presence xmlns='jabber:client'/>");
    assert_eq!(side.session.delivered(), 2);

    let mut side = Side::with("hold='1' ack='1'");
    side.send(101, "<presence xmlns='jabber:client'/>");
    side.queue("<message id='1'/>");
    side.post("<body @ sid='sid' rid='102' ack='100'><presence xmlns='jabber:client'/></body>");
    assert_eq!(side.session.delivered(), 1);
    side.send(103, "<presence xmlns='jabber:client'/>");
    assert_eq!(side.session.delivered(), 2, "no word means all");
}

#[test]
fn a_stream_that_takes_nothing_stops_its_client() {
    let mut side = Side::new();
    let words = "x".repeat(RECEIVED_BYTES_MAX);
    let big = format!("<message xmlns='jabber:client' id='big'>{words}</message>");
    let first = side.send(101, &big);
    let second = side.send(102, "<presence xmlns='jabber:client' id='p'/>");
    assert_eq!((side.answer(first), side.answer(second)), (None, None), "the next is not looked at");
    side.pass(INACTIVITY_MAX);
    assert!(!side.session.is_dead());
    assert_eq!(side.ids(), ["big"]);
    side.settle();
    assert_eq!(side.ids(), ["p"]);
    assert_eq!(side.answer(first), Some(EMPTY));
}

#[test]
fn an_answer_is_bounded() {
    let mut side = Side::new();
    let element = format!("<message><body>{}</body></message>", "x".repeat(100_000));
    for _ in 0..4 {
        side.session.queue(element.as_bytes());
    }
    let poll = side.send(101, "");
    assert!(side.answer(poll).unwrap().len() < ANSWER_BYTES_MAX + 200);
    assert!(side.session.waiting_bytes() > 200_000);
    let poll = side.send(102, "");
    assert!(side.answer(poll).unwrap().len() > 200_000);
    assert_eq!(side.session.waiting_bytes(), 0);
}

/// A client whose network loses what chance says.
struct Lossy {
    side: Side,
    next_rid: u64,
    /// Requests that have no answer: number, text.
    open: BTreeMap<u64, String>,
    answers: BTreeMap<u64, String>,
    /// The answer that is processed next.
    next_answer: u64,
    heard: Vec<u32>,
    sent: u32,
}

impl Lossy {
    fn make(&mut self) {
        if self.next_rid - self.next_answer < 2 {
            let inside = format!("<presence xmlns='jabber:client' id='{}'/>", self.sent);
            self.sent += 1;
            self.open.insert(self.next_rid, inside);
            self.next_rid += 1;
        }
    }

    /// Posts an open request once more, or for the first time. `reaches` and `returns` say what the network does.
    fn post(&mut self, index: usize, reaches: bool, returns: bool) {
        let Some((rid, inside)) = self.open.iter().nth(index).map(|(rid, inside)| (*rid, inside.clone()))
        else {
            return;
        };
        if !reaches {
            return;
        }
        let ticket = self.side.send(rid, &inside);
        if !returns {
            self.side.session.lost(Ticket(ticket), self.side.now);
            self.side.answers.remove(&ticket);
        }
        self.hear(rid, ticket);
    }

    fn hear(&mut self, rid: u64, ticket: u64) {
        if let Some(answer) = self.side.answers.remove(&ticket)
            && !answer.contains("type='error'")
        {
            self.open.remove(&rid);
            self.answers.insert(rid, answer);
        }
        while let Some(answer) = self.answers.remove(&self.next_answer) {
            self.next_answer += 1;
            let body = Element::parse(answer.as_bytes(), "").unwrap();
            assert_eq!(body.attr("type"), None, "{answer}");
            self.heard.extend(body.children().filter_map(|child| child.attr("id")?.parse::<u32>().ok()));
        }
    }
}

proptest! {
    /// Whatever the network loses: both sides hear everything once and in order.
    #[test]
    fn losses_lose_nothing_and_double_nothing(
        steps in prop::collection::vec((0_u8..4, 0_usize..2, any::<bool>(), any::<bool>()), 0..60),
    ) {
        let mut lossy = Lossy {
            side: Side::new(), next_rid: 101, open: BTreeMap::new(), answers: BTreeMap::new(),
            next_answer: 101, heard: Vec::new(), sent: 0,
        };
        let (mut queued, mut taken) = (0, Vec::new());
        let settled = [(1, 0, true, true), (0, 0, true, true), (1, 0, true, true), (1, 1, true, true)].repeat(6);
        for (what, index, reaches, returns) in steps.into_iter().chain(settled) {
            match what {
                0 => {
                    lossy.side.session.queue(format!("<message id='{queued}'/>").as_bytes());
                    lossy.side.settle();
                    queued += 1;
                }
                1 => lossy.make(),
                _ => {}
            }
            // Requests that wait at the server are answered when there is something; their connections are lost here.
            lossy.side.answers.clear();
            lossy.post(index, reaches, returns);
            taken.extend(lossy.side.ids());
            prop_assert!(!lossy.side.session.is_dead());
        }
        let heard: Vec<u32> = (0..lossy.heard.len() as u32).collect();
        prop_assert_eq!(&lossy.heard, &heard);
        let ids: Vec<String> = (0..taken.len()).map(|id| id.to_string()).collect();
        prop_assert_eq!(taken, ids);
        prop_assert!(u64::from(queued) <= lossy.side.session.queued());
        prop_assert!(lossy.heard.len() as u32 + 4 >= queued, "{} of {}", lossy.heard.len(), queued);
    }

    /// Whatever comes in a request: no panic.
    #[test]
    fn noise_breaks_nothing(bytes in prop::collection::vec(any::<u8>(), 0..300), tail in "[<>/'=a-z ]{0,60}") {
        for text in [bytes, format!("<body xmlns='http://jabber.org/protocol/httpbind' {tail}").into_bytes()] {
            let mut reader = BodyReader::new(Limits::before_sign_in());
            reader.push(&text);
            while let Ok(Progress::Opened) = reader.read() {}
            if let Some(request) = reader.finish() {
                let _ = Session::create("sid".into(), request, Ticket(0), start());
            }
        }
    }
}
