//! What is kept for signing in, held against SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use model::Timestamp;
use store::{
    Archives, Error, INVITATIONS_OF_USER_MAX, Invitation, ScramRecord, SignInToken, TOKEN_CLIENTS_MAX,
};
use support::{Database, cases, durable, entry, jid, scram, user};

cases! {
    records_are_added_beside_those_that_stand,
    what_the_archive_has_waits_no_longer,
    a_token_is_replaced_when_the_next_one_is_used,
    tokens_go_with_the_password_the_account_and_on_demand,
    a_user_has_tokens_for_so_many_clients,
    an_invitation_is_used_up_with_the_user_it_makes,
    a_name_is_kept_free_while_the_invitation_stands,
    a_user_has_so_many_invitations,
}

fn record(mechanism: &str, n: u8) -> ScramRecord {
    ScramRecord { mechanism: mechanism.to_owned(), ..scram(n) }
}

async fn records_are_added_beside_those_that_stand(database: Database) {
    let store = database.open().await;
    let ann = jid("ann@localhost");
    store.user_add(user("ann")).await.unwrap();
    let (old, new) = (record("SCRAM-SHA-1", 1), record("SCRAM-SHA-256", 2));
    store.user_set_credentials(&ann, vec![old.clone()]).await.unwrap();
    store.credentials_add(&ann, &old.stored_key, vec![new.clone()]).await.unwrap();
    let stands = || async { store.credentials(&ann).await.unwrap().unwrap().scram };
    assert_eq!(stands().await, [old.clone(), new.clone()]);
    // One that stands is not replaced.
    store.credentials_add(&ann, &old.stored_key, vec![record("SCRAM-SHA-256", 3)]).await.unwrap();
    assert_eq!(stands().await, [old.clone(), new]);
    // The password has changed since it was proved.
    store.user_set_credentials(&ann, vec![record("SCRAM-SHA-1", 4)]).await.unwrap();
    store.credentials_add(&ann, &old.stored_key, vec![record("SCRAM-SHA-512", 5)]).await.unwrap();
    assert_eq!(stands().await, [record("SCRAM-SHA-1", 4)]);
    store.close().await;
}

async fn what_the_archive_has_waits_no_longer(database: Database) {
    let store = database.open().await;
    let bob = jid("bob@localhost");
    let archived = Archives { owner: true, sender: false };
    for (text, archives) in [("kept", archived), ("private", Archives::default()), ("kept too", archived)] {
        let mut entry = entry(&store, "bob@localhost", text);
        entry.archives = archives;
        store.journal_append(entry).unwrap();
    }
    let mut other = entry(&store, "carol@localhost", "hers");
    other.archives = archived;
    let last = store.journal_append(other).unwrap();
    durable(&store, last).await;
    store.spool_leave_to_archive(&bob).await.unwrap();
    let waiting = store.spooled(&bob, store::Seq(0), 10).await.unwrap();
    let texts: Vec<_> = waiting.iter().map(|waiting| String::from_utf8_lossy(&waiting.stanza)).collect();
    assert!(matches!(texts.as_slice(), [text] if text.contains("private")), "{texts:?}");
    assert_eq!(store.spool_count(&jid("carol@localhost")).await.unwrap(), 1);
    store.close().await;
}

fn token(client: &str, n: u8) -> SignInToken {
    SignInToken {
        client: client.to_owned(),
        in_use: false,
        mechanism: "HT-SHA-256-NONE".to_owned(),
        key: vec![n; 32],
        software: "Awesome".to_owned(),
        device: "desk".to_owned(),
        issued_at: Timestamp(i64::from(n)),
        expires_at: Timestamp(1_000),
        used_at: None,
    }
}

async fn a_token_is_replaced_when_the_next_one_is_used(database: Database) {
    let store = database.open().await;
    let ann = jid("ann@localhost");
    store.user_add(user("ann")).await.unwrap();
    let keys = || async {
        let found = store.sign_in_tokens(&ann, "one").await.unwrap().unwrap();
        let mut keys: Vec<_> = found.tokens.iter().map(|token| (token.in_use, token.key[0])).collect();
        keys.sort_unstable();
        keys
    };
    store.sign_in_token_put(&ann, token("one", 1)).await.unwrap();
    store.sign_in_token_put(&ann, token("two", 9)).await.unwrap();
    assert_eq!(keys().await, [(false, 1)]);
    store.sign_in_token_used(&ann, "one", &[1; 32], Timestamp(50)).await.unwrap();
    assert_eq!(keys().await, [(true, 1)]);
    // Until the next one is used, both are good; one that was never used goes with the next.
    store.sign_in_token_put(&ann, token("one", 2)).await.unwrap();
    store.sign_in_token_put(&ann, token("one", 3)).await.unwrap();
    assert_eq!(keys().await, [(false, 3), (true, 1)]);
    store.sign_in_token_used(&ann, "one", &[1; 32], Timestamp(60)).await.unwrap();
    assert_eq!(keys().await, [(false, 3), (true, 1)]);
    store.sign_in_token_used(&ann, "one", &[3; 32], Timestamp(70)).await.unwrap();
    assert_eq!(keys().await, [(true, 3)]);
    assert_eq!(store.sign_in_tokens_of(&ann).await.unwrap().len(), 2);
    // What has expired goes when the next one comes.
    let late = SignInToken { issued_at: Timestamp(1_000), expires_at: Timestamp(2_000), ..token("two", 4) };
    store.sign_in_token_put(&ann, late).await.unwrap();
    assert_eq!(keys().await, []);
    assert_eq!(store.sign_in_tokens(&jid("nobody@localhost"), "one").await.unwrap(), None);
    store.close().await;
}

async fn tokens_go_with_the_password_the_account_and_on_demand(database: Database) {
    let store = database.open().await;
    let ann = jid("ann@localhost");
    store.user_add(user("ann")).await.unwrap();
    let count = || async { store.sign_in_tokens_of(&ann).await.unwrap().len() };
    let give = || async {
        for client in ["one", "two"] {
            store.sign_in_token_put(&ann, token(client, 1)).await.unwrap();
        }
    };
    give().await;
    store.sign_in_token_remove(&ann, "one", &[1; 32]).await.unwrap();
    assert_eq!(count().await, 1);
    give().await;
    assert_eq!(store.sign_in_tokens_revoke(&ann, Some("two")).await.unwrap(), 1);
    assert_eq!(store.sign_in_tokens_revoke(&ann, None).await.unwrap(), 1);
    give().await;
    store.user_set_credentials(&ann, vec![scram(2)]).await.unwrap();
    assert_eq!(count().await, 0);
    give().await;
    store.user_set_name(&ann, "Ann").await.unwrap();
    assert_eq!(count().await, 2);
    store.user_set_enabled(&ann, false).await.unwrap();
    let none = store.sign_in_tokens(&ann, "one").await.unwrap().unwrap();
    assert!(!none.enabled && none.tokens.is_empty());
    // Nor is one given any more, to a client that was about to get it.
    store.sign_in_token_put(&ann, token("one", 1)).await.unwrap();
    assert_eq!(count().await, 0);
    store.user_set_enabled(&ann, true).await.unwrap();
    assert_eq!(count().await, 0);
    give().await;
    store.user_remove(&ann).await.unwrap();
    assert_eq!(count().await, 0);
    store.close().await;
}

async fn a_user_has_tokens_for_so_many_clients(database: Database) {
    let store = database.open().await;
    let ann = jid("ann@localhost");
    store.user_add(user("ann")).await.unwrap();
    let most = u8::try_from(TOKEN_CLIENTS_MAX).unwrap();
    for n in 1..=most + 2 {
        store.sign_in_token_put(&ann, token(&format!("client {n}"), n)).await.unwrap();
    }
    let tokens = store.sign_in_tokens_of(&ann).await.unwrap();
    assert_eq!(tokens.len(), usize::from(most));
    assert_eq!(tokens[0].client, "client 3", "the oldest have gone");
    store.close().await;
}

fn invitation(token_hash: &str, uses_left: i64) -> Invitation {
    Invitation {
        token_hash: token_hash.to_owned(),
        username: Some("eve".to_owned()),
        inviter: Some(jid("ann@localhost")),
        uses_left,
        created_at: Timestamp(1),
        expires_at: Timestamp(100),
    }
}

async fn an_invitation_is_used_up_with_the_user_it_makes(database: Database) {
    let store = database.open().await;
    store.user_add(user("ann")).await.unwrap();
    store.invitation_add(invitation("a", 2)).await.unwrap();
    assert_eq!(store.invitation("a").await.unwrap(), Some(invitation("a", 2)));
    // Whoever fails to be added uses nothing up.
    let taken = store.user_add_invited(user("ann"), "a").await;
    assert!(matches!(taken, Err(Error::Conflicts(_))), "{taken:?}");
    assert_eq!(store.invitations().await.unwrap()[0].uses_left, 2);
    store.user_add_invited(user("bob"), "a").await.unwrap();
    assert_eq!(store.invitations().await.unwrap()[0].uses_left, 1);
    store.user_add_invited(user("carol"), "a").await.unwrap();
    assert_eq!(store.invitations().await.unwrap(), []);
    let late = store.user_add_invited(user("dave"), "a").await;
    assert!(matches!(late, Err(Error::NotFound(_))), "{late:?}");
    assert_eq!(store.user_count().await.unwrap(), 3);
    store.close().await;
}

async fn a_name_is_kept_free_while_the_invitation_stands(database: Database) {
    let store = database.open().await;
    store.invitation_add(invitation("a", 1)).await.unwrap();
    for (name, now, reserved) in [("eve", 99, true), ("eve", 100, false), ("bob", 1, false)] {
        assert_eq!(store.username_is_reserved(name, Timestamp(now)).await.unwrap(), reserved, "{name} {now}");
    }
    // Those that have ended go when the next one comes.
    // Nor while they may still be used by who has shown them in time.
    let at = |minutes: i64| Invitation {
        created_at: Timestamp(100 + minutes * 60_000_000),
        ..invitation(&format!("b{minutes}"), 1)
    };
    store.invitation_add(at(59)).await.unwrap();
    assert!(store.invitation("a").await.unwrap().is_some());
    store.invitation_add(at(60)).await.unwrap();
    assert_eq!(store.invitation("a").await.unwrap(), None);
    store.close().await;
}

async fn a_user_has_so_many_invitations(database: Database) {
    let store = database.open().await;
    for n in 0..INVITATIONS_OF_USER_MAX {
        store.invitation_add(invitation(&n.to_string(), 1)).await.unwrap();
    }
    let over = store.invitation_add(invitation("over", 1)).await;
    assert!(matches!(over, Err(Error::Limit { .. })), "{over:?}");
    let nobodys = Invitation { inviter: None, ..invitation("nobody's", 1) };
    store.invitation_add(nobodys).await.unwrap();
    assert!(store.invitation_remove("0").await.unwrap());
    assert!(!store.invitation_remove("0").await.unwrap());
    store.invitation_add(invitation("over", 1)).await.unwrap();
    store.close().await;
}
