//! The certificate that HTTPS shows; swapped whole at a reload, so that running connections keep theirs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::Error;

/// The TLS side of HTTPS.
pub struct Tls(ArcSwap<ServerConfig>);

impl Tls {
    /// From a certificate chain, the server's own certificate first, and its key.
    ///
    /// # Errors
    /// The chain is empty, or the key is not the certificate's.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Error> {
        Ok(Self(ArcSwap::from_pointee(config(chain, key)?)))
    }

    /// Takes another certificate for all connections that start from now on.
    ///
    /// # Errors
    /// As [`Tls::new`]; the former certificate then stays.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), Error> {
        self.0.store(Arc::new(config(chain, key)?));
        Ok(())
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.0.load_full()
    }
}

fn config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // RFC 7301: the protocol is known before the first byte, so that a silent client is timed from the start.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
