//! What a shard does for trunks: the first one keeps them up; all of them take calls that come in over them.

use std::sync::Arc;

use sip::endpoint::{Flow, ServerTransaction};
use sip::{Method, Request};

use super::Shard;
use super::mailbox::Input;
use crate::call::Arrival;
use crate::trunk::{Found, Hands, Keeper, Trunk};

impl Shard {
    /// Lets the keeper do what is due, and asks the name service what it wants to know.
    pub(super) fn keep_trunks(&mut self) {
        self.with_keeper(|keeper, hands| keeper.handle_timeout(hands));
    }

    /// Does something with the keeper, in the shard that has it.
    pub(super) fn with_keeper<T>(
        &mut self,
        work: impl FnOnce(&mut Keeper, &mut Hands<'_>) -> T,
    ) -> Option<T> {
        let mut keeper = self.keeper.take()?;
        let rooms = Arc::clone(&self.rooms);
        let done = work(
            &mut keeper,
            &mut Hands {
                endpoint: &mut self.endpoint,
                house: self.switchboard.house(),
                trunks: &rooms.trunks,
                now: self.now,
            },
        );
        for trunk in keeper.wanted() {
            let (names, mailbox) = (rooms.names.clone(), Arc::clone(&self.mailbox));
            let Some(destination) = trunk.destination() else { continue };
            rooms.runtime.spawn_session(async move {
                let found = names.look_up(destination).await;
                mailbox.put(Input::TrunkFound(Found { trunk, found }));
            });
        }
        self.keeper = Some(keeper);
        Some(done)
    }

    /// A request outside of any dialog, from a trunk that was recognised.
    pub(super) fn trunk_request(
        &mut self,
        trunk: &Arc<Trunk>,
        (transaction, request, flow): (ServerTransaction, Request, Flow),
    ) {
        self.transport.prove(&flow);
        match request.method() {
            Method::Invite => {
                let full = self.rooms.trunks.is_full(trunk);
                let (name, outcome) = (trunk.name().to_owned(), if full { "full" } else { "taken" });
                metrics::counter!("carillon_trunk_calls_in_total", "trunk" => name, "outcome" => outcome)
                    .increment(1);
                if full {
                    return self.desk(|desk| desk.answer(transaction, &request, 503));
                }
                let caller = trunk.caller(&request, self.rooms.plan.load().plan());
                let arrival = Arrival { transaction, request, flow, caller };
                self.switchboard.handle_invite(arrival, &mut self.endpoint, self.now);
            }
            _ => self.desk(|desk| desk.answer(transaction, &request, 405)),
        }
    }
}
