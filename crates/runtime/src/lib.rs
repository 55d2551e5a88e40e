//! The outside world of the edges: tasks, timers, sockets, clock, entropy; real and simulated.
//!
//! Nothing above this crate spawns a task, opens a socket, reads a clock or draws a random number
//! in any other way, so that a test can hold all five in its hand.

mod entropy;
mod listener;
mod socket;
mod task;

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Timestamp;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use entropy::Entropy;
pub use listener::Listener;
pub use socket::{Dscp, SocketOptions};
pub use task::Task;

/// The handle to the outside world. Cloning it is cheap; all clones share one shutdown.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

struct Inner {
    /// Monotonic and civil time at start; civil time then follows the monotonic clock only when simulated.
    origin: Option<(Instant, Timestamp)>,
    entropy: Mutex<Entropy>,
    /// The workers: tasks that a thread of its own starts run there too.
    home: Option<tokio::runtime::Handle>,
    shutdown: CancellationToken,
    tasks: tokio_util::task::TaskTracker,
    /// Those that the others rely on until their own end.
    keepers: tokio_util::task::TaskTracker,
    listeners: Mutex<Vec<listener::Serving>>,
}

impl Runtime {
    /// The real world: the system's clock, sockets and random numbers.
    pub fn real() -> Self {
        Self::new(None, Entropy::system())
    }

    /// A world for tests: civil time starts at `epoch` and follows tokio's (paused) clock, and all
    /// random numbers come from `seed`.
    pub fn simulated(seed: u64, epoch: Timestamp) -> Self {
        Self::new(Some((tokio::time::Instant::now().into_std(), epoch)), Entropy::seeded(seed))
    }

    fn new(origin: Option<(Instant, Timestamp)>, entropy: Entropy) -> Self {
        Self {
            inner: Arc::new(Inner {
                origin,
                entropy: Mutex::new(entropy),
                home: tokio::runtime::Handle::try_current().ok(),
                shutdown: CancellationToken::new(),
                tasks: tokio_util::task::TaskTracker::new(),
                keepers: tokio_util::task::TaskTracker::new(),
                listeners: Mutex::default(),
            }),
        }
    }

    /// The monotonic clock: for timers and limits.
    pub fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// The civil clock: for stamps that people and other servers see.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's civil clock")]
    pub fn timestamp(&self) -> Timestamp {
        match self.inner.origin {
            Some((start, epoch)) => epoch.plus(self.now().saturating_duration_since(start)),
            None => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Timestamp(i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX))
            }
        }
    }

    /// Waits until the monotonic clock shows `deadline`.
    pub async fn sleep_until(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.into()).await;
    }

    /// Waits for `time`.
    pub async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Fills `buffer` with random bytes fit for keys and nonces.
    pub fn fill(&self, buffer: &mut [u8]) {
        self.inner.entropy.lock().fill(buffer);
    }

    /// A random number fit for tags, branches and nonces.
    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// `bytes` random bytes (at most 64) in lower-case hexadecimal: session ids, Call-IDs, one-time links.
    pub fn random_token(&self, bytes: usize) -> String {
        let mut buffer = [0; 64];
        let part = &mut buffer[..bytes.min(64)];
        self.fill(part);
        hex::encode(part)
    }

    /// Tells all tasks to stop.
    pub fn stop(&self) {
        self.inner.shutdown.cancel();
        self.inner.tasks.close();
        self.inner.keepers.close();
    }

    /// True once [`Runtime::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.inner.shutdown.is_cancelled()
    }

    /// Returns when [`Runtime::stop`] was called: the first branch of every `select!`.
    pub async fn stopping(&self) {
        self.inner.shutdown.cancelled().await;
    }

    /// Returns when [`Runtime::stop`] was called and all tasks but the keepers have ended.
    pub async fn quiet(&self) {
        self.inner.tasks.wait().await;
    }

    /// Waits until all spawned tasks have ended, the keepers last, at most `time`; false when some had not.
    pub async fn drained(&self, time: Duration) -> bool {
        let all = async {
            self.inner.tasks.wait().await;
            self.inner.keepers.wait().await;
        };
        tokio::time::timeout(time, all).await.is_ok()
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("simulated", &self.inner.origin.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn simulated_civil_time_follows_the_paused_clock() {
        let runtime = Runtime::simulated(1, Timestamp(0));
        runtime.sleep(Duration::from_secs(90)).await;
        assert_eq!(runtime.timestamp(), Timestamp(90_000_000));
    }

    #[tokio::test]
    async fn the_same_seed_gives_the_same_tokens() {
        let tokens = [1, 1, 2].map(|seed| Runtime::simulated(seed, Timestamp(0)).random_token(16));
        assert_eq!(tokens[0], tokens[1]);
        assert_ne!(tokens[0], tokens[2]);
        assert_eq!(tokens[0].len(), 32);
    }

    #[tokio::test]
    async fn stop_reaches_tasks_and_drained_waits_for_them() {
        let runtime = Runtime::real();
        let inside = runtime.clone();
        runtime.spawn("waits", async move { inside.stopping().await });
        runtime.stop();
        assert!(runtime.drained(Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn a_keeper_ends_after_the_tasks_that_rely_on_it() {
        let runtime = Runtime::real();
        let (inside, within) = (runtime.clone(), runtime.clone());
        let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
        let last = say.clone();
        runtime.spawn_keeper("keeper", async move {
            inside.quiet().await;
            last.send("keeper").unwrap();
        });
        runtime.spawn("task", async move {
            within.stopping().await;
            tokio::task::yield_now().await;
            say.send("task").unwrap();
        });
        runtime.stop();
        assert!(runtime.drained(Duration::from_secs(5)).await);
        assert_eq!((said.recv().await, said.recv().await), (Some("task"), Some("keeper")));
    }
}
