//! What an INVITE over a trunk says that one to a phone does not: who calls, by the trunk's own address, and
//! credentials.

use std::sync::Arc;

use model::plan::CallerId;
use sip::location::Hop;
use sip::uri::Scheme;
use sip::{Name, NameAddr, Request, RequestBuilder, Uri};

use super::Trunk;
use crate::features::caller_identity;
use crate::guard::Charge;
use crate::place::Caller;

/// Header fields that are carried over a trunk as they came: whence a call was diverted (RFC 5806, RFC 7044).
const CARRIED: [Name; 2] = [Name::Diversion, Name::HistoryInfo];
/// The signed identity of RFC 8224, carried as it is.
const IDENTITY: &str = "Identity";

/// One server of a trunk that a call is sent to.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// The trunk.
    pub trunk: Arc<Trunk>,
    /// The server.
    pub hop: Hop,
    /// Who is called there.
    pub called: Uri,
    /// The calling number to show.
    pub calling: Option<String>,
    /// An address was called, not a number.
    pub is_address: bool,
    /// What the call is counted by.
    pub charge: Option<Arc<Charge>>,
}

impl PartialEq for Outgoing {
    fn eq(&self, other: &Self) -> bool {
        self.hop == other.hop && self.called == other.called && self.trunk.name == other.trunk.name
    }
}

impl Eq for Outgoing {}

impl Outgoing {
    /// Who calls, for From: the number that the plan gives, or nobody when the caller wants that (RFC 3323 §4.1).
    pub(crate) fn from(&self, caller: &Caller, domain: &str) -> NameAddr {
        let name = caller.name.as_deref();
        let number = self.number(caller).filter(|_| !caller.withheld);
        number.map_or_else(anonymous, |number| self.address(&number, name, domain))
    }

    /// Who is called, for To.
    pub(crate) fn to(&self) -> NameAddr {
        NameAddr::compose(None, &self.called, None)
    }

    fn number(&self, caller: &Caller) -> Option<String> {
        // An address is answered by an address: our users have one each.
        self.calling.clone().or_else(|| self.is_address.then(|| caller.number.clone()))
    }

    /// `"Ann" <sip:+49301001@sip.provider.example>`; of our own domain when an address was called.
    fn address(&self, number: &str, name: Option<&str>, domain: &str) -> NameAddr {
        let uri = match self.is_address {
            true => Uri::compose(Scheme::Sip, Some(number.as_bytes()), domain, None, "").ok(),
            false => self.trunk.uri(Some(number)),
        };
        uri.map_or_else(anonymous, |uri| NameAddr::compose(name, &uri, None))
    }

    /// Adds who calls beside From, what is carried as it came, and credentials when we were challenged before; gives the
    /// nonce that they answer.
    pub(crate) fn complete(
        &self,
        mut builder: RequestBuilder,
        (caller, invite): (&Caller, Option<&Request>),
        (cnonce, domain): (&str, &str),
    ) -> (RequestBuilder, Option<String>) {
        if let Some(number) = self.number(caller) {
            let identity = self.address(&number, caller.name.as_deref(), domain);
            let caller_id = self.trunk.sip.caller_id;
            if matches!(caller_id, CallerId::PAssertedIdentity | CallerId::Both) {
                builder = builder.header(Name::PAssertedIdentity, &identity);
            }
            if matches!(caller_id, CallerId::RemotePartyId | CallerId::Both) {
                let privacy = if caller.withheld { "full" } else { "off" };
                let rest = format!(";party=calling;screen=yes;privacy={privacy}");
                let value = [identity.as_bytes(), rest.as_bytes()].concat();
                builder = builder.named("Remote-Party-ID", value.as_slice());
            }
        }
        builder = caller_identity::privacy(builder, caller, invite);
        if let Some(invite) = invite {
            for name in CARRIED {
                builder = builder.copy(invite.headers(), name);
            }
            // What is signed names the caller (RFC 8225 §5.2.1): only who is trusted with the number gets it.
            if !caller.withheld || self.trunk.sip.caller_id != CallerId::From {
                builder = carried_identity(builder, invite);
            }
        }
        match self.trunk.credentials(b"INVITE", self.called.as_bytes(), cnonce) {
            Some((name, value, nonce)) => (builder.header(name, &value), Some(nonce)),
            None => (builder, None),
        }
    }
}

/// The signed identity of the caller goes on as it came (RFC 8224 §6): whoever is called may verify it.
pub(crate) fn carried_identity(builder: RequestBuilder, invite: &Request) -> RequestBuilder {
    match invite.headers().named(IDENTITY.to_ascii_lowercase().as_bytes()) {
        Some(value) => builder.named(IDENTITY, value),
        None => builder,
    }
}

/// Nobody (RFC 3323 §4.1.1.3).
pub(crate) fn anonymous() -> NameAddr {
    let uri = Uri::compose(Scheme::Sip, Some(b"anonymous"), "anonymous.invalid", None, "")
        .expect("a fixed URI is well formed");
    NameAddr::compose(Some("Anonymous"), &uri, None)
}
