//! Who somebody is to a node (XEP-0060 §4.1), and what that allows: reading, subscribing, publishing.

use model::{BareJid, Jid};
use serde::{Deserialize, Serialize};
use xmpp::xep::pubsub::extended;
use xmpp::{Condition, ErrorKind, StanzaError};

use super::config::{Access, NodeConfig, PublishModel, words};
use super::{Service, failed};
use crate::Im;

words! {
    /// What somebody is to a node.
    Affiliation {
        /// Does everything.
        Owner = "owner",
        /// Publishes and reads.
        Publisher = "publisher",
        /// Publishes and does not read.
        PublishOnly = "publish-only",
        /// Reads.
        Member = "member",
        /// Nothing in particular.
        None = "none",
        /// Nothing at all.
        Outcast = "outcast",
    }
}

/// The word for a subscription that waits for an owner's answer.
pub(super) const PENDING: &str = "pending";
/// The word for one that is granted.
pub(super) const SUBSCRIBED: &str = "subscribed";

/// Somebody before a node.
pub(super) struct Standing<'a> {
    pub(super) service: &'a Service,
    pub(super) node: &'a str,
    pub(super) who: BareJid,
    pub(super) affiliation: Affiliation,
}

impl<'a> Standing<'a> {
    /// Looks up who `asker` is.
    pub(super) async fn of(
        im: &Im,
        service: &'a Service,
        node: &'a str,
        asker: &Jid,
    ) -> Result<Self, StanzaError> {
        let who = asker.to_bare();
        let affiliation = if service.personal && who == service.address {
            Affiliation::Owner
        } else {
            let word = failed(im.store.pubsub_affiliation(service.key(), node, &who).await)?;
            word.and_then(|word| Affiliation::of(&word)).unwrap_or(Affiliation::None)
        };
        Ok(Self { service, node, who, affiliation })
    }

    /// What only owners do (§8): others hear that they may not. At a person's own service a stranger is not told
    /// which nodes there are.
    pub(super) fn owns(&self) -> Result<(), StanzaError> {
        match self.affiliation {
            Affiliation::Owner => Ok(()),
            Affiliation::None | Affiliation::Outcast if self.service.personal => {
                Err(Condition::ItemNotFound.into())
            }
            _ => Err(Condition::Forbidden.into()),
        }
    }

    /// Does the node let them subscribe (§6.1.3)? `authorize` is asked by the caller.
    pub(super) async fn may_subscribe(&self, im: &Im, config: &NodeConfig) -> Result<(), StanzaError> {
        match self.affiliation {
            Affiliation::Owner | Affiliation::Publisher | Affiliation::Member => Ok(()),
            Affiliation::Outcast | Affiliation::PublishOnly => Err(Condition::Forbidden.into()),
            Affiliation::None => self.admitted(im, config).await,
        }
    }

    /// Does the node let them read its items (§6.5.9)?
    pub(super) async fn may_read(&self, im: &Im, config: &NodeConfig) -> Result<(), StanzaError> {
        self.may_subscribe(im, config).await?;
        if config.access == Access::Authorize
            && self.affiliation == Affiliation::None
            && !self.is_subscribed(im).await?
        {
            return Err(extended(Condition::NotAuthorized, "not-subscribed"));
        }
        Ok(())
    }

    /// The same for a person's own service: whoever may not read learns nothing of the node, not even whether there
    /// is one, for that would tell whether there is such a person (RFC 6121 §8.5.1).
    pub(super) async fn sees(&self, im: &Im, config: &NodeConfig) -> Result<(), StanzaError> {
        let may = self.may_read(im, config).await;
        match may {
            Err(_) if self.service.personal && self.affiliation == Affiliation::None => {
                Err(Condition::ItemNotFound.into())
            }
            may => may,
        }
    }

    async fn admitted(&self, im: &Im, config: &NodeConfig) -> Result<(), StanzaError> {
        match config.access {
            Access::Open | Access::Authorize => Ok(()),
            Access::Whitelist => Err(extended(Condition::NotAllowed, "closed-node")),
            Access::Presence => {
                for owner in self.owners(im).await? {
                    if failed(presence::may_watch(&im.store, &self.who, &owner).await)? {
                        return Ok(());
                    }
                }
                Err(extended(Condition::NotAuthorized, "presence-subscription-required"))
            }
            Access::Roster => {
                for owner in self.owners(im).await? {
                    let item = failed(im.store.roster_item(&owner, &self.who).await)?;
                    if item.is_some_and(|item| in_groups(&item.groups, &config.roster_groups)) {
                        return Ok(());
                    }
                }
                Err(extended(Condition::NotAuthorized, "not-in-roster-group"))
            }
        }
    }

    /// May they publish (§7.1.3.1)?
    pub(super) async fn may_publish(&self, im: &Im, config: &NodeConfig) -> Result<(), StanzaError> {
        let may = match (self.affiliation, config.publish_model) {
            (Affiliation::Owner | Affiliation::Publisher | Affiliation::PublishOnly, _) => true,
            (Affiliation::Outcast, _) => false,
            (_, PublishModel::Open) => true,
            (_, PublishModel::Subscribers) => self.is_subscribed(im).await?,
            (_, PublishModel::Publishers) => false,
        };
        if may {
            return Ok(());
        }
        let hidden = self.service.personal && self.sees(im, config).await.is_err();
        Err(if hidden { Condition::ItemNotFound } else { Condition::Forbidden }.into())
    }

    async fn is_subscribed(&self, im: &Im) -> Result<bool, StanzaError> {
        let key = self.service.key();
        let own = failed(im.store.pubsub_subscriptions_of(key, &self.who, Some(self.node)).await)?;
        Ok(own.iter().any(|subscription| subscription.state == SUBSCRIBED))
    }

    async fn owners(&self, im: &Im) -> Result<Vec<BareJid>, StanzaError> {
        owners(im, self.service, self.node).await
    }
}

/// Who owns a node.
pub(super) async fn owners(im: &Im, service: &Service, node: &str) -> Result<Vec<BareJid>, StanzaError> {
    let mut owners = if service.personal { vec![service.address.clone()] } else { Vec::new() };
    for (jid, word) in failed(im.store.pubsub_affiliations(service.key(), node).await)? {
        if Affiliation::of(&word) == Some(Affiliation::Owner) {
            owners.push(jid);
        }
    }
    Ok(owners)
}

/// Is somebody of these groups in one that is named? No name means all of the roster.
pub(super) fn in_groups(of: &[String], named: &[String]) -> bool {
    named.is_empty() || of.iter().any(|group| named.contains(group))
}

/// A refusal of a type that is not the usual one of its condition.
pub(super) fn refused(kind: ErrorKind, condition: Condition, name: &'static str) -> StanzaError {
    StanzaError { kind, ..extended(condition, name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_affiliation_has_its_word() {
        for word in ["owner", "publisher", "publish-only", "member", "none", "outcast"] {
            assert_eq!(Affiliation::of(word).map(Affiliation::as_str), Some(word));
        }
        assert_eq!(Affiliation::of("admin"), None);
    }

    #[test]
    fn groups_narrow_the_roster() {
        let groups = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(in_groups(&groups(&[]), &groups(&[])));
        assert!(in_groups(&groups(&["Friends", "Work"]), &groups(&["Work"])));
        assert!(!in_groups(&groups(&["Friends"]), &groups(&["Work"])));
    }
}
