//! Who is a trunk: by the address that a request comes from, by the Contact that we registered, or by credentials;
//! and who calls over it.

use std::sync::Arc;

use model::plan::{Digits, Plan, SecurityMode, TrunkTransport};
use sip::endpoint::{Flow, Transport as Kind};
use sip::{Name, Request, Uri};

use super::{Peer, Trunk, Trunks};
use crate::features::caller_identity;
use crate::place::{Caller, Dialled};

/// A call that came in over a trunk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FromTrunk {
    /// The trunk.
    pub name: String,
    /// The calling number as it came, before the trunk's transformation of it.
    pub number: String,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The path that it came by.
    pub flow: &'a Flow,
    /// The certificate of whoever opened the connection.
    pub peer: Option<&'a Peer>,
}

impl Trunks {
    /// The trunk that a request is from, when where it comes from or what it calls is proof enough: the connection that we
    /// opened to it, its certificate, an address that the plan names, or the token that only the registrar knows. One whose
    /// callers must sign in is none of these.
    pub fn sender(&self, request: &Request, origin: Origin<'_>) -> Option<Arc<Trunk>> {
        if self.is_empty() {
            return None;
        }
        if let Some(trunk) = self.by_connection(origin.flow) {
            return Some(trunk).filter(|trunk| !trunk.signs_in());
        }
        let user = request.uri().ok().and_then(|uri| uri.user().map(<[u8]>::to_vec));
        let all = self.all();
        let open = all.iter().filter(|trunk| !trunk.signs_in() && self.has_shown_itself(trunk, origin));
        let has_token = |trunk: &Trunk| trunk.registers() && user.as_deref() == Some(trunk.token.as_bytes());
        let is_by_certificate =
            |trunk: &Trunk| trunk.profile.knows_by_certificate() && trunk.sip.from.is_empty();
        let (mut by_certificate, mut by_token) = (open.clone(), open.clone());
        let mut by_source = open;
        by_source
            .find(|trunk| trunk.is_source(origin.flow))
            .or_else(|| by_certificate.find(|trunk| is_by_certificate(trunk)))
            .or_else(|| by_token.find(|trunk| has_token(trunk)))
            .cloned()
    }

    /// Does a request come in over a transport, and with a certificate, that the trunk's profile wants?
    fn has_shown_itself(&self, trunk: &Arc<Trunk>, origin: Origin<'_>) -> bool {
        let is_good = |peer: &Peer| peer.is(trunk, self.state(), || self.all());
        trunk.lets_in(origin.flow.transport)
            && (!trunk.profile.knows_by_certificate() || origin.peer.is_some_and(is_good))
    }

    /// May a request that was signed with the credentials of a trunk come from there? Anywhere, unless the plan names
    /// addresses, transports or certificates.
    pub(crate) fn may_come_from(&self, trunk: &Arc<Trunk>, origin: Origin<'_>) -> bool {
        let ours = || self.by_connection(origin.flow).is_some_and(|opened| Arc::ptr_eq(&opened, trunk));
        let from = trunk.sip.from.is_empty() || trunk.is_source(origin.flow);
        ours() || (from && self.has_shown_itself(trunk, origin))
    }

    /// Is any trunk known by the certificate that it shows?
    pub(crate) fn any_knows_by_certificate(&self) -> bool {
        self.by_name.load().values().any(|trunk| trunk.profile.knows_by_certificate())
    }

    /// Does any trunk have calls made by REFER (`CC-27`)?
    pub(crate) fn any_refers(&self) -> bool {
        self.by_name.load().values().any(|trunk| trunk.accepts_refer)
    }

    /// The trunk whose callers sign in with this name.
    pub(crate) fn by_username(&self, username: &str) -> Option<Arc<Trunk>> {
        if self.is_empty() {
            return None;
        }
        self.all().into_iter().find(|trunk| {
            trunk.signs_in() && trunk.sip.account.as_ref().is_some_and(|account| account.username == username)
        })
    }
}

impl Trunk {
    /// Must its callers sign in?
    fn signs_in(&self) -> bool {
        self.sip.account.as_ref().is_some_and(|account| account.inbound || self.profile.digest)
    }

    /// May a request come in over this transport?
    fn lets_in(&self, transport: Kind) -> bool {
        match transport {
            Kind::Udp => self.profile.lets_in(TrunkTransport::Udp),
            Kind::Tcp => self.profile.lets_in(TrunkTransport::Tcp),
            Kind::Tls => self.profile.lets_in(TrunkTransport::Tls),
            // No other system comes over WebSocket; a profile that names transports means others.
            Kind::Ws | Kind::Wss => {
                self.profile.incoming.is_empty() && self.profile.mode == SecurityMode::NonSecure
            }
        }
    }

    pub(super) fn registers(&self) -> bool {
        self.sip.account.as_ref().is_some_and(|account| account.register)
    }

    /// Does a request come from an address of this trunk?
    fn is_source(&self, flow: &Flow) -> bool {
        self.sip.from.iter().any(|source| source.contains(flow.remote.ip()))
    }

    /// The password that its callers sign in with.
    pub(crate) fn password(&self) -> Option<&str> {
        self.sip.account.as_ref().map(|account| account.password.as_str())
    }

    /// Who calls: the number of From, or of P-Asserted-Identity where that is trusted, as the trunk's transformation
    /// makes it; and the name that goes with it.
    pub fn caller(&self, request: &Request, plan: &Plan) -> Caller {
        let headers = request.headers();
        let asserted = headers.addresses(Name::PAssertedIdentity).ok().and_then(|all| all.into_iter().next());
        let from = asserted.filter(|_| self.sip.trust_identity).or_else(|| headers.from().ok());
        let number = from.as_ref().map(|from| user_of(from.uri())).unwrap_or_default();
        let number = Some(number).filter(|number| is_of_caller(number)).unwrap_or_default();
        let name = from.map(|from| String::from_utf8_lossy(&from.display()).into_owned());
        let shown = Digits::dialled(&number).and_then(|digits| {
            let trunk = plan.outside.trunks.iter().find(|trunk| trunk.name == self.name)?;
            trunk.calling_in.apply(&digits, 0)
        });
        Caller {
            line: None,
            user: None,
            number: shown.map_or_else(|| number.clone(), |digits| digits.to_string()),
            name: name.filter(|name| !name.is_empty()),
            trunk: Some(Arc::new(FromTrunk { name: self.name.clone(), number })),
            device: None,
            withheld: caller_identity::asked(request).unwrap_or(false),
        }
    }

    /// What is called: the Request-URI, or To when the Request-URI is the Contact that we registered. What host they
    /// think we are says nothing.
    pub(crate) fn dialled(&self, request: &Request) -> Option<Dialled> {
        let uri = request.uri().ok()?;
        let user = user_of(&uri);
        let user = if user == self.token { user_of(request.headers().to().ok()?.uri()) } else { user };
        Some(Dialled::here(user))
    }
}

/// May it be the number or name of somebody who calls? `*` and `#` begin codes: whoever calls such a number back would do
/// what the code does. RFC 3966 §3 has them in local numbers only, and whoever is behind a trunk is not local.
fn is_of_caller(number: &str) -> bool {
    !number.contains(['*', '#'])
}

/// The user part without its own parameters (`+4930;npdi`, RFC 4694) and, of a number, without separators (RFC 3966 §3).
fn user_of(uri: &Uri) -> String {
    let user = uri.user_decoded().unwrap_or_default();
    let user = String::from_utf8_lossy(&user).into_owned();
    let user = user.split(';').next().unwrap_or_default();
    Digits::dialled(user).map_or_else(|| user.to_owned(), |digits| digits.to_string())
}
