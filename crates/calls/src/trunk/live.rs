//! One trunk at work: its servers in order, which of them are up, its credentials, its registration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use model::plan::{self, Recording, SecurityMode, SecurityProfile, Srtp, TrunkSip, TrunkTransport};
use parking_lot::Mutex;
use rustls::RootCertStore;
use sip::Uri;
use sip::digest::{Account, Session};
use sip::endpoint::Transport as Kind;
use sip::location::{Destination, Hop, Servers};
use sip::registration::State as Registered;
use sip::uri::Scheme;

use super::health::{Health, State};
use super::standing::Way;

/// A trunk of the plan that calls can go over. Shared by all shards; locks are short and never held across an await.
#[derive(Debug)]
pub struct Trunk {
    pub(super) name: String,
    pub(super) sip: TrunkSip,
    pub(super) profile: SecurityProfile,
    pub(super) accepts_refer: bool,
    /// The user part of the Contact that we register: who calls it was told it by the registrar.
    pub(super) token: String,
    digest: Option<Mutex<Session>>,
    live: Mutex<Live>,
    /// Its connections over TLS.
    pub(super) ways: Mutex<BTreeMap<Hop, Way>>,
    /// Who vouches for the other side, or why that is not known.
    pub(super) authorities: ArcSwap<Result<Arc<RootCertStore>, String>>,
    half_open: AtomicU32,
}

/// A call that came in over a trunk and is not acknowledged yet. It counts as long as this lives.
#[derive(Debug)]
pub(crate) struct HalfOpen(Arc<Trunk>);

impl Drop for HalfOpen {
    fn drop(&mut self) {
        self.0.half_open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Live {
    servers: Servers,
    health: BTreeMap<Hop, Health>,
    registered: Option<Registered>,
    /// Why its name leads nowhere, while it does.
    nowhere: Option<String>,
}

/// What is seen of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub hop: Hop,
    pub state: State,
    pub since: Option<Instant>,
    pub rests_until: Option<Instant>,
}

impl Trunk {
    pub(super) fn new(
        plan: &plan::Trunk,
        (sip, profile): (&TrunkSip, Option<&SecurityProfile>),
        token: String,
    ) -> Self {
        let account = |account: &plan::TrunkAccount| {
            let (username, password) = (account.username.clone(), account.password.clone());
            Mutex::new(Session::new(Account { username, password }))
        };
        Self {
            name: plan.name.clone(),
            accepts_refer: refers(plan, profile),
            profile: profile.cloned().unwrap_or_default(),
            token,
            digest: sip.account.as_ref().map(account),
            live: Mutex::default(),
            ways: Mutex::default(),
            authorities: ArcSwap::from_pointee(Ok(Arc::new(RootCertStore::empty()))),
            half_open: AtomicU32::new(0),
            sip: sip.clone(),
        }
    }

    /// Its name in the dial plan.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Is it what the plan says now?
    pub(super) fn is(&self, plan: &plan::Trunk, sip: &TrunkSip, profile: Option<&SecurityProfile>) -> bool {
        let same_profile =
            profile.map_or(self.profile == SecurityProfile::default(), |its| self.profile == *its);
        self.sip == *sip && same_profile && self.accepts_refer == refers(plan, profile)
    }

    /// May an INVITE over it take the place of another call (RFC 3891)?
    pub(crate) fn accepts_replaces(&self) -> bool {
        self.profile.accept_replaces
    }

    /// Does a REFER outside of a dialog originate a call (`CC-27`)?
    pub fn accepts_refer(&self) -> bool {
        self.accepts_refer
    }

    /// A place for a call that begins over it; `None` when as many are half-open as may be.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<HalfOpen> {
        let max = self.sip.half_open_max;
        let one_more = |count| (count < max).then_some(count + 1);
        self.half_open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(HalfOpen(Arc::clone(self)))
    }

    /// How long a call waits for the first answer of all.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(self.sip.answer_seconds.into())
    }

    /// The only codecs that are offered over it; all when there is none.
    pub(crate) fn codecs(&self) -> &[String] {
        &self.sip.codecs
    }

    /// Whether its media is secret.
    pub(crate) fn srtp(&self) -> Srtp {
        if self.profile.mode == SecurityMode::Encrypted { Srtp::Required } else { self.sip.srtp }
    }

    /// Whether calls over it are recorded.
    pub(crate) fn recording(&self) -> Recording {
        self.sip.recording
    }

    /// Where it is, for the look-up; `None`: calls only come in over it.
    pub(crate) fn destination(&self) -> Option<Destination> {
        let (host, port) = self.sip.host_and_port();
        let secure = self.profile.mode != SecurityMode::NonSecure;
        let transport = self.sip.transport.or(self.profile.transport).map(|transport| match transport {
            TrunkTransport::Udp => Kind::Udp,
            TrunkTransport::Tcp => Kind::Tcp,
            TrunkTransport::Tls => Kind::Tls,
        });
        let secure = secure || transport == Some(Kind::Tls);
        (!host.is_empty()).then(|| Destination { host: host.to_owned(), port, transport, secure })
    }

    /// One of its own addresses: behind the `@` stands the domain, or the address as the plan writes it.
    pub(crate) fn uri(&self, user: Option<&str>) -> Option<Uri> {
        let user = user.map(str::as_bytes);
        if let Some(domain) = &self.sip.domain {
            return Uri::compose(Scheme::Sip, user, domain, None, "").ok();
        }
        let (host, port) = self.sip.host_and_port();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Uri::compose(Scheme::Sip, user, &host, port, "").ok()
    }

    /// Credentials for a request, when we were challenged before.
    pub(crate) fn credentials(
        &self,
        method: &[u8],
        uri: &[u8],
        cnonce: &str,
    ) -> Option<(sip::Name, bytes::Bytes, String)> {
        self.digest.as_ref()?.lock().credentials(method, uri, cnonce)
    }

    /// Takes a challenge: see [`Session::challenged`].
    pub(crate) fn challenged(&self, response: &sip::Response, sent: Option<&str>) -> bool {
        self.digest.as_ref().is_some_and(|digest| digest.lock().challenged(response, sent))
    }

    /// The name service has answered.
    pub(super) fn found(&self, found: Result<Vec<Hop>, String>, now: Instant) {
        let mut live = self.live.lock();
        match found {
            Ok(hops) => {
                live.health.retain(|hop, _| hops.contains(hop));
                for hop in &hops {
                    live.health.entry(*hop).or_insert_with(|| Health::new(now));
                }
                live.nowhere = hops.is_empty().then(|| "its name leads to no server".to_owned());
                live.servers.set(hops);
            }
            // What was found before goes on being used.
            Err(reason) => live.nowhere = Some(reason),
        }
    }

    /// Its servers in the order in which they are tried, with what is true of those that are up, or not known, and have
    /// not failed lately: the others come behind those of all trunks.
    pub(crate) fn in_order(&self, now: Instant) -> Vec<(Hop, bool)> {
        let live = self.live.lock();
        let usable = |hop: &Hop| {
            let is_up = live.health.get(hop).is_none_or(Health::is_usable);
            is_up && live.servers.rests_until(*hop, now).is_none()
        };
        let mut order: Vec<(Hop, bool)> =
            live.servers.in_order(now).into_iter().map(|hop| (hop, usable(&hop))).collect();
        order.sort_by_key(|(_, usable)| !usable);
        order
    }

    /// A server answered a request, whatever it said.
    pub(crate) fn answered(&self, hop: Hop) {
        self.live.lock().servers.succeeded(hop);
    }

    /// A server could not be reached, did not answer, or answered 503.
    pub(crate) fn failed(&self, hop: Hop, retry_after: Option<Duration>, now: Instant) {
        self.live.lock().servers.failed(hop, retry_after, now);
    }

    /// A server answered OPTIONS, or did not. Gives what changed by it.
    pub(super) fn probed(&self, hop: Hop, answered: bool, now: Instant) -> Option<State> {
        let mut live = self.live.lock();
        let health = live.health.get_mut(&hop)?;
        let changed = health.heard(answered, now);
        let state = health.state();
        if answered {
            live.servers.succeeded(hop);
        }
        changed.then_some(state)
    }

    /// How long to wait before a server is asked again.
    pub(super) fn pause(&self, hop: Hop) -> Duration {
        let interval = Duration::from_secs(self.sip.options_seconds.into());
        self.live.lock().health.get(&hop).map_or(interval, |health| health.pause(interval))
    }

    pub(super) fn set_registered(&self, state: Option<Registered>) {
        self.live.lock().registered = state;
    }

    pub(super) fn registered(&self) -> Option<Registered> {
        self.live.lock().registered
    }

    pub(super) fn nowhere(&self) -> Option<String> {
        self.live.lock().nowhere.clone()
    }

    /// All servers as they are seen now, in the order of the look-up.
    pub(super) fn seen(&self, now: Instant) -> Vec<Seen> {
        let live = self.live.lock();
        let seen = |hop: &Hop| {
            let health = live.health.get(hop);
            Seen {
                hop: *hop,
                state: health.map_or(State::Unknown, Health::state),
                since: health.map(Health::since),
                rests_until: live.servers.rests_until(*hop, now),
            }
        };
        live.servers.hops().iter().map(seen).collect()
    }

    /// Is any server up, or not known to be down? A trunk that was never found is down.
    pub(crate) fn is_usable(&self) -> bool {
        let live = self.live.lock();
        live.servers.hops().iter().any(|hop| live.health.get(hop).is_none_or(Health::is_usable))
    }
}

/// Does a REFER outside of a dialog originate a call here: by the trunk, or by its profile?
fn refers(plan: &plan::Trunk, profile: Option<&SecurityProfile>) -> bool {
    plan.accept_out_of_dialog_refer || profile.is_some_and(|profile| profile.accept_out_of_dialog_refer)
}
