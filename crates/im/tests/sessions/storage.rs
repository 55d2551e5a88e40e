//! A storage that fails: senders hear it, each message once, and nothing is acknowledged that is not kept.

use std::time::Duration;

use xmpp::Kind;

use crate::client::{Client, condition};
use crate::house::House;

/// Fills the storage with what bob is sent, until a message is refused at once; gives the number that were sent.
async fn fill(house: &House, ann: &mut Client<'_>) -> usize {
    house.store.limit_size(Some(FULL_AT_BYTES));
    let words = "x".repeat(4_000);
    for number in 0..1_000 {
        ann.send(&format!(
            "<message id='m{number}' to='bob@localhost' type='chat'><body>{words}</body></message>"
        ))
        .await;
        house.tick().await;
        if house.store.accepts().is_err() {
            return number + 1;
        }
    }
    panic!("the storage never failed");
}

/// Above what an empty house needs.
const FULL_AT_BYTES: u64 = 600_000;

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_kept_is_refused() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    ann.settle().await;
    fill(&house, &mut ann).await;
    for to in ["bob@localhost", "carol@localhost/nowhere"] {
        ann.send(&format!("<message id='late' to='{to}' type='chat'><body>late</body></message>")).await;
        let answer = ann.expect("an error", |stanza| stanza.id().as_deref() == Some("late")).await;
        assert_eq!(condition(&answer), "resource-constraint");
        assert_eq!(answer.from().as_deref(), Some(to));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_taken_and_is_not_kept_in_time_is_refused_once() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    ann.settle().await;
    let sent = fill(&house, &mut ann).await;
    let durable = house.store.durable().borrow().0;
    assert!(durable < i64::try_from(sent).expect("few"));
    house.pass(store::UNDURABLE_TIME_MAX + Duration::from_secs(1)).await;
    let mut refused: Vec<String> = ann
        .settle()
        .await
        .iter()
        .filter(|stanza| stanza.kind() == Kind::Message)
        .map(|stanza| {
            assert_eq!(condition(stanza), "resource-constraint");
            stanza.id().expect("its id").into_owned()
        })
        .collect();
    // Some were refused at once, the others when their time was up.
    refused.sort_by_key(|id| id[1..].parse::<usize>().expect("a number"));
    house.store.limit_size(None);
    house.pass(Duration::from_secs(2)).await;
    let owner = "bob@localhost".parse().expect("an address");
    let kept = house.wait(house.store.spool_count(&owner)).await.expect("a count");
    let kept = usize::try_from(kept).expect("a count");
    let expected: Vec<String> = (kept..sent).map(|number| format!("m{number}")).collect();
    assert_eq!(refused, expected, "{kept} of {sent} were kept");
}

#[tokio::test(start_paused = true)]
async fn a_stopping_house_refuses_what_it_cannot_keep_before_it_ends_the_stream() {
    let house = House::open().await;
    let mut ann = house.available("ann", "desk").await;
    ann.settle().await;
    let sent = fill(&house, &mut ann).await;
    house.runtime.stop();
    let last = format!("m{}", sent - 1);
    let answer = ann.expect("an error", |stanza| stanza.id().as_deref() == Some(&*last)).await;
    assert_eq!(condition(&answer), "resource-constraint");
    assert_eq!(ann.stream_error().await, "system-shutdown");
}
