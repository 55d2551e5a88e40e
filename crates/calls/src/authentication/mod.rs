//! Who sends a request: digest credentials (RFC 3261 §22, RFC 8760) against the accounts of lines.
//!
//! An unknown account, a disabled one and a wrong password get the same answer after the same work and time.
//! Accounts are looked up in memory; what is not there is read from the store by whoever calls.

mod failures;
mod lent;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{BareJid, Host, LineId, Timestamp};
use parking_lot::Mutex;
use sip::digest::{Algorithm, Challenge, Credentials, NonceCounts, Server, Verdict, ha1};
use sip::{Name, Request};
use store::{DigestAccount, DigestSecret, Store};

use crate::SignInLimits;
use crate::address::Network;
use crate::guard::{Alerts, Oddity};
use crate::trunk::{Trunk, Trunks};
use failures::Failures;
pub use lent::Lent;
pub(crate) use lent::{LentAccount, LentAccounts};

/// How long a nonce serves.
const NONCE_LIFETIME: Duration = Duration::from_secs(300);
/// Tables of nonce counts: requests of different phones seldom wait for each other.
const NONCE_TABLES: usize = 16;

/// Checks credentials. Shared by all shards.
pub struct Authentication {
    server: Server,
    counts: Vec<Mutex<NonceCounts>>,
    failures: Failures,
    trusted: Vec<Network>,
    store: Store,
    trunks: Arc<Trunks>,
    alerts: Arc<Alerts>,
    failed: metrics::Counter,
    lent: LentAccounts,
}

/// A line that proved who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The line.
    pub line: LineId,
    /// Its owner.
    pub owner: Option<BareJid>,
    /// The device whose account it was; `None` for the line's own.
    pub device: Option<Arc<str>>,
    /// It is lent for a time.
    pub lent: Option<Lent>,
}

/// What a request's credentials are worth.
#[derive(Debug)]
pub enum Proof {
    /// They prove this account.
    Given(Account),
    /// There are none, or the nonce is spent: challenge at once.
    Wanted {
        /// Were the credentials right but for the nonce?
        stale: bool,
    },
    /// They are wrong: challenge again, after this time.
    Wrong(Duration),
    /// This account was wrong too often from this address: 403, after this time.
    TooOften(Duration),
    /// They prove that it comes over this trunk.
    Trunk(Arc<Trunk>),
    /// The account must be read first: see [`Authentication::read`] and [`Authentication::check_with`].
    Unread {
        /// The user name in the credentials.
        username: String,
    },
}

/// Where and when a request came in.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// The sender's address.
    pub from: IpAddr,
    /// For limits.
    pub instant: Instant,
    /// For nonces.
    pub civil: Timestamp,
}

impl Authentication {
    /// For `realm`; nonces are keyed by `secret`. Failures are limited, but not those from trusted networks.
    pub fn new(
        secret: &[u8; 32],
        realm: &str,
        algorithms: &[Algorithm],
        (trusted, limits): (Vec<Network>, SignInLimits),
        (store, trunks, alerts): (Store, Arc<Trunks>, Arc<Alerts>),
    ) -> Self {
        Self {
            server: Server::new(secret, realm, algorithms, NONCE_LIFETIME),
            counts: (0..NONCE_TABLES).map(|_| Mutex::default()).collect(),
            failures: Failures::new(limits),
            trusted,
            store,
            trunks,
            alerts,
            failed: metrics::counter!("carillon_sip_authentication_failures_total"),
            lent: LentAccounts::default(),
        }
    }

    /// Other limits of failures hold from now on.
    pub fn set_limits(&self, limits: SignInLimits) {
        self.failures.set_limits(limits);
    }

    /// Checks a request against what is in memory.
    pub fn check(&self, request: &Request, arrived: Arrived) -> Proof {
        let Some(credentials) = self.credentials(request) else {
            return Proof::Wanted { stale: false };
        };
        let username = credentials.username();
        if !self.is_trusted(arrived.from) && !self.failures.admits(arrived.from, &username, arrived.instant) {
            return Proof::TooOften(failures::FAILURE_DELAY);
        }
        // A name that is not UTF-8 is nobody's.
        let Ok(username) = std::str::from_utf8(&username) else {
            return self.judge(&credentials, request, None, arrived);
        };
        if let Some(trunk) = self.trunks.by_username(username) {
            return self.judge_trunk(&credentials, request, trunk, arrived);
        }
        if let Some(found) = self.lent.find(username, arrived.civil) {
            return match self.judge(&credentials, request, Some(&found.account), arrived) {
                Proof::Given(account) => Proof::Given(Account { lent: Some(found.lent), ..account }),
                other => other,
            };
        }
        match self.store.digest_account_in_memory(username, self.server.realm()) {
            Some(account) => self.judge(&credentials, request, Some(&account), arrived),
            None => Proof::Unread { username: username.to_owned() },
        }
    }

    /// The accounts that are lent.
    pub(crate) fn lent(&self) -> &LentAccounts {
        &self.lent
    }

    /// An account of a line with this name and password.
    pub(crate) fn account_to_lend(
        &self,
        (line, owner): (&LineId, Option<BareJid>),
        (username, password): (&str, &str),
    ) -> DigestAccount {
        let realm = self.server.realm();
        let secret = |algorithm: &Algorithm| DigestSecret {
            username: username.to_owned(),
            realm: realm.to_owned(),
            algorithm: algorithm.as_str().to_ascii_lowercase(),
            ha1: ha1(*algorithm, username, realm, password),
        };
        let secrets = self.server.algorithms().iter().map(secret).collect();
        DigestAccount { line: line.clone(), owner, enabled: true, device: None, secrets }
    }

    /// Reads the account of a user name; `None` when nobody has it.
    ///
    /// # Errors
    /// The storage could not be read: the request gets a 503.
    pub async fn read(&self, username: &str) -> Result<Option<Arc<DigestAccount>>, store::Error> {
        self.store.digest_account(username, self.server.realm()).await
    }

    /// Checks a request against an account that was read.
    pub fn check_with(&self, request: &Request, account: Option<&DigestAccount>, arrived: Arrived) -> Proof {
        match self.credentials(request) {
            Some(credentials) => self.judge(&credentials, request, account, arrived),
            None => Proof::Wanted { stale: false },
        }
    }

    /// The challenges for a request from `address`, in the configured order.
    pub fn challenges(
        &self,
        now: Timestamp,
        address: IpAddr,
        stale: bool,
    ) -> impl Iterator<Item = Challenge> {
        self.server.challenges(since_1970(now), address, stale)
    }

    /// Forgets nonce counts that no nonce can use any more, and lent accounts that have ended; call now and then.
    pub fn tidy(&self, now: Timestamp) {
        let oldest = since_1970(now).saturating_sub(NONCE_LIFETIME);
        for table in &self.counts {
            table.lock().forget_before(oldest);
        }
        self.lent.retain(now, |_| true);
    }

    /// The first credentials for our realm with an algorithm of ours. As a user agent we ask by 401; phones
    /// that think of us as a proxy answer in the other field.
    fn credentials(&self, request: &Request) -> Option<Credentials> {
        let headers = request.headers();
        let mut all =
            headers.credentials(Name::Authorization).chain(headers.credentials(Name::ProxyAuthorization));
        let ours = |credentials: &Credentials| {
            credentials.realm().as_ref() == self.server.realm().as_bytes()
                && credentials
                    .algorithm()
                    .is_some_and(|algorithm| self.server.algorithms().contains(&algorithm))
        };
        all.find(ours)
    }

    fn judge(
        &self,
        credentials: &Credentials,
        request: &Request,
        account: Option<&DigestAccount>,
        arrived: Arrived,
    ) -> Proof {
        let account = account.filter(|account| account.enabled);
        let ha1 = account.and_then(|account| {
            let wanted = credentials.algorithm()?.as_str();
            account.secrets.iter().find(|secret| secret.algorithm.eq_ignore_ascii_case(wanted))
        });
        let verdict = self.verify(credentials, request, ha1.map(|secret| secret.ha1.as_str()), arrived);
        match (verdict, account) {
            (Verdict::Valid, Some(account)) => {
                let (line, owner, device) =
                    (account.line.clone(), account.owner.clone(), account.device.clone());
                Proof::Given(Account { line, owner, device, lent: None })
            }
            (Verdict::Stale, _) => Proof::Wanted { stale: true },
            _ => self.wrong(credentials, arrived),
        }
    }

    fn judge_trunk(
        &self,
        credentials: &Credentials,
        request: &Request,
        trunk: Arc<Trunk>,
        arrived: Arrived,
    ) -> Proof {
        let ha1 = credentials.algorithm().zip(trunk.password()).map(|(algorithm, password)| {
            ha1(algorithm, &String::from_utf8_lossy(&credentials.username()), self.server.realm(), password)
        });
        match self.verify(credentials, request, ha1.as_deref(), arrived) {
            Verdict::Valid => Proof::Trunk(trunk),
            Verdict::Stale => Proof::Wanted { stale: true },
            _ => self.wrong(credentials, arrived),
        }
    }

    fn verify(
        &self,
        credentials: &Credentials,
        request: &Request,
        ha1: Option<&str>,
        arrived: Arrived,
    ) -> Verdict {
        let mut counts = self.counts[Server::table_of(credentials, NONCE_TABLES)].lock();
        let sender = (arrived.from, since_1970(arrived.civil));
        self.server.verify(credentials, request.method().as_bytes(), ha1, sender, &mut counts)
    }

    fn wrong(&self, credentials: &Credentials, arrived: Arrived) -> Proof {
        self.failed.increment(1);
        if self.is_trusted(arrived.from) {
            return Proof::Wrong(failures::FAILURE_DELAY);
        }
        let failed = self.failures.failed(arrived.from, &credentials.username(), arrived.instant);
        if failed.is_scan {
            let text = "it tries passwords or names, more often than people err".to_owned();
            self.alerts.raise(Oddity::Scanning, &Host::from(arrived.from).to_string(), text, arrived.civil);
        }
        Proof::Wrong(failed.delay)
    }

    fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }
}

fn since_1970(time: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(time.0).unwrap_or(0))
}

#[cfg(test)]
mod tests;
