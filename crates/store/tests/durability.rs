//! What the watermark covers is on disk: the files, copied at that moment, hold it, as after a crash.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::time::Duration;

use runtime::Runtime;
use store::{Seq, Store, backup_check, backup_files};
use support::{Database, durable, entry, jid, user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_hold_what_the_watermark_says_at_any_moment() {
    let database = Database::lite();
    let store = database.open().await;
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5 {
        for n in 0..333 {
            let seq = store.journal_append(entry(&store, "bob@localhost", &n.to_string())).unwrap();
            if n % 3 == 0 {
                store.handed_on(&jid("bob@localhost"), seq);
            }
            if n % 40 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let promised = *store.durable().borrow();
        let copy = folder.path().join(format!("crash-{round}.db"));
        crash_copy(&database.path(), &copy);
        let after = Store::open(&format!("sqlite:{}", copy.display()), &Runtime::real()).await.unwrap();
        assert!(after.journal_count().await.unwrap() >= promised.0, "round {round}");
        for seq in [1, promised.0 / 2, promised.0] {
            assert!(after.journal_entry(Seq(seq)).await.unwrap().is_some() || seq == 0);
        }
        assert_eq!(after.verify().await.unwrap(), [""; 0]);
        after.close().await;
    }
    store.close().await;
}

#[tokio::test]
async fn after_a_crash_everything_not_handed_on_waits_again() {
    let database = Database::lite();
    let store = database.open().await;
    let bob = jid("bob@localhost");
    let mut seqs = Vec::new();
    for n in 0..60 {
        seqs.push(store.journal_append(entry(&store, "bob@localhost", &n.to_string())).unwrap());
    }
    durable(&store, seqs[59]).await;
    // These have their rows; the later ones are still young when the crash comes.
    assert_eq!(store.spool_count(&bob).await.unwrap(), 60);
    for n in 60..100 {
        seqs.push(store.journal_append(entry(&store, "bob@localhost", &n.to_string())).unwrap());
    }
    durable(&store, seqs[99]).await;

    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("crash.db");
    crash_copy(&database.path(), &copy);
    let after = Store::open(&format!("sqlite:{}", copy.display()), &Runtime::real()).await.unwrap();
    let waiting: Vec<Seq> = after.spooled(&bob, Seq(0), 1_000).await.unwrap().iter().map(|w| w.seq).collect();
    assert_eq!(waiting, seqs);
    after.close().await;
    store.close().await;
}

/// The version that this program writes: one for each file of changes.
fn schema_files() -> i64 {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
    i64::try_from(std::fs::read_dir(folder).unwrap().count()).unwrap()
}

#[tokio::test]
async fn a_backup_of_the_running_store_is_whole() {
    let database = Database::lite();
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let last = store.journal_append(entry(&store, "ann@localhost", "kept")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db");
    store.backup(&file, vec![("carillon.toml".to_owned(), b"version = 1".to_vec())]).await.unwrap();
    assert!(store.backup(&file, vec![]).await.unwrap_err().to_string().contains("exists already"));
    assert_eq!(backup_check(&file).await.unwrap(), schema_files());
    store.close().await;

    let files = backup_files(&file).await.unwrap();
    assert_eq!(files, [("carillon.toml".to_owned(), b"version = 1".to_vec())]);
    let restored = Store::open(&format!("sqlite:{}", file.display()), &Runtime::real()).await.unwrap();
    assert_eq!(restored.user_count().await.unwrap(), 1);
    assert!(restored.journal_entry(last).await.unwrap().is_some());
    assert_eq!(restored.verify().await.unwrap(), [""; 0]);
    restored.close().await;
}

#[tokio::test]
async fn a_damaged_or_foreign_file_is_not_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.txt");
    std::fs::write(&file, "Dear Sir or Madam, ".repeat(1_000)).unwrap();
    assert!(backup_check(&file).await.unwrap_err().to_string().contains("is not a backup"));
    assert!(
        backup_check(&folder.path().join("nothing")).await.unwrap_err().to_string().contains("not a file")
    );
}

#[tokio::test]
async fn stopping_the_program_writes_what_waits() {
    let database = Database::lite();
    let runtime = Runtime::real();
    let store = Store::open(&database.url(), &runtime).await.unwrap();
    let seq = store.journal_append(entry(&store, "bob@localhost", "last words")).unwrap();
    runtime.stop();
    assert!(runtime.drained(Duration::from_secs(5)).await);
    assert_eq!(*store.durable().borrow(), seq);
}

/// Copies the database and its write-ahead log as they lie there, while they are in use.
fn crash_copy(from: &Path, to: &Path) {
    // The log first grows, then is moved into the database: in this order the copy is never from two times, and no
    // checkpoint runs at these sizes.
    std::fs::copy(from, to).unwrap();
    let wal = |path: &Path| format!("{}-wal", path.display());
    std::fs::copy(wal(from), wal(to)).unwrap();
}
