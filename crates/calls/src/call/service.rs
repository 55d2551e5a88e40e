//! Calls that this server answers itself: a phone, and one of our services behind the media port.

use bytes::Bytes;
use media::{Region, Signal, Tone};
use sip::dialog::{Dialog, State};
use sip::endpoint::{ClientTransaction, ServerTransaction};
use sip::sdp::Direction;
use sip::session_timer::{Answer, Due, SessionTimer};
use sip::{Method, Name, Request, Response, ResponseBuilder};
use std::time::{Duration, Instant};

use super::codecs::Bridge;
use super::describe::{Description, Lines, Said};
use super::half::Half;
use super::house::{Context, Index};
use super::incoming::{CallerLeg, policy, timer_offer, too_small};
use super::letter::{Fetch, Letter, Unlent};
use super::own_offer::composed_offer;
use super::session::{finish, timer_headers};
use super::streams::Streams;
use super::{ALLOW, End, view, wire};
use crate::features::attendant::Talk;
use crate::features::conference::{Door, Seat, door_tone};
use crate::features::queue::Stand;
use crate::offer::{Carrier, Meaning, Side};
use crate::place::Caller;
use crate::snapshot::{CallId, Cause, ConnectionState, Event, MediaUse};

/// What the phone hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Plays {
    /// Its own sound.
    Echo,
    /// A tone that says that it is done; then the call ends.
    Confirmation,
    /// The tone of a phone that rings elsewhere.
    Ringback,
    /// Nothing: another phone is on its way to it.
    Silence,
    /// Music: it waits for a longer time.
    Music,
    /// The others of a conference.
    Conference(Seat),
    /// The tone that asks for the PIN of a conference.
    Door(Door),
    /// A menu.
    Attendant(Box<Talk>),
    /// What is heard in a queue.
    Queue(Box<Stand>),
}

/// How long a confirmation is heard.
const CONFIRMATION: Duration = Duration::from_secs(2);

/// What a phone that is alone waits for.
#[derive(Debug)]
pub(crate) enum Waits {
    /// Phones that are rung for it; who is rung once more when none answers.
    Target { attempt: Option<CallId>, transferor: Option<Caller> },
    /// It goes to this call as soon as it has acknowledged our answer.
    Promised(Box<Fetch>),
    /// It is parked at a slot; the line that parked it is rung at times.
    Parked { slot: String, by: Caller, recall_at: Instant, attempt: Option<CallId> },
    /// It is on loan to another call.
    Lent,
}

/// A call between a phone and a service.
#[derive(Debug)]
pub(crate) struct ServiceCall {
    pub(crate) id: CallId,
    pub(super) half: Half,
    pub(crate) plays: Plays,
    /// What it waits for, if it waits.
    pub(super) waits: Option<Waits>,
    /// The INVITE that was answered after it had rung elsewhere, until its ACK has come.
    pub(super) invite: Option<Request>,
    pub(super) streams: Streams,
    pub(super) view: view::View,
    pub(super) ends_at: Instant,
    pub(super) requests: Vec<(ClientTransaction, Method)>,
    /// When it is asked for a session once more: see `asking`.
    pub(super) ask_again: Option<Instant>,
    pub(super) over: bool,
    pub(super) bye_owed: bool,
}

impl ServiceCall {
    /// Answers a caller; `None` when it was refused.
    pub(crate) fn answer(
        leg: CallerLeg,
        view: view::View,
        (plays, number): (Plays, Option<&str>),
        id: CallId,
        context: &mut Context<'_>,
    ) -> Option<Box<Self>> {
        let (transaction, invite) = (leg.transaction, leg.invite);
        let Ok(mut dialog) = Dialog::uas(&invite, leg.tag.as_bytes(), State::Early) else {
            wire::refuse(context, transaction, &invite, 400);
            return None;
        };
        dialog.confirm();
        let length = match plays {
            Plays::Confirmation => CONFIRMATION,
            _ => context.house.limits.call_length_max,
        };
        let said = Said::new(u64::from_str_radix(&leg.tag, 16).unwrap_or(id.0), leg.secrecy);
        let mut call = Box::new(Self {
            id,
            half: Half::new(dialog, leg.flow, leg.exchange, said, invite.headers()),
            plays,
            waits: None,
            invite: None,
            streams: Streams::new(id.0),
            view,
            ends_at: context.now.instant + length,
            requests: Vec::new(),
            ask_again: None,
            over: false,
            bye_owed: false,
        });
        call.half.outside = leg.outside;
        let Some(body) = call.describe(leg.offer, context) else {
            call.leave_seat(context);
            call.streams.close(&*context.house.ports);
            wire::refuse_with_tag(context, transaction, &invite, 503, leg.tag.as_bytes());
            return None;
        };
        context.index.dialogs.begin(&leg.call_id, super::incoming::their_tag(&invite), id);
        if let Some(number) = number {
            call.view.add_service(number, context.now.civil);
        }
        call.view.set(0, ConnectionState::Connected, context.now.civil);
        call.view.mark_answered(context.now.civil);
        let ids = call.half.dialog_ids();
        call.view.set_dialog(0, ids);
        call.accept(transaction, &invite, Carrier::Success, Some(&body), context);
        call.view.publish(Event::Established, Cause::NormalClearing, &context.house.lines, context.now.civil);
        metrics::counter!("carillon_calls_started_total").increment(1);
        metrics::counter!("carillon_calls_answered_total").increment(1);
        Some(call)
    }

    /// A request within the dialog.
    pub(crate) fn handle_request(
        &mut self,
        transaction: ServerTransaction,
        request: &Request,
        flow: sip::endpoint::Flow,
        context: &mut Context<'_>,
    ) {
        if !self.half.is_dialog_of(request) {
            return wire::refuse(context, transaction, request, 481);
        }
        if let Err(status) = self.half.take(request, flow) {
            return wire::refuse(context, transaction, request, status);
        }
        match request.method() {
            Method::Bye => {
                let response = wire::response(context.house, request, 200, None).finish();
                context.endpoint.respond(transaction, &response, context.now.instant);
                self.half.dialog.terminate();
                self.view.hung_up_by(self.half.connection);
                self.clear(Cause::NormalClearing, context);
            }
            _ if self.over => wire::refuse(context, transaction, request, 481),
            Method::Invite => self.change(transaction, request, Carrier::Invite, context),
            Method::Update => self.change(transaction, request, Carrier::Update, context),
            // Mostly nobody here listens to digits; they are taken all the same, so that the phone does not complain.
            Method::Info | Method::Options => {
                if let Some(key) = wire::key(request) {
                    self.key(key, context);
                }
                let response = wire::response(context.house, request, 200, None).header(Name::Allow, ALLOW);
                context.endpoint.respond(transaction, &response.finish(), context.now.instant);
            }
            method => wire::refuse(context, transaction, request, wire::status_of_unserved(method)),
        }
    }

    /// The phone changes or refreshes the session.
    fn change(
        &mut self,
        transaction: ServerTransaction,
        request: &Request,
        carrier: Carrier,
        context: &mut Context<'_>,
    ) {
        let Ok(described) = wire::is_described(request.headers(), request.body()) else {
            return wire::refuse(context, transaction, request, 415);
        };
        if let Ok(offer) = timer_offer(request.headers())
            && let Answer::IntervalTooSmall { min_se } = policy(context).answer(&offer)
        {
            return too_small(transaction, request, min_se, context);
        }
        if let Err(refusal) = self.half.exchange.pass(Side::Remote, carrier, described) {
            return wire::refuse_offer(context, transaction, request, refusal);
        }
        let success = if carrier == Carrier::Invite { Carrier::Success } else { Carrier::UpdateSuccess };
        if carrier == Carrier::Update && !described {
            return self.accept(transaction, request, success, None, context);
        }
        let offer = match described.then(|| self.half.read(request.body())) {
            None => None,
            Some(Ok(offer)) if offer.has_media_for_us() => Some(offer),
            Some(outcome) => {
                self.half.exchange.refused(carrier);
                return wire::refuse(context, transaction, request, if outcome.is_ok() { 488 } else { 400 });
            }
        };
        match self.describe(offer, context) {
            Some(body) => self.accept(transaction, request, success, Some(&body), context),
            None => {
                self.half.exchange.refused(carrier);
                wire::refuse(context, transaction, request, 503);
            }
        }
    }

    /// Our answer to an offer or, without one, our own offer.
    fn describe(&mut self, offer: Option<Description>, context: &Context<'_>) -> Option<Bytes> {
        let ports = &*context.house.ports;
        let address = self.half.media_address(context.house);
        let offer = match (offer, &self.plays) {
            // What only passes on codecs that it does not speak cannot mix them.
            (Some(offer), Plays::Conference(_) | Plays::Door(_) | Plays::Attendant(_) | Plays::Queue(_)) => {
                Some(offer.spoken_only()?)
            }
            (offer, _) => offer,
        };
        let description = match &offer {
            Some(offer) => {
                let inactive = self.plays == Plays::Silence;
                offer.answered(if inactive { Direction::Inactive } else { Direction::SendRecv })
            }
            None => composed_offer(address, self.half.whereabouts()),
        };
        let lines = match &offer {
            Some(offer) => Lines::Answer(offer),
            None => Lines::Offer(self.half.heard.as_ref()),
        };
        let streams = &mut self.streams;
        let body = self
            .half
            .said
            .write(&description, address, lines, |at, kind| streams.port(ports, at, kind, End::Caller))?;
        if offer.is_some() {
            self.half.heard = offer;
            self.serve(context);
        }
        Some(body)
    }

    /// Starts the service on all lines that the phone described.
    pub(crate) fn serve(&mut self, context: &Context<'_>) {
        let Some(heard) = &self.half.heard else { return };
        let ports = &*context.house.ports;
        let with_video = heard.has_video_with(heard);
        let agreed = self.half.said.agreed(heard);
        let mut media = MediaUse::default();
        for (agreed, line) in agreed.iter().zip(heard.lines()) {
            media.note(line.kind, agreed, Bridge::Relay);
        }
        for (at, line) in heard.lines().iter().enumerate() {
            let Some(agreed) = agreed.get(at).filter(|agreed| !agreed.is_too_open) else { continue };
            if let Some(mut remote) = line.remote(agreed, with_video) {
                let spoken = heard.spoken().filter(|(line, _)| *line == at);
                remote.speech = agreed.speech(agreed, Bridge::Transcode);
                remote.speech.keys_in_sound =
                    matches!(self.plays, Plays::Door(_)) && agreed.events_from_phone().is_none();
                self.streams.reach(ports, at, End::Caller, (remote, agreed.crypto.clone()));
                match (&self.plays, spoken) {
                    (Plays::Echo, _) => self.streams.echo(ports, at, End::Caller),
                    (Plays::Ringback, Some(_)) => {
                        let tone = Tone::of(Signal::RingBack, Region::International);
                        self.streams.tone(ports, at, End::Caller, tone);
                    }
                    (Plays::Music, Some(_)) => {
                        if let Some(music) = &context.house.reception.music {
                            self.streams.music(ports, at, End::Caller, music);
                        }
                    }
                    (Plays::Attendant(talk), Some(_)) => {
                        self.streams.hear(ports, (at, End::Caller), &talk.hears, context.house);
                    }
                    (Plays::Queue(stand), Some(_)) => {
                        self.streams.hear(ports, (at, End::Caller), &stand.hears, context.house);
                    }
                    (Plays::Door(_), Some(_)) => self.streams.tone(ports, at, End::Caller, door_tone()),
                    (Plays::Conference(seat), Some(_)) => {
                        if let Some(port) = self.streams.opened(at, End::Caller) {
                            ports.command(seat.take(port, line));
                        }
                    }
                    (Plays::Confirmation, Some(_)) => {
                        let tone = Tone::of(Signal::Beep, Region::International);
                        self.streams.tone(ports, at, End::Caller, tone);
                    }
                    _ => {}
                }
            }
        }
        let ports = self.streams.ports_of(End::Caller);
        self.view.speaks(self.half.connection, MediaUse { ports, ..media });
    }

    fn accept(
        &mut self,
        transaction: ServerTransaction,
        request: &Request,
        success: Carrier,
        body: Option<&Bytes>,
        context: &mut Context<'_>,
    ) {
        self.half.exchange.pass(Side::Local, success, body.is_some()).ok();
        let tag = self.half.dialog.id().local_tag.clone();
        let mut builder: ResponseBuilder = wire::response(context.house, request, 200, Some(&tag))
            .header(Name::Contact, context.house.contact(&self.half.flow).as_str())
            .header(Name::Allow, ALLOW);
        if let Ok(offer) = timer_offer(request.headers())
            && let Answer::Timer { session_expires, require } = policy(context).answer(&offer)
        {
            self.half.timer = Some(SessionTimer::start(session_expires, false, context.now.instant));
            builder = timer_headers(builder, session_expires, require);
        }
        if success == Carrier::Success {
            self.half.awaiting_ack = Some(transaction);
            context.index.servers.insert(transaction, self.id);
        }
        context.endpoint.respond(transaction, &finish(builder, body), context.now.instant);
    }

    /// The phone acknowledges our 2xx.
    pub(crate) fn acknowledged(
        &mut self,
        server: ServerTransaction,
        request: &Request,
        context: &mut Context<'_>,
    ) {
        context.index.servers.remove(&server);
        self.half.awaiting_ack = None;
        self.invite = None;
        if std::mem::take(&mut self.bye_owed) {
            return self.bye(context);
        }
        let described = wire::is_described(request.headers(), request.body()).unwrap_or(false);
        match self.half.exchange.pass(Side::Remote, Carrier::Ack, described) {
            Ok(Meaning::Answer) => match self.half.read(request.body()) {
                Ok(answer) => {
                    self.half.heard = Some(answer);
                    self.serve(context);
                }
                Err(_) => self.end(Cause::IncompatibleDestination, context),
            },
            Ok(_) => {}
            Err(_) => self.end(Cause::IncompatibleDestination, context),
        }
        if let Some(Waits::Promised(fetch)) = self.waits.take_if(|waits| matches!(waits, Waits::Promised(_)))
        {
            let loan = self.lend(context).ok_or(Unlent::Ended);
            if let Ok(loan) = &loan {
                context.index.dialogs.remove(&loan.leg.half.dialog.id().call_id, self.id);
            }
            context.index.letters.push_back(Letter::Fetched { to: fetch.by, loan: loan.map(Box::new) });
        }
    }

    /// Our 2xx was never acknowledged.
    pub(crate) fn never_acknowledged(&mut self, server: ServerTransaction, context: &mut Context<'_>) {
        context.index.servers.remove(&server);
        self.half.awaiting_ack = None;
        self.bye_owed = false;
        self.end(Cause::NetworkSignalLost, context);
    }

    /// A response to our refresh or BYE.
    pub(crate) fn handle_response(
        &mut self,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        if response.is_provisional() {
            return;
        }
        let Some(place) = self.requests.iter().position(|(known, _)| *known == transaction) else { return };
        let (_, method) = self.requests.swap_remove(place);
        context.index.clients.remove(&transaction);
        if matches!(response.status(), 401 | 407)
            && self.answers_challenge(transaction, method.clone(), response, context)
        {
            return;
        }
        match method {
            Method::Invite => return self.asked(transaction, response, context),
            Method::Update => {}
            _ => return,
        }
        self.half.dialog.answered(response).ok();
        match response.status() {
            200..=299 => self.half.agree(response.headers(), true, context.now.instant),
            408 | 481 => self.end(Cause::NetworkSignalLost, context),
            // Whoever knows no UPDATE is not asked again: the call ends when its phone or its length says so.
            _ => self.half.timer = None,
        }
    }

    /// A request of ours got no answer.
    pub(crate) fn handle_failure(&mut self, transaction: ClientTransaction, context: &mut Context<'_>) {
        self.requests.retain(|(known, _)| *known != transaction);
        context.index.clients.remove(&transaction);
        self.end(Cause::NetworkSignalLost, context);
    }

    /// Fires what is due.
    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        let now = context.now.instant;
        if self.over {
            return;
        }
        if self.ends_at <= now {
            let is_done = self.plays == Plays::Confirmation;
            let cause = if is_done { Cause::NormalClearing } else { self.half.cause_of_length() };
            return self.end(cause, context);
        }
        if let Some(Waits::Parked { recall_at, .. }) = &self.waits
            && *recall_at <= now
        {
            self.recall(context);
        }
        if self.ask_again.is_some_and(|at| at <= now) {
            self.ask_anew(context);
        }
        self.pilot_timeout(context);
        if self.over {
            return;
        }
        match self.half.timer.as_mut().and_then(|timer| timer.due(now)) {
            Some(Due::Expired) => self.end(Cause::NetworkSignalLost, context),
            Some(Due::Refresh) => {
                let Some(timer) = self.half.timer else { return };
                let request = self
                    .half
                    .request(Method::Update, context.house)
                    .header(Name::SessionExpires, &timer.next_offer(true))
                    .finish();
                self.send(request, Method::Update, context);
            }
            None => {}
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        let recall = match &self.waits {
            Some(Waits::Parked { recall_at, attempt: None, .. }) => Some(*recall_at),
            _ => None,
        };
        let pilot = self.pilot_due();
        [Some(self.ends_at), self.half.next_timeout(), recall, self.ask_again, pilot]
            .into_iter()
            .flatten()
            .min()
    }

    /// Ends the call by itself.
    pub(crate) fn end(&mut self, cause: Cause, context: &mut Context<'_>) {
        if self.half.awaiting_ack.is_some() {
            self.bye_owed = true;
        } else {
            self.bye(context);
        }
        self.clear(cause, context);
    }

    fn bye(&mut self, context: &mut Context<'_>) {
        if self.half.dialog.state() == State::Terminated {
            return;
        }
        let request = self.half.request(Method::Bye, context.house).finish();
        self.half.dialog.terminate();
        self.send(request, Method::Bye, context);
    }

    pub(super) fn send(&mut self, request: Request, method: Method, context: &mut Context<'_>) {
        let target = self.half.target(context.house);
        if let Some(transaction) = self.send_outside(&request, (&target, 0), context) {
            self.requests.push((transaction, method));
            context.index.clients.insert(transaction, self.id);
        }
    }

    pub(super) fn clear(&mut self, cause: Cause, context: &mut Context<'_>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        self.leave_slot(context);
        match self.waits.take() {
            Some(Waits::Target { attempt: Some(attempt), .. }) => {
                context.index.letters.push_back(Letter::GiveUp { attempt });
            }
            Some(Waits::Promised(fetch)) => {
                let loan = Err(Unlent::Ended);
                context.index.letters.push_back(Letter::Fetched { to: fetch.by, loan });
            }
            _ => {}
        }
        self.streams.close(&*context.house.ports);
        self.view.clear(context.now.civil);
        self.view.publish(Event::ConnectionCleared, cause, &context.house.lines, context.now.civil);
        metrics::counter!("carillon_calls_ended_total", "cause" => cause.word()).increment(1);
    }

    /// Nothing more can come.
    pub(crate) fn is_done(&self) -> bool {
        let answers_due = self.requests.iter().any(|(_, method)| *method == Method::Bye);
        self.over && !self.bye_owed && !answers_due
    }

    pub(crate) fn forget(&self, index: &mut Index) {
        index.forget_dialog(&self.half.dialog.id().call_id, self.id);
        for (transaction, _) in &self.requests {
            index.clients.remove(transaction);
        }
        if let Some(server) = self.half.awaiting_ack {
            index.servers.remove(&server);
        }
    }
}
