//! The applications of CTI route points, as their sessions reach them.

use std::sync::Arc;

use super::Calls;
use crate::call::Post;
use crate::features::applications::Applications;
use crate::feed::Feed;
use crate::shard::mailbox::Input;

impl Calls {
    /// Who is registered for route points, and the calls that wait there.
    pub(crate) fn applications(&self) -> &Applications {
        self.board.applications()
    }

    /// An application is gone: the calls that wait for it go on without it.
    pub(crate) fn application_gone(&self, feed: &Arc<Feed>) {
        for call in self.applications().gone(feed) {
            if let Some(mailbox) = self.transport.mailboxes.get(call.shard()) {
                mailbox.put(Input::Letter(Box::new(Post::unrouted(call))));
            }
        }
    }
}
