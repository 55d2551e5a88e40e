//! Tokens that clients sign in with (XEP-0484): listed, and taken back.

use model::BareJid;
use serde::{Deserialize, Serialize};

use crate::{Context, Failure, user};

/// A token as an administrator sees it: whose it is, not what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenShown {
    /// The client that it was given to.
    pub client: String,
    /// The client's software, as it calls itself.
    pub software: String,
    /// The client's device, as it calls itself.
    pub device: String,
    /// The mechanism that it is good for.
    pub mechanism: String,
    /// When it was given.
    pub issued_at: String,
    /// When it ends.
    pub expires_at: String,
    /// When it was used, within a day; `None` for one that waits for its first use.
    pub used_at: Option<String>,
}

pub(crate) async fn list(context: &Context, jid: &BareJid) -> Result<Vec<TokenShown>, Failure> {
    user::show(context, jid).await?;
    let tokens = context.store.sign_in_tokens_of(jid).await?;
    let shown = tokens.into_iter().map(|token| TokenShown {
        client: token.client,
        software: token.software,
        device: token.device,
        mechanism: token.mechanism,
        issued_at: token.issued_at.to_string(),
        expires_at: token.expires_at.to_string(),
        used_at: token.used_at.map(|at| at.to_string()),
    });
    Ok(shown.collect())
}

/// Takes back the tokens of one client, or of all; answers how many there were. Sessions go on.
pub(crate) async fn revoke(context: &Context, jid: &BareJid, client: Option<&str>) -> Result<u64, Failure> {
    user::show(context, jid).await?;
    let revoked = context.store.sign_in_tokens_revoke(jid, client).await?;
    match client {
        Some(client) if revoked == 0 => Err(Failure::not_found(format!(
            "{jid} has no client {client} with a token; `carillon user tokens {jid}` shows all"
        ))),
        _ => Ok(revoked),
    }
}
