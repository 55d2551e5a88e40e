//! Certificates: a self-signed one for the start, and reading what the operator put in its place.

use std::path::Path;

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The services under the domain that a certificate should name as well.
const SERVICES: [&str; 5] = ["conference", "pubsub", "push", "upload", "proxy"];
/// How long a self-signed certificate holds, in years from the start of this one.
const YEARS: i32 = 10;

/// A certificate and its key in PEM.
pub struct Pem {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file that is missing, unreadable, or not PEM.
    #[error("{path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        cause: String,
    },
    /// It could not be made.
    #[error("the certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
}

/// Makes a self-signed certificate on the curve P-256 for a domain, its services and this machine. `now` is in
/// seconds since 1970.
///
/// # Errors
/// The domain cannot stand in a certificate.
pub fn self_signed(domain: &str, now: i64) -> Result<Pem, CertificateError> {
    let mut names = vec![domain.to_owned()];
    names.extend(SERVICES.iter().map(|service| format!("{service}.{domain}")));
    names.extend(
        ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into_iter().filter(|name| name != domain),
    );
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, domain);
    let year = i32::try_from(1970 + now / 31_556_952).unwrap_or(2_026);
    params.not_before = date_time_ymd(year, 1, 1);
    params.not_after = date_time_ymd(year + YEARS, 1, 1);
    let key = KeyPair::generate()?;
    Ok(Pem { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
}

/// Reads a chain and its key.
///
/// # Errors
/// Names the file that is not right.
pub fn load(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CertificateError> {
    let chain = load_chain(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error.to_string()))?;
    Ok((chain, key))
}

/// Reads certificates without a key.
///
/// # Errors
/// Names the file that is not right.
pub fn load_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let chain = chain.map_err(|error| wrong(path, error.to_string()))?;
    if chain.is_empty() {
        return Err(wrong(path, "there is no certificate in it".to_owned()));
    }
    Ok(chain)
}

fn wrong(path: &Path, cause: String) -> CertificateError {
    CertificateError::File { path: path.display().to_string(), cause }
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;

    #[test]
    fn a_self_signed_certificate_can_be_read_and_names_the_domain() {
        let folder = tempfile::tempdir().unwrap();
        let pem = self_signed("example.org", 1_795_166_999).unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        std::fs::write(&certificate, &pem.certificate).unwrap();
        std::fs::write(&key, &pem.key).unwrap();
        let (chain, _key) = load(&certificate, &key).unwrap();
        let (_, parsed) = X509Certificate::from_der(&chain[0]).unwrap();
        let names = format!("{:?}", parsed.subject_alternative_name().unwrap().unwrap().value);
        assert!(names.contains("example.org") && names.contains("conference.example.org"), "{names}");
        assert!(parsed.validity().not_before.timestamp() < 1_795_166_999);
        assert!(parsed.validity().not_after.timestamp() > 1_795_166_999 + 9 * 31_556_952);
        assert!(matches!(load(&key, &key), Err(CertificateError::File { .. })));
        assert!(load(&certificate, Path::new("/nowhere")).unwrap_err().to_string().contains("/nowhere"));
    }
}
