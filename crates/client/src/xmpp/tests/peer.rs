//! The other end: a server of one account over a wire in memory, scripted by the test.

use std::sync::{Arc, Mutex};

use model::Timestamp;
use runtime::Runtime;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use xmpp::sasl::scram::{Hash, Record};
use xmpp::sasl::{ChannelBinding, Credentials, Mechanism, UnknownUsers};
use xmpp::stream::{Output, ServerNegotiation, ServerPolicy};
use xmpp::{ContentNamespace, Frame, Framer, Limits, Stanza};

use super::super::{Connection, Dial, Options, Security};
use crate::Trust;

pub(super) const PASSWORD: &str = "correct horse";

/// What the server says to `<resume/>`.
#[derive(Clone, Copy)]
pub(super) enum Resumption {
    GoesOn(u32),
    Forgotten,
}

/// The server, and the wires that clients have pulled to it.
pub(super) struct Server {
    pub(super) certificate: CertificateDer<'static>,
    tls: Arc<rustls::ServerConfig>,
    mechanisms: Vec<Mechanism>,
    arrivals: mpsc::UnboundedReceiver<DuplexStream>,
    wires: mpsc::UnboundedSender<DuplexStream>,
}

/// One signed-in stream at the server.
pub(super) struct Side {
    stream: TlsStream<DuplexStream>,
    framer: Framer,
}

pub(super) fn world() -> Runtime {
    Runtime::simulated(7, Timestamp(0))
}

impl Server {
    pub(super) fn new(mechanisms: &[Mechanism]) -> Self {
        let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = key.cert.der().clone();
        let private = PrivateKeyDer::try_from(key.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], private)
            .unwrap();
        tls.alpn_protocols = vec![b"xmpp-client".to_vec()];
        let (wires, arrivals) = mpsc::unbounded_channel();
        Self { certificate, tls: Arc::new(tls), mechanisms: mechanisms.to_vec(), arrivals, wires }
    }

    pub(super) fn dial(&self) -> Dial {
        let wires = Mutex::new(self.wires.clone());
        Dial::by(move || {
            let (near, far) = tokio::io::duplex(16_384);
            let sent = wires.lock().unwrap().send(far);
            Box::pin(async move {
                sent.map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionRefused))?;
                Ok(Box::new(near) as Box<dyn Connection>)
            })
        })
    }

    pub(super) fn options(&self) -> Options {
        Options::new("ann@localhost".parse().unwrap(), PASSWORD, Trust::Certificate(self.certificate.clone()))
            .with_resource("phone".parse().unwrap())
    }

    /// Takes the next connection and signs it in; `None` if it does not get that far.
    pub(super) async fn accept(&mut self, security: Security, resumption: Resumption) -> Option<Side> {
        let mut wire = self.arrivals.recv().await?;
        let policy = Arc::new(ServerPolicy {
            features: xmpp::sm::FEATURE.into(),
            ..ServerPolicy::new(
                vec!["localhost".parse().unwrap()],
                self.mechanisms.clone(),
                UnknownUsers { secret: [1; 32], iterations: 4_096 },
            )
        });
        let mut framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
        let mut negotiation = ServerNegotiation::starttls(policy.clone(), [3; 32]);
        if security == Security::StartTls {
            assert!(!advance(&mut wire, &mut framer, &mut negotiation, resumption).await?);
            framer = Framer::new(ContentNamespace::Client, Limits::signed_in());
        }
        let mut stream = TlsAcceptor::from(self.tls.clone()).accept(wire).await.ok()?;
        let exporter =
            stream.get_ref().1.export_keying_material([0_u8; 32], b"EXPORTER-Channel-Binding", None);
        let binding =
            ChannelBinding { exporter: exporter.ok().map(|key| key.to_vec()), server_end_point: None };
        match security {
            Security::StartTls => negotiation.tls_started(binding),
            Security::DirectTls => negotiation = ServerNegotiation::direct_tls(policy, [3; 32], binding),
        }
        assert!(advance(&mut stream, &mut framer, &mut negotiation, resumption).await?);
        Some(Side { stream, framer })
    }
}

/// True when there is a session, false when TLS is to begin.
async fn advance<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    framer: &mut Framer,
    negotiation: &mut ServerNegotiation,
    resumption: Resumption,
) -> Option<bool> {
    loop {
        while let Some(output) = negotiation.poll_output() {
            if let Some(text) = output.text() {
                stream.write_all(&text).await.ok()?;
            }
            match output {
                Output::Open(_) | Output::Write(_) | Output::End => {}
                Output::StartTls => return Some(false),
                Output::Refused => {}
                Output::Restart => framer.restart(),
                Output::Register(_) => {
                    negotiation.registered(Err(xmpp::Condition::ServiceUnavailable.into()))
                }
                Output::LookUpNobody => negotiation.credentials(None),
                Output::LookUp(user) => {
                    negotiation.credentials((user.as_str() == "ann@localhost").then(credentials).as_ref())
                }
                Output::Bind { user, resource } => {
                    negotiation.bound(user.with_resource(&resource.expect("the client asks for one")));
                }
                Output::Resume { user, .. } => match resumption {
                    Resumption::GoesOn(h) => negotiation.resumed(user.with_resource_str("phone").unwrap(), h),
                    Resumption::Forgotten => negotiation.resume_failed(None),
                },
                Output::SignedIn
                | Output::Upgraded { .. }
                | Output::LookUpTokens { .. }
                | Output::Token(_)
                | Output::BindInline { .. } => unreachable!("our client signs in by RFC 6120"),
                Output::Established(_) => {
                    stream.flush().await.ok()?;
                    return Some(true);
                }
                Output::Close => {
                    let _ = stream.shutdown().await;
                    return None;
                }
            }
        }
        stream.flush().await.ok()?;
        match framer.next_frame() {
            Ok(Some(frame)) => negotiation.handle(frame),
            Ok(None) => {
                if stream.read_buf(framer.buffer()).await.ok()? == 0 {
                    return None;
                }
            }
            Err(error) => negotiation.fail(&error),
        }
    }
}

fn credentials() -> Credentials {
    let record = |hash| Some(Record::derive(hash, PASSWORD, b"0123456789abcdef", 4_096).unwrap());
    Credentials { enabled: true, sha1: record(Hash::Sha1), sha256: record(Hash::Sha256), sha512: None }
}

impl Side {
    pub(super) async fn write(&mut self, xml: &str) {
        self.stream.write_all(xml.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// The next frame; `None` when the connection is over.
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.framer.next_frame().unwrap() {
                return Some(frame);
            }
            if self.stream.read_buf(self.framer.buffer()).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// The next stanza, past requests for acknowledgement.
    pub(super) async fn stanza(&mut self) -> Stanza {
        loop {
            match self.frame().await {
                Some(Frame::Stanza(stanza)) if !stanza.is("r", xmpp::ns::STREAM_MANAGEMENT) => return stanza,
                Some(Frame::Stanza(_)) => {}
                other => panic!("{other:?} instead of a stanza"),
            }
        }
    }

    /// Answers `<enable/>`.
    pub(super) async fn enable(&mut self, answer: &str) {
        assert!(self.stanza().await.is("enable", xmpp::ns::STREAM_MANAGEMENT));
        self.write(answer).await;
    }
}
