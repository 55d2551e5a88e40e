//! Shared groups: colleagues stand in each other's rosters and see each other without asking; no client changes that.

use std::collections::BTreeSet;

use model::BareJid;
use store::Colleagues;
use xmpp::{Condition, ErrorKind, StanzaError};

use super::presence;
use super::roster::{item_element, removed_element};
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "shared_groups", specs: &[Spec::rfc(6121, "§2")], disco: &[], account: &[] };

/// What a client hears that wants to part with a colleague.
pub(crate) fn is_colleague() -> StanzaError {
    StanzaError::new(ErrorKind::Cancel, Condition::NotAllowed)
        .with_text("this contact belongs to a shared group: only the administrator can change that")
}

impl Im {
    /// Groups have changed: who is signed in gets what changed in their roster, and sees who came or no longer who
    /// went.
    ///
    /// # Errors
    /// The storage could not be read: clients learn it when they fetch their rosters.
    pub async fn groups_changed(&self) -> Result<(), store::Error> {
        let after = self.store.colleagues();
        let before = self.users.colleagues.swap(std::sync::Arc::clone(&after));
        let users: BTreeSet<&BareJid> = before.users().chain(after.users()).collect();
        for user in users {
            if let Some(account) = self.sessions.account(user.as_str()) {
                account.forget_roster();
                self.tell_changes(user, &before, &after).await?;
            }
        }
        Ok(())
    }

    async fn tell_changes(
        &self,
        user: &BareJid,
        before: &Colleagues,
        after: &Colleagues,
    ) -> Result<(), store::Error> {
        let (old, new) = (before.of(user), after.of(user));
        let contacts: BTreeSet<&&BareJid> = old.keys().chain(new.keys()).collect();
        let changed: Vec<&BareJid> =
            contacts.into_iter().filter(|c| old.get(*c) != new.get(*c)).copied().collect();
        if changed.is_empty() {
            return Ok(());
        }
        let version = self.store.roster(user).await?.version;
        for contact in changed {
            let item = self.store.roster_item(user, contact).await?;
            let told = item.as_ref().map_or_else(|| removed_element(contact), item_element);
            self.push_change(user, version, told);
            match (old.contains_key(contact), new.contains_key(contact)) {
                (false, true) => presence::show_to(self, contact, user),
                (true, false) if !item.is_some_and(|item| item.subscription.from_contact()) => {
                    presence::hide_from(self, contact, user);
                }
                _ => {}
            }
        }
        Ok(())
    }
}
