//! Queues of callers, in the running node.

use calls::QueueShown;

use crate::{Context, Failure, running};

/// All queues, or those of one name or number.
pub(crate) fn list(context: &Context, which: Option<&str>) -> Result<Vec<QueueShown>, Failure> {
    let mut queues = running::node(context)?.calls().queues();
    if let Some(which) = which {
        queues.retain(|queue| queue.name == which || queue.number.number.as_str() == which);
        if queues.is_empty() {
            let message = format!("there is no queue {which}; `carillon queue list` shows all");
            return Err(Failure::not_found(message));
        }
    }
    Ok(queues)
}
