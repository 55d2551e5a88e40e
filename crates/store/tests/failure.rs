//! A full disk and a lost database: clear errors, nothing lost, and the store works again by itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::Runtime;
use store::{Error, Seq, StorageState, Store, UNDURABLE_TIME_MAX};
use support::{Database, Postgres, durable, entry, jid, user};

#[tokio::test]
async fn a_full_disk_refuses_new_writes_and_keeps_what_was_taken() {
    let database = Database::lite();
    let store = database.open().await;
    store.limit_size(Some(400_000));
    let taken = fill(&store).await;
    assert!(matches!(&*store.state().borrow(), StorageState::Failing(reason) if reason.contains("full")));
    assert!(matches!(store.user_add(user("ann")).await, Err(Error::Failing(_))));
    assert!(*store.durable().borrow() < taken);

    store.limit_size(None);
    durable(&store, taken).await;
    recovered(&store).await;
    store.user_add(user("ann")).await.unwrap();
    assert_eq!(store.journal_count().await.unwrap(), taken.0);
    assert_eq!(store.verify().await.unwrap(), [""; 0]);
    store.close().await;
}

#[tokio::test]
async fn a_write_that_meets_the_full_disk_is_answered_with_an_error() {
    let database = Database::lite();
    let store = database.open().await;
    store.limit_size(Some(600_000));
    let list = (0..20_000).map(|n| user(&format!("user{n}"))).collect();
    let refused = store.users_import(list).await;
    assert!(matches!(&refused, Err(Error::Failing(reason)) if reason.contains("full")), "{refused:?}");
    recovered(&store).await;
    assert_eq!(store.user_count().await.unwrap(), 0);
    store.user_add(user("ann")).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_lost_postgresql_refuses_new_writes_and_takes_up_where_it_was() {
    let mut postgres = Postgres::start();
    let database = postgres.database().await;
    let store = database.open().await;
    let before = store.journal_append(entry(&store, "bob@localhost", "before")).unwrap();
    durable(&store, before).await;

    postgres.stop();
    let during = store.journal_append(entry(&store, "bob@localhost", "during")).unwrap();
    failing(&store).await;
    assert!(matches!(
        store.journal_append(entry(&store, "bob@localhost", "refused")),
        Err(Error::Failing(_))
    ));
    assert_eq!(*store.durable().borrow(), before);

    postgres.resume();
    durable(&store, during).await;
    recovered(&store).await;
    store.user_add(user("ann")).await.unwrap();
    let after = store.journal_append(entry(&store, "bob@localhost", "after")).unwrap();
    durable(&store, after).await;
    let waiting = store.spooled(&jid("bob@localhost"), Seq(0), 100).await.unwrap();
    assert_eq!(waiting.iter().map(|w| w.seq).collect::<Vec<_>>(), [before, during, after]);
    // A read waits for some seconds, longer than an entry might wait in memory: an outage of its own.
    postgres.stop();
    assert!(store.user(&jid("ann@localhost")).await.is_err());
    store.close().await;
}

#[tokio::test]
async fn what_a_full_disk_never_takes_is_given_up_in_time_and_told() {
    let database = Database::lite();
    let store = database.open().await;
    store.limit_size(Some(400_000));
    let told = listen(&store);
    let last = fill(&store).await;
    given_up(&store, &told, last, Duration::ZERO).await;
    store.limit_size(None);
    goes_on_without_them(&store, &told, last).await;
}

#[tokio::test]
async fn what_a_lost_postgresql_never_takes_is_given_up_in_time_and_told() {
    let mut postgres = Postgres::start();
    let store = postgres.database().await.open().await;
    let told = listen(&store);
    let before = store.journal_append(entry(&store, "bob@localhost", "before")).unwrap();
    durable(&store, before).await;
    postgres.stop();
    let last = store.journal_append(entry(&store, "bob@localhost", "during")).unwrap();
    given_up(&store, &told, last, UNDURABLE_TIME_MAX - Duration::from_millis(500)).await;
    assert_eq!(told.lock().unwrap().len(), 1);
    postgres.resume();
    goes_on_without_them(&store, &told, last).await;
}

#[tokio::test]
async fn at_the_end_nothing_waits_for_a_storage_that_fails() {
    let mut postgres = Postgres::start();
    let database = postgres.database().await;
    let runtime = Runtime::real();
    let store = Store::open(&database.url(), &runtime).await.unwrap();
    let told = listen(&store);
    postgres.stop();
    let last = store.journal_append(entry(&store, "bob@localhost", "last words")).unwrap();
    runtime.stop();
    assert!(runtime.drained(Duration::from_secs(3)).await);
    assert!(matches!(store.kept(last).await, Err(Error::Failing(_))));
    assert_eq!(told.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_second_node_on_the_same_postgresql_is_refused() {
    let mut postgres = Postgres::start();
    let database = postgres.database().await;
    let store = database.open().await;
    let second = Store::open(&database.url(), &Runtime::real()).await;
    assert!(matches!(&second, Err(Error::Refused(why)) if why.contains("another carillon")), "{second:?}");
    store.close().await;
    database.open().await.close().await;
}

#[tokio::test]
async fn an_overfull_queue_refuses_instead_of_growing() {
    let database = Database::lite();
    let store = database.open().await;
    // The writer shares this thread and cannot run before the first await.
    let taken =
        (0..).take_while(|n| store.journal_append(entry(&store, "bob@localhost", &n.to_string())).is_ok());
    assert_eq!(taken.count(), store::JOURNAL_WAITING_ENTRIES_MAX);
    let full = store.journal_append(entry(&store, "bob@localhost", "one more"));
    assert!(matches!(full, Err(Error::QueueFull)));
    durable(&store, Seq(i64::try_from(store::JOURNAL_WAITING_ENTRIES_MAX).unwrap())).await;
    store.journal_append(entry(&store, "bob@localhost", "room again")).unwrap();
    store.close().await;
}

/// Appends until the storage refuses; answers the last place that it took.
async fn fill(store: &Store) -> Seq {
    let mut last = Seq(0);
    let text = "x".repeat(1_000);
    for _ in 0..10_000 {
        match store.journal_append(entry(store, "bob@localhost", &text)) {
            Ok(seq) => last = seq,
            Err(Error::Failing(_)) => return last,
            Err(error) => panic!("{error}"),
        }
        if last.0 % 50 == 0 {
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
    }
    panic!("the limit was never met");
}

type Told = Arc<Mutex<Vec<String>>>;

/// Notes the ids of what is given up.
fn listen(store: &Store) -> Told {
    let told = Told::default();
    let ours = Arc::clone(&told);
    store.on_given_up(move |entries| ours.lock().unwrap().extend(entries.iter().map(|e| e.id.to_string())));
    told
}

/// `last` is given up, no sooner than after `time`; its sender was told when the watermark passes it.
async fn given_up(store: &Store, told: &Told, last: Seq, time: Duration) {
    let began = tokio::time::Instant::now();
    assert!(matches!(store.kept(last).await, Err(Error::Failing(_))));
    assert!(!told.lock().unwrap().is_empty());
    let took = began.elapsed();
    assert!(took >= time && took < UNDURABLE_TIME_MAX * 2, "{took:?}");
    assert!(matches!(store.accepts(), Err(Error::Failing(_))));
}

/// The storage is back: the journal goes on behind what was given up, and has nothing of it.
async fn goes_on_without_them(store: &Store, told: &Told, last: Seq) {
    recovered(store).await;
    let after = store.journal_append(entry(store, "bob@localhost", "after")).unwrap();
    store.kept(after).await.unwrap();
    let lost = i64::try_from(told.lock().unwrap().len()).unwrap();
    assert_eq!(after.0, last.0 + 1);
    assert_eq!(store.journal_count().await.unwrap(), after.0 - lost);
    assert!(store.journal_entry(last).await.unwrap().is_none());
    let waiting = store.spooled(&jid("bob@localhost"), Seq(last.0 - 1), 10).await.unwrap();
    assert_eq!(waiting.iter().map(|w| w.seq).collect::<Vec<_>>(), [after]);
    assert_eq!(store.verify().await.unwrap(), [""; 0]);
    store.close().await;
}

async fn failing(store: &Store) {
    let mut state = store.state();
    let wait = state.wait_for(|state| *state != StorageState::Ok);
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("failing within 10 s").unwrap();
}

async fn recovered(store: &Store) {
    let mut state = store.state();
    let wait = state.wait_for(|state| *state == StorageState::Ok);
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("working within 10 s").unwrap();
}
