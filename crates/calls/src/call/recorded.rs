//! What a call does when what is said in it is recorded: see `features::recording`.

use std::path::PathBuf;

use super::house::Context;
use super::{Call, End};
use crate::snapshot::CallId;

impl Call {
    pub(crate) fn id(&self) -> CallId {
        self.id
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.streams.is_recorded()
    }

    /// Which recording of the call comes next, from 1.
    pub(crate) fn next_recording(&self) -> u32 {
        self.streams.recordings() + 1
    }

    /// Begins a recording at the port of one end; false when it has none.
    pub(crate) fn record(&mut self, end: End, path: PathBuf, context: &Context<'_>) -> bool {
        self.streams.record(&*context.house.ports, end, path)
    }

    /// Is it recorded at the port of this end?
    pub(crate) fn is_recorded_at(&self, end: End) -> bool {
        self.streams.is_recorded_at(end)
    }

    /// Ends the recording at the port of one end.
    pub(crate) fn stop_recording(&mut self, end: End, context: &Context<'_>) {
        self.streams.stop_recording(&*context.house.ports, end);
    }

    /// Says a tone to both ends.
    pub(crate) fn beep(&self, context: &Context<'_>) {
        self.streams.beep(&*context.house.ports);
    }

    /// Both ends show that they were recorded.
    pub(crate) fn show_recorded(&mut self, pair: usize) {
        for end in [End::Caller, End::Callee] {
            let connection = self.connection(pair, end);
            self.view.recorded(connection);
        }
    }
}
