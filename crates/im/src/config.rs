//! What an operator decides about messaging.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{BareJid, DomainPart};
use store::ArchiveDefault;
use xmpp::sasl::Mechanism;

use crate::component::ComponentsConfig;
use crate::features::external_services::ExternalServices;
use crate::limits::Limits;
use crate::proxy::ProxyConfig;
use crate::s2s::{FederationConfig, Network};

/// Is this address one of `[network] trusted`? Failures from there are not limited.
pub type Trusted = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// How long archives keep what was said; `None` for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// In the archives of users.
    pub users: Option<Duration>,
    /// In the archives of rooms.
    pub rooms: Option<Duration>,
}

/// Which of a user's devices get a message to the bare address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Routing {
    /// All with a non-negative priority (RFC 6121 §8.5.2.1).
    #[default]
    Standard,
    /// The first message all of those, then only the one that answers (`IM-01`).
    AnsweringDevice,
}

impl std::str::FromStr for Routing {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "standard" => Ok(Self::Standard),
            "answering-device" => Ok(Self::AnsweringDevice),
            _ => Err(()),
        }
    }
}

/// Where people who are responsible are reached (XEP-0157 §2): addresses as URIs, by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactAddresses {
    /// For reports of abuse.
    pub abuse: Vec<String>,
    /// Of who runs the service.
    pub admin: Vec<String>,
    /// For what people want to say about it.
    pub feedback: Vec<String>,
    /// For who wants to buy it.
    pub sales: Vec<String>,
    /// For reports of weaknesses.
    pub security: Vec<String>,
    /// Where it is told how the service is.
    pub status: Vec<String>,
    /// For who needs help.
    pub support: Vec<String>,
}

/// Which users may do something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Permitted {
    /// Everybody who can reach the service, also users of other servers.
    #[default]
    Everybody,
    /// Users of this server.
    Users,
    /// Members of these groups, and administrators.
    Groups(BTreeSet<String>),
    /// Administrators.
    Administrators,
    /// Nobody.
    Nobody,
}

impl std::str::FromStr for Permitted {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "everybody" => Ok(Self::Everybody),
            "users" => Ok(Self::Users),
            "administrators" => Ok(Self::Administrators),
            "nobody" => Ok(Self::Nobody),
            _ => Err(()),
        }
    }
}

/// Who may make accounts with a chat client (XEP-0077).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OpenTo {
    /// Nobody: accounts are made by administrators.
    #[default]
    Nobody,
    /// Who has an invitation (XEP-0445).
    Invited,
    /// Who comes.
    Everybody,
}

impl std::str::FromStr for OpenTo {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "nobody" => Ok(Self::Nobody),
            "invited" => Ok(Self::Invited),
            "everybody" => Ok(Self::Everybody),
            _ => Err(()),
        }
    }
}

/// How accounts are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistrationPolicy {
    /// Who may make one.
    pub open_to: OpenTo,
    /// Users may invite, besides administrators (XEP-0401).
    pub users_invite: bool,
}

/// What an operator decides about messaging and may decide anew while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// How long archives keep what was said.
    pub retention: Retention,
    /// Which of a user's devices get a message.
    pub routing: Routing,
    /// Who may administer the service over XMPP (XEP-0133).
    pub administrators: BTreeSet<BareJid>,
    /// Where people who are responsible are reached.
    pub contacts: ContactAddresses,
    /// Who may make rooms (XEP-0045 §10.1).
    pub rooms_created_by: Permitted,
    /// Who may search the directory (XEP-0055); users of other servers may not in any case.
    pub directory_searched_by: Permitted,
    /// How accounts are made.
    pub registration: RegistrationPolicy,
}

/// How long a token signs its client in, unless the operator says otherwise.
pub const TOKEN_TIME_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How clients sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// The mechanisms that the domain allows; those that a stream cannot carry are not offered on it, nor those that
    /// some account has no record for: such accounts get one at their next sign-in (XEP-0480).
    pub mechanisms: Vec<Mechanism>,
    /// How long a token signs its client in (XEP-0484); zero for no tokens at all.
    pub token_time_max: Duration,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { mechanisms: Mechanism::DEFAULT.to_vec(), token_time_max: TOKEN_TIME_MAX }
    }
}

/// What an operator decides about messaging.
#[derive(Clone)]
pub struct ImConfig {
    /// The domain of all users.
    pub domain: DomainPart,
    /// How clients sign in.
    pub sign_in: SignIn,
    /// All limits.
    pub limits: Limits,
    /// Addresses whose failures are not limited.
    pub trusted: Trusted,
    /// How users who do not exist are answered: with a salt from this secret, kept over restarts.
    pub unknown_users: xmpp::sasl::UnknownUsers,
    /// What is archived of users who said nothing else (XEP-0441).
    pub archive_default: ArchiveDefault,
    /// What may be decided anew while it runs.
    pub policies: Policies,
    /// The address of HTTPS as clients reach it, without a slash at its end, such as `https://chat.example.org:8443`:
    /// where they put files (XEP-0363). `None` when no files are taken.
    pub upload_url: Option<String>,
    /// Programs beside this server that serve domains of their own (XEP-0114).
    pub components: ComponentsConfig,
    /// STUN and TURN servers that clients are told of (XEP-0215).
    pub external_services: ExternalServices,
    /// Push notifications name the sender of the last message (XEP-0357).
    pub push_shows_sender: bool,
    /// The proxy for bytestreams (XEP-0065); `None` for none.
    pub proxy: Option<ProxyConfig>,
    /// The version that XEP-0092 tells.
    pub version: &'static str,
    /// What is decided about other servers.
    pub federation: FederationConfig,
    /// The way to other servers; the real network unless given.
    pub network: Option<Arc<dyn Network>>,
}

impl ImConfig {
    /// The defaults for a domain. `secret` must stay the same over restarts; `iterations` is what most stored
    /// credentials have.
    pub fn new(domain: DomainPart, secret: [u8; 32], iterations: u32) -> Self {
        Self {
            domain,
            sign_in: SignIn::default(),
            limits: Limits::default(),
            trusted: Arc::new(|_| false),
            unknown_users: xmpp::sasl::UnknownUsers { secret, iterations },
            archive_default: ArchiveDefault::default(),
            policies: Policies::default(),
            upload_url: None,
            components: ComponentsConfig::default(),
            external_services: ExternalServices::default(),
            push_shows_sender: false,
            proxy: None,
            version: env!("CARGO_PKG_VERSION"),
            federation: FederationConfig::default(),
            network: None,
        }
    }
}
