//! What a certificate of another side is worth: from whom it is, and for which SIP domain (RFC 5922 §7).

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use model::plan::Fingerprint;
use parking_lot::Mutex;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, RootCertStore};
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Trunk;

/// Names of a certificate that are told of.
const NAMES_TOLD_MAX: usize = 5;

/// The certificate that the other side showed on a connection which it opened.
pub struct Peer {
    chain: Vec<CertificateDer<'static>>,
    shown_at: UnixTime,
    /// The trunks that it is good for, as of one state of the plan.
    judged: Mutex<Option<(u64, Vec<Arc<Trunk>>)>>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

impl Peer {
    /// Who showed this chain, its own certificate first.
    pub fn new(chain: Vec<CertificateDer<'static>>, shown_at: UnixTime) -> Self {
        Self { chain, shown_at, judged: Mutex::default() }
    }

    /// Is it good for a trunk, which is one of `all` as of this state of the plan?
    pub(super) fn is(&self, trunk: &Arc<Trunk>, state: u64, all: impl Fn() -> Vec<Arc<Trunk>>) -> bool {
        let mut judged = self.judged.lock();
        if judged.as_ref().is_none_or(|(of, _)| *of != state) {
            let is_good = |trunk: &Arc<Trunk>| trunk.judge_caller(&self.chain, self.shown_at).is_ok();
            *judged = Some((state, all().into_iter().filter(is_good).collect()));
        }
        judged.as_ref().is_some_and(|(_, good)| good.iter().any(|known| Arc::ptr_eq(known, trunk)))
    }
}

/// Who is believed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trust<'a> {
    /// The authorities whose word counts.
    pub authorities: Option<&'a RootCertStore>,
    /// Certificates that need nobody's word, and no name.
    pub pinned: &'a [Fingerprint],
    /// The names of which a certificate must have one.
    pub names: &'a [String],
}

impl Trust<'_> {
    /// What is a chain worth, the own certificate first? The same for those who connect and those who are connected to:
    /// authorities no longer give certificates for clients.
    ///
    /// # Errors
    /// Nothing, and why.
    pub(super) fn judge(&self, chain: &[CertificateDer<'_>], at: UnixTime) -> Result<(), String> {
        let [own, others @ ..] = chain else { return Err("it shows no certificate".to_owned()) };
        let fingerprint = Fingerprint::new(Sha256::digest(own).into());
        if self.pinned.contains(&fingerprint) {
            return Ok(());
        }
        let Some(authorities) = self.authorities else {
            return Err(format!("its certificate is not pinned; its SHA-256 is {fingerprint}"));
        };
        let cannot = |error: &dyn fmt::Display| format!("its certificate cannot be used: {error}");
        let parsed = ParsedCertificate::try_from(own).map_err(|error| cannot(&error))?;
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
        match verify_server_cert_signed_by_trust_anchor(&parsed, authorities, others, at, algorithms) {
            Ok(()) => self.judge_names(own),
            Err(rustls::Error::InvalidCertificate(error)) => Err(words(&error)),
            Err(error) => Err(cannot(&error)),
        }
    }

    /// RFC 5922 §7.2: names are compared as a whole, and without regard to case; a wildcard is a name like any other.
    fn judge_names(&self, own: &CertificateDer<'_>) -> Result<(), String> {
        let names = identities(own);
        let has = |wanted: &String| match wanted.parse::<IpAddr>() {
            Ok(address) => names.addresses.contains(&address),
            Err(_) => names.domains.iter().any(|name| name.eq_ignore_ascii_case(wanted)),
        };
        if self.names.iter().any(has) {
            return Ok(());
        }
        let mut told: Vec<String> = names.domains.iter().take(NAMES_TOLD_MAX).cloned().collect();
        told.extend(names.addresses.iter().take(NAMES_TOLD_MAX).map(ToString::to_string));
        let told = if told.is_empty() { "no name".to_owned() } else { told.join(", ") };
        Err(format!("its certificate is for {told}, not for {}", self.names.join(" or ")))
    }
}

fn words(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".to_owned()
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "its certificate is not from an authority that is trusted here".to_owned()
        }
        // COMPAT: a certificate that signed itself as an authority ends a chain where none may.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "its certificate is not from an authority that is trusted here".to_owned()
        }
        other => format!("its certificate cannot be used: {other}"),
    }
}

/// Whom a certificate is for.
#[derive(Default)]
struct Identities {
    domains: Vec<String>,
    addresses: Vec<IpAddr>,
}

/// The SIP domains of a certificate: of its `sip:` URIs, and only when it has none, of its DNS names (RFC 5922 §7.1).
fn identities(certificate: &CertificateDer<'_>) -> Identities {
    let mut found = Identities::default();
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return found };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return found };
    let mut by_dns = Vec::new();
    for name in &names.value.general_names {
        match name {
            GeneralName::URI(uri) => found.domains.extend(sip_domain(uri).map(str::to_owned)),
            GeneralName::DNSName(name) => by_dns.push((*name).to_owned()),
            // COMPAT: RFC 5922 knows no addresses; within one house they are what there is.
            GeneralName::IPAddress(bytes) => found.addresses.extend(address(bytes)),
            _ => {}
        }
    }
    if found.domains.is_empty() {
        found.domains = by_dns;
    }
    found
}

/// The domain that a URI of a certificate stands for; one with a user part stands for a person (RFC 5922 §7.1).
fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let host = rest.split([':', ';', '?']).next().filter(|host| !host.is_empty())?;
    (scheme.eq_ignore_ascii_case("sip") && !rest.contains('@')).then_some(host)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, Issuer, KeyPair, SanType};

    use super::*;

    const NOW: u64 = 1_795_167_000;

    fn at() -> UnixTime {
        UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOW))
    }

    struct Authority(Issuer<'static, KeyPair>, RootCertStore);

    fn authority() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        Authority(Issuer::new(params, key), roots)
    }

    impl Authority {
        fn issue(&self, names: &[&str], uris: &[&str], years: (i32, i32)) -> CertificateDer<'static> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).unwrap();
            for uri in uris {
                params.subject_alt_names.push(SanType::URI((*uri).try_into().unwrap()));
            }
            params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
            params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
            params.signed_by(&KeyPair::generate().unwrap(), &self.0).unwrap().der().clone()
        }

        fn judge(&self, certificate: &CertificateDer<'_>, wanted: &str) -> Result<(), String> {
            let names = [wanted.to_owned()];
            let trust = Trust { authorities: Some(&self.1), pinned: &[], names: &names };
            trust.judge(std::slice::from_ref(certificate), at())
        }
    }

    const GOOD: (i32, i32) = (2026, 2028);

    #[test]
    fn a_sip_uri_counts_before_dns_names_and_wildcards_are_no_names() {
        let ours = authority();
        for (names, uris, wanted, good) in [
            (&["sip.example.org"][..], &[][..], "SIP.example.org", true),
            (&["sip.example.org"], &[], "example.org", false),
            (&["*.example.org"], &[], "sip.example.org", false),
            (&["*.example.org"], &[], "*.example.org", true),
            (&["host.example.net"], &["sip:example.org"], "example.org", true),
            (&["host.example.net"], &["sip:example.org"], "host.example.net", false),
            (&["host.example.net"], &["sip:ann@example.org"], "example.org", false),
            (&["host.example.net"], &["sips:example.org"], "host.example.net", true),
            (&["192.0.2.1"], &[], "192.0.2.1", true),
            (&["192.0.2.1"], &[], "192.0.2.2", false),
        ] {
            let judged = ours.judge(&ours.issue(names, uris, GOOD), wanted);
            assert_eq!(judged.is_ok(), good, "{names:?} {uris:?} {wanted}: {judged:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_apart() {
        let (ours, theirs) = (authority(), authority());
        let told = |certificate: CertificateDer<'static>| ours.judge(&certificate, "a.example").unwrap_err();
        assert_eq!(
            told(ours.issue(&["b.example", "192.0.2.1"], &[], GOOD)),
            "its certificate is for b.example, 192.0.2.1, not for a.example"
        );
        assert!(told(ours.issue(&["a.example"], &[], (2024, 2025))).contains("expired"));
        assert!(told(ours.issue(&["a.example"], &[], (2027, 2028))).contains("not valid yet"));
        assert!(told(theirs.issue(&["a.example"], &[], GOOD)).contains("not from an authority"));
        let trust = Trust { authorities: Some(&ours.1), pinned: &[], names: &[] };
        assert!(trust.judge(&[], at()).is_err());
    }

    #[test]
    fn a_pinned_certificate_needs_no_authority_and_no_name() {
        let ours = authority();
        let (pinned, other) = (ours.issue(&["x"], &[], GOOD), ours.issue(&["x"], &[], GOOD));
        let fingerprints = [Fingerprint::new(Sha256::digest(&pinned).into())];
        let names = ["a.example".to_owned()];
        let trust = Trust { authorities: None, pinned: &fingerprints, names: &names };
        assert_eq!(trust.judge(&[pinned], at()), Ok(()));
        assert!(trust.judge(&[other], at()).unwrap_err().contains("is not pinned; its SHA-256 is "));
    }
}
