//! What comes in on a stream between servers: connections, negotiation, keys, acknowledgements, stanzas.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::BytesMut;
use model::{DomainPart, Host};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use xmpp::sm::{Inbound, Outbound, Signal};
use xmpp::stream::peer::{
    Admission, Authentication, Pair, ReceivingNegotiation, ReceivingOutput, Verification,
};
use xmpp::xep::dialback::{self, Verdict};
use xmpp::{Condition, ContentNamespace, Frame, Framer, Kind, Stanza, StreamCondition, StreamError, ns};

use super::link::Link;
use super::network::{Duplex, Wire};
use super::peer::PEERS_MAX;
use super::state::Incoming;
use super::stream::{Over, Role, ServerStream};
use super::trust::Worth;
use crate::{Im, Transport};

/// Of the servers that are not authenticated, one host may have one in so many.
const HOST_PART: usize = 16;

impl Im {
    /// Serves a listener for other servers until the house stops.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn listen_to_servers(
        self: &Arc<Self>,
        listener: TcpListener,
        transport: Transport,
    ) -> io::Result<()> {
        let im = Arc::clone(self);
        let name = match transport {
            Transport::DirectTls => "XMPP servers over TLS",
            _ => "XMPP servers",
        };
        let begin = move |stream: TcpStream, peer| {
            stream.set_nodelay(true).ok()?;
            Some(Arc::clone(&im).accept_server(stream, peer, transport))
        };
        self.runtime.spawn_acceptor(name, listener, begin).map(drop)
    }

    /// Serves one connection of another server to its end. Spawn it with `Runtime::spawn_session`.
    pub async fn accept_server(
        self: Arc<Self>,
        stream: impl Duplex + 'static,
        peer: SocketAddr,
        transport: Transport,
    ) {
        if !self.s2s.config.load().enabled || !self.has_room_for_server(peer) {
            return;
        }
        let number = self.s2s.number.fetch_add(1, Ordering::Relaxed);
        let (policy, seed) = (Arc::clone(&self.s2s.policy), self.seed());
        let wire: Wire = Box::new(stream);
        let direct = transport == Transport::DirectTls;
        let negotiation = match direct {
            true => ReceivingNegotiation::direct_tls(policy, seed),
            false => ReceivingNegotiation::starttls(policy, seed),
        };
        let incoming = Incoming { address: peer, since: self.runtime.timestamp(), pairs: Vec::new() };
        self.s2s.incoming.lock().insert(number, incoming);
        let framer = Framer::new(ContentNamespace::Server, self.limits.load().stream.before_sign_in);
        let role = Role::Received(Box::new(negotiation));
        let mut stream = ServerStream::new(Arc::clone(&self), (Link::new(wire), framer), role, Some(number));
        if direct && stream.start_tls(true).await.is_err() {
            self.s2s.incoming.lock().remove(&number);
            return;
        }
        Box::pin(stream.run()).await;
    }
}

impl Im {
    /// Is there room for another server that is not authenticated, and for one of this host? Trusted hosts have no share:
    /// all may be theirs.
    fn has_room_for_server(&self, peer: SocketAddr) -> bool {
        let max = self.limits.load().federation.unauthenticated_streams_max;
        let host = Host::from(peer.ip());
        let incoming = self.s2s.incoming.lock();
        let open = incoming.values().filter(|incoming| incoming.pairs.is_empty());
        let (all, of_host) = open.fold((0, 0), |(all, of_host), incoming| {
            (all + 1, of_host + usize::from(Host::from(incoming.address.ip()) == host))
        });
        all < max && (of_host < (max / HOST_PART).max(1) || self.trusts(peer.ip()))
    }
}

impl ServerStream {
    /// Takes all frames that are complete.
    pub(super) async fn frames(&mut self) -> Result<(), Over> {
        loop {
            let now = self.im.runtime.now();
            let limits = self.im.limits.load().federation;
            let (held, flood) = {
                let rate = self.rate.lock();
                (rate.held_until(now).is_some(), rate.is_flood(now, limits.flood_time_max))
            };
            if held {
                if flood {
                    let error =
                        StreamError::new(StreamCondition::PolicyViolation, "too many stanzas for too long");
                    return Err(Over::Failed(error));
                }
                return Ok(());
            }
            match self.framer.next_frame() {
                Ok(Some(frame)) => self.frame(frame).await?,
                Ok(None) => {
                    drop(self.framer.release());
                    return Ok(());
                }
                Err(error) => return Err(self.broken(error)),
            }
        }
    }

    /// The framer refused what came. Before its header the other side gets ours (RFC 6120 §4.9.1.2).
    fn broken(&mut self, error: StreamError) -> Over {
        match &mut self.role {
            Role::Received(negotiation) if negotiation.pairs().next().is_none() => {
                negotiation.fail(&error);
                while let Some(output) = negotiation.poll_output() {
                    if let ReceivingOutput::Write(bytes) = output {
                        self.link.queue(&bytes);
                    }
                }
                Over::Closed
            }
            _ => Over::Failed(error),
        }
    }

    async fn frame(&mut self, frame: Frame) -> Result<(), Over> {
        if let Frame::Stanza(stanza) = &frame
            && self.is_authenticated()
        {
            if stanza.kind() != Kind::Other {
                let Frame::Stanza(stanza) = frame else { return Ok(()) };
                return self.stanza(stanza).await;
            }
            if stanza.is("error", ns::STREAMS) {
                let error = StreamError::from_element(&stanza.element());
                tracing::info!(?error, "another server ended a stream");
                if let (Some(error), Some(peer)) = (&error, &self.serving) {
                    peer.status.lock().failure = Some((self.im.runtime.timestamp(), error.to_string()));
                }
                return Err(Over::Closed);
            }
            match Signal::parse(stanza) {
                Some(Ok(signal)) => return self.signal(signal),
                Some(Err(_)) => return Err(Over::Failed(StreamCondition::UnsupportedStanzaType.into())),
                None => {}
            }
        }
        match (&mut self.role, frame) {
            (Role::Received(negotiation), frame) => {
                negotiation.handle(frame);
                self.outputs().await
            }
            (Role::Initiated { .. }, Frame::Close) => Err(Over::Closed),
            // XEP-0288 §2: answers of dialback may come late; we have asked for nothing more.
            (Role::Initiated { .. }, Frame::Stanza(stanza)) if stanza.ns() == dialback::NS => Ok(()),
            (Role::Initiated { .. }, _) => Err(Over::Failed(StreamCondition::UnsupportedStanzaType.into())),
        }
    }

    /// Does what the negotiation wants.
    pub(super) async fn outputs(&mut self) -> Result<(), Over> {
        loop {
            let Role::Received(negotiation) = &mut self.role else { return Ok(()) };
            let Some(output) = negotiation.poll_output() else { return Ok(()) };
            match output {
                ReceivingOutput::Write(bytes) => self.link.queue(&bytes),
                ReceivingOutput::StartTls => {
                    self.start_tls(false).await?;
                    if let Role::Received(negotiation) = &mut self.role {
                        negotiation.tls_started();
                    }
                }
                ReceivingOutput::Restart => self.framer.restart(),
                ReceivingOutput::Identify { from } => self.identify(from),
                ReceivingOutput::Verify(verification) => self.verify(verification),
                ReceivingOutput::Authenticated(pair, how) => self.authenticated(&pair, how),
                ReceivingOutput::Close => {
                    self.flush().await;
                    return Err(Over::Lost);
                }
            }
        }
    }

    async fn flush(&mut self) {
        let time = self.im.limits.load().session.closing_time_max;
        let im = Arc::clone(&self.im);
        tokio::select! {
            biased;
            () = im.runtime.sleep(time) => {}
            _ = self.link.flush() => {}
        }
    }

    /// TLS from here on; gives up what was read in the clear (RFC 6120 §5.4.3.3).
    pub(super) async fn start_tls(&mut self, direct: bool) -> Result<(), Over> {
        self.flush().await;
        let nowhere: Wire = Box::new(tokio::io::empty());
        let wire = std::mem::replace(&mut self.link, Link::new(nowhere)).into_inner();
        let identity = self.im.tls.identity();
        let config = if direct { &identity.peers.server_direct } else { &identity.peers.server };
        let time = self.im.limits.load().federation.connect_time_max;
        let stream = tokio::select! {
            biased;
            () = self.im.runtime.stopping() => return Err(Over::Lost),
            () = self.im.runtime.sleep(time) => return Err(Over::Lost),
            stream = TlsAcceptor::from(Arc::clone(config)).accept(wire) => stream,
        };
        let stream = stream.map_err(|error| {
            metrics::counter!("carillon_federation_tls_failures_total").increment(1);
            tracing::info!(%error, "TLS with another server failed");
            Over::Lost
        })?;
        let (_, connection) = stream.get_ref();
        self.certificate = connection
            .peer_certificates()
            .map(|chain| chain.iter().map(|c| c.clone().into_owned()).collect());
        self.link = Link::new(Box::new(stream));
        self.framer = Framer::new(ContentNamespace::Server, self.im.limits.load().stream.before_sign_in);
        Ok(())
    }

    /// What may the server try that says it is `from`?
    fn identify(&mut self, from: Option<DomainPart>) {
        let config = self.im.s2s.config.load();
        let Role::Received(negotiation) = &mut self.role else { return };
        if from.as_ref().is_some_and(|from| !config.permits(from.as_str())) {
            let error = StreamError::new(StreamCondition::PolicyViolation, "this domain is not allowed here");
            return negotiation.fail(&error);
        }
        let worth =
            |from: &DomainPart| self.im.s2s.judge(&self.im, self.certificate.as_deref(), from.as_str());
        let admission = Admission {
            external: from.as_ref().is_some_and(|from| worth(from) == Worth::Good),
            without_tls: from.as_ref().is_some_and(|from| config.without_tls.contains(from.as_str())),
        };
        negotiation.admitted(admission);
    }

    /// A key was shown: the certificate may speak for the domain (XEP-0344 §2), else the domain's server is asked.
    fn verify(&mut self, asked: Verification) {
        let Role::Received(negotiation) = &mut self.role else { return };
        let domain = asked.pair.remote.as_str();
        if !self.im.s2s.config.load().permits(domain) {
            return negotiation.verified(&asked.pair, Verdict::Error(Condition::PolicyViolation));
        }
        if self.im.s2s.judge(&self.im, self.certificate.as_deref(), domain) == Worth::Good {
            return negotiation.verified(&asked.pair, Verdict::Valid);
        }
        let (im, sender) = (Arc::clone(&self.im), self.verdicts.0.clone());
        self.im.runtime.spawn_session(async move {
            let verdict = Box::pin(im.verify(&asked)).await;
            // The stream may be gone.
            let _gone = sender.send((asked.pair, verdict)).await;
        });
    }

    fn authenticated(&mut self, pair: &Pair, how: Authentication) {
        self.framer.set_limits(self.im.limits.load().stream.signed_in);
        tracing::info!(domain = %pair.remote, how = how.as_str(), "another server is authenticated");
        let im = Arc::clone(&self.im);
        let s2s = &im.s2s;
        self.rate = s2s.rates.of(&pair.remote);
        let Role::Received(negotiation) = &self.role else { return };
        let both = negotiation.is_bidirectional();
        if let Some(number) = &self.caller
            && let Some(incoming) = s2s.incoming.lock().get_mut(number)
        {
            incoming.pairs.push((pair.clone(), how));
        }
        if both && self.serving.is_none() && self.offered.is_none() {
            // XEP-0288: what goes back may take this stream.
            self.offered = s2s.peers.find_or_make(&pair.local, &pair.remote, PEERS_MAX);
            if how == Authentication::Dialback {
                // No features come after dialback, so nothing will be acknowledged: there is nothing to wait for.
                self.serve_offered();
            }
        }
        if let Some(peer) = s2s.peers.find(&pair.local, &pair.remote) {
            // It is up again: what waits for it need not wait longer.
            peer.is_heard();
            peer.retry.notify_one();
        }
    }

    /// What goes back takes this stream, unless another has the queue.
    pub(super) fn serve_offered(&mut self) {
        let Role::Received(negotiation) = &self.role else { return };
        let Some(peer) = self.offered.take().filter(|peer| peer.attach()) else { return };
        let now = self.im.runtime.timestamp();
        let is_peer = |pair: &Pair| pair.local == peer.local && pair.remote == peer.remote;
        let how = negotiation.pairs().find(|(pair, _)| is_peer(pair)).map_or("", |(_, how)| how.as_str());
        peer.status.lock().phase =
            super::peer::Phase::Connected { since: now, how: format!("by their stream, {how}") };
        peer.retry.notify_one();
        self.serving = Some(peer);
    }

    fn signal(&mut self, signal: Signal) -> Result<(), Over> {
        let mut out = BytesMut::new();
        match signal {
            Signal::Request => {
                if let Some(counts) = &mut self.counts.inbound {
                    counts.asked();
                }
                self.answer_request();
            }
            Signal::Ack { h } => self.acknowledged(h)?,
            Signal::Enable { .. } if self.counts.inbound.is_none() => {
                Signal::Enabled { id: None, max_seconds: None }.write(&mut out);
                self.counts.inbound = Some(Inbound::default());
                let max = self.im.limits.load().federation.unacknowledged_stanzas_max;
                self.counts.outbound = Some(Outbound::new(max * 2));
                self.serve_offered();
            }
            Signal::Enabled { .. } if self.counts.outbound.is_some() => {
                self.counts.inbound = Some(Inbound::default());
            }
            Signal::Failed { .. } => {
                // Not counted, then: the kernel's word must do.
                let counts = self.counts.outbound.take();
                self.in_flight.extend(counts.into_iter().flat_map(Outbound::into_unacknowledged));
                self.moments.asked = None;
            }
            Signal::Enable { .. }
            | Signal::Enabled { .. }
            | Signal::Resume { .. }
            | Signal::Resumed { .. } => {
                Signal::Failed { condition: Condition::UnexpectedRequest, h: None }.write(&mut out);
            }
        }
        self.link.queue(&out);
        Ok(())
    }

    /// A stanza of another server: its addresses are checked, then it goes its way (RFC 6120 §8.1.1.2, §8.1.2.2).
    async fn stanza(&mut self, mut stanza: Stanza) -> Result<(), Over> {
        let limits = self.im.limits.load().federation;
        self.rate.lock().count(self.im.runtime.now(), limits.stanzas_per_second_max);
        let bad = |condition: StreamCondition| Err(Over::Failed(condition.into()));
        let address =
            |text: Option<std::borrow::Cow<'_, str>>| text.and_then(|t| t.parse::<model::Jid>().ok());
        let (Some(from), Some(to)) = (address(stanza.from()), address(stanza.to())) else {
            return bad(StreamCondition::ImproperAddressing);
        };
        if !self.may_be_from(from.domain().as_str()) {
            return bad(StreamCondition::InvalidFrom);
        }
        if !self.im.is_found_here(to.domain().as_str()) {
            return bad(StreamCondition::HostUnknown);
        }
        let seq = Box::pin(self.im.arrived(&mut stanza, &from, &to)).await;
        if let Some(counts) = &mut self.counts.inbound {
            match seq {
                Some(seq) => counts.journaled(seq),
                None => counts.handled(),
            }
        }
        Ok(())
    }

    /// May stanzas of this domain come on this stream?
    fn may_be_from(&self, domain: &str) -> bool {
        match &self.role {
            Role::Received(negotiation) => negotiation.is_authenticated(domain),
            Role::Initiated { peer, stream } => stream.bidirectional && peer.remote.as_str() == domain,
        }
    }
}
