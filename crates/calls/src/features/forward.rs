//! Forwarding: where the calls of a line go that do not stay, and why (`CC-17`).

use model::plan::{ForwardTo, Forwards};

use crate::course::Why;
use crate::dialplan::Reason;
use crate::snapshot::Cause;

/// The forward that a failed destination leads to; `None` when its failure says that the call is not wanted there, or
/// could not be had anywhere.
pub(crate) fn reason(cause: Cause) -> Option<Reason> {
    match cause {
        Cause::NoAnswer => Some(Reason::NoAnswer),
        Cause::Busy => Some(Reason::Busy),
        Cause::DestinationOutOfService => Some(Reason::Unregistered),
        _ => None,
    }
}

/// Where these forwards lead for this reason.
pub(crate) fn destination(forwards: &Forwards, reason: Reason, is_internal: bool) -> Option<&ForwardTo> {
    match reason {
        Reason::All => forwards.all.as_ref(),
        Reason::Busy => forwards.busy.of(is_internal),
        Reason::NoAnswer => forwards.no_answer.of(is_internal),
        Reason::Unregistered => forwards.unregistered.of(is_internal),
    }
}

/// What the next phone is told of it.
pub(crate) fn why(reason: Reason) -> Why {
    match reason {
        Reason::All => Why::Unconditional,
        Reason::Busy => Why::UserBusy,
        Reason::NoAnswer => Why::NoAnswer,
        Reason::Unregistered => Why::Unavailable,
    }
}

/// Why a call leaves a hunt pilot that could not serve it.
pub(crate) fn overflow(cause: Cause) -> Why {
    reason(cause).map_or(Why::NoAnswer, why)
}
