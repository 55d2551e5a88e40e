//! Phones that are lent: a page of a user who is signed in gets an account of the user's line for a time.

use std::sync::Arc;

use model::{BareJid, LineId, Timestamp};

use super::Calls;
use crate::authentication::LentAccount;
use crate::command::Refusal;

/// The name of a lent account and its secret, in bytes of entropy.
const NAME_BYTES: usize = 8;
const SECRET_BYTES: usize = 16;

/// What a phone signs in with for a time. Shows itself to nobody.
pub struct LentPhone {
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl Calls {
    /// Lends an account of a line until `expires_at`. `holder` has one at a time: one that was lent before ends.
    ///
    /// # Errors
    /// There is no such line in service, or there are too many accounts.
    pub fn lend_phone(
        &self,
        holder: &str,
        line: &LineId,
        expires_at: Timestamp,
    ) -> Result<LentPhone, Refusal> {
        let plan = self.rooms.plan.load();
        let owner = plan.accounts().owner(line).ok_or(Refusal::NoSuchLine)?.cloned();
        if !plan.accounts().is_in_service(line) {
            return Err(Refusal::NoSuchLine);
        }
        let runtime = &self.rooms.runtime;
        // A number or a name of a user never has this form.
        let username = format!("web.{}", runtime.random_token(NAME_BYTES));
        let password = runtime.random_token(SECRET_BYTES);
        let authentication = &self.rooms.authentication;
        let account = authentication.account_to_lend((line, owner), (&username, &password));
        let before = authentication
            .lent()
            .lend(LentAccount::new(account, &username, (holder, expires_at)), runtime.timestamp());
        self.unregister(before.map_err(|_| Refusal::Resources)?);
        Ok(LentPhone { username, password })
    }

    /// Takes back the account that a holder was lent, and what was registered by it; false when there is none.
    pub fn take_back_phone(&self, holder: &str) -> bool {
        let taken = self.rooms.authentication.lent().take_back(holder);
        let was_there = taken.is_some();
        self.unregister(taken);
        was_there
    }

    /// Takes back all accounts that a user was lent; gives their number.
    pub fn take_back_phones_of(&self, user: &BareJid) -> usize {
        let taken = self.rooms.authentication.lent().take_back_of(user);
        let count = taken.len();
        self.unregister(taken);
        count
    }

    fn unregister(&self, taken: impl IntoIterator<Item = LentAccount>) {
        let now = self.rooms.runtime.timestamp();
        for LentAccount { lent, account, .. } in taken {
            self.rooms.registrar.unregister_lent(&account.line, &lent.username, now);
        }
    }
}

impl LentAccount {
    fn new(account: store::DigestAccount, username: &str, (holder, expires_at): (&str, Timestamp)) -> Self {
        let lent = crate::authentication::Lent { username: username.into(), expires_at };
        Self { lent, account: Arc::new(account), holder: holder.to_owned() }
    }
}
