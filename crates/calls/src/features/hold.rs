//! Hold and retrieve by the server, for a line whose phone did not do it itself: the other phone is told, as if
//! the line had (RFC 3264 §8.4).

use sip::endpoint::ClientTransaction;
use sip::sdp::Direction;
use sip::{Method, Response};

use crate::call::house::Context;
use crate::call::outcome::Failure;
use crate::call::{Call, End, Purpose, wire};
use crate::command::Refusal;
use crate::offer::{Carrier, Meaning, Side};
use crate::snapshot::{Cause, ConnectionState, Event};

/// A line holds (`hold`) or retrieves.
pub(crate) fn command(
    call: &mut Call,
    (pair, holder): (usize, End),
    hold: bool,
    context: &mut Context<'_>,
) -> Result<(), Refusal> {
    let half = call.pairs[pair].half(holder);
    if half.held == hold {
        return Err(Refusal::WrongState);
    }
    if call.change.is_some() || !call.is_quiet(pair) {
        return Err(Refusal::Busy);
    }
    let direction = if hold { Direction::SendOnly } else { Direction::SendRecv };
    let description =
        half.heard.as_ref().map(|heard| heard.directed(direction)).ok_or(Refusal::WrongState)?;
    let far = holder.other();
    let body = call.tell(pair, far, &description, context).ok_or(Refusal::Resources)?;
    let half = call.pairs[pair].half_mut(far);
    half.exchange.pass(Side::Local, Carrier::Invite, true).map_err(|_| Refusal::Busy)?;
    let request = half.change(Method::Invite, context.house).body(wire::SDP, &body);
    let target = half.target(context.house);
    let purpose = Purpose::Hold { pair, holder, hold };
    match call.send(request, &target, purpose, context) {
        Some(_) => Ok(()),
        None => {
            call.pairs[pair].half_mut(far).exchange.refused(Carrier::Invite);
            Err(Refusal::Resources)
        }
    }
}

/// The other phone answers.
pub(crate) fn answered(
    call: &mut Call,
    (pair, holder, hold): (usize, End, bool),
    transaction: ClientTransaction,
    response: &Response,
    context: &mut Context<'_>,
) {
    if response.is_provisional() {
        return;
    }
    let far = holder.other();
    let half = call.pairs[pair].half_mut(far);
    half.dialog.answered(response).ok();
    if !response.is_success() {
        half.exchange.refused(Carrier::Invite);
        if matches!(response.status(), 408 | 481) {
            return call.lost(pair, context);
        }
        let cause = Failure::Status(response.status()).verdict().cause;
        return call.publish(Event::Failed, cause, context);
    }
    half.learn(response.headers());
    half.agree(response.headers(), true, context.now.instant);
    let described = wire::is_described(response.headers(), response.body()).unwrap_or(false);
    let meaning = half.exchange.pass(Side::Remote, Carrier::Success, described);
    let number = response.headers().cseq().map_or(1, |cseq| cseq.number);
    if meaning == Ok(Meaning::Answer)
        && let Ok(answer) = half.read(response.body())
    {
        half.heard = Some(answer);
    }
    call.acknowledge(pair, far, transaction, number, None, context);
    call.pairs[pair].half_mut(holder).held = hold;
    call.join(pair, context);
    let (state, event) = match hold {
        true => (ConnectionState::Hold, Event::Held),
        false => (ConnectionState::Connected, Event::Retrieved),
    };
    let connection = call.pairs[pair].half(holder).connection;
    call.show(connection, state, event, Cause::NormalClearing, context);
}
