//! Subscriptions (RFC 6665): the state of a notifier and of a subscriber, without messages.
//!
//! The notifier says when a NOTIFY may go out and what its Subscription-State is; one is in flight at a
//! time. The subscriber says when to refresh and what the end of a subscription asks for. Packages
//! (`presence`, `dialog`, ...) write the bodies.

mod notifier;
mod subscriber;

use std::time::Duration;

use crate::param::Params;
use crate::scan;

pub use notifier::{Notifier, Notify, NotifyOutcome};
pub use subscriber::{Due, Subscriber, WhenOver};

/// Why a subscription ended (RFC 6665 §4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Subscribe again at once, elsewhere.
    Deactivated,
    /// Subscribe again later.
    Probation,
    /// Not allowed any more.
    Rejected,
    /// Not refreshed in time, or ended by the subscriber.
    Timeout,
    /// Nobody decided in time.
    GiveUp,
    /// The resource is gone.
    NoResource,
    /// The state will never change.
    Invariant,
}

impl Reason {
    const ALL: [Self; 7] = [
        Self::Deactivated,
        Self::Probation,
        Self::Rejected,
        Self::Timeout,
        Self::GiveUp,
        Self::NoResource,
        Self::Invariant,
    ];

    /// The word as the `reason` parameter spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Probation => "probation",
            Self::Rejected => "rejected",
            Self::Timeout => "timeout",
            Self::GiveUp => "giveup",
            Self::NoResource => "noresource",
            Self::Invariant => "invariant",
        }
    }
}

/// The value of a Subscription-State header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Accepted; the state is told.
    Active {
        /// Seconds left, when told.
        expires: Option<u32>,
    },
    /// Nobody has decided yet.
    Pending {
        /// Seconds left, when told.
        expires: Option<u32>,
    },
    /// Over.
    Terminated {
        /// Why; an unknown word counts as none.
        reason: Option<Reason>,
        /// Seconds before another try.
        retry_after: Option<u32>,
    },
}

impl State {
    /// Reads the value of the header field; a state of another name counts as active (RFC 6665 §4.1.3 leaves it open).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let (word, params) = (scan::trim(&value[..end]), Params::new(&value[end..]));
        if !scan::is_token(word) {
            return None;
        }
        let expires = params.number(b"expires");
        Some(match word.to_ascii_lowercase().as_slice() {
            b"pending" => Self::Pending { expires },
            b"terminated" => {
                let word = params.value(b"reason").unwrap_or_default();
                let known = |reason: &Reason| word.eq_ignore_ascii_case(reason.as_str().as_bytes());
                let reason = Reason::ALL.into_iter().find(known);
                Self::Terminated { reason, retry_after: params.number(b"retry-after") }
            }
            _ => Self::Active { expires },
        })
    }

    /// Has the subscription ended?
    pub fn is_terminated(self) -> bool {
        matches!(self, Self::Terminated { .. })
    }

    /// The value as it goes on the wire.
    pub fn to_value(self) -> String {
        match self {
            Self::Active { expires: Some(expires) } => format!("active;expires={expires}"),
            Self::Active { expires: None } => "active".to_owned(),
            Self::Pending { expires: Some(expires) } => format!("pending;expires={expires}"),
            Self::Pending { expires: None } => "pending".to_owned(),
            Self::Terminated { reason, retry_after } => {
                let mut value = "terminated".to_owned();
                if let Some(reason) = reason {
                    value.push_str(";reason=");
                    value.push_str(reason.as_str());
                }
                if let Some(seconds) = retry_after {
                    value.push_str(&format!(";retry-after={seconds}"));
                }
                value
            }
        }
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_read_back_as_written() {
        let states = [
            State::Active { expires: Some(600) },
            State::Active { expires: None },
            State::Pending { expires: Some(1) },
            State::Terminated { reason: Some(Reason::GiveUp), retry_after: Some(30) },
            State::Terminated { reason: None, retry_after: None },
        ];
        for state in states {
            assert_eq!(State::parse(state.to_value().as_bytes()), Some(state));
        }
        assert_eq!(
            State::parse(b"TERMINATED ;Reason=NoResource"),
            Some(State::Terminated { reason: Some(Reason::NoResource), retry_after: None })
        );
        assert_eq!(State::parse(b";expires=3"), None);
    }
}
