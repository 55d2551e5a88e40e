//! Sessions of chat clients, in the running node.

use model::Jid;

use crate::{Context, Failure, running};

/// Ends one: its client may sign in again.
pub(crate) fn end(context: &Context, jid: &Jid) -> Result<(), Failure> {
    let node = running::node(context)?;
    let resource = jid.resource().map(|resource| resource.as_str()).unwrap_or_default();
    if resource.is_empty() || !node.im().end_client(&jid.to_bare(), resource) {
        return Err(Failure::not_found(format!("{jid} is no session: it may have ended already")));
    }
    tracing::info!(session = %model::Private(jid), "an administrator ended a session");
    Ok(())
}
