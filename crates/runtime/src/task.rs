//! Tasks: spawned by name, counted until they end, and a panic in one is logged and stays there.

use std::future::Future;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_util::task::TaskTracker;
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
        self.spawn_home(&self.inner.tasks, future.instrument(tracing::trace_span!("task", name)))
    }

    /// Starts a task that the others rely on until their end, such as the storage's writer: it should end once
    /// [`Runtime::quiet`] returns.
    pub fn spawn_keeper<F>(&self, name: &'static str, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_home(&self.inner.keepers, future.instrument(tracing::trace_span!("task", name)))
    }

    /// Starts a task without a span of its own: for the one task that every client session costs.
    pub fn spawn_session<F>(&self, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_home(&self.inner.tasks, future)
    }

    /// Starts a task among the workers, from whatever thread.
    fn spawn_home<F>(&self, tracker: &TaskTracker, future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        Task(match &self.inner.home {
            Some(home) => tracker.spawn_on(future, home),
            None => tracker.spawn(future),
        })
    }

    /// Runs a future on a thread that does nothing else, with a poll of its own for the sockets that the future opens:
    /// no other thread is woken when they are readable. What the future spawns runs among the workers. The task that is
    /// given back ends with the future and cannot end it. Where one thread does everything (tests), it is an ordinary task.
    ///
    /// # Errors
    /// The system gives no thread or no poll.
    pub(crate) fn spawn_apart<F>(
        &self,
        name: &'static str,
        future: F,
    ) -> std::io::Result<Task<Option<F::Output>>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let has_workers = |home: &Handle| home.runtime_flavor() != RuntimeFlavor::CurrentThread;
        if !self.inner.home.as_ref().is_some_and(has_workers) {
            return Ok(self.spawn(name, async { Some(future.await) }));
        }
        let (begun, has_begun) = std::sync::mpsc::sync_channel(1);
        let (done, ended) = tokio::sync::oneshot::channel();
        self.thread(name, move || {
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(own) => {
                    let _ = begun.send(Ok(()));
                    let _ = done.send(own.block_on(future));
                }
                Err(cause) => {
                    let _ = begun.send(Err(cause));
                }
            }
        })?;
        has_begun.recv().map_err(std::io::Error::other)??;
        Ok(self.spawn(name, async { ended.await.ok() }))
    }

    /// Runs work that blocks (password hashing, files) on a thread of its own kind.
    pub fn blocking<F, T>(&self, work: F) -> Task<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        Task(match &self.inner.home {
            Some(home) => self.inner.tasks.spawn_blocking_on(work, home),
            None => self.inner.tasks.spawn_blocking(work),
        })
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn here() -> Option<String> {
        std::thread::current().name().map(str::to_owned)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_runs_apart_has_a_thread_of_its_own_and_spawns_among_the_workers() {
        let runtime = Runtime::real();
        let inside = runtime.clone();
        let apart = runtime.spawn_apart("alone", async move {
            inside.sleep(Duration::from_millis(1)).await;
            (here(), inside.spawn("child", async { here() }).join().await.flatten())
        });
        let (own, child) = apart.unwrap().join().await.flatten().unwrap();
        assert_eq!(own.as_deref(), Some("alone"));
        assert_ne!(child.as_deref(), Some("alone"));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_runs_apart_is_waited_for_and_a_panic_stays_there() {
        let runtime = Runtime::real();
        let panics = runtime.spawn_apart("falls", async { panic!("on purpose") }).unwrap();
        assert_eq!(panics.join().await.flatten(), None::<()>);
        let inside = runtime.clone();
        let stays = runtime.spawn_apart("stays", async move { inside.stopping().await }).unwrap();
        assert!(!runtime.drained(Duration::from_millis(1)).await);
        runtime.stop();
        assert!(runtime.drained(Duration::from_secs(10)).await);
        assert_eq!(stays.join().await.flatten(), Some(()));
    }

    #[tokio::test]
    async fn one_thread_does_everything_where_there_is_only_one() {
        let runtime = Runtime::real();
        let apart = runtime.spawn_apart("alone", async { here() }).unwrap();
        assert_eq!(apart.join().await.flatten().flatten(), here());
    }
}
