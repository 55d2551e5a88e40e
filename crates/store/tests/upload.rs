//! What uploads promise, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use model::Timestamp;
use runtime::Runtime;
use store::{Error, Files, Slot, Store, Upload, UploadId, UploadQuota};
use support::{Database, cases, jid, user};

cases! {
    a_slot_is_filled_once_and_in_time,
    a_quota_says_when_there_is_room_again,
    only_an_account_gets_a_slot,
    what_has_expired_goes_with_its_contents,
    contents_without_a_row_are_found_and_swept,
    removing_a_user_removes_their_uploads,
}

const DAY: Duration = Duration::from_secs(24 * 3_600);
const NOW: Timestamp = Timestamp(1_795_166_999_000_000);
const QUOTA: UploadQuota = UploadQuota { files: 3, bytes: 100, within: DAY };

fn wish(owner: &str, size: u64, now: Timestamp) -> Upload {
    Upload {
        id: UploadId::random(&Runtime::real()),
        owner: jid(&format!("{owner}@localhost")),
        name: "Γειά σου.txt".to_owned(),
        content_type: "text/plain".to_owned(),
        size,
        token: "token".to_owned(),
        requested: now,
        stored: None,
        expires: Some(now.plus(Duration::from_secs(300))),
    }
}

async fn slot(store: &Store, owner: &str, size: u64, now: Timestamp) -> UploadId {
    let wish = wish(owner, size, now);
    let id = wish.id.clone();
    assert_eq!(store.upload_slot(wish, QUOTA, Some(30 * DAY)).await.unwrap(), Slot::Given);
    id
}

async fn open(database: &Database) -> Store {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    store.user_add(user("bob")).await.unwrap();
    store
}

async fn a_slot_is_filled_once_and_in_time(database: Database) {
    let store = open(&database).await;
    let id = slot(&store, "ann", 10, NOW).await;
    let found = store.upload(&id).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.size, found.stored), ("Γειά σου.txt", 10, None));
    let later = NOW.plus(Duration::from_secs(60));
    assert!(store.upload_stored(&id, later).await.unwrap());
    let found = store.upload(&id).await.unwrap().unwrap();
    assert_eq!((found.stored, found.expires), (Some(later), Some(later.plus(30 * DAY))));
    assert_eq!(found.token, "", "it allows nothing more");
    assert!(!store.upload_stored(&id, later).await.unwrap(), "once");
    assert_eq!(store.uploads_total().await.unwrap(), (1, 10));

    let late = slot(&store, "ann", 10, NOW).await;
    let after = NOW.plus(Duration::from_secs(300));
    assert!(!store.upload_stored(&late, after).await.unwrap(), "in time");
    let slow = slot(&store, "ann", 10, NOW).await;
    store.upload_begun(&slow, later, NOW.plus(DAY)).await.unwrap();
    assert!(store.upload_stored(&slow, after).await.unwrap(), "it came in slowly");
    assert!(!store.upload_stored(&UploadId::random(&Runtime::real()), NOW).await.unwrap());
    store.close().await;
}

async fn a_quota_says_when_there_is_room_again(database: Database) {
    let store = open(&database).await;
    let ask = async |size, now| store.upload_slot(wish("ann", size, now), QUOTA, None).await.unwrap();
    let hour = Duration::from_secs(3_600);
    let mut given = Vec::new();
    for (hours, size) in [(0, 60), (1, 30)] {
        let now = NOW.plus(hours * hour);
        let id = slot(&store, "ann", size, now).await;
        assert!(store.upload_stored(&id, now).await.unwrap());
        given.push(now);
    }
    let now = NOW.plus(2 * hour);
    assert_eq!(ask(11, now).await, Slot::Exceeded(given[0].plus(DAY)), "too many bytes");
    assert_eq!(ask(71, now).await, Slot::Exceeded(given[1].plus(DAY)), "both must have gone first");
    let unused = slot(&store, "ann", 10, now).await;
    assert_eq!(ask(0, now).await, Slot::Exceeded(given[0].plus(DAY)), "too many files");
    assert!(store.upload(&unused).await.unwrap().is_some());
    let bob = store.upload_slot(wish("bob", 100, now), QUOTA, None).await.unwrap();
    assert_eq!(bob, Slot::Given, "everybody has their own");
    let later = now.plus(Duration::from_secs(301));
    assert_eq!(ask(10, later).await, Slot::Given, "a slot that nobody filled does not count");
    assert_eq!(ask(60, given[0].plus(DAY)).await, Slot::Given, "a day later");
    store.close().await;
}

async fn only_an_account_gets_a_slot(database: Database) {
    let store = open(&database).await;
    let refused = store.upload_slot(wish("nobody", 1, NOW), QUOTA, None).await;
    assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
    store.close().await;
}

fn folder() -> (Files, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Files::new(folder.path().join("files"), &Runtime::real()), folder)
}

async fn content(files: &Files, id: &UploadId, size: usize) {
    let mut incoming = files.create(id).await.unwrap();
    incoming.write(Bytes::from(vec![b'x'; size])).await.unwrap();
    incoming.keep().await.unwrap();
}

async fn what_has_expired_goes_with_its_contents(database: Database) {
    let (store, (files, _folder)) = (open(&database).await, folder());
    let (kept, unfilled) = (slot(&store, "ann", 10, NOW).await, slot(&store, "ann", 10, NOW).await);
    content(&files, &kept, 10).await;
    assert!(store.upload_stored(&kept, NOW).await.unwrap());
    let forever = wish("bob", 10, NOW);
    let id = forever.id.clone();
    store.upload_slot(forever, QUOTA, None).await.unwrap();
    content(&files, &id, 10).await;
    assert!(store.upload_stored(&id, NOW).await.unwrap());

    assert_eq!(files.expire(&store, NOW.plus(DAY)).await.unwrap(), 1, "the slot");
    assert_eq!(store.upload(&unfilled).await.unwrap(), None);
    assert!(files.open(&kept).await.is_ok());
    assert_eq!(files.expire(&store, NOW.plus(30 * DAY)).await.unwrap(), 1, "the file");
    assert!(files.open(&kept).await.is_err());
    assert_eq!(files.expire(&store, NOW.plus(9_999 * DAY)).await.unwrap(), 0);
    assert!(files.open(&id).await.is_ok(), "kept for ever");
    store.close().await;
}

async fn contents_without_a_row_are_found_and_swept(database: Database) {
    let (store, (files, _folder)) = (open(&database).await, folder());
    let (whole, missing) = (slot(&store, "ann", 10, NOW).await, slot(&store, "ann", 10, NOW).await);
    let (short, unfilled) = (slot(&store, "bob", 10, NOW).await, slot(&store, "bob", 10, NOW).await);
    let stray = UploadId::random(&Runtime::real());
    for id in [&whole, &missing, &short] {
        assert!(store.upload_stored(id, NOW).await.unwrap());
    }
    for (id, size) in [(&whole, 10), (&short, 9), (&stray, 10), (&unfilled, 10)] {
        content(&files, id, size).await;
    }
    let findings = files.verify(&store).await.unwrap();
    assert_eq!(findings.len(), 3, "{findings:?}");
    for (finding, (id, what)) in findings.iter().zip([
        (&missing, "is missing"),
        (&short, "9 bytes instead of 10"),
        (&stray, "no upload"),
    ]) {
        assert!(finding.contains(id.as_str()) && finding.contains(what), "{finding}");
    }
    assert_eq!(files.remove_strays(&store).await.unwrap(), 1);
    assert!(files.open(&stray).await.is_err() && files.open(&whole).await.is_ok());
    assert!(files.open(&unfilled).await.is_ok(), "it may be acknowledged in a moment");
    store.close().await;
}

async fn removing_a_user_removes_their_uploads(database: Database) {
    let store = open(&database).await;
    let (ann, bob) = (slot(&store, "ann", 1, NOW).await, slot(&store, "bob", 1, NOW).await);
    let of_ann = store.uploads_of(&jid("ann@localhost")).await.unwrap();
    assert!(of_ann.len() == 1 && of_ann[0] == ann);
    store.user_remove(&jid("ann@localhost")).await.unwrap();
    assert!(!store.upload_stored(&ann, NOW).await.unwrap());
    assert_eq!(store.upload(&ann).await.unwrap(), None);
    assert!(store.upload(&bob).await.unwrap().is_some());
    store.close().await;
}
