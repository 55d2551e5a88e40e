//! What is kept for signing in, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use store::{Archives, ScramRecord};
use support::{Database, cases, durable, entry, jid, scram, user};

cases! {
    records_are_added_beside_those_that_stand,
    what_the_archive_has_waits_no_longer,
}

fn record(mechanism: &str, n: u8) -> ScramRecord {
    ScramRecord { mechanism: mechanism.to_owned(), ..scram(n) }
}

async fn records_are_added_beside_those_that_stand(database: Database) {
    let store = database.open().await;
    let ann = jid("ann@localhost");
    store.user_add(user("ann")).await.unwrap();
    let (old, new) = (record("SCRAM-SHA-1", 1), record("SCRAM-SHA-256", 2));
    store.user_set_credentials(&ann, vec![old.clone()]).await.unwrap();
    store.credentials_add(&ann, &old.stored_key, vec![new.clone()]).await.unwrap();
    let stands = || async { store.credentials(&ann).await.unwrap().unwrap().scram };
    assert_eq!(stands().await, [old.clone(), new.clone()]);
    // One that stands is not replaced.
    store.credentials_add(&ann, &old.stored_key, vec![record("SCRAM-SHA-256", 3)]).await.unwrap();
    assert_eq!(stands().await, [old.clone(), new]);
    // The password has changed since it was proved.
    store.user_set_credentials(&ann, vec![record("SCRAM-SHA-1", 4)]).await.unwrap();
    store.credentials_add(&ann, &old.stored_key, vec![record("SCRAM-SHA-512", 5)]).await.unwrap();
    assert_eq!(stands().await, [record("SCRAM-SHA-1", 4)]);
    store.close().await;
}

async fn what_the_archive_has_waits_no_longer(database: Database) {
    let store = database.open().await;
    let bob = jid("bob@localhost");
    let archived = Archives { owner: true, sender: false };
    for (text, archives) in [("kept", archived), ("private", Archives::default()), ("kept too", archived)] {
        let mut entry = entry(&store, "bob@localhost", text);
        entry.archives = archives;
        store.journal_append(entry).unwrap();
    }
    let mut other = entry(&store, "carol@localhost", "hers");
    other.archives = archived;
    let last = store.journal_append(other).unwrap();
    durable(&store, last).await;
    store.spool_leave_to_archive(&bob).await.unwrap();
    let waiting = store.spooled(&bob, store::Seq(0), 10).await.unwrap();
    let texts: Vec<_> = waiting.iter().map(|waiting| String::from_utf8_lossy(&waiting.stanza)).collect();
    assert!(matches!(texts.as_slice(), [text] if text.contains("private")), "{texts:?}");
    assert_eq!(store.spool_count(&jid("carol@localhost")).await.unwrap(), 1);
    store.close().await;
}
