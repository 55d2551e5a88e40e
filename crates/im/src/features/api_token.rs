//! Tokens for the programming interface: a client that has signed in asks for one, so that a page need not keep the password
//! for what is not XMPP.
//!
//! A token is in memory only, as its hash, holds for an hour, and ends before that when its account is disabled, removed or
//! given another password, or when its user has too many.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{BareJid, Timestamp};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use xmpp::{Condition, Element, ErrorKind, Stanza, StanzaError};

use crate::acceptance::storage_error;
use crate::signin::{self, Proved};
use crate::{About, Im};

/// What this feature is.
pub const ABOUT: About = About { name: "api_token", specs: &[], disco: &[NS], account: &[] };

/// The namespace.
pub(crate) const NS: &str = "urn:carillon:api:0";
/// How long a token holds.
const TOKEN_TIME: Duration = Duration::from_secs(3_600);
/// A token, in bytes of entropy.
const TOKEN_BYTES: usize = 32;
/// What a token is called, in bytes of its hash.
const ID_BYTES: usize = 8;
/// Tokens of one user at a time; the oldest is void for the next.
const TOKENS_PER_USER_MAX: usize = 16;
/// Tokens of all users at a time.
const TOKENS_MAX: usize = 65_536;

/// Whom a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenHolder {
    /// The user.
    pub user: BareJid,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Which token it is, for what belongs to it; nobody can sign in with that.
    pub id: String,
}

/// Why a token was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// It is none, or has ended.
    #[error("the token is none, or has ended")]
    Wrong,
    /// The storage is away.
    #[error("nobody can sign in now")]
    Later,
}

/// All tokens.
#[derive(Default)]
pub(crate) struct ApiTokens(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_hash: BTreeMap<Hash, Held>,
    /// Oldest first.
    by_user: BTreeMap<String, Vec<Hash>>,
}

type Hash = [u8; 32];

#[derive(Clone)]
struct Held {
    holder: TokenHolder,
    /// As long as the password leaves this mark, it is the same.
    proved: Option<Proved>,
}

impl ApiTokens {
    fn add(&self, hash: Hash, held: Held, now: Timestamp) -> Result<(), Full> {
        let mut table = self.0.lock();
        let user = held.holder.user.to_string();
        if table.by_hash.len() >= TOKENS_MAX {
            table.retain(|held| held.holder.expires_at > now);
        }
        if table.by_hash.len() >= TOKENS_MAX {
            return Err(Full);
        }
        let own = table.by_user.entry(user).or_default();
        let oldest = (own.len() >= TOKENS_PER_USER_MAX).then(|| own.remove(0));
        own.push(hash);
        if let Some(oldest) = oldest {
            table.by_hash.remove(&oldest);
        }
        table.by_hash.insert(hash, held);
        Ok(())
    }

    fn find(&self, hash: &Hash, now: Timestamp) -> Option<Held> {
        self.0.lock().by_hash.get(hash).filter(|held| held.holder.expires_at > now).cloned()
    }

    fn remove(&self, hash: &Hash) -> bool {
        let mut table = self.0.lock();
        let Some(held) = table.by_hash.remove(hash) else { return false };
        let user = held.holder.user.as_str();
        if let Some(own) = table.by_user.get_mut(user) {
            own.retain(|other| other != hash);
            if own.is_empty() {
                table.by_user.remove(user);
            }
        }
        true
    }

    /// All tokens of a user end.
    pub(crate) fn end(&self, user: &str) {
        let mut table = self.0.lock();
        for hash in table.by_user.remove(user).unwrap_or_default() {
            table.by_hash.remove(&hash);
        }
    }
}

impl Table {
    fn retain(&mut self, stays: impl Fn(&Held) -> bool) {
        self.by_hash.retain(|_, held| stays(held));
        let by_hash = &self.by_hash;
        self.by_user.retain(|_, own| {
            own.retain(|hash| by_hash.contains_key(hash));
            !own.is_empty()
        });
    }
}

/// There is no room for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Full;

fn hash(token: &str) -> Hash {
    Sha256::digest(token).into()
}

/// What a token is called: the beginning of its hash.
fn id(hash: &Hash) -> String {
    hash[..ID_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Is a client asking for a token?
pub(crate) fn is_asked(stanza: &Stanza) -> bool {
    stanza.type_().as_deref() == Some("get")
        && stanza.first_child().is_some_and(|child| child.is("token", NS))
}

/// Gives a user a token: `<token expires='...'>...</token>`.
pub(crate) async fn give(im: &Im, user: &BareJid) -> Result<Option<Element>, StanzaError> {
    let proved =
        im.mark_of(user).await.map_err(|error| storage_error(&error))?.ok_or(Condition::NotAllowed)?;
    let now = im.runtime.timestamp();
    let token = im.runtime.random_token(TOKEN_BYTES);
    let hash = hash(&token);
    let holder = TokenHolder { user: user.clone(), expires_at: now.plus(TOKEN_TIME), id: id(&hash) };
    let expires = holder.expires_at.to_string();
    im.users.api_tokens.add(hash, Held { holder, proved }, now).map_err(|Full| {
        StanzaError::new(ErrorKind::Wait, Condition::ResourceConstraint)
            .with_text("there are too many tokens; try again later")
    })?;
    metrics::counter!("carillon_im_api_tokens_given_total").increment(1);
    Ok(Some(Element::new("token", NS).with_attr("expires", expires).with_text(token)))
}

impl Im {
    /// Whom a token of the programming interface stands for.
    ///
    /// # Errors
    /// It was not taken.
    pub async fn token_holder(&self, token: &str) -> Result<TokenHolder, TokenRefused> {
        let hash = hash(token);
        let held = self.users.api_tokens.find(&hash, self.runtime.timestamp()).ok_or(TokenRefused::Wrong)?;
        let Held { holder, proved } = held;
        match self.mark_of(&holder.user).await {
            Ok(Some(mark)) if mark == proved => Ok(holder),
            Ok(_) => {
                self.users.api_tokens.remove(&hash);
                Err(TokenRefused::Wrong)
            }
            Err(error) => {
                tracing::warn!(%error, "nobody can sign in by token: the store cannot be read");
                Err(TokenRefused::Later)
            }
        }
    }

    /// Ends a token, as its holder wishes; false when there is none.
    pub fn end_token(&self, token: &str) -> bool {
        self.users.api_tokens.remove(&hash(token))
    }

    /// The mark of the password of an account; `None` when there is no such account, or it is disabled.
    async fn mark_of(&self, user: &BareJid) -> Result<Option<Option<Proved>>, store::Error> {
        let found = self.store.credentials(user).await?.map(signin::credentials);
        Ok(found.filter(|found| found.enabled).map(|found| signin::mark(&found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

    fn held(user: &str, expires_at: Timestamp) -> Held {
        let (user, id) = (user.parse().unwrap(), String::new());
        Held { holder: TokenHolder { user, expires_at, id }, proved: None }
    }

    fn later(seconds: i64) -> Timestamp {
        Timestamp(NOW.0 + seconds * 1_000_000)
    }

    #[test]
    fn a_token_holds_until_its_end_and_one_that_is_ended_no_longer() {
        let tokens = ApiTokens::default();
        tokens.add(hash("a"), held("ann@localhost", later(10)), NOW).unwrap();
        assert!(tokens.find(&hash("a"), later(9)).is_some());
        assert!(tokens.find(&hash("a"), later(10)).is_none());
        assert!(tokens.find(&hash("b"), NOW).is_none());
        assert!(tokens.remove(&hash("a")) && !tokens.remove(&hash("a")));
        assert!(tokens.find(&hash("a"), NOW).is_none());
        assert!(tokens.0.lock().by_user.is_empty());
    }

    #[test]
    fn of_too_many_tokens_of_one_user_the_oldest_goes_and_others_keep_theirs() {
        let tokens = ApiTokens::default();
        tokens.add(hash("bob"), held("bob@localhost", later(10)), NOW).unwrap();
        for number in 0..=TOKENS_PER_USER_MAX {
            let hash = hash(&number.to_string());
            tokens.add(hash, held("ann@localhost", later(10)), NOW).unwrap();
        }
        assert!(tokens.find(&hash("0"), NOW).is_none() && tokens.find(&hash("1"), NOW).is_some());
        tokens.end("ann@localhost");
        assert!(tokens.find(&hash("1"), NOW).is_none() && tokens.find(&hash("bob"), NOW).is_some());
        assert_eq!(tokens.0.lock().by_hash.len(), 1);
    }

    #[test]
    fn when_all_places_are_taken_only_those_that_have_ended_are_given_anew() {
        let tokens = ApiTokens::default();
        let user = |number: usize| format!("u{number}@localhost");
        for number in 0..TOKENS_MAX {
            let until = later(if number == 7 { 1 } else { 60 });
            tokens.add(hash(&number.to_string()), held(&user(number), until), NOW).unwrap();
        }
        let one_more = || tokens.add(hash("x"), held("x@localhost", later(60)), later(2));
        assert_eq!(tokens.add(hash("x"), held("x@localhost", later(60)), NOW), Err(Full));
        assert_eq!(one_more(), Ok(()));
        assert!(!tokens.0.lock().by_user.contains_key(&user(7)));
    }
}
