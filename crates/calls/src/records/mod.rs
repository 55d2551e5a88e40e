//! Records of calls: what a call did is gathered from its snapshots, and kept when it has ended.
//!
//! Nobody waits for a record. Call control only leaves the last snapshot of a call with its [`Draft`] on the
//! board; a task takes what has ended, adds what media says of the ports that were closed, and writes it in
//! batches. Whoever pulls the plug loses the records of the calls that are live and of those that ended in the
//! last [`RECORD_DELAY_MAX`]; a stop in good order loses none.

mod draft;
mod finished;
mod history;
mod quality;
mod recall;
mod recorder;
pub mod recordings;

pub use draft::Draft;
pub use finished::{FINISHED_CALLS_MAX, Finished, FinishedCalls};
pub(crate) use quality::QualityReports;
pub(crate) use recall::last_calls;
pub use recorder::RECORD_DELAY_MAX;
pub(crate) use recorder::Recorder;
