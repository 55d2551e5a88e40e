//! Users and lines as the store has them: who owns which line, and who is in service.

use std::collections::BTreeMap;

use model::{BareJid, LineId, NodePart, User};
use store::Line;

/// Users and lines of this server.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    users: BTreeMap<String, KnownUser>,
    owners: BTreeMap<LineId, Option<BareJid>>,
}

#[derive(Clone, Debug)]
struct KnownUser {
    jid: BareJid,
    name: String,
    enabled: bool,
    lines: Vec<LineId>,
}

impl Accounts {
    /// These users and lines.
    pub fn new(users: &[User], lines: &[Line]) -> Self {
        let mut accounts = Self::default();
        for user in users {
            let Some(node) = user.jid.node() else { continue };
            let (jid, name) = (user.jid.clone(), user.name.clone());
            let known = KnownUser { jid, name, enabled: user.enabled, lines: Vec::new() };
            accounts.users.insert(node.as_str().to_owned(), known);
        }
        for Line { line, owner } in lines {
            let node = owner.as_ref().and_then(|owner| owner.node());
            if let Some(user) = node.and_then(|node| accounts.users.get_mut(node.as_str())) {
                user.lines.push(line.clone());
            }
            accounts.owners.insert(line.clone(), owner.clone());
        }
        for user in accounts.users.values_mut() {
            user.lines.sort();
        }
        accounts
    }

    /// All lines.
    pub fn lines(&self) -> impl Iterator<Item = &LineId> {
        self.owners.keys()
    }

    /// The owner of a line: `None` when there is no such line, `Some(None)` when it has no owner.
    pub fn owner(&self, line: &LineId) -> Option<Option<&BareJid>> {
        self.owners.get(line).map(Option::as_ref)
    }

    /// The name shown to people for a user.
    pub fn name(&self, user: &BareJid) -> Option<String> {
        let name = &self.users.get(user.node()?.as_str())?.name;
        (!name.is_empty()).then(|| name.clone())
    }

    /// The lines of a user, lowest number first.
    pub fn lines_of(&self, user: &BareJid) -> &[LineId] {
        let known = user.node().and_then(|node| self.users.get(node.as_str()));
        known.map_or(&[], |user| &user.lines)
    }

    /// May phones of this line be registered: does it exist, and is its owner enabled?
    pub fn is_in_service(&self, line: &LineId) -> bool {
        match self.owners.get(line) {
            None => false,
            Some(None) => true,
            Some(Some(owner)) => {
                owner.node().and_then(|node| self.users.get(node.as_str())).is_some_and(|user| user.enabled)
            }
        }
    }

    /// The user of this name, unless disabled (`PS-15`).
    pub(super) fn user(&self, name: &str) -> Option<&BareJid> {
        // RFC 7622 §3.3: a local part is compared in its prepared form.
        let node = NodePart::new(name).ok()?;
        self.users.get(node.as_str()).filter(|user| user.enabled).map(|user| &user.jid)
    }
}
