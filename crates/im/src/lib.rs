//! Messaging: client sessions, routing, the message pipeline, one file per feature.
//!
//! Owns: client-to-server streams, the table of sessions, delivery (RFC 6121 §8), roster and subscriptions,
//! presence as XMPP shows it. Does not own: calls, storage, the composition of presence. A message's way:
//! `c2s` -> `pipeline` -> `router` -> the receiver's `outbox` -> `c2s`.

mod about;
mod acceptance;
mod administration;
mod c2s;
mod component;
mod config;
mod conversation;
mod delivery;
mod error;
pub mod features;
mod gateway;
mod kept_size;
pub mod limits;
mod muc;
mod outbox;
mod pipeline;
mod presence_output;
mod proxy;
mod pubsub;
mod push_service;
mod rate;
mod retention;
mod router;
pub mod s2s;
mod services;
mod sessions;
mod signin;
mod signin_guard;
mod snapshot;
mod subscription_state;
mod tls;

use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use model::BareJid;
use runtime::Runtime;
use store::Store;
use tokio::sync::Semaphore;

pub use about::{About, Spec};
pub use administration::{Administration, Order};
pub use c2s::{HIGH_WATER_BYTES, Link, Moved, RunningSession, Transport, Wire};
pub use component::{Access as ComponentAccess, ComponentsConfig, Delegation, Grant, Privileges};
pub use config::{
    ContactAddresses, ImConfig, OpenTo, Permitted, Policies, RegistrationPolicy, Retention, Routing, SignIn,
    TOKEN_TIME_MAX, Trusted,
};
pub use delivery::MessageType;
pub use error::Error;
pub use features::api_token::{TokenHolder, TokenRefused};
pub use features::directory::{PersonFound, SearchRefused};
pub use features::external_services::{ExternalService, ExternalServices, NotAService, ServiceForUser};
pub use features::invitations::{INVITATION_TIME, Invited, Wish};
pub use features::registration::PasswordNotSet;
pub use gateway::{Contact, Gateway, GatewayMessage, Inbound, Offer};
pub use limits::Limits;
pub use proxy::ProxyConfig;
pub use pubsub::config::{node_config, node_config_for_owner, node_config_form};
pub use push_service::{NS as PUSH_NS, PushKeys, PushNotice, PushSender, PushTarget};
pub use signin::PasswordRefused;
pub use snapshot::SessionSnapshot;
pub use tls::Tls;

/// Messaging for one domain. Shared by `Arc`; all methods may be called from any task.
pub struct Im {
    config: ImConfig,
    limits: ArcSwap<Limits>,
    store: Store,
    presence: Arc<presence::Engine>,
    runtime: Runtime,
    tls: Arc<Tls>,
    sessions: sessions::Sessions,
    /// Sessions that can be resumed, by the identifier that stream management gave (XEP-0198 §5).
    resumable: papaya::HashMap<Box<str>, Arc<sessions::Seat>>,
    contacts: papaya::HashMap<Box<str>, Arc<dyn Contact>>,
    users: Users,
    rooms: muc::Rooms,
    services: services::Services,
    output: presence_output::Output,
    /// Other servers.
    s2s: s2s::Federation,
    /// What connections that are not yet signed in share.
    arrivals: Arrivals,
}

/// What is held in memory of all users, signed in or not, and of their clients.
#[derive(Default)]
struct Users {
    roster_locks: features::roster::Locks,
    capabilities: features::caps::Capabilities,
    archive_preferences: features::archive::Preferences,
    blocked: features::blocking::Blocked,
    avatars: features::avatars::Avatars,
    /// The way to those whom no session serves.
    gateway: ArcSwapOption<Box<dyn Gateway>>,
    /// Who is in whose roster by a shared group, as clients were told.
    colleagues: ArcSwap<store::Colleagues>,
    /// Who carries out what administrators order.
    administration: ArcSwapOption<Box<dyn Administration>>,
    message_of_the_day: ArcSwapOption<features::announcements::MessageOfTheDay>,
    /// What the operator decided for all of them.
    policies: ArcSwap<Policies>,
    push: features::push::Subscribers,
    api_tokens: features::api_token::ApiTokens,
    directory: features::directory::Directory,
    /// How much waits for those who are away.
    offline_sizes: kept_size::KeptSizes,
    /// How much is kept of events: at a person's own service, and at nodes of the shared one.
    event_sizes: kept_size::KeptSizes,
}

struct Arrivals {
    policy: ArcSwap<xmpp::stream::ServerPolicy>,
    places: c2s::Places,
    /// Turns to compare a password.
    comparisons: Arc<Semaphore>,
    guard: signin_guard::SignInGuard,
    /// Accounts that were tried to be made, by address.
    registrations: signin_guard::SignInGuard,
    started: Instant,
}

impl Im {
    /// Opens the house: no listener yet; see [`Im::listen`] and [`Im::accept`].
    pub fn start(
        config: ImConfig,
        store: Store,
        presence: Arc<presence::Engine>,
        runtime: Runtime,
        tls: Arc<Tls>,
    ) -> Arc<Self> {
        let im = Arc::new(Self {
            limits: ArcSwap::from_pointee(config.limits.clone()),
            sessions: sessions::Sessions::default(),
            resumable: papaya::HashMap::new(),
            contacts: papaya::HashMap::new(),
            users: Users { policies: ArcSwap::from_pointee(config.policies.clone()), ..Users::default() },
            rooms: muc::Rooms::new(config.domain.as_str()),
            services: services::Services::new(&config),
            output: presence_output::Output::default(),
            s2s: s2s::Federation::new(&config, &runtime),
            arrivals: Arrivals {
                policy: ArcSwap::from_pointee(policy(
                    &config,
                    &config.limits,
                    config.policies.registration.open_to,
                )),
                places: c2s::Places::default(),
                comparisons: Arc::new(Semaphore::new(config.limits.sign_in.comparisons_max)),
                guard: signin_guard::SignInGuard::default(),
                registrations: signin_guard::SignInGuard::default(),
                started: runtime.now(),
            },
            config,
            store,
            presence,
            runtime,
            tls,
        });
        presence_output::start(&im);
        retention::start(&im);
        let weak = Arc::downgrade(&im);
        im.store.on_given_up(move |entries| {
            if let Some(im) = weak.upgrade() {
                im.given_up(entries);
            }
        });
        im
    }

    /// Reads what is asked for every message and so held in memory. To be called once, before anybody signs in.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn load(&self) -> Result<(), store::Error> {
        self.users.colleagues.store(self.store.colleagues());
        self.load_message_of_the_day().await?;
        self.users.archive_preferences.load(&self.store).await?;
        self.users.blocked.load(&self.store).await?;
        self.users.avatars.load(&self.store).await?;
        self.users.push.load(&self.store).await?;
        self.services.push_service().load(&self.store).await?;
        self.offer_what_all_can_do().await?;
        self.rooms.load(&self.store).await
    }

    /// What all streams share.
    fn policy(&self) -> Arc<xmpp::stream::ServerPolicy> {
        self.arrivals.policy.load_full()
    }

    /// The domain that is served.
    pub fn domain(&self) -> &str {
        self.config.domain.as_str()
    }

    /// Replaces the limits (a reload of the configuration).
    pub fn set_limits(&self, limits: Limits) {
        // What every account can do has not changed.
        let mechanisms = self.policy().mechanisms.clone();
        let open_to = self.users.policies.load().registration.open_to;
        let renewed = xmpp::stream::ServerPolicy { mechanisms, ..policy(&self.config, &limits, open_to) };
        self.arrivals.policy.store(Arc::new(renewed));
        self.limits.store(Arc::new(limits));
    }

    /// Replaces what the operator decided (a reload of the configuration).
    pub fn set_policies(&self, policies: Policies) {
        let sign_in_features = features::registration::stream_features(policies.registration.open_to);
        let renewed = xmpp::stream::ServerPolicy { sign_in_features, ..(*self.policy()).clone() };
        self.arrivals.policy.store(Arc::new(renewed));
        self.users.policies.store(Arc::new(policies));
    }

    /// Offers, of the mechanisms that the domain allows, those that every account can do: one that came from another
    /// server may have a record for SCRAM-SHA-1 only, and a client takes the strongest that it sees. Streams that are
    /// there already keep theirs.
    ///
    /// # Errors
    /// The storage could not be read; then all stays as it was.
    pub async fn offer_what_all_can_do(&self) -> Result<(), store::Error> {
        let Some(all) = self.store.mechanisms_of_all().await? else { return Ok(()) };
        let can_do = |mechanism: &xmpp::sasl::Mechanism| {
            let name = mechanism.name();
            let name = name.strip_suffix("-PLUS").unwrap_or(name);
            // PLAIN is held against any record.
            *mechanism == xmpp::sasl::Mechanism::Plain || all.iter().any(|known| known == name)
        };
        let mechanisms: Vec<_> = self.config.sign_in.mechanisms.iter().copied().filter(can_do).collect();
        let policy = self.arrivals.policy.load_full();
        if policy.mechanisms != mechanisms {
            let names: Vec<_> = mechanisms.iter().map(|mechanism| mechanism.name()).collect();
            tracing::info!(mechanisms = names.join(" "), "clients are offered what every account can do");
            let policy = xmpp::stream::ServerPolicy { mechanisms, ..(*policy).clone() };
            self.arrivals.policy.store(Arc::new(policy));
        }
        Ok(())
    }

    /// Accounts, or parts of them, were added by somebody else (an import): what is held of them is read again.
    ///
    /// # Errors
    /// The storage could not be read.
    pub async fn accounts_added(&self, users: &[BareJid]) -> Result<(), store::Error> {
        self.users.archive_preferences.load(&self.store).await?;
        self.users.blocked.load(&self.store).await?;
        self.users.avatars.load(&self.store).await?;
        users.iter().for_each(|user| self.roster_changed(user));
        self.offer_what_all_can_do().await
    }

    /// Sets the way to users whom no session serves.
    pub fn set_gateway(&self, gateway: impl Gateway) {
        self.users.gateway.store(Some(Arc::new(Box::new(gateway))));
    }

    /// Adds a contact that answers by itself, such as `echo@localhost`. A user of that address, if there is
    /// one, is served while signed in.
    pub fn add_contact(&self, jid: &BareJid, contact: Arc<dyn Contact>) {
        self.contacts.pin().insert(jid.as_str().into(), contact);
    }

    /// Ends all sessions of a user who was disabled or removed (`PS-15`); gives their number.
    pub fn disable(&self, user: &BareJid) -> usize {
        self.users.api_tokens.end(user.as_str());
        let Some(account) = self.sessions.account(user.as_str()) else { return 0 };
        let seats = account.seats();
        for seat in seats.iter() {
            seat.outbox.end(outbox::End::Disabled);
        }
        seats.len()
    }

    /// Ends one session; tells whether there was one. Its client may sign in again.
    pub fn end_client(&self, user: &BareJid, resource: &str) -> bool {
        let seat = self.sessions.seat(user.as_str(), resource);
        seat.map(|seat| seat.outbox.end(outbox::End::Ended)).is_some()
    }

    /// An account was removed: one that is made later by the same name begins with nothing of it.
    pub fn forget(&self, user: &BareJid) {
        self.users.archive_preferences.forget(user.as_str());
        self.users.blocked.forget(user.as_str());
        self.users.avatars.forget(user.as_str());
        self.users.push.forget(user.as_str());
        self.users.offline_sizes.forget(user.as_str());
        self.users.event_sizes.forget(user.as_str());
        self.services.push_service().forget(user.as_str());
    }

    /// The archive of a room was changed by somebody else: what is held of it is forgotten.
    pub fn archive_changed(&self, owner: &BareJid) {
        self.rooms.archive_changed(owner);
    }

    /// The stored roster of a user was changed by somebody else (an import): what is held of it is forgotten.
    pub fn roster_changed(&self, user: &BareJid) {
        if let Some(account) = self.sessions.account(user.as_str()) {
            account.forget_roster();
        }
    }
}

fn policy(config: &ImConfig, limits: &Limits, open_to: OpenTo) -> xmpp::stream::ServerPolicy {
    use xmpp::stream::ServerPolicy;
    use xmpp::xep::roster;
    use xmpp::xep::stream_limits::StreamLimits;

    let stream = |stanza_bytes_max, idle: std::time::Duration| StreamLimits {
        stanza_bytes_max,
        idle_seconds_max: idle.as_secs(),
    };
    let (domains, mechanisms) = (vec![config.domain.clone()], config.sign_in.mechanisms.clone());
    ServerPolicy {
        features: [roster::VERSIONING_FEATURE, roster::PRE_APPROVAL_FEATURE, features::client_state::FEATURE]
            .concat()
            .into(),
        sign_in_features: features::registration::stream_features(open_to),
        hashes: signin::hashes(&config.sign_in.mechanisms),
        tokens: !config.sign_in.token_time_max.is_zero(),
        bind_inline: features::sign_in::BIND_INLINE,
        limits_before_sign_in: stream(
            limits.stream.before_sign_in.stanza_bytes_max,
            limits.sign_in.unauthenticated_time_max,
        ),
        limits: stream(limits.stream.signed_in.stanza_bytes_max, limits.session.idle_before_ping),
        ..ServerPolicy::new(domains, mechanisms, config.unknown_users.clone())
    }
}
