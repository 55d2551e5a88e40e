//! Administrators with roles, tokens of programs, second factors, and the log of what all of them do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod house;

use house::{House, Json, SignedIn, ask};
use serde_json::json;

async fn sign_in(house: &House, name: &str, password: &str, code: Option<&str>) -> Json {
    let proof = json!({"username": name, "password": password, "code": code}).to_string();
    house.admin("POST /session", &SignedIn::default(), &[], &proof).await
}

fn session(answer: &Json) -> SignedIn {
    SignedIn {
        cookie: answer.answer.cookie().unwrap(),
        csrf: answer.value["csrf"].as_str().unwrap().to_owned(),
    }
}

/// Makes somebody with a role, who has chosen a password.
async fn somebody(house: &House, role: &str) -> SignedIn {
    let by = house.administrator().await;
    let new = json!({"name": role, "role": role, "password": "correct horse battery"}).to_string();
    assert_eq!(house.admin("POST /administrators", &by, &[], &new).await.status, 201);
    session(&sign_in(house, role, "correct horse battery", None).await)
}

#[tokio::test]
async fn a_role_without_the_right_is_told_which_it_is() {
    let house = House::start().await;
    let helpdesk = somebody(&house, "helpdesk").await;
    assert_eq!(house.admin("GET /users", &helpdesk, &[], "").await.status, 200);
    let refused = house.admin("POST /users", &helpdesk, &[], r#"{"jid": "eve@localhost"}"#).await;
    assert_eq!((refused.status, &refused.value["right"]), (403, &json!("users:write")));
    assert_eq!(house.admin("PUT /users/ann@localhost/password", &helpdesk, &[], "").await.status, 200);
    assert_eq!(house.admin("GET /audit", &helpdesk, &[], "").await.status, 403);
    let rights = house.admin("GET /session", &helpdesk, &[], "").await.value["rights"].clone();
    assert!(!rights.as_array().unwrap().contains(&json!("users:write")));
    let archive = house.get("/api/v1/archive/search?q=a&user=ann@localhost", &helpdesk.cookie).await;
    assert_eq!(archive.status, 403);
}

#[tokio::test]
async fn who_has_a_one_time_password_chooses_their_own_and_nobody_elses() {
    let house = House::start().await;
    let by = house.administrator().await;
    let made = house.admin("POST /administrators", &by, &[], r#"{"name": "eve", "role": "auditor"}"#).await;
    let once = made.value["password"].as_str().unwrap().to_owned();
    let answer = sign_in(&house, "eve", &once, None).await;
    assert_eq!(answer.value["must_choose_password"], true);
    let form = house.get("/password", &session(&answer).cookie).await.form_token();
    let new = "correct horse battery";
    let body = format!("form_token={form}&password={new}&again={new}").replace(' ', "+");
    assert_eq!(house.post("/password", &session(&answer).cookie, &body).await.status, 303);
    assert_eq!(sign_in(&house, "eve", new, None).await.value["role"], "auditor");
    assert_eq!(sign_in(&house, "admin", new, None).await.status, 403, "the first one's is another");
}

#[tokio::test]
async fn a_program_asks_with_a_token_until_it_is_taken_back() {
    let house = House::start().await;
    let by = house.administrator().await;
    let new = json!({"name": "monitoring", "role": "auditor", "days": 1}).to_string();
    let made = house.admin("POST /tokens", &by, &[], &new).await;
    let field = format!("Bearer {}", made.value["token"].as_str().unwrap());
    let program = [("Authorization", field.as_str())];
    let get =
        async |path: &str| ask(house.http(), "GET", &format!("/api/v1/admin{path}"), &program, "").await;
    assert_eq!(get("/users").await.status, 200);
    assert_eq!(get("/audit").await.status, 200);
    let listed = house.admin("GET /tokens", &by, &[], "").await;
    assert_eq!(listed.value["items"][0]["made_by"], "admin");
    assert!(!listed.answer.body.contains(made.value["token"].as_str().unwrap()));
    let id = made.value["id"].as_str().unwrap();
    assert_eq!(house.admin(&format!("DELETE /tokens/{id}"), &by, &[], "").await.status, 204);
    assert_eq!(get("/users").await.status, 401);
}

#[tokio::test]
async fn acts_are_written_down_without_secrets() {
    let house = House::start().await;
    let by = house.administrator().await;
    let new = json!({"jid": "eve@localhost", "name": "Eve", "password": "k7Qw9z4m"}).to_string();
    house.admin("POST /users", &by, &[], &new).await;
    let tag = house.admin("GET /users/eve@localhost", &by, &[], "").await.tag;
    house.admin("PATCH /users/eve@localhost", &by, &[("If-Match", &tag)], r#"{"name": "Eve E."}"#).await;
    house.admin("POST /users", &by, &[], &new).await;
    let log = house.admin("GET /audit?target=eve@localhost", &by, &[], "").await;
    let acts = log.value["items"].as_array().unwrap();
    assert_eq!((acts.len(), &log.value["total"]), (3, &json!(3)));
    assert_eq!(
        (&acts[2]["act"], &acts[2]["who"], &acts[2]["how"]),
        (&json!("user-add"), &json!("admin"), &json!("api"))
    );
    assert_eq!((&acts[1]["before"]["name"], &acts[1]["after"]["name"]), (&json!("Eve"), &json!("Eve E.")));
    assert_ne!(acts[0]["result"], "done", "what was refused is there too");
    assert!(!log.answer.body.contains("k7Qw9z4m"));
    let csv = house.admin("GET /audit.csv?act=user-add", &by, &[], "").await.answer;
    assert_eq!((csv.body.lines().count(), csv.field("content-type")), (3, Some("text/csv; charset=utf-8")));
    sign_in(&house, "mallory", "guess", None).await;
    let tries = house.admin("GET /audit?act=sign-in", &by, &[], "").await;
    assert_eq!(tries.value["items"][0]["who"], "mallory");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_it_was_shown_to_work() {
    let house = House::start().await;
    let by = somebody(&house, "operator").await;
    let password = "correct horse battery";
    let enrolment = house.admin("POST /session/totp", &by, &[], "").await;
    assert!(enrolment.value["uri"].as_str().unwrap().starts_with("otpauth://totp/"));
    let wrong = house.admin("PUT /session/totp", &by, &[], r#"{"code": "000"}"#).await;
    assert_eq!(wrong.status, 422);
    let now = house.runtime.timestamp();
    let code =
        operations::administrators::code_now(enrolment.value["secret"].as_str().unwrap(), now).unwrap();
    let confirmed = house.admin("PUT /session/totp", &by, &[], &json!({"code": code}).to_string()).await;
    let recovery = confirmed.value["recovery_codes"].as_array().unwrap().clone();
    let asked = sign_in(&house, "operator", password, None).await;
    assert_eq!((asked.status, &asked.value["type"]), (403, &json!("urn:carillon:problem:code-wanted")));
    assert_eq!(sign_in(&house, "operator", password, Some(&code)).await.status, 403, "no code works twice");
    let recovery = recovery[0].as_str().unwrap();
    assert_eq!(sign_in(&house, "operator", password, Some(recovery)).await.status, 201);
    assert_eq!(sign_in(&house, "operator", password, Some(recovery)).await.status, 403);
}
