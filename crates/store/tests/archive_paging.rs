//! Pages of an archive while others write to it: every entry is seen once, in order, whatever the clock does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use model::Timestamp;
use proptest::prelude::*;
use runtime::Runtime;
use store::{ArchiveQuery, Archives, PageFrom, Seq, StanzaId, Store};
use support::{Database, cases, durable, entry, jid};

cases! {
    a_clock_that_went_back_is_gone_on_from,
    pages_are_exact_while_others_write,
}

/// What happens in one run.
#[derive(Clone, Debug)]
struct Plan {
    /// Entries of each burst, and the pause behind it in milliseconds.
    bursts: Vec<(u8, u8)>,
    /// How the clock of the entries jumps, in seconds, burst by burst.
    jumps: Vec<i8>,
    /// Sizes of the reader's pages, over and over.
    pages: Vec<usize>,
}

fn plan() -> impl Strategy<Value = Plan> {
    let bursts = prop::collection::vec((1..40_u8, 0..6_u8), 1..20);
    let jumps = prop::collection::vec(any::<i8>(), 20);
    let pages = prop::collection::vec(1..50_usize, 1..6);
    (bursts, jumps, pages).prop_map(|(bursts, jumps, pages)| Plan { bursts, jumps, pages })
}

fn append(store: &Store, owner: &str, at: i64) -> (StanzaId, Seq) {
    let mut said = entry(store, owner, "hi");
    (said.at, said.archives) = (Timestamp(at), Archives { owner: true, sender: false });
    let id = said.id;
    (id, store.journal_append(said).unwrap())
}

async fn page(store: &Store, from: PageFrom, max: usize) -> (Vec<StanzaId>, bool) {
    let query = ArchiveQuery { from, max, ..ArchiveQuery::default() };
    let page = store.archive_page(&jid("bob@localhost"), &query).await.unwrap();
    (page.entries.iter().map(|entry| entry.id).collect(), page.complete)
}

/// Reads forward until everything that `writer` wrote is there.
async fn forward(store: &Store, pages: &[usize], mut writer: impl AsyncFnMut() -> bool) -> Vec<StanzaId> {
    let (mut seen, mut from) = (Vec::new(), PageFrom::Start);
    for max in pages.iter().cycle() {
        let done = writer().await;
        let (ids, complete) = page(store, from, *max).await;
        seen.extend(ids);
        from = seen.last().map_or(PageFrom::Start, |last| PageFrom::After(*last));
        if done && complete {
            break;
        }
    }
    seen
}

async fn backward(store: &Store, pages: &[usize], from: PageFrom) -> Vec<StanzaId> {
    let (mut seen, mut from) = (Vec::new(), from);
    for max in pages.iter().cycle() {
        let (mut ids, complete) = page(store, from, *max).await;
        ids.append(&mut seen);
        seen = ids;
        match seen.first() {
            Some(first) if !complete => from = PageFrom::Before(*first),
            _ => break,
        }
    }
    seen
}

async fn run(store: &Store, plan: &Plan) {
    let mut written = Vec::new();
    let mut bursts = plan.bursts.iter().zip(&plan.jumps);
    let mut last = Seq(0);
    let seen = forward(store, &plan.pages, async || {
        let Some(((count, pause), jump)) = bursts.next() else {
            durable(store, last).await;
            return true;
        };
        for n in 0..*count {
            // Somebody else's entries lie between.
            append(store, "carol@localhost", 0);
            let (id, seq) = append(store, "bob@localhost", i64::from(*jump) * 1_000_000 + i64::from(n));
            written.push(id);
            last = seq;
        }
        tokio::time::sleep(Duration::from_millis(u64::from(*pause))).await;
        false
    })
    .await;
    assert_eq!(seen, written, "forward, while it was written");
    // Backward from the end: what comes meanwhile is behind it, and changes nothing.
    let (newest, _) = page(store, PageFrom::End, 1).await;
    for _ in 0..30 {
        append(store, "bob@localhost", 0);
    }
    let mut before = backward(store, &plan.pages, PageFrom::Before(newest[0])).await;
    before.extend(newest);
    assert_eq!(before, written, "backward, while it was written");
    // An id that was never kept means its place.
    let never = store.stanza_id();
    let (id, seq) = append(store, "bob@localhost", 0);
    durable(store, seq).await;
    assert_eq!(page(store, PageFrom::After(never), 10).await, (vec![id], true));
    let ids = backward(store, &plan.pages, PageFrom::Before(never)).await;
    assert_eq!(ids.len(), written.len() + 30);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_entry_is_seen_once(plan in plan()) {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        executor.block_on(async {
            let database = Database::lite();
            let store = database.open().await;
            run(&store, &plan).await;
            store.close().await;
        });
    }
}

async fn pages_are_exact_while_others_write(database: Database) {
    let store = database.open().await;
    let bursts = (0..20).map(|n| (1 + n * 7 % 39, n % 5)).collect();
    let jumps = (0..20).map(|n| if n % 2 == 0 { -100 } else { 100 }).collect();
    run(&store, &Plan { bursts, jumps, pages: vec![7, 1, 31] }).await;
    store.close().await;
}

async fn a_clock_that_went_back_is_gone_on_from(database: Database) {
    const NOW: i64 = 1_795_166_999_000_000;
    let mut written = Vec::new();
    let mut never = Vec::new();
    for now in [NOW, NOW - 86_400_000_000, NOW + 1] {
        let store = Store::open(&database.url(), &Runtime::simulated(1, Timestamp(now))).await.unwrap();
        never.push(store.stanza_id());
        for _ in 0..10 {
            let (id, seq) = append(&store, "bob@localhost", now);
            written.push(id);
            durable(&store, seq).await;
        }
        store.close().await;
    }
    assert!(written.is_sorted());
    let store = database.open().await;
    assert_eq!(backward(&store, &[7], PageFrom::End).await, written);
    for (round, never) in never.into_iter().enumerate() {
        assert_eq!(page(&store, PageFrom::After(never), 250).await.0, written[round * 10..], "round {round}");
        assert_eq!(
            backward(&store, &[7], PageFrom::Before(never)).await,
            written[..round * 10],
            "round {round}"
        );
    }
    store.close().await;
}
