//! The certificate that HTTPS shows; swapped whole at a reload, so that running connections keep theirs.

use std::sync::Arc;

use arc_swap::ArcSwap;
use model::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Serialize;
use utoipa::ToSchema;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::Error;

const SECONDS_PER_DAY: i64 = 86_400;

/// The TLS side of HTTPS.
pub struct Tls(ArcSwap<Shown>);

/// A certificate chain in use.
struct Shown {
    config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
}

/// A certificate, for people.
#[derive(Serialize, ToSchema)]
pub(crate) struct Certificate {
    /// Whose it is.
    subject: String,
    /// Who signed it.
    issuer: String,
    /// The names that it is for.
    names: Vec<String>,
    /// From when it is good.
    not_before: String,
    /// Until when it is good.
    not_after: String,
    /// For how many more days; negative when it is out of time.
    days_left: i64,
    /// It is signed by itself.
    self_signed: bool,
    /// SHA-256 of the whole of it, in hexadecimal.
    fingerprint: String,
}

impl Tls {
    /// From a certificate chain, the server's own certificate first, and its key.
    ///
    /// # Errors
    /// The chain is empty, or the key is not the certificate's.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Self, Error> {
        Ok(Self(ArcSwap::from_pointee(shown(chain, key)?)))
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
        self.0.store(Arc::new(shown(chain, key)?));
        Ok(())
    }

    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.load().config)
    }

    /// The certificates of the chain that is shown, the node's own first.
    pub(crate) fn certificates(&self, now: Timestamp) -> Vec<Certificate> {
        self.0.load().chain.iter().filter_map(|der| certificate(der, now)).collect()
    }

    /// For how many more days the node's own certificate is good.
    pub(crate) fn days_left(&self, now: Timestamp) -> Option<i64> {
        self.certificates(now).first().map(|own| own.days_left)
    }
}

fn shown(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<Shown, Error> {
    Ok(Shown { config: Arc::new(config(chain.clone(), key)?), chain })
}

fn certificate(der: &CertificateDer<'_>, now: Timestamp) -> Option<Certificate> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let names = parsed.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    let validity = parsed.validity();
    let time = |seconds: i64| Timestamp(seconds.saturating_mul(1_000_000)).to_string();
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
    Some(Certificate {
        subject: parsed.subject().to_string(),
        issuer: parsed.issuer().to_string(),
        names: names.collect(),
        not_before: time(validity.not_before.timestamp()),
        not_after: time(validity.not_after.timestamp()),
        days_left: (validity.not_after.timestamp() - now.seconds()).div_euclid(SECONDS_PER_DAY),
        self_signed: parsed.issuer() == parsed.subject(),
        fingerprint: hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
    })
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
