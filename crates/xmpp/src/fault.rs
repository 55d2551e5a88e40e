//! Why the reader stops: a stream error without allocation, as small as the hot path wants it.

use crate::{StreamCondition, StreamError};

/// A condition and words for people who read logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) condition: StreamCondition,
    pub(crate) text: &'static str,
}

impl From<Fault> for StreamError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.condition, fault.text)
    }
}

pub(crate) const fn fault(condition: StreamCondition, text: &'static str) -> Fault {
    Fault { condition, text }
}

pub(crate) const fn malformed(text: &'static str) -> Fault {
    fault(StreamCondition::NotWellFormed, text)
}

pub(crate) const fn restricted(text: &'static str) -> Fault {
    fault(StreamCondition::RestrictedXml, text)
}

pub(crate) const fn over(text: &'static str) -> Fault {
    fault(StreamCondition::PolicyViolation, text)
}

pub(crate) const fn too_big() -> Fault {
    over("too big")
}
