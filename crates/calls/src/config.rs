//! What the operator may set about calls, and the limits that hold for them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use model::DomainPart;

use crate::address::{Addresses, Network};
use crate::dialplan::Services;

/// How call control is set up.
#[derive(Clone)]
pub struct CallsConfig {
    /// The domain of all users and lines, and the digest realm.
    pub domain: DomainPart,
    /// Where to listen.
    pub listen: Listen,
    /// TLS for those who connect and for trunks that we connect to; exchanged on reload.
    pub tls: Option<Arc<crate::Tls>>,
    /// Which addresses phones are told.
    pub addresses: Addresses,
    /// Digest algorithms offered, in this order (`[sip] digest`).
    pub digest: Vec<sip::digest::Algorithm>,
    /// Networks whose failures are not limited (`[network] trusted`).
    pub trusted: Vec<Network>,
    /// How signalling is marked (`MD-16`).
    pub dscp: runtime::Dscp,
    /// Shards; 0 is one for each four cores.
    pub shards: usize,
    /// The number that echoes audio.
    pub echo_number: Option<String>,
    /// The numbers of conferences.
    pub conferences: Vec<crate::MeetMe>,
    /// What is played.
    pub sounds: Sounds,
    /// Limits of calls.
    pub limits: CallLimits,
    /// Limits of failures to sign in.
    pub sign_in: SignInLimits,
    /// What is kept of calls.
    pub records: RecordPolicy,
    /// Recordings of what is said in calls.
    pub recordings: Recordings,
}

/// Recordings of what is said in calls. Which are made says the dial plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recordings {
    /// Their folder; made when it is first needed, for nobody else to read.
    pub folder: PathBuf,
    /// How long a recording is kept; `None` for ever.
    pub keep_time: Option<Duration>,
    /// Both sides hear a tone when a recording begins.
    pub has_tone: bool,
}

impl Default for Recordings {
    fn default() -> Self {
        Self {
            folder: "recordings".into(),
            keep_time: Some(Duration::from_secs(90 * 24 * 3600)),
            has_tone: true,
        }
    }
}

/// What is played to phones.
#[derive(Clone, Debug, Default)]
pub struct Sounds {
    /// By name.
    pub shelf: Arc<media::Shelf>,
    /// To those that are held or parked; `None` leaves it to the phones.
    pub music: Option<media::Source>,
}

/// What is kept of calls that have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPolicy {
    /// How long a record is kept; `None` for ever.
    pub keep_time: Option<Duration>,
    /// The messages of so many calls are kept in memory, the latest ones; 0 for none.
    pub traced_calls_max: usize,
}

impl Default for RecordPolicy {
    fn default() -> Self {
        Self { keep_time: Some(Duration::from_secs(365 * 24 * 3600)), traced_calls_max: 500 }
    }
}

/// Listening addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// SIP over UDP.
    pub udp: Vec<SocketAddr>,
    /// SIP over TCP.
    pub tcp: Vec<SocketAddr>,
    /// SIP over TLS.
    pub tls: Vec<SocketAddr>,
}

/// The limits of failures to sign in, over ten minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInLimits {
    /// Failures of one account from one address; then that pair must wait until some are forgiven.
    pub failures_per_account_max: u16,
    /// Failures from one address, over all accounts, after which further ones are answered later.
    pub failures_per_address_free: u16,
}

impl Default for SignInLimits {
    fn default() -> Self {
        Self { failures_per_account_max: 10, failures_per_address_free: 20 }
    }
}

/// The limits of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallLimits {
    /// How long phones ring before the caller is told that nobody answers.
    pub ring_time: Duration,
    /// Calls that one line may take part in at once.
    pub calls_per_line_max: usize,
    /// Calls that one shard holds; more get 503 with Retry-After.
    pub calls_per_shard_max: usize,
    /// How long a call may last: a forgotten one ends some day.
    pub call_length_max: Duration,
    /// How long a call is parked before the line that parked it is rung; and again after that was in vain.
    pub park_recall_time: Duration,
    /// The session interval that we ask for (RFC 4028 §4).
    pub session_expires: Duration,
    /// The shortest session interval that we accept (RFC 4028 §5).
    pub session_expires_min: Duration,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            ring_time: Duration::from_secs(120),
            calls_per_line_max: 4,
            calls_per_shard_max: 10_000,
            call_length_max: Duration::from_secs(24 * 3600),
            park_recall_time: Duration::from_secs(60),
            session_expires: Duration::from_secs(1800),
            session_expires_min: Duration::from_secs(90),
        }
    }
}

impl CallsConfig {
    /// The numbers that the server itself answers.
    pub fn services(&self) -> Services {
        Services::new(self.echo_number.clone(), self.conferences.iter().map(|room| room.number.clone()))
    }
}
