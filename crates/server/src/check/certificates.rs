//! Is the certificate readable, in time, and for the domain?

use model::Timestamp;
use rustls::crypto::aws_lc_rs;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Finding;
use crate::certificate;
use crate::config::Config;

const WHAT: &str = "certs";
/// A certificate that ends sooner is warned of, in days.
const DAYS_LEFT_WARN: i64 = 14;
const SECONDS_PER_DAY: i64 = 86_400;

pub(crate) fn check(config: &Config, now: Timestamp) -> Vec<Finding> {
    let (path, key_path) = (config.certificate_path(), config.key_path());
    let shown = path.display();
    let (chain, key) = match certificate::load(&path, &key_path) {
        Ok(pair) => pair,
        Err(error) => {
            let advice = "put a PEM chain and its key where [tls] certificate and key point";
            return vec![Finding::failed(WHAT, error.to_string(), advice)];
        }
    };
    let mut findings = Vec::new();
    let pair = rustls::sign::CertifiedKey::from_der(chain.clone(), key, &aws_lc_rs::default_provider());
    if let Err(error) = pair {
        let text = format!("{shown} and {} do not belong together: {error}", key_path.display());
        findings.push(Finding::failed(WHAT, text, "use the key that the certificate was made with"));
    }
    match X509Certificate::from_der(&chain[0]) {
        Ok((_, parsed)) => examine(&parsed, config, now, &mut findings),
        Err(error) => findings.push(Finding::failed(WHAT, format!("{shown}: {error}"), "make it anew")),
    }
    if findings.is_empty() {
        findings.push(Finding::fine(WHAT, format!("{shown} is in time and for {}", config.domain.as_str())));
    }
    findings
}

fn examine(parsed: &X509Certificate<'_>, config: &Config, now: Timestamp, findings: &mut Vec<Finding>) {
    let days_left = (parsed.validity().not_after.timestamp() - now.seconds()).div_euclid(SECONDS_PER_DAY);
    if days_left < 0 || parsed.validity().not_before.timestamp() > now.seconds() {
        findings.push(Finding::failed(WHAT, "the certificate is out of time", "renew it, then send SIGHUP"));
    } else if days_left < DAYS_LEFT_WARN {
        let text = format!("the certificate ends in {days_left} days");
        findings.push(Finding::warning(WHAT, text, "renew it, then send SIGHUP"));
    }
    let domain = config.domain.as_str();
    let names = parsed.subject_alternative_name().ok().flatten();
    let names: Vec<&str> = names
        .iter()
        .flat_map(|names| &names.value.general_names)
        .filter_map(|name| if let GeneralName::DNSName(name) = name { Some(*name) } else { None })
        .collect();
    if !names.iter().any(|name| covers(name, domain)) {
        let text = format!("the certificate is not for {domain}, only for {}", names.join(", "));
        findings.push(Finding::failed(WHAT, text, "get one that names the domain"));
    }
    if parsed.issuer() == parsed.subject() && domain != "localhost" {
        findings.push(Finding::warning(
            WHAT,
            "the certificate is signed by itself: clients and other servers will not trust it",
            "put one from a certificate authority in its place, then send SIGHUP",
        ));
    }
}

/// Does a name of a certificate cover a domain (RFC 6125 §6.4.3)?
fn covers(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
    match name.strip_prefix("*.") {
        Some(parent) => domain.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == domain,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::check::Grade;

    const NOW: i64 = 1_795_166_999;

    fn findings(folder: &Path, domain: &str, made_for: &str, now: i64) -> Vec<(Grade, String)> {
        let pem = certificate::self_signed(made_for, NOW).unwrap();
        std::fs::write(folder.join("certificate.pem"), pem.certificate).unwrap();
        std::fs::write(folder.join("key.pem"), pem.key).unwrap();
        let config = Config::new(folder, domain.parse().unwrap());
        let found = check(&config, Timestamp(now * 1_000_000));
        found.into_iter().map(|finding| (finding.grade, finding.text)).collect()
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(findings(path, "localhost", "localhost", NOW)[0].0, Grade::Fine);
        let own = findings(path, "example.org", "example.org", NOW);
        assert_eq!((own.len(), own[0].0), (1, Grade::Warning));
        let other = findings(path, "example.org", "example.net", NOW);
        assert!(
            other.iter().any(|(grade, text)| *grade == Grade::Failed && text.contains("not for example.org"))
        );
        let late = findings(path, "localhost", "localhost", NOW + 20 * 31_556_952);
        assert!(late.iter().any(|(grade, text)| *grade == Grade::Failed && text.contains("out of time")));

        std::fs::write(path.join("key.pem"), certificate::self_signed("localhost", NOW).unwrap().key)
            .unwrap();
        let config = Config::new(path, "localhost".parse().unwrap());
        let mixed = check(&config, Timestamp(NOW * 1_000_000));
        assert!(mixed[0].text.contains("do not belong together"), "{mixed:?}");
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        assert!(covers("*.example.org", "chat.example.org"));
        assert!(!covers("*.example.org", "example.org"));
        assert!(!covers("*.example.org", "a.b.example.org"));
        assert!(covers("Example.ORG", "example.org"));
    }
}
