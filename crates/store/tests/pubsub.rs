//! What PubSub, users' documents, blocked addresses and rooms promise, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::Timestamp;
use store::{
    ArchiveQuery, Archives, Error, KeptSize, PUBSUB_NODES_MAX, PubsubItem, PubsubPage, PubsubSubscription,
    ROOM_AFFILIATIONS_MAX, Room, Store,
};
use support::{Database, cases, durable, entry, jid, user};

cases! {
    a_node_is_made_once_and_configured_anew,
    a_service_has_a_limited_number_of_nodes,
    publishing_makes_the_node_and_drops_the_oldest,
    an_item_published_again_is_the_newest,
    what_is_kept_at_a_service_and_at_a_node_is_counted,
    pages_of_items_follow_each_other,
    a_purge_leaves_the_node_and_a_removal_takes_all,
    newest_items_of_several_services_are_found_at_once,
    affiliations_are_put_changed_and_taken_away,
    subscriptions_are_kept_by_address_and_found_by_person,
    what_a_removed_user_had_at_nodes_goes,
    state_outlives_a_restart,
    documents_of_a_user_are_kept_by_kind,
    blocked_addresses_are_a_list_for_each_user,
    rooms_are_kept_with_their_affiliations,
    a_forgotten_room_takes_its_archive_along,
}

const SERVICE: &str = "pubsub.localhost";

fn item(id: &str, text: &str) -> PubsubItem {
    PubsubItem {
        id: id.to_owned(),
        publisher: "ann@localhost".to_owned(),
        at: Timestamp(1_000),
        payload: Bytes::from(format!("<a xmlns='urn:a'>{text}</a>")),
    }
}

async fn publish(store: &Store, node: &str, ids: &[&str], max: usize) {
    for id in ids {
        store.pubsub_publish(SERVICE, node, "{}", item(id, id), max).await.unwrap();
    }
}

async fn what_is_kept_at_a_service_and_at_a_node_is_counted(database: Database) {
    let store = database.open().await;
    assert_eq!(store.pubsub_size(SERVICE, None).await.unwrap(), KeptSize::default());
    publish(&store, "one", &["a", "bb"], 10).await;
    publish(&store, "two", &["ccc"], 10).await;
    publish(&store, "one", &["a"], 10).await;
    let bytes = |text: &str| item("x", text).payload.len() as u64;
    let one = KeptSize { entries: 2, bytes: bytes("a") + bytes("bb") };
    assert_eq!(store.pubsub_size(SERVICE, Some("one")).await.unwrap(), one);
    let all = KeptSize { entries: 3, bytes: one.bytes + bytes("ccc") };
    assert_eq!(store.pubsub_size(SERVICE, None).await.unwrap(), all);
}

fn names(items: &[PubsubItem]) -> Vec<&str> {
    items.iter().map(|item| item.id.as_str()).collect()
}

fn subscription(node: &str, address: &str, state: &str) -> PubsubSubscription {
    PubsubSubscription {
        node: node.to_owned(),
        jid: address.to_owned(),
        subscriber: jid(address.split('/').next().unwrap()),
        state: state.to_owned(),
        options: "{}".to_owned(),
    }
}

async fn a_node_is_made_once_and_configured_anew(database: Database) {
    let store = database.open().await;
    let ann = jid("ann@localhost");
    assert!(store.pubsub_node_create(SERVICE, "n", "{1}", Some(&ann), 9).await.unwrap());
    assert!(!store.pubsub_node_create(SERVICE, "n", "{2}", None, 9).await.unwrap());
    assert_eq!(store.pubsub_node(SERVICE, "n").await.unwrap().as_deref(), Some("{1}"));
    assert_eq!(store.pubsub_affiliation(SERVICE, "n", &ann).await.unwrap().as_deref(), Some("owner"));
    assert_eq!(store.pubsub_nodes_owned(SERVICE, &ann).await.unwrap(), 1);
    store.pubsub_node_put(SERVICE, "n", "{3}").await.unwrap();
    assert_eq!(store.pubsub_nodes(SERVICE).await.unwrap(), [("n".to_owned(), "{3}".to_owned())]);
    assert_eq!(store.pubsub_node("ann@localhost", "n").await.unwrap(), None);
    store.close().await;
}

async fn a_service_has_a_limited_number_of_nodes(database: Database) {
    let store = database.open().await;
    for node in ["a", "b", "c"] {
        assert!(store.pubsub_node_create(SERVICE, node, "{}", None, 3).await.unwrap());
    }
    let refused = store.pubsub_node_create(SERVICE, "d", "{}", None, 3).await;
    assert!(matches!(refused, Err(Error::Limit { max: 3, .. })), "{refused:?}");
    assert!(!store.pubsub_node_create(SERVICE, "a", "{}", None, 3).await.unwrap(), "known ones are found");
    let next = store.pubsub_nodes_after(SERVICE, "a", 1).await.unwrap();
    assert_eq!(next, [("b".to_owned(), "{}".to_owned())]);
    for n in 0..PUBSUB_NODES_MAX {
        store.pubsub_node_put("bob@localhost", &format!("n{n}"), "{}").await.unwrap();
    }
    let refused = store.pubsub_publish("bob@localhost", "one more", "{}", item("1", ""), 1).await;
    assert!(matches!(refused, Err(Error::Limit { .. })), "{refused:?}");
    assert_eq!(store.pubsub_item("bob@localhost", "one more", "1").await.unwrap(), None);
    store.close().await;
}

async fn publishing_makes_the_node_and_drops_the_oldest(database: Database) {
    let store = database.open().await;
    publish(&store, "n", &["1", "2", "3", "4"], 3).await;
    let newest_first = store.pubsub_items(SERVICE, "n", 10).await.unwrap();
    assert_eq!(names(&newest_first), ["4", "3", "2"]);
    assert_eq!(store.pubsub_item(SERVICE, "n", "4").await.unwrap(), Some(item("4", "4")));
    assert_eq!(store.pubsub_item(SERVICE, "n", "1").await.unwrap(), None);
    assert_eq!(store.pubsub_prune(SERVICE, "n", 2).await.unwrap(), 1);
    assert_eq!(names(&store.pubsub_items(SERVICE, "n", 10).await.unwrap()), ["4", "3"]);
    assert!(store.pubsub_retract(SERVICE, "n", "4").await.unwrap());
    assert!(!store.pubsub_retract(SERVICE, "n", "4").await.unwrap());
    store.close().await;
}

async fn an_item_published_again_is_the_newest(database: Database) {
    let store = database.open().await;
    publish(&store, "n", &["1", "2", "1"], 10).await;
    assert_eq!(names(&store.pubsub_items(SERVICE, "n", 10).await.unwrap()), ["1", "2"]);
    store.close().await;
}

async fn pages_of_items_follow_each_other(database: Database) {
    let store = database.open().await;
    publish(&store, "n", &["1", "2", "3", "4", "5"], 10).await;
    for (page, max, expected, index) in [
        (PubsubPage::From(0), 2, vec!["1", "2"], 0),
        (PubsubPage::After("2".to_owned()), 2, vec!["3", "4"], 2),
        (PubsubPage::After("5".to_owned()), 2, vec![], 0),
        (PubsubPage::Before(None), 2, vec!["4", "5"], 3),
        (PubsubPage::Before(Some("4".to_owned())), 2, vec!["2", "3"], 1),
        (PubsubPage::From(4), 9, vec!["5"], 4),
        (PubsubPage::From(0), 0, vec![], 0),
    ] {
        let found = store.pubsub_page(SERVICE, "n", &page, max).await.unwrap().unwrap();
        assert_eq!((names(&found.items), found.index, found.count), (expected, index, 5), "{page:?}");
    }
    let nowhere = PubsubPage::After("9".to_owned());
    assert_eq!(store.pubsub_page(SERVICE, "n", &nowhere, 2).await.unwrap(), None);
    store.close().await;
}

async fn a_purge_leaves_the_node_and_a_removal_takes_all(database: Database) {
    let store = database.open().await;
    let ann = jid("ann@localhost");
    store.pubsub_node_create(SERVICE, "n", "{}", Some(&ann), 9).await.unwrap();
    store.pubsub_subscription_put(SERVICE, subscription("n", "bob@localhost", "subscribed")).await.unwrap();
    publish(&store, "n", &["1", "2"], 10).await;
    assert_eq!(store.pubsub_purge(SERVICE, "n").await.unwrap(), 2);
    assert!(store.pubsub_node(SERVICE, "n").await.unwrap().is_some());
    publish(&store, "n", &["3"], 10).await;
    assert!(store.pubsub_node_remove(SERVICE, "n").await.unwrap());
    assert!(!store.pubsub_node_remove(SERVICE, "n").await.unwrap());
    assert_eq!(store.pubsub_items(SERVICE, "n", 10).await.unwrap(), []);
    assert_eq!(store.pubsub_affiliations(SERVICE, "n").await.unwrap(), []);
    assert_eq!(store.pubsub_subscriptions(SERVICE, "n").await.unwrap(), []);
    store.close().await;
}

async fn newest_items_of_several_services_are_found_at_once(database: Database) {
    let store = database.open().await;
    for (service, node, id) in [("a@x", "n", "1"), ("a@x", "n", "2"), ("b@x", "n", "3"), ("b@x", "m", "4")] {
        store.pubsub_publish(service, node, "{}", item(id, id), 5).await.unwrap();
    }
    let newest = store.pubsub_newest(&["a@x", "b@x", "c@x"], &["n"]).await.unwrap();
    let found: Vec<_> = newest.iter().map(|n| (n.service.as_str(), n.item.id.as_str())).collect();
    assert_eq!(found, [("a@x", "2"), ("b@x", "3")]);
    store.close().await;
}

async fn affiliations_are_put_changed_and_taken_away(database: Database) {
    let store = database.open().await;
    let (ann, bob) = (jid("ann@localhost"), jid("bob@elsewhere"));
    store.pubsub_node_create(SERVICE, "n", "{}", Some(&ann), 9).await.unwrap();
    let put = |changes| store.pubsub_affiliations_put(SERVICE, "n", changes);
    put(vec![(bob.clone(), Some("publisher".to_owned()))]).await.unwrap();
    let owner = ("owner".to_owned(), "publisher".to_owned());
    let all = store.pubsub_affiliations(SERVICE, "n").await.unwrap();
    assert_eq!(all, [(ann.clone(), owner.0), (bob.clone(), owner.1.clone())]);
    let of_bob = store.pubsub_affiliations_of(SERVICE, &bob).await.unwrap();
    assert_eq!(of_bob, [("n".to_owned(), owner.1)]);
    put(vec![(bob.clone(), Some("outcast".to_owned())), (ann.clone(), None)]).await.unwrap();
    assert_eq!(store.pubsub_affiliation(SERVICE, "n", &ann).await.unwrap(), None);
    assert_eq!(store.pubsub_affiliation(SERVICE, "n", &bob).await.unwrap().as_deref(), Some("outcast"));
    let nowhere = vec![(bob.clone(), Some("member".to_owned()))];
    assert!(store.pubsub_affiliations_put(SERVICE, "nowhere", nowhere).await.is_err());
    store.close().await;
}

async fn subscriptions_are_kept_by_address_and_found_by_person(database: Database) {
    let store = database.open().await;
    for node in ["m", "n"] {
        store.pubsub_node_create(SERVICE, node, "{}", None, 9).await.unwrap();
    }
    let bob = jid("bob@localhost");
    let all = [
        subscription("m", "bob@localhost", "subscribed"),
        subscription("n", "bob@localhost/desk", "pending"),
        subscription("n", "carol@localhost", "subscribed"),
    ];
    for one in &all {
        store.pubsub_subscription_put(SERVICE, one.clone()).await.unwrap();
    }
    assert_eq!(store.pubsub_subscriptions(SERVICE, "n").await.unwrap(), all[1..]);
    assert_eq!(store.pubsub_subscriptions_of(SERVICE, &bob, None).await.unwrap(), all[..2]);
    assert_eq!(store.pubsub_subscriptions_of(SERVICE, &bob, Some("n")).await.unwrap(), all[1..2]);
    let granted = PubsubSubscription { state: "subscribed".to_owned(), ..all[1].clone() };
    store.pubsub_subscription_put(SERVICE, granted.clone()).await.unwrap();
    assert_eq!(store.pubsub_subscriptions_of(SERVICE, &bob, Some("n")).await.unwrap(), [granted]);
    assert!(store.pubsub_unsubscribe(SERVICE, "m", "bob@localhost").await.unwrap());
    assert!(!store.pubsub_unsubscribe(SERVICE, "m", "bob@localhost").await.unwrap());
    assert_eq!(store.pubsub_unsubscribe_all(SERVICE, "n", &bob).await.unwrap(), 1);
    assert_eq!(store.pubsub_subscriptions(SERVICE, "n").await.unwrap(), all[2..]);
    store.close().await;
}

async fn what_a_removed_user_had_at_nodes_goes(database: Database) {
    let store = database.open().await;
    store.user_add(user("bob")).await.unwrap();
    let bob = jid("bob@localhost");
    store.pubsub_node_create(SERVICE, "n", "{}", Some(&bob), 9).await.unwrap();
    store.pubsub_node_create("bob@localhost", "own", "{}", None, 9).await.unwrap();
    store
        .pubsub_subscription_put(SERVICE, subscription("n", "bob@localhost/desk", "subscribed"))
        .await
        .unwrap();
    store.user_remove(&bob).await.unwrap();
    assert_eq!(store.pubsub_nodes("bob@localhost").await.unwrap(), []);
    assert_eq!(store.pubsub_affiliations(SERVICE, "n").await.unwrap(), []);
    assert_eq!(store.pubsub_subscriptions(SERVICE, "n").await.unwrap(), []);
    assert!(store.pubsub_node(SERVICE, "n").await.unwrap().is_some(), "the node of the organisation stays");
    store.close().await;
}

async fn state_outlives_a_restart(database: Database) {
    let store = database.open().await;
    let ann = jid("ann@localhost");
    store.pubsub_node_create(SERVICE, "n", "{7}", Some(&ann), 9).await.unwrap();
    publish(&store, "n", &["1", "2"], 10).await;
    let one = subscription("n", "bob@elsewhere/desk", "subscribed");
    store.pubsub_subscription_put(SERVICE, one.clone()).await.unwrap();
    store.close().await;
    let store = database.open().await;
    assert_eq!(store.pubsub_node(SERVICE, "n").await.unwrap().as_deref(), Some("{7}"));
    assert_eq!(names(&store.pubsub_items(SERVICE, "n", 10).await.unwrap()), ["2", "1"]);
    assert_eq!(store.pubsub_subscriptions(SERVICE, "n").await.unwrap(), [one]);
    assert_eq!(store.pubsub_affiliation(SERVICE, "n", &ann).await.unwrap().as_deref(), Some("owner"));
    store.close().await;
}

async fn documents_of_a_user_are_kept_by_kind(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let ann = jid("ann@localhost");
    assert_eq!(store.user_document(&ann, "vcard-temp").await.unwrap(), None);
    for content in ["<a/>", "<b/>"] {
        store.user_document_put(&ann, "vcard-temp", Bytes::from(content)).await.unwrap();
    }
    store.user_document_put(&ann, "{storage:bookmarks}storage", Bytes::from("<c/>")).await.unwrap();
    assert_eq!(store.user_document(&ann, "vcard-temp").await.unwrap(), Some(Bytes::from("<b/>")));
    assert_eq!(store.user_document(&jid("bob@localhost"), "vcard-temp").await.unwrap(), None);
    store.user_remove(&ann).await.unwrap();
    assert_eq!(store.user_document(&ann, "vcard-temp").await.unwrap(), None);
    store.close().await;
}

async fn blocked_addresses_are_a_list_for_each_user(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let ann = jid("ann@localhost");
    let set = |list: &[&str]| list.iter().map(|jid| jid.parse().unwrap()).collect::<BTreeSet<model::Jid>>();
    let three = set(&["bob@localhost", "elsewhere", "carol@localhost/desk"]);
    store.blocked_change(&ann, three, set(&[])).await.unwrap();
    let of_ann = store.blocked().await.unwrap();
    assert_eq!(of_ann.len(), 3);
    assert!(of_ann.iter().all(|(owner, _)| *owner == ann));
    let two = set(&["bob@localhost", "carol@localhost/desk"]);
    store.blocked_change(&ann, set(&["elsewhere", "carol@localhost"]), two).await.unwrap();
    let left: BTreeSet<_> = store.blocked().await.unwrap().into_iter().map(|(_, address)| address).collect();
    assert_eq!(left, set(&["carol@localhost", "elsewhere"]));
    let many = (0..=store::BLOCKED_MAX).map(|n| format!("u{n}@x").parse().unwrap()).collect();
    let refused = store.blocked_change(&ann, many, set(&["elsewhere"])).await;
    assert!(matches!(refused, Err(Error::Limit { .. })), "{refused:?}");
    assert_eq!(store.blocked().await.unwrap().len(), 2, "all or none");
    store.user_remove(&ann).await.unwrap();
    assert_eq!(store.blocked().await.unwrap(), []);
    store.close().await;
}

fn room(name: &str) -> Room {
    Room {
        jid: jid(&format!("{name}@conference.localhost")),
        config: "{}".to_owned(),
        subject: Bytes::from("<message/>"),
        secret: vec![7; 32],
        affiliations: BTreeMap::from([
            (jid("ann@localhost"), "owner".to_owned()),
            (jid("bob@localhost"), "member".to_owned()),
        ]),
    }
}

async fn rooms_are_kept_with_their_affiliations(database: Database) {
    let store = database.open().await;
    let (mut hall, ball) = (room("hall"), room("ball"));
    store.room_put(hall.clone()).await.unwrap();
    store.room_put(ball.clone()).await.unwrap();
    assert_eq!(store.rooms().await.unwrap(), [ball.clone(), hall.clone()]);
    hall.affiliations.remove(&jid("bob@localhost"));
    hall.config = "{1}".to_owned();
    store.room_put(hall.clone()).await.unwrap();
    store.close().await;
    let store = database.open().await;
    assert_eq!(store.rooms().await.unwrap(), [ball, hall.clone()]);
    let many = (0..=ROOM_AFFILIATIONS_MAX).map(|n| (jid(&format!("u{n}@x")), "member".to_owned()));
    hall.affiliations = many.collect();
    assert!(matches!(store.room_put(hall).await, Err(Error::Limit { .. })));
    store.close().await;
}

async fn a_forgotten_room_takes_its_archive_along(database: Database) {
    let store = database.open().await;
    let hall = room("hall");
    store.room_put(hall.clone()).await.unwrap();
    let mut said = entry(&store, hall.jid.as_str(), "hello");
    said.archives = Archives { owner: true, sender: false };
    said.spool = false;
    let seq = store.journal_append(said).unwrap();
    durable(&store, seq).await;
    let query = ArchiveQuery { max: 10, ..ArchiveQuery::default() };
    assert_eq!(store.archive_page(&hall.jid, &query).await.unwrap().entries.len(), 1);
    store.room_forget(&hall.jid).await.unwrap();
    assert_eq!(store.rooms().await.unwrap(), []);
    assert_eq!(store.archive_page(&hall.jid, &query).await.unwrap().entries.len(), 1, "what was said stays");
    store.room_put(hall.clone()).await.unwrap();
    store.room_remove(&hall.jid).await.unwrap();
    assert_eq!(store.rooms().await.unwrap(), []);
    assert_eq!(store.archive_page(&hall.jid, &query).await.unwrap().entries.len(), 0);
    store.close().await;
}
