//! What the owner of a session holds: commands out, events in.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use bytes::Bytes;
use futures::Stream;
use jid::{BareJid, FullJid};
use runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use xmpp::xep::roster::{self, Query, Subscription};
use xmpp::{Builder, Context, Element, Stanza, StanzaError};

use super::requests::Answer;
use super::session::{Command, Session};
use super::sign_in::{ALPN, Access};
use super::{Dial, Error, Event, Options, REQUEST_TIME_MAX, Security};

/// Commands that may wait for the session's task; senders wait when it is full.
const COMMANDS_MAX: usize = 64;
/// Events that may wait for the owner; more are dropped with a warning.
pub(super) const EVENTS_MAX: usize = 10_000;

/// A session. Clones share it; it ends by [`Client::close`] or when all clones are gone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    jid: FullJid,
    runtime: Runtime,
    commands: mpsc::Sender<Command>,
}

/// What happens in a session, in order.
#[derive(Debug)]
pub struct Events(mpsc::Receiver<Event>);

impl Events {
    /// The next event; `None` after [`Event::Disconnected`].
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_recv(context)
    }
}

/// How a user shows himself.
#[derive(Clone, Debug, Default)]
pub struct Availability {
    /// `away`, `chat`, `dnd`, `xa`, or nothing for simply available.
    pub show: Option<&'static str>,
    /// The words that go with it.
    pub status: Option<String>,
    /// The priority.
    pub priority: i8,
    /// Further content, such as capabilities.
    pub payload: Vec<Element>,
}

impl Client {
    /// Signs in at `server`.
    pub async fn connect(
        runtime: &Runtime,
        server: SocketAddr,
        options: Options,
    ) -> Result<(Self, Events), Error> {
        Self::connect_by(runtime, Dial::tcp(runtime, server), options).await
    }

    /// Signs in over a connection that `dial` makes.
    pub async fn connect_by(
        runtime: &Runtime,
        dial: Dial,
        options: Options,
    ) -> Result<(Self, Events), Error> {
        let protocols: &[&[u8]] = if options.security == Security::DirectTls { &[ALPN] } else { &[] };
        let access = Access {
            dial,
            security: options.security,
            tls: options.trust.config(protocols).map_err(|error| Error::Tls(error.to_string()))?,
            login: xmpp::stream::Login {
                domain: options.account.domain().to_owned(),
                username: options.account.node().map(|node| node.as_str().to_owned()).unwrap_or_default(),
                password: options.password.clone(),
                resource: options.resource.clone(),
                mechanisms: options.mechanisms.clone(),
                resume: None,
            },
        };
        let entered = access.enter(runtime).await?;
        let jid = entered.jid.clone();
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (events, outbox) = mpsc::channel(EVENTS_MAX);
        let (ready, begun) = oneshot::channel();
        let session = Session::new(runtime.clone(), access, options, jid.clone(), events);
        runtime.spawn("xmpp client", session.run(entered, inbox, ready));
        // Once it is settled whether the session can be resumed.
        begun.await.map_err(|_| Error::Over)?;
        let inner = Inner { jid, runtime: runtime.clone(), commands };
        Ok((Self { inner: Arc::new(inner) }, Events(outbox)))
    }

    /// Our address.
    pub fn jid(&self) -> &FullJid {
        &self.inner.jid
    }

    /// Sends a stanza that was written for [`Context::Client`].
    pub async fn send(&self, stanza: Bytes) -> Result<(), Error> {
        self.command(Command::Send(stanza)).await
    }

    /// Sends a chat message; gives its identifier.
    pub async fn chat(&self, to: &str, body: &str) -> Result<String, Error> {
        let id = self.inner.runtime.random_token(8);
        let mut message = Builder::message(Context::Client);
        message.to(to).type_("chat").id(&id).text_child("body", "", body);
        self.send(message.finish()).await?;
        Ok(id)
    }

    /// Becomes available.
    pub async fn available(&self) -> Result<(), Error> {
        self.show(&Availability::default()).await
    }

    /// Shows this availability to all who may see it.
    pub async fn show(&self, availability: &Availability) -> Result<(), Error> {
        let mut presence = Builder::presence(Context::Client);
        if let Some(show) = availability.show {
            presence.text_child("show", "", show);
        }
        if let Some(status) = &availability.status {
            presence.text_child("status", "", status);
        }
        if availability.priority != 0 {
            presence.text_child("priority", "", &availability.priority.to_string());
        }
        for element in &availability.payload {
            presence.element(element);
        }
        self.send(presence.finish()).await
    }

    /// Becomes unavailable, and stays connected.
    pub async fn unavailable(&self) -> Result<(), Error> {
        self.send(Builder::presence(Context::Client).type_("unavailable").finish()).await
    }

    /// Asks to see a contact (RFC 6121 §3.1).
    pub async fn subscribe(&self, contact: &BareJid) -> Result<(), Error> {
        self.subscription(contact, "subscribe").await
    }

    /// Lets a contact see us, now or in advance (RFC 6121 §3.1.5, §3.4).
    pub async fn approve(&self, contact: &BareJid) -> Result<(), Error> {
        self.subscription(contact, "subscribed").await
    }

    /// Does not, or no longer, let a contact see us (RFC 6121 §3.2).
    pub async fn refuse(&self, contact: &BareJid) -> Result<(), Error> {
        self.subscription(contact, "unsubscribed").await
    }

    /// No longer sees a contact (RFC 6121 §3.3).
    pub async fn unsubscribe(&self, contact: &BareJid) -> Result<(), Error> {
        self.subscription(contact, "unsubscribe").await
    }

    async fn subscription(&self, contact: &BareJid, kind: &str) -> Result<(), Error> {
        self.send(Builder::presence(Context::Client).to(contact.as_str()).type_(kind).finish()).await
    }

    /// Asks for something; `to` empty asks our own account.
    pub async fn get(&self, to: Option<&str>, payload: &Element) -> Answer {
        self.request("get", to, payload).await
    }

    /// Sets something; `to` empty asks our own account.
    pub async fn set(&self, to: Option<&str>, payload: &Element) -> Answer {
        self.request("set", to, payload).await
    }

    async fn request(&self, kind: &str, to: Option<&str>, payload: &Element) -> Answer {
        let id = self.inner.runtime.random_token(8);
        let mut request = Builder::iq(Context::Client);
        request.type_(kind).id(&id).attr_if("to", to).element(payload);
        let (answer, answered) = oneshot::channel();
        let stanza = request.finish();
        self.command(Command::Request { id, to: to.map(str::to_owned), stanza, answer }).await?;
        tokio::select! {
            biased;
            answer = answered => answer.map_err(|_| Error::Over)?,
            () = self.inner.runtime.sleep(REQUEST_TIME_MAX) => Err(Error::TimedOut),
        }
    }

    /// Answers a request that came as [`Event::Request`].
    pub async fn answer(
        &self,
        request: &Stanza,
        answer: Result<Option<Element>, StanzaError>,
    ) -> Result<(), Error> {
        match answer {
            Ok(payload) => {
                let mut reply = Builder::iq(Context::Client);
                reply.type_("result").attr_if("to", request.from().as_deref());
                reply.attr_if("id", request.id().as_deref());
                if let Some(payload) = &payload {
                    reply.element(payload);
                }
                self.send(reply.finish()).await
            }
            Err(error) => match error.reply(request, None, Context::Client) {
                Some(reply) => self.send(reply).await,
                None => Ok(()),
            },
        }
    }

    /// The whole roster; from here on changes come as [`Event::Roster`] (RFC 6121 §2.1.3).
    pub async fn roster(&self) -> Result<Vec<roster::Item>, Error> {
        let answer = self.get(None, &Query::default().to_element()).await?.ok_or(Error::Answer)?;
        Query::from_element(&answer).map(|query| query.items).map_err(|_| Error::Answer)
    }

    /// Adds a contact to the roster, or changes its name and groups (RFC 6121 §2.3, §2.4).
    pub async fn roster_put(
        &self,
        contact: &BareJid,
        name: Option<&str>,
        groups: &[&str],
    ) -> Result<(), Error> {
        let item = roster::Item {
            jid: contact.clone(),
            name: name.map(str::to_owned),
            subscription: Subscription::None,
            ask: false,
            approved: false,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        // A client says nothing of subscriptions (RFC 6121 §2.1.2.5).
        let query = Element::new("query", roster::NS).with_child(without_subscription(&item));
        self.set(None, &query).await.map(drop)
    }

    /// Takes a contact off the roster, and with it all subscriptions (RFC 6121 §2.5).
    pub async fn roster_remove(&self, contact: &BareJid) -> Result<(), Error> {
        let item = Element::new("item", roster::NS)
            .with_attr("jid", contact.as_str())
            .with_attr("subscription", Subscription::Remove.as_str());
        self.set(None, &Element::new("query", roster::NS).with_child(item)).await.map(drop)
    }

    /// Waits until the server has acknowledged all that was sent before; at once without stream management.
    pub async fn acknowledged(&self) -> Result<(), Error> {
        let (done, wait) = oneshot::channel();
        self.command(Command::Acknowledged(done)).await?;
        wait.await.map_err(|_| Error::Over)
    }

    /// Breaks the connection without a word, as a failing network does. The session goes on by a new one, if
    /// it may.
    pub async fn sever(&self) -> Result<(), Error> {
        self.command(Command::Sever).await
    }

    /// Ends the session in order.
    pub async fn close(&self) -> Result<(), Error> {
        let (done, wait) = oneshot::channel();
        self.command(Command::Close(done)).await?;
        wait.await.map_err(|_| Error::Over)
    }

    async fn command(&self, command: Command) -> Result<(), Error> {
        self.inner.commands.send(command).await.map_err(|_| Error::Over)
    }
}

fn without_subscription(item: &roster::Item) -> Element {
    let mut element = item.to_element();
    element.remove_attr("subscription");
    element
}
