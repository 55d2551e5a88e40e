//! TLS: begun on request or from the first byte, with a certificate that can be replaced (RFC 6120 §5, XEP-0368).

use std::sync::Arc;
use std::time::Duration;

use im::Transport;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::foundation::identity;
use crate::house::House;

/// The header of a client's stream.
pub const OPEN: &[u8] =
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                      to='localhost' version='1.0'>";

#[tokio::test(start_paused = true)]
async fn nothing_but_tls_is_offered_in_the_clear() {
    let house = House::open().await;
    let mut stream = house.connect_by(Transport::StartTls);
    stream.write_all(OPEN).await.expect("it reads");
    let features = until(&house, &mut stream, "</stream:features>").await;
    assert!(features.contains("<starttls") && !features.contains("mechanisms"), "{features}");
    stream.write_all(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await.expect("it reads");
    until(&house, &mut stream, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
    let mut stream = shake_hands(&house, stream).await;
    stream.write_all(OPEN).await.expect("it reads");
    let features = until(&house, &mut stream, "</stream:features>").await;
    assert!(features.contains("<mechanism>PLAIN</mechanism>"), "{features}");
}

#[tokio::test(start_paused = true)]
async fn starttls_gives_no_more_time_to_sign_in() {
    let house = House::open().await;
    let mut stream = house.connect_by(Transport::StartTls);
    stream.write_all(OPEN).await.expect("it reads");
    until(&house, &mut stream, "</stream:features>").await;
    house.pass(Duration::from_secs(20)).await;
    stream.write_all(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await.expect("it reads");
    until(&house, &mut stream, "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await;
    let mut stream = shake_hands(&house, stream).await;
    stream.write_all(OPEN).await.expect("it reads");
    until(&house, &mut stream, "</stream:features>").await;
    house.pass(Duration::from_secs(11)).await;
    let error = until(&house, &mut stream, "</stream:stream>").await;
    assert!(error.contains("<connection-timeout"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_replaced_certificate_is_shown_to_the_next_client() {
    let house = House::open().await;
    let mut shown = Vec::new();
    for _ in 0..2 {
        let stream = house.connect_by(Transport::DirectTls);
        let mut stream = shake_hands(&house, stream).await;
        stream.write_all(OPEN).await.expect("it reads");
        until(&house, &mut stream, "</stream:features>").await;
        shown.push(stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec());
        let (chain, key) = identity();
        house.tls.replace(chain, key).expect("it fits");
    }
    assert_ne!(shown[0], shown[1]);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_does_not_fit_is_refused() {
    let house = House::open().await;
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(other.signing_key.serialize_der()));
    let (chain, _) = identity();
    assert!(house.tls.replace(chain, key).is_err());
    assert!(house.tls.replace(Vec::new(), identity().1).is_err());
}

async fn shake_hands(house: &House, stream: DuplexStream) -> TlsStream<DuplexStream> {
    shake_hands_by(house, stream, rustls::DEFAULT_VERSIONS).await
}

/// Shakes hands in one of the given versions.
pub async fn shake_hands_by(
    house: &House,
    stream: DuplexStream,
    versions: &[&'static SupportedProtocolVersion],
) -> TlsStream<DuplexStream> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    house.wait(TlsConnector::from(Arc::new(config)).connect(name, stream)).await.expect("a handshake")
}

/// Reads until the text ends so; gives the text.
pub async fn until(house: &House, stream: &mut (impl AsyncReadExt + Unpin), end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 1024];
    while !text.ends_with(end) {
        let count = house.wait(stream.read(&mut buffer)).await.expect("it writes");
        assert!(count > 0, "the connection ended after {text}");
        text.push_str(std::str::from_utf8(&buffer[..count]).expect("text"));
    }
    text
}

/// The test's certificate is nobody's.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.signature_verification_algorithms.supported_schemes()
    }
}
