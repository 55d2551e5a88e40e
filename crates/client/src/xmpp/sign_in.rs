//! From nothing to a session: connection, TLS, sign-in, resource. The rules are in `xmpp::stream`.

use std::io;
use std::sync::Arc;

use runtime::Runtime;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use xmpp::sasl::ChannelBinding;
use xmpp::stream::{
    ClientNegotiation, ClientOutput, Login, NEGOTIATION_TIME_MAX, NegotiationError, ServerFeatures,
};
use xmpp::{ContentNamespace, Framer, Limits};

use super::dial::Connection;
use super::{Dial, Error, Security};

/// The protocol name of direct TLS (XEP-0368 §3).
pub(super) const ALPN: &[u8] = b"xmpp-client";
/// The label of `tls-exporter` (RFC 9266 §2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

pub(super) type Stream = TlsStream<Box<dyn Connection>>;

/// What signing in needs, again for each new connection.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) dial: Dial,
    pub(super) security: Security,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) login: Login,
}

/// A session that has just begun or goes on.
pub(super) struct Entered {
    pub(super) stream: Stream,
    pub(super) framer: Framer,
    pub(super) jid: jid::FullJid,
    pub(super) features: ServerFeatures,
    /// How much the server had handled of the session that goes on.
    pub(super) resumed: Option<u32>,
}

enum Reached {
    StartTls,
    Session(jid::FullJid, ServerFeatures, Option<u32>),
}

impl Access {
    /// Signs in, within [`NEGOTIATION_TIME_MAX`].
    pub(super) async fn enter(&self, runtime: &Runtime) -> Result<Entered, Error> {
        tokio::select! {
            biased;
            () = runtime.stopping() => Err(Error::Over),
            entered = self.negotiate(runtime) => entered,
            () = runtime.sleep(NEGOTIATION_TIME_MAX) => Err(Error::TimedOut),
        }
    }

    async fn negotiate(&self, runtime: &Runtime) -> Result<Entered, Error> {
        let mut seed = [0; 32];
        runtime.fill(&mut seed);
        let mut connection = self.dial.connect().await?;
        let mut framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
        let (stream, mut negotiation) = match self.security {
            Security::DirectTls => {
                let (stream, binding) = self.shake_hands(connection).await?;
                (stream, ClientNegotiation::direct_tls(self.login.clone(), seed, binding))
            }
            Security::StartTls => {
                let mut negotiation = ClientNegotiation::starttls(self.login.clone(), seed);
                match advance(&mut connection, &mut framer, &mut negotiation).await? {
                    Reached::StartTls => {}
                    Reached::Session(..) => return Err(NegotiationError::NoTls.into()),
                }
                // What came in the clear is not taken over into the protected stream (RFC 6120 §5.4.3.3).
                framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
                let (stream, binding) = self.shake_hands(connection).await?;
                negotiation.tls_started(binding);
                (stream, negotiation)
            }
        };
        let mut stream = stream;
        match advance(&mut stream, &mut framer, &mut negotiation).await? {
            Reached::Session(jid, features, resumed) => {
                Ok(Entered { stream, framer, jid, features, resumed })
            }
            Reached::StartTls => Err(NegotiationError::Unexpected.into()),
        }
    }

    async fn shake_hands(&self, connection: Box<dyn Connection>) -> Result<(Stream, ChannelBinding), Error> {
        let name = ServerName::try_from(self.login.domain.as_str().to_owned());
        let name = name.map_err(|error| Error::Tls(error.to_string()))?;
        let stream = TlsConnector::from(self.tls.clone()).connect(name, connection).await?;
        let (_, session) = stream.get_ref();
        // RFC 9266 §4.2: the exporter is for TLS 1.3.
        let exporter = (session.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3))
            .then(|| session.export_keying_material([0_u8; 32], EXPORTER_LABEL, None).ok())
            .flatten()
            .map(|key| key.to_vec());
        Ok((stream, ChannelBinding { exporter, server_end_point: None }))
    }
}

/// Drives the negotiation until it asks for TLS or there is a session.
async fn advance<S>(
    stream: &mut S,
    framer: &mut Framer,
    negotiation: &mut ClientNegotiation,
) -> Result<Reached, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        while let Some(output) = negotiation.poll_output() {
            match output {
                ClientOutput::Write(bytes) => stream.write_all(&bytes).await?,
                ClientOutput::Restart => framer.restart(),
                ClientOutput::StartTls => {
                    stream.flush().await?;
                    return Ok(Reached::StartTls);
                }
                ClientOutput::Established { jid, features, resumed } => {
                    stream.flush().await?;
                    return Ok(Reached::Session(jid, features, resumed));
                }
                ClientOutput::Failed(error) => {
                    // The server learns why if it can; our own error matters more.
                    let _ = stream.shutdown().await;
                    return Err(error.into());
                }
            }
        }
        stream.flush().await?;
        match framer.next_frame() {
            Ok(Some(frame)) => negotiation.handle(frame),
            Ok(None) => {
                if stream.read_buf(framer.buffer()).await? == 0 {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
            }
            Err(error) => negotiation.fail(error),
        }
    }
}
