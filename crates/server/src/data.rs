//! The data directory: its paths, its lock, and opening what is in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fs4::fs_std::FileExt;
use runtime::Runtime;
use store::Store;

use crate::certificate::Identity;
use crate::config::{Config, FILE};

/// A data directory that `init` made.
#[derive(Clone, Debug)]
pub struct Data {
    path: PathBuf,
}

/// Held while this process works on the store; released when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Data {
    /// The directory at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has `init` been here?
    pub fn exists(&self) -> bool {
        self.path.join(FILE).exists()
    }

    /// The running node's socket.
    pub fn control_socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// The configuration.
    pub fn config(&self) -> Result<Config> {
        Ok(Config::load(&self.path)?)
    }

    /// Takes the directory for this process alone.
    ///
    /// # Errors
    /// Another process has it: the text says what to do.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.path.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if !FileExt::try_lock_exclusive(&file)? {
            bail!(
                "{} is in use by another carillon whose control socket does not answer; wait, or stop it",
                self.path.display()
            );
        }
        Ok(Lock { _file: file })
    }

    /// The database's address, relative paths resolved.
    pub fn storage_url(&self, config: &Config) -> String {
        match config.storage.url.strip_prefix("sqlite:") {
            Some(file) => format!("sqlite:{}", self.path.join(file).display()),
            None => config.storage.url.clone(),
        }
    }

    /// Opens the store.
    pub async fn store(&self, config: &Config, runtime: &Runtime) -> Result<Store> {
        let url = self.storage_url(config);
        Store::open(&url, runtime).await.context("cannot open the database")
    }

    /// The certificate files.
    pub fn identity(&self, config: &Config) -> Result<Identity> {
        Identity::load(&self.path.join(&config.listen.certificate), &self.path.join(&config.listen.key))
    }

    /// Makes the directory, readable by its owner only.
    pub fn create(&self) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        fs::create_dir_all(&self.path).with_context(|| format!("cannot make {}", self.path.display()))?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))?;
        Ok(())
    }
}
