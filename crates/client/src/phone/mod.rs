//! A SIP user agent for scripted phones: registers, calls, is called, holds, sends messages, subscribes, and
//! hears what is said.
//!
//! Owns one socket and one task; each call has an audio socket and task of its own. Knows no server: two phones
//! can call each other directly.
//!
//! It is made for scripts and tests, and does not hide the network: a lost TCP or TLS connection is not opened
//! again, and no server is looked for in DNS. Whoever wants that makes a new phone after
//! [`Event::Disconnected`].

mod agent;
mod audio;
mod call;
mod command;
mod event;
mod wire;

#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use runtime::Runtime;
use sip::endpoint::Transport;
use tokio::sync::{mpsc, oneshot};

use agent::Agent;
pub use audio::{Audio, Traffic};
pub use call::Call;
use command::Command;
pub use event::{CallState, Ending, Event, Hold, Message, Notification};

/// Events that may wait for the phone's owner; more are dropped with a warning.
const EVENTS_MAX: usize = 1_024;
/// Commands that may wait for the phone's task.
const COMMANDS_MAX: usize = 64;

/// Who the phone is, and where.
#[derive(Clone)]
pub struct PhoneConfig {
    /// The user part of its address: the number.
    pub user: String,
    /// The domain of its address.
    pub domain: String,
    /// The name that others see.
    pub display: String,
    /// The user name of the digest; the number unless given.
    pub username: Option<String>,
    /// The password of the digest.
    pub password: String,
    /// The server. Without one the phone registers nowhere and reaches only targets with an IP address.
    pub server: Option<SocketAddr>,
    /// UDP, TCP or TLS.
    pub transport: Transport,
    /// For TLS: whom to trust.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Where to listen; port 0 takes any. The address is also that of the audio, and must be one that others reach.
    pub listen: SocketAddr,
    /// For how long to register at a time.
    pub expires: Duration,
}

impl PhoneConfig {
    /// A phone on this machine, over UDP.
    pub fn new(user: &str, domain: &str) -> Self {
        Self {
            user: user.to_owned(),
            domain: domain.to_owned(),
            display: String::new(),
            username: None,
            password: String::new(),
            server: None,
            transport: Transport::Udp,
            tls: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            expires: Duration::from_secs(3_600),
        }
    }
}

/// Why the phone could not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket could not be opened, or the connection failed.
    #[error("transport: {0}")]
    Transport(#[from] io::Error),
    /// The target is no SIP address, or one that cannot be reached without a server.
    #[error("not an address that can be reached: {0}")]
    Target(String),
    /// The other side refused with this status; 408 and 503 also stand for silence and a failed transport.
    #[error("refused with {0}")]
    Refused(u16),
    /// The call ended.
    #[error("the call ended: {0:?}")]
    Ended(Ending),
    /// The call or subscription is not in a state in which this can be done.
    #[error("not possible now")]
    NotPossible,
    /// The phone has stopped.
    #[error("the phone has stopped")]
    Stopped,
}

/// A phone. Dropping it stops it, without a word to the server.
#[derive(Debug)]
pub struct Phone {
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    address: SocketAddr,
    uri: String,
}

impl Phone {
    /// Starts a phone and, when it has a server, registers it there.
    ///
    /// # Errors
    /// [`Error::Refused`] when the server does not want it, [`Error::Transport`].
    pub async fn register(config: PhoneConfig, runtime: Runtime) -> Result<Self, Error> {
        let (commands, wishes) = mpsc::channel(COMMANDS_MAX);
        let (news, events) = mpsc::channel(EVENTS_MAX);
        let registers = config.server.is_some();
        let uri = format!("sip:{}@{}", config.user, config.domain);
        let (first, registered) = oneshot::channel();
        let agent = Agent::open(config, runtime.clone(), (commands.downgrade(), wishes), news).await?;
        let address = agent.address();
        runtime.spawn("phone", agent.run(registers.then_some(first)));
        if registers {
            registered.await.map_err(|_| Error::Stopped)??;
        }
        Ok(Self { commands, events, address, uri })
    }

    /// Our SIP address on the network.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Our address of record.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// What happens, in order.
    pub fn events(&mut self) -> &mut mpsc::Receiver<Event> {
        &mut self.events
    }

    /// Calls `target`: a number, `user@host`, or a SIP URI. Gives the call as soon as it is on its way.
    ///
    /// # Errors
    /// [`Error::Target`], [`Error::Transport`] when there is no port for the audio.
    pub async fn call(&self, target: &str) -> Result<Call, Error> {
        self.command(|reply| Command::Call { target: target.to_owned(), reply }).await
    }

    /// The next call that comes in, leaving other events out; `None` when the phone has stopped.
    pub async fn incoming(&mut self) -> Option<Call> {
        loop {
            match self.events.recv().await? {
                Event::Incoming(call) => return Some(call),
                _ => continue,
            }
        }
    }

    /// Sends a text message and waits until it is accepted.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Target`].
    pub async fn message(&self, target: &str, text: &str) -> Result<(), Error> {
        let body = Bytes::copy_from_slice(text.as_bytes());
        let content_type = "text/plain;charset=UTF-8".to_owned();
        self.command(|reply| Command::Message { target: target.to_owned(), content_type, body, reply }).await
    }

    /// Subscribes to `presence` or `dialog` of `target`, and keeps the subscription alive; gives its number. What it
    /// tells comes as [`Event::Notified`].
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Target`].
    pub async fn subscribe(&self, target: &str, package: &str) -> Result<u64, Error> {
        let accept = match package {
            "presence" => "application/pidf+xml",
            "dialog" => "application/dialog-info+xml",
            "message-summary" => "application/simple-message-summary",
            _ => "*/*",
        };
        let (target, package, accept) = (target.to_owned(), package.to_owned(), accept.to_owned());
        let expires = 3_600;
        self.command(|reply| Command::Subscribe { target, package, accept, expires, reply }).await
    }

    /// Ends a subscription.
    ///
    /// # Errors
    /// [`Error::NotPossible`] when it is over, [`Error::Refused`].
    pub async fn unsubscribe(&self, subscription: u64) -> Result<(), Error> {
        self.command(|reply| Command::Unsubscribe { subscription, reply }).await
    }

    /// Takes the registration back and waits for the answer.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::NotPossible`] without a server.
    pub async fn unregister(&self) -> Result<(), Error> {
        self.command(|reply| Command::Unregister { reply }).await
    }

    async fn command<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)?
    }
}
