//! The handle to all that is kept: opening, closing, and the way in for reads and writes.

use std::sync::Arc;

use futures::future::BoxFuture;
use model::BareJid;
use parking_lot::RwLock;
use runtime::Runtime;
use tokio::sync::{oneshot, watch};

use crate::connect::Connector;
use crate::db::{Connection, Db};
use crate::digest_cache::DigestCache;
use crate::known_users::KnownUsers;
use crate::queue::{JobDone, Shared, Soft, StorageState};
use crate::stanza_id::StanzaIds;
use crate::writer::Writer;
use crate::{Colleagues, Error, LastActivity, archive, archive_text, group, journal, schema, spool};

/// The handle to all that is kept. Cloning it is cheap.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    connector: Connector,
    shared: Arc<Shared>,
    runtime: Runtime,
    stanza_ids: StanzaIds,
    digest_cache: DigestCache,
    known_users: KnownUsers,
    colleagues: RwLock<Arc<Colleagues>>,
    ended: watch::Receiver<bool>,
}

impl Store {
    /// Opens the database at `url` (`sqlite:PATH` or `postgres://…`), made new when it is empty, copied aside and
    /// migrated when it is older than this program.
    ///
    /// # Errors
    /// [`Error::Refused`] says what is wrong with the address or the database, and what to do.
    pub async fn open(url: &str, runtime: &Runtime) -> Result<Self, Error> {
        let connector = Connector::new(url)?;
        let mut connection = connector.connect().await?;
        schema::bring_up(&mut connection, connector.path()).await?;
        let last = journal::last(&mut connection).await?;
        let stanza_ids = StanzaIds::behind(journal::last_id(&mut connection).await?);
        spool::recover(&mut connection, last).await?;
        // What was given up at the end leaves its places free: the journal may end before the horizon.
        let indexed = archive::horizon(&mut connection).await?.min(last);
        let text_indexed = archive_text::horizon(&mut connection).await?.min(last);
        let shared = Arc::new(Shared::new(last, indexed, text_indexed));
        let writer = Writer::new(Arc::clone(&shared), runtime.clone(), connector.clone(), connection);
        let (end, ended) = watch::channel(false);
        runtime.spawn_keeper("store writer", async move {
            writer.run().await;
            end.send_replace(true);
        });
        let db = connector.readers();
        let colleagues = RwLock::new(Arc::new(group::load(&db).await?));
        let inner = Inner {
            db,
            connector,
            shared,
            runtime: runtime.clone(),
            stanza_ids,
            digest_cache: DigestCache::default(),
            known_users: KnownUsers::default(),
            colleagues,
            ended,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Writes everything that waits and closes the database. Later writes are refused.
    pub async fn close(&self) {
        self.inner.shared.close();
        // An error means that the writer is gone, and that is what is waited for.
        let mut ended = self.inner.ended.clone();
        let _gone = ended.wait_for(|ended| *ended).await.is_err();
        self.inner.db.close().await;
    }

    /// Whether the storage takes writes, and why not.
    pub fn state(&self) -> watch::Receiver<StorageState> {
        self.inner.shared.state()
    }

    /// Has the database a commit in its hands? It works in real time: a simulated clock stands still meanwhile.
    pub fn is_writing(&self) -> bool {
        self.inner.shared.writing.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Limits the size of an SQLite database in bytes, from the next commit on; `None` takes the limit away.
    /// PostgreSQL's size is its own affair.
    pub fn limit_size(&self, bytes_max: Option<u64>) {
        let bytes = bytes_max.map_or(0, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        self.inner.shared.size_bytes_max.store(bytes, std::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn db(&self) -> &Db {
        &self.inner.db
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.inner.connector
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.inner.runtime
    }

    pub(crate) fn stanza_ids(&self) -> &StanzaIds {
        &self.inner.stanza_ids
    }

    pub(crate) fn colleagues_held(&self) -> &RwLock<Arc<Colleagues>> {
        &self.inner.colleagues
    }

    pub(crate) fn digest_cache(&self) -> &DigestCache {
        &self.inner.digest_cache
    }

    pub(crate) fn known_users(&self) -> &KnownUsers {
        &self.inner.known_users
    }

    /// A user, a line or a secret has changed.
    pub(crate) fn accounts_changed(&self) {
        self.inner.digest_cache.changed();
    }

    pub(crate) fn soft(&self, change: impl FnOnce(&mut Soft)) {
        self.inner.shared.soft(change);
    }

    pub(crate) fn soft_activity(&self, user: &BareJid) -> Option<LastActivity> {
        self.inner.shared.soft_activity(user)
    }

    /// Returns when all that was written before is in the database.
    pub(crate) async fn settle_all(&self) -> Result<(), Error> {
        self.write(|_| Box::pin(async { Ok(()) })).await
    }

    /// Runs `job` inside the next group's transaction, and returns when that is committed. A job that fails
    /// leaves nothing behind and does not touch the others of its group.
    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.inner.shared.push_job(Box::new(move |connection| {
            Box::pin(async move {
                let result = job(connection).await;
                let error = result.as_ref().err().cloned();
                let answer = Box::new(move |committed: Result<(), Error>| {
                    // Whoever asked may have gone; the write holds all the same.
                    let _gone = sender.send(committed.and(result));
                });
                JobDone { error, answer }
            })
        }))?;
        receiver.await.unwrap_or_else(|_| Err(self.inner.shared.refusal()))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
