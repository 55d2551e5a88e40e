//! The way to another server: where it is, a connection, TLS, its certificate, and the right to send.

use std::net::SocketAddr;
use std::sync::Arc;

use model::DomainPart;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;
use xmpp::stream::peer::{
    InitiatingNegotiation, InitiatingOutput, Initiation, PeerFailure, PeerStream, Purpose, Verification,
};
use xmpp::xep::dialback::Verdict;
use xmpp::{Condition, ContentNamespace, Framer, StreamCondition};

use super::address::{self, Found, Target};
use super::link::{Link, Moved};
use super::network::{LookupError, Wire};
use super::trace::Trace;
use super::trust::Worth;
use crate::Im;

/// Why there is no stream to another server.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// There is no such server, says the name service, or the server itself.
    #[error("{0}")]
    NoSuchServer(String),
    /// The name service did not answer.
    #[error("{0}")]
    Lookup(LookupError),
    /// No connection.
    #[error("no connection to {0}: {1}")]
    Connect(SocketAddr, String),
    /// TLS did not come about.
    #[error("TLS with {0} failed: {1}")]
    Tls(SocketAddr, String),
    /// The certificate will not do.
    #[error("{0}")]
    Certificate(Worth),
    /// The other server and we did not agree.
    #[error("{0}")]
    Peer(PeerFailure),
    /// It took too long.
    #[error("{0} did not answer in time")]
    TimedOut(String),
}

impl Fault {
    /// What senders are told: that there is no such server, or that it does not answer (RFC 6120 §8.3.3.16, 17).
    pub(crate) fn condition(&self) -> Condition {
        match self {
            Self::NoSuchServer(_) => Condition::RemoteServerNotFound,
            _ => Condition::RemoteServerTimeout,
        }
    }
}

/// A stream that is ours to send on.
pub(crate) struct Connected {
    pub(crate) link: Link<Wire>,
    pub(crate) framer: Framer,
    pub(crate) stream: PeerStream,
    /// How, for people.
    pub(crate) how: String,
}

/// What a negotiation led to.
enum Ended {
    Established(Box<Connected>),
    Verified(Verdict),
}

/// A connection before and while it is negotiated.
struct Attempt<'a> {
    im: &'a Im,
    from: &'a DomainPart,
    to: &'a DomainPart,
    address: SocketAddr,
    is_tls: bool,
    /// Words about TLS, for people.
    tls: String,
}

impl Im {
    /// Opens a stream from a domain of ours to another one.
    pub(crate) async fn reach(
        &self,
        from: &DomainPart,
        to: &DomainPart,
        trace: &mut Trace,
    ) -> Result<Connected, Fault> {
        match self.reach_for(from, to, Purpose::Deliver, trace).await? {
            Ended::Established(connected) => Ok(*connected),
            Ended::Verified(_) => Err(Fault::Peer(PeerFailure::Unexpected)),
        }
    }

    /// Asks a domain's own server whether it made a key (XEP-0220 §2.2).
    pub(crate) async fn verify(&self, asked: &Verification) -> Verdict {
        let purpose = Purpose::Verify { id: asked.id.clone(), key: asked.key.clone() };
        let pair = &asked.pair;
        match self.reach_for(&pair.local, &pair.remote, purpose, &mut Trace::default()).await {
            Ok(Ended::Verified(verdict)) => verdict,
            Ok(Ended::Established(_)) => Verdict::Error(Condition::UndefinedCondition),
            Err(fault) => {
                tracing::info!(domain = %pair.remote, %fault, "a server's dialback key could not be verified");
                Verdict::Error(match fault {
                    // XEP-0220 §2.4.3
                    Fault::Certificate(_) => Condition::PolicyViolation,
                    fault => fault.condition(),
                })
            }
        }
    }

    async fn reach_for(
        &self,
        from: &DomainPart,
        to: &DomainPart,
        purpose: Purpose,
        trace: &mut Trace,
    ) -> Result<Ended, Fault> {
        let time = self.limits.load().federation.attempt_time_max;
        let mut last = Fault::TimedOut(to.as_str().to_owned());
        let all = async {
            let targets = self.targets(to, trace).await?;
            for target in &targets {
                match self.reach_target((from, to), target, &purpose, trace).await {
                    Ok(ended) => return Ok(ended),
                    Err(fault) => last = fault,
                }
            }
            Err(last.clone())
        };
        let ended = tokio::select! {
            biased;
            () = self.runtime.sleep(time) => None,
            ended = all => Some(ended),
        };
        ended.unwrap_or_else(|| {
            trace.failed("connect", format!("{to} took longer than {} s", time.as_secs()), "ask who runs it");
            Err(Fault::TimedOut(to.as_str().to_owned()))
        })
    }

    /// Where the domain's servers are, the first to be tried first.
    async fn targets(&self, to: &DomainPart, trace: &mut Trace) -> Result<Vec<Target>, Fault> {
        let domain = to.as_str();
        let config = self.s2s.config.load();
        if let Some(route) = config.routes.get(domain) {
            trace.fine("dns", format!("[federation] routes leads to {}, port {}", route.host, route.port));
            return Ok(vec![Target { host: route.host.clone(), port: route.port, direct: false }]);
        }
        let random = |below: u64| self.runtime.random_u64() % below.max(1);
        match address::find(&*self.s2s.network, domain, random).await {
            Ok(Found::Services(targets)) => {
                for target in &targets {
                    let service =
                        if target.direct { address::DIRECT_SERVICE } else { address::STARTTLS_SERVICE };
                    trace.fine(
                        "dns",
                        format!("{service}.{domain} names {}, port {}", target.host, target.port),
                    );
                }
                Ok(targets)
            }
            Ok(Found::Fallback(target)) => {
                let text = format!(
                    "{domain} has no SRV records: the domain itself is tried at port {}",
                    target.port
                );
                trace.fine("dns", text);
                Ok(vec![target])
            }
            Ok(Found::Declined) => {
                trace.failed("dns", format!("{domain} says that it has no XMPP server"), "");
                Err(Fault::NoSuchServer(format!("{domain} has no XMPP server")))
            }
            Err(error) => {
                trace.failed("dns", &error, "see /etc/resolv.conf, or whether the name server runs");
                Err(Fault::Lookup(error))
            }
        }
    }

    async fn reach_target(
        &self,
        (from, to): (&DomainPart, &DomainPart),
        target: &Target,
        purpose: &Purpose,
        trace: &mut Trace,
    ) -> Result<Ended, Fault> {
        let addresses = match address::addresses(&*self.s2s.network, &target.host).await {
            Ok(addresses) => addresses,
            Err(LookupError::NotFound) => {
                let text = format!("{} has no address", target.host);
                trace.failed(
                    "dns",
                    &text,
                    "the domain is misspelled, or its owner must add A, AAAA or SRV records",
                );
                return Err(Fault::NoSuchServer(text));
            }
            Err(error) => {
                trace.failed("dns", &error, "see /etc/resolv.conf, or whether the name server runs");
                return Err(Fault::Lookup(error));
            }
        };
        let mut last = Fault::TimedOut(target.host.clone());
        for address in addresses {
            let address = SocketAddr::new(address, target.port);
            let mut attempt = Attempt { im: self, from, to, address, is_tls: false, tls: String::new() };
            match attempt.run(target.direct, purpose, trace).await {
                Ok(ended) => return Ok(ended),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }
}

impl Attempt<'_> {
    async fn run(&mut self, direct: bool, purpose: &Purpose, trace: &mut Trace) -> Result<Ended, Fault> {
        let wire = self.connect(trace).await?;
        let start = Initiation {
            from: self.from.clone(),
            to: self.to.clone(),
            purpose: purpose.clone(),
            needs_tls: !self.im.s2s.config.load().without_tls.contains(self.to.as_str()),
            secret: Arc::clone(&self.im.s2s.policy.secret),
        };
        let (wire, negotiation) = match direct {
            true => (self.shake_hands(wire, true, trace).await?, InitiatingNegotiation::direct_tls(start)),
            false => (wire, InitiatingNegotiation::starttls(start)),
        };
        let ended = self.negotiate(Link::new(wire), negotiation, trace).await;
        match &ended {
            Ok(Ended::Established(connected)) => {
                let text = format!("{} accepts us by {}", self.to, connected.stream.authentication.as_str());
                trace.fine("authentication", text);
            }
            Ok(Ended::Verified(_)) | Err(Fault::Tls(..) | Fault::Certificate(_)) => {}
            Err(fault) => trace.failed("authentication", fault, advice(fault)),
        }
        ended
    }

    async fn connect(&mut self, trace: &mut Trace) -> Result<Wire, Fault> {
        let time = self.im.limits.load().federation.connect_time_max;
        let connected = tokio::select! {
            biased;
            () = self.im.runtime.sleep(time) => Err("it took too long".to_owned()),
            connected = self.im.s2s.network.connect(self.address) => connected.map_err(|error| error.to_string()),
        };
        match connected {
            Ok(wire) => {
                trace.fine("connect", format!("{} takes connections", self.address));
                Ok(wire)
            }
            Err(why) => {
                let advice = "is the server up, and does a firewall let us through?";
                trace.failed("connect", format!("no connection to {}: {why}", self.address), advice);
                Err(Fault::Connect(self.address, why))
            }
        }
    }

    /// TLS, and a look at the certificate.
    async fn shake_hands(&mut self, wire: Wire, direct: bool, trace: &mut Trace) -> Result<Wire, Fault> {
        let identity = self.im.tls.identity();
        let config = if direct { &identity.peers.client_direct } else { &identity.peers.client };
        let failed = |error: String| Fault::Tls(self.address, error);
        let name = ServerName::try_from(self.to.as_str().to_owned()).map_err(|e| failed(e.to_string()))?;
        let time = self.im.limits.load().federation.connect_time_max;
        let stream = tokio::select! {
            biased;
            () = self.im.runtime.sleep(time) => Err("it took too long".to_owned()),
            stream = TlsConnector::from(Arc::clone(config)).connect(name, wire) => stream.map_err(|e| e.to_string()),
        };
        let stream = stream.map_err(|error| {
            trace.failed("tls", format!("TLS failed: {error}"), "the other server must speak TLS 1.2 or 1.3");
            failed(error)
        })?;
        let (_, connection) = stream.get_ref();
        self.tls = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
            _ => "TLS 1.2".to_owned(),
        };
        self.is_tls = true;
        trace.fine(
            "tls",
            format!("{} {}", self.tls, if direct { "from the first byte" } else { "by STARTTLS" }),
        );
        let worth = self.im.s2s.judge(self.im, connection.peer_certificates(), self.to.as_str());
        let unverified = self.im.s2s.config.load().unverified.contains(self.to.as_str());
        match &worth {
            Worth::Good => trace.fine("certificate", format!("it is good for {}", self.to)),
            worth if unverified => {
                trace.warning("certificate", worth, "[federation] unverified lets dialback be enough");
            }
            worth => {
                trace.failed("certificate", worth, certificate_advice(worth));
                return Err(Fault::Certificate(worth.clone()));
            }
        }
        Ok(Box::new(stream))
    }

    async fn negotiate(
        &mut self,
        mut link: Link<Wire>,
        mut negotiation: InitiatingNegotiation,
        trace: &mut Trace,
    ) -> Result<Ended, Fault> {
        let mut framer = self.framer();
        loop {
            while let Some(output) = negotiation.poll_output() {
                match output {
                    InitiatingOutput::Write(bytes) => link.queue(&bytes),
                    InitiatingOutput::Restart => framer.restart(),
                    InitiatingOutput::StartTls => {
                        if let Err(error) = link.flush().await {
                            return Err(Fault::Tls(self.address, error.to_string()));
                        }
                        link = Link::new(self.shake_hands(link.into_inner(), false, trace).await?);
                        framer = self.framer();
                        negotiation.tls_started();
                    }
                    InitiatingOutput::Established(stream) => {
                        framer.set_limits(self.im.limits.load().stream.signed_in);
                        let how = self.how(&stream);
                        return Ok(Ended::Established(Box::new(Connected { link, framer, stream, how })));
                    }
                    InitiatingOutput::Verified(verdict) => {
                        let _gone = link.flush().await;
                        return Ok(Ended::Verified(verdict));
                    }
                    InitiatingOutput::Failed(failure) => {
                        let _gone = link.flush().await;
                        return Err(fault(failure, self.to));
                    }
                }
            }
            match framer.next_frame() {
                Ok(Some(frame)) => negotiation.handle(frame),
                Ok(None) => match link.moved(&mut framer, true).await {
                    Ok(Moved::Read(_) | Moved::Written) => {}
                    Ok(Moved::Eof) | Err(_) => negotiation.fail(PeerFailure::Closed),
                },
                Err(error) => negotiation.fail(PeerFailure::Stream(error)),
            }
        }
    }

    fn framer(&self) -> Framer {
        Framer::new(ContentNamespace::Server, self.im.limits.load().stream.before_sign_in)
    }

    fn how(&self, stream: &PeerStream) -> String {
        let mut words = vec![stream.authentication.as_str()];
        words.push(if self.is_tls { &self.tls } else { "no TLS" });
        words.extend(stream.bidirectional.then_some("both directions"));
        words.extend(stream.stream_management.then_some("acknowledged"));
        format!("{}, {}", self.address, words.join(", "))
    }
}

fn fault(failure: PeerFailure, to: &DomainPart) -> Fault {
    match &failure {
        // RFC 6120 §4.9.3.5, 6: it is not there, or no longer.
        PeerFailure::Stream(error)
            if matches!(error.condition, StreamCondition::HostUnknown | StreamCondition::HostGone) =>
        {
            Fault::NoSuchServer(format!("the server found for {to} does not serve it"))
        }
        _ => Fault::Peer(failure),
    }
}

fn advice(fault: &Fault) -> &'static str {
    match fault {
        Fault::NoSuchServer(_) => {
            "the SRV or address records of the domain lead to a server that does not know it"
        }
        Fault::Peer(PeerFailure::NoTls) => {
            "the other server must offer STARTTLS; [federation] without_tls would do without"
        }
        Fault::Peer(PeerFailure::NoMethod | PeerFailure::Refused(_)) => {
            "get a certificate for our domain that the other server trusts ([tls] certificate)"
        }
        Fault::Peer(PeerFailure::Dialback(_)) => {
            "the other server must reach ours: check our SRV records, port 5269 and our certificate"
        }
        Fault::Peer(PeerFailure::Stream(_)) => {
            "the other server's log says why; does it trust our certificate?"
        }
        _ => "",
    }
}

fn certificate_advice(worth: &Worth) -> &'static str {
    match worth {
        Worth::Expired | Worth::NotYet => "its owner must renew it; is the clock of this machine right?",
        Worth::WrongName(_) => "its owner needs one that names the domain",
        _ => "add its authority to [federation] authorities, or the domain to [federation] unverified",
    }
}
