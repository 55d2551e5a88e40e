//! Tokens in place of passwords (XEP-0484): given after a sign-in, good for one client and one mechanism, replaced in
//! time. What is kept is the hash of a token (see `xmpp::sasl::TokenKey`).

use std::time::Duration;

use model::Timestamp;
use store::SignInToken;
use xmpp::sasl::{TokenKey, TokenMechanism};
use xmpp::stream::{KeptToken, Slot, TokenWork, Tokens};

use crate::signin::{Attempt, Unanswered};
use crate::{About, Im, Spec};

/// What this feature is: a stream feature, so disco has none.
pub const ABOUT: About = About { name: "fast", specs: &[Spec::xep(484, "0.2.0")], disco: &[], account: &[] };

/// A token in use for longer than this is replaced at the next sign-in (§3.5).
const ROTATE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// That a token was used is written down no more often than this.
const NOTED_EVERY: Duration = Duration::from_secs(24 * 60 * 60);
/// The length of a token, in bytes of entropy. With what stands before it (RFC 8959), it is longer than a block of
/// SHA-256, so that its hash checks it.
const TOKEN_BYTES: usize = 32;
const TOKEN_SCHEME: &str = "secret-token:";

/// A token for a client, and its end as XEP-0082 writes it.
pub(crate) struct GivenToken {
    pub(crate) token: String,
    pub(crate) expiry: String,
}

impl Im {
    /// What checks the proof of a client's token. Guarded as a password is.
    pub(crate) async fn tokens(&self, attempt: &Attempt, client: &str) -> Result<Tokens, Unanswered> {
        self.admit(attempt)?;
        match self.store.sign_in_tokens(attempt.account(), client).await {
            Ok(None) => Ok(Tokens::default()),
            Ok(Some(found)) => {
                let now = self.runtime.timestamp();
                let slot = |in_use| {
                    let token = found.tokens.iter().find(|token| token.in_use == in_use)?;
                    kept(token, now)
                };
                Ok(Tokens { enabled: found.enabled, new: slot(false), current: slot(true) })
            }
            Err(error) => {
                tracing::warn!(%error, "nobody can sign in by token: the store cannot be read");
                Err(Unanswered::Storage)
            }
        }
    }

    /// Does with a client's tokens what its sign-in demands; a failure of the storage costs the client its token at
    /// worst, and never its sign-in. One exception: a token that is to be worthless must be.
    pub(crate) async fn token_work(&self, work: &TokenWork) -> Result<Option<GivenToken>, store::Error> {
        let Some(client) = work.user_agent.id.as_deref() else { return Ok(None) };
        let now = self.runtime.timestamp();
        let mut wanted = work.wanted;
        if let Some((slot, mechanism)) = work.used {
            let tokens = self.store.sign_in_tokens(&work.user, client).await?;
            let tokens = tokens.map(|found| found.tokens).unwrap_or_default();
            let used = tokens.into_iter().find(|token| token.in_use == (slot == Slot::Current));
            let Some(used) = used else { return Ok(None) };
            if work.invalidate {
                // §3.6: a new one only if the client asks for it.
                self.store.sign_in_token_used(&work.user, client, &used.key, now).await?;
                self.store.sign_in_token_remove(&work.user, client, &used.key).await?;
            } else {
                let noted = used.used_at.is_some_and(|at| !is_over(at, NOTED_EVERY, now));
                if slot == Slot::New || !noted {
                    self.store.sign_in_token_used(&work.user, client, &used.key, now).await?;
                }
                wanted = wanted.or(is_over(used.issued_at, ROTATE_AFTER, now).then_some(mechanism));
            }
        }
        match wanted {
            Some(mechanism) => self.give_token(work, client, mechanism, now).await,
            None => Ok(None),
        }
    }

    async fn give_token(
        &self,
        work: &TokenWork,
        client: &str,
        mechanism: TokenMechanism,
        now: Timestamp,
    ) -> Result<Option<GivenToken>, store::Error> {
        let token = format!("{TOKEN_SCHEME}{}", self.runtime.random_token(TOKEN_BYTES));
        let Some(key) = TokenKey::of(&token) else { return Ok(None) };
        let expires_at = later(now, self.config.sign_in.token_time_max);
        let kept = SignInToken {
            client: client.to_owned(),
            in_use: false,
            mechanism: mechanism.name().to_owned(),
            key: key.as_bytes().to_vec(),
            software: work.user_agent.software.clone().unwrap_or_default(),
            device: work.user_agent.device.clone().unwrap_or_default(),
            issued_at: now,
            expires_at,
            used_at: None,
        };
        self.store.sign_in_token_put(&work.user, kept).await?;
        metrics::counter!("carillon_im_tokens_given_total").increment(1);
        Ok(Some(GivenToken { token, expiry: expires_at.to_string() }))
    }
}

fn kept(token: &SignInToken, now: Timestamp) -> Option<KeptToken> {
    Some(KeptToken {
        key: TokenKey::from_bytes(token.key.clone())?,
        mechanism: TokenMechanism::from_name(&token.mechanism)?,
        expired: token.expires_at <= now,
    })
}

fn is_over(since: Timestamp, time: Duration, now: Timestamp) -> bool {
    later(since, time) <= now
}

fn later(at: Timestamp, time: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(i64::try_from(time.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_long_enough_for_its_hash_to_do() {
        let token = format!("{TOKEN_SCHEME}{}", "0".repeat(2 * TOKEN_BYTES));
        assert!(TokenKey::of(&token).is_some());
    }

    #[test]
    fn a_kept_token_expires_to_the_microsecond() {
        let token = SignInToken {
            client: "c".to_owned(),
            in_use: true,
            mechanism: "HT-SHA-256-NONE".to_owned(),
            key: vec![1; 32],
            software: String::new(),
            device: String::new(),
            issued_at: Timestamp(0),
            expires_at: Timestamp(10),
            used_at: None,
        };
        assert!(kept(&token, Timestamp(9)).is_some_and(|token| !token.expired));
        assert!(kept(&token, Timestamp(10)).is_some_and(|token| token.expired));
        let strange = SignInToken { mechanism: "HT-SHA3-512-NONE".to_owned(), ..token };
        assert_eq!(kept(&strange, Timestamp(9)), None);
    }
}
