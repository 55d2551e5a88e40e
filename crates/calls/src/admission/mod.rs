//! Admission: which codecs two ends speak, and whether there is bandwidth between them (`CC-25`, `MD-20`).
//!
//! What is said of two places stands in the dial plan: its regions allow codecs and rates, its locations have pools of
//! bandwidth. A call takes its part of the pools before anything rings, and holds it as a [`Grant`]: whatever becomes of
//! the call, a grant that is dropped is given back.

mod bandwidth;
mod grant;
mod pool;

use std::sync::Arc;

use model::LineId;
use model::plan::Allowance;

pub use bandwidth::{Load, OVERHEAD_KBITS, VIDEO_KBITS};
pub use grant::{Grant, Pools};
pub use pool::{NoRoom, Pool, PoolName, PoolShown};

use crate::place::{Branch, Caller};

/// One end of a call, as far as it says where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stand<'a> {
    /// Its line.
    pub line: Option<&'a LineId>,
    /// Its device.
    pub device: Option<&'a str>,
    /// The trunk that it is behind.
    pub trunk: Option<&'a str>,
}

impl<'a> From<&'a Caller> for Stand<'a> {
    fn from(caller: &'a Caller) -> Self {
        let trunk = caller.trunk.as_ref().map(|trunk| trunk.name.as_str());
        Self { line: caller.line.as_ref(), device: caller.device.as_deref(), trunk }
    }
}

impl<'a> From<&'a Branch> for Stand<'a> {
    fn from(branch: &'a Branch) -> Self {
        let trunk = branch.trunk.as_ref().map(|outgoing| outgoing.trunk.name());
        Self { line: branch.line.as_ref(), device: branch.device.as_deref(), trunk }
    }
}

/// What holds between two ends of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// What their regions allow; `None`: everything.
    pub allowance: Option<Arc<Allowance>>,
    /// The pools that the call takes from.
    pub pools: Vec<PoolName>,
    /// The media resources of one of them have no transcoder: nothing is offered that would need it (`CC-24`).
    pub bars_transcoding: bool,
}
