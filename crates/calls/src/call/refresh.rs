//! Session timers of a call (RFC 4028): each leg has its own, and neither hears of the other's.

use sip::endpoint::ClientTransaction;
use sip::header::{Refresher, SessionExpires};
use sip::session_timer::{Due, SessionTimer};
use sip::{Headers, Method, Name, Response};
use std::time::Instant;

use super::half::Half;
use super::house::Context;
use super::{Call, End, Purpose, wire};
use crate::offer::{Carrier, Side};
use crate::snapshot::Cause;

impl Half {
    /// Starts (or restarts) the timer that a 2xx agrees to; one without Session-Expires ends it: the other side
    /// does not want a timer (RFC 4028 §7.2).
    pub(crate) fn agree(&mut self, headers: &Headers, we_sent: bool, now: Instant) {
        let refreshes =
            headers.cseq().is_ok_and(|cseq| matches!(cseq.method, Method::Invite | Method::Update));
        if !refreshes {
            return;
        }
        let agreed: Option<SessionExpires> = headers.session_expires().ok().flatten();
        self.timer = match agreed {
            Some(agreed) => Some(SessionTimer::start(agreed, we_sent, now)),
            // The phone knows no timers: then whoever kept the session alive before goes on.
            None => self.timer.take().map(|timer| timer_of_ours(timer, timer.agreed().seconds, now)),
        };
        self.refresh_again = None;
    }
}

/// The same roles as before with another (or a renewed) interval, in the roles of a request of ours.
fn timer_of_ours(before: SessionTimer, seconds: u32, now: Instant) -> SessionTimer {
    let refresher = if before.we_refresh() { Refresher::Uac } else { Refresher::Uas };
    SessionTimer::start(SessionExpires { seconds, refresher: Some(refresher) }, true, now)
}

impl Call {
    /// Looks at the session timers of both legs.
    pub(super) fn refresh_due(&mut self, pair: usize, context: &mut Context<'_>) {
        let now = context.now.instant;
        for end in [End::Caller, End::Callee] {
            let half = self.pairs[pair].half_mut(end);
            let due = half.timer.as_mut().and_then(|timer| timer.due(now));
            let again = half.refresh_again.is_some_and(|at| at <= now);
            match due {
                Some(Due::Expired) => {
                    tracing::info!(call = %self.id, ?end, "a session was not refreshed in time");
                    return self.end(Cause::NetworkSignalLost, context);
                }
                Some(Due::Refresh) => self.refresh(pair, end, context),
                None if again => self.refresh(pair, end, context),
                None => {}
            }
        }
    }

    /// Sends a refresh: UPDATE without a body when the phone knows it, else INVITE with what it was told last.
    fn refresh(&mut self, pair: usize, end: End, context: &mut Context<'_>) {
        let half = self.pairs[pair].half_mut(end);
        half.refresh_again = None;
        let Some(timer) = half.timer else { return };
        let expires = timer.next_offer(true);
        let request = if half.allows_update {
            half.request(Method::Update, context.house).header(Name::SessionExpires, &expires).finish()
        } else {
            let Some(body) = half.said.body().cloned() else { return };
            if half.exchange.pass(Side::Local, Carrier::Invite, true).is_err() {
                return half.refresh_later(context.now.instant);
            }
            half.request(Method::Invite, context.house)
                .header(Name::SessionExpires, &expires)
                .body(wire::SDP, &body)
        };
        let target = half.target(context.house);
        self.send(request, &target, Purpose::Refresh { pair, end }, context);
    }

    /// The phone answers our refresh.
    pub(super) fn refresh_response(
        &mut self,
        pair: usize,
        end: End,
        transaction: ClientTransaction,
        response: &Response,
        context: &mut Context<'_>,
    ) {
        if response.is_provisional() {
            return;
        }
        let half = self.pairs[pair].half_mut(end);
        let cseq = response.headers().cseq().ok();
        let by_invite = cseq.as_ref().is_some_and(|cseq| cseq.method == Method::Invite);
        half.dialog.answered(response).ok();
        if response.is_success() {
            half.learn(response.headers());
            half.agree(response.headers(), true, context.now.instant);
            if by_invite {
                let described = wire::is_described(response.headers(), response.body()).unwrap_or(false);
                half.exchange.pass(Side::Remote, Carrier::Success, described).ok();
                let number = cseq.map_or(1, |cseq| cseq.number);
                if described && let Ok(description) = half.read(response.body()) {
                    half.heard = Some(description);
                    self.join(pair, context);
                }
                self.acknowledge(pair, end, transaction, number, None, context);
            }
            return;
        }
        if by_invite {
            half.exchange.refused(Carrier::Invite);
        }
        match response.status() {
            408 | 481 => self.lost(pair, context),
            // RFC 4028 §7.4: the phone's own shortest interval is obeyed.
            422 => {
                let min_se = response.headers().min_se().ok().flatten();
                if let (Some(timer), Some(seconds)) = (half.timer, min_se) {
                    half.timer = Some(timer_of_ours(timer, seconds, context.now.instant));
                }
                half.refresh_later(context.now.instant);
            }
            // COMPAT: phones that list UPDATE in Allow and then do not serve it are asked by INVITE.
            405 | 501 if !by_invite => {
                half.allows_update = false;
                half.refresh_later(context.now.instant);
            }
            _ => half.refresh_later(context.now.instant),
        }
    }
}
