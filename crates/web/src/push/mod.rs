//! Notices for sleeping devices, over HTTP: Web Push (RFC 8030), encrypted (RFC 8291) and signed (RFC 8292), and plain
//! UnifiedPush. Here, because HTTP is this crate's; `im` says what is told to whom, through [`im::PushSender`].

mod encryption;
mod endpoint;
mod request;
mod signature;

use std::sync::{Arc, Weak};
use std::time::Duration;

use im::{Im, PushNotice, PushSender};
use runtime::Runtime;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{Mutex, Semaphore, mpsc};

use encryption::{Once, PRIVATE_KEY_BYTES, SALT_BYTES};
use endpoint::Endpoint;
use request::{Outcome, Parcel};
use signature::Signer;

pub use signature::{BadKey, new_key};

/// Notices that wait to be sent; further ones are dropped: the next message makes another.
const QUEUE_MAX: usize = 4_096;
/// Requests at a time.
const REQUESTS_AT_ONCE_MAX: usize = 16;
/// Notices that wait for another try; further ones are given up.
const WAITING_FOR_RETRY_MAX: usize = 1_024;
/// How often one notice is tried again.
const RETRIES_MAX: u32 = 4;
/// The delay before the first retry; it is four times as long before each further one.
const RETRY_DELAY_MIN: Duration = Duration::from_secs(2);
/// How often random bytes are drawn until they are a key: once is nearly always enough.
const KEY_DRAWS_MAX: usize = 8;

/// How notices are sent.
#[derive(Clone, Debug)]
pub struct PushConfig {
    /// The key that signs (PKCS #8), from [`new_key`], kept over restarts: devices are registered with it.
    pub key: Vec<u8>,
    /// An address of the operator for push services, such as `mailto:postmaster@example.org` (RFC 8292 §2.1).
    pub contact: String,
    /// Endpoints in private networks, and without TLS, are allowed.
    pub private_endpoints: bool,
    /// The authorities whose certificates are trusted.
    pub authorities: RootCertStore,
}

/// Sends notices. Cloning it is cheap.
#[derive(Clone)]
pub struct Pusher(Arc<Inner>);

struct Inner {
    runtime: Runtime,
    signer: Signer,
    tls: Arc<ClientConfig>,
    private_endpoints: bool,
    queue: mpsc::Sender<Job>,
    retries: Semaphore,
    im: Weak<Im>,
}

struct Job {
    notice: PushNotice,
    tries: u32,
}

impl Pusher {
    /// Starts the workers, and becomes the way out of `im`.
    ///
    /// # Errors
    /// The key cannot be used, or TLS cannot be set up.
    pub fn start(config: PushConfig, im: &Arc<Im>, runtime: &Runtime) -> Result<Self, BadKey> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| BadKey)?
            .with_root_certificates(config.authorities)
            .with_no_client_auth();
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let pusher = Self(Arc::new(Inner {
            runtime: runtime.clone(),
            signer: Signer::new(&config.key, config.contact)?,
            tls: Arc::new(tls),
            private_endpoints: config.private_endpoints,
            queue,
            retries: Semaphore::new(WAITING_FOR_RETRY_MAX),
            im: Arc::downgrade(im),
        }));
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..REQUESTS_AT_ONCE_MAX {
            let (inner, jobs) = (Arc::clone(&pusher.0), Arc::clone(&jobs));
            runtime.spawn("push", work(inner, jobs));
        }
        im.set_push_sender(pusher.clone());
        Ok(pusher)
    }
}

impl PushSender for Pusher {
    fn accepts(&self, endpoint: &str) -> Result<(), &'static str> {
        Endpoint::parse(endpoint, self.0.private_endpoints).map(drop)
    }

    fn send(&self, notice: PushNotice) -> bool {
        self.0.queue.try_send(Job { notice, tries: 0 }).is_ok()
    }

    fn public_key(&self) -> String {
        self.0.signer.public_key()
    }
}

async fn work(inner: Arc<Inner>, jobs: Arc<Mutex<mpsc::Receiver<Job>>>) {
    loop {
        let job = tokio::select! {
            biased;
            () = inner.runtime.stopping() => return,
            job = async { jobs.lock().await.recv().await } => job,
        };
        let Some(job) = job else { return };
        let sent = tokio::select! {
            biased;
            () = inner.runtime.stopping() => return,
            sent = deliver(&inner, &job.notice) => sent,
        };
        after(&inner, job, sent).await;
    }
}

async fn deliver(inner: &Inner, notice: &PushNotice) -> Outcome {
    // What may be reached can have changed since the device registered.
    let Ok(endpoint) = Endpoint::parse(&notice.target.endpoint, inner.private_endpoints) else {
        return Outcome::Gone;
    };
    let Some(parcel) = parcel(inner, &endpoint, notice) else { return Outcome::Gone };
    request::post(&inner.runtime, &inner.tls, &endpoint, inner.private_endpoints, parcel).await
}

/// `None` when the receiver's key is none: nothing can ever be sent there.
fn parcel(inner: &Inner, endpoint: &Endpoint, notice: &PushNotice) -> Option<Parcel> {
    let now = inner.runtime.timestamp().0 / 1_000_000;
    let authorization = inner.signer.authorization(&endpoint.origin(), now).ok()?;
    let Some(keys) = &notice.target.keys else {
        return Some(Parcel { body: notice.payload.clone(), encrypted: false, authorization });
    };
    for _ in 0..KEY_DRAWS_MAX {
        let mut once = Once { salt: [0; SALT_BYTES], private_key: [0; PRIVATE_KEY_BYTES] };
        inner.runtime.fill(&mut once.salt);
        inner.runtime.fill(&mut once.private_key);
        match encryption::encrypt(&notice.payload, &keys.public_key, &keys.secret, &once) {
            Ok(body) => return Some(Parcel { body: body.into(), encrypted: true, authorization }),
            Err(encryption::Error::PrivateKey) => {}
            Err(error) => {
                tracing::debug!(%error, "a notice was not encrypted");
                return None;
            }
        }
    }
    None
}

async fn after(inner: &Arc<Inner>, job: Job, outcome: Outcome) {
    let word = match &outcome {
        Outcome::Taken => "taken",
        Outcome::Gone => "gone",
        Outcome::Later(_) if job.tries < RETRIES_MAX => "retried",
        Outcome::Later(_) => "given_up",
        Outcome::Refused(_) => "refused",
    };
    metrics::counter!("carillon_web_push_requests_total", "outcome" => word).increment(1);
    match outcome {
        Outcome::Taken => {}
        Outcome::Gone => {
            if let Some(im) = inner.im.upgrade() {
                im.push_gone(&job.notice.owner, &job.notice.node).await;
            }
        }
        Outcome::Refused(status) => tracing::warn!(%status, "a push service refused a notice"),
        Outcome::Later(wanted) if job.tries < RETRIES_MAX => again(inner, job, wanted),
        Outcome::Later(_) => tracing::debug!("a notice was given up: its push service does not answer"),
    }
}

/// Tries a notice again later, unless too many wait for that.
fn again(inner: &Arc<Inner>, job: Job, wanted: Option<Duration>) {
    let delay = wanted.unwrap_or(Duration::ZERO).max(RETRY_DELAY_MIN * 4_u32.pow(job.tries));
    let later = Arc::clone(inner);
    inner.runtime.spawn_session(async move {
        let Ok(_place) = later.retries.try_acquire() else { return };
        tokio::select! {
            biased;
            () = later.runtime.stopping() => {}
            () = later.runtime.sleep(delay) => {
                let _full = later.queue.try_send(Job { tries: job.tries + 1, ..job });
            }
        }
    });
}
