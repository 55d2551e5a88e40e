//! What an operator decides about other servers: who may talk to us, and how well they must show who they are.

use std::collections::BTreeMap;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;

/// What an operator decides about other servers.
#[derive(Clone, Debug, Default)]
pub struct FederationConfig {
    /// Other servers are talked to at all.
    pub enabled: bool,
    /// If not empty, only these.
    pub allow: Domains,
    /// Not these.
    pub deny: Domains,
    /// Their certificates are not looked at: dialback over TLS is enough.
    pub unverified: Domains,
    /// They may do without TLS.
    pub without_tls: Domains,
    /// Where a domain's server is, for those that no name service knows (`FD-09`).
    pub routes: BTreeMap<String, Route>,
    /// The authorities whose certificates are trusted.
    pub authorities: Vec<CertificateDer<'static>>,
}

impl FederationConfig {
    /// May we talk to this domain?
    pub(crate) fn permits(&self, domain: &str) -> bool {
        self.enabled && !self.deny.contains(domain) && (self.allow.is_empty() || self.allow.contains(domain))
    }
}

/// A list of domains: `example.org` is itself, `*.example.org` all below it, `*` all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domains(Vec<String>);

impl Domains {
    /// From the words of the list; `None` when one is no domain.
    pub fn new(words: Vec<String>) -> Option<Self> {
        let is_domain = |word: &String| {
            let domain = word.strip_prefix("*.").unwrap_or(word);
            word == "*" || domain.parse::<model::DomainPart>().is_ok() && !domain.contains('*')
        };
        words
            .iter()
            .all(is_domain)
            .then(|| Self(words.iter().map(|word| word.to_ascii_lowercase()).collect()))
    }

    /// Nobody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Is this domain in the list?
    pub fn contains(&self, domain: &str) -> bool {
        self.0.iter().any(|word| match word.strip_prefix('*') {
            Some("") => true,
            Some(parent) => domain.len() > parent.len() && domain.ends_with(parent),
            None => word == domain,
        })
    }
}

/// Where a domain's server is, without asking the name service for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// A name or an address.
    pub host: String,
    /// The port for STARTTLS.
    pub port: u16,
}

impl FromStr for Route {
    type Err = ();

    /// `host`, `host:port` or `[address]:port`; the port is 5269 unless given.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(())?;
                (host, port.strip_prefix(':'))
            }
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map_or(Ok(super::address::PORT), |port| port.parse().map_err(|_| ()))?;
        if host.is_empty() || port == 0 {
            return Err(());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(words: &[&str]) -> Domains {
        Domains::new(words.iter().map(|word| (*word).to_owned()).collect()).unwrap()
    }

    #[test]
    fn who_is_denied_is_not_permitted_and_a_list_of_the_allowed_is_the_whole_list() {
        let mut config = FederationConfig { enabled: true, ..FederationConfig::default() };
        assert!(config.permits("a.example"));
        config.deny = domains(&["*.evil.example", "bad.example"]);
        assert!(!config.permits("x.evil.example") && !config.permits("bad.example"));
        assert!(config.permits("evil.example"));
        config.allow = domains(&["a.example", "bad.example"]);
        assert!(
            config.permits("a.example") && !config.permits("b.example") && !config.permits("bad.example")
        );
        config.enabled = false;
        assert!(!config.permits("a.example"));
    }

    #[test]
    fn a_star_is_everybody() {
        assert!(domains(&["*"]).contains("a.example"));
        assert!(!Domains::default().contains("a.example"));
        assert_eq!(Domains::new(vec!["a b".to_owned()]), None);
        assert_eq!(Domains::new(vec!["a*.example".to_owned()]), None);
    }

    #[test]
    fn routes_are_read_with_and_without_port() {
        let route = |text: &str| text.parse::<Route>().map(|route| (route.host, route.port));
        assert_eq!(route("10.0.0.5"), Ok(("10.0.0.5".to_owned(), 5269)));
        assert_eq!(route("xmpp.example:5000"), Ok(("xmpp.example".to_owned(), 5000)));
        assert_eq!(route("[2001:db8::1]:5000"), Ok(("2001:db8::1".to_owned(), 5000)));
        assert_eq!(route("[2001:db8::1]"), Ok(("2001:db8::1".to_owned(), 5269)));
        assert!(route(":1").is_err() && route("a:b").is_err() && route("").is_err());
    }
}
