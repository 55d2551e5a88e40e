//! The server's certificate: made by `init`, read at start and again on SIGHUP.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::prelude::FromDer;

/// A chain, the server's own certificate first, and its key.
pub struct Identity {
    /// The chain.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key.
    pub key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads PEM files and checks that they belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .with_context(|| format!("{}: not a PEM certificate", certificate.display()))?;
        if chain.is_empty() {
            bail!("{}: holds no certificate", certificate.display());
        }
        let private = PrivateKeyDer::from_pem_file(key)
            .with_context(|| format!("{}: not a PEM private key", key.display()))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        CertifiedKey::from_der(chain.clone(), private.clone_key(), &provider)
            .with_context(|| format!("{} and {} do not belong together", certificate.display(), key.display()))?;
        Ok(Self { chain, key: private })
    }

    /// The same for another listener.
    pub fn again(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }

    /// A TLS configuration for listeners that need nothing special.
    pub fn server_config(&self) -> Result<rustls::ServerConfig> {
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Ok(rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())?)
    }

    /// When the certificate ends, in seconds since 1970, and the names it is for.
    pub fn facts(&self) -> Result<(i64, Vec<String>)> {
        let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&self.chain[0])?;
        let mut names = Vec::new();
        if let Ok(Some(extension)) = parsed.subject_alternative_name() {
            for name in &extension.value.general_names {
                if let x509_parser::extensions::GeneralName::DNSName(name) = name {
                    names.push((*name).to_owned());
                }
            }
        }
        Ok((parsed.validity().not_after.timestamp(), names))
    }
}

/// Makes a self-signed P-256 certificate for a domain and the services under it; existing files are kept.
pub fn make_self_signed(domain: &str, certificate: &Path, key: &Path) -> Result<()> {
    let names: Vec<String> = ["", "conference.", "pubsub.", "upload.", "proxy."]
        .iter()
        .map(|service| format!("{service}{domain}"))
        .collect();
    let made = rcgen::generate_simple_self_signed(names)?;
    fs::write(certificate, made.cert.pem())?;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(key)?;
    file.write_all(made.signing_key.serialize_pem().as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_can_be_loaded_and_names_the_domain() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        make_self_signed("example.org", &certificate, &key).unwrap();
        let identity = Identity::load(&certificate, &key).unwrap();
        let (ends, names) = identity.facts().unwrap();
        assert!(ends > 0 && names.contains(&"example.org".to_owned()));
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        make_self_signed("a.example", &path("a.pem"), &path("a.key")).unwrap();
        make_self_signed("b.example", &path("b.pem"), &path("b.key")).unwrap();
        assert!(Identity::load(&path("a.pem"), &path("b.key")).is_err());
    }
}
