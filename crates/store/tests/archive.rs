//! What archives promise, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use model::Timestamp;
use runtime::Runtime;
use store::{
    ArchiveDefault, ArchivePreference, ArchiveQuery, ArchiveRemoval, Archives, Entry, PageFrom,
    REMOVAL_BATCH_ENTRIES, Seq, StanzaId, Store, TextQuery,
};
use support::{Database, cases, durable, entry, jid};

cases! {
    both_sides_find_what_they_said,
    what_went_to_another_server_is_found_under_whom_it_was_for,
    pages_follow_each_other_without_a_gap,
    an_unknown_id_means_its_place,
    times_and_peers_narrow_a_page,
    what_is_not_to_be_archived_is_not_found,
    an_emptied_archive_leaves_others_alone,
    preferences_are_kept,
    words_and_phrases_are_found_whatever_their_case,
    a_search_takes_no_syntax,
    a_search_is_narrowed_and_paged_like_any_query,
    what_is_not_words_is_not_found,
    removal_follows_the_order_and_leaves_others_alone,
    what_no_archive_covers_leaves_the_journal,
    what_waits_to_be_handed_on_stays_in_the_journal,
    old_entries_expire_for_users_and_rooms_apart,
    a_tombstone_takes_the_place_and_the_words_go,
    the_words_of_an_older_database_are_found,
}

const BOTH: Archives = Archives { owner: true, sender: true };

async fn what_went_to_another_server_is_found_under_whom_it_was_for(database: Database) {
    let store = database.open().await;
    // The owner is the other server, which has no archive here.
    let mut sent = said(&store, "ann@localhost", "elsewhere.example", "hello", 1_000_000);
    sent.to = "eve@elsewhere.example/home".to_owned();
    sent.archives = Archives { owner: false, sender: true };
    let id = sent.id;
    durable(&store, store.journal_append(sent).unwrap()).await;
    for (with, found) in [("eve@elsewhere.example", vec![id]), ("elsewhere.example", vec![])] {
        let query = ArchiveQuery { with: Some(with.parse().unwrap()), max: 10, ..ArchiveQuery::default() };
        assert_eq!(ids(&store, "ann@localhost", &query).await, found, "{with}");
    }
    store.close().await;
}

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

fn text(text: &str) -> ArchiveQuery {
    ArchiveQuery { text: Some(TextQuery::new(text).unwrap()), max: 250, ..ArchiveQuery::default() }
}

/// ann says each of these to bob; gives the ids.
async fn say(store: &Store, words: &[&str]) -> Vec<StanzaId> {
    let mut ids = Vec::new();
    let mut last = Seq(0);
    for (n, words) in words.iter().enumerate() {
        let said = said(store, "ann@localhost", "bob@localhost", words, 1_000_000 + n as i64);
        ids.push(said.id);
        last = store.journal_append(said).unwrap();
    }
    durable(store, last).await;
    ids
}

async fn words_and_phrases_are_found_whatever_their_case(database: Database) {
    let store = database.open().await;
    let all =
        say(&store, &["Two cups of TEA", "tea for two", "Café au-lait", "see www.example.org", "東京タワー"])
            .await;
    let bob = "bob@localhost";
    for (asked, found) in [
        ("tea", vec![all[0], all[1]]),
        ("two tea", vec![all[0], all[1]]),
        ("\"tea for two\"", vec![all[1]]),
        ("\"two tea\"", vec![]),
        ("cafe", vec![all[2]]),
        ("AU-LAIT", vec![all[2]]),
        ("example.org", vec![all[3]]),
        ("example", vec![all[3]]),
        ("京タ", vec![all[4]]),
        ("te", vec![]),
        ("message", vec![]),
    ] {
        assert_eq!(ids(&store, bob, &text(asked)).await, found, "{asked}");
        assert_eq!(
            store.archive_count(&jid(bob), &text(asked)).await.unwrap(),
            found.len() as i64,
            "{asked}"
        );
    }
    assert_eq!(ids(&store, "ann@localhost", &text("tea")).await.len(), 2);
    assert!(ids(&store, "carol@localhost", &text("tea")).await.is_empty());
    store.close().await;
}

async fn a_search_takes_no_syntax(database: Database) {
    let store = database.open().await;
    let all = say(&store, &["tea", "coffee and NOT tea OR NEAR words"]).await;
    for asked in [
        "te*",
        "tea OR coffee",
        "tea NOT coffee",
        "words:tea",
        "-tea xyz",
        "tea & !coffee",
        "'tea' | x",
        "tea:*x",
    ] {
        let found = ids(&store, "bob@localhost", &text(asked)).await;
        assert!(!found.contains(&all[0]), "{asked}");
    }
    assert_eq!(ids(&store, "bob@localhost", &text("coffee OR tea")).await, [all[1]]);
    assert_eq!(ids(&store, "bob@localhost", &text("tea\"")).await, all);
    store.close().await;
}

async fn a_search_is_narrowed_and_paged_like_any_query(database: Database) {
    let store = database.open().await;
    let mut found = Vec::new();
    let mut last = Seq(0);
    for n in 0..60 {
        let (sender, words) =
            if n % 3 == 0 { ("ann@localhost", "tea") } else { ("carol@localhost", "tea again") };
        let said =
            said(&store, sender, "bob@localhost", if n % 2 == 0 { words } else { "coffee" }, 1_000 + n);
        if n % 2 == 0 {
            found.push((said.id, sender, n));
        }
        last = store.journal_append(said).unwrap();
    }
    durable(&store, last).await;
    let all: Vec<_> = found.iter().map(|(id, ..)| *id).collect();
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let mut next = PageFrom::Start;
    loop {
        let query = ArchiveQuery { from: next, max: 7, ..text("tea") };
        let page = store.archive_page(&jid("bob@localhost"), &query).await.unwrap();
        up.extend(page.entries.iter().map(|entry| entry.id));
        next = PageFrom::After(*up.last().unwrap());
        if page.complete {
            break;
        }
    }
    let mut next = PageFrom::End;
    loop {
        let query = ArchiveQuery { from: next, max: 7, ..text("tea") };
        let page = store.archive_page(&jid("bob@localhost"), &query).await.unwrap();
        down.splice(0..0, page.entries.iter().map(|entry| entry.id));
        next = PageFrom::Before(down[0]);
        if page.complete {
            break;
        }
    }
    assert_eq!((&up, &down), (&all, &all));
    let with = ArchiveQuery { with: Some("ann@localhost".parse().unwrap()), ..text("tea") };
    let of_ann: Vec<_> =
        found.iter().filter(|(_, sender, _)| *sender == "ann@localhost").map(|(id, ..)| *id).collect();
    assert_eq!(ids(&store, "bob@localhost", &with).await, of_ann);
    assert_eq!(store.archive_count(&jid("bob@localhost"), &with).await.unwrap(), of_ann.len() as i64);
    let timed = ArchiveQuery { end: Some(Timestamp(1_010)), ..text("tea") };
    assert_eq!(ids(&store, "bob@localhost", &timed).await, all[..6]);
    assert_eq!(store.archive_count(&jid("bob@localhost"), &timed).await.unwrap(), 6);
    store.close().await;
}

async fn what_is_not_words_is_not_found(database: Database) {
    let store = database.open().await;
    for payload in [
        "<body>secret tea</body><encrypted xmlns='urn:xmpp:omemo:2'/>",
        "<subject>tea</subject>",
        "<x xmlns='urn:x'><body>tea</body></x>",
    ] {
        let mut said = said(&store, "ann@localhost", "bob@localhost", "", 1);
        said.stanza = format!("<message>{payload}</message>").into();
        durable(&store, store.journal_append(said).unwrap()).await;
    }
    assert!(ids(&store, "bob@localhost", &text("tea")).await.is_empty());
    assert_eq!(ids(&store, "bob@localhost", &from(PageFrom::Start, 10)).await.len(), 3, "all are archived");
    store.close().await;
}

async fn removal_follows_the_order_and_leaves_others_alone(database: Database) {
    let store = database.open().await;
    let all = say(&store, &["tea one", "tea two", "tea three"]).await;
    let other = said(&store, "carol@localhost", "bob@localhost", "tea four", 1_000_003);
    let (carols, seq) = (other.id, store.journal_append(other).unwrap());
    durable(&store, seq).await;
    let bob = jid("bob@localhost");
    let early = ArchiveRemoval { owner: bob.clone(), with: None, before: Some(Timestamp(1_000_001)) };
    assert_eq!(store.archive_remove(&early).await.unwrap(), 1);
    assert_eq!(ids(&store, "bob@localhost", &text("tea")).await, [all[1], all[2], carols]);
    let of_ann =
        ArchiveRemoval { owner: bob.clone(), with: Some("ann@localhost".parse().unwrap()), before: None };
    assert_eq!(store.archive_remove(&of_ann).await.unwrap(), 2);
    assert_eq!(ids(&store, "bob@localhost", &text("tea")).await, [carols]);
    assert_eq!(ids(&store, "ann@localhost", &text("tea")).await, all);
    assert_eq!(store.journal_count().await.unwrap(), 4, "ann still has hers");
    store.close().await;
}

async fn what_no_archive_covers_leaves_the_journal(database: Database) {
    let store = database.open().await;
    let count = REMOVAL_BATCH_ENTRIES + 100;
    fill(&store, count).await;
    let bob = jid("bob@localhost");
    for seq in 1..=count as i64 {
        store.handed_on(&bob, Seq(seq));
    }
    assert_eq!(store.spooled(&bob, Seq(0), 10).await.unwrap(), []);
    // Never archived, and handed on.
    for n in 0..3 {
        let mut said = said(&store, "ann@localhost", "bob@localhost", &format!("private {n}"), 1);
        (said.archives, said.spool) = (Archives::default(), false);
        durable(&store, store.journal_append(said).unwrap()).await;
    }
    store.archive_page(&bob, &from(PageFrom::Start, 1)).await.unwrap();
    assert_eq!(store.journal_tidy().await.unwrap(), 2, "the very last one keeps its place");
    assert_eq!(store.archive_remove_all(&bob).await.unwrap(), count as u64);
    assert_eq!(store.journal_count().await.unwrap(), count as i64 + 1);
    assert_eq!(store.archive_remove_all(&jid("ann@localhost")).await.unwrap(), count as u64);
    assert_eq!(store.journal_count().await.unwrap(), 1);
    assert_eq!(store.verify().await.unwrap(), Vec::<String>::new());
    store.close().await;
    // Places are not given twice.
    let store = database.open().await;
    let again = fill(&store, 1).await;
    assert_eq!(ids(&store, "bob@localhost", &from(PageFrom::Start, 10)).await, again);
    store.close().await;
}

async fn what_waits_to_be_handed_on_stays_in_the_journal(database: Database) {
    let store = database.open().await;
    fill(&store, 3).await;
    let bob = jid("bob@localhost");
    for owner in ["ann@localhost", "bob@localhost"] {
        assert_eq!(store.archive_remove_all(&jid(owner)).await.unwrap(), 3);
    }
    store.journal_tidy().await.unwrap();
    let waiting = store.spooled(&bob, Seq(0), 10).await.unwrap();
    assert_eq!(waiting.len(), 3);
    for entry in &waiting[..2] {
        store.handed_on(&bob, entry.seq);
    }
    assert_eq!(store.spool_count(&bob).await.unwrap(), 1);
    assert_eq!(store.journal_tidy().await.unwrap(), 2);
    assert_eq!(store.spooled(&bob, Seq(0), 10).await.unwrap().len(), 1);
    store.close().await;
}

async fn old_entries_expire_for_users_and_rooms_apart(database: Database) {
    let store = database.open().await;
    let room = "hall@conference.localhost";
    let mut rooms_own = said(&store, "x", room, "in the hall", 1);
    (rooms_own.from, rooms_own.archives) = (format!("{room}/ann"), Archives { owner: true, sender: false });
    durable(&store, store.journal_append(rooms_own).unwrap()).await;
    fill(&store, 3).await;
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    let now = Runtime::real().timestamp();
    let young = fill(&store, 2).await;
    let is_room = |owner: &str| owner.ends_with("@conference.localhost");
    let expire = async |of_rooms: bool| {
        let (mut after, mut entries) = (Seq(0), 0);
        loop {
            let batch = store.archive_expire(now, after, |owner| is_room(owner) == of_rooms).await.unwrap();
            entries += batch.entries;
            match batch.next {
                Some(next) => after = next,
                None => return entries,
            }
        }
    };
    assert_eq!(expire(false).await, 6, "in two archives each");
    assert_eq!(ids(&store, "bob@localhost", &from(PageFrom::Start, 10)).await, young);
    assert_eq!(ids(&store, "ann@localhost", &from(PageFrom::Start, 10)).await, young);
    assert_eq!(ids(&store, room, &from(PageFrom::Start, 10)).await.len(), 1);
    assert_eq!(expire(true).await, 1);
    assert!(ids(&store, room, &from(PageFrom::Start, 10)).await.is_empty());
    store.close().await;
}

async fn a_tombstone_takes_the_place_and_the_words_go(database: Database) {
    let store = database.open().await;
    let all = say(&store, &["tea", "more tea"]).await;
    assert_eq!(ids(&store, "bob@localhost", &text("tea")).await, all);
    let tombstone =
        bytes::Bytes::from_static(b"<message><retracted xmlns='urn:xmpp:message-retract:1'/></message>");
    let (ann, carol) = (jid("ann@localhost"), jid("carol@localhost"));
    assert!(!store.archive_replace(&carol, all[0], tombstone.clone()).await.unwrap(), "not in her archive");
    assert!(store.archive_replace(&ann, all[0], tombstone.clone()).await.unwrap());
    let left = store.archive_entry(&jid("bob@localhost"), all[0]).await.unwrap().unwrap();
    assert_eq!(left.stanza, tombstone);
    assert_eq!(ids(&store, "bob@localhost", &text("tea")).await, [all[1]]);
    assert_eq!(ids(&store, "bob@localhost", &from(PageFrom::Start, 10)).await, all);
    store.close().await;
}

async fn the_words_of_an_older_database_are_found(database: Database) {
    let store = database.open().await;
    let all = say(&store, &["tea"]).await;
    fill(&store, 2_500).await;
    assert_eq!(ids(&store, "bob@localhost", &text("tea")).await, all);
    store.close().await;
    // As after the migration: nothing is indexed yet.
    database.sql("DELETE FROM archive_text; UPDATE archive_text_horizon SET seq = 0").await;
    let store = database.open().await;
    assert_eq!(ids(&store, "bob@localhost", &text("tea")).await, all);
    store.close().await;
}
