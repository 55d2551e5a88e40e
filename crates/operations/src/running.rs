//! What only a running node can do or tell.

use calls::guard::Alert;
use calls::trunk::{ProbeOutcome, TrunkStatus};
use futures::future::BoxFuture;
use im::s2s::{FederationState, Step};
use model::{BareJid, DomainPart};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::rows::{CallRow, RegistrationRow, SessionRow};
use crate::{Change, Context, Failure};

/// A running node, as operations see it.
pub trait Running: Send + Sync {
    /// Something has changed that sessions and phones must feel at once.
    fn changed(&self, change: &Change);
    /// Accounts, or parts of them, were added behind its back.
    fn accounts_added<'a>(&'a self, users: &'a [BareJid]) -> BoxFuture<'a, ()>;
    /// The dial plan that is kept has changed: calls go by it when the future ends.
    ///
    /// # Errors
    /// It could not be read; then the old one stays in force.
    fn dial_plan_changed(&self) -> BoxFuture<'_, Result<(), Failure>>;
    /// How its trunks stand.
    fn trunks(&self) -> Vec<TrunkStatus>;
    /// Asks the servers of a trunk whether they are there.
    ///
    /// # Errors
    /// There is no such trunk.
    fn test_trunk<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<ProbeOutcome>, Failure>>;
    /// The levels of its log: of all modules first, then of those with one of their own.
    fn levels(&self) -> Vec<(String, String)>;
    /// Changes a level of its log.
    ///
    /// # Errors
    /// It is no level, or no module.
    fn set_level(&self, module: &str, level: &str) -> Result<(), Failure>;
    /// Reads the configuration and the certificates again.
    ///
    /// # Errors
    /// Something in them is not right; then all stays as it was.
    fn reload(&self) -> Result<Reloaded, Failure>;
    /// Its messaging.
    fn im(&self) -> &im::Im;
    /// Its call control.
    fn calls(&self) -> &calls::Calls;
    /// What it does at this moment.
    fn status(&self) -> Status;
    /// How other domains stand.
    fn federation(&self) -> Vec<FederationState>;
    /// Tries the way to another domain, and tells every step.
    fn test_federation(&self, domain: DomainPart) -> BoxFuture<'_, Vec<Step>>;
}

/// What a reload did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reloaded {
    /// The settings that have changed and hold from now on.
    pub applied: Vec<String>,
    /// The settings that stand otherwise in the file and are taken at the next start.
    pub at_next_start: Vec<String>,
}

/// What a node does at this moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its version.
    pub version: String,
    /// Whom it serves.
    pub domain: String,
    /// How long it has been running, in seconds.
    pub uptime_seconds: u64,
    /// Why the storage takes no writes; `None` when it does.
    pub storage_failure: Option<String>,
    /// Where it listens.
    pub listeners: Vec<ListenerShown>,
    /// Who is signed in.
    pub sessions: Vec<SessionRow>,
    /// The phones that are registered.
    pub registrations: Vec<RegistrationRow>,
    /// The live calls.
    pub calls: Vec<CallRow>,
    /// What was odd about calls lately.
    #[serde(default)]
    pub alerts: Vec<Alert>,
}

/// One address that is listened on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ListenerShown {
    /// What is spoken there.
    pub name: String,
    /// Where.
    pub address: String,
    /// It is served.
    pub is_up: bool,
}

/// The running node, or why there is none.
pub(super) fn node(context: &Context) -> Result<&dyn Running, Failure> {
    context.node.as_deref().ok_or_else(|| {
        Failure::new(
            Exit::Unavailable,
            "no node runs on this data directory: start it with `carillon serve`, or by its service manager",
        )
    })
}
