//! One endpoint and a clock: requests by hand, what is sent and when.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{flow, ms};
use crate::endpoint::{
    ClientTransaction, Config, Endpoint, Event, Flow, Output, ServerTransaction, Target, Transport,
};
use crate::message::{Message, Name, Request, RequestBuilder, Response};
use crate::method::Method;

/// An endpoint at 192.0.2.1 whose peer is 192.0.2.2.
pub(super) struct Bench {
    pub(super) endpoint: Endpoint,
    pub(super) start: Instant,
    pub(super) now: Instant,
    pub(super) flow: Flow,
    pub(super) events: Vec<Event>,
    /// What was sent: milliseconds since the start, and the message.
    pub(super) sent: Vec<(u128, Message)>,
}

impl Bench {
    pub(super) fn new(transport: Transport) -> Self {
        Self::with(transport, Config::default())
    }

    pub(super) fn with(transport: Transport, config: Config) -> Self {
        let now = crate::tests_clock();
        let endpoint = Endpoint::new(config, [7; 32]);
        Self { endpoint, start: now, now, flow: flow(transport, 1, 2), events: Vec::new(), sent: Vec::new() }
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Transmit(transmit) => {
                    let since = (self.now - self.start).as_millis();
                    self.sent.push((since, Message::parse(transmit.bytes).expect("we write what we read")));
                }
            }
        }
    }

    /// Lets `time` pass, firing each timer at its time.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.endpoint.next_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub(super) fn receive(&mut self, text: &str) {
        match Message::parse(Bytes::copy_from_slice(text.as_bytes())) {
            Ok(message) => self.endpoint.handle_message(message, self.flow, self.now),
            Err(malformed) => self.endpoint.handle_malformed(malformed, self.flow),
        }
        self.drain();
    }

    pub(super) fn receive_response(&mut self, response: &Response) {
        let message = Message::parse(response.bytes().clone()).unwrap();
        self.endpoint.handle_message(message, self.flow, self.now);
        self.drain();
    }

    pub(super) fn send(&mut self, method: Method) -> ClientTransaction {
        let request = outgoing(method);
        let sent = self.endpoint.send_request(request, &Target::from(self.flow), self.now);
        self.drain();
        sent.unwrap()
    }

    pub(super) fn respond(&mut self, transaction: ServerTransaction, response: &Response) {
        self.endpoint.respond(transaction, response, self.now);
        self.drain();
    }

    /// The request of the only event, which is a new request.
    pub(super) fn request(&mut self) -> (ServerTransaction, Request) {
        match self.events.pop() {
            Some(Event::Request { transaction, request, .. }) if self.events.is_empty() => {
                (transaction, request)
            }
            other => panic!("{other:?} after {:?}", self.events),
        }
    }

    /// The latest message that was sent, which is a request.
    pub(super) fn sent_request(&self) -> Request {
        match self.sent.last() {
            Some((_, Message::Request(request))) => request.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// When messages were sent whose start line contains `what`, in milliseconds since the start.
    pub(super) fn times(&self, what: &str) -> Vec<u128> {
        let is = |message: &Message| start_line(message).contains(what);
        self.sent.iter().filter(|(_, message)| is(message)).map(|(at, _)| *at).collect()
    }

    /// The start lines of all that was sent.
    pub(super) fn lines(&self) -> Vec<String> {
        self.sent.iter().map(|(_, message)| start_line(message)).collect()
    }

    /// Lets so much time pass that nothing may be left.
    pub(super) fn rest(&mut self) {
        self.pass(ms(400_000));
        assert!(self.endpoint.is_at_rest(), "{:?}", self.endpoint);
    }
}

pub(super) fn start_line(message: &Message) -> String {
    let line = message.bytes().split(|byte| *byte == b'\r').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

pub(super) fn outgoing(method: Method) -> Request {
    let cseq = format!("1 {method}");
    RequestBuilder::new(method, b"sip:bob@192.0.2.2")
        .header(Name::MaxForwards, &70)
        .header(Name::From, "<sip:ann@example.org>;tag=ann")
        .header(Name::To, "<sip:bob@example.org>")
        .header(Name::CallId, "call")
        .header(Name::CSeq, &cseq)
        .header(Name::Contact, "<sip:ann@192.0.2.1>")
        .finish()
}

/// A request as it comes in; `extra` are whole header lines.
pub(super) fn incoming(method: &str, branch: &str, to_tag: &str, extra: &str) -> String {
    let to_tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
    let number = if method == "PRACK" { 2 } else { 1 };
    format!(
        "{method} sip:ann@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.2:5060;branch={branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:bob@example.org>;tag=bob\r\nTo: <sip:ann@example.org>{to_tag}\r\n\
         Call-ID: call\r\nCSeq: {number} {method}\r\nContact: <sip:bob@192.0.2.2>\r\n{extra}Content-Length: 0\r\n\r\n"
    )
}
