//! What the status page shows of sessions.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::Timestamp;
use serde::Serialize;

use crate::Im;

/// One session, as it was when the list was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionSnapshot {
    /// The full address.
    pub jid: String,
    /// Where the client is.
    pub address: IpAddr,
    /// Since when it is signed in.
    pub since: Timestamp,
    /// Its priority, when it is available.
    pub priority: Option<i8>,
    /// Its `<show/>`, when it is available: `online` stands for none.
    pub show: Option<String>,
    /// How long nothing was heard from it, in seconds.
    pub idle_seconds: u64,
    /// True while it has no connection and waits to be resumed.
    pub waiting: bool,
}

impl Im {
    /// All sessions, by address.
    pub fn sessions(&self) -> Vec<SessionSnapshot> {
        let now = self.uptime();
        let mut all = Vec::with_capacity(self.sessions.count());
        for account in self.sessions.accounts() {
            for seat in account.seats().iter() {
                let heard = Duration::from_micros(seat.last_heard.load(Ordering::Relaxed));
                let shown = seat.shown.lock();
                let show = shown.as_ref().map(|shown| {
                    let show = shown.child("show", xmpp::ns::CLIENT).map(|show| show.text());
                    show.unwrap_or_else(|| "online".to_owned())
                });
                all.push(SessionSnapshot {
                    jid: seat.jid.to_string(),
                    address: seat.origin.address,
                    since: seat.origin.since,
                    priority: seat.priority(),
                    show,
                    idle_seconds: now.saturating_sub(heard).as_secs(),
                    waiting: seat.parking.lock().as_ref().is_some_and(|parking| parking.is_parked()),
                });
            }
        }
        all
    }

    /// How long the house has been open.
    pub fn uptime(&self) -> Duration {
        self.runtime.now().saturating_duration_since(self.arrivals.started)
    }
}
