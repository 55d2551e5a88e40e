//! Accounts that phones in browsers are lent for a time: a name and a secret that nobody chooses or types, for one line.
//! They are in memory only, and end with what they were lent for.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{BareJid, Timestamp};
use parking_lot::Mutex;
use store::DigestAccount;

/// Accounts that are lent at a time.
const LENT_MAX: usize = 65_536;

/// What tells that an account is lent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    /// The name that it signs in with.
    pub username: Arc<str>,
    /// When it ends, and with it what was registered by it.
    pub expires_at: Timestamp,
}

/// An account that is lent.
#[derive(Clone)]
pub(crate) struct LentAccount {
    pub lent: Lent,
    pub account: Arc<DigestAccount>,
    /// Whoever borrows has one at a time.
    pub holder: String,
}

/// All of them.
#[derive(Default)]
pub(crate) struct LentAccounts(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_username: BTreeMap<Arc<str>, LentAccount>,
    by_holder: BTreeMap<String, Arc<str>>,
}

/// There is no room for another account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl LentAccounts {
    /// Lends an account; gives the one that its holder had before.
    pub(crate) fn lend(&self, account: LentAccount, now: Timestamp) -> Result<Option<LentAccount>, Full> {
        let mut table = self.0.lock();
        if table.by_username.len() >= LENT_MAX {
            table.remove(|account| account.lent.expires_at <= now);
        }
        if table.by_username.len() >= LENT_MAX && !table.by_holder.contains_key(&account.holder) {
            return Err(Full);
        }
        let username = Arc::clone(&account.lent.username);
        let before = table.by_holder.insert(account.holder.clone(), Arc::clone(&username));
        let before = before.and_then(|before| table.by_username.remove(&before));
        table.by_username.insert(username, account);
        Ok(before)
    }

    /// The account of this name, while it is lent.
    pub(crate) fn find(&self, username: &str, now: Timestamp) -> Option<LentAccount> {
        self.0.lock().by_username.get(username).filter(|account| account.lent.expires_at > now).cloned()
    }

    /// Takes back what a holder was lent.
    pub(crate) fn take_back(&self, holder: &str) -> Option<LentAccount> {
        let mut table = self.0.lock();
        let username = table.by_holder.remove(holder)?;
        table.by_username.remove(&username)
    }

    /// Takes back all that a user was lent.
    pub(crate) fn take_back_of(&self, user: &BareJid) -> Vec<LentAccount> {
        self.0.lock().remove(|account| account.account.owner.as_ref() == Some(user))
    }

    /// Takes back what is over, and what `stays` does not want any more.
    pub(crate) fn retain(&self, now: Timestamp, stays: impl Fn(&DigestAccount) -> bool) {
        self.0.lock().remove(|account| account.lent.expires_at <= now || !stays(&account.account));
    }
}

impl Table {
    fn remove(&mut self, goes: impl Fn(&LentAccount) -> bool) -> Vec<LentAccount> {
        let gone: Vec<_> = self.by_username.extract_if(.., |_, account| goes(account)).collect();
        for (_, account) in &gone {
            self.by_holder.remove(&account.holder);
        }
        gone.into_iter().map(|(_, account)| account).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
    const END: Timestamp = Timestamp(NOW.0 + 1);

    fn account(username: &str, holder: &str) -> LentAccount {
        let account = DigestAccount {
            line: "1001".parse::<model::Number>().unwrap().into(),
            owner: Some("ann@localhost".parse().unwrap()),
            enabled: true,
            device: None,
            secrets: Vec::new(),
        };
        let lent = Lent { username: username.into(), expires_at: END };
        LentAccount { lent, account: Arc::new(account), holder: holder.to_owned() }
    }

    fn names(lent: &LentAccounts) -> Vec<String> {
        lent.0.lock().by_username.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn a_holder_has_one_account_until_its_end() {
        let lent = LentAccounts::default();
        assert!(lent.lend(account("a", "page"), NOW).unwrap().is_none());
        let before = lent.lend(account("b", "page"), NOW).unwrap().unwrap();
        assert_eq!(&*before.lent.username, "a");
        lent.lend(account("c", "other"), NOW).unwrap();
        assert_eq!(names(&lent), ["b", "c"]);
        assert!(lent.find("b", NOW).is_some() && lent.find("b", END).is_none());
        assert!(lent.take_back("page").is_some() && lent.take_back("page").is_none());
        assert_eq!(names(&lent), ["c"]);
        lent.retain(END, |_| true);
        assert!(names(&lent).is_empty() && lent.0.lock().by_holder.is_empty());
    }

    #[test]
    fn accounts_end_with_their_user_and_with_their_line() {
        let lent = LentAccounts::default();
        lent.lend(account("a", "one"), NOW).unwrap();
        lent.lend(account("b", "two"), NOW).unwrap();
        assert!(lent.take_back_of(&"bob@localhost".parse().unwrap()).is_empty());
        assert_eq!(lent.take_back_of(&"ann@localhost".parse().unwrap()).len(), 2);
        lent.lend(account("c", "one"), NOW).unwrap();
        lent.retain(NOW, |account| account.line.number.as_str() != "1001");
        assert!(names(&lent).is_empty());
    }

    #[test]
    fn there_are_so_many_and_who_has_one_may_have_it_anew() {
        let lent = LentAccounts::default();
        for number in 0..LENT_MAX {
            lent.lend(account(&format!("u{number}"), &number.to_string()), NOW).unwrap();
        }
        assert!(matches!(lent.lend(account("x", "x"), NOW), Err(Full)));
        assert!(lent.lend(account("x", "7"), NOW).unwrap().is_some());
        assert!(lent.lend(account("y", "y"), END).is_ok(), "those that have ended leave room");
    }
}
