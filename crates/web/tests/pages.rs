//! The pages over real sockets: who may see them, what they show, what browsers are told.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod house;

use std::time::Duration;

use house::{House, ask};
use operations::administrator;

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn the_status_page_is_for_the_administrator_only() {
    let house = House::start().await;
    let answer = house.get("/status", "").await;
    assert_eq!((answer.status, answer.field("location")), (303, Some("/sign-in")));
    let page = house.get("/status", &house.signed_in().await).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("ann@localhost/desk"));
    assert!(page.body.contains("baresip v1.0.0"));
    assert!(page.body.contains("Talking"));
    assert!(page.body.contains("0.1.0"));
    assert!(page.body.contains("Takes writes"));
}

#[tokio::test]
async fn presence_is_shown_with_its_reason() {
    let house = House::start().await;
    let page = house.get("/status", &house.signed_in().await).await;
    assert!(page.body.contains("On the phone, because line 1002 is in a call since 10:41"));
    assert!(page.body.contains("Offline, because no client is signed in"));
    let (bob, carol) = (page.body.find("bob@localhost</span>"), page.body.find("carol@localhost</span>"));
    assert!(bob.unwrap() < carol.unwrap(), "who is reachable comes first");
}

#[tokio::test]
async fn what_clients_say_is_never_markup() {
    let house = House::start().await;
    let page = house.get("/status", &house.signed_in().await).await;
    assert!(!page.body.contains("<b>laptop"));
    assert!(page.body.contains("laptop"));
}

#[tokio::test]
async fn a_one_time_link_signs_one_browser_in() {
    let house = House::start().await;
    let link = house.web.one_time_link(Duration::from_secs(60));
    assert_eq!(ask(house.http(), "HEAD", &link, &[], "").await.cookie(), None);
    let first = house.get(&link, "").await;
    assert_eq!((first.status, first.field("location")), (303, Some("/admin/")));
    assert!(first.cookie().is_some());
    let second = house.get(&link, "").await;
    assert_eq!((second.status, second.cookie()), (403, None));
}

#[tokio::test]
async fn a_link_followed_from_another_site_is_no_dead_end() {
    let house = House::start().await;
    let link = house.web.one_time_link(Duration::from_secs(60));
    let answer = ask(house.http(), "GET", &link, &[("Sec-Fetch-Site", "cross-site")], "").await;
    assert_eq!((answer.status, answer.field("refresh")), (200, Some("0; url=/admin/")));
}

#[tokio::test]
async fn the_password_signs_in_and_others_do_not() {
    let house = House::start().await;
    administrator::set_password(&house.store, &house.runtime, PASSWORD).await.unwrap();
    let right = house.post("/sign-in", "", "password=correct+horse+battery").await;
    assert_eq!((right.status, right.field("location")), (303, Some("/status")));
    assert_eq!(house.get("/status", &right.cookie().unwrap()).await.status, 200);
    let wrong = house.post("/sign-in", "", "password=correct+horse").await;
    assert_eq!((wrong.status, wrong.cookie()), (403, None));
}

#[tokio::test]
async fn a_wrong_password_and_none_set_read_the_same() {
    let house = House::start().await;
    let none_set = house.post("/sign-in", "", "password=correct+horse").await;
    administrator::set_password(&house.store, &house.runtime, PASSWORD).await.unwrap();
    let wrong = house.post("/sign-in", "", "password=correct+horse").await;
    assert_eq!((none_set.status, none_set.body), (wrong.status, wrong.body));
}

#[tokio::test]
async fn guessing_becomes_slow_and_the_right_password_gets_in_all_the_same() {
    let house = House::start().await;
    administrator::set_password(&house.store, &house.runtime, PASSWORD).await.unwrap();
    for _ in 0..web::limits::FAILURES_MAX {
        assert_eq!(house.post("/sign-in", "", "password=guess").await.status, 403);
    }
    let began = house.runtime.now();
    let right = house.post("/sign-in", "", &format!("password={}", PASSWORD.replace(' ', "+"))).await;
    assert_eq!(right.status, 303);
    assert!(house.runtime.now() >= began + web::limits::LATE_ATTEMPT_INTERVAL);
}

#[tokio::test]
async fn the_one_time_password_only_lets_its_owner_choose_another() {
    let house = House::start().await;
    administrator::set_one_time_password(&house.store, &house.runtime, "abcd-1234-once").await.unwrap();
    let answer = house.post("/sign-in", "", "password=abcd-1234-once").await;
    assert_eq!(answer.field("location"), Some("/password"));
    let once = answer.cookie().unwrap();
    assert_eq!(house.get("/status", &once).await.field("location"), Some("/password"));
    let token = house.get("/password", &once).await.form_token();
    let short = format!("form_token={token}&password=short&again=short");
    assert_eq!(house.post("/password", &once, &short).await.status, 422);
    let differing = format!("form_token={token}&password=correct+horse+battery&again=correct");
    assert_eq!(house.post("/password", &once, &differing).await.status, 422);
    let good = format!("form_token={token}&password=correct+horse+battery&again=correct+horse+battery");
    let chosen = house.post("/password", &once, &good).await;
    assert_eq!(chosen.field("location"), Some("/status"));
    assert_eq!(house.get("/status", &chosen.cookie().unwrap()).await.status, 200);
    assert_eq!(house.get("/status", &once).await.status, 303, "the session of before is over");
    assert_eq!(house.post("/sign-in", "", "password=abcd-1234-once").await.status, 403);
}

#[tokio::test]
async fn changing_the_password_needs_the_present_one() {
    let house = House::start().await;
    administrator::set_password(&house.store, &house.runtime, PASSWORD).await.unwrap();
    let cookie = house.signed_in().await;
    let token = house.get("/password", &cookie).await.form_token();
    let form = |current| {
        format!("form_token={token}&current={current}&password=another+long+one&again=another+long+one")
    };
    assert_eq!(house.post("/password", &cookie, &form("wrong")).await.status, 403);
    assert_eq!(house.post("/password", &cookie, &form("correct+horse+battery")).await.status, 303);
    assert_eq!(house.post("/sign-in", "", "password=another+long+one").await.status, 303);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_needs_the_forms_token() {
    let house = House::start().await;
    let cookie = house.signed_in().await;
    assert_eq!(house.post("/sign-out", &cookie, "form_token=forged").await.status, 403);
    assert_eq!(house.get("/status", &cookie).await.status, 200);
    let token = house.get("/status", &cookie).await.form_token();
    let answer = house.post("/sign-out", &cookie, &format!("form_token={token}")).await;
    assert_eq!(answer.field("location"), Some("/sign-in"));
    assert!(answer.field("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(house.get("/status", &cookie).await.status, 303);
}

#[tokio::test]
async fn a_form_from_another_site_is_refused() {
    let house = House::start().await;
    let fields = [("Origin", "https://evil.example"), ("Content-Type", "application/x-www-form-urlencoded")];
    let answer = ask(house.http(), "POST", "/sign-in", &fields, "password=x").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("another site"));
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_other_sites_and_plain_http() {
    let house = House::start().await;
    let link = house.web.one_time_link(Duration::from_secs(60));
    let plain = house.get(&link, "").await;
    let plain = plain.field("set-cookie").unwrap();
    assert!(plain.contains("; HttpOnly; SameSite=Strict") && !plain.contains("Secure"), "{plain}");
    let link = house.web.one_time_link(Duration::from_secs(60));
    let secure = house.get_by_tls(&link).await;
    let secure = secure.field("set-cookie").unwrap();
    assert!(secure.starts_with("__Host-") && secure.contains("; Secure"), "{secure}");
}

#[tokio::test]
async fn every_answer_carries_the_policy_and_no_page_has_inline_code() {
    let house = House::start().await;
    let cookie = house.signed_in().await;
    for path in ["/status", "/sign-in", "/password", "/nowhere", "/upload", "/healthz/live", "/style.css"] {
        let answer = house.get(path, &cookie).await;
        let policy = answer.field("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"), "{path}");
        for inline in ["style=", "onclick=", "<script>", "<style"] {
            assert!(!answer.body.contains(inline), "{path} has {inline}");
        }
    }
    assert_eq!(house.get("/status", &cookie).await.field("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn https_serves_the_same() {
    let house = House::start().await;
    let answer = house.get_by_tls("/sign-in").await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("Password"));
}
