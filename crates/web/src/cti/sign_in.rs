//! The first message of an application that did not say with the handshake who it is, and the answer to it.

use serde::{Deserialize, Serialize};

/// `{"op": "signIn", "user": …, "password": …}`, or `{"op": "signIn", "token": …}`. Shows itself to nobody.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "camelCase")]
pub(super) enum SignIn {
    SignIn(Proof),
}

/// What shows who somebody is.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Proof {
    Password {
        user: String,
        password: String,
    },
    /// A token of the programming interface, as pages have one.
    Token {
        token: String,
    },
}

/// What an application is told first.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename = "signedIn")]
pub(super) struct SignedIn<'a> {
    pub user: String,
    /// Of the conversation.
    pub version: u32,
    /// `own` or `all`: which lines are in reach.
    pub scope: &'a str,
    /// How often the server asks whether the application is there.
    pub heartbeat_seconds: u64,
}
