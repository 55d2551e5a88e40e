//! What one shard keeps: legs by Call-ID, the oldest go first.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use memchr::memmem::Finder;
use model::Timestamp;
use sip::endpoint::{Flow, Transport};
use sip::{Message, Method, Name};

use super::{TRACE_BYTES_MAX, TRACE_MESSAGE_BYTES_MAX, TRACE_MESSAGES_MAX, Trace, TracedMessage};

/// Legs of a call that is counted as one: the caller's and that of the phone that it reaches.
const LEGS_OF_A_CALL: usize = 2;
/// One place in so many is for the INVITEs of strangers.
const STRANGERS_SHARE: usize = 8;

/// How much a shard may keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    legs: usize,
    strangers: usize,
    bytes: usize,
    stranger_bytes: usize,
}

/// See the module.
pub(crate) struct Traces {
    room: Room,
    legs: BTreeMap<Bytes, Leg>,
    /// In the order in which they began; an entry whose leg has gone on since is passed over.
    strangers: VecDeque<(Bytes, u64)>,
    known: VecDeque<(Bytes, u64)>,
    stranger_count: usize,
    bytes: usize,
    stranger_bytes: usize,
    count: u64,
    fields: Fields,
}

struct Leg {
    /// Which entry of the queues is this one's.
    ticket: u64,
    is_stranger: bool,
    messages: VecDeque<TracedMessage>,
    left_out: usize,
}

/// Where the fields are in what we write ourselves.
struct Fields {
    call_id: Finder<'static>,
    cseq: Finder<'static>,
    to: Finder<'static>,
}

impl Room {
    /// The part of one shard of `shards` that together keep `calls`.
    pub(crate) fn of_shard(calls: usize, shards: usize) -> Self {
        let legs = (calls * LEGS_OF_A_CALL).div_ceil(shards.max(1));
        let strangers = if legs == 0 { 0 } else { (legs / STRANGERS_SHARE).max(1) };
        let bytes = TRACE_BYTES_MAX / shards.max(1);
        Self { legs, strangers, bytes, stranger_bytes: bytes / STRANGERS_SHARE }
    }
}

impl Traces {
    pub(crate) fn new(room: Room) -> Self {
        let fields = Fields {
            call_id: Finder::new(b"\r\nCall-ID: "),
            cseq: Finder::new(b"\r\nCSeq: "),
            to: Finder::new(b"\r\nTo: "),
        };
        Self {
            room,
            legs: BTreeMap::new(),
            strangers: VecDeque::new(),
            known: VecDeque::new(),
            stranger_count: 0,
            bytes: 0,
            stranger_bytes: 0,
            count: 0,
            fields,
        }
    }

    /// A message came in.
    pub(crate) fn received(&mut self, message: &Message, flow: &Flow, at: Timestamp) {
        if self.room.legs == 0 || !of_a_call(message) {
            return;
        }
        let Some(call_id) = message.headers().first(Name::CallId) else { return };
        if !self.legs.contains_key(call_id) {
            let begins = matches!(message, Message::Request(request)
                if *request.method() == Method::Invite && request.headers().to_tag().is_none());
            if !begins {
                return;
            }
            self.begin(call_id, true);
        }
        self.add(call_id, traced(message.bytes(), flow, at, false));
    }

    /// A message went out.
    pub(crate) fn sent(&mut self, bytes: &Bytes, flow: &Flow, at: Timestamp) {
        if self.room.legs == 0 {
            return;
        }
        let Some(call_id) = value(bytes, &self.fields.call_id) else { return };
        let status = status(bytes);
        match self.legs.get(call_id).map(|leg| leg.is_stranger) {
            None => {
                let begins = status.is_none()
                    && bytes.starts_with(b"INVITE ")
                    && value(bytes, &self.fields.to).is_some_and(|to| !contains_tag(to));
                if !begins {
                    return;
                }
                self.begin(call_id, false);
            }
            // Whoever gets more than a challenge, or a refusal without one, has proved who he is.
            Some(true) if status.is_none_or(|status| !matches!(status, 100 | 401 | 403 | 407 | 503)) => {
                let is_invite = value(bytes, &self.fields.cseq).is_some_and(|cseq| cseq.ends_with(b"INVITE"));
                if is_invite {
                    self.prove(call_id);
                }
            }
            Some(_) => {}
        }
        self.add(call_id, traced(bytes, flow, at, true));
    }

    /// What is kept of these legs.
    pub(crate) fn of(&self, call_ids: &[Bytes]) -> Vec<Trace> {
        let trace = |call_id: &Bytes| {
            let leg = self.legs.get(call_id)?;
            let messages = leg.messages.iter().cloned().collect();
            Some(Trace { call_id: call_id.clone(), messages, left_out: leg.left_out })
        };
        call_ids.iter().filter_map(trace).collect()
    }

    fn begin(&mut self, call_id: &[u8], is_stranger: bool) {
        self.count += 1;
        let (key, ticket) = (Bytes::copy_from_slice(call_id), self.count);
        let leg = Leg { ticket, is_stranger, messages: VecDeque::new(), left_out: 0 };
        self.legs.insert(key.clone(), leg);
        if is_stranger {
            self.strangers.push_back((key, ticket));
            self.stranger_count += 1;
        } else {
            self.known.push_back((key, ticket));
        }
        while self.stranger_count > self.room.strangers && self.drop_oldest(true) {}
        while self.legs.len() > self.room.legs && (self.drop_oldest(false) || self.drop_oldest(true)) {}
        if self.strangers.len() > 2 * self.room.legs {
            // What has proved itself since is still named here.
            let legs = &self.legs;
            let stays = |(key, ticket): &(Bytes, u64)| {
                legs.get(key).is_some_and(|leg| leg.is_stranger && leg.ticket == *ticket)
            };
            self.strangers.retain(stays);
        }
    }

    fn prove(&mut self, call_id: &[u8]) {
        self.count += 1;
        let Some(leg) = self.legs.get_mut(call_id) else { return };
        leg.is_stranger = false;
        self.stranger_bytes -= leg.messages.iter().map(|message| message.bytes.len()).sum::<usize>();
        leg.ticket = self.count;
        self.stranger_count -= 1;
        self.known.push_back((Bytes::copy_from_slice(call_id), self.count));
    }

    fn add(&mut self, call_id: &[u8], message: TracedMessage) {
        let Some(leg) = self.legs.get_mut(call_id) else { return };
        let is_stranger = leg.is_stranger;
        let (before, length) = (self.bytes, message.bytes.len());
        self.bytes += length;
        if leg.messages.len() >= TRACE_MESSAGES_MAX
            && let Some(gone) = leg.messages.remove(TRACE_MESSAGES_MAX / 2)
        {
            self.bytes -= gone.bytes.len();
            leg.left_out += 1;
        }
        leg.messages.push_back(message);
        if is_stranger {
            self.stranger_bytes = (self.stranger_bytes + self.bytes).saturating_sub(before);
        }
        // Large messages of strangers push out those of other strangers, and nobody else's.
        while self.stranger_bytes > self.room.stranger_bytes && self.drop_oldest(true) {}
        while self.bytes > self.room.bytes && (self.drop_oldest(false) || self.drop_oldest(true)) {}
    }

    /// Drops the oldest leg of strangers, or of those who are known; false when there is none.
    fn drop_oldest(&mut self, strangers: bool) -> bool {
        let queue = if strangers { &mut self.strangers } else { &mut self.known };
        while let Some((key, ticket)) = queue.pop_front() {
            if self.legs.get(&key).is_some_and(|leg| leg.ticket == ticket)
                && let Some(leg) = self.legs.remove(&key)
            {
                let bytes = leg.messages.iter().map(|message| message.bytes.len()).sum::<usize>();
                self.bytes -= bytes;
                self.stranger_bytes -= if leg.is_stranger { bytes } else { 0 };
                self.stranger_count -= usize::from(leg.is_stranger);
                return true;
            }
        }
        false
    }
}

/// Can it belong to a call? Registrations and the like are many.
fn of_a_call(message: &Message) -> bool {
    let outside = |method: &Method| {
        matches!(
            method,
            Method::Register | Method::Options | Method::Subscribe | Method::Publish | Method::Message
        )
    };
    match message {
        Message::Request(request) => !outside(request.method()),
        Message::Response(_) => true,
    }
}

fn traced(bytes: &Bytes, flow: &Flow, at: Timestamp, sent: bool) -> TracedMessage {
    let length = bytes.len();
    let cut = &bytes[..length.min(TRACE_MESSAGE_BYTES_MAX)];
    // What came over a stream shares its buffer with other messages, which would stay with it.
    let share = cut.len() == length && (sent || flow.transport == Transport::Udp);
    let bytes = if share { bytes.clone() } else { Bytes::copy_from_slice(cut) };
    TracedMessage { at, sent, transport: flow.transport, remote: flow.remote, bytes, length }
}

/// The value of a field of a message that we wrote.
fn value<'a>(bytes: &'a [u8], field: &Finder<'_>) -> Option<&'a [u8]> {
    let start = field.find(bytes)? + field.needle().len();
    let length = memchr::memchr(b'\r', &bytes[start..])?;
    Some(&bytes[start..start + length])
}

fn status(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn contains_tag(value: &[u8]) -> bool {
    memchr::memmem::find(value, b";tag=").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(transport: Transport) -> Flow {
        let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), "10.0.0.1:5060".parse().unwrap());
        Flow { transport, local, remote, connection: None }
    }

    fn text(first: &str, call_id: &str, to: &str, cseq: &str, rest: &str) -> Bytes {
        format!(
            "{first}\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\nTo: {to}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq}\r\nContent-Length: {}\r\n\r\n{rest}",
            rest.len()
        )
        .into()
    }

    fn invite(call_id: &str) -> Bytes {
        text("INVITE sip:b@h SIP/2.0", call_id, "<sip:b@h>", "1 INVITE", "")
    }

    fn answer(call_id: &str, status: u16) -> Bytes {
        text(&format!("SIP/2.0 {status} X"), call_id, "<sip:b@h>;tag=2", "1 INVITE", "")
    }

    fn take(traces: &mut Traces, bytes: Bytes) {
        traces.received(&Message::parse(bytes).unwrap(), &flow(Transport::Udp), Timestamp(0));
    }

    fn send(traces: &mut Traces, bytes: &Bytes) {
        traces.sent(bytes, &flow(Transport::Udp), Timestamp(0));
    }

    fn lengths(traces: &Traces, call_ids: &[&str]) -> Vec<Option<usize>> {
        let one = |call_id: &&str| {
            let found = traces.of(&[Bytes::copy_from_slice(call_id.as_bytes())]);
            found.first().map(|trace| trace.messages.len())
        };
        call_ids.iter().map(one).collect()
    }

    #[test]
    fn a_leg_begins_with_an_invite_and_takes_all_that_belongs_to_it() {
        let mut traces = Traces::new(Room::of_shard(10, 1));
        take(&mut traces, invite("a"));
        send(&mut traces, &answer("a", 100));
        send(&mut traces, &answer("a", 200));
        take(&mut traces, text("ACK sip:b@h SIP/2.0", "a", "<sip:b@h>;tag=2", "1 ACK", ""));
        send(&mut traces, &invite("ours"));
        take(&mut traces, text("BYE sip:b@h SIP/2.0", "unknown", "<sip:b@h>;tag=2", "2 BYE", ""));
        send(&mut traces, &text("NOTIFY sip:b@h SIP/2.0", "lamp", "<sip:b@h>;tag=2", "2 NOTIFY", ""));
        take(&mut traces, text("REGISTER sip:h SIP/2.0", "register", "<sip:b@h>", "1 REGISTER", ""));
        let ids = ["a", "ours", "unknown", "lamp", "register"];
        assert_eq!(lengths(&traces, &ids), [Some(4), Some(1), None, None, None]);
        let messages = &traces.of(&[Bytes::from_static(b"a")])[0].messages;
        assert_eq!(
            messages.iter().map(|message| message.sent).collect::<Vec<_>>(),
            [false, true, true, false]
        );
    }

    #[test]
    fn the_oldest_legs_make_room() {
        let mut traces = Traces::new(Room::of_shard(1, 1));
        for call_id in ["a", "b", "c"] {
            send(&mut traces, &invite(call_id));
        }
        assert_eq!(lengths(&traces, &["a", "b", "c"]), [None, Some(1), Some(1)]);
    }

    #[test]
    fn strangers_do_not_push_out_the_calls_of_those_who_are_known() {
        let mut traces = Traces::new(Room::of_shard(8, 1));
        take(&mut traces, invite("call"));
        send(&mut traces, &answer("call", 401));
        send(&mut traces, &answer("call", 180));
        for number in 0..1000 {
            take(&mut traces, invite(&format!("scan{number}")));
            send(&mut traces, &answer(&format!("scan{number}"), 401));
        }
        assert_eq!(lengths(&traces, &["call", "scan0", "scan999"]), [Some(3), None, Some(2)]);
        assert_eq!(traces.legs.len(), 1 + traces.room.strangers);
        assert!(traces.strangers.len() <= 2 * traces.room.legs);
    }

    #[test]
    fn large_messages_of_strangers_push_out_other_strangers_only() {
        let mut traces = Traces::new(Room::of_shard(100_000, 1));
        take(&mut traces, invite("call"));
        send(&mut traces, &answer("call", 180));
        let filler = "x".repeat(TRACE_MESSAGE_BYTES_MAX / 2);
        let rounds = 2 * traces.room.stranger_bytes / filler.len();
        for number in 0..rounds {
            let call_id = format!("scan{number}");
            take(&mut traces, text("INVITE sip:b@h SIP/2.0", &call_id, "<sip:b@h>", "1 INVITE", &filler));
        }
        assert!(traces.stranger_bytes <= traces.room.stranger_bytes && traces.bytes <= traces.room.bytes);
        assert!(traces.stranger_bytes > traces.room.stranger_bytes / 2, "their share is theirs");
        assert_eq!(lengths(&traces, &["call", "scan0"]), [Some(2), None]);
    }

    #[test]
    fn a_long_leg_keeps_its_beginning_and_its_end() {
        let mut traces = Traces::new(Room::of_shard(1, 1));
        send(&mut traces, &invite("a"));
        for number in 0..2 * TRACE_MESSAGES_MAX {
            let cseq = format!("{number} INFO");
            send(&mut traces, &text("INFO sip:b@h SIP/2.0", "a", "<sip:b@h>;tag=2", &cseq, ""));
        }
        let trace = &traces.of(&[Bytes::from_static(b"a")])[0];
        assert_eq!((trace.messages.len(), trace.left_out), (TRACE_MESSAGES_MAX, TRACE_MESSAGES_MAX + 1));
        assert!(trace.messages[0].bytes.starts_with(b"INVITE"));
        let last = format!("CSeq: {} INFO", 2 * TRACE_MESSAGES_MAX - 1);
        assert!(String::from_utf8_lossy(&trace.messages.last().unwrap().bytes).contains(&last));
    }

    #[test]
    fn long_messages_are_cut_and_all_together_stay_within_their_bytes() {
        let mut room = Room::of_shard(100, 1);
        room.bytes = 3 * TRACE_MESSAGE_BYTES_MAX;
        let mut traces = Traces::new(room);
        for number in 0..5 {
            let body = "x".repeat(2 * TRACE_MESSAGE_BYTES_MAX);
            let id = format!("long{number}");
            send(&mut traces, &text("INVITE sip:b@h SIP/2.0", &id, "<sip:b@h>", "1 INVITE", &body));
        }
        assert_eq!(lengths(&traces, &["long0", "long1", "long2", "long4"]), [None, None, Some(1), Some(1)]);
        let message = &traces.of(&[Bytes::from_static(b"long4")])[0].messages[0];
        assert_eq!(message.bytes.len(), TRACE_MESSAGE_BYTES_MAX);
        assert!(message.length > 2 * TRACE_MESSAGE_BYTES_MAX && traces.bytes <= room.bytes);
    }

    #[test]
    fn switched_off_it_keeps_nothing() {
        let mut traces = Traces::new(Room::of_shard(0, 4));
        take(&mut traces, invite("a"));
        send(&mut traces, &invite("b"));
        assert!(traces.legs.is_empty());
    }
}
