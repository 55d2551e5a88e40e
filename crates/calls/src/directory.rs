//! Where calls go: the dial plan, the registrar and the board, as placing a call asks them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use model::LineId;
use runtime::Runtime;
use store::Store;

use crate::dialplan::{Plan, Reached, Resolution};
use crate::place::{Branch, Caller, Destination, Dialled, Directory, Unplaceable};
use crate::registrar::Registrar;
use crate::snapshot::Board;

/// The directory of this server.
pub(crate) struct HouseDirectory {
    pub plan: Arc<ArcSwap<Plan>>,
    pub registrar: Arc<Registrar>,
    pub board: Arc<Board>,
    pub runtime: Runtime,
}

impl Directory for HouseDirectory {
    fn resolve(&self, dialled: &Dialled, _caller: &Caller) -> Result<Destination, Unplaceable> {
        if dialled.foreign_domain.is_some() {
            return Err(Unplaceable::NotFound);
        }
        let plan = self.plan.load();
        let reached = match plan.resolve(&dialled.user) {
            Resolution::Service(service) => return Ok(Destination::Service(service)),
            Resolution::Nowhere => return Err(Unplaceable::NotFound),
            Resolution::Lines(reached) => reached,
        };
        let branches = reached.lines.iter().flat_map(|line| self.branches(line)).collect();
        let Reached { address, name, .. } = reached;
        Ok(Destination::Phones { branches, address, name, ring_time: None })
    }

    fn phones_of(&self, line: &LineId) -> Vec<Branch> {
        self.branches(line)
    }

    fn line_calls(&self, line: &LineId) -> usize {
        self.board.line_calls(line)
    }
}

impl HouseDirectory {
    fn branches(&self, line: &LineId) -> Vec<Branch> {
        let contacts = self.registrar.contacts(line, self.runtime.timestamp());
        contacts
            .iter()
            .map(|binding| Branch {
                contact: binding.contact.clone(),
                target: binding.target(),
                path: binding.path.clone(),
                line: line.clone(),
                owner: binding.owner.clone(),
            })
            .collect()
    }
}

/// Reads users and lines into a plan.
///
/// # Errors
/// The storage could not be read.
pub(crate) async fn read_plan(store: &Store, echo: Option<&str>) -> Result<Plan, store::Error> {
    let (users, lines) = (store.users().await?, store.lines().await?);
    Ok(Plan::new(&users, &lines, echo))
}
