//! An XMPP client for scripted users and tests: signs in, chats, shows and sees presence, keeps its session.
//!
//! One task a session. Knows no server (RFC 6120, RFC 6121, XEP-0198, XEP-0368).
//!
//! ```no_run
//! # async fn example(runtime: runtime::Runtime, trust: client::Trust) -> Result<(), client::xmpp::Error> {
//! use client::xmpp::{Client, Event, Options};
//! let options = Options::new("ann@localhost".parse().expect("an address"), "secret", trust);
//! let (ann, mut events) = Client::connect(&runtime, "127.0.0.1:5222".parse().expect("an address"), options).await?;
//! ann.available().await?;
//! ann.chat("bob@localhost", "hi").await?;
//! while let Some(event) = events.next().await {
//!     if let Event::Message(message) = event {
//!         println!("{}: {:?}", message.from(), message.body());
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod dial;
mod error;
mod event;
mod handle;
mod requests;
mod session;
mod sign_in;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jid::{BareJid, ResourcePart};
use xmpp::sasl::Mechanism;

pub use dial::{Connection, Dial};
pub use error::Error;
pub use event::{Ending, Event, Message, Presence};
pub use handle::{Availability, Client, Events};

use crate::Trust;

/// How long a request waits for its answer, in time.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);

/// How the connection is protected; it always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// TLS after `<starttls/>` (RFC 6120 §5).
    #[default]
    StartTls,
    /// TLS from the first byte (XEP-0368).
    DirectTls,
}

/// Who signs in, and how.
#[derive(Clone)]
pub struct Options {
    /// The account.
    pub account: BareJid,
    /// The password.
    pub password: String,
    /// The resource to ask for; the server makes one up otherwise.
    pub resource: Option<ResourcePart>,
    /// Which servers are believed.
    pub trust: Trust,
    /// How the connection is protected.
    pub security: Security,
    /// The mechanisms that may be used; the strongest in common is.
    pub mechanisms: Vec<Mechanism>,
    /// Counts stanzas, and takes the session up again when the connection breaks (XEP-0198).
    pub stream_management: bool,
    /// How often a new connection is tried when one breaks; 0 gives the session up at once.
    pub reconnect_attempts_max: u32,
    /// The owner answers requests of others; otherwise all but pings are refused.
    pub answers_requests: bool,
}

impl Options {
    /// The usual: STARTTLS, any mechanism (PLAIN only where there is no other), stream management.
    pub fn new(account: BareJid, password: &str, trust: Trust) -> Self {
        Self {
            account,
            password: password.to_owned(),
            resource: None,
            trust,
            security: Security::StartTls,
            mechanisms: Mechanism::ALL.to_vec(),
            stream_management: true,
            reconnect_attempts_max: 5,
            answers_requests: false,
        }
    }

    /// The same with a resource.
    #[must_use]
    pub fn with_resource(mut self, resource: ResourcePart) -> Self {
        self.resource = Some(resource);
        self
    }
}
