//! What both kinds of test houses stand on: a clock that the test moves while the store works, accounts, a certificate.

use std::sync::mpsc;
use std::time::Duration;

use runtime::Runtime;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use store::{NewUser, ScramRecord};
use xmpp::sasl::Credentials;
use xmpp::sasl::scram::Hash;

/// Everybody's password.
pub const PASSWORD: &str = "secret";
/// The step of the clock while something is waited for: the store works in real time.
const TICK: Duration = Duration::from_millis(1);

/// Waits for something that the store does, with the clock going.
pub async fn drive<F: Future>(runtime: &Runtime, work: F) -> F::Output {
    tokio::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tick(runtime) => {}
        }
    }
}

/// Waits a moment in real time, on a channel that nobody sends on, and moves the clock by as much.
pub async fn tick(runtime: &Runtime) {
    let (quiet, silence) = mpsc::channel::<()>();
    runtime.blocking(move || silence.recv_timeout(TICK).is_ok()).join().await;
    drop(quiet);
    tokio::time::advance(TICK).await;
}

/// An account. One iteration will do where the password is not what is tested, for PLAIN knows no lower bound.
pub fn user(jid: &str, iterations: u32) -> NewUser {
    let credentials =
        Credentials::derive(PASSWORD, &[1; 16], iterations, &[Hash::Sha256]).expect("a password");
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

/// A certificate that nobody has signed, and its key.
pub fn identity() -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    (vec![made.cert.der().clone()], key)
}
