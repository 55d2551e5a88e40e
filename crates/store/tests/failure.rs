//! A full disk and a lost database: clear errors, nothing lost, and the store works again by itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use store::{Error, Seq, StorageState, Store};
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
    assert!(store.user(&jid("ann@localhost")).await.is_err());
    assert_eq!(*store.durable().borrow(), before);

    postgres.resume();
    durable(&store, during).await;
    recovered(&store).await;
    store.user_add(user("ann")).await.unwrap();
    let after = store.journal_append(entry(&store, "bob@localhost", "after")).unwrap();
    durable(&store, after).await;
    let waiting = store.spooled(&jid("bob@localhost"), Seq(0), 100).await.unwrap();
    assert_eq!(waiting.iter().map(|w| w.seq).collect::<Vec<_>>(), [before, during, after]);
    store.close().await;
}

#[tokio::test]
async fn a_second_node_on_the_same_postgresql_is_refused() {
    let mut postgres = Postgres::start();
    let database = postgres.database().await;
    let store = database.open().await;
    let second = Store::open(&database.url(), &runtime::Runtime::real()).await;
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
