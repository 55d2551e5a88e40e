//! A person who has an account.

use serde::{Deserialize, Serialize};

/// The number that the store gave a user; never shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UserId(pub i64);

/// A person who has an account: one address for chat and calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The store's number for this user.
    pub id: UserId,
    /// The one address, `bob@example.org`, for chat and calls.
    pub jid: jid::BareJid,
    /// The name shown to people.
    pub name: String,
    /// Disabled users keep their data and cannot sign in (`PS-15`).
    pub enabled: bool,
}
