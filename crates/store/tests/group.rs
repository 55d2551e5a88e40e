//! Groups of people and what they do to rosters, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use store::{Error, RosterItem, SHARED_GROUP_MEMBERS_MAX, Store, Subscription};
use support::{Database, cases, jid, user};

cases! {
    members_of_a_shared_group_stand_in_each_others_rosters,
    what_a_user_keeps_of_a_colleague_stays_when_the_group_goes,
    a_large_group_is_in_no_roster,
    a_change_of_a_group_gives_rosters_a_new_version,
    who_is_removed_leaves_the_groups,
    mistakes_are_told_and_change_nothing,
}

async fn house(database: &Database) -> Store {
    let store = database.open().await;
    store.users_import(["ann", "bob", "carol"].map(user).to_vec()).await.unwrap();
    store
}

/// ann's and bob's team.
async fn team(store: &Store, shared: bool) {
    store.group_add("Team", shared).await.unwrap();
    store.group_member_add("Team", &[jid("ann@localhost"), jid("bob@localhost")]).await.unwrap();
}

async fn contacts(store: &Store, user: &str) -> Vec<(String, Subscription, Vec<String>)> {
    let items = store.roster(&jid(user)).await.unwrap().items.into_iter();
    items.map(|item| (item.contact.to_string(), item.subscription, item.groups)).collect()
}

async fn members_of_a_shared_group_stand_in_each_others_rosters(database: Database) {
    let store = house(&database).await;
    team(&store, false).await;
    assert!(contacts(&store, "ann@localhost").await.is_empty(), "not shared yet");
    store.group_set_shared("Team", true).await.unwrap();
    let expected = [("bob@localhost".to_owned(), Subscription::Both, vec!["Team".to_owned()])];
    assert_eq!(contacts(&store, "ann@localhost").await, expected);
    let item = store.roster_item(&jid("bob@localhost"), &jid("ann@localhost")).await.unwrap().unwrap();
    assert_eq!((item.name.as_str(), item.subscription), ("ANN", Subscription::Both));
    assert!(contacts(&store, "carol@localhost").await.is_empty());
    assert_eq!(store.groups_of(&jid("bob@localhost")).await.unwrap(), ["Team"]);
    assert!(store.groups_of(&jid("carol@localhost")).await.unwrap().is_empty());
    let watching = store.rosters_with(&jid("ann@localhost")).await.unwrap();
    assert_eq!(watching, [(jid("bob@localhost"), Subscription::Both)]);
    store.close().await;
    let store = database.open().await;
    assert_eq!(contacts(&store, "ann@localhost").await, expected, "after a restart");
    store.group_member_remove("Team", &[jid("bob@localhost")]).await.unwrap();
    assert!(contacts(&store, "ann@localhost").await.is_empty());
    store.close().await;
}

async fn what_a_user_keeps_of_a_colleague_stays_when_the_group_goes(database: Database) {
    let store = house(&database).await;
    let (ann, bob) = (jid("ann@localhost"), jid("bob@localhost"));
    let before = RosterItem { subscription: Subscription::To, ..RosterItem::new(bob.clone()) };
    store.roster_put(&ann, before).await.unwrap();
    team(&store, true).await;
    let mut item = store.roster_item(&ann, &bob).await.unwrap().unwrap();
    item.name = "Bobby".to_owned();
    item.groups = vec!["Team".to_owned(), "Friends".to_owned()];
    store.roster_put(&ann, item).await.unwrap();
    let both = ["Friends".to_owned(), "Team".to_owned()];
    assert_eq!(contacts(&store, "ann@localhost").await[0].2, both);
    store.group_remove("Team").await.unwrap();
    let left = store.roster_item(&ann, &bob).await.unwrap().unwrap();
    assert_eq!((left.name.as_str(), left.subscription), ("Bobby", Subscription::To));
    assert_eq!(left.groups, ["Friends"]);
    assert!(contacts(&store, "bob@localhost").await.is_empty());
    store.close().await;
}

async fn a_large_group_is_in_no_roster(database: Database) {
    let store = database.open().await;
    let names: Vec<String> = (0..=SHARED_GROUP_MEMBERS_MAX).map(|n| format!("user{n}")).collect();
    store.users_import(names.iter().map(|name| user(name)).collect()).await.unwrap();
    store.group_add("All", true).await.unwrap();
    let all: Vec<_> = names.iter().map(|name| jid(&format!("{name}@localhost"))).collect();
    store.group_member_add("All", &all[1..]).await.unwrap();
    assert_eq!(contacts(&store, "user1@localhost").await.len(), SHARED_GROUP_MEMBERS_MAX - 1);
    store.group_member_add("All", &all[..1]).await.unwrap();
    assert!(contacts(&store, "user1@localhost").await.is_empty());
    assert_eq!(store.groups().await.unwrap()[0].members.len(), SHARED_GROUP_MEMBERS_MAX + 1);
    store.close().await;
}

async fn a_change_of_a_group_gives_rosters_a_new_version(database: Database) {
    let store = house(&database).await;
    let (ann, carol) = (jid("ann@localhost"), jid("carol@localhost"));
    let before = store.roster(&ann).await.unwrap().version;
    let carols = store.roster(&carol).await.unwrap().version;
    team(&store, true).await;
    let after = store.roster(&ann).await.unwrap().version;
    assert!(after > before);
    assert_eq!(store.roster_since(&ann, before).await.unwrap(), None, "the whole is to be fetched");
    assert_eq!(store.roster_since(&ann, after).await.unwrap(), Some(vec![]));
    assert_eq!(store.roster(&carol).await.unwrap().version, carols);
    store.close().await;
}

async fn who_is_removed_leaves_the_groups(database: Database) {
    let store = house(&database).await;
    team(&store, true).await;
    store.user_remove(&jid("bob@localhost")).await.unwrap();
    assert!(contacts(&store, "ann@localhost").await.is_empty());
    assert_eq!(store.groups().await.unwrap()[0].members.len(), 1);
    store.close().await;
}

async fn mistakes_are_told_and_change_nothing(database: Database) {
    let store = house(&database).await;
    team(&store, true).await;
    let refused = store.group_add("Team", false).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let unknown = store.group_member_add("Team", &[jid("carol@localhost"), jid("dora@localhost")]).await;
    assert!(matches!(unknown, Err(Error::NotFound(_))), "{unknown:?}");
    assert_eq!(store.groups().await.unwrap()[0].members.len(), 2);
    for missing in [
        store.group_set_shared("Crew", true).await,
        store.group_remove("Crew").await,
        store.group_member_add("Crew", &[]).await,
        store.group_member_remove("Team", &[jid("carol@localhost")]).await,
    ] {
        assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
    }
    store.close().await;
}
