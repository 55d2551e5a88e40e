//! The way in for verbs: the running node when it answers, else the store itself under the lock.

use std::path::Path;

use operations::exit::Exit;
use operations::folder::{self, Lock};
use operations::{By, Context, Failure, How, Listener, Request, perform_as};
use runtime::Runtime;
use serde::de::DeserializeOwned;
use store::Store;

use crate::config::{self, Config};
use crate::control::Client;

/// The way in.
pub enum Access {
    /// A node runs and does the work.
    Node(Client),
    /// No node runs: this process does the work.
    Direct(Box<Direct>),
}

/// The store in this process's hands.
pub struct Direct {
    context: Context,
    by: By,
    _lock: Lock,
}

impl Access {
    /// Finds the way in.
    ///
    /// # Errors
    /// The directory is in use by a program that does not answer, or the configuration or storage is not right.
    pub async fn open(data: &Path, runtime: &Runtime) -> Result<Self, Failure> {
        if let Some(client) = Client::connect(runtime, &folder::socket_path(data)).await {
            return Ok(Self::Node(client));
        }
        let config = load(data)?;
        let Some(lock) = lock(data)? else {
            // A node that is just starting holds the lock before it listens.
            runtime.sleep(std::time::Duration::from_secs(1)).await;
            return match Client::connect(runtime, &folder::socket_path(data)).await {
                Some(client) => Ok(Self::Node(client)),
                None => Err(in_use(data)),
            };
        };
        let context = context(&config, runtime).await?;
        Ok(Self::Direct(Box::new(Direct { context, by: operator(), _lock: lock })))
    }

    /// Does what is asked, wherever.
    ///
    /// # Errors
    /// The operation's failure.
    pub async fn perform<T: DeserializeOwned>(
        &mut self,
        request: Request,
        progress: Listener<'_>,
    ) -> Result<T, Failure> {
        let value = match self {
            Self::Node(client) => client.request(&request, progress).await?,
            Self::Direct(direct) => perform_as(&direct.context, &direct.by, request, progress).await?,
        };
        serde_json::from_value(value).map_err(|_| {
            Failure::new(Exit::Unavailable, "the node's answer is not understood: is it another version?")
        })
    }

    /// Puts everything away.
    pub async fn close(self) {
        if let Self::Direct(direct) = self {
            direct.context.store.close().await;
        }
    }
}

/// Whoever runs a verb on the store itself.
fn operator() -> By {
    let who = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    By { who: who.unwrap_or_else(|_| "unknown".to_owned()), how: How::Store, address: String::new() }
}

/// Reads the configuration for a verb.
///
/// # Errors
/// It is not right.
pub fn load(data: &Path) -> Result<Config, Failure> {
    config::load(data).map_err(|error| Failure::new(Exit::Configuration, error.to_string()))
}

/// Takes the lock for a verb; `None` when another program has it.
///
/// # Errors
/// The directory cannot be used.
pub fn lock(data: &Path) -> Result<Option<Lock>, Failure> {
    folder::lock(data).map_err(|error| {
        Failure::new(Exit::Unavailable, format!("{} cannot be locked: {error}", data.display()))
    })
}

/// What to say when another program has the directory.
pub fn in_use(data: &Path) -> Failure {
    Failure::new(
        Exit::Unavailable,
        format!(
            "{} is in use by another carillon that does not answer on its control socket: wait for it to end, or \
             run this as its user",
            data.display()
        ),
    )
}

/// The context of operations in this process.
///
/// # Errors
/// The storage cannot be opened.
pub async fn context(config: &Config, runtime: &Runtime) -> Result<Context, Failure> {
    let store = open_store(config, runtime).await?;
    Ok(Context {
        store,
        runtime: runtime.clone(),
        domain: config.domain.clone(),
        hashes: operations::password::hashes(&config.im.sign_in.mechanisms),
        folder: config.folder.clone(),
        uploads: store::Files::new(config.files_path(), runtime),
        files: vec![config.certificate_path(), config.key_path()],
        services: crate::node::services(config),
        node: None,
    })
}

/// Opens the storage that a configuration names.
///
/// # Errors
/// It cannot be opened, or belongs to a newer version.
pub async fn open_store(config: &Config, runtime: &Runtime) -> Result<Store, Failure> {
    let store = Store::open(&config.storage_url(), runtime)
        .await
        .map_err(|error| Failure::new(Exit::Unavailable, error.to_string()))?;
    store.limit_size(config.storage_bytes_max());
    Ok(store)
}
