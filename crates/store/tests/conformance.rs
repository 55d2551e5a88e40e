//! What the store promises, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use model::{LineId, Number, Timestamp};
use store::{
    Binding, Conflict, Error, LastActivity, ROSTER_ITEMS_MAX, ROSTER_REMOVALS_KEPT, RosterChange, RosterItem,
    Seq, Spooled, Subscription, SubscriptionRequest,
};
use support::{Database, cases, durable, entry, jid, line, scram, user};

cases! {
    every_statement_prepares,
    users_are_added_changed_and_removed,
    an_import_is_all_or_nothing_and_names_every_conflict,
    ten_thousand_users_are_imported_quickly,
    credentials_are_kept_and_replaced,
    a_device_has_an_account_of_its_own_beside_its_lines,
    a_line_does_not_take_the_name_of_a_device,
    a_digest_account_follows_its_line_and_owner,
    a_line_needs_its_owner_and_a_free_number,
    settings_of_lines_are_kept_until_the_line_goes,
    removing_a_user_removes_what_is_theirs,
    a_roster_rises_by_one_version_per_change,
    roster_changes_since_a_version_include_removals,
    forgotten_removals_make_an_old_version_unknown,
    a_full_roster_takes_no_more,
    subscription_requests_wait_for_their_answer,
    appended_entries_become_durable_in_order,
    what_was_handed_on_is_not_spooled,
    what_was_not_handed_on_is_spooled_after_a_restart,
    when_all_was_handed_on_nothing_is_spooled_after_a_restart,
    rows_of_the_spool_go_when_handed_on_later,
    the_spool_is_read_in_pages,
    bindings_are_written_behind_and_expire,
    settings_and_last_activity_are_kept,
    a_write_that_fails_does_not_hurt_its_neighbours,
    verify_finds_what_no_constraint_holds,
    a_closed_store_refuses,
}

async fn every_statement_prepares(database: Database) {
    use sqlx::{Connection, Executor, SqlSafeStr};
    let store = database.open().await;
    store.close().await;
    match &database {
        Database::Lite(_) => {
            let mut connection = sqlx::SqliteConnection::connect(&database.url()).await.unwrap();
            for sql in store::statements_lite() {
                let prepared = connection.prepare(sqlx::AssertSqlSafe(sql.clone()).into_sql_str()).await;
                assert!(prepared.is_ok(), "{sql}: {}", prepared.unwrap_err());
            }
        }
        Database::Pg { url } => {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            for sql in store::statements_pg() {
                let prepared = connection.prepare(sqlx::AssertSqlSafe(sql.clone()).into_sql_str()).await;
                assert!(prepared.is_ok(), "{sql}: {}", prepared.unwrap_err());
            }
        }
    }
}

async fn users_are_added_changed_and_removed(database: Database) {
    let store = database.open().await;
    store.user_add(user("bob")).await.unwrap();
    store.user_add(user("ann")).await.unwrap();
    let bob = jid("bob@localhost");
    let found = store.user(&bob).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.enabled), ("BOB", true));
    assert!(store.user_exists(&bob).await.unwrap() && store.user_exists(&bob).await.unwrap());
    assert!(!store.user_exists(&jid("nobody@localhost")).await.unwrap());
    assert_eq!(store.user_count().await.unwrap(), 2);
    let names: Vec<_> = store.users().await.unwrap().into_iter().map(|user| user.jid.to_string()).collect();
    assert_eq!(names, ["ann@localhost", "bob@localhost"]);

    store.user_set_enabled(&bob, false).await.unwrap();
    store.user_set_name(&bob, "Robert").await.unwrap();
    let found = store.user(&bob).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.enabled), ("Robert", false));
    assert!(!store.credentials(&bob).await.unwrap().unwrap().enabled);

    store.user_remove(&bob).await.unwrap();
    assert_eq!(store.user(&bob).await.unwrap(), None);
    assert!(!store.user_exists(&bob).await.unwrap());
    assert!(matches!(store.user_remove(&bob).await, Err(Error::NotFound(_))));
    assert!(matches!(store.user_set_enabled(&bob, true).await, Err(Error::NotFound(_))));
    store.close().await;
}

async fn an_import_is_all_or_nothing_and_names_every_conflict(database: Database) {
    let store = database.open().await;
    let with_line = |name: &str, number: &str| {
        let mut user = user(name);
        user.lines.push(line(number, name));
        user
    };
    store.user_add(with_line("ann", "1001")).await.unwrap();
    let list = vec![
        with_line("bob", "1002"),
        with_line("ann", "1003"),
        with_line("carol", "1001"),
        with_line("dave", "1002"),
        user("bob"),
    ];
    let conflict = |row, what: &str| Conflict { row, what: what.to_owned() };
    match store.users_import(list).await {
        Err(Error::Conflicts(conflicts)) => assert_eq!(
            conflicts,
            [
                conflict(1, "user ann@localhost"),
                conflict(2, "line 1001"),
                conflict(3, "line 1002"),
                conflict(4, "user bob@localhost")
            ]
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.user_count().await.unwrap(), 1);
    assert_eq!(store.lines().await.unwrap().len(), 1);
    store.close().await;
}

async fn ten_thousand_users_are_imported_quickly(database: Database) {
    let store = database.open().await;
    let list = (0..10_000).map(|n| {
        let name = format!("user{n}");
        let mut user = user(&name);
        user.lines.push(line(&format!("2{n:05}"), &name));
        user
    });
    let began = tokio::time::Instant::now();
    store.users_import(list.collect()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(store.user_count().await.unwrap(), 10_000);
    let account = store.digest_account("209999", "localhost").await.unwrap().unwrap();
    assert_eq!(account.owner, Some(jid("user9999@localhost")));
    store.close().await;
}

async fn credentials_are_kept_and_replaced(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let ann = jid("ann@localhost");
    assert_eq!(store.credentials(&ann).await.unwrap().unwrap().scram, [scram(1)]);
    store.user_set_credentials(&ann, vec![scram(2)]).await.unwrap();
    assert_eq!(store.credentials(&ann).await.unwrap().unwrap().scram, [scram(2)]);
    store.user_set_credentials(&ann, vec![]).await.unwrap();
    assert_eq!(store.credentials(&ann).await.unwrap().unwrap().scram, []);
    assert_eq!(store.credentials(&jid("nobody@localhost")).await.unwrap(), None);
    let nobody = store.user_set_credentials(&jid("nobody@localhost"), vec![scram(1)]).await;
    assert!(matches!(nobody, Err(Error::NotFound(_))));
    store.close().await;
}

async fn a_digest_account_follows_its_line_and_owner(database: Database) {
    let store = database.open().await;
    let mut ann = user("ann");
    ann.lines.push(line("1001", "ann"));
    store.user_add(ann).await.unwrap();
    for username in ["1001", "ann"] {
        let account = store.digest_account(username, "localhost").await.unwrap().unwrap();
        assert_eq!(account.line.to_string(), "1001");
        assert_eq!(account.secrets.len(), 1);
        assert!(account.enabled);
    }
    assert_eq!(store.digest_account("1001", "elsewhere").await.unwrap(), None);

    store.user_set_enabled(&jid("ann@localhost"), false).await.unwrap();
    assert!(!store.digest_account("1001", "localhost").await.unwrap().unwrap().enabled);
    let id = LineId::from("1001".parse::<Number>().unwrap());
    store.line_set_secrets(&id, vec![]).await.unwrap();
    assert_eq!(store.digest_account("1001", "localhost").await.unwrap(), None);
    store.close().await;
}

async fn a_device_has_an_account_of_its_own_beside_its_lines(database: Database) {
    let store = database.open().await;
    let mut ann = user("ann");
    ann.lines.push(line("1001", "ann"));
    store.user_add(ann).await.unwrap();
    let id = LineId::from("1001".parse::<Number>().unwrap());
    let secrets = || line("1001", "desk").secrets.split_off(1);
    assert!(matches!(store.device_set_account("ann", &id, vec![]).await, Err(Error::Conflicts(_))));
    let other = LineId::from("1002".parse::<Number>().unwrap());
    assert!(matches!(store.device_set_account("desk", &other, vec![]).await, Err(Error::NotFound(_))));
    for _again in 0..2 {
        store.device_set_account("desk", &id, secrets()).await.unwrap();
    }
    let account = store.digest_account("desk", "localhost").await.unwrap().unwrap();
    assert_eq!((account.device.as_deref(), account.line.to_string()), (Some("desk"), "1001".to_owned()));
    assert_eq!(account.secrets.len(), 1);
    assert_eq!(store.digest_account("ann", "localhost").await.unwrap().unwrap().device, None);
    let all: Vec<_> = store.device_accounts().await.unwrap().into_iter().map(|d| (d.name, d.line)).collect();
    assert_eq!(all, [("desk".to_owned(), id.clone())]);

    store.line_set_secrets(&id, vec![]).await.unwrap();
    assert!(
        store.digest_account("desk", "localhost").await.unwrap().is_some(),
        "a line's password is not its"
    );
    store.device_remove_account("desk").await.unwrap();
    assert_eq!(store.digest_account("desk", "localhost").await.unwrap(), None);
    assert!(matches!(store.device_remove_account("desk").await, Err(Error::NotFound(_))));
    store.close().await;
}

async fn a_line_does_not_take_the_name_of_a_device(database: Database) {
    let store = database.open().await;
    store.line_add(line("1001", "ann")).await.unwrap();
    let id = LineId::from("1001".parse::<Number>().unwrap());
    store.device_set_account("desk", &id, line("1001", "desk").secrets.split_off(1)).await.unwrap();

    let mut desk = user("desk");
    desk.lines.push(line("1002", "desk"));
    let Err(Error::Conflicts(found)) = store.users_import(vec![user("bob"), desk]).await else {
        panic!("the device is locked out");
    };
    let what = "desk, as the name that a device signs in with".to_owned();
    assert_eq!(found, [Conflict { row: 1, what }]);
    assert_eq!(store.user(&jid("bob@localhost")).await.unwrap(), None, "all or none");
    assert!(matches!(store.line_add(line("1002", "desk")).await, Err(Error::Conflicts(_))));
    let secrets = line("1001", "desk").secrets;
    assert!(matches!(store.line_set_secrets(&id, secrets).await, Err(Error::Conflicts(_))));

    let account = store.digest_account("desk", "localhost").await.unwrap().unwrap();
    assert_eq!(account.device.as_deref(), Some("desk"));
    assert!(
        store.digest_account("ann", "localhost").await.unwrap().is_some(),
        "nothing was taken from the line"
    );
    assert_eq!(store.lines().await.unwrap().len(), 1);
    store.close().await;
}

async fn a_line_needs_its_owner_and_a_free_number(database: Database) {
    let store = database.open().await;
    store.line_add(line("600", "echo")).await.unwrap();
    assert!(matches!(store.line_add(line("600", "echo")).await, Err(Error::Conflicts(_))));
    let mut orphan = line("601", "ghost");
    orphan.owner = Some(jid("ghost@localhost"));
    assert!(matches!(store.line_add(orphan).await, Err(Error::NotFound(_))));
    let id = LineId::from("600".parse::<Number>().unwrap());
    assert_eq!(store.line(&id).await.unwrap().unwrap().owner, None);
    assert!(store.digest_account("echo", "localhost").await.unwrap().unwrap().enabled);
    store.line_remove(&id).await.unwrap();
    assert_eq!(store.line(&id).await.unwrap(), None);
    assert!(matches!(store.line_remove(&id).await, Err(Error::NotFound(_))));
    assert!(matches!(store.line_set_secrets(&id, vec![]).await, Err(Error::NotFound(_))));
    store.close().await;
}

async fn settings_of_lines_are_kept_until_the_line_goes(database: Database) {
    let store = database.open().await;
    let id = LineId::from("600".parse::<Number>().unwrap());
    let mut settings = model::LineSettings::default();
    settings.apply(&model::LineChange::DoNotDisturb { mode: Some(model::DoNotDisturb::Reject) });
    assert!(matches!(store.line_settings_put(&id, &settings).await, Err(Error::NotFound(_))));
    store.line_add(line("600", "echo")).await.unwrap();
    assert!(store.line_settings(&id).await.unwrap().is_none());
    store.line_settings_put(&id, &settings).await.unwrap();
    settings.apply(&model::LineChange::RingSeconds { seconds: Some(9) });
    store.line_settings_put(&id, &settings).await.unwrap();
    assert_eq!(store.line_settings_all().await.unwrap(), [(id.clone(), settings.clone())]);
    store.line_settings_put(&id, &model::LineSettings::default()).await.unwrap();
    assert!(store.line_settings_all().await.unwrap().is_empty());
    store.line_settings_put(&id, &settings).await.unwrap();
    store.line_remove(&id).await.unwrap();
    store.line_add(line("600", "echo")).await.unwrap();
    assert!(store.line_settings(&id).await.unwrap().is_none());
    store.close().await;
}

async fn removing_a_user_removes_what_is_theirs(database: Database) {
    let store = database.open().await;
    let mut ann = user("ann");
    ann.lines.push(line("1001", "ann"));
    store.user_add(ann).await.unwrap();
    let ann = jid("ann@localhost");
    store.roster_put(&ann, RosterItem::new(jid("bob@localhost"))).await.unwrap();
    let seq = store.journal_append(entry(&store, "ann@localhost", "hello")).unwrap();
    durable(&store, seq).await;
    assert_eq!(store.spool_count(&ann).await.unwrap(), 1);
    let bytes = store.spooled(&ann, Seq(0), 1).await.unwrap()[0].stanza.len() as u64;
    assert_eq!(store.spool_size(&ann).await.unwrap(), store::KeptSize { entries: 1, bytes });

    store.user_remove(&ann).await.unwrap();
    assert_eq!(store.lines().await.unwrap(), []);
    assert_eq!(store.digest_account("1001", "localhost").await.unwrap(), None);
    assert_eq!(store.roster(&ann).await.unwrap().items, []);
    assert_eq!(store.spool_count(&ann).await.unwrap(), 0);
    assert_eq!(store.spool_size(&ann).await.unwrap(), store::KeptSize::default());
    assert_eq!(store.journal_count().await.unwrap(), 1);
    assert_eq!(store.verify().await.unwrap(), [""; 0]);
    store.close().await;
}

async fn a_roster_rises_by_one_version_per_change(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let (ann, bob) = (jid("ann@localhost"), jid("bob@localhost"));
    assert_eq!(store.roster(&ann).await.unwrap().version, 0);
    let mut item = RosterItem::new(bob.clone());
    assert_eq!(store.roster_put(&ann, item.clone()).await.unwrap(), 1);
    item.name = "Bob".to_owned();
    item.subscription = Subscription::Both;
    item.ask = true;
    item.groups = vec!["Friends".to_owned(), "\"Work\"".to_owned()];
    assert_eq!(store.roster_put(&ann, item.clone()).await.unwrap(), 2);
    assert_eq!(store.roster_item(&ann, &bob).await.unwrap(), Some(item.clone()));
    let roster = store.roster(&ann).await.unwrap();
    assert_eq!((roster.version, roster.items), (2, vec![item]));
    assert_eq!(store.rosters_with(&bob).await.unwrap(), [(ann.clone(), Subscription::Both)]);
    assert_eq!(store.roster_remove(&ann, &bob).await.unwrap(), Some(3));
    assert_eq!(store.roster_remove(&ann, &bob).await.unwrap(), None);
    assert_eq!(store.roster_item(&ann, &bob).await.unwrap(), None);
    let stranger = store.roster_put(&jid("ghost@localhost"), RosterItem::new(bob)).await;
    assert!(matches!(stranger, Err(Error::NotFound(_))));
    store.close().await;
}

async fn roster_changes_since_a_version_include_removals(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let ann = jid("ann@localhost");
    let (bob, carol) = (jid("bob@localhost"), jid("carol@localhost"));
    store.roster_put(&ann, RosterItem::new(bob.clone())).await.unwrap();
    store.roster_put(&ann, RosterItem::new(carol.clone())).await.unwrap();
    store.roster_remove(&ann, &bob).await.unwrap();
    let changes = store.roster_since(&ann, 1).await.unwrap().unwrap();
    assert_eq!(
        changes,
        [
            RosterChange::Put { version: 2, item: RosterItem::new(carol) },
            RosterChange::Removed { version: 3, contact: bob }
        ]
    );
    assert_eq!(store.roster_since(&ann, 3).await.unwrap(), Some(vec![]));
    assert_eq!(store.roster_since(&ann, 4).await.unwrap(), None);
    store.close().await;
}

async fn forgotten_removals_make_an_old_version_unknown(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let ann = jid("ann@localhost");
    for n in 0..ROSTER_REMOVALS_KEPT + 2 {
        let contact = jid(&format!("c{n}@localhost"));
        store.roster_put(&ann, RosterItem::new(contact.clone())).await.unwrap();
        store.roster_remove(&ann, &contact).await.unwrap();
    }
    assert_eq!(store.roster_since(&ann, 1).await.unwrap(), None);
    let changes = store.roster_since(&ann, 4).await.unwrap().unwrap();
    assert_eq!(changes.len(), ROSTER_REMOVALS_KEPT);
    store.close().await;
}

async fn a_full_roster_takes_no_more(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let ann = jid("ann@localhost");
    let puts = (0..ROSTER_ITEMS_MAX).map(|n| {
        let (store, ann) = (store.clone(), ann.clone());
        async move { store.roster_put(&ann, RosterItem::new(jid(&format!("c{n}@localhost")))).await }
    });
    assert!(futures::future::join_all(puts).await.iter().all(Result::is_ok));
    let one_more = store.roster_put(&ann, RosterItem::new(jid("late@localhost"))).await;
    assert!(matches!(one_more, Err(Error::Limit { max: ROSTER_ITEMS_MAX, .. })));
    store.roster_put(&ann, RosterItem::new(jid("c7@localhost"))).await.unwrap();
    store.close().await;
}

async fn subscription_requests_wait_for_their_answer(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    let (ann, bob) = (jid("ann@localhost"), jid("bob@localhost"));
    let request = |at, text: &'static [u8]| SubscriptionRequest {
        contact: bob.clone(),
        stanza: Bytes::from_static(text),
        at: Timestamp(at),
    };
    store.subscription_request_put(&ann, request(1, b"<presence/>")).await.unwrap();
    store.subscription_request_put(&ann, request(2, b"<presence id='2'/>")).await.unwrap();
    let waiting = store.subscription_requests(&ann).await.unwrap();
    assert_eq!(waiting, [request(2, b"<presence id='2'/>")]);
    assert!(store.subscription_request_remove(&ann, &bob).await.unwrap());
    assert!(!store.subscription_request_remove(&ann, &bob).await.unwrap());
    assert_eq!(store.subscription_requests(&ann).await.unwrap(), []);
    store.close().await;
}

async fn appended_entries_become_durable_in_order(database: Database) {
    let store = database.open().await;
    let mut last = Seq(0);
    for n in 0..1_234 {
        let seq = store.journal_append(entry(&store, "bob@localhost", &n.to_string())).unwrap();
        assert_eq!(seq, Seq(last.0 + 1));
        last = seq;
        if n % 97 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    durable(&store, last).await;
    assert_eq!(store.journal_count().await.unwrap(), 1_234);
    let middle = store.journal_entry(Seq(617)).await.unwrap().unwrap();
    assert_eq!(&*middle.stanza, b"<message><body>616</body></message>");
    assert_eq!(middle.owner, jid("bob@localhost"));
    assert_eq!(store.journal_entry(Seq(9_999)).await.unwrap(), None);
    let sender = middle.from.split_once('/').map_or(&*middle.from, |(bare, _)| bare);
    let domain = sender.split_once('@').map_or(sender, |(_, domain)| domain);
    assert_eq!(store.journal_latest_of_others(domain, 100, 10).await.unwrap(), []);
    let places = |found: Vec<Spooled>| found.iter().map(|entry| entry.seq.0).collect::<Vec<_>>();
    let others = store.journal_latest_of_others("other.example", 100, 3).await.unwrap();
    assert_eq!(places(others), [1_234, 1_233, 1_232]);
    let others = store.journal_latest_of_others("other.example", 2, 10).await.unwrap();
    assert_eq!(places(others), [1_234, 1_233]);
    store.close().await;
}

async fn what_was_handed_on_is_not_spooled(database: Database) {
    let store = database.open().await;
    let bob = jid("bob@localhost");
    let seqs: Vec<Seq> = (0..10)
        .map(|n| store.journal_append(entry(&store, "bob@localhost", &n.to_string())).unwrap())
        .collect();
    for seq in &seqs[..7] {
        store.handed_on(&bob, *seq);
    }
    let mut unspooled = entry(&store, "bob@localhost", "not kept");
    unspooled.spool = false;
    durable(&store, store.journal_append(unspooled).unwrap()).await;
    let waiting: Vec<Seq> = store.spooled(&bob, Seq(0), 100).await.unwrap().iter().map(|s| s.seq).collect();
    assert_eq!(waiting, seqs[7..]);
    assert_eq!(store.spool_owners().await.unwrap(), [bob]);
    store.close().await;
}

async fn what_was_not_handed_on_is_spooled_after_a_restart(database: Database) {
    let store = database.open().await;
    let bob = jid("bob@localhost");
    let first = store.journal_append(entry(&store, "bob@localhost", "first")).unwrap();
    let second = store.journal_append(entry(&store, "bob@localhost", "second")).unwrap();
    store.handed_on(&bob, first);
    store.close().await;

    let store = database.open().await;
    let waiting = store.spooled(&bob, Seq(0), 100).await.unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].seq, second);
    assert_eq!(&*waiting[0].stanza, b"<message><body>second</body></message>");
    let third = store.journal_append(entry(&store, "bob@localhost", "third")).unwrap();
    assert_eq!(third, Seq(3));
    store.close().await;
}

async fn when_all_was_handed_on_nothing_is_spooled_after_a_restart(database: Database) {
    let store = database.open().await;
    let bob = jid("bob@localhost");
    let seq = store.journal_append(entry(&store, "bob@localhost", "delivered at once")).unwrap();
    durable(&store, seq).await;
    store.handed_on(&bob, seq);
    store.close().await;

    let store = database.open().await;
    assert_eq!(store.spool_count(&bob).await.unwrap(), 0);
    store.close().await;
}

async fn rows_of_the_spool_go_when_handed_on_later(database: Database) {
    let store = database.open().await;
    let bob = jid("bob@localhost");
    let seqs: Vec<Seq> = (0..10)
        .map(|n| store.journal_append(entry(&store, "bob@localhost", &n.to_string())).unwrap())
        .collect();
    assert_eq!(store.spool_count(&bob).await.unwrap(), 10);
    for seq in &seqs[..9] {
        store.handed_on(&bob, *seq);
    }
    assert_eq!(store.spool_count(&bob).await.unwrap(), 1);
    store.handed_on(&bob, seqs[9]);
    store.close().await;
    let store = database.open().await;
    assert_eq!(store.spool_count(&bob).await.unwrap(), 0);
    assert_eq!(store.verify().await.unwrap(), [""; 0]);
    store.close().await;
}

async fn the_spool_is_read_in_pages(database: Database) {
    let store = database.open().await;
    let bob = jid("bob@localhost");
    for n in 0..25 {
        store.journal_append(entry(&store, "bob@localhost", &n.to_string())).unwrap();
        store.journal_append(entry(&store, "carol@localhost", &n.to_string())).unwrap();
    }
    let (mut seen, mut after) = (0, Seq(0));
    loop {
        let page = store.spooled(&bob, after, 10).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.iter().all(|waiting| waiting.to == "bob@localhost"));
        seen += page.len();
        after = last.seq;
    }
    assert_eq!(seen, 25);
    store.close().await;
}

async fn bindings_are_written_behind_and_expire(database: Database) {
    let store = database.open().await;
    store.line_add(line("1001", "ann")).await.unwrap();
    let binding = |contact: &str, expires: i64| Binding {
        line: LineId::from("1001".parse::<Number>().unwrap()),
        contact: contact.to_owned(),
        instance: None,
        reg_id: None,
        call_id: "a84b4c76e66710".to_owned(),
        cseq: 4_000_000_000,
        q_thousandths: 700,
        received: "udp:192.0.2.7:5062".to_owned(),
        path: String::new(),
        user_agent: "baresip \"1.0\"".to_owned(),
        device: None,
        expires_at: Timestamp(expires),
        registered_at: Timestamp(5),
    };
    let flow = Binding {
        instance: Some("<urn:uuid:f81d4fae>".to_owned()),
        reg_id: Some(1),
        device: Some("desk".to_owned()),
        ..binding("sip:ann@192.0.2.8", 100)
    };
    for known in [binding("sip:ann@192.0.2.7", 100), binding("sip:ann@192.0.2.9", 10), flow.clone()] {
        store.binding_put(known);
    }
    let gone = binding("sip:ann@192.0.2.6", 100);
    store.binding_put(gone.clone());
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    store.binding_remove(&gone.line, &gone.key());
    store.binding_put(Binding { cseq: 5, ..binding("sip:ann@192.0.2.7", 200) });
    store.close().await;

    let store = database.open().await;
    let found = store.bindings(Timestamp(50)).await.unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.contains(&flow));
    assert!(found.contains(&Binding { cseq: 5, ..binding("sip:ann@192.0.2.7", 200) }));
    store.close().await;
}

async fn settings_and_last_activity_are_kept(database: Database) {
    let store = database.open().await;
    store.setting_put("colour", "blue").await.unwrap();
    store.setting_put("colour", "green").await.unwrap();
    assert_eq!(store.setting("colour").await.unwrap().as_deref(), Some("green"));
    assert_eq!(store.settings().await.unwrap(), [("colour".to_owned(), "green".to_owned())]);
    assert!(!store.setting_replace("colour", Some("blue"), "red").await.unwrap(), "it is green by now");
    assert!(!store.setting_replace("colour", None, "red").await.unwrap(), "it has a value");
    assert!(store.setting_replace("colour", Some("green"), "red").await.unwrap());
    assert_eq!(store.setting("colour").await.unwrap().as_deref(), Some("red"));
    store.setting_remove("colour").await.unwrap();
    assert_eq!(store.setting("colour").await.unwrap(), None);
    assert!(!store.setting_replace("colour", Some("red"), "blue").await.unwrap(), "it has no value");
    assert!(store.setting_replace("colour", None, "blue").await.unwrap());
    store.setting_remove("colour").await.unwrap();

    store.user_add(user("ann")).await.unwrap();
    let ann = jid("ann@localhost");
    let left = LastActivity { at: Timestamp(77), status: "gone home".to_owned() };
    store.last_activity_put(&ann, left.clone());
    store.last_activity_put(&jid("ghost@localhost"), left.clone());
    assert_eq!(store.last_activity(&ann).await.unwrap(), Some(left.clone()));
    store.close().await;
    let store = database.open().await;
    assert_eq!(store.last_activity(&ann).await.unwrap(), Some(left));
    assert_eq!(store.last_activity(&jid("ghost@localhost")).await.unwrap(), None);
    store.close().await;
}

async fn a_write_that_fails_does_not_hurt_its_neighbours(database: Database) {
    let store = database.open().await;
    let adds = (0..40).map(|n| {
        let store = store.clone();
        async move { store.user_add(user(&format!("user{}", n % 20))).await }
    });
    let seq = store.journal_append(entry(&store, "bob@localhost", "in the same group")).unwrap();
    let done = futures::future::join_all(adds).await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 20);
    assert!(done.iter().filter_map(|d| d.as_ref().err()).all(|e| matches!(e, Error::Conflicts(_))));
    durable(&store, seq).await;
    assert_eq!(store.user_count().await.unwrap(), 20);
    store.close().await;
}

async fn verify_finds_what_no_constraint_holds(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    assert_eq!(store.verify().await.unwrap(), [""; 0]);
    store.close().await;
    database
        .sql(
            "INSERT INTO spool (owner, seq) VALUES ('ann@localhost', 77);
             INSERT INTO roster_item (owner, contact, version, removed, name, subscription, ask, approved, \
             group_names) VALUES ('ann@localhost', 'bob@localhost', 5, 0, '', 'none', 0, 0, '[]');",
        )
        .await;
    let store = database.open().await;
    let findings = store.verify().await.unwrap();
    assert_eq!(
        findings,
        [
            "a waiting message is not in the journal: ann@localhost waits for entry 77",
            "a contact is newer than its roster: ann@localhost has bob@localhost at version 5"
        ]
    );
    store.close().await;
}

async fn a_closed_store_refuses(database: Database) {
    let store = database.open().await;
    store.close().await;
    assert!(matches!(store.journal_append(entry(&store, "bob@localhost", "late")), Err(Error::Closed)));
    assert!(matches!(store.user_add(user("late")).await, Err(Error::Closed)));
}
