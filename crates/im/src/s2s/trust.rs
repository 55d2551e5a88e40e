//! What a certificate of another server is worth: judged for one domain, after the handshake.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, RootCertStore};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// `id-on-xmppAddr` (RFC 6120 §13.7.1.4).
const XMPP_ADDR: &str = "1.3.6.1.5.5.7.8.5";
/// `id-on-dnsSRV` (RFC 4985 §2).
const SRV_NAME: &str = "1.3.6.1.5.5.7.8.7";

/// What a certificate is worth for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Worth {
    /// It is for the domain, in time, and from an authority that we trust.
    Good,
    /// None was shown.
    None,
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYet,
    /// It is for other names.
    WrongName(Vec<String>),
    /// No authority that we trust has signed it.
    Untrusted,
    /// Anything else.
    Bad(String),
}

impl fmt::Display for Worth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good => f.write_str("the certificate is good"),
            Self::None => f.write_str("no certificate was shown"),
            Self::Expired => f.write_str("the certificate has expired"),
            Self::NotYet => f.write_str("the certificate is not valid yet"),
            Self::WrongName(names) => write!(f, "the certificate is for another name: {}", names.join(", ")),
            Self::Untrusted => f.write_str("the certificate is not from an authority that is trusted here"),
            Self::Bad(why) => write!(f, "the certificate cannot be used: {why}"),
        }
    }
}

/// The authorities that we trust.
pub(crate) struct Trust(Option<Arc<WebPkiServerVerifier>>);

impl Trust {
    /// Authorities that are no certificates are left out.
    pub(crate) fn new(authorities: &[CertificateDer<'static>]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        let provider = Arc::new(aws_lc_rs::default_provider());
        Self(WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok())
    }

    /// What is a chain worth for `domain` (RFC 6125 §6, RFC 6120 §13.7.2)? The same for those who connect and those
    /// who are connected to: authorities no longer give certificates for clients.
    pub(crate) fn judge(&self, chain: Option<&[CertificateDer<'_>]>, domain: &str, seconds: i64) -> Worth {
        let Some([own, others @ ..]) = chain else { return Worth::None };
        let Some(verifier) = &self.0 else { return Worth::Untrusted };
        let Ok(name) = ServerName::try_from(domain) else { return Worth::Bad("no name for TLS".to_owned()) };
        let time = std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let now = UnixTime::since_unix_epoch(time);
        match verifier.verify_server_cert(own, others, &name, &[], now) {
            Ok(_) => Worth::Good,
            Err(rustls::Error::InvalidCertificate(error)) => worth(&error, own, domain),
            Err(error) => Worth::Bad(error.to_string()),
        }
    }
}

fn worth(error: &CertificateError, own: &CertificateDer<'_>, domain: &str) -> Worth {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Worth::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Worth::NotYet,
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Worth::Untrusted,
        // The name is looked at last: the rest of the chain is good.
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = names(own);
            let srv = format!("_xmpp-server.{domain}");
            let is_named = |(kind, name): &(Kind, String)| match kind {
                Kind::Dns => false,
                Kind::Xmpp => name.eq_ignore_ascii_case(domain),
                Kind::Srv => name.eq_ignore_ascii_case(&srv),
            };
            if names.iter().any(is_named) {
                return Worth::Good;
            }
            Worth::WrongName(names.into_iter().map(|(_, name)| name).collect())
        }
        // COMPAT: a certificate that signed itself as an authority ends a chain where none may.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => Worth::Untrusted,
        other => Worth::Bad(other.to_string()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dns,
    Xmpp,
    Srv,
}

/// The names of a certificate (RFC 6120 §13.7.1.2).
fn names(certificate: &CertificateDer<'_>) -> Vec<(Kind, String)> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return Vec::new() };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((Kind::Dns, (*name).to_owned())),
        GeneralName::OtherName(oid, value) => {
            let kind = match oid.to_id_string().as_str() {
                XMPP_ADDR => Kind::Xmpp,
                SRV_NAME => Kind::Srv,
                _ => return None,
            };
            Some((kind, text(value)?))
        }
        _ => None,
    };
    names.value.general_names.iter().filter_map(name).collect()
}

/// The text of an `otherName`: `[0] EXPLICIT` around a UTF8String or an IA5String, both short.
fn text(value: &[u8]) -> Option<String> {
    let inner = match value {
        [0xA0, length, inner @ ..] if usize::from(*length) == inner.len() => inner,
        whole => whole,
    };
    match inner {
        [0x0C | 0x16, length, text @ ..] if usize::from(*length) == text.len() => {
            String::from_utf8(text.to_vec()).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

    const NOW: i64 = 1_795_167_000;

    struct Authority(Issuer<'static, KeyPair>, CertificateDer<'static>);

    fn authority() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Authority(Issuer::new(params, key), certificate)
    }

    impl Authority {
        fn issue(
            &self,
            names: &[&str],
            change: impl FnOnce(&mut CertificateParams),
        ) -> CertificateDer<'static> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).unwrap();
            params.not_before = rcgen::date_time_ymd(2026, 1, 1);
            params.not_after = rcgen::date_time_ymd(2027, 1, 1);
            change(&mut params);
            params.signed_by(&KeyPair::generate().unwrap(), &self.0).unwrap().der().clone()
        }
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_apart() {
        let (ours, theirs) = (authority(), authority());
        let trust = Trust::new(std::slice::from_ref(&ours.1));
        let judge = |certificate: &CertificateDer<'static>| {
            trust.judge(Some(std::slice::from_ref(certificate)), "a.example", NOW)
        };
        assert_eq!(judge(&ours.issue(&["a.example"], |_| {})), Worth::Good);
        let wild = ours.issue(&["*.a.example"], |_| {});
        assert_eq!(trust.judge(Some(&[wild]), "rooms.a.example", NOW), Worth::Good);
        let other = judge(&ours.issue(&["b.example"], |_| {}));
        assert_eq!(other, Worth::WrongName(vec!["b.example".to_owned()]));
        let late = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2026, 2, 1);
        assert_eq!(judge(&ours.issue(&["a.example"], late)), Worth::Expired);
        let early = |params: &mut CertificateParams| params.not_before = rcgen::date_time_ymd(2026, 12, 31);
        assert_eq!(judge(&ours.issue(&["a.example"], early)), Worth::NotYet);
        assert_eq!(judge(&theirs.issue(&["a.example"], |_| {})), Worth::Untrusted);
        assert_eq!(trust.judge(None, "a.example", NOW), Worth::None);
        assert_eq!(
            Trust::new(&[]).judge(Some(&[ours.issue(&["a.example"], |_| {})]), "a.example", NOW),
            Worth::Untrusted
        );
    }

    #[test]
    fn a_certificate_that_signed_itself_is_not_trusted() {
        let trust = Trust::new(&[authority().1]);
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
            params.is_ca = is_ca;
            let own = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(trust.judge(Some(&[own.der().clone()]), "a.example", NOW), Worth::Untrusted);
        }
    }

    #[test]
    fn names_for_xmpp_only_count_too() {
        let ours = authority();
        let trust = Trust::new(std::slice::from_ref(&ours.1));
        for (oid, name, worth) in [
            (5, "a.example", true),
            (7, "_xmpp-server.a.example", true),
            (7, "_xmpp-client.a.example", false),
            (5, "b.example", false),
        ] {
            let certificate = ours.issue(&[], |params| {
                let oid = vec![1, 3, 6, 1, 5, 5, 7, 8, oid];
                let name = rcgen::OtherNameValue::Utf8String(name.to_owned());
                params.subject_alt_names.push(SanType::OtherName((oid, name)));
            });
            let judged = trust.judge(Some(&[certificate]), "a.example", NOW);
            assert_eq!(judged == Worth::Good, worth, "{name}: {judged}");
        }
    }
}
