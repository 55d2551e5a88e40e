//! What administrators do to accounts over XMPP is done above this crate: the way there.

use futures::future::BoxFuture;
use model::BareJid;
use xmpp::StanzaError;

use crate::acceptance::storage_error;
use crate::{Im, Permitted};

/// Something to be done to accounts. It may hold a password and shows itself to nobody.
pub enum Order {
    /// Make an account.
    UserAdd {
        /// Whose.
        jid: BareJid,
        /// The name shown to people; empty for none.
        name: String,
        /// The password.
        password: String,
    },
    /// Remove these accounts.
    UserDelete(Vec<BareJid>),
    /// Let these sign in, or no longer.
    UserSetEnabled(Vec<BareJid>, bool),
    /// Give an account another password.
    UserSetPassword {
        /// Whose.
        jid: BareJid,
        /// The password.
        password: String,
    },
}

/// Carries out what administrators order.
pub trait Administration: Send + Sync {
    /// Does what this user orders; the error is a sentence for them.
    fn carry_out(&self, by: &BareJid, order: Order) -> BoxFuture<'_, Result<(), String>>;
}

impl Im {
    /// Sets who carries out what administrators order.
    pub fn set_administration(&self, administration: impl Administration + 'static) {
        self.users.administration.store(Some(std::sync::Arc::new(Box::new(administration))));
    }

    /// May this user administer the service (`[im] administrators`)?
    pub(crate) fn is_administrator(&self, user: &BareJid) -> bool {
        self.users.policies.load().administrators.contains(user)
    }

    /// Is somebody one of those who may do something?
    ///
    /// # Errors
    /// The groups could not be read.
    pub async fn permits(&self, who: &Permitted, user: &BareJid) -> Result<bool, StanzaError> {
        let ours = user.domain().as_str() == self.domain();
        match who {
            Permitted::Everybody => Ok(true),
            Permitted::Users => Ok(ours),
            Permitted::Nobody => Ok(false),
            Permitted::Administrators => Ok(self.is_administrator(user)),
            Permitted::Groups(_) if self.is_administrator(user) => Ok(true),
            Permitted::Groups(groups) => {
                let of = self.store.groups_of(user).await.map_err(|error| storage_error(&error))?;
                Ok(ours && of.iter().any(|group| groups.contains(group)))
            }
        }
    }
}
