//! Two phones on loopback, and phones at a small server.

mod calls;
mod server;
mod service;

use std::time::Duration;

use model::Timestamp;
use runtime::Runtime;

use super::{Phone, PhoneConfig};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(10);

async fn phone(user: &str, runtime: &Runtime) -> Phone {
    Phone::register(PhoneConfig::new(user, "localhost"), runtime.clone()).await.unwrap()
}

/// The real sockets and clock of this machine, and random numbers that repeat.
fn world(seed: u64) -> Runtime {
    Runtime::simulated(seed, Timestamp(1_700_000_000_000_000))
}
