//! What the status page asks the other rooms, in plain rows.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// One signed-in client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SessionRow {
    /// The full address.
    pub jid: String,
    /// Where the client is.
    pub address: String,
    /// Since when it is signed in.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// What it says of itself: `online`, `away`; `None` when it sent no presence.
    pub show: Option<String>,
    /// How long nothing was heard from it, in seconds.
    pub idle_seconds: u64,
    /// It has no connection and waits to be resumed.
    pub is_waiting: bool,
}

/// One phone registered on a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RegistrationRow {
    /// The line.
    pub line: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// What the phone calls itself.
    pub phone: Option<String>,
    /// The transport and address that it registered over.
    pub source: String,
    /// When it lapses.
    #[schema(value_type = String, format = DateTime)]
    pub expires: Timestamp,
}

/// One live call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallRow {
    /// Who calls, as shown to people.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// What the call is doing, in words: "Ringing", "Talking", "On hold".
    pub state: String,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    pub started: Timestamp,
    /// When it was answered.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered: Option<Timestamp>,
}

/// Gives the rows. Called for every look at the page, so each method is short and never waits.
pub trait StatusSource: Send + Sync + 'static {
    /// Who is signed in, by address.
    fn sessions(&self) -> Vec<SessionRow>;
    /// Which phones are registered, by line.
    fn registrations(&self) -> Vec<RegistrationRow>;
    /// The live calls, oldest first.
    fn calls(&self) -> Vec<CallRow>;
}
