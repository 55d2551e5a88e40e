//! A whole messaging house in one process: store in a directory of its own, no network, a clock moved by hand.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use im::{Im, ImConfig, Tls, Transport};
use model::Timestamp;
use runtime::Runtime;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use store::{NewUser, RosterItem, ScramRecord, Store, Subscription};
use tokio::io::DuplexStream;
use xmpp::sasl::scram::Hash;
use xmpp::sasl::{Credentials, Mechanism};

/// The one domain of all scripts.
pub const DOMAIN: &str = "localhost";
/// Everybody's password.
pub const PASSWORD: &str = "secret";
/// What the connection between a peer and the house holds, in bytes.
const PIPE_BYTES: usize = 64 * 1024;
/// 2026-11-20T09:30:00Z.
const EPOCH: Timestamp = Timestamp(1_795_167_000_000_000);
/// The step of the clock while something is waited for: the writer of the store works in real time.
const TICK: Duration = Duration::from_millis(1);
/// The step when a script lets time pass.
const STRIDE: Duration = Duration::from_millis(250);

/// The house.
pub struct House {
    im: Arc<Im>,
    runtime: Runtime,
    store: Store,
    /// While this is held, the paused clock moves by [`House::tick`] alone. Tokio would otherwise run it on
    /// to the next timer whenever it waits for the store's own threads.
    _clock: mpsc::Sender<()>,
    _directory: tempfile::TempDir,
}

impl House {
    /// Opens a house where `users` have accounts.
    pub async fn open(users: impl Iterator<Item = String>) -> Self {
        let runtime = Runtime::simulated(1, EPOCH);
        let (clock, held) = mpsc::channel::<()>();
        runtime.blocking(move || held.recv().is_err());
        let directory = tempfile::tempdir().expect("a directory for the store");
        let url = format!("sqlite:{}", directory.path().join("carillon.db").display());
        let store = drive(&runtime, Store::open(&url, &runtime)).await.expect("a store");
        let mut names: Vec<_> = users.collect();
        names.sort();
        names.dedup();
        let users = names.into_iter().map(|jid| user(&jid)).collect();
        drive(&runtime, store.users_import(users)).await.expect("accounts");
        let mut config = ImConfig::new(DOMAIN.parse().expect("a domain"), [7; 32], 1);
        config.mechanisms = vec![Mechanism::Plain];
        let engine = Arc::new(presence::Engine::new(presence::Rules::default()));
        let im = Im::start(config, store.clone(), engine, runtime.clone(), Arc::new(certificate()));
        Self { im, runtime, store, _clock: clock, _directory: directory }
    }

    /// Puts two users into each other's rosters, each seeing the other.
    pub async fn acquaint(&self, one: &str, other: &str) {
        for (user, contact) in [(one, other), (other, one)] {
            let (user, contact) = (user.parse().expect("a user"), contact.parse().expect("a contact"));
            let mut item = RosterItem::new(contact);
            item.subscription = Subscription::Both;
            drive(&self.runtime, self.store.roster_put(&user, item)).await.expect("a roster item");
            self.im.roster_changed(&user);
        }
    }

    /// A new connection: the peer's end of it.
    pub fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.runtime.spawn_session(Arc::clone(&self.im).accept(theirs, peer, Transport::Protected));
        ours
    }

    /// Lets everybody work for a moment.
    pub async fn tick(&self) {
        tick(&self.runtime).await;
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(STRIDE);
            tokio::time::advance(step).await;
            left -= step;
            self.tick().await;
        }
    }

    /// Ends all sessions and the store.
    pub async fn close(self) {
        self.runtime.stop();
        drive(&self.runtime, self.store.close()).await;
    }
}

/// Waits for something that the store does, with the clock going.
async fn drive<F: Future>(runtime: &Runtime, work: F) -> F::Output {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tick(runtime) => {}
        }
    }
}

async fn tick(runtime: &Runtime) {
    // Waits in real time, on a channel that nobody sends on, and moves the clock by as much.
    let (quiet, silence) = mpsc::channel::<()>();
    runtime.blocking(move || silence.recv_timeout(TICK).is_ok()).join().await;
    drop(quiet);
    tokio::time::advance(TICK).await;
}

fn user(jid: &str) -> NewUser {
    // One iteration: what is tested is not the password, and PLAIN knows no lower bound.
    let credentials = Credentials::derive(PASSWORD, &[1; 16], 1, &[Hash::Sha256]).expect("a password");
    let record = credentials.sha256.expect("it was asked for");
    NewUser {
        jid: jid.parse().expect("a bare address"),
        name: jid.split('@').next().unwrap_or_default().to_owned(),
        scram: vec![ScramRecord {
            mechanism: "SCRAM-SHA-256".to_owned(),
            salt: record.salt,
            iterations: record.iterations,
            stored_key: record.stored_key,
            server_key: record.server_key,
        }],
        lines: Vec::new(),
    }
}

fn certificate() -> Tls {
    let made = rcgen::generate_simple_self_signed(vec![DOMAIN.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    Tls::new(vec![made.cert.der().clone()], key).expect("its own key fits")
}
