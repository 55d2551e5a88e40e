//! The connection to another server as something to wait for, stanza by stanza.

use std::future::poll_fn;
use std::io;

use xmpp::Framer;

use super::network::Wire;
pub(super) use crate::c2s::link::Link;
pub(super) use crate::c2s::wire::Moved;

impl Link<Wire> {
    /// Writes what is queued and reads what has come: returns at the first that is complete.
    pub(super) async fn moved(&mut self, framer: &mut Framer, may_read: bool) -> io::Result<Moved> {
        poll_fn(|cx| self.poll_moved(cx, may_read, |bytes| framer.push(bytes))).await
    }

    /// Writes all that is queued.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Says to the other side that nothing more comes.
    pub(super) async fn shut(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_shut(cx)).await
    }
}
