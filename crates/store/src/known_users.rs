//! Who is a user, in memory: every message to somebody without a session asks it.

use model::BareJid;

/// The most users kept; when full, all are forgotten and read again as they are asked for.
const USERS_MAX: usize = 65_536;

/// Users that were found, each with the generation of accounts in which that was ([`crate::Store::accounts_changes`]).
#[derive(Debug, Default)]
pub(crate) struct KnownUsers(papaya::HashMap<Box<str>, u64>);

impl KnownUsers {
    /// Was the user found, and has no account changed since?
    pub(crate) fn has(&self, generation: u64, jid: &BareJid) -> bool {
        self.0.pin().get(jid.as_str()) == Some(&generation)
    }

    /// Keeps a user that was read when `generation` was the current one. Who is not there is not kept: guesses must not
    /// push out those who are real.
    pub(crate) fn keep(&self, generation: u64, jid: &BareJid) {
        let users = self.0.pin();
        if users.len() >= USERS_MAX {
            users.clear();
        }
        users.insert(jid.as_str().into(), generation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_read_again() {
        let (known, bob) = (KnownUsers::default(), "bob@localhost".parse().unwrap());
        assert!(!known.has(1, &bob));
        known.keep(1, &bob);
        assert!(known.has(1, &bob));
        assert!(!known.has(2, &bob));
    }
}
