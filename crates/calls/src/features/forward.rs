//! Forwarding: where the calls of a line go that do not stay, and why (`CC-17`).

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
