//! Recording of what is said: by policy from the answer to the end, or when a user or an application wants it.
//!
//! A recording is made at the media port of one leg and has both sides, each on its channel. It stays with that leg
//! when the leg goes to another call, and ends with it.

use model::plan::Recording;

use crate::call::house::Context;
use crate::call::{Call, End};
use crate::command::Refusal;
use crate::place::Caller;
use crate::records::recordings;

/// After two phones have agreed on a session: what must be recorded is.
pub(crate) fn by_policy(call: &mut Call, pair: usize, context: &Context<'_>) {
    if call.is_recorded() {
        return;
    }
    let wants = |end| policy(&call.member(pair, end), context) == Recording::Always;
    if let Some(end) = [End::Caller, End::Callee].into_iter().find(|end| wants(*end))
        && begin(call, pair, end, context).is_err()
    {
        tracing::warn!(call = %call.id(), "a call that must be recorded has no sound that the server speaks; it is not");
    }
}

/// A line wants what is said recorded from now on, or no longer.
pub(crate) fn command(
    call: &mut Call,
    (pair, end): (usize, End),
    on: bool,
    context: &Context<'_>,
) -> Result<(), Refusal> {
    let policies = [end, end.other()].map(|end| policy(&call.member(pair, end), context));
    // What is always recorded nobody ends, whichever end it is that wants it.
    if policies[0] == Recording::Never || (!on && policies.contains(&Recording::Always)) {
        return Err(Refusal::NotAllowed);
    }
    let in_state = if on { !call.is_recorded() } else { call.is_recorded_at(end) };
    if !in_state {
        return Err(Refusal::WrongState);
    }
    if on {
        return begin(call, pair, end, context);
    }
    call.stop_recording(end, context);
    Ok(())
}

fn begin(call: &mut Call, pair: usize, end: End, context: &Context<'_>) -> Result<(), Refusal> {
    let house = &context.house.recordings;
    let name = recordings::name(call.id(), call.next_recording());
    let path = house.folder.join(name);
    if !call.record(end, path, context) {
        return Err(Refusal::Resources);
    }
    metrics::counter!("carillon_calls_recordings_total").increment(1);
    if house.has_tone {
        call.beep(context);
    }
    call.show_recorded(pair);
    Ok(())
}

fn policy(member: &Caller, context: &Context<'_>) -> Recording {
    let house = context.house;
    let trunk = member.trunk.as_ref().and_then(|trunk| house.trunks.by_name(&trunk.name));
    match (trunk, &member.line) {
        (Some(trunk), _) => trunk.recording(),
        (None, Some(line)) => house.directory.recording(line),
        (None, None) => Recording::Never,
    }
}
