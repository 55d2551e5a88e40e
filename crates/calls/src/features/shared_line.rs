//! Lines on several phones (`CC-16`): what is held on one of them goes on at another; each phone has a ringer of its own.
//!
//! All phones of a line ring, and a lamp of the line's own number shows each what the others do (`events::subject`). One
//! of them comes into a call by Join (`confer`), takes one over by Replaces (`replaces`), or by the code of this file.

use model::{LineId, LineSettings};

use crate::board::Board;
use crate::place::Branch;
use crate::snapshot::{CallId, ConnectionState};

/// The call that a line holds; of several, the one that was held last.
pub(crate) fn held(line: &LineId, board: &Board) -> Option<CallId> {
    let (calls, _) = board.line(line);
    let since = |call: &crate::CallSnapshot| {
        let held = call.of_line(line).filter(|connection| connection.state == ConnectionState::Hold);
        held.map(|connection| connection.since).max()
    };
    calls.iter().filter_map(|call| since(call).map(|since| (since, call.id))).max().map(|(_, id)| id)
}

/// Does this phone of a line make no sound, though others may?
pub(crate) fn is_silent(branch: &Branch, settings: Option<&LineSettings>) -> bool {
    let device = branch.device.as_deref();
    settings.zip(device).is_some_and(|(settings, device)| settings.ringers_off.contains(device))
}
