//! Reliable provisional responses of a call (RFC 3262), from the called phone to the caller and back.

use bytes::Bytes;
use sip::endpoint::{Flow, ServerTransaction};
use sip::{Name, Request, Response};

use super::house::Context;
use super::outcome::Verdict;
use super::pair::Pair;
use super::{Call, End, Phase, Purpose, wire};
use crate::offer::{Carrier, Meaning, Side};
use crate::snapshot::{Cause, Event};

impl Call {
    /// Acknowledges a reliable provisional response (RFC 3262 §4), with the answer to its offer if it had one.
    pub(super) fn prack(
        &mut self,
        pair: usize,
        response: &Response,
        answer: Option<&Bytes>,
        context: &mut Context<'_>,
    ) {
        let callee = self.pairs[pair].half_mut(End::Callee);
        let Some(builder) = callee.dialog.prack(response) else { return };
        if callee.exchange.pass(Side::Local, Carrier::Prack, answer.is_some()).is_err() {
            tracing::debug!(call = %self.id, "a PRACK without the answer that is due");
        }
        let builder = builder.header(Name::UserAgent, &context.house.product);
        let request = match answer {
            Some(body) => builder.body(wire::SDP, body),
            None => builder.finish(),
        };
        let target = callee.target(context.house);
        self.send(request, &target, Purpose::Prack { pair }, context);
    }

    /// The caller acknowledges a reliable provisional response, perhaps with an answer or a new offer.
    pub(crate) fn caller_pracks(
        &mut self,
        transaction: ServerTransaction,
        request: Request,
        flow: Flow,
        context: &mut Context<'_>,
    ) {
        let Some((pair, End::Caller)) = self.pair_of(&request) else {
            return wire::refuse(context, transaction, &request, 481);
        };
        let caller = self.pairs[pair].half_mut(End::Caller);
        if let Err(status) = caller.take(&request, flow) {
            return wire::refuse(context, transaction, &request, status);
        }
        let Ok(described) = wire::is_described(request.headers(), request.body()) else {
            return wire::refuse(context, transaction, &request, 415);
        };
        let mut table = caller.exchange;
        match table.pass(Side::Remote, Carrier::Prack, described) {
            Ok(Meaning::Offer) => {
                return self.offered(pair, End::Caller, transaction, request, Carrier::Prack, context);
            }
            Ok(Meaning::Answer) => {
                self.pairs[pair].half_mut(End::Caller).exchange = table;
                let answer = self.hear(pair, End::Caller, request.body(), context);
                if let Some(response) = self.pairs[pair].prack_owed.take() {
                    self.prack(pair, &response, answer.as_ref(), context);
                }
                self.join(pair, context);
            }
            Ok(_) => self.pairs[pair].half_mut(End::Caller).exchange = table,
            Err(refusal) => return wire::refuse_offer(context, transaction, &request, refusal),
        }
        let response = wire::response(context.house, &request, 200, None).finish();
        context.endpoint.respond(transaction, &response, context.now.instant);
    }

    /// A reliable provisional response never got its PRACK (RFC 3262 §3: "the UAS SHOULD reject the original
    /// request with a 5xx").
    pub(crate) fn caller_never_pracked(&mut self, context: &mut Context<'_>) {
        let verdict = Verdict { status: 504, cause: Cause::NetworkSignalLost };
        if self.phase == Phase::Ringing {
            self.cancel_branches(None, context);
            self.refuse_caller(verdict, context);
        } else {
            self.withdraw_answer(verdict, context);
        }
    }

    /// Takes back a 2xx that never went out, for it waited for the caller's PRACK (RFC 3262 §3): the caller is
    /// refused after all, and the phone that answered is hung up on.
    pub(super) fn withdraw_answer(&mut self, verdict: Verdict, context: &mut Context<'_>) {
        let Some(asker) = &self.caller else { return };
        let (transaction, invite) = (asker.transaction, asker.invite.clone());
        let waits = |pair: &Pair| pair.half(End::Caller).awaiting_ack == Some(transaction);
        let Some(pair) = self.pairs.iter().position(waits) else { return };
        let caller = self.pairs[pair].half_mut(End::Caller);
        caller.awaiting_ack = None;
        caller.dialog.terminate();
        let tag = caller.dialog.id().local_tag.clone();
        self.pairs[pair].bye_owed = false;
        wire::refuse_with_tag(context, transaction, &invite, verdict.status, &tag);
        self.bye(pair, End::Callee, context);
        self.over(Event::ConnectionCleared, verdict.cause, context);
    }
}
