//! One binding: where a phone of a line can be reached, and until when; what a REGISTER asks for.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{BareJid, LineId, Timestamp};
use sip::endpoint::{Flow, Target, Transport};
use sip::{Contact, Contacts, Error, Name, Request, Uri};

use crate::authentication::Lent;

/// How long a registration lasts when the phone asks for nothing.
pub const EXPIRES_DEFAULT: u32 = 3600;
/// The shortest registration; a shorter one gets 423 (RFC 3261 §10.3 step 7).
pub const EXPIRES_MIN: u32 = 30;
/// The longest registration; a longer one is shortened.
pub const EXPIRES_MAX: u32 = 7200;
/// Contacts in one REGISTER, and of one line. When a line has more, those that end first give way.
pub const CONTACTS_MAX: usize = 16;
/// The longest Path that is kept, in values.
const PATH_MAX: usize = 8;
/// The longest contact URI, instance, Call-ID or Path value that is kept, in bytes: a database's index takes no more
/// than some 2,700.
const KEPT_BYTES_MAX: usize = 1024;
/// The longest User-Agent that is kept, in characters; a longer one is cut.
const USER_AGENT_CHARACTERS_MAX: usize = 128;
/// The port of a SIP URI that names none (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;
/// The port of a SIPS URI, and of TLS, that names none.
const SIPS_PORT: u16 = 5061;

/// Where a phone can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The line.
    pub line: LineId,
    /// Its owner.
    pub owner: Option<BareJid>,
    /// The contact URI, as the phone gave it.
    pub contact: Uri,
    /// How the phone names itself.
    pub identity: Identity,
    /// The REGISTER that made or refreshed it.
    pub order: Order,
    /// The preference, in thousandths.
    pub q_thousandths: u16,
    /// The path that the REGISTER came over.
    pub flow: Flow,
    /// Path (RFC 3327), outermost first.
    pub path: Vec<Bytes>,
    /// The phone's User-Agent.
    pub user_agent: Option<String>,
    /// The device that it is, when that is known.
    pub device: Option<Arc<str>>,
    /// The lent account that it was registered with, and ends with.
    pub lent: Option<Arc<str>>,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When the phone first registered.
    pub registered_at: Timestamp,
    /// The end that the store knows: a refresh that changes little is not written.
    pub stored_until: Timestamp,
}

/// How a phone names itself and its flow (RFC 5626 §4.1, §4.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `+sip.instance`.
    pub instance: Option<String>,
    /// `reg-id`.
    pub reg_id: Option<u32>,
}

/// What orders the REGISTERs of one phone (RFC 3261 §10.3 step 7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Their Call-ID.
    pub call_id: String,
    /// The CSeq number.
    pub cseq: u32,
}

/// What a REGISTER asks for.
#[derive(Clone, Debug)]
pub struct Update {
    /// Which contacts.
    pub change: Change,
    /// Which REGISTER it is.
    pub order: Order,
    /// Where it came from.
    pub flow: Flow,
    /// Does the phone support flows; else `reg-id` means nothing (RFC 5626 §6)?
    pub outbound: bool,
    /// Its Path.
    pub path: Vec<Bytes>,
    /// Its User-Agent.
    pub user_agent: Option<String>,
    /// The device that sent it, when that is known.
    pub device: Option<Arc<str>>,
    /// The lent account that sent it.
    pub lent: Option<Arc<str>>,
}

/// Which contacts a REGISTER changes.
#[derive(Clone, Debug)]
pub enum Change {
    /// None: it asks what there is.
    Nothing,
    /// All are removed.
    RemoveAll,
    /// These are added, refreshed, or (with zero seconds) removed.
    Contacts(Vec<(Contact, u32)>),
}

/// Why a REGISTER is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A header field is malformed or too long to be kept, or `*` stands without `Expires: 0`.
    Malformed,
    /// An expiry is too short.
    TooBrief,
    /// A newer REGISTER of the same phone came before.
    OutOfOrder,
    /// More contacts than one request may bring.
    TooMany,
}

impl Update {
    /// It comes from an account that is lent: what it registers ends with that.
    pub fn of_lent(&mut self, lent: &Lent, now: Timestamp) {
        self.lent = Some(Arc::clone(&lent.username));
        let left = u32::try_from(lent.expires_at.since(now).as_secs()).unwrap_or(u32::MAX);
        if let Change::Contacts(contacts) = &mut self.change {
            contacts.iter_mut().for_each(|(_, seconds)| *seconds = left.min(*seconds));
        }
    }

    /// The instance that its first contact names (RFC 5626 §4.1).
    pub fn instance(&self) -> Option<String> {
        match &self.change {
            Change::Contacts(contacts) => contacts.first()?.0.instance().map(text),
            Change::Nothing | Change::RemoveAll => None,
        }
    }

    /// Reads a REGISTER.
    ///
    /// # Errors
    /// It is malformed, or asks for what nobody gets.
    pub fn read(request: &Request, flow: Flow) -> Result<Self, Refused> {
        let headers = request.headers();
        let malformed = |_: Error| Refused::Malformed;
        let expires = headers.expires().map_err(malformed)?;
        let change = match headers.contacts().map_err(malformed)? {
            // RFC 3261 §10.3 step 6: `*` only with an expiry of zero.
            Contacts::All if expires == Some(0) => Change::RemoveAll,
            Contacts::All => return Err(Refused::Malformed),
            Contacts::List(list) if list.is_empty() => Change::Nothing,
            Contacts::List(list) if list.len() > CONTACTS_MAX => return Err(Refused::TooMany),
            Contacts::List(list) => Change::Contacts(
                list.into_iter()
                    .map(|contact| {
                        kept(contact.uri().as_bytes())?;
                        kept(&contact.instance().unwrap_or_default())?;
                        let seconds = contact.expires().or(expires).unwrap_or(EXPIRES_DEFAULT);
                        if seconds != 0 && seconds < EXPIRES_MIN {
                            return Err(Refused::TooBrief);
                        }
                        Ok((contact, seconds.min(EXPIRES_MAX)))
                    })
                    .collect::<Result<_, _>>()?,
            ),
        };
        let path = headers.addresses(Name::Path).map_err(malformed)?;
        if path.len() > PATH_MAX {
            return Err(Refused::TooMany);
        }
        path.iter().try_for_each(|address| kept(address.as_bytes()))?;
        let call_id = headers.call_id().map_err(malformed)?;
        kept(&call_id)?;
        Ok(Self {
            change,
            order: Order { call_id: text(&call_id), cseq: headers.cseq().map_err(malformed)?.number },
            flow,
            outbound: headers.has_token(Name::Supported, b"outbound"),
            path: path.iter().map(|address| Bytes::copy_from_slice(address.as_bytes())).collect(),
            user_agent: headers.first(Name::UserAgent).map(user_agent),
            device: None,
            lent: None,
        })
    }
}

impl Identity {
    /// What a contact says; `outbound` is false when its phone knows no flows.
    pub fn of(contact: &Contact, outbound: bool) -> Self {
        let reg_id = contact.reg_id().filter(|_| outbound);
        Self { instance: contact.instance().map(|instance| text(&instance)), reg_id }
    }

    /// Is it a flow by RFC 5626 §6: an instance with a reg-id?
    pub fn is_flow(&self) -> bool {
        self.instance.is_some() && self.reg_id.is_some()
    }
}

impl Binding {
    /// Is this the binding that a contact means: by instance and reg-id (RFC 5626 §6), else by its URI
    /// (RFC 3261 §10.3 step 7)?
    pub fn is_of(&self, contact: &Uri, identity: &Identity) -> bool {
        if self.identity.is_flow() || identity.is_flow() {
            return self.identity == *identity;
        }
        self.contact.matches(contact)
    }

    /// How to reach the phone. A flow, a connection, and a phone behind NAT are reached the way they came
    /// (RFC 5626 §5.3); a phone that named its own address is reached there.
    pub fn target(&self) -> Target {
        let arrived = self.flow;
        if self.identity.is_flow() || !self.path.is_empty() {
            return arrived.into();
        }
        reach(&self.contact, arrived).into()
    }

    /// Does it end with its connection? A browser cannot be reached but over the WebSocket that it opened (RFC 7118 §5),
    /// and a failed flow is of no use (RFC 5626 §5.3); a phone that registered without `reg-id` may still listen at
    /// its contact address.
    pub fn ends_with_connection(&self) -> bool {
        self.identity.is_flow() || self.flow.transport.is_web_socket()
    }

    /// Seconds left.
    pub fn seconds_left(&self, now: Timestamp) -> u32 {
        u32::try_from(self.expires_at.since(now).as_secs()).unwrap_or(u32::MAX)
    }

    /// What tells it apart from others of its line in the store.
    pub fn stored_key(&self) -> String {
        self.to_stored().key()
    }

    /// As the store keeps it.
    pub fn to_stored(&self) -> store::Binding {
        store::Binding {
            line: self.line.clone(),
            contact: self.contact.to_string(),
            instance: self.identity.instance.clone(),
            reg_id: self.identity.reg_id,
            call_id: self.order.call_id.clone(),
            cseq: self.order.cseq,
            q_thousandths: self.q_thousandths,
            received: format!("{}:{}", self.flow.transport.name().to_ascii_lowercase(), self.flow.remote),
            path: self.path.iter().map(text).collect::<Vec<_>>().join(", "),
            user_agent: self.user_agent.clone().unwrap_or_default(),
            device: self.device.as_deref().map(str::to_owned),
            expires_at: self.expires_at,
            registered_at: self.registered_at,
        }
    }

    /// From what the store kept; `local` gives our address towards a phone. `None` when it makes no sense now.
    pub fn from_stored(
        kept: store::Binding,
        owner: Option<BareJid>,
        local: impl FnOnce(Transport, SocketAddr) -> Option<SocketAddr>,
    ) -> Option<Self> {
        let (transport, remote) = kept.received.split_once(':')?;
        let transport = Transport::from_name(transport.as_bytes())?;
        let remote: SocketAddr = remote.parse().ok()?;
        let flow = Flow { transport, local: local(transport, remote)?, remote, connection: None };
        let path = Bytes::from(kept.path.into_bytes());
        Some(Self {
            owner,
            contact: kept.contact.parse().ok()?,
            identity: Identity { instance: kept.instance, reg_id: kept.reg_id },
            order: Order { call_id: kept.call_id, cseq: kept.cseq },
            q_thousandths: kept.q_thousandths,
            flow,
            path: sip::scan::elements(&path).filter(|v| !v.is_empty()).map(|v| path.slice_ref(v)).collect(),
            user_agent: (!kept.user_agent.is_empty()).then_some(kept.user_agent),
            device: kept.device.map(Arc::from),
            lent: None,
            expires_at: kept.expires_at,
            registered_at: kept.registered_at,
            stored_until: kept.expires_at,
            line: kept.line,
        })
    }

    /// The value of Contact in the answer to a REGISTER, with what is left (RFC 3261 §10.3 step 8).
    pub fn contact_value(&self, now: Timestamp) -> String {
        let mut value = format!("<{}>;expires={}", self.contact, self.seconds_left(now));
        if self.q_thousandths < 1000 {
            value.push_str(&format!(";q=0.{:03}", self.q_thousandths));
        }
        if let Some(instance) = &self.identity.instance {
            value.push_str(&format!(";+sip.instance=\"<{instance}>\""));
        }
        if let Some(reg_id) = self.identity.reg_id {
            value.push_str(&format!(";reg-id={reg_id}"));
        }
        value
    }
}

/// How to reach a contact that was told over `arrived`: over the connection, or where the datagram came from, for
/// NAT; but a phone that named the address that it is seen at is reached at the port and transport it named.
pub fn reach(contact: &Uri, arrived: Flow) -> Flow {
    let told = std::str::from_utf8(contact.host()).ok();
    let told = told.and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok());
    let seen = told.is_some_and(|told| told.to_canonical() == arrived.remote.ip().to_canonical());
    if arrived.connection.is_some() || !seen {
        return arrived;
    }
    let named = contact.transport().and_then(Transport::from_name);
    let transport = named.filter(|named| !named.is_web_socket()).unwrap_or(arrived.transport);
    let default = if transport.is_secure() { SIPS_PORT } else { SIP_PORT };
    let remote = SocketAddr::new(arrived.remote.ip(), contact.port().unwrap_or(default));
    Flow { transport, remote, ..arrived }
}

/// Does the store need to hear of `new` in the place of `old`? Not when only the end moved a little.
pub fn is_worth_writing(old: Option<&Binding>, new: &Binding, now: Timestamp) -> bool {
    let Some(old) = old else { return true };
    let same = old.contact == new.contact
        && old.identity == new.identity
        && old.flow == new.flow
        && old.path == new.path
        && old.q_thousandths == new.q_thousandths
        && old.user_agent == new.user_agent
        && old.device == new.device
        && old.order.call_id == new.order.call_id;
    let known = new.stored_until.since(now);
    !same || known < Duration::from_secs(u64::from(new.seconds_left(now))) / 2
}

/// May this be kept: is it short enough, and without the NUL that no database takes in a text?
fn kept(bytes: &[u8]) -> Result<(), Refused> {
    if bytes.len() > KEPT_BYTES_MAX || bytes.contains(&0) { Err(Refused::Malformed) } else { Ok(()) }
}

/// A User-Agent as it is kept and shown: a line for people.
fn user_agent(bytes: &[u8]) -> String {
    let plain = text(bytes);
    plain.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARACTERS_MAX).collect()
}

fn text(bytes: impl AsRef<[u8]>) -> String {
    String::from_utf8_lossy(bytes.as_ref()).into_owned()
}
