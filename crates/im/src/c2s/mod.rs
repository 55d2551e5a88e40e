//! Client-to-server streams: listeners, the way of a connection from its first byte to its last.

mod arrival;
mod binding;
mod closing;
mod inactivity;
pub(crate) mod link;
mod parking;
mod place;
mod session;
mod stanzas;
mod stream;
pub(crate) mod wire;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use xmpp::sasl::ChannelBinding;
use xmpp::stream::ServerNegotiation;

use crate::{About, Im, Spec};
use arrival::{Allowance, Arrival, Arrived};
pub use link::{HIGH_WATER_BYTES, Link};
pub(crate) use parking::Parking;
pub(crate) use place::Places;
use stream::Stream;
pub use wire::{Moved, Wire};

/// What streams are: framing, TLS, sign-in and binding.
pub const ABOUT: About = About {
    name: "c2s",
    specs: &[Spec::rfc(6120, "§4–§8, §13"), Spec::rfc(7590, "§3"), Spec::xep(368, "1.1.0")],
    disco: &[],
    account: &[],
};

/// A session that was bound: it runs while it is awaited.
pub type RunningSession = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How the bytes of a connection are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In the clear until STARTTLS (port 5222, RFC 6120 §5); nothing but that is offered before.
    StartTls,
    /// TLS from the first byte (port 5223, XEP-0368).
    DirectTls,
    /// Somebody else protects them, as a test in one process does.
    Protected,
}

impl Transport {
    /// What a listener is called on the status page.
    fn name(self) -> &'static str {
        match self {
            Self::StartTls => "XMPP",
            Self::DirectTls => "XMPP over TLS",
            Self::Protected => "XMPP inside another protocol",
        }
    }
}

/// The label of `tls-exporter` (RFC 9266 §2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

impl Im {
    /// Serves a listener until the house stops.
    ///
    /// # Errors
    /// The socket has no address.
    pub fn listen(self: &Arc<Self>, listener: TcpListener, transport: Transport) -> io::Result<()> {
        let im = Arc::clone(self);
        let begin = move |stream: TcpStream, peer| {
            // Writes are coalesced by us; Nagle would only add a round trip (RFC 896).
            match stream.set_nodelay(true) {
                Ok(()) => Some(Arc::clone(&im).accept(stream, peer, transport)),
                Err(error) => {
                    tracing::debug!(%error, "a connection closed before it was served");
                    None
                }
            }
        };
        self.runtime.spawn_acceptor(transport.name(), listener, begin).map(drop)
    }

    /// Serves one connection to its end. Spawn it with `Runtime::spawn_session`.
    pub async fn accept<S>(self: Arc<Self>, stream: S, peer: SocketAddr, transport: Transport)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Two boxes, one after the other: what signing in needs is gone once the session runs.
        if let Some(session) = Box::pin(self.arrive(stream, peer, transport)).await {
            session.await;
        }
    }

    /// The first half of [`Im::accept`]: signs a connection in and gives the session that runs on it.
    pub async fn arrive<S>(
        self: Arc<Self>,
        stream: S,
        peer: SocketAddr,
        transport: Transport,
    ) -> Option<RunningSession>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _place = self.place(peer.ip())?;
        let allowance = Allowance::new(&self);
        match transport {
            Transport::Protected => {
                let negotiation =
                    ServerNegotiation::direct_tls(self.policy(), self.seed(), ChannelBinding::default());
                self.sign_in(self.stream(stream), (peer.ip(), allowance), negotiation).await
            }
            Transport::DirectTls => {
                let (stream, binding) = self.shake_hands(stream, true, allowance).await?;
                let negotiation = ServerNegotiation::direct_tls(self.policy(), self.seed(), binding);
                self.sign_in(self.stream(stream), (peer.ip(), allowance), negotiation).await
            }
            Transport::StartTls => {
                let negotiation = ServerNegotiation::starttls(self.policy(), self.seed());
                let (stream, from) = (self.stream(stream), (peer.ip(), allowance));
                match Arrival::new(Arc::clone(&self), stream, from, negotiation).run().await {
                    Arrived::StartTls(stream, mut negotiation, left) => {
                        let (stream, binding) = self.shake_hands(stream.into_inner(), false, left).await?;
                        negotiation.tls_started(binding);
                        self.sign_in(self.stream(stream), (peer.ip(), left), *negotiation).await
                    }
                    Arrived::Session(_) | Arrived::Over => None,
                }
            }
        }
    }

    /// Serves a client over a wire that somebody else protects, such as a WebSocket inside HTTPS, to its end. There
    /// is no channel to bind to that a client of HTTP could see, so no `-PLUS` mechanism is offered (RFC 5802 §6).
    pub async fn carry(self: Arc<Self>, wire: impl Wire, peer: SocketAddr) {
        let negotiation =
            ServerNegotiation::direct_tls(self.policy(), self.seed(), ChannelBinding::default());
        let session = Box::pin(async move {
            let _place = self.place(peer.ip())?;
            self.sign_in(wire, (peer.ip(), Allowance::new(&self)), negotiation).await
        });
        if let Some(session) = session.await {
            session.await;
        }
    }

    /// The limits of a client's elements before it has signed in, for whoever makes a [`Wire`].
    pub fn limits_before_sign_in(&self) -> xmpp::Limits {
        self.limits.load().stream.before_sign_in
    }

    fn stream<S: AsyncRead + AsyncWrite + Unpin>(&self, io: S) -> Stream<S> {
        Stream::new(io, self.limits_before_sign_in())
    }

    /// From the first byte inside TLS to a bound session.
    async fn sign_in(
        self: &Arc<Self>,
        wire: impl Wire,
        from: (IpAddr, Allowance),
        negotiation: ServerNegotiation,
    ) -> Option<RunningSession> {
        match Arrival::new(Arc::clone(self), wire, from, negotiation).run().await {
            Arrived::Session(session) => Some(Box::pin((*session).run())),
            Arrived::StartTls(..) | Arrived::Over => None,
        }
    }

    async fn shake_hands<S>(
        &self,
        stream: S,
        direct: bool,
        allowance: Allowance,
    ) -> Option<(TlsStream<S>, ChannelBinding)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let identity = self.tls.identity();
        let config = if direct { &identity.direct } else { &identity.config };
        let handshake = TlsAcceptor::from(Arc::clone(config)).accept(stream);
        let stream = tokio::select! {
            biased;
            () = self.runtime.stopping() => return None,
            () = self.runtime.sleep_until(allowance.deadline) => return None,
            stream = handshake => stream,
        };
        match stream {
            Ok(stream) => {
                let (_, connection) = stream.get_ref();
                // RFC 9266 §4.2: the exporter is for TLS 1.3.
                let exporter = (connection.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3))
                    .then(|| connection.export_keying_material([0_u8; 32], EXPORTER_LABEL, None).ok())
                    .flatten()
                    .map(|key| key.to_vec());
                let binding = ChannelBinding { exporter, server_end_point: Some(identity.end_point.clone()) };
                Some((stream, binding))
            }
            Err(error) => {
                note_handshake(&error);
                None
            }
        }
    }

    pub(crate) fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.runtime.fill(&mut seed);
        seed
    }
}

fn note_handshake(error: &io::Error) {
    metrics::counter!("carillon_im_tls_failures_total").increment(1);
    tracing::debug!(%error, "the TLS handshake failed");
}
