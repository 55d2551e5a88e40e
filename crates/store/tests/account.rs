//! Whole accounts, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use bytes::Bytes;
use model::Timestamp;
use store::{
    Account, AccountNode, AccountsAdded, ArchiveDefault, ArchivePreference, Error, LastActivity, PubsubItem,
    RosterItem, ScramRecord, Subscription, SubscriptionRequest,
};
use support::{Database, cases, jid, scram, user};

cases! {
    an_account_is_read_as_it_was_added,
    what_is_there_stays_as_it_is,
    a_trial_tells_and_keeps_nothing,
    the_mechanisms_of_all_are_those_that_nobody_lacks,
    two_thousand_accounts_are_added_quickly,
}

const AT: Timestamp = Timestamp(1_795_166_999_000_000);

fn item(id: &str) -> PubsubItem {
    let payload = Bytes::from(format!("<x xmlns='urn:x'>{id} ✓</x>"));
    PubsubItem { id: id.to_owned(), publisher: "ann@localhost".to_owned(), at: AT, payload }
}

fn account(name: &str) -> Account {
    let contact = RosterItem {
        name: "Bob".to_owned(),
        subscription: Subscription::Both,
        groups: vec!["Friends".to_owned(), "\"Work\", it's".to_owned()],
        ..RosterItem::new(jid("bob@localhost"))
    };
    let stanza = Bytes::from_static(b"<presence type='subscribe'/>");
    Account {
        scram: vec![scram(3)],
        roster: vec![contact, RosterItem { ask: true, ..RosterItem::new(jid("carol@localhost")) }],
        requests: vec![SubscriptionRequest { contact: jid("eve@example.org"), stanza, at: AT }],
        documents: vec![
            (
                "vcard-temp".to_owned(),
                Bytes::from_static("<vCard xmlns='vcard-temp'><FN>Änn</FN></vCard>".as_bytes()),
            ),
            ("{a}b".to_owned(), Bytes::from_static(b"<b xmlns='a'/>")),
        ],
        blocked: vec!["eve@x/y".parse().unwrap(), "spam.example".parse().unwrap()],
        nodes: vec![AccountNode {
            node: "urn:xmpp:bookmarks:1".to_owned(),
            config: "{\"access\":\"whitelist\"}".to_owned(),
            items: vec![item("first"), item("second")],
        }],
        preference: Some(ArchivePreference {
            otherwise: ArchiveDefault::Roster,
            always: BTreeSet::from([jid("bob@localhost")]),
            never: BTreeSet::new(),
        }),
        last_activity: Some(LastActivity { at: AT, status: "gone".to_owned() }),
        ..Account::new(jid(&format!("{name}@localhost")), name.to_uppercase())
    }
}

async fn an_account_is_read_as_it_was_added(database: Database) {
    let store = database.open().await;
    let ann = Account { enabled: false, ..account("ann") };
    let added = store.accounts_add(vec![ann.clone()], false).await.unwrap();
    let expected = AccountsAdded {
        users: 1,
        passwords: 1,
        contacts: 2,
        requests: 1,
        documents: 2,
        blocked: 2,
        nodes: 1,
        items: 2,
        preferences: 1,
        activities: 1,
    };
    assert_eq!(added, expected);
    assert_eq!(store.account(&ann.jid).await.unwrap(), Some(ann.clone()));
    assert_eq!(store.account(&jid("bob@localhost")).await.unwrap(), None);
    assert_eq!(store.roster(&ann.jid).await.unwrap().version, 1);
    // Once more adds nothing.
    assert_eq!(store.accounts_add(vec![ann.clone()], false).await.unwrap(), AccountsAdded::default());
    assert_eq!(store.account(&ann.jid).await.unwrap(), Some(ann));
    store.close().await;
}

async fn what_is_there_stays_as_it_is(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let ann = jid("ann@localhost");
    let known = RosterItem { name: "Robert".to_owned(), ..RosterItem::new(jid("bob@localhost")) };
    store.roster_put(&ann, known.clone()).await.unwrap();
    store.roster_put(&ann, RosterItem::new(jid("carol@localhost"))).await.unwrap();
    store.roster_remove(&ann, &jid("carol@localhost")).await.unwrap();
    store.pubsub_publish("ann@localhost", "urn:xmpp:bookmarks:1", "{}", item("own"), 10).await.unwrap();

    let added = store.accounts_add(vec![account("ann")], false).await.unwrap();
    assert_eq!((added.users, added.passwords, added.contacts, added.nodes, added.items), (0, 0, 0, 0, 0));
    assert_eq!((added.documents, added.blocked), (2, 2));
    let kept = store.account(&ann).await.unwrap().unwrap();
    assert_eq!(kept.scram, [scram(1)]);
    assert_eq!(kept.roster, [known]);
    assert_eq!(kept.nodes[0].items, [item("own")]);

    let dave = RosterItem::new(jid("dave@localhost"));
    let more = Account { roster: vec![dave.clone()], ..Account::new(ann.clone(), String::new()) };
    let before = store.roster(&ann).await.unwrap().version;
    assert_eq!(store.accounts_add(vec![more], false).await.unwrap().contacts, 1);
    assert_eq!(store.roster(&ann).await.unwrap().version, before + 1);
    let changes = store.roster_since(&ann, before).await.unwrap().unwrap();
    assert_eq!(changes, [store::RosterChange::Put { version: before + 1, item: dave }]);
    store.close().await;
}

async fn a_trial_tells_and_keeps_nothing(database: Database) {
    let store = database.open().await;
    let accounts = || vec![account("ann"), account("bob")];
    let tried = store.accounts_add(accounts(), true).await.unwrap();
    assert_eq!((tried.users, tried.contacts, tried.items), (2, 4, 4));
    assert_eq!(store.user_count().await.unwrap(), 0);
    assert_eq!(store.accounts_add(accounts(), false).await.unwrap(), tried);
    let full = Account { roster: vec![RosterItem::new(jid("x@y")); 1_001], ..account("carol") };
    assert!(matches!(store.accounts_add(vec![full], false).await, Err(Error::Limit { .. })));
    store.close().await;
}

async fn the_mechanisms_of_all_are_those_that_nobody_lacks(database: Database) {
    let store = database.open().await;
    let record = |mechanism: &str| ScramRecord { mechanism: mechanism.to_owned(), ..scram(1) };
    assert_eq!(store.mechanisms_of_all().await.unwrap(), None);
    let both = vec![record("SCRAM-SHA-1"), record("SCRAM-SHA-256")];
    let add = |name: &str, scram: Vec<ScramRecord>| {
        vec![Account { scram, ..Account::new(jid(&format!("{name}@localhost")), String::new()) }]
    };
    store.accounts_add(add("ann", both), false).await.unwrap();
    store.accounts_add(add("nobody", vec![]), false).await.unwrap();
    let all = || async { store.mechanisms_of_all().await.unwrap().unwrap() };
    assert_eq!(all().await, ["SCRAM-SHA-1", "SCRAM-SHA-256"]);
    store.accounts_add(add("bob", vec![record("SCRAM-SHA-1")]), false).await.unwrap();
    assert_eq!(all().await, ["SCRAM-SHA-1"]);
    let without = store.users_without("SCRAM-SHA-256").await.unwrap();
    assert_eq!(without, [jid("bob@localhost"), jid("nobody@localhost")]);
    // Who cannot sign in keeps nobody back.
    store.user_set_enabled(&jid("bob@localhost"), false).await.unwrap();
    assert_eq!(all().await, ["SCRAM-SHA-1", "SCRAM-SHA-256"]);
    store.close().await;
}

async fn two_thousand_accounts_are_added_quickly(database: Database) {
    let store = database.open().await;
    let runtime = runtime::Runtime::real();
    let began = runtime.now();
    for part in 0..10 {
        let accounts = (0..200).map(|number| account(&format!("user{part}x{number}"))).collect();
        assert_eq!(store.accounts_add(accounts, false).await.unwrap().users, 200);
    }
    // A tenth of what is promised for ten thousand in a minute, with room for a loaded machine.
    let took = runtime.now().duration_since(began);
    assert!(took.as_secs() < 12, "{took:?}");
    store.close().await;
}
