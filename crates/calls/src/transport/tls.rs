//! TLS in both directions: who connects sees our certificate and may show one; whom we connect to must show one that is
//! good for its trunk.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};

use crate::trunk::Trunk;

/// The versions that are spoken.
const VERSIONS: [&rustls::SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// Who we are to others, and who vouches for them.
pub struct Tls {
    /// For phones.
    plain: Arc<ServerConfig>,
    /// The same, but whoever has a certificate is asked for it.
    asking: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authorities: Arc<RootCertStore>,
    folder: PathBuf,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("authorities", &self.authorities.len()).finish_non_exhaustive()
    }
}

impl Tls {
    /// Shows this certificate, and believes these authorities where a trunk names none of its own. Files that the dial plan
    /// names are in `folder`.
    ///
    /// # Errors
    /// The chain is empty, or the key is not the certificate's.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        authorities: RootCertStore,
        folder: PathBuf,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let server =
            || ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&VERSIONS);
        let plain = server()?.with_no_client_auth().with_single_cert(chain.clone(), key.clone_key())?;
        let anybody = Arc::new(Anybody(Arc::clone(&provider)));
        let asking =
            server()?.with_client_cert_verifier(anybody).with_single_cert(chain.clone(), key.clone_key())?;
        let (plain, asking) = (Arc::new(plain), Arc::new(asking));
        Ok(Self { plain, asking, chain, key, authorities: Arc::new(authorities), folder })
    }

    /// For those who connect to us.
    pub(super) fn server(&self, asks: bool) -> Arc<ServerConfig> {
        Arc::clone(if asks { &self.asking } else { &self.plain })
    }

    /// The authorities that the system trusts.
    pub(crate) fn authorities(&self) -> &Arc<RootCertStore> {
        &self.authorities
    }

    /// Reads certificates of authorities.
    pub(crate) fn read_authorities(&self, path: &str) -> Result<RootCertStore, String> {
        let path = self.folder.join(path);
        let told = |why: &dyn fmt::Display| format!("ca_file {}: {why}", path.display());
        let certificates = CertificateDer::pem_file_iter(&path).map_err(|error| told(&error))?;
        let mut authorities = RootCertStore::empty();
        let (added, _) = authorities.add_parsable_certificates(certificates.flatten());
        if added == 0 { Err(told(&"there is no certificate in it")) } else { Ok(authorities) }
    }

    /// For a connection to a server of a trunk.
    pub(super) fn client(&self, trunk: &Arc<Trunk>) -> Result<ClientConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let judge = Judge { trunk: Arc::clone(trunk), provider: Arc::clone(&provider) };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&VERSIONS)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(judge));
        let mut config = match trunk.shows_certificate() {
            true => builder.with_client_auth_cert(self.chain.clone(), self.key.clone_key())?,
            false => builder.with_no_client_auth(),
        };
        // A few connections a day: each certificate is looked at.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// Holds the certificate of a server against what its trunk wants.
#[derive(Debug)]
struct Judge {
    trunk: Arc<Trunk>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain: Vec<_> = std::iter::once(own).chain(others).cloned().collect();
        let judged = self.trunk.judge_server(&chain, now);
        judged.map(|()| ServerCertVerified::assertion()).map_err(rustls::Error::General)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Takes whatever certificate is shown, or none; its holder must prove to have its key. Which trunk it is good for is decided
/// when a request comes.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ClientCertVerifier for Anybody {
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
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
