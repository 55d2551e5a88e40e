//! A node as its administrator reaches it: told of changes, reloaded, asked how it is.

use std::sync::Arc;
use std::time::Instant;

use calls::trunk::{ProbeOutcome, TrunkStatus};
use futures::future::BoxFuture;
use im::s2s::{FederationState, Step};
use model::{BareJid, DomainPart};
use operations::exit::Exit;
use operations::folder;
use operations::{Change, Context, Failure, ListenerShown, Reloaded, Running, Status};
use parking_lot::Mutex;
use runtime::Runtime;
use store::StorageState;

use crate::access;
use crate::administration::Administration;
use crate::config::{Config, Felt};
use crate::control;
use crate::logging::{self, ALL_MODULES, Levels};
use crate::node::Node;

/// A node that serves, with what it was started from.
pub struct Serving {
    node: Arc<Node>,
    runtime: Runtime,
    levels: Levels,
    began: Instant,
    /// What it was started with: settings that are felt at the start are held against this.
    started: Config,
    /// What it was reloaded with.
    current: Mutex<Config>,
}

impl Serving {
    /// A node that has just started with `config`.
    pub fn new(node: Arc<Node>, config: Config, levels: Levels, runtime: Runtime) -> Self {
        let (began, current) = (runtime.now(), Mutex::new(config.clone()));
        Self { node, began, runtime, levels, started: config, current }
    }

    fn take(&self, config: Config) -> Result<Reloaded, Failure> {
        let mut current = self.current.lock();
        self.node.reload(&config).map_err(|error| {
            Failure::new(Exit::Configuration, format!("{error:#}: certificates and limits stay as they were"))
        })?;
        if config.log.level != current.log.level {
            // Modules with a level of their own keep it.
            self.levels
                .set(ALL_MODULES, &config.log.level)
                .map_err(|error| Failure::new(Exit::Failed, format!("[log] level: {error}")))?;
        }
        logging::show_personal_data(config.log.personal_data);
        let reloaded = Reloaded {
            applied: current.differences(&config, Felt::OnReload),
            at_next_start: self.started.differences(&config, Felt::AtStart),
        };
        *current = config;
        Ok(reloaded)
    }
}

/// Starts a node with all ways to administrate it: the control socket, chat and HTTP.
///
/// # Errors
/// The node cannot be started, or its socket not be made.
pub async fn start(
    config: &Config,
    context: Context,
    levels: Levels,
    runtime: &Runtime,
) -> Result<(Arc<Node>, Arc<Serving>), Failure> {
    let node = Node::start(config, context.store.clone(), runtime.clone())
        .await
        .map_err(|error| Failure::new(Exit::Unavailable, format!("{error:#}")))?;
    let serving = Arc::new(Serving::new(Arc::clone(&node), config.clone(), levels, runtime.clone()));
    let context = Context { node: Some(Arc::clone(&serving) as Arc<dyn Running>), ..context };
    node.im().set_administration(Administration(context.clone()));
    node.web().operate(context.clone());
    let socket = folder::socket_path(&config.folder);
    control::serve(&socket, context).map_err(|error| {
        Failure::new(Exit::Unavailable, format!("{} cannot be made: {error}", socket.display()))
    })?;
    Ok((node, serving))
}

impl Running for Serving {
    fn changed(&self, change: &Change) {
        self.node.changed(change);
    }

    fn im(&self) -> &im::Im {
        self.node.im()
    }

    fn calls(&self) -> &calls::Calls {
        self.node.calls()
    }

    fn accounts_added<'a>(&'a self, users: &'a [BareJid]) -> BoxFuture<'a, ()> {
        Box::pin(self.node.accounts_added(users))
    }

    fn dial_plan_changed(&self) -> BoxFuture<'_, Result<(), Failure>> {
        Box::pin(async move {
            let taken = self.node.calls().take_plan().await;
            taken.map_err(|error| {
                Failure::new(Exit::Unavailable, format!("it is kept, but not in force: {error}"))
            })
        })
    }

    fn trunks(&self) -> Vec<TrunkStatus> {
        self.node.calls().trunks()
    }

    fn test_trunk<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Vec<ProbeOutcome>, Failure>> {
        Box::pin(async move {
            let outcomes = self.node.calls().test_trunk(name).await;
            outcomes.ok_or_else(|| {
                Failure::not_found(format!(
                    "no trunk {name:?} with a sip table is in the dial plan; `carillon trunk list` shows those there are"
                ))
            })
        })
    }

    fn levels(&self) -> Vec<(String, String)> {
        self.levels.list()
    }

    fn set_level(&self, module: &str, level: &str) -> Result<(), Failure> {
        self.levels.set(module, level).map_err(|error| Failure::invalid(error.to_string()))
    }

    fn reload(&self) -> Result<Reloaded, Failure> {
        match access::load(&self.started.folder).and_then(|config| self.take(config)) {
            Ok(reloaded) => {
                let applied = reloaded.applied.join(", ");
                tracing::info!(applied, "configuration and certificates were read again");
                for key in &reloaded.at_next_start {
                    tracing::warn!(key, "this setting has changed and needs a restart: the old value holds");
                }
                Ok(reloaded)
            }
            Err(failure) => {
                tracing::error!(error = failure.message, "not reloaded: the old configuration holds");
                Err(failure)
            }
        }
    }

    fn status(&self) -> Status {
        let storage_failure = match &*self.node.store().state().borrow() {
            StorageState::Ok => None,
            StorageState::Failing(reason) => Some(reason.to_string()),
        };
        let shown = |listener: runtime::Listener| ListenerShown {
            name: listener.name.to_owned(),
            address: listener.address.to_string(),
            is_up: listener.is_up,
        };
        let rows = self.node.rows();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            domain: self.started.domain.to_string(),
            uptime_seconds: self.runtime.now().saturating_duration_since(self.began).as_secs(),
            storage_failure,
            listeners: self.runtime.listeners().into_iter().map(shown).collect(),
            sessions: rows.sessions(),
            registrations: rows.registrations(),
            calls: rows.calls(),
            alerts: self.node.calls().alerts(),
        }
    }

    fn federation(&self) -> Vec<FederationState> {
        self.node.im().federation()
    }

    fn test_federation(&self, domain: DomainPart) -> BoxFuture<'_, Vec<Step>> {
        Box::pin(async move { self.node.im().test_federation(&domain).await })
    }
}
