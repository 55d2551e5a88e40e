//! The session of a pair: descriptions from one end to the other, media, ACK and BYE.

use bytes::Bytes;
use sip::dialog::State;
use sip::endpoint::ClientTransaction;
use sip::header::SessionExpires;
use sip::{Method, Name, Response, ResponseBuilder};

use super::codecs::Bridge;
use super::describe::{Description, Lines};
use super::house::Context;
use super::{Call, End, Phase, Purpose, wire};
use crate::features::{music, recording};
use crate::offer::{Carrier, Side};
use crate::snapshot::MediaUse;

impl Call {
    /// Takes a description of one end in, and gives what the other end is told. `None`: it cannot be used.
    pub(super) fn hear(
        &mut self,
        pair: usize,
        from: End,
        body: &Bytes,
        context: &Context<'_>,
    ) -> Option<Bytes> {
        let description = self.pairs[pair].half_mut(from).read(body).ok()?;
        if description.was_too_open() && !description.has_media_for_us() {
            return None;
        }
        let written = self.tell(pair, from.other(), &description, context);
        self.pairs[pair].half_mut(from).heard = Some(description);
        written
    }

    /// Writes a description of the other end for `to`, and opens the ports that it names.
    pub(crate) fn tell(
        &mut self,
        pair: usize,
        to: End,
        description: &Description,
        context: &Context<'_>,
    ) -> Option<Bytes> {
        if self.phase == Phase::Over {
            // No port is opened any more: nobody would close it.
            return None;
        }
        let between = self.between(pair, context);
        let spoke = description.has_media_for_us();
        let ports = &*context.house.ports;
        let streams = &mut self.streams;
        let half = self.pairs[pair].half_mut(to);
        let address = half.media_address(context.house);
        let offered = half.exchange.outstanding().is_some_and(|offer| offer.side == Side::Remote);
        let (lines, description) = match &half.heard {
            Some(offer) if offered => {
                let allowed = between.limited(offer);
                let answer = description.answering(&allowed).answering_in_codecs_of(&allowed).into_owned();
                (Lines::Answer(offer), between.limited(&answer).into_owned())
            }
            heard => {
                let limited = between.limited(description);
                (Lines::Offer(heard.as_ref()), between.limited(&between.extended(&limited)).into_owned())
            }
        };
        if spoke && !description.has_media_for_us() {
            // What both can speak they may not, between these places.
            return None;
        }
        half.said.write(&description, address, lines, |at, kind| {
            // Both sides of a line get their port together, or the line is refused.
            streams.port(ports, at, kind, to.other())?;
            streams.port(ports, at, kind, to)
        })
    }

    /// Tells media where both ends of a pair are, by what they have described last.
    pub(crate) fn join(&mut self, pair: usize, context: &Context<'_>) {
        let ports = &*context.house.ports;
        for end in [End::Caller, End::Callee] {
            self.pairs[pair].half_mut(end).note_listening();
        }
        let (caller, callee) = (self.pairs[pair].half(End::Caller), self.pairs[pair].half(End::Callee));
        let (Some(a), Some(b)) = (&caller.heard, &callee.heard) else { return };
        let with_video = a.has_video_with(b);
        let agreed = [caller.said.agreed(a), callee.said.agreed(b)];
        let connections = [caller.connection, callee.connection];
        let mut uses = [MediaUse::default(), MediaUse::default()];
        for (at, (a, b)) in a.lines().iter().zip(b.lines()).enumerate() {
            if a.kind.is_none() || b.kind.is_none() {
                self.streams.refuse(ports, at);
                continue;
            }
            let [Some(of_a), Some(of_b)] = [agreed[0].get(at), agreed[1].get(at)] else { continue };
            let bridge = of_a.bridge(of_b);
            for (end, line, (own, theirs)) in [(End::Caller, a, (of_a, of_b)), (End::Callee, b, (of_b, of_a))]
            {
                uses[end.index()].note(line.kind, own, bridge);
                if own.is_too_open {
                    continue;
                }
                if let Some(mut remote) = line.remote(own, with_video) {
                    remote.speech = own.speech(theirs, bridge);
                    if bridge == Bridge::Relay {
                        remote.payload_map = own.payload_map(theirs);
                    }
                    self.streams.reach(ports, at, end, (remote, own.crypto.clone()));
                }
            }
            self.streams.bridge(ports, at, bridge);
        }
        let lines = connections.map(|connection| self.view.connection(connection).line.as_ref());
        music::hold(&mut self.streams, &self.pairs[pair], lines, context);
        for ((end, connection), media) in [End::Caller, End::Callee].into_iter().zip(connections).zip(uses) {
            self.view.speaks(connection, MediaUse { ports: self.streams.ports_of(end), ..media });
        }
        self.readmit(pair, context);
        if self.phase == Phase::Answered(pair) {
            recording::by_policy(self, pair, context);
        }
    }

    /// Says BYE to one end.
    pub(super) fn bye(&mut self, pair: usize, end: End, context: &mut Context<'_>) {
        self.acknowledge_owed(pair, end, context);
        let half = self.pairs[pair].half_mut(end);
        if half.dialog.state() == State::Terminated {
            return;
        }
        let asked = self.caller.as_ref().map(|caller| caller.transaction);
        if end == End::Caller && half.awaiting_ack.is_some() && half.awaiting_ack == asked {
            // RFC 3261 §15: "the callee's UA MUST NOT send a BYE [..] until it has received an ACK".
            self.pairs[pair].bye_owed = true;
            return;
        }
        let request = half.request(Method::Bye, context.house).finish();
        half.dialog.terminate();
        let target = half.target(context.house);
        self.send(request, &target, Purpose::Bye, context);
    }

    /// Sends the ACK that waited for an answer which will not come: "for each 2xx" there is one
    /// (RFC 3261 §13.2.2.4), and a BYE follows.
    pub(super) fn acknowledge_owed(&mut self, pair: usize, end: End, context: &mut Context<'_>) {
        if let Some(owed) = self.pairs[pair].ack_owed.take_if(|owed| owed.to == end) {
            self.acknowledge(pair, owed.to, owed.invite, owed.cseq, None, context);
        }
    }

    /// Sends the ACK to a 2xx of one end, with the answer to its offer if it had one.
    pub(crate) fn acknowledge(
        &mut self,
        pair: usize,
        end: End,
        invite: ClientTransaction,
        cseq: u32,
        answer: Option<&Bytes>,
        context: &mut Context<'_>,
    ) {
        let half = self.pairs[pair].half_mut(end);
        // Without the answer that is due the table refuses; whoever sends such an ACK says BYE next.
        half.exchange.pass(Side::Local, Carrier::Ack, answer.is_some()).ok();
        let builder = half.ack(cseq, context.house);
        let ack = match answer {
            Some(body) => builder.body(wire::SDP, body),
            None => builder.finish(),
        };
        let target = half.target(context.house);
        context.endpoint.send_ack_2xx(invite, &ack, &target);
    }
}

/// Ends a response with or without a description.
pub(super) fn finish(builder: ResponseBuilder, body: Option<&Bytes>) -> Response {
    match body {
        Some(body) => builder.body(wire::SDP, body),
        None => builder.finish(),
    }
}

/// What a 2xx says about session timers (RFC 4028 §9).
pub(super) fn timer_headers(
    builder: ResponseBuilder,
    expires: SessionExpires,
    require: bool,
) -> ResponseBuilder {
    let builder = builder.header(Name::Supported, "timer").header(Name::SessionExpires, &expires);
    if require { builder.header(Name::Require, "timer") } else { builder }
}
