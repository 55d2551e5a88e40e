//! Which servers a client believes: the caller says, nobody is believed by default.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Which servers are believed.
#[derive(Clone)]
pub enum Trust {
    /// Exactly the server that has this certificate, whatever name and dates it bears: a certificate that the
    /// operator of a small server handed over himself.
    Certificate(CertificateDer<'static>),
    /// Servers whose certificate bears their name and was issued by one of these authorities.
    Authorities(Arc<RootCertStore>),
    /// The caller's own rules.
    Config(Arc<ClientConfig>),
}

impl Trust {
    /// The set-up of TLS that believes these servers; `protocols` are named in the handshake (ALPN), if any.
    pub fn config(&self, protocols: &[&[u8]]) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder =
            || ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let mut config = match self {
            Self::Certificate(certificate) => {
                let pinned = Pinned { certificate: certificate.clone(), provider: provider.clone() };
                let builder = builder()?.dangerous().with_custom_certificate_verifier(Arc::new(pinned));
                builder.with_no_client_auth()
            }
            Self::Authorities(roots) => {
                builder()?.with_root_certificates(roots.clone()).with_no_client_auth()
            }
            Self::Config(config) => config.as_ref().clone(),
        };
        if !protocols.is_empty() {
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        }
        Ok(Arc::new(config))
    }
}

/// Believes one certificate; the peer must still prove that it has the key.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match *end_entity == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
