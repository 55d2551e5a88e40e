//! What archives promise, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use model::Timestamp;
use store::{
    ArchiveDefault, ArchivePreference, ArchiveQuery, Archives, Entry, PageFrom, Seq, StanzaId, Store,
};
use support::{Database, cases, durable, entry, jid};

cases! {
    both_sides_find_what_they_said,
    pages_follow_each_other_without_a_gap,
    an_unknown_id_means_its_place,
    times_and_peers_narrow_a_page,
    what_is_not_to_be_archived_is_not_found,
    an_emptied_archive_leaves_others_alone,
    preferences_are_kept,
}

const BOTH: Archives = Archives { owner: true, sender: true };

/// `sender` writes to `owner`.
fn said(store: &Store, sender: &str, owner: &str, text: &str, at: i64) -> Entry {
    let mut said = entry(store, owner, text);
    said.from = format!("{sender}/desk");
    said.at = Timestamp(at);
    said.archives = BOTH;
    said
}

/// Appends `count` messages from ann to bob; gives their ids.
async fn fill(store: &Store, count: usize) -> Vec<StanzaId> {
    let mut ids = Vec::new();
    let mut last = Seq(0);
    for n in 0..count {
        let said = said(store, "ann@localhost", "bob@localhost", &n.to_string(), 1_000_000 + n as i64);
        ids.push(said.id);
        last = store.journal_append(said).unwrap();
    }
    durable(store, last).await;
    ids
}

async fn ids(store: &Store, owner: &str, query: &ArchiveQuery) -> Vec<StanzaId> {
    let page = store.archive_page(&jid(owner), query).await.unwrap();
    page.entries.iter().map(|entry| entry.id).collect()
}

fn from(from: PageFrom, max: usize) -> ArchiveQuery {
    ArchiveQuery { from, max, ..ArchiveQuery::default() }
}

async fn both_sides_find_what_they_said(database: Database) {
    let store = database.open().await;
    let all = fill(&store, 3).await;
    for owner in ["ann@localhost", "bob@localhost"] {
        assert_eq!(ids(&store, owner, &from(PageFrom::Start, 10)).await, all, "{owner}");
    }
    let found = store.archive_entry(&jid("ann@localhost"), all[1]).await.unwrap().unwrap();
    assert_eq!((found.from.as_str(), found.to.as_str()), ("ann@localhost/desk", "bob@localhost"));
    assert!(store.archive_entry(&jid("carol@localhost"), all[1]).await.unwrap().is_none());
    assert!(ids(&store, "carol@localhost", &from(PageFrom::Start, 10)).await.is_empty());
    store.close().await;
}

async fn pages_follow_each_other_without_a_gap(database: Database) {
    let store = database.open().await;
    let all = fill(&store, 25).await;
    let bob = jid("bob@localhost");
    let (mut up, mut next) = (Vec::new(), PageFrom::Start);
    loop {
        let page = store.archive_page(&bob, &from(next, 10)).await.unwrap();
        up.extend(page.entries.iter().map(|entry| entry.id));
        next = PageFrom::After(*up.last().unwrap());
        if page.complete {
            break;
        }
    }
    assert_eq!(up, all);
    assert_eq!(ids(&store, "bob@localhost", &from(PageFrom::End, 10)).await, all[15..]);
    assert_eq!(ids(&store, "bob@localhost", &from(PageFrom::Before(all[15]), 10)).await, all[5..15]);
    let page = store.archive_page(&bob, &from(PageFrom::Before(all[5]), 10)).await.unwrap();
    assert_eq!((page.entries.len(), page.complete), (5, true));
    let between =
        ArchiveQuery { after: Some(all[2]), before: Some(all[6]), max: 10, ..ArchiveQuery::default() };
    assert_eq!(ids(&store, "bob@localhost", &between).await, all[3..6]);
    assert_eq!(store.archive_count(&bob, &between).await.unwrap(), 3);
    store.close().await;
    // The index is as far after a restart.
    let store = database.open().await;
    assert_eq!(store.archive_count(&bob, &ArchiveQuery::default()).await.unwrap(), 25);
    store.close().await;
}

async fn an_unknown_id_means_its_place(database: Database) {
    let store = database.open().await;
    let before = fill(&store, 2).await;
    let never_kept = store.stanza_id();
    let after = fill(&store, 2).await;
    assert_eq!(ids(&store, "bob@localhost", &from(PageFrom::After(never_kept), 10)).await, after);
    assert_eq!(ids(&store, "bob@localhost", &from(PageFrom::Before(never_kept), 10)).await, before);
    store.close().await;
}

async fn times_and_peers_narrow_a_page(database: Database) {
    let store = database.open().await;
    let with = |address: &str| ArchiveQuery {
        with: Some(address.parse().unwrap()),
        max: 10,
        ..ArchiveQuery::default()
    };
    let now = 1_795_166_999_000_000;
    let mut given = Vec::new();
    for (n, (sender, owner)) in [
        ("ann@localhost", "bob@localhost"),
        ("carol@localhost", "bob@localhost"),
        ("bob@localhost", "ann@localhost"),
    ]
    .into_iter()
    .enumerate()
    {
        let said = said(&store, sender, owner, "hi", now + n as i64 * 1_000_000);
        given.push(said.id);
        let seq = store.journal_append(said).unwrap();
        durable(&store, seq).await;
    }
    assert_eq!(ids(&store, "bob@localhost", &with("ann@localhost")).await, [given[0], given[2]]);
    assert_eq!(ids(&store, "bob@localhost", &with("ann@localhost/desk")).await, [given[0]]);
    assert!(ids(&store, "bob@localhost", &with("ann@localhost/phone")).await.is_empty());
    let timed = ArchiveQuery {
        start: Some(Timestamp(now + 1)),
        end: Some(Timestamp(now + 1_000_000)),
        max: 10,
        ..ArchiveQuery::default()
    };
    // The ids were given now, and the times are in the future of that: only the times count.
    assert_eq!(store.archive_count(&jid("bob@localhost"), &with("ann@localhost")).await.unwrap(), 2);
    let found = store.archive_page(&jid("bob@localhost"), &timed).await.unwrap();
    assert!(found.entries.iter().all(|entry| entry.at > Timestamp(now)));
    store.close().await;
}

async fn what_is_not_to_be_archived_is_not_found(database: Database) {
    let store = database.open().await;
    for archives in [Archives::default(), Archives { owner: false, sender: true }] {
        let mut said = said(&store, "ann@localhost", "bob@localhost", "private", 1);
        said.archives = archives;
        durable(&store, store.journal_append(said).unwrap()).await;
    }
    assert!(ids(&store, "bob@localhost", &from(PageFrom::Start, 10)).await.is_empty());
    assert_eq!(ids(&store, "ann@localhost", &from(PageFrom::Start, 10)).await.len(), 1);
    store.close().await;
}

async fn an_emptied_archive_leaves_others_alone(database: Database) {
    let store = database.open().await;
    fill(&store, 3).await;
    assert_eq!(store.archive_remove_all(&jid("bob@localhost")).await.unwrap(), 3);
    assert!(ids(&store, "bob@localhost", &from(PageFrom::Start, 10)).await.is_empty());
    assert_eq!(ids(&store, "ann@localhost", &from(PageFrom::Start, 10)).await.len(), 3);
    store.close().await;
}

async fn preferences_are_kept(database: Database) {
    let store = database.open().await;
    let wanted = ArchivePreference {
        otherwise: ArchiveDefault::Never,
        always: [jid("ann@localhost")].into(),
        never: [].into(),
    };
    store.archive_preference_put(&jid("bob@localhost"), &wanted).await.unwrap();
    assert_eq!(store.archive_preferences().await.unwrap(), [(jid("bob@localhost"), wanted)]);
    store.close().await;
}
