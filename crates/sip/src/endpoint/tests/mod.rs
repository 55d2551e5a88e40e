//! Endpoints under test: one alone on a bench, or two on a link that loses, doubles and delays.

mod bench;
mod calls;
mod client;
mod limits;
mod link;
mod loss;
mod server;
mod user;

use std::net::SocketAddr;
use std::time::Duration;

use super::{Flow, Transport};

fn address(host: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], 5060))
}

/// The way from `local` to `remote`.
fn flow(transport: Transport, local: u8, remote: u8) -> Flow {
    Flow { transport, local: address(local), remote: address(remote), connection: None }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
