//! What the audit log, administrators and tokens promise, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use model::Timestamp;
use store::{Administrator, ApiToken, AuditEntry, AuditQuery, Store};
use support::{Database, cases};

cases! {
    acts_are_found_by_what_they_are_and_come_latest_first,
    administrators_are_kept_changed_and_removed,
    tokens_are_found_by_their_hash_and_go_when_they_end,
}

fn act(at: i64, who: &str, act: &str, target: &str) -> AuditEntry {
    AuditEntry {
        id: 0,
        at: Timestamp(at),
        who: who.to_owned(),
        how: "api".to_owned(),
        address: "192.0.2.1".to_owned(),
        act: act.to_owned(),
        target: target.to_owned(),
        before: String::new(),
        after: r#"{"name":"Ann"}"#.to_owned(),
        result: "done".to_owned(),
    }
}

async fn found(store: &Store, query: AuditQuery) -> Vec<String> {
    let query = AuditQuery { max: 10, ..query };
    let acts = store.audit(&query).await.unwrap();
    assert_eq!(store.audit_count(&query).await.unwrap(), acts.len() as i64);
    acts.into_iter().map(|act| format!("{} {} {}", act.who, act.act, act.target)).collect()
}

async fn acts_are_found_by_what_they_are_and_come_latest_first(database: Database) {
    let store = database.open().await;
    store.audit_add(act(1, "admin", "user-add", "ann@localhost")).await.unwrap();
    store.audit_add(act(2, "eve", "line-remove", "1001")).await.unwrap();
    store.audit_add(act(3, "admin", "user_add", "100%")).await.unwrap();
    let all = AuditQuery::default;
    assert_eq!(
        found(&store, all()).await,
        ["admin user_add 100%", "eve line-remove 1001", "admin user-add ann@localhost"]
    );
    assert_eq!(found(&store, AuditQuery { who: "eve".to_owned(), ..all() }).await, ["eve line-remove 1001"]);
    let text = |text: &str| AuditQuery { text: text.to_owned(), ..all() };
    assert_eq!(found(&store, text("ANN@")).await, ["admin user-add ann@localhost"]);
    assert_eq!(found(&store, text("100%")).await, ["admin user_add 100%"], "a % is a %");
    assert_eq!(found(&store, text("user_add")).await, ["admin user_add 100%"], "a _ is a _");
    let since = AuditQuery { since: Some(Timestamp(2)), until: Some(Timestamp(3)), ..all() };
    assert_eq!(found(&store, since).await, ["eve line-remove 1001"]);
    let latest = store.audit(&AuditQuery { max: 1, ..all() }).await.unwrap();
    let older = AuditQuery { behind: Some(latest[0].id), max: 10, ..all() };
    assert_eq!(store.audit(&older).await.unwrap().len(), 2);
}

async fn administrators_are_kept_changed_and_removed(database: Database) {
    let store = database.open().await;
    let eve = Administrator {
        name: "eve".to_owned(),
        role: "helpdesk".to_owned(),
        password: "hash".to_owned(),
        must_choose: true,
        totp: String::new(),
        totp_step: 0,
        recovery: String::new(),
        created_at: Timestamp(5),
    };
    store.administrator_put(eve.clone()).await.unwrap();
    let changed = Administrator { role: "auditor".to_owned(), must_choose: false, totp_step: 7, ..eve };
    store.administrator_put(changed.clone()).await.unwrap();
    assert_eq!(store.administrators().await.unwrap(), std::slice::from_ref(&changed));
    assert_eq!(store.administrator("eve").await.unwrap(), Some(changed));
    assert!(store.administrator_remove("eve").await.unwrap());
    assert!(!store.administrator_remove("eve").await.unwrap());
    assert_eq!(store.administrator("eve").await.unwrap(), None);
}

async fn tokens_are_found_by_their_hash_and_go_when_they_end(database: Database) {
    let store = database.open().await;
    let token = |id: &str, created: i64, expires: i64| ApiToken {
        id: id.to_owned(),
        token_hash: format!("hash of {id}"),
        name: "monitoring".to_owned(),
        role: "auditor".to_owned(),
        made_by: "admin".to_owned(),
        created_at: Timestamp(created),
        expires_at: Timestamp(expires),
    };
    store.api_token_add(token("a", 1, 10)).await.unwrap();
    assert_eq!(store.api_token("hash of a").await.unwrap(), Some(token("a", 1, 10)));
    assert_eq!(store.api_token("hash of b").await.unwrap(), None);
    store.api_token_add(token("b", 11, 20)).await.unwrap();
    assert_eq!(store.api_tokens().await.unwrap(), [token("b", 11, 20)], "what has ended goes");
    assert!(store.api_token_remove("b").await.unwrap());
    assert!(!store.api_token_remove("b").await.unwrap());
}
