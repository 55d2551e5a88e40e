//! A leg by value: one phone's dialog with its ports and its place in the view, on the way between two calls.
//!
//! A dialog in which nothing is under way is plain data. It can leave a call and enter another one, also in
//! another shard: then [`Moved`](super::Moved) leads its messages there.

use sip::Method;
use sip::dialog::State;

use super::Shard;
use super::half::Half;
use super::house::{Context, Index};
use super::letter::Letter;
use super::streams::Side;
use crate::snapshot::{CallId, Connection};

/// See the module.
#[derive(Debug)]
pub(crate) struct Leg {
    /// Its dialog.
    pub half: Half,
    /// Its media ports.
    pub side: Side,
    /// How others see it.
    pub member: Connection,
}

impl Leg {
    /// Nobody wants it: BYE, and the ports go back. The answer to the BYE concerns nobody.
    pub(crate) fn dismiss(mut self, context: &mut Context<'_>) {
        if self.half.dialog.state() != State::Terminated {
            let request = self.half.request(Method::Bye, context.house).finish();
            let target = self.half.target(context.house);
            if let Err(error) = context.endpoint.send_request(request, &target, context.now.instant) {
                tracing::warn!(%error, "a BYE could not be sent");
            }
        }
        let call_id = self.half.dialog.id().call_id.clone();
        if Shard::of(&call_id, context.house.shard.count) != context.house.shard.index {
            context.index.letters.push_back(Letter::Forget { call_id });
        }
        self.side.close(&*context.house.ports);
    }
}

impl Index {
    /// From now on the messages of a dialog lead to `call`, in this shard.
    pub(crate) fn adopt(&mut self, half: &Half, call: CallId, house: &super::House) {
        self.dialogs.give(half.dialog.id(), call);
        self.moved.settle(&half.dialog, house.shard);
    }
}
