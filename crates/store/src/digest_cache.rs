//! Digest accounts in memory, for phones refresh often and each refresh must be proved.

use std::sync::Arc;

use tokio::sync::watch;

use crate::DigestAccount;

/// The most accounts kept; when full, all are forgotten and read again as they are asked for.
const ACCOUNTS_MAX: usize = 65_536;

/// Accounts by user name and realm, with the generation they belong to: every change of an account begins a new one.
#[derive(Debug, Default)]
pub(crate) struct DigestCache {
    generation: watch::Sender<u64>,
    accounts: papaya::HashMap<String, (u64, Option<Arc<DigestAccount>>)>,
}

impl DigestCache {
    pub(crate) fn generation(&self) -> u64 {
        *self.generation.borrow()
    }

    /// What is known: `Some(None)` when it is known that there is no such account.
    pub(crate) fn find(&self, username: &str, realm: &str) -> Option<Option<Arc<DigestAccount>>> {
        let accounts = self.accounts.pin();
        let (generation, account) = accounts.get(key(username, realm).as_str())?;
        (*generation == self.generation()).then(|| account.clone())
    }

    /// Keeps what was read when `generation` was the current one; what changed since is not kept.
    pub(crate) fn keep(
        &self,
        generation: u64,
        username: &str,
        realm: &str,
        account: Option<Arc<DigestAccount>>,
    ) {
        // An unknown name is not kept: guesses must not push out those who are real.
        if account.is_none() {
            return;
        }
        let accounts = self.accounts.pin();
        if accounts.len() >= ACCOUNTS_MAX {
            accounts.clear();
        }
        accounts.insert(key(username, realm), (generation, account));
    }

    /// Hears of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }

    /// An account has changed.
    pub(crate) fn changed(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }
}

fn key(username: &str, realm: &str) -> String {
    let mut key = String::with_capacity(username.len() + realm.len() + 1);
    key.push_str(username);
    key.push('\n');
    key.push_str(realm);
    key
}
