//! Tasks: spawned by name, counted until they end, and a panic in one is logged and stays there.

use std::future::Future;

use tracing::Instrument;

use crate::Runtime;

/// A running task. Dropping it lets the task run on.
#[derive(Debug)]
pub struct Task<T = ()>(tokio::task::JoinHandle<T>);

impl<T> Task<T> {
    /// Ends the task at its next await.
    pub fn abort(&self) {
        self.0.abort();
    }

    pub(crate) fn abort_handle(&self) -> tokio::task::AbortHandle {
        self.0.abort_handle()
    }

    /// Waits for the task's result; `None` when it panicked or was aborted.
    pub async fn join(self) -> Option<T> {
        self.0.await.ok()
    }
}

impl Runtime {
    /// Starts a task. `name` shows in traces; the task is waited for by [`Runtime::drained`].
    pub fn spawn<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task(self.inner.tasks.spawn(future.instrument(tracing::trace_span!("task", name))))
    }

    /// Starts a task that the others rely on until their end, such as the storage's writer: it should end once
    /// [`Runtime::quiet`] returns.
    pub fn spawn_keeper<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task(self.inner.keepers.spawn(future.instrument(tracing::trace_span!("task", name))))
    }

    /// Starts a task without a span of its own: for the one task that every client session costs.
    pub fn spawn_session<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task(self.inner.tasks.spawn(future))
    }

    /// Runs work that blocks (password hashing, files) on a thread of its own kind.
    pub fn blocking<F, T>(&self, work: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Task(self.inner.tasks.spawn_blocking(work))
    }

    /// Starts a long-lived thread, for work that owns its own event loop (media).
    #[allow(clippy::disallowed_methods, reason = "the one place that starts threads")]
    pub fn thread<F>(&self, name: &str, work: F) -> std::io::Result<()>
    where
        F: FnOnce() + Send + 'static,
    {
        std::thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
    }
}
