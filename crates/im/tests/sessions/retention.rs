//! Archives forget what is too old, in users' and rooms' archives apart, and nothing that still waits for its reader.

use std::time::Duration;

use im::{Policies, Retention};
use model::BareJid;
use store::ArchiveQuery;

use crate::house::House;

const HOUR: Duration = Duration::from_secs(3_600);
/// How long what is too old may stay at most, in quarters of an hour.
const QUARTERS_MAX: usize = 60;

async fn count(house: &House, owner: &str) -> i64 {
    let owner: BareJid = owner.parse().expect("an address");
    house.wait(house.store.archive_count(&owner, &ArchiveQuery::default())).await.expect("a count")
}

/// Time passes until an archive has forgotten everything. What is looked through in one look is read in real time, so
/// that on a busy machine a look may end only when the clock has gone far on.
async fn forgotten(house: &House, owner: &str) {
    for _ in 0..QUARTERS_MAX {
        house.pass(HOUR / 4).await;
        if count(house, owner).await == 0 {
            return;
        }
    }
    panic!("{owner} has forgotten nothing");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_goes_and_what_waits_stays() {
    let house = House::configured(|config| {
        config.policies =
            Policies { retention: Retention { users: Some(HOUR), rooms: None }, ..Policies::default() };
    })
    .await;
    let mut ann = house.bound("ann", "desk").await;
    ann.send(
        "<presence to='hall@conference.localhost/ann'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
    )
    .await;
    let open = "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>\
                <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>\
                <field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query>";
    ann.ask("o", &format!("<iq type='set' id='o' to='hall@conference.localhost'>{open}</iq>")).await;
    ann.send("<message to='hall@conference.localhost' type='groupchat'><body>in the hall</body></message>")
        .await;
    ann.send("<message to='bob@localhost' type='chat'><body>old</body></message>").await;
    ann.settle().await;
    for owner in ["ann@localhost", "bob@localhost", "hall@conference.localhost"] {
        assert_eq!(count(&house, owner).await, 1, "{owner}");
    }
    house.pass(HOUR / 2).await;
    assert_eq!(count(&house, "ann@localhost").await, 1);
    for owner in ["ann@localhost", "bob@localhost"] {
        forgotten(&house, owner).await;
    }
    assert_eq!(count(&house, "hall@conference.localhost").await, 1, "rooms keep it for ever");
    drop(ann);
    let bobs = house.wait(house.store.spool_count(&"bob@localhost".parse().expect("an address"))).await;
    assert_eq!(bobs.expect("a count"), 1, "it still waits");
    let mut bob = house.bound("bob", "desk").await;
    bob.send("<presence/>").await;
    assert_eq!(bob.body().await, "old", "it had not been delivered");
    bob.settle().await;
    // Decided anew while it runs.
    house.im.set_policies(Policies {
        retention: Retention { users: None, rooms: Some(HOUR) },
        ..Policies::default()
    });
    forgotten(&house, "hall@conference.localhost").await;
    let mut kept = i64::MAX;
    for _ in 0..QUARTERS_MAX {
        kept = house.wait(house.store.journal_count()).await.expect("a count");
        if kept <= 1 {
            break;
        }
        house.pass(HOUR / 4).await;
    }
    assert!(kept <= 1, "the journal keeps the place of the last one only: {kept}");
}
