//! What another server sends again because it did not hear that we have it: kept once, and seen once.

use std::time::Duration;

use store::ArchiveQuery;

use crate::house::House;
use crate::town::{A, B, Town};

/// Ann's server forgets that its last message went out, as in a crash, and starts again.
async fn forgetful(town: &Town, a: House) -> House {
    let last = *a.store.durable().borrow();
    let entry = a.wait(a.store.journal_entry(last)).await.expect("a journal").expect("the message to bob");
    assert_eq!(entry.owner.as_str(), B);
    let id = a.store.stanza_id();
    a.store.journal_append(store::Entry { id, spool: true, ..entry }).expect("room");
    a.pass(Duration::from_secs(1)).await;
    let a = a.again_with(town.config(A), town.identity(A)).await;
    town.open(&a).await;
    a.pass(Duration::from_secs(2)).await;
    assert_eq!(
        a.wait(a.store.spool_count(&B.parse().expect("a domain"))).await.expect("a count"),
        0,
        "it was acknowledged again"
    );
    a
}

async fn kept(b: &House) -> i64 {
    b.wait(b.store.archive_count(&"bob@b.example".parse().expect("an address"), &ArchiveQuery::default()))
        .await
        .expect("a count")
}

#[tokio::test(start_paused = true)]
async fn what_comes_again_is_neither_kept_nor_seen_again() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut bob = b.available("bob", "desk").await;
    {
        let mut ann = a.available("ann", "desk").await;
        ann.send(&format!("<message to='bob@{B}' type='chat' id='1'><body>once</body></message>")).await;
        assert_eq!(bob.body().await, "once");
        ann.settle().await;
    }
    let a = forgetful(&town, a).await;
    bob.hears_no_message().await;
    assert_eq!(kept(&b).await, 1);

    // Bob's server starts anew, too: what the journal has is known.
    drop(bob);
    let b = b.again_with(town.config(B), town.identity(B)).await;
    town.open(&b).await;
    let _a = forgetful(&town, a).await;
    let mut bob = b.available("bob", "desk").await;
    bob.hears_no_message().await;
    assert_eq!(kept(&b).await, 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_words_again_are_a_message_of_their_own() {
    let town = Town::new();
    let (a, b) = town.two().await;
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    for _ in 0..2 {
        ann.send(&format!("<message to='bob@{B}' type='chat' id='1'><body>again</body></message>")).await;
        assert_eq!(bob.body().await, "again");
    }
    assert_eq!(kept(&b).await, 2);
}
