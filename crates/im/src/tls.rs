//! The certificate that streams show; swapped whole at a reload, so that running sessions keep theirs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CipherSuite, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::Error;
use crate::s2s::PeerTls;

/// The TLS side of all streams.
pub struct Tls(ArcSwap<Identity>);

/// One certificate with what SASL binds to.
pub(crate) struct Identity {
    /// For `tokio_rustls`.
    pub(crate) config: Arc<ServerConfig>,
    /// The same, telling the protocol of direct TLS (XEP-0368 §2).
    pub(crate) direct: Arc<ServerConfig>,
    /// For streams between servers.
    pub(crate) peers: PeerTls,
    /// `tls-server-end-point` (RFC 5929 §4.1).
    pub(crate) end_point: Vec<u8>,
}

impl Tls {
    /// From a certificate chain, the server's own certificate first, and its key.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Error> {
        Ok(Self(ArcSwap::from_pointee(identity(chain, key)?)))
    }

    /// Takes another certificate for all streams that start from now on.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), Error> {
        self.0.store(Arc::new(identity(chain, key)?));
        Ok(())
    }

    pub(crate) fn identity(&self) -> Arc<Identity> {
        self.0.load_full()
    }
}

fn identity(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Identity, Error> {
    let Some(first) = chain.first() else { return Err(Error::Certificate("the chain is empty".to_owned())) };
    let (end_point, peers) = (end_point(first)?, PeerTls::new(&chain, &key)?);
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    // AES-128 is strong enough for all we carry, and its key schedule on SHA-256 costs half of that on SHA-384,
    // which clients name first out of habit: 6 % of a whole sign-in.
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != CipherSuite::TLS13_AES_128_GCM_SHA256);
    let provider = Arc::new(provider);
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| Error::Certificate(error.to_string()))?;
    let mut config = config;
    // One ticket is enough for a client that opens one connection; each costs bytes and a write.
    config.send_tls13_tickets = 1;
    config.ignore_client_order = true;
    // A returning client brings its session along, so that resumption costs the server no memory.
    config.ticketer =
        rustls::crypto::aws_lc_rs::Ticketer::new().map_err(|error| Error::Certificate(error.to_string()))?;
    let mut direct = config.clone();
    direct.alpn_protocols = vec![b"xmpp-client".to_vec()];
    Ok(Identity { config: Arc::new(config), direct: Arc::new(direct), peers, end_point })
}

/// The certificate's hash by the hash function of its signature; MD5 and SHA-1 count as SHA-256.
fn end_point(certificate: &CertificateDer<'_>) -> Result<Vec<u8>, Error> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| Error::Certificate(error.to_string()))?;
    use sha2::Digest;
    Ok(match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // sha384WithRSAEncryption, ecdsa-with-SHA384
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => sha2::Sha384::digest(certificate).to_vec(),
        // sha512WithRSAEncryption, ecdsa-with-SHA512
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => sha2::Sha512::digest(certificate).to_vec(),
        _ => sha2::Sha256::digest(certificate).to_vec(),
    })
}
