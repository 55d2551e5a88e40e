//! A phone that rings is asked to answer, by NOTIFY of the package `talk`: what phones that can be answered from a
//! computer understand (they say so in Allow-Events).

use model::LineId;
use sip::{Method, Name};

use crate::call::house::Context;
use crate::call::{Call, End, Phase, Purpose};
use crate::command::Refusal;

/// Asks the phone of a line.
pub(crate) fn answer(call: &mut Call, line: &LineId, context: &mut Context<'_>) -> Result<(), Refusal> {
    if call.phase != Phase::Ringing {
        return Err(Refusal::WrongState);
    }
    let rings = |branch: usize| {
        call.branches[branch].is_open() && call.branches[branch].place.line.as_ref() == Some(line)
    };
    let ringing: Vec<usize> =
        (0..call.pairs.len()).filter(|pair| call.pairs[*pair].branch.is_some_and(rings)).collect();
    if ringing.is_empty() {
        return Err(Refusal::NoSuchConnection);
    }
    let talks = |pair: &usize| call.pairs[*pair].half(End::Callee).allows_talk;
    let pair = ringing.into_iter().find(talks).ok_or(Refusal::PhoneCannot)?;
    let half = call.pairs[pair].half_mut(End::Callee);
    let request = half
        .request(Method::Notify, context.house)
        .header(Name::Event, "talk")
        .header(Name::SubscriptionState, "active")
        .finish();
    let target = half.target(context.house);
    call.send(request, &target, Purpose::Notice, context).map(|_| ()).ok_or(Refusal::Resources)
}
