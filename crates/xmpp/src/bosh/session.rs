//! One session of BOSH: requests in, answers out, in the order of their numbers (XEP-0124 §8-§14).
//!
//! | state | a new request | the stream closes | the time is over |
//! | --- | --- | --- | --- |
//! | Open | its frames go to the stream; it waits, at most `hold` of them | Closing | Dead, `item-not-found` |
//! | Closing | gets what is left, and `terminate` | – | Dead |
//! | Dead | gets `terminate` and why | – | – |

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answer::{Tag, Terminal, recoverable};
use super::state::{Activity, Received, State, Terms, Waiting};
use super::window::{Held, Place, Window};
use super::{ANSWER_BYTES_MAX, PAUSE_MAX, POLLING_MIN, RECEIVED_BYTES_MAX, Request, Wrapper};
use crate::{ContentNamespace, Frame, StreamHeader, framing};

/// The driver's name for one HTTP request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Send this to the request of that ticket, and end it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The request.
    pub ticket: Ticket,
    /// The whole `<body/>`.
    pub body: Bytes,
}

/// The machine of one session.
#[derive(Debug)]
pub struct Session {
    terms: Terms,
    window: Window,
    received: Received,
    waiting: Waiting,
    activity: Activity,
    state: State,
    /// The first answer was given.
    created: bool,
    answers: VecDeque<Answer>,
}

impl Session {
    /// A session for its first request, which names a domain. `sid` is 128 bits that nobody can guess.
    ///
    /// # Errors
    /// The request cannot be the first of a session.
    pub fn create(sid: String, request: Request, ticket: Ticket, now: Instant) -> Result<Self, Terminal> {
        let wrapper = &request.wrapper;
        let rid = wrapper.rid.ok_or(Terminal::BadRequest)?;
        if wrapper.to.as_deref().is_none_or(str::is_empty) {
            return Err(Terminal::ImproperAddressing);
        }
        let terms = Terms::agree(sid, wrapper);
        let activity = Activity {
            quiet_since: now,
            inactivity: terms.inactivity(),
            last: now,
            last_was_fruitless: false,
        };
        let mut session = Self {
            window: Window::new(rid, terms.hold + 1),
            terms,
            received: Received::default(),
            waiting: Waiting::default(),
            activity,
            state: State::Open,
            created: false,
            answers: VecDeque::new(),
        };
        session.receive(Frame::Open(session.client_header(&request.wrapper)));
        session.window.keep(rid, ticket, request);
        session.advance(now);
        Ok(session)
    }

    /// The language of what the client sends, for the reader of its next request.
    pub fn lang(&self) -> Option<&str> {
        self.terms.lang.as_deref()
    }

    /// A request of this session came in.
    pub fn request(&mut self, request: Request, ticket: Ticket, now: Instant) {
        let wrapper = &request.wrapper;
        let Some(rid) = wrapper.rid else { return self.refuse(ticket, Terminal::BadRequest, now) };
        let extra = wrapper.pause.is_some() || wrapper.terminates;
        match self.window.place(rid, ticket, extra, now) {
            Place::Answered(body) => self.answers.push_back(Answer { ticket, body }),
            Place::Waits(Some(former)) => {
                // The client gave the former connection up. Were it there after all, it must not take this for
                // the answer.
                self.answers.push_back(Answer { ticket: former, body: recoverable() });
            }
            Place::Waits(None) => {}
            Place::Unknown => self.refuse(ticket, Terminal::ItemNotFound, now),
            Place::New => {
                self.window.keep(rid, ticket, request);
            }
        }
        self.flush(now);
    }

    /// The connection of a request is lost before its answer.
    pub fn lost(&mut self, ticket: Ticket, now: Instant) {
        let waited = self.window.is_waited_for();
        self.window.lost(ticket);
        if waited && !self.window.is_waited_for() {
            self.activity.quiet_since = now;
        }
    }

    /// What to send next; ask until there is nothing.
    pub fn poll_answer(&mut self) -> Option<Answer> {
        self.answers.pop_front()
    }

    /// The next frame for the stream.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let frame = self.received.frames.pop_front()?;
        self.received.bytes = self.received.bytes.saturating_sub(frame_bytes(&frame));
        Some(frame)
    }

    /// Is there a frame for the stream?
    pub fn has_frame(&self) -> bool {
        !self.received.frames.is_empty()
    }

    /// The stream writes its header.
    pub fn open(&mut self, header: &StreamHeader) {
        self.waiting.header = Some(header.clone());
    }

    /// The stream writes an element, as for a stream of bytes.
    pub fn queue(&mut self, element: &[u8]) {
        let framed = framing::framed(element);
        let bytes =
            if framed.is_of_stream() { framed.undeclared().concat() } else { framed.pieces().concat() };
        self.waiting.bytes += bytes.len();
        self.waiting.queued += 1;
        self.waiting.elements.push_back(bytes.into());
    }

    /// The stream has ended.
    pub fn close(&mut self) {
        if self.state == State::Open {
            let failed = self.waiting.elements.back().is_some_and(|last| last.starts_with(b"<stream:error"));
            self.state = State::Closing(failed.then_some(Terminal::RemoteStreamError));
        }
    }

    /// The stream is gone without a word.
    pub fn abandon(&mut self, now: Instant) {
        if self.state == State::Open {
            self.die(Terminal::RemoteConnectionFailed, now);
        }
    }

    /// How many elements were queued.
    pub fn queued(&self) -> u64 {
        self.waiting.queued
    }

    /// How many of them have arrived, as far as the client's requests tell.
    pub fn delivered(&self) -> u64 {
        self.waiting.delivered
    }

    /// What waits to be written, in bytes.
    pub fn waiting_bytes(&self) -> usize {
        self.waiting.bytes
    }

    /// The client will not hear another word.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, State::Dead(_))
    }

    /// The stream has ended, and there is a client to be told.
    pub fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing(_))
    }

    /// When [`Session::flush`] has something to do, if nothing comes before.
    pub fn next_timeout(&self) -> Option<Instant> {
        if self.is_dead() {
            return None;
        }
        match self.window.held.iter().find(|held| held.ticket.is_some()) {
            Some(held) => Some(held.since + self.terms.wait),
            None => Some(self.activity.quiet_since + self.activity.inactivity),
        }
    }

    /// Gives every request its answer that has waited enough, or for which there is something.
    pub fn flush(&mut self, now: Instant) {
        self.advance(now);
        match self.state {
            State::Open => self.answer_due(now),
            State::Closing(condition) => self.answer_last(condition, now),
            State::Dead(_) => {}
        }
        if !self.is_dead()
            && !self.window.is_waited_for()
            && now >= self.activity.quiet_since + self.activity.inactivity
        {
            // XEP-0124 §10: the client is gone, and a later request finds no session.
            self.die(Terminal::ItemNotFound, now);
        }
        if let State::Dead(condition) = self.state {
            for ticket in self.window.drain() {
                self.answers.push_back(Answer { ticket, body: super::terminate(condition) });
            }
        }
    }

    /// Takes the requests that are next, as long as the stream takes what is in them.
    fn advance(&mut self, now: Instant) {
        while self.received.bytes < RECEIVED_BYTES_MAX && self.state == State::Open {
            let Some((ticket, request)) = self.window.take_next() else { return };
            self.take(ticket, request, now);
        }
        // After the stream's end requests are answered, and what is in them is not read.
        while matches!(self.state, State::Closing(_)) {
            let Some((ticket, _)) = self.window.take_next() else { return };
            let held = Held { rid: self.window.next - 1, ticket: Some(ticket), since: now };
            self.window.held.push_back(held);
        }
    }

    fn take(&mut self, ticket: Ticket, request: Request, now: Instant) {
        let rid = self.window.next - 1;
        let is_empty = request.is_empty();
        self.note_arrivals(rid, &request);
        if self.created && is_empty && self.is_too_fast(now) {
            return self.refuse(ticket, Terminal::PolicyViolation, now);
        }
        self.activity.last = now;
        self.activity.last_was_fruitless = is_empty;
        self.activity.inactivity = self.terms.inactivity();
        self.window.held.push_back(Held { rid, ticket: Some(ticket), since: now });
        let Request { wrapper, payloads } = request;
        if wrapper.restarts {
            self.receive(Frame::Open(self.client_header(&wrapper)));
        }
        for payload in payloads {
            self.receive(Frame::Stanza(payload));
        }
        if wrapper.terminates {
            self.receive(Frame::Close);
        }
        if let Some(pause) = wrapper.pause {
            self.pause(Duration::from_secs(pause.into()).min(PAUSE_MAX), now);
        }
    }

    fn receive(&mut self, frame: Frame) {
        self.received.bytes += frame_bytes(&frame);
        self.received.frames.push_back(frame);
    }

    /// What a stream of bytes would begin with (XEP-0206 §3, §5).
    fn client_header(&self, wrapper: &Wrapper) -> StreamHeader {
        StreamHeader {
            to: wrapper.to.clone().or_else(|| self.terms.to.clone()),
            from: wrapper.from.clone(),
            lang: wrapper.lang.clone().or_else(|| self.terms.lang.clone()),
            // COMPAT: clients that name no version speak 1.0 as well; older ones have no SASL over BOSH.
            version: Some(wrapper.version.unwrap_or((1, 0))),
            ..StreamHeader::new(ContentNamespace::Client)
        }
    }

    /// XEP-0124 §9.2: which answers the client has, by what it says or by what it does.
    fn note_arrivals(&mut self, rid: u64, request: &Request) {
        let arrived = match request.wrapper.ack {
            Some(ack) if self.created => ack.min(rid.saturating_sub(1)),
            _ if self.terms.acknowledges => rid.saturating_sub(1),
            // A client that has nothing to say asks again when it has all answers; any client waits for no more
            // than it may.
            _ if request.is_empty() && !self.window.is_waited_for() => rid.saturating_sub(1),
            _ => rid.saturating_sub(self.window.requests),
        };
        if let Some(elements) = self.window.confirm(arrived) {
            self.waiting.delivered = self.waiting.delivered.max(elements);
        }
    }

    /// XEP-0124 §11 and §12: an empty request right behind one that waits, or that brought nothing.
    fn is_too_fast(&self, now: Instant) -> bool {
        let fruitless = if self.terms.is_polling() {
            self.activity.last_was_fruitless
        } else {
            self.window.is_waited_for()
        };
        fruitless && now.saturating_duration_since(self.activity.last) < POLLING_MIN
    }

    /// XEP-0124 §10: all that waits is answered without payload, and then nothing comes for a while.
    fn pause(&mut self, time: Duration, now: Instant) {
        while let Some(held) = self.window.held.pop_front() {
            self.answer(held, VecDeque::new(), None, now);
        }
        self.activity.inactivity = time;
    }

    fn answer_due(&mut self, now: Instant) {
        // The first answer waits for the stream's: it tells what the stream offers (XEP-0206 §4).
        if !self.created && self.waiting.elements.is_empty() {
            return;
        }
        while let Some(held) = self.window.held.front().copied() {
            let there = held.ticket.is_some();
            let too_many = self.window.held.len() > self.terms.hold as usize;
            let due = there && (!self.waiting.elements.is_empty() || now >= held.since + self.terms.wait);
            if !too_many && !due {
                return;
            }
            self.window.held.pop_front();
            // An answer that nobody hears waits to be asked for again; what is new goes where somebody hears it.
            let payload = if there { self.take_waiting(ANSWER_BYTES_MAX) } else { VecDeque::new() };
            self.answer(held, payload, None, now);
        }
    }

    /// The stream has ended: what is left goes out, and the last request hears of the end.
    fn answer_last(&mut self, condition: Option<Terminal>, now: Instant) {
        while let Some(held) = self.window.held.pop_front() {
            let is_last = self.window.held.is_empty();
            let payload = if is_last { self.take_waiting(usize::MAX) } else { VecDeque::new() };
            self.answer(held, payload, is_last.then_some(condition), now);
        }
    }

    fn take_waiting(&mut self, bytes_max: usize) -> VecDeque<Bytes> {
        let mut bytes = 0;
        let mut payload = VecDeque::new();
        while let Some(element) = self.waiting.elements.front() {
            bytes += element.len();
            if bytes > bytes_max && !payload.is_empty() {
                break;
            }
            self.waiting.bytes -= element.len();
            payload.extend(self.waiting.elements.pop_front());
        }
        payload
    }

    /// Answers a request; `end` when it is the last.
    fn answer(&mut self, held: Held, payload: VecDeque<Bytes>, end: Option<Option<Terminal>>, now: Instant) {
        self.activity.last_was_fruitless &= payload.is_empty();
        let mut tag = Tag::new();
        let header = self.waiting.header.take();
        if !self.created || header.is_some() {
            tag.header(header.as_ref());
        }
        if !std::mem::replace(&mut self.created, true) {
            self.write_terms(&mut tag, held.rid);
        } else if self.terms.acknowledges && self.window.next - 1 != held.rid {
            // XEP-0124 §9.1: how far requests came in, where it is not said by the answer itself.
            tag.number("ack", self.window.next - 1);
        }
        if let Some(condition) = end {
            tag.terminate(condition);
        }
        let body = tag.finish(&payload);
        let elements = self.waiting.queued - self.waiting.elements.len() as u64;
        self.window.answered(held.rid, body.clone(), elements);
        if let Some(ticket) = held.ticket {
            self.answers.push_back(Answer { ticket, body });
        }
        if !self.window.is_waited_for() {
            self.activity.quiet_since = now;
        }
    }

    /// XEP-0124 §7.2: what the first answer says.
    fn write_terms(&self, tag: &mut Tag, rid: u64) {
        let terms = &self.terms;
        tag.attribute("sid", &terms.sid);
        tag.attribute("ver", &format!("{}.{}", terms.ver.0, terms.ver.1));
        for (name, value) in [
            ("wait", terms.wait.as_secs()),
            ("hold", u64::from(terms.hold)),
            ("requests", self.window.requests),
            ("polling", POLLING_MIN.as_secs()),
            ("inactivity", terms.inactivity().as_secs()),
            ("maxpause", PAUSE_MAX.as_secs()),
        ] {
            tag.number(name, value);
        }
        if terms.acknowledges {
            tag.number("ack", rid);
        }
        tag.attribute("xmpp:restartlogic", "true");
    }

    /// A request breaks the rules: it hears why, the session is over, and the others hear that.
    fn refuse(&mut self, ticket: Ticket, condition: Terminal, now: Instant) {
        self.answers.push_back(Answer { ticket, body: super::terminate(condition) });
        if !self.is_dead() {
            for other in self.window.drain() {
                self.answers
                    .push_back(Answer { ticket: other, body: super::terminate(Terminal::OtherRequest) });
            }
            self.die(condition, now);
        }
    }

    /// The session is over; its memory goes back.
    fn die(&mut self, condition: Terminal, now: Instant) {
        self.state = State::Dead(condition);
        self.waiting.elements = VecDeque::new();
        self.waiting.bytes = 0;
        self.activity.quiet_since = now;
    }
}

fn frame_bytes(frame: &Frame) -> usize {
    match frame {
        Frame::Stanza(stanza) => stanza.bytes().len(),
        Frame::Open(_) | Frame::Close => 1,
    }
}
