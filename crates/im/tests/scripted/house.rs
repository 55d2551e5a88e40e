//! A whole messaging house in one process: store in a directory of its own, no network, a clock moved by hand.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::BoxFuture;
use im::{Im, ImConfig, Order, Permitted, Policies, Routing, Tls, Transport};
use model::Timestamp;
use runtime::Runtime;
use store::{RosterItem, Store, Subscription};
use tokio::io::DuplexStream;
use xmpp::sasl::Mechanism;

use super::foundation::{drive, identity, records, tick_with, ticking, user};

/// The one domain of all scripts.
pub const DOMAIN: &str = "localhost";
/// What the connection between a peer and the house holds, in bytes.
const PIPE_BYTES: usize = 64 * 1024;
/// 2026-11-20T09:30:00Z.
const EPOCH: Timestamp = Timestamp(1_795_167_000_000_000);
/// The step when a script lets time pass.
const STRIDE: Duration = Duration::from_millis(250);

/// The house.
pub struct House {
    im: Arc<Im>,
    runtime: Runtime,
    store: Store,
    /// While this is held, the paused clock moves by [`House::tick`] alone. Tokio would otherwise run it on
    /// to the next timer whenever it waits for the store's own threads.
    _clock: mpsc::Sender<()>,
    policies: RefCell<Policies>,
    _directory: tempfile::TempDir,
}

impl House {
    /// Opens a house where `users` have accounts.
    pub async fn open(users: impl Iterator<Item = String>) -> Self {
        let runtime = Runtime::simulated(1, EPOCH);
        let (clock, held) = mpsc::channel::<()>();
        runtime.blocking(move || held.recv().is_err());
        let directory = tempfile::tempdir().expect("a directory for the store");
        let url = format!("sqlite:{}", directory.path().join("carillon.db").display());
        let store = drive(&runtime, Store::open(&url, &runtime)).await.expect("a store");
        let mut names: Vec<_> = users.collect();
        names.sort();
        names.dedup();
        let users = names.into_iter().map(|jid| user(&jid, 1)).collect();
        drive(&runtime, store.users_import(users)).await.expect("accounts");
        let mut config = ImConfig::new(DOMAIN.parse().expect("a domain"), [7; 32], 1);
        config.sign_in.mechanisms = vec![Mechanism::Plain];
        config.upload_url = Some("https://localhost:8443".to_owned());
        let host = DOMAIN.to_owned();
        config.proxy = Some(im::ProxyConfig { host, port: 1080, bytes_per_second: 1 << 20 });
        config.limits.upload.user_files_a_day = 3;
        let engine = Arc::new(presence::Engine::new(presence::Rules::default()));
        let (chain, key) = identity();
        let tls = Arc::new(Tls::new(chain, key).expect("its own key fits"));
        let im = Im::start(config, store.clone(), engine, runtime.clone(), tls);
        im.set_administration(Administrator { im: Arc::downgrade(&im), store: store.clone() });
        let policies = RefCell::default();
        Self { im, runtime, store, _clock: clock, policies, _directory: directory }
    }

    /// Puts two users into each other's rosters, each seeing the other.
    pub async fn acquaint(&self, one: &str, other: &str) {
        for (user, contact) in [(one, other), (other, one)] {
            let (user, contact) = (user.parse().expect("a user"), contact.parse().expect("a contact"));
            let mut item = RosterItem::new(contact);
            item.subscription = Subscription::Both;
            ticking(self.store.roster_put(&user, item), async || self.tick().await)
                .await
                .expect("a roster item");
            self.im.roster_changed(&user);
        }
    }

    /// Puts a user into a shared group, which is made when there is none.
    pub async fn join(&self, user: &str, group: &str) {
        let user = user.parse().expect("a user");
        // It may be there already.
        let _made = drive(&self.runtime, self.store.group_add(group, true)).await.is_ok();
        drive(&self.runtime, self.store.group_member_add(group, &[user])).await.expect("a member");
        drive(&self.runtime, self.im.groups_changed()).await.expect("told");
    }

    /// Takes a user out of a group.
    pub async fn leave(&self, user: &str, group: &str) {
        let user = user.parse().expect("a user");
        drive(&self.runtime, self.store.group_member_remove(group, &[user])).await.expect("a member");
        drive(&self.runtime, self.im.groups_changed()).await.expect("told");
    }

    /// What `[im] administrators` does.
    pub fn administers(&self, user: &str) {
        let administrators = [user.parse().expect("a user")].into();
        self.decide(|policies| policies.administrators = administrators);
    }

    /// What `[im] rooms_created_by = ["GROUP"]` does.
    pub fn members_make_rooms(&self, group: &str) {
        let rooms_created_by = Permitted::Groups([group.to_owned()].into());
        self.decide(|policies| policies.rooms_created_by = rooms_created_by);
    }

    /// What `[im] directory_searched_by = "nobody"` does.
    pub fn nobody_searches(&self) {
        let directory_searched_by = Permitted::Nobody;
        self.decide(|policies| policies.directory_searched_by = directory_searched_by);
    }

    /// What `[im] routing = "answering-device"` does.
    pub fn route_to_answering_devices(&self) {
        self.decide(|policies| policies.routing = Routing::AnsweringDevice);
    }

    /// What a reload of the configuration does.
    pub fn decide(&self, decision: impl FnOnce(&mut Policies)) {
        decision(&mut self.policies.borrow_mut());
        self.im.set_policies(self.policies.borrow().clone());
    }

    /// A new connection: the peer's end of it.
    pub fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.runtime.spawn_session(Arc::clone(&self.im).accept(theirs, peer, Transport::Protected));
        ours
    }

    /// Lets everybody work for a moment.
    pub async fn tick(&self) {
        tick_with(&self.runtime, &self.store).await;
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(STRIDE);
            tokio::time::advance(step).await;
            left -= step;
            self.tick().await;
        }
    }

    /// Ends all sessions and the store.
    pub async fn close(self) {
        self.runtime.stop();
        ticking(self.store.close(), async || self.tick().await).await;
    }
}

/// Who carries out what users order for their own accounts.
struct Administrator {
    im: Weak<Im>,
    store: Store,
}

impl im::Administration for Administrator {
    fn carry_out(&self, _by: &model::BareJid, order: Order) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let done = match order {
                Order::UserSetPassword { jid, password } => {
                    self.store.user_set_credentials(&jid, records(&password, 1)).await
                }
                Order::UserDelete(jids) => {
                    for jid in jids {
                        self.store.user_remove(&jid).await.map_err(|error| error.to_string())?;
                        self.im.upgrade().map(|im| im.disable(&jid));
                    }
                    Ok(())
                }
                _ => return Err("not here".to_owned()),
            };
            done.map_err(|error| error.to_string())
        })
    }
}
