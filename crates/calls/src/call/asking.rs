//! A phone that is alone with the server is asked for another session: sound both ways, in a codec that is spoken here.
//! What it had with somebody else before may have been on hold, or in a codec that is only passed on.

use std::time::{Duration, Instant};

use sip::endpoint::ClientTransaction;
use sip::sdp::Direction;
use sip::{Method, Response};

use super::describe::Lines;
use super::house::Context;
use super::own_offer::composed_offer;
use super::service::ServiceCall;
use super::{End, wire};
use crate::offer::{Carrier, Meaning, Side};
use crate::snapshot::Cause;

/// How long it waits when the phone has just asked for something itself (RFC 3261 §14.1).
const AGAIN: Duration = Duration::from_millis(2_100);

impl ServiceCall {
    /// Offers the phone a session with us.
    pub(crate) fn ask_anew(&mut self, context: &mut Context<'_>) {
        self.ask_again = None;
        let ports = &*context.house.ports;
        let address = self.half.media_address(context.house);
        let spoken = self.half.heard.as_ref().and_then(|heard| heard.spoken_only());
        let offer = match spoken {
            Some(spoken) => spoken.directed(Direction::SendRecv),
            None => composed_offer(address, self.half.whereabouts()),
        };
        if self.half.exchange.pass(Side::Local, Carrier::Invite, true).is_err() {
            return self.ask_later(context.now.instant);
        }
        let streams = &mut self.streams;
        let port = |at, kind| streams.port(ports, at, kind, End::Caller);
        let Some(body) = self.half.said.write(&offer, address, Lines::Offer(self.half.heard.as_ref()), port)
        else {
            self.half.exchange.refused(Carrier::Invite);
            return self.end(Cause::ResourcesNotAvailable, context);
        };
        let request = self.half.change(Method::Invite, context.house).body(wire::SDP, &body);
        self.send(request, Method::Invite, context);
    }

    fn ask_later(&mut self, now: Instant) {
        self.ask_again = Some(now + AGAIN);
    }

    /// The phone answers our INVITE.
    pub(super) fn asked(
        &mut self,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        self.half.dialog.answered(response).ok();
        if !response.is_success() {
            self.half.exchange.refused(Carrier::Invite);
            return match response.status() {
                _ if self.over => {}
                491 => self.ask_later(context.now.instant),
                408 | 481 => self.end(Cause::NetworkSignalLost, context),
                _ => self.end(Cause::IncompatibleDestination, context),
            };
        }
        self.half.learn(response.headers());
        self.half.agree(response.headers(), true, context.now.instant);
        let described = wire::is_described(response.headers(), response.body()).unwrap_or(false);
        let meaning = self.half.exchange.pass(Side::Remote, Carrier::Success, described);
        self.half.exchange.pass(Side::Local, Carrier::Ack, false).ok();
        let number = response.headers().cseq().map_or(1, |cseq| cseq.number);
        let ack = self.half.ack(number, context.house).finish();
        context.endpoint.send_ack_2xx(transaction, &ack, &self.half.target(context.house));
        if self.over {
            return;
        }
        match (meaning, self.half.read(response.body())) {
            (Ok(Meaning::Answer), Ok(answer)) => {
                self.half.heard = Some(answer);
                self.serve(context);
            }
            _ => self.end(Cause::IncompatibleDestination, context),
        }
    }
}
