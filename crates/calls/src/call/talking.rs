//! A call within its dialogs: changes of the session, hold, INFO, BYE, from either end to the other.

use bytes::Bytes;
use sip::endpoint::{ClientTransaction, ServerTransaction};
use sip::session_timer::{Answer, SessionTimer};
use sip::{Method, Name, Request, Response};

use super::describe::Description;
use super::house::Context;
use super::incoming::{policy, timer_offer, too_small};
use super::join::Change;
use super::outcome::Failure;
use super::pair::{AckOwed, TRANSITS_MAX, Transit};
use super::session::{finish, timer_headers};
use super::{ALLOW, Call, End, Phase, Purpose, wire};
use crate::features::{music, transfer};
use crate::offer::{Carrier, Meaning, Side};
use crate::snapshot::{Cause, Event};

impl Call {
    /// A request within a dialog, in order.
    pub(super) fn handle_within(
        &mut self,
        pair: usize,
        end: End,
        transaction: ServerTransaction,
        request: Request,
        context: &mut Context<'_>,
    ) {
        match request.method() {
            Method::Bye => self.hung_up(pair, end, transaction, &request, context),
            _ if self.phase == Phase::Over => wire::refuse(context, transaction, &request, 481),
            // Its partner is at another call, and comes back or stays there in a moment.
            _ if matches!(self.change, Some(Change::Lent)) => {
                wire::refuse(context, transaction, &request, 491)
            }
            Method::Refer => transfer::refer(self, (pair, end), transaction, &request, context),
            Method::Invite => self.offered(pair, end, transaction, request, Carrier::Invite, context),
            Method::Update => self.offered(pair, end, transaction, request, Carrier::Update, context),
            Method::Info => self.pass_info_on(pair, end, transaction, request, context),
            Method::Options => {
                let response = wire::response(context.house, &request, 200, None)
                    .header(Name::Allow, ALLOW)
                    .header(Name::Accept, wire::SDP)
                    .header(Name::Supported, "timer, 100rel");
                context.endpoint.respond(transaction, &response.finish(), context.now.instant);
            }
            method => wire::refuse(context, transaction, &request, wire::status_of_unserved(method)),
        }
    }

    /// One end hangs up.
    fn hung_up(
        &mut self,
        pair: usize,
        end: End,
        transaction: ServerTransaction,
        request: &Request,
        context: &mut Context<'_>,
    ) {
        let response = wire::response(context.house, request, 200, None).finish();
        context.endpoint.respond(transaction, &response, context.now.instant);
        self.pairs[pair].half_mut(end).dialog.terminate();
        self.view.hung_up_by(self.pairs[pair].half(end).connection);
        self.refuse_transits(pair, 487, context);
        if self.phase == Phase::Answered(pair) && self.goes_on_without(pair, end, context) {
            return;
        }
        match (self.phase, end) {
            (Phase::Answered(talking), _) if talking == pair => {
                self.bye(pair, end.other(), context);
                self.over(Event::ConnectionCleared, Cause::NormalClearing, context);
            }
            // RFC 3261 §15: a caller may end an early dialog by BYE; the others of the call end with it.
            (Phase::Ringing, End::Caller) => self.caller_gives_up(context),
            (Phase::Ringing, End::Callee) => {
                let Some(branch) = self.pairs[pair].branch else { return };
                if let Some(invite) = self.branches[branch].transaction {
                    context.endpoint.cancel(invite, context.now.instant).ok();
                }
                self.branch_failed(branch, Failure::Status(480), context);
            }
            _ => {}
        }
    }

    /// One end wants to change (or refresh) the session: by INVITE, UPDATE or PRACK.
    pub(super) fn offered(
        &mut self,
        pair: usize,
        from: End,
        transaction: ServerTransaction,
        request: Request,
        carrier: Carrier,
        context: &mut Context<'_>,
    ) {
        let Ok(described) = wire::is_described(request.headers(), request.body()) else {
            return wire::refuse(context, transaction, &request, 415);
        };
        if let Ok(offer) = timer_offer(request.headers())
            && let Answer::IntervalTooSmall { min_se } = policy(context).answer(&offer)
        {
            return too_small(transaction, &request, min_se, context);
        }
        let held_by_other = self.pairs[pair].half(from.other()).held;
        let half = self.pairs[pair].half_mut(from);
        if let Err(refusal) = half.exchange.pass(Side::Remote, carrier, described) {
            return wire::refuse_offer(context, transaction, &request, refusal);
        }
        if carrier == Carrier::Update && !described {
            // A refresh that changes nothing concerns only this end (RFC 4028 §7.4).
            return self.accept_change(
                pair,
                from,
                &Asked { transaction, request: &request, carrier },
                None,
                context,
            );
        }
        let offer = match described.then(|| half.read(request.body())) {
            None => None,
            Some(Ok(offer)) if offer.has_media_for_us() => Some(offer),
            Some(outcome) => {
                half.exchange.refused(carrier);
                return wire::refuse(context, transaction, &request, if outcome.is_ok() { 488 } else { 400 });
            }
        };
        let again = offer.as_ref().zip(half.heard.as_ref()).is_some_and(|(new, old)| new.is_same(old));
        if again && half.said.body().is_some() {
            let body = half.said.body().cloned();
            return self.accept_change(
                pair,
                from,
                &Asked { transaction, request: &request, carrier },
                body,
                context,
            );
        }
        if held_by_other {
            // An application holds the call for the other phone, which would only wonder.
            self.pairs[pair].half_mut(from).exchange.refused(carrier);
            return wire::refuse(context, transaction, &request, 491);
        }
        self.pass_offer_on(
            pair,
            Passed { from, transaction, request, carrier: Some(carrier), sent: None, offer },
            context,
        );
    }

    /// Passes an offer (or an INVITE without one) on to the other end.
    pub(super) fn pass_offer_on(&mut self, pair: usize, passed: Passed, context: &mut Context<'_>) {
        let Passed { from, transaction, request, carrier, offer, .. } = passed;
        let Some(carrier) = carrier else { return };
        let to = from.other();
        let other = self.pairs[pair].half_mut(to);
        // A phone without UPDATE gets an INVITE, once the call is answered.
        let sent = match carrier {
            Carrier::Invite => Carrier::Invite,
            _ if other.allows_update => Carrier::Update,
            _ => Carrier::Invite,
        };
        let outcome = match sent {
            Carrier::Invite if self.phase != Phase::Answered(pair) => Err(488),
            // RFC 3261 §14.2: what crosses a change from the other side gets 491 and is tried again.
            _ => other.exchange.pass(Side::Local, sent, offer.is_some()).map_err(|_| 491),
        };
        let written = outcome.and_then(|_| {
            let told =
                offer.as_ref().map(|offer| music::offer(offer, self.pairs[pair].half(from), context.house));
            let body = told.map(|offer| self.tell(pair, to, &offer, context).ok_or(503)).transpose();
            body.inspect_err(|_| self.pairs[pair].half_mut(to).exchange.refused(sent))
        });
        let body = match written {
            Ok(body) => body,
            Err(status) => {
                self.pairs[pair].half_mut(from).exchange.refused(carrier);
                return wire::refuse(context, transaction, &request, status);
            }
        };
        let method = if sent == Carrier::Invite { Method::Invite } else { Method::Update };
        let other = self.pairs[pair].half_mut(to);
        let builder = other.change(method, context.house);
        let out = match &body {
            Some(body) => builder.body(wire::SDP, body),
            None => builder.finish(),
        };
        let passed = Passed { from, transaction, request, carrier: Some(carrier), sent: Some(sent), offer };
        self.send_on(pair, passed, out, context);
    }

    /// Sends a request on and remembers whose it is.
    pub(super) fn send_on(&mut self, pair: usize, passed: Passed, out: Request, context: &mut Context<'_>) {
        let Passed { from, transaction, request, carrier, sent, offer } = passed;
        let half = self.pairs[pair].half(from.other());
        let (target, cseq) = (half.target(context.house), half.dialog.local_cseq());
        let room = self.pairs[pair].transits.len() < TRANSITS_MAX;
        let client = if room { self.send(out, &target, Purpose::Transit { pair }, context) } else { None };
        let Some(client) = client else {
            self.undo(pair, from, carrier, sent);
            return wire::refuse(context, transaction, &request, 500);
        };
        context.index.servers.insert(transaction, self.id);
        let transit = Transit { from, server: transaction, request, client, cseq, carrier, sent, offer };
        self.pairs[pair].transits.push(transit);
    }

    /// The other end answers a request that was passed on.
    pub(super) fn transit_response(
        &mut self,
        pair: usize,
        client: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        if response.is_provisional() {
            return;
        }
        if !response.is_success() {
            self.transit_failed(pair, client, response.status(), context);
            if matches!(response.status(), 408 | 481) {
                self.lost(pair, context);
            }
            return;
        }
        let Some(transit) = self.pairs[pair].take_transit(client) else { return };
        let to = transit.from.other();
        let half = self.pairs[pair].half_mut(to);
        half.learn(response.headers());
        half.dialog.answered(response).ok();
        half.agree(response.headers(), true, context.now.instant);
        match transit.sent {
            Some(sent) => self.change_answered(pair, transit, sent, response, context),
            None => {
                context.index.servers.remove(&transit.server);
                let answer = wire::response(context.house, &transit.request, response.status(), None);
                let answer = match response.headers().first(Name::ContentType) {
                    Some(kind) => answer.body(&String::from_utf8_lossy(kind), response.body()),
                    None => answer.finish(),
                };
                context.endpoint.respond(transit.server, &answer, context.now.instant);
            }
        }
    }

    /// The other end agrees to a change: its answer (or its offer, to an INVITE without one) goes back.
    fn change_answered(
        &mut self,
        pair: usize,
        transit: Transit,
        sent: Carrier,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        let (from, to) = (transit.from, transit.from.other());
        let described = wire::is_described(response.headers(), response.body()).unwrap_or(false);
        let success = if sent == Carrier::Invite { Carrier::Success } else { Carrier::UpdateSuccess };
        let meaning = self.pairs[pair].half_mut(to).exchange.pass(Side::Remote, success, described);
        let body = match meaning {
            Ok(Meaning::Offer | Meaning::Answer) => {
                if transit.offer.is_some() {
                    self.pairs[pair].half_mut(from).heard.clone_from(&transit.offer);
                }
                self.hear(pair, to, response.body(), context)
            }
            _ => None,
        };
        if sent == Carrier::Invite {
            if meaning == Ok(Meaning::Offer) && body.is_some() {
                self.pairs[pair].ack_owed = Some(AckOwed { to, invite: transit.client, cseq: transit.cseq });
            } else {
                self.acknowledge(pair, to, transit.client, transit.cseq, None, context);
            }
        }
        let carrier = transit.carrier.unwrap_or(sent);
        if body.is_none() {
            // A 2xx without the description that is due, or one that cannot be read: the ends disagree about
            // the session, and only an end of the call is sure to be understood.
            self.undo(pair, from, transit.carrier, Some(sent));
            context.index.servers.remove(&transit.server);
            wire::refuse(context, transit.server, &transit.request, 500);
            return self.end(Cause::IncompatibleDestination, context);
        }
        // A phone that changes its session by itself retrieves what was held for it.
        self.pairs[pair].half_mut(from).held = false;
        if meaning == Ok(Meaning::Answer) {
            self.join(pair, context);
        }
        context.index.servers.remove(&transit.server);
        let asked = Asked { transaction: transit.server, request: &transit.request, carrier };
        self.accept_change(pair, from, &asked, body, context);
        match self.is_arriving() {
            true => self.joined(context),
            false => self.show_hold(pair, from, context),
        }
    }

    /// Answers 200 to a change (or refresh) of one end.
    fn accept_change(
        &mut self,
        pair: usize,
        end: End,
        asked: &Asked<'_>,
        body: Option<Bytes>,
        context: &mut Context<'_>,
    ) {
        let Asked { transaction, request, carrier } = *asked;
        let success = match carrier {
            Carrier::Invite => Carrier::Success,
            Carrier::Prack => Carrier::PrackSuccess,
            _ => Carrier::UpdateSuccess,
        };
        let half = self.pairs[pair].half_mut(end);
        half.exchange.pass(Side::Local, success, body.is_some()).ok();
        if carrier == Carrier::Invite {
            half.dialog.confirm();
        }
        let tag = half.dialog.id().local_tag.clone();
        let mut builder = wire::response(context.house, request, 200, Some(&tag))
            .header(Name::Contact, context.house.contact(&half.flow).as_str())
            .header(Name::Allow, ALLOW);
        // Only INVITE and UPDATE refresh a session (RFC 4028 §7.1).
        if carrier != Carrier::Prack
            && let Ok(offer) = timer_offer(request.headers())
            && let Answer::Timer { session_expires, require } = policy(context).answer(&offer)
        {
            half.timer = Some(SessionTimer::start(session_expires, false, context.now.instant));
            builder = timer_headers(builder, session_expires, require);
        }
        if carrier == Carrier::Invite {
            half.awaiting_ack = Some(transaction);
            context.index.servers.insert(transaction, self.id);
        }
        context.endpoint.respond(transaction, &finish(builder, body.as_ref()), context.now.instant);
    }

    /// The other end refused what was passed on, or did not answer.
    pub(super) fn transit_failed(
        &mut self,
        pair: usize,
        client: ClientTransaction,
        status: u16,
        context: &mut Context<'_>,
    ) {
        let Some(transit) = self.pairs[pair].take_transit(client) else { return };
        self.undo(pair, transit.from, transit.carrier, transit.sent);
        context.index.servers.remove(&transit.server);
        let status = match status {
            // A phone's challenge is between it and us.
            300..=399 | 401 | 407 => 500,
            status => status,
        };
        self.refuse_transit(pair, &transit, status, context);
        if self.is_arriving() {
            self.join_failed(Failure::Status(status).verdict(), context);
        }
    }

    /// Refuses a request that was passed on; an INVITE that began a dialog ends it so.
    fn refuse_transit(&mut self, pair: usize, transit: &Transit, status: u16, context: &mut Context<'_>) {
        let half = self.pairs[pair].half_mut(transit.from);
        let tag = half.dialog.id().local_tag.clone();
        if transit.request.headers().to_tag().is_none() {
            half.dialog.terminate();
        }
        wire::refuse_with_tag(context, transit.server, &transit.request, status, &tag);
    }

    /// A change did not happen: both tables forget its offer.
    fn undo(&mut self, pair: usize, from: End, carrier: Option<Carrier>, sent: Option<Carrier>) {
        if let Some(carrier) = carrier {
            self.pairs[pair].half_mut(from).exchange.refused(carrier);
        }
        if let Some(sent) = sent {
            self.pairs[pair].half_mut(from.other()).exchange.refused(sent);
        }
    }

    /// Whoever changed the session gives up (CANCEL of a re-INVITE): the other end is asked to stop, and its
    /// final answer, whatever it is, goes back, so that both ends agree on what holds.
    pub(super) fn transit_cancelled(&mut self, server: ServerTransaction, context: &mut Context<'_>) {
        let transits = self.pairs.iter().flat_map(|pair| &pair.transits);
        if let Some(transit) = transits.into_iter().find(|transit| transit.server == server) {
            context.endpoint.cancel(transit.client, context.now.instant).ok();
        }
    }

    /// Answers all requests of a pair that still wait.
    pub(super) fn refuse_transits(&mut self, pair: usize, status: u16, context: &mut Context<'_>) {
        for transit in std::mem::take(&mut self.pairs[pair].transits) {
            context.index.servers.remove(&transit.server);
            self.refuse_transit(pair, &transit, status, context);
        }
    }

    /// An end acknowledges our 2xx, perhaps with the answer that the other end waits for.
    pub(crate) fn acknowledged(
        &mut self,
        server: ServerTransaction,
        request: &Request,
        context: &mut Context<'_>,
    ) {
        context.index.servers.remove(&server);
        let Some((pair, end)) = self.awaiting(server) else { return };
        let half = self.pairs[pair].half_mut(end);
        half.awaiting_ack = None;
        let described = wire::is_described(request.headers(), request.body()).unwrap_or(false);
        let meaning = half.exchange.pass(Side::Remote, Carrier::Ack, described);
        if std::mem::take(&mut self.pairs[pair].bye_owed) {
            return self.bye(pair, end, context);
        }
        let answer = match meaning {
            Ok(Meaning::Answer) => self.hear(pair, end, request.body(), context),
            _ => None,
        };
        if let Some(owed) = self.pairs[pair].ack_owed.take() {
            self.acknowledge(pair, owed.to, owed.invite, owed.cseq, answer.as_ref(), context);
            if answer.is_none() {
                // Whoever got an ACK without the answer that is due knows no session; the call ends, if it has not.
                return self.end(Cause::IncompatibleDestination, context);
            }
            self.join(pair, context);
            self.show_hold(pair, end.other(), context);
        }
    }

    /// Our 2xx was never acknowledged (RFC 3261 §13.3.1.4: "the session SHOULD be terminated").
    pub(crate) fn never_acknowledged(&mut self, server: ServerTransaction, context: &mut Context<'_>) {
        context.index.servers.remove(&server);
        let Some((pair, end)) = self.awaiting(server) else { return };
        self.pairs[pair].half_mut(end).awaiting_ack = None;
        if std::mem::take(&mut self.pairs[pair].bye_owed) {
            return self.bye(pair, end, context);
        }
        self.lost(pair, context);
    }

    fn awaiting(&self, server: ServerTransaction) -> Option<(usize, End)> {
        let ends = [End::Caller, End::Callee];
        let places = (0..self.pairs.len()).flat_map(|pair| ends.map(|end| (pair, end)));
        places.into_iter().find(|(pair, end)| self.pairs[*pair].half(*end).awaiting_ack == Some(server))
    }
}

/// A change that one end asked for, to be answered.
struct Asked<'a> {
    transaction: ServerTransaction,
    request: &'a Request,
    carrier: Carrier,
}

/// A request that is passed on to the other end.
pub(super) struct Passed {
    pub from: End,
    pub transaction: ServerTransaction,
    pub request: Request,
    pub carrier: Option<Carrier>,
    pub sent: Option<Carrier>,
    pub offer: Option<Description>,
}
