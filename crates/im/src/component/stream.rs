//! The stream of one component (XEP-0114 §3): its header, the handshake, and stanzas both ways.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use model::Jid;
use runtime::Runtime;
use sha1::{Digest, Sha1};
use store::Seq;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use xmpp::xep::ping;
use xmpp::{
    Builder, ContentNamespace, Context, Frame, Framer, Kind, Stamp, Stanza, StanzaError, StreamCondition,
    StreamError, StreamHeader,
};

use super::CONNECTIONS_MAX;
use crate::Im;
use crate::c2s::{Link, Moved};
use crate::features::offline::SpoolReader;
use crate::outbox::{End, Item, Outbox};

/// Random bytes in the name of a stream.
const STREAM_ID_BYTES: usize = 16;
/// Random bytes in the id of a ping.
const PING_ID_BYTES: usize = 8;

impl Im {
    /// Serves a listener for components until the house stops. The stream is not encrypted: it is for loopback, or for
    /// a network that only the two share.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn listen_to_components(self: &Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let im = Arc::clone(self);
        let begin = move |stream: TcpStream, peer| {
            stream.set_nodelay(true).ok()?;
            Some(Arc::clone(&im).accept_component(stream, peer))
        };
        self.runtime.spawn_acceptor("XMPP components", listener, begin).map(drop)
    }

    /// Serves one connection of a component to its end. Spawn it with `Runtime::spawn_session`.
    pub async fn accept_component<S>(self: Arc<Self>, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connections = &self.services.components().connections;
        if connections.fetch_add(1, Ordering::Relaxed) < CONNECTIONS_MAX {
            Box::pin(serve(Arc::clone(&self), stream, peer)).await;
        }
        self.services.components().connections.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(im: Arc<Im>, stream: S, peer: SocketAddr) {
    let framer = Framer::new(ContentNamespace::Component, im.limits.load().stream.before_sign_in);
    let mut stream = Stream { im: Arc::clone(&im), link: Link::new(stream), framer };
    let time = im.limits.load().sign_in.unauthenticated_time_max;
    let greeted = tokio::time::timeout(time, stream.greet()).await;
    let (domain, outbox) = match greeted {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(over)) => return stream.end(over).await,
        Err(_) => return stream.end(Over::Failed(StreamCondition::ConnectionTimeout.into())).await,
    };
    tracing::info!(%domain, %peer, "a component is connected");
    advertise(&im, &domain, &mut stream);
    let over = match Running::new(&mut stream, &domain, &outbox) {
        Some(mut running) => running.run().await,
        None => Over::Lost,
    };
    tracing::info!(%domain, "a component is gone");
    if let Some(place) = im.services.components().places.get(domain.as_str()) {
        *place.connected.lock() = None;
    }
    im.delegate_gone(&domain);
    // What was kept stays in the spool; what was not is lost with the stream.
    drop(outbox.close());
    stream.end(over).await;
}

/// XEP-0356 §4.2, §6.3: a component that the operator trusts is told with what, and who is there.
fn advertise<S: AsyncRead + AsyncWrite + Unpin>(im: &Im, domain: &str, stream: &mut Stream<S>) {
    let Some(place) = im.services.components().places.get(domain) else { return };
    let id = im.runtime.random_token(STREAM_ID_BYTES);
    if let Some(told) = place.privileges.advertisement(im.domain(), domain, &id) {
        stream.link.queue(&told);
    }
    let id = im.runtime.random_token(STREAM_ID_BYTES);
    if let Some(told) = im.services.components().delegations.advertisement(im.domain(), domain, &id) {
        stream.link.queue(&told);
    }
    if place.privileges.presence {
        im.show_all_to(domain);
    }
}

/// Why a stream is over.
enum Over {
    /// The component closed it, or we do.
    Closed,
    /// The connection is lost.
    Lost,
    /// A rule was broken.
    Failed(StreamError),
}

struct Stream<S> {
    im: Arc<Im>,
    link: Link<S>,
    framer: Framer,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream<S> {
    async fn moved(&mut self) -> Result<Moved, Over> {
        let Self { link, framer, .. } = self;
        match poll_fn(|cx| link.poll_moved(cx, true, |bytes| framer.push(bytes))).await {
            Ok(Moved::Eof) | Err(_) => Err(Over::Lost),
            Ok(moved) => Ok(moved),
        }
    }

    async fn frame(&mut self) -> Result<Frame, Over> {
        loop {
            match self.framer.next_frame() {
                Ok(Some(Frame::Close)) => return Err(Over::Closed),
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => drop(self.moved().await?),
                Err(error) => return Err(Over::Failed(error)),
            }
        }
    }

    /// The header and the handshake (§3): gives the domain, and the queue that is now in its place.
    async fn greet(&mut self) -> Result<(String, Arc<Outbox>), Over> {
        let Frame::Open(theirs) = self.frame().await? else {
            return Err(Over::Failed(StreamCondition::InvalidXml.into()));
        };
        let domain = theirs.to.unwrap_or_default();
        let id = self.im.runtime.random_token(STREAM_ID_BYTES);
        let mut header = StreamHeader { version: None, ..StreamHeader::new(ContentNamespace::Component) };
        (header.from, header.id) = (Some(domain.clone()), Some(id.clone()));
        let mut out = BytesMut::new();
        header.write(&mut out);
        self.link.queue(&out);
        let im = Arc::clone(&self.im);
        let components = im.services.components();
        let Some(place) = components.places.get(domain.as_str()) else {
            return Err(Over::Failed(StreamCondition::HostUnknown.into()));
        };
        let said = match self.frame().await? {
            Frame::Stanza(stanza) if stanza.name() == "handshake" => stanza.text(),
            _ => return Err(Over::Failed(StreamCondition::NotAuthorized.into())),
        };
        if components.secret.is_empty() || !is_right(&said, &id, &components.secret) {
            tracing::warn!(%domain, "a component said the wrong secret");
            return Err(Over::Failed(StreamCondition::NotAuthorized.into()));
        }
        let outbox = Arc::new(Outbox::default());
        {
            let mut connected = place.connected.lock();
            if connected.is_some() {
                return Err(Over::Failed(StreamCondition::Conflict.into()));
            }
            *connected = Some(Arc::clone(&outbox));
        }
        self.link.queue(b"<handshake/>");
        Ok((domain, outbox))
    }

    /// Says the last word, for as long as it takes at most.
    async fn end(mut self, over: Over) {
        let mut out = BytesMut::new();
        if let Over::Failed(error) = &over {
            error.write(&mut out);
        }
        if matches!(over, Over::Lost) {
            return;
        }
        out.extend_from_slice(b"</stream:stream>");
        self.link.queue(&out);
        let time = self.im.limits.load().session.closing_time_max;
        let flushed = poll_fn(|cx| self.link.poll_flush(cx));
        if tokio::time::timeout(time, flushed).await.is_ok_and(|flushed| flushed.is_ok()) {
            let _shut = poll_fn(|cx| self.link.poll_shut(cx)).await;
        }
    }
}

/// §3: the handshake is the SHA-1 of the stream's id and the secret, in lower-case hexadecimal.
fn is_right(said: &str, id: &str, secret: &str) -> bool {
    let digest = Sha1::digest([id, secret].concat().as_bytes());
    let right: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let said = said.trim();
    // All of it is looked at, wherever the first difference is.
    let differ = right.bytes().zip(said.bytes()).fold(0, |differ, (one, other)| differ | (one ^ other));
    said.len() == right.len() && differ == 0
}

/// A stream on which stanzas go.
struct Running<'a, S> {
    stream: &'a mut Stream<S>,
    domain: &'a str,
    outbox: &'a Outbox,
    owner: model::BareJid,
    spool: Option<SpoolReader>,
    /// Queued for writing: handed on once the kernel has it.
    in_flight: Vec<Seq>,
    /// When it was last heard of.
    heard: Instant,
    /// It was asked since whether it is still there (XEP-0199).
    asked: bool,
}

/// All that can wake a stream.
enum Wake {
    Stopping,
    Taken(crate::outbox::Taken),
    Moved(Result<Moved, Over>),
    /// Nothing has been heard of it for long.
    Silent,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Running<'a, S> {
    fn new(stream: &'a mut Stream<S>, domain: &'a str, outbox: &'a Outbox) -> Option<Self> {
        let owner = domain.parse().ok()?;
        let spool = Some(SpoolReader::new(BTreeSet::new()));
        let limits = stream.im.limits.load().stream.signed_in;
        stream.framer.set_limits(limits);
        let heard = stream.im.runtime.now();
        Some(Self { stream, domain, outbox, owner, spool, in_flight: Vec::new(), heard, asked: false })
    }

    async fn run(&mut self) -> Over {
        loop {
            if let Err(over) = self.turn().await {
                return over;
            }
        }
    }

    async fn turn(&mut self) -> Result<(), Over> {
        while let Some(frame) = self.stream.framer.next_frame().map_err(Over::Failed)? {
            match frame {
                Frame::Stanza(stanza) if stanza.kind() != Kind::Other => self.stanza(stanza).await?,
                Frame::Close => return Err(Over::Closed),
                _ => return Err(Over::Failed(StreamCondition::UnsupportedStanzaType.into())),
            }
        }
        let reads_spool = self.spool.as_ref().is_some_and(SpoolReader::is_reading);
        if reads_spool && self.stream.link.has_room() {
            return self.read_spool().await;
        }
        let runtime: Runtime = self.stream.im.runtime.clone();
        let room = self.stream.link.has_room() && !reads_spool;
        let silent = self.silent_at();
        let wake = tokio::select! {
            biased;
            () = runtime.stopping() => Wake::Stopping,
            () = runtime.sleep_until(silent) => Wake::Silent,
            taken = poll_fn(|cx| self.outbox.poll_take(cx, room)) => Wake::Taken(taken),
            moved = self.stream.moved() => Wake::Moved(moved),
        };
        match wake {
            Wake::Stopping => Err(Over::Failed(StreamCondition::SystemShutdown.into())),
            Wake::Taken(taken) => {
                taken.items.into_iter().for_each(|item| self.send(&item));
                match taken.end {
                    Some(End::TooSlow) => Err(Over::Failed(StreamCondition::PolicyViolation.into())),
                    Some(_) => Err(Over::Closed),
                    None => Ok(()),
                }
            }
            Wake::Moved(Ok(Moved::Written)) => {
                for seq in self.in_flight.drain(..) {
                    self.stream.im.handed_on(&self.owner, seq);
                }
                Ok(())
            }
            Wake::Moved(moved) => {
                (self.heard, self.asked) = (runtime.now(), false);
                moved.map(drop)
            }
            Wake::Silent if self.asked => {
                Err(Over::Failed(StreamError::new(StreamCondition::ConnectionTimeout, "no answer to a ping")))
            }
            Wake::Silent => {
                self.ask();
                Ok(())
            }
        }
    }

    /// When a component that stays silent is asked whether it is there, or given up: what it would not get is better
    /// kept than written to a connection that is lost.
    fn silent_at(&self) -> Instant {
        let limits = self.stream.im.limits.load().session;
        let patience = if self.asked { limits.idle_after_ping_max } else { Duration::ZERO };
        self.heard + limits.idle_before_ping + patience
    }

    fn ask(&mut self) {
        self.asked = true;
        let id = self.stream.im.runtime.random_token(PING_ID_BYTES);
        let mut question = Builder::iq(Context::Component);
        question.type_("get").id(&id).from(self.stream.im.domain()).to(self.domain);
        self.stream.link.queue(&question.empty_child("ping", ping::NS).finish());
    }

    async fn read_spool(&mut self) -> Result<(), Over> {
        let Some(mut spool) = self.spool.take() else { return Ok(()) };
        match spool.page(&self.stream.im, &self.owner).await {
            Ok(items) => {
                self.spool = Some(spool);
                items.iter().for_each(|item| self.write(item));
                Ok(())
            }
            Err(error) => {
                tracing::warn!(%error, "what waits for a component cannot be read");
                Err(Over::Failed(StreamCondition::InternalServerError.into()))
            }
        }
    }

    /// Sends what came by the queue, unless the spool gave it already.
    fn send(&mut self, item: &Item) {
        if let (Some(spool), Some(seq)) = (&mut self.spool, item.seq) {
            if spool.is_past(seq) {
                self.spool = None;
            } else if spool.has_given(seq) {
                return;
            }
        }
        self.write(item);
    }

    /// Writes a stanza as it stands on a component's stream.
    fn write(&mut self, item: &Item) {
        match xmpp::parse_inheriting(item.bytes.clone()).or_else(|_| xmpp::parse_one(item.bytes.clone())) {
            Ok(stanza) => {
                self.stream.link.queue(&stanza.to_bytes(Context::Component, &Stamp::default()));
                self.in_flight.extend(item.seq);
            }
            Err(error) => tracing::error!(%error, "a stanza for a component was not written well"),
        }
    }

    /// §3: a stanza of the component comes from its own domain, and goes to somebody.
    async fn stanza(&mut self, stanza: Stanza) -> Result<(), Over> {
        let address = |text: Option<std::borrow::Cow<'_, str>>| text?.parse::<Jid>().ok();
        let from = address(stanza.from()).filter(|from| from.domain().as_str() == self.domain);
        let from = from.ok_or_else(|| Over::Failed(StreamCondition::InvalidFrom.into()))?;
        let to = address(stanza.to());
        let to = to.ok_or_else(|| Over::Failed(StreamCondition::ImproperAddressing.into()))?;
        // As a client's, so that all that takes a stanza finds it alike.
        let bytes = stanza.to_bytes(Context::Framed, &Stamp::default());
        let Ok(mut stanza) = xmpp::parse_one(bytes) else {
            return Err(Over::Failed(StreamCondition::InternalServerError.into()));
        };
        let im = Arc::clone(&self.stream.im);
        if let Some(place) = im.services.components().places.get(self.domain)
            && let Some(done) = Box::pin(im.privileged(&place.privileges, &stanza, &to)).await
        {
            match done {
                Ok(answer) => self.answer(answer),
                Err(error) => self.refuse(&stanza, &error),
            }
            return Ok(());
        }
        if im.delegate_answers(self.domain, &stanza) {
            return Ok(());
        }
        let domain = to.domain().as_str();
        if im.services.components().serves(domain) {
            let passed = match stanza.kind() {
                Kind::Message => im.message_to_component(&stanza, from.as_str(), &to).map(drop),
                _ => im.pass_to_component(&stanza, from.as_str(), &to),
            };
            passed.unwrap_or_else(|error| self.refuse(&stanza, &error));
        } else if im.is_remote(domain) {
            let sent = im.component_says_elsewhere(&stanza, &from, &to);
            sent.unwrap_or_else(|error| self.refuse(&stanza, &error));
        } else {
            // What is kept is acknowledged by nothing here: a component has no stream management.
            let _kept = im.arrived(&mut stanza, &from, &to).await;
        }
        Ok(())
    }

    fn answer(&mut self, answer: Option<bytes::Bytes>) {
        if let Some(bytes) = answer {
            self.write(&Item::passing(bytes));
        }
    }

    fn refuse(&mut self, stanza: &Stanza, error: &StanzaError) {
        if let Some(reply) = error.reply(stanza, None, Context::Component) {
            self.stream.link.queue(&reply);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of XEP-0114 §3.
    #[test]
    fn the_handshake_is_the_digest_of_id_and_secret() {
        let digest = Sha1::digest(b"3BF96D32secret");
        let right: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(is_right(&right, "3BF96D32", "secret"));
        assert!(is_right(&format!(" {right}\n"), "3BF96D32", "secret"));
        for wrong in ["", &right[..39], &right.to_ascii_uppercase(), &right.replace(&right[..1], "z")] {
            assert!(!is_right(wrong, "3BF96D32", "secret"), "{wrong}");
        }
    }
}
