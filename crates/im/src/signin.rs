//! Signing in: what the store knows of an account, who tries too often, and how a failure is counted.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{BareJid, Private};
use xmpp::sasl::scram::{Hash, Record};
use xmpp::sasl::{ChannelBinding, Comparison, Credentials, Mechanism, Server, Step, plain};

use crate::Im;

/// One attempt of one address at one account.
pub(crate) struct Attempt {
    address: IpAddr,
    account: BareJid,
    /// The mark of the password that is being proved.
    pub(crate) proved: Option<Proved>,
}

/// What a password left in the store: as long as that stands, the password is the same.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proved(Vec<u8>);

impl Attempt {
    pub(crate) fn new(address: IpAddr, account: BareJid) -> Self {
        Self { address, account, proved: None }
    }

    pub(crate) fn account(&self) -> &BareJid {
        &self.account
    }
}

/// Why a sign-in is answered "not now"; neither tells whether there is such an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// This address has failed at this account too often.
    Limited,
    /// The storage is away.
    Storage,
}

/// Why a password was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// It is not that user's, there is no such user, or the account is disabled.
    #[error("the user name or the password is wrong")]
    Wrong,
    /// Too many were wrong before, or the storage is away.
    #[error("nobody can sign in now")]
    Later,
}

impl Im {
    /// Holds a user's password against the account, for what is not XMPP: at the same price, with the same limits, and
    /// as late an answer to whoever guesses. A name without a domain is one of ours.
    ///
    /// # Errors
    /// It was not taken.
    pub async fn check_password(
        &self,
        address: IpAddr,
        user: &str,
        password: &str,
    ) -> Result<BareJid, PasswordRefused> {
        let name = match user.split_once('@') {
            Some((name, domain)) if domain.eq_ignore_ascii_case(self.domain()) => name,
            Some(_) => return Err(PasswordRefused::Wrong),
            None => user,
        };
        let unknown_users = self.config.unknown_users.clone();
        let mut machine = Server::new(&[Mechanism::Plain], ChannelBinding::default(), unknown_users);
        let nonce = self.runtime.random_token(16);
        let message = plain::message(name, password);
        let Step::LookUp(name) = machine.start(Mechanism::Plain.name(), Some(&message), nonce) else {
            return Err(PasswordRefused::Wrong);
        };
        let account = format!("{name}@{}", self.domain()).parse::<BareJid>();
        let attempt = Attempt::new(address, account.map_err(|_| PasswordRefused::Wrong)?);
        let found = self.credentials(&attempt).await.map_err(|_| PasswordRefused::Later)?;
        let comparison = machine.comparison(found.as_ref()).ok_or(PasswordRefused::Later)?;
        let comparison = self.compare(comparison).await.ok_or(PasswordRefused::Later)?;
        match machine.compared(comparison) {
            Step::Success { .. } => {
                self.sign_in_succeeded(&attempt);
                Ok(attempt.account)
            }
            _ => {
                self.runtime.sleep(self.sign_in_failed(&attempt)).await;
                Err(PasswordRefused::Wrong)
            }
        }
    }

    /// May this account be tried from this address?
    pub(crate) fn admit(&self, attempt: &Attempt) -> Result<(), Unanswered> {
        let limits = self.limits.load().sign_in;
        let now = self.runtime.now();
        if !self.is_trusted(attempt)
            && !self.arrivals.guard.admits(attempt.address, attempt.account.as_str(), &limits, now)
        {
            metrics::counter!("carillon_im_sign_ins_limited_total").increment(1);
            return Err(Unanswered::Limited);
        }
        Ok(())
    }

    /// What proves the account.
    pub(crate) async fn credentials(&self, attempt: &Attempt) -> Result<Option<Credentials>, Unanswered> {
        self.admit(attempt)?;
        match self.store.credentials(&attempt.account).await {
            Ok(found) => Ok(found.map(credentials)),
            Err(error) => {
                tracing::warn!(%error, "nobody can sign in: the store cannot be read");
                Err(Unanswered::Storage)
            }
        }
    }

    /// Compares a password on a thread for such work, some at a time: those who come later wait in turn, as long
    /// as their time to sign in lasts. `None` when the work did not come to an end.
    pub(crate) async fn compare(&self, mut comparison: Comparison) -> Option<Comparison> {
        let turn = Arc::clone(&self.arrivals.comparisons).acquire_owned().await.ok()?;
        let work = move || {
            comparison.run();
            // The turn is over when the work is, though nobody should wait for it any more.
            drop(turn);
            comparison
        };
        self.runtime.blocking(work).join().await
    }

    /// Counts a failure; gives the time to wait before saying so.
    pub(crate) fn sign_in_failed(&self, attempt: &Attempt) -> Duration {
        metrics::counter!("carillon_im_sign_ins_failed_total").increment(1);
        let (address, account) = (Private(attempt.address), Private(&attempt.account));
        tracing::info!(%address, %account, "a sign-in failed");
        if self.is_trusted(attempt) {
            return Duration::ZERO;
        }
        let limits = self.limits.load().sign_in;
        self.arrivals.guard.failed(attempt.address, attempt.account.as_str(), &limits, self.runtime.now())
    }

    /// Forgives the failures of this account from this address.
    pub(crate) fn sign_in_succeeded(&self, attempt: &Attempt) {
        metrics::counter!("carillon_im_sign_ins_total").increment(1);
        self.arrivals.guard.succeeded(attempt.address, attempt.account.as_str());
    }

    /// Keeps records for stronger mechanisms beside those that the account has, unless the password has changed
    /// since it was proved.
    pub(crate) async fn keep_records(&self, user: &BareJid, proved: &Proved, records: &[(Hash, Record)]) {
        let records: Vec<_> = records.iter().map(|(hash, record)| scram_record(*hash, record)).collect();
        match self.store.credentials_add(user, &proved.0, records).await {
            Ok(()) => metrics::counter!("carillon_im_credentials_upgraded_total").increment(1),
            Err(error) => tracing::warn!(%error, "an account could not be given stronger credentials"),
        }
    }

    fn is_trusted(&self, attempt: &Attempt) -> bool {
        self.trusts(attempt.address)
    }

    /// Is this address one whose failures are not limited (`[network] trusted`)?
    pub fn trusts(&self, address: IpAddr) -> bool {
        (self.config.trusted)(address)
    }
}

/// The hash functions of mechanisms, weakest first.
pub(crate) fn hashes(mechanisms: &[Mechanism]) -> Vec<Hash> {
    let mut hashes: Vec<_> = mechanisms.iter().filter_map(|mechanism| mechanism.hash()).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// The mark of an account's password.
pub(crate) fn mark(credentials: &Credentials) -> Option<Proved> {
    let record = Hash::ALL.into_iter().find_map(|hash| credentials.record(hash))?;
    Some(Proved(record.stored_key.clone()))
}

/// A record as the store takes it.
pub(crate) fn scram_record(hash: Hash, record: &Record) -> store::ScramRecord {
    store::ScramRecord {
        mechanism: hash.mechanism().to_owned(),
        salt: record.salt.clone(),
        iterations: record.iterations,
        stored_key: record.stored_key.clone(),
        server_key: record.server_key.clone(),
    }
}

/// What the store has, as sign-ins take it.
pub(crate) fn credentials(stored: store::Credentials) -> Credentials {
    let mut credentials = Credentials { enabled: stored.enabled, ..Credentials::default() };
    for record in stored.scram {
        let slot = match record.mechanism.as_str() {
            "SCRAM-SHA-1" => &mut credentials.sha1,
            "SCRAM-SHA-256" => &mut credentials.sha256,
            "SCRAM-SHA-512" => &mut credentials.sha512,
            _ => continue,
        };
        *slot = Some(Record {
            salt: record.salt,
            iterations: record.iterations,
            stored_key: record.stored_key,
            server_key: record.server_key,
        });
    }
    credentials
}
