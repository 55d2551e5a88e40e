//! The administration over HTTP: who may do what, on which condition, and what is said when not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod house;

use house::{House, SignedIn, ask};
use operations::administrator;
use serde_json::json;

const PASSWORD: &str = "correct horse battery";
/// Where the document is kept.
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

#[test]
fn the_document_that_is_kept_is_the_one_that_is_served() {
    let kept: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(KEPT).unwrap()).unwrap();
    assert!(
        kept == web::Web::openapi(),
        "docs/openapi.json is old: cargo run -p web --example openapi > docs/openapi.json"
    );
}

#[tokio::test]
async fn every_path_of_the_document_is_there_and_closed_to_strangers() {
    let house = House::start().await;
    let document = web::Web::openapi();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 3);
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace(['{', '}'], "");
            if (path.as_str(), method.as_str()) == ("/api/v1/admin/session", "post") {
                continue;
            }
            let answer = ask(house.http(), &method.to_uppercase(), &path, &[], "").await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.body);
            assert_eq!(answer.field("content-type"), Some("application/problem+json"));
        }
    }
}

#[tokio::test]
async fn an_administrator_signs_in_by_name_and_password() {
    let house = House::start().await;
    administrator::set_password(&house.store, &house.runtime, PASSWORD).await.unwrap();
    let nobody = SignedIn::default();
    for (name, password) in [("admin", "wrong"), ("eve", PASSWORD), ("", "")] {
        let proof = json!({"username": name, "password": password}).to_string();
        let refused = house.admin("POST /session", &nobody, &[], &proof).await;
        assert_eq!(
            (refused.status, &refused.value["type"]),
            (403, &json!("urn:carillon:problem:wrong-password"))
        );
    }
    let proof = json!({"username": "admin", "password": PASSWORD}).to_string();
    let session = house.admin("POST /session", &nobody, &[], &proof).await;
    assert_eq!((session.status, &session.value["role"]), (201, &json!("administrator")));
    let cookie = session.answer.field("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    let by = SignedIn {
        cookie: session.answer.cookie().unwrap(),
        csrf: session.value["csrf"].as_str().unwrap().to_owned(),
    };
    assert_eq!(house.admin("GET /users", &by, &[], "").await.status, 200);
    assert_eq!(house.admin("DELETE /session", &by, &[], "").await.status, 204);
    assert_eq!(house.admin("GET /users", &by, &[], "").await.status, 401);
}

#[tokio::test]
async fn who_has_a_one_time_password_can_only_choose_another() {
    let house = House::start().await;
    administrator::set_one_time_password(&house.store, &house.runtime, "abcd-1234-once").await.unwrap();
    let proof = json!({"username": "admin", "password": "abcd-1234-once"}).to_string();
    let session = house.admin("POST /session", &SignedIn::default(), &[], &proof).await;
    assert_eq!(session.value["must_choose_password"], true);
    let by = SignedIn {
        cookie: session.answer.cookie().unwrap(),
        csrf: session.value["csrf"].as_str().unwrap().to_owned(),
    };
    let refused = house.admin("GET /users", &by, &[], "").await;
    assert_eq!(
        (refused.status, &refused.value["type"]),
        (403, &json!("urn:carillon:problem:must-choose-password"))
    );
    let short = json!({"password": "short"}).to_string();
    let refused = house.admin("PUT /session/password", &by, &[], &short).await;
    assert_eq!((refused.status, &refused.value["errors"][0]["field"]), (422, &json!("password")));
    let chosen = json!({"password": PASSWORD}).to_string();
    let session = house.admin("PUT /session/password", &by, &[], &chosen).await;
    assert_eq!((session.status, &session.value["must_choose_password"]), (200, &json!(false)));
    let by = SignedIn { cookie: session.answer.cookie().unwrap(), ..by };
    assert_eq!(house.admin("GET /users", &by, &[], "").await.status, 200);
}

#[tokio::test]
async fn a_change_needs_the_token_of_the_session() {
    let house = House::start().await;
    let by = house.administrator().await;
    let new = json!({"jid": "eve@localhost", "password": "k7Qw9z4m"}).to_string();
    for csrf in ["", "0123"] {
        let forged = SignedIn { cookie: by.cookie.clone(), csrf: csrf.to_owned() };
        let refused = house.admin("POST /users", &forged, &[], &new).await;
        assert_eq!((refused.status, &refused.value["type"]), (403, &json!("urn:carillon:problem:csrf")));
    }
    let elsewhere = [("Sec-Fetch-Site", "cross-site")];
    assert_eq!(house.admin("POST /users", &by, &elsewhere, &new).await.status, 403);
    assert_eq!(house.admin("POST /users", &by, &[], &new).await.status, 201);
}

#[tokio::test]
async fn users_are_added_changed_and_removed() {
    let house = House::start().await;
    let by = house.administrator().await;
    let new = json!({"jid": "eve@localhost", "name": "Eve", "line": "1009"}).to_string();
    let made = house.admin("POST /users", &by, &[], &new).await;
    assert_eq!(
        (made.status, made.answer.field("location")),
        (201, Some("/api/v1/admin/users/eve@localhost"))
    );
    assert_eq!(made.value["line"], "1009");
    assert!(made.value["password"].as_str().unwrap().len() > 20, "a password is made up");
    assert_eq!(house.admin("POST /users", &by, &[], &new).await.status, 409);
    let user = house.admin("GET /users/eve@localhost", &by, &[], "").await;
    let change = json!({"name": "Eve Evans", "enabled": false}).to_string();
    let changed = house.admin("PATCH /users/eve@localhost", &by, &[("If-Match", &user.tag)], &change).await;
    assert_eq!(
        changed.value,
        json!({"jid": "eve@localhost", "name": "Eve Evans", "enabled": false, "lines": ["1009"]})
    );
    let password = house.admin("PUT /users/eve@localhost/password", &by, &[], "").await;
    assert!(password.value["password"].is_string());
    let gone = house.admin("DELETE /users/eve@localhost", &by, &[("If-Match", &changed.tag)], "").await;
    assert_eq!(gone.status, 204);
    assert_eq!(house.admin("GET /users/eve@localhost", &by, &[], "").await.status, 404);
}

#[tokio::test]
async fn a_change_that_was_made_from_an_old_state_is_refused() {
    let house = House::start().await;
    let by = house.administrator().await;
    let change = json!({"name": "Ann A."}).to_string();
    let blind = house.admin("PATCH /users/ann@localhost", &by, &[], &change).await;
    assert_eq!(blind.status, 428);
    let tag = house.admin("GET /users/ann@localhost", &by, &[], "").await.tag;
    let condition = [("If-Match", tag.as_str())];
    assert_eq!(house.admin("PATCH /users/ann@localhost", &by, &condition, &change).await.status, 200);
    let old = house.admin("PATCH /users/ann@localhost", &by, &condition, &change).await;
    assert_eq!((old.status, &old.value["title"]), (412, &json!("It is not as it was")));
    assert_eq!(house.admin("DELETE /users/ann@localhost", &by, &condition, "").await.status, 412);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_by_its_field() {
    let house = House::start().await;
    let by = house.administrator().await;
    let post = async |body: &str| house.admin("POST /users", &by, &[], body).await;
    let unknown = post(r#"{"jid": "eve@localhost", "colour": "red"}"#).await;
    assert_eq!((unknown.status, &unknown.value["errors"][0]["field"]), (422, &json!("colour")));
    let elsewhere = post(r#"{"jid": "eve@example.org"}"#).await;
    assert_eq!(elsewhere.status, 422);
    assert_eq!(post("{").await.status, 400);
    let form = [("Content-Type", "text/plain")];
    let cookie = [("Cookie", by.cookie.as_str()), ("X-CSRF-Token", by.csrf.as_str()), form[0]];
    assert_eq!(ask(house.http(), "POST", "/api/v1/admin/users", &cookie, "x").await.status, 415);
    assert_eq!(house.admin("GET /users?colour=red", &by, &[], "").await.status, 400);
    assert_eq!(house.admin("GET /users?limit=0", &by, &[], "").await.status, 422);
    assert_eq!(house.admin("PUT /users", &by, &[], "").await.status, 405);
    assert_eq!(house.admin("GET /nowhere", &by, &[], "").await.status, 404);
}

#[tokio::test]
async fn a_list_is_searched_sorted_and_given_in_pages() {
    let house = House::start().await;
    let by = house.administrator().await;
    let found = house.admin("GET /users?q=BAKER", &by, &[], "").await;
    assert_eq!(
        (&found.value["total"], &found.value["items"][0]["jid"]),
        (&json!(1), &json!("bob@localhost"))
    );
    let first = house.admin("GET /users?sort=-jid&limit=3", &by, &[], "").await;
    assert_eq!((&first.value["total"], &first.value["next"]), (&json!(4), &json!("bob@localhost")));
    let second = house.admin("GET /users?sort=-jid&limit=3&after=bob@localhost", &by, &[], "").await;
    assert_eq!(
        (&second.value["items"][0]["jid"], &second.value["next"]),
        (&json!("ann@localhost"), &json!(null))
    );
}

#[tokio::test]
async fn who_asks_too_fast_is_told_when_to_come_again() {
    let house = House::start().await;
    let by = house.administrator().await;
    let mut slowed = None;
    for _ in 0..1_000 {
        let answer = house.admin("GET /session", &by, &[], "").await;
        if answer.status == 429 {
            slowed = Some(answer);
            break;
        }
    }
    assert!(slowed.unwrap().answer.field("retry-after").is_some());
}

#[tokio::test]
async fn the_pages_that_were_built_have_a_strict_policy() {
    let house = House::start().await;
    let browser = [("Accept", "text/html")];
    for path in ["/", "/admin/", "/chat/ann@localhost", "/admin/users"] {
        let page = ask(house.http(), "GET", path, &browser, "").await;
        assert_eq!((page.status, page.field("cache-control")), (200, Some("no-cache")), "{path}");
        let policy = page.field("content-security-policy").unwrap();
        assert!(
            policy.contains("require-trusted-types-for 'script'") && policy.contains("script-src 'self';")
        );
        assert_eq!(page.body.contains("administration"), path.starts_with("/admin"), "{path}");
    }
    let page = ask(house.http(), "GET", "/", &browser, "").await;
    let tag = page.field("etag").unwrap();
    assert_eq!(ask(house.http(), "GET", "/", &[browser[0], ("If-None-Match", tag)], "").await.status, 304);
    let script = page.body.split("src=\"").nth(1).unwrap().split('"').next().unwrap();
    let script = ask(house.http(), "GET", script, &[], "").await;
    assert_eq!(script.field("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(script.field("content-type"), Some("text/javascript; charset=utf-8"));
}

#[tokio::test]
async fn what_is_not_the_clients_is_not_answered_with_its_page() {
    let house = House::start().await;
    let browser = [("Accept", "text/html")];
    for path in
        ["/api/v2/users", "/api/v1/nothing", "/upload/nothing", "/.well-known/nothing", "/sip/nothing"]
    {
        assert_eq!(ask(house.http(), "GET", path, &browser, "").await.status, 404, "{path}");
    }
    assert_eq!(ask(house.http(), "GET", "/assets/nothing.js", &[("Accept", "*/*")], "").await.status, 404);
    assert_eq!(ask(house.http(), "GET", "/../Cargo.toml", &[("Accept", "*/*")], "").await.status, 404);
    assert_eq!(ask(house.http(), "POST", "/chat", &browser, "").await.status, 404);
}

#[tokio::test]
async fn lines_are_added_set_and_removed() {
    let house = House::start().await;
    let by = house.administrator().await;
    let made = house.admin("POST /lines", &by, &[], r#"{"line": "1009", "owner": "dora@localhost"}"#).await;
    assert_eq!((made.status, made.answer.field("location")), (201, Some("/api/v1/admin/lines/1009")));
    let wrong = house.admin("POST /lines", &by, &[], r#"{"line": "ten"}"#).await;
    assert_eq!((wrong.status, &wrong.value["errors"][0]["field"]), (422, &json!("line")));
    let line = house.admin("GET /lines/1009", &by, &[], "").await;
    assert_eq!((&line.value["owner"], &line.value["settings"]), (&json!("dora@localhost"), &json!({})));
    let change = json!({"changes": [{"set": "do-not-disturb", "mode": "reject"}]}).to_string();
    let set = house.admin("PATCH /lines/1009", &by, &[("If-Match", &line.tag)], &change).await;
    assert_eq!(set.value["settings"], json!({"do_not_disturb": "reject"}));
    assert_eq!(house.admin("DELETE /lines/1009", &by, &[("If-Match", &line.tag)], "").await.status, 412);
    assert_eq!(house.admin("DELETE /lines/1009", &by, &[("If-Match", &set.tag)], "").await.status, 204);
    assert_eq!(house.admin("GET /lines/1009", &by, &[], "").await.status, 404);
    assert_eq!(house.admin("GET /lines/ten", &by, &[], "").await.status, 404);
}

#[tokio::test]
async fn groups_have_exactly_the_members_that_are_given() {
    let house = House::start().await;
    let by = house.administrator().await;
    let new = json!({"name": "Sales Team", "members": ["ann@localhost", "bob@localhost"]}).to_string();
    let made = house.admin("POST /groups", &by, &[], &new).await;
    assert_eq!(
        (made.status, made.answer.field("location")),
        (201, Some("/api/v1/admin/groups/Sales%20Team"))
    );
    let group = house.admin("GET /groups/Sales%20Team", &by, &[], "").await;
    let change = json!({"members": ["bob@localhost", "carol@localhost"], "shared": true}).to_string();
    let changed = house.admin("PATCH /groups/Sales%20Team", &by, &[("If-Match", &group.tag)], &change).await;
    assert_eq!(changed.value["members"], json!(["bob@localhost", "carol@localhost"]));
    assert_eq!(changed.value["shared"], true);
}

#[tokio::test]
async fn the_dial_plan_is_tested_and_changed_from_the_revision_that_was_seen() {
    let house = House::start().await;
    let by = house.administrator().await;
    let plan = house.admin("GET /dialplan", &by, &[], "").await;
    assert_eq!(plan.value["revision"], 0);
    let tested = house.admin("POST /dialplan/test", &by, &[], r#"{"from": "1001", "dial": "1002"}"#).await;
    assert_eq!(tested.value["summary"]["goes_to"], "line 1002", "{}", tested.answer.body);
    assert!(!tested.value["explanation"]["steps"].as_array().unwrap().is_empty());
    let wrong = json!({"document": "[[nonsense]]"}).to_string();
    assert_eq!(house.admin("POST /dialplan/check", &by, &[], &wrong).await.status, 422);
    let new = json!({"document": "# nothing of ours\n"}).to_string();
    assert_eq!(house.admin("PUT /dialplan", &by, &[], &new).await.status, 428);
    let applied = house.admin("PUT /dialplan", &by, &[("If-Match", &plan.tag)], &new).await;
    assert_eq!((&applied.value["applied"], &applied.value["revision"]), (&json!(true), &json!(1)));
    assert_eq!(house.admin("PUT /dialplan", &by, &[("If-Match", &plan.tag)], &new).await.status, 412);
}

#[tokio::test]
async fn presence_is_seen_through_somebodys_eyes() {
    let house = House::start().await;
    let by = house.administrator().await;
    let all = house.admin("GET /presence/bob@localhost", &by, &[], "").await;
    assert_eq!((&all.value["state"], &all.value["may_watch"]), (&json!("On the phone"), &json!(true)));
    let stranger = house.admin("GET /presence/bob@localhost?watcher=eve@example.org", &by, &[], "").await;
    assert_eq!((&stranger.value["state"], &stranger.value["may_watch"]), (&json!("Offline"), &json!(false)));
    assert!(stranger.value["why"].as_str().unwrap().contains("has not approved"));
    assert_eq!(house.admin("GET /presence/nobody@localhost", &by, &[], "").await.status, 404);
}

#[tokio::test]
async fn one_search_finds_users_and_lines() {
    let house = House::start().await;
    let by = house.administrator().await;
    let hits = house.admin("GET /search?q=bob", &by, &[], "").await;
    let kinds: Vec<_> =
        hits.value["items"].as_array().unwrap().iter().map(|hit| hit["kind"].clone()).collect();
    assert_eq!(kinds, ["user", "line"]);
    assert_eq!(hits.value["items"][1]["id"], "1002");
}

#[tokio::test]
async fn what_is_going_on_is_listed() {
    let house = House::start().await;
    let by = house.administrator().await;
    let sessions = house.admin("GET /sessions?q=ann", &by, &[], "").await;
    assert_eq!(sessions.value["items"][0]["jid"], "ann@localhost/desk");
    let phones = house.admin("GET /registrations", &by, &[], "").await;
    assert_eq!((&phones.value["total"], &phones.value["items"][0]["line"]), (&json!(2), &json!("1001")));
    let certificates = house.admin("GET /certificates", &by, &[], "").await;
    assert_eq!(certificates.value["items"][0]["names"], json!(["localhost"]));
    for path in ["calls", "recordings", "devices", "rooms", "invitations", "sounds"] {
        assert_eq!(house.admin(&format!("GET /{path}"), &by, &[], "").await.status, 200, "{path}");
    }
    // Only a running node knows these.
    for path in ["status", "health", "trunks", "federation", "queues", "log-levels"] {
        assert_eq!(house.admin(&format!("GET /{path}"), &by, &[], "").await.status, 503, "{path}");
    }
}
