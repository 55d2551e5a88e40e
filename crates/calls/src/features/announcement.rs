//! Announcements before a refusal (`CC-36`): the caller hears why, as early media, and then gets the status all the same.
//!
//! Its INVITE is not answered for that: 183 with our answer makes an early dialog (RFC 3261 §12.1, RFC 3960 §2), and
//! the final response comes when the sound is over. Who offers nothing that can be played to is refused at once.

use std::time::{Duration, Instant};

use model::plan::{Announcements, SoundName};
use sip::Name;
use sip::dialog::{Dialog, State};
use sip::endpoint::{Event, ServerTransaction};
use sip::sdp::Direction;

use crate::call::codecs::Bridge;
use crate::call::describe::{Lines, Said};
use crate::call::half::Half;
use crate::call::house::{Context, Index};
use crate::call::incoming::{CallerLeg, Reliability};
use crate::call::outcome::Verdict;
use crate::call::pilots::Hears;
use crate::call::streams::Streams;
use crate::call::{ALLOW, End, wire};
use crate::offer::{Carrier, Side};
use crate::snapshot::{CallId, Cause};

/// The longest announcement before a refusal: Timer C of a proxy on the way is at least three minutes
/// (RFC 3261 §16.6 item 11), and a transaction must not be held for nothing.
const LENGTH_MAX: Duration = Duration::from_secs(60);

/// A caller who hears why its call is refused.
#[derive(Debug)]
pub(crate) struct Announcement {
    id: CallId,
    leg: CallerLeg,
    half: Half,
    streams: Streams,
    verdict: Verdict,
    until: Instant,
    over: bool,
}

/// What is heard for a cause; nothing for most.
pub(crate) fn sounds(announcements: &Announcements, cause: Cause) -> &[SoundName] {
    match cause {
        Cause::NotObtainable => &announcements.unallocated,
        Cause::NotAllowed => &announcements.not_allowed,
        Cause::Busy => &announcements.busy,
        Cause::NoAnswer => &announcements.no_answer,
        Cause::DestinationOutOfService => &announcements.out_of_service,
        Cause::ResourcesNotAvailable | Cause::NetworkCongestion => &announcements.congestion,
        _ => &[],
    }
}

/// Is anything to be heard before a caller is refused for this cause?
pub(crate) fn is_wanted(leg: &CallerLeg, cause: Cause, context: &Context<'_>) -> bool {
    let speaks = || leg.offer.as_ref().is_some_and(|offer| offer.spoken_only().is_some());
    !context.house.directory.announcement(cause).is_empty() && speaks()
}

impl Announcement {
    /// Begins; a caller to whom nothing can be played is refused at once.
    pub(crate) fn start(
        leg: CallerLeg,
        verdict: Verdict,
        id: CallId,
        context: &mut Context<'_>,
    ) -> Option<Box<Self>> {
        let hears = Hears::Sounds(context.house.directory.announcement(verdict.cause));
        let until = hears.over_at(context).map(|over| over.min(context.now.instant + LENGTH_MAX));
        let dialog = Dialog::uas(&leg.invite, leg.tag.as_bytes(), State::Early);
        let (Some(until), Ok(dialog)) = (until, dialog) else {
            refuse(&leg, verdict.status, context);
            return None;
        };
        let said = Said::new(u64::from_str_radix(&leg.tag, 16).unwrap_or(id.0), leg.secrecy.clone());
        let half = Half::new(dialog, leg.flow, leg.exchange, said, leg.invite.headers());
        let streams = Streams::new(id.0);
        let mut call = Box::new(Self { id, leg, half, streams, verdict, until, over: false });
        context.index.dialogs.begin(&call.leg.call_id, call.leg.their_tag(), id);
        context.index.servers.insert(call.leg.transaction, id);
        if call.play(&hears, context).is_none() {
            call.finish(verdict.status, context);
        }
        Some(call)
    }

    /// 183 with our answer, and the sound.
    fn play(&mut self, hears: &Hears, context: &mut Context<'_>) -> Option<()> {
        let offer = self.leg.offer.as_ref()?.spoken_only()?;
        let ports = &*context.house.ports;
        let address = self.half.media_address(context.house);
        let (answer, lines) = (offer.answered(Direction::SendRecv), Lines::Answer(&offer));
        let streams = &mut self.streams;
        let port = |at, kind| streams.port(ports, at, kind, End::Caller);
        let body = self.half.said.write(&answer, address, lines, port)?;
        let is_reliable = self.leg.reliability == Reliability::Required;
        let carrier = if is_reliable { Carrier::ReliableProvisional } else { Carrier::Provisional };
        self.half.exchange.pass(Side::Local, carrier, true).ok()?;
        let tag = self.leg.tag.as_bytes();
        let response = wire::response(context.house, &self.leg.invite, 183, Some(tag))
            .header(Name::Contact, context.house.contact(&self.half.flow).as_str())
            .header(Name::Allow, ALLOW)
            .body(wire::SDP, &body);
        let (transaction, now) = (self.leg.transaction, context.now.instant);
        if is_reliable {
            context.endpoint.respond_reliably(transaction, response, now).ok()?;
        } else {
            context.endpoint.respond(transaction, &response, now);
        }
        let agreed = self.half.said.agreed(&offer);
        for (at, (line, agreed)) in offer.lines().iter().zip(&agreed).enumerate() {
            if let Some(mut remote) = line.remote(agreed, false) {
                remote.speech = agreed.speech(agreed, Bridge::Transcode);
                self.streams.reach(ports, at, End::Caller, (remote, agreed.crypto.clone()));
                self.streams.hear(ports, (at, End::Caller), hears, context.house);
            }
        }
        metrics::counter!("carillon_calls_announced_total", "cause" => self.verdict.cause.word())
            .increment(1);
        Some(())
    }

    fn finish(&mut self, status: u16, context: &mut Context<'_>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.half.dialog.terminate();
        self.streams.close(&*context.house.ports);
        refuse(&self.leg, status, context);
    }

    /// The caller gives up, or acknowledges the 183.
    pub(crate) fn handle_event(&mut self, event: Event, context: &mut Context<'_>) {
        match event {
            Event::Cancelled { transaction, .. } if self.is_of(transaction) => self.finish(487, context),
            Event::NoPrack { transaction } if self.is_of(transaction) => self.finish(504, context),
            Event::Prack { transaction, request, .. } => {
                let response = wire::response(context.house, &request, 200, None).finish();
                context.endpoint.respond(transaction, &response, context.now.instant);
            }
            Event::Request { transaction, request, .. } => {
                wire::refuse(context, transaction, &request, 481);
            }
            _ => {}
        }
    }

    fn is_of(&self, transaction: ServerTransaction) -> bool {
        self.leg.transaction == transaction
    }

    /// The sound is over, or the server ends.
    pub(crate) fn give_up(&mut self, context: &mut Context<'_>) {
        self.finish(self.verdict.status, context);
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        if self.until <= context.now.instant {
            self.give_up(context);
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        (!self.over).then_some(self.until)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.over
    }

    pub(crate) fn forget(&self, index: &mut Index) {
        index.forget_dialog(&self.leg.call_id, self.id);
        index.servers.remove(&self.leg.transaction);
    }
}

fn refuse(leg: &CallerLeg, status: u16, context: &mut Context<'_>) {
    wire::refuse_with_tag(context, leg.transaction, &leg.invite, status, leg.tag.as_bytes());
}
