//! The one writer: groups what waits into commits, and keeps the journal's entries until they are durable.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use runtime::Runtime;

use crate::connect::Connector;
use crate::db::{Connection, args};
use crate::journal::JournalInsert;
use crate::queue::{GROUP_OPERATIONS, JobDone, Shared, Soft, Work};
use crate::{
    Error, UNDURABLE_TIME_MAX, archive, archive_text, binding, given_up, last_activity, setting, spool,
};

/// How long a commit waits for others to join it, when somebody waits for a write or the store was quiet.
const GROUP_WAIT: Duration = Duration::from_millis(2);
/// How long it waits when messages come in a stream. A commit costs some 300 µs of CPU (threads woken, file
/// synchronised), whatever is in it: at 3,000 messages a second, 2 ms would make that 37 µs a message, 8 ms 10 µs.
const GROUP_WAIT_STREAM: Duration = Duration::from_millis(8);
/// The store was quiet when its last commit was longer ago than this.
const QUIET: Duration = Duration::from_millis(20);
/// How long soft state and spool rows wait to be written.
const SOFT_WAIT: Duration = Duration::from_secs(1);
/// The first pause after a failed commit; it doubles up to [`RETRY_WAIT_MAX`].
const RETRY_WAIT_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(1);
/// A database that answers a commit later than this counts as lost; where entries wait and no long job is with
/// them, [`UNDURABLE_TIME_MAX`] is less.
const COMMIT_WAIT_MAX: Duration = Duration::from_secs(30);
/// A database that answers a rollback later than this gets a new connection.
const ROLLBACK_WAIT_MAX: Duration = Duration::from_secs(1);
/// While the program stops, entries wait for this many tries,
const STOP_TRIES_MAX: u32 = 2;
/// each of which may take this long.
const STOP_COMMIT_WAIT_MAX: Duration = Duration::from_secs(1);

const SAVEPOINT: &str = "SAVEPOINT one_write";
const RELEASE: &str = "RELEASE SAVEPOINT one_write";
const UNDO: &str = "ROLLBACK TO SAVEPOINT one_write; RELEASE SAVEPOINT one_write";
const PROBE: &str = "storage.probe";

pub(crate) struct Writer {
    shared: Arc<Shared>,
    runtime: Runtime,
    connector: Connector,
    connection: Option<Connection>,
    insert: JournalInsert,
    size_bytes_max: i64,
    soft_at: Option<Instant>,
    committed_at: Option<Instant>,
    failing: bool,
}

/// What the next commit takes.
#[derive(Clone, Copy)]
struct Due {
    all: bool,
    last: bool,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        runtime: Runtime,
        connector: Connector,
        connection: Connection,
    ) -> Self {
        Self {
            shared,
            runtime,
            connector,
            connection: Some(connection),
            insert: JournalInsert::new(),
            size_bytes_max: 0,
            soft_at: None,
            committed_at: None,
            failing: false,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            let due = self.due().await;
            if due.all {
                self.soft_at = None;
            }
            let work = self.shared.take(due.all, due.last);
            self.commit(work, due.last).await;
            if due.last {
                break;
            }
        }
        if let Some(connection) = self.connection.take() {
            connection.close().await;
        }
    }

    /// Waits until something must be written.
    async fn due(&mut self) -> Due {
        loop {
            let waiting = self.shared.waiting();
            if waiting.closing {
                return Due { all: true, last: true };
            }
            if waiting.soft && self.soft_at.is_none() {
                self.soft_at = Some(self.runtime.now() + SOFT_WAIT);
            }
            let soft_due = self.soft_at.is_some_and(|at| at <= self.runtime.now());
            if waiting.operations > 0 || waiting.hurry {
                self.gather().await;
                return Due { all: soft_due || waiting.hurry, last: false };
            }
            if soft_due {
                if waiting.soft {
                    return Due { all: true, last: false };
                }
                self.soft_at = None;
            }
            let stopping = self.runtime.is_stopping();
            tokio::select! {
                biased;
                () = self.runtime.stopping(), if !stopping => {}
                () = self.shared.wake.notified() => {}
                () = self.runtime.quiet(), if stopping => return Due { all: true, last: true },
                () = self.runtime.sleep_until(self.soft_at.unwrap_or_else(|| self.runtime.now())),
                    if self.soft_at.is_some() => {}
            }
        }
    }

    /// Lets other writes join, until the time is up or enough have come.
    async fn gather(&self) {
        let began = self.runtime.now();
        let stream = self.committed_at.is_some_and(|at| began.saturating_duration_since(at) < QUIET);
        loop {
            let waiting = self.shared.waiting();
            if waiting.operations >= GROUP_OPERATIONS || waiting.closing {
                return;
            }
            let wait = if stream && !waiting.awaited { GROUP_WAIT_STREAM } else { GROUP_WAIT };
            tokio::select! {
                biased;
                () = self.runtime.sleep_until(began + wait) => return,
                () = self.shared.wake.notified() => {}
            }
        }
    }

    /// Writes `work`, again and again until it is durable. Jobs are tried once: their callers wait. Entries whose
    /// time is up are given up; the rest is tried on.
    async fn commit(&mut self, mut work: Work, last: bool) {
        let (mut pause, mut tries) = (RETRY_WAIT_MIN, 0);
        let give_up_at = self.runtime.now() + UNDURABLE_TIME_MAX;
        loop {
            let began = self.runtime.now();
            match self.attempt_in_time(&mut work, give_up_at).await {
                Ok(()) => return self.note_success(work, began),
                Err(error) => self.note_failure(&mut work, &error),
            }
            tries += 1;
            let closing = last || self.shared.waiting().closing || self.runtime.is_stopping();
            let ending = closing && tries >= STOP_TRIES_MAX;
            if ending || self.runtime.now() >= give_up_at {
                self.give_up(&mut work);
            }
            if ending {
                return;
            }
            self.pause(pause).await;
            pause = (pause * 2).min(RETRY_WAIT_MAX);
        }
    }

    /// One try, cut short where entries wait that would be given up meanwhile. Jobs may take longer.
    async fn attempt_in_time(&mut self, work: &mut Work, give_up_at: Instant) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let _busy = Busy::new(&shared);
        let cut = !work.entries.is_empty() && work.jobs.is_empty();
        let runtime = self.runtime.clone();
        let stopped = async {
            runtime.stopping().await;
            runtime.sleep(STOP_COMMIT_WAIT_MAX).await;
        };
        tokio::select! {
            biased;
            done = self.attempt(work) => return done,
            () = runtime.sleep_until(give_up_at), if cut => {}
            () = stopped, if cut => {}
        }
        Err(Error::Failing("the database did not answer in time".into()))
    }

    fn give_up(&self, work: &mut Work) {
        if let Some(range) = self.shared.give_up(std::mem::take(&mut work.entries)) {
            work.waiting.retain(|(_, seq)| !range.contains(&seq.0));
            work.given_up.push(range);
        }
    }

    fn note_success(&mut self, work: Work, began: Instant) {
        let now = self.runtime.now();
        self.committed_at = Some(now);
        metrics::counter!("carillon_storage_commits_total").increment(1);
        metrics::histogram!("carillon_storage_commit_duration_seconds")
            .record(now.saturating_duration_since(began).as_secs_f64());
        if std::mem::take(&mut self.failing) {
            metrics::gauge!("carillon_storage_failing").set(0.0);
            tracing::info!("the storage takes writes again");
        }
        let last = work.entries.last().map(|queued| queued.seq);
        self.shared.committed(last, work);
    }

    fn note_failure(&mut self, work: &mut Work, error: &Error) {
        let reason: Arc<str> = match error {
            Error::Failing(reason) => Arc::clone(reason),
            error => error.to_string().into(),
        };
        if !std::mem::replace(&mut self.failing, true) {
            metrics::gauge!("carillon_storage_failing").set(1.0);
            tracing::error!(%reason, waiting = work.entries.len(), "the storage takes no writes; trying again");
        }
        self.shared.failed(&reason);
        work.jobs.clear();
        work.settled.clear();
    }

    async fn pause(&self, time: Duration) {
        let until = self.runtime.now() + time;
        while !self.shared.waiting().closing && !self.runtime.is_stopping() {
            tokio::select! {
                biased;
                () = self.runtime.stopping() => return,
                () = self.runtime.sleep_until(until) => return,
                () = self.shared.wake.notified() => {}
            }
        }
        // While the program stops there may be no wake-up any more: a short pause, then the next try.
        self.runtime.sleep(RETRY_WAIT_MIN).await;
    }

    async fn attempt(&mut self, work: &mut Work) -> Result<(), Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => tokio::time::timeout(COMMIT_WAIT_MAX, self.connector.connect())
                .await
                .map_err(|_| Error::Failing("the database did not answer in time".into()))??,
        };
        let limit = self.shared.size_bytes_max();
        if limit != self.size_bytes_max {
            self.connector.limit_size(&mut connection, limit).await?;
            self.size_bytes_max = limit;
        }
        let probe = self.failing;
        let done =
            tokio::time::timeout(COMMIT_WAIT_MAX, write(&mut connection, work, &self.insert, probe)).await;
        match done {
            Ok(Ok(answers)) => {
                self.connection = Some(connection);
                for answer in answers {
                    answer(Ok(()));
                }
                Ok(())
            }
            Ok(Err((error, answers))) => {
                let undone = tokio::time::timeout(ROLLBACK_WAIT_MAX, connection.script("ROLLBACK")).await;
                // SQLite may have rolled back by itself, and then says that there is nothing to roll back.
                if matches!(undone, Ok(Ok(()))) || matches!(connection, Connection::Lite(_)) {
                    self.connection = Some(connection);
                }
                let reason: Arc<str> = error.to_string().into();
                for answer in answers {
                    answer(Err(Error::Failing(Arc::clone(&reason))));
                }
                Err(Error::Failing(reason))
            }
            Err(_) => Err(Error::Failing("the database did not answer in time".into())),
        }
    }
}

/// While it lives, the database has a commit in its hands.
struct Busy<'s>(&'s Shared);

impl<'s> Busy<'s> {
    fn new(shared: &'s Shared) -> Self {
        shared.writing.store(true, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.writing.store(false, Ordering::Relaxed);
    }
}

type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// One transaction with all of `work`. The answers go out when its end is known.
async fn write(
    connection: &mut Connection,
    work: &mut Work,
    insert: &JournalInsert,
    probe: bool,
) -> Result<Vec<Answer>, (Error, Vec<Answer>)> {
    let journal_only = work.jobs.is_empty()
        && work.horizon.is_none()
        && work.handed_on.is_empty()
        && work.soft.is_empty()
        && work.index.is_none()
        && work.text_index.is_none()
        && work.given_up.is_empty()
        && !probe;
    if journal_only && JournalInsert::is_one_statement(connection, work.entries.len()) {
        return match insert.write(connection, &work.entries).await {
            Ok(()) => Ok(Vec::new()),
            Err(error) => Err((error, Vec::new())),
        };
    }
    let mut answers = Vec::new();
    match transaction(connection, work, insert, probe, &mut answers).await {
        Ok(()) => Ok(answers),
        Err(error) => Err((error, answers)),
    }
}

async fn transaction(
    connection: &mut Connection,
    work: &mut Work,
    insert: &JournalInsert,
    probe: bool,
    answers: &mut Vec<Answer>,
) -> Result<(), Error> {
    let begin = if matches!(connection, Connection::Lite(_)) { "BEGIN IMMEDIATE" } else { "BEGIN" };
    connection.script(begin).await?;
    for range in &work.given_up {
        given_up::erase(connection, range).await?;
    }
    insert.write(connection, &work.entries).await?;
    if probe {
        connection.execute(setting::PUT, args![PROBE, ""]).await?;
    }
    for job in work.jobs.drain(..) {
        connection.script(SAVEPOINT).await?;
        let JobDone { error, answer } = job(connection).await;
        match error {
            None => connection.script(RELEASE).await?,
            Some(error) if error.is_storage_fault() => {
                answers.push(answer);
                return Err(error);
            }
            Some(_) => connection.script(UNDO).await?,
        }
        answers.push(answer);
    }
    if let Some((after, until)) = work.index {
        archive::index(connection, after, until).await?;
    }
    if let Some((after, until)) = work.text_index {
        archive_text::index(connection, after, until).await?;
    }
    spool::write(connection, &work.waiting, work.horizon, &work.handed_on).await?;
    if !work.soft.is_empty() {
        write_soft(connection, &work.soft).await?;
    }
    connection.script("COMMIT").await
}

/// Soft state may be refused by the database for what is in it; then it is dropped, for it must not hold up
/// the journal.
async fn write_soft(connection: &mut Connection, soft: &Soft) -> Result<(), Error> {
    connection.script(SAVEPOINT).await?;
    let written = async {
        binding::write(connection, soft.bindings.iter()).await?;
        last_activity::write(connection, soft.activity.iter()).await
    };
    match written.await {
        Ok(()) => connection.script(RELEASE).await,
        Err(error) if error.is_storage_fault() => Err(error),
        Err(error) => {
            tracing::warn!(%error, "registrations were not kept");
            connection.script(UNDO).await
        }
    }
}
