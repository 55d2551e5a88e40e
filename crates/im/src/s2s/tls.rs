//! The TLS of streams between servers: certificates are shown by both sides, and looked at after the handshake.
//!
//! The handshake itself takes any certificate, so that one that will not do can be told of in words, and so that
//! dialback is possible where the operator lets it be enough. What a certificate is worth says
//! [`Trust::judge`](super::trust::Trust::judge).

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};

use crate::Error;

/// The protocol of direct TLS between servers (XEP-0368 §2).
const ALPN: &[u8] = b"xmpp-server";

/// The TLS side of streams between servers: our certificate is shown in both directions.
pub(crate) struct PeerTls {
    pub(crate) server: Arc<ServerConfig>,
    pub(crate) server_direct: Arc<ServerConfig>,
    pub(crate) client: Arc<ClientConfig>,
    pub(crate) client_direct: Arc<ClientConfig>,
}

impl PeerTls {
    pub(crate) fn new(
        chain: &[CertificateDer<'static>],
        key: &PrivateKeyDer<'static>,
    ) -> Result<Self, Error> {
        let failed = |error: rustls::Error| Error::Certificate(error.to_string());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let any = Arc::new(Any(Arc::clone(&provider)));
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&versions)
            .and_then(|builder| {
                let verifier = Arc::clone(&any) as Arc<dyn ClientCertVerifier>;
                builder.with_client_cert_verifier(verifier).with_single_cert(chain.to_vec(), key.clone_key())
            })
            .map_err(failed)?;
        // A few streams a server: nothing is worth remembering, and each certificate is looked at.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .and_then(|builder| {
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(any)
                    .with_client_auth_cert(chain.to_vec(), key.clone_key())
            })
            .map_err(failed)?;
        client.resumption = Resumption::disabled();
        let (mut server_direct, mut client_direct) = (server.clone(), client.clone());
        server_direct.alpn_protocols = vec![ALPN.to_vec()];
        client_direct.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self {
            server: Arc::new(server),
            server_direct: Arc::new(server_direct),
            client: Arc::new(client),
            client_direct: Arc::new(client_direct),
        })
    }
}

/// Takes every certificate, whose holder must still prove to have its key.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl Any {
    fn tls12(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn tls13(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Any {
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
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.tls12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.tls13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}

impl ClientCertVerifier for Any {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.tls12(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.tls13(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes()
    }
}
