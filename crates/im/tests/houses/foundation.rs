//! What both kinds of test houses stand on: a clock that the test moves while the store works, accounts, a certificate.

use std::sync::mpsc;
use std::time::Duration;

use runtime::Runtime;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use store::{NewUser, ScramRecord, Store};
use xmpp::sasl::Credentials;
use xmpp::sasl::scram::Hash;

/// Everybody's password.
pub const PASSWORD: &str = "secret";
/// The step of the clock while something is waited for: the store works in real time.
const TICK: Duration = Duration::from_millis(1);
/// How long one write may take, in real time, before the clock goes on.
const WRITE_TICKS_MAX: usize = 30_000;

/// Waits for something that the store does, with the clock going.
pub async fn drive<F: Future>(runtime: &Runtime, work: F) -> F::Output {
    ticking(work, async || tick(runtime).await).await
}

/// Waits for something, tick by tick.
pub async fn ticking<F: Future>(work: F, tick: impl AsyncFn()) -> F::Output {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tick() => {}
        }
    }
}

/// Waits a moment in real time and moves the clock by as much.
pub async fn tick(runtime: &Runtime) {
    wait(runtime).await;
    tokio::time::advance(TICK).await;
}

/// Likewise, with the clock standing still while the store writes: however slow the machine is, no limit of time
/// runs out for that.
pub async fn tick_with(runtime: &Runtime, store: &Store) {
    wait(runtime).await;
    for _ in 0..WRITE_TICKS_MAX {
        if !store.is_writing() {
            break;
        }
        wait(runtime).await;
    }
    tokio::time::advance(TICK).await;
}

/// Waits a moment in real time, on a channel that nobody sends on.
async fn wait(runtime: &Runtime) {
    let (quiet, silence) = mpsc::channel::<()>();
    runtime.blocking(move || silence.recv_timeout(TICK).is_ok()).join().await;
    drop(quiet);
}

/// An account. One iteration will do where the password is not what is tested, for PLAIN knows no lower bound.
pub fn user(jid: &str, iterations: u32) -> NewUser {
    NewUser {
        jid: jid.parse().expect("a bare address"),
        name: jid.split('@').next().unwrap_or_default().to_owned(),
        scram: records(PASSWORD, iterations),
        lines: Vec::new(),
    }
}

/// What is kept of a password.
pub fn records(password: &str, iterations: u32) -> Vec<ScramRecord> {
    let credentials =
        Credentials::derive(password, &[1; 16], iterations, &[Hash::Sha256]).expect("a password");
    let record = credentials.sha256.expect("it was asked for");
    vec![ScramRecord {
        mechanism: "SCRAM-SHA-256".to_owned(),
        salt: record.salt,
        iterations: record.iterations,
        stored_key: record.stored_key,
        server_key: record.server_key,
    }]
}

/// A certificate that nobody has signed, and its key.
pub fn identity() -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    (vec![made.cert.der().clone()], key)
}
