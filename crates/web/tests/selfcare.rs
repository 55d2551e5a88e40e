//! What a person's programs do for the person alone, over `/api/v1/self` with a token: each thing once, and that nobody
//! else's is in reach.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod chat;
mod house;

use chat::Client;
use client::phone::{Error, Phone, PhoneConfig};
use futures::future::BoxFuture;
use house::{Answer, House, ask};
use model::BareJid;
use serde_json::{Value, json};
use store::{CallLeg, CallRecord, HistoryKind, HistoryLine, LegTimes, SignInToken, Store};
use xmpp::sasl::Credentials;
use xmpp::sasl::scram::Hash;

/// A person with a token.
struct Page<'h> {
    house: &'h House,
    token: String,
    _chat: Client,
}

impl<'h> Page<'h> {
    async fn open(house: &'h House, user: &str) -> Self {
        let mut chat = Client::available(house.http(), user, "web").await;
        let token = chat.api_token().await;
        Self { house, token, _chat: chat }
    }

    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let kind = if body.is_some() { "application/json" } else { "" };
        let fields = [("Authorization", &*bearer), ("Content-Type", kind)];
        let body = body.map_or_else(String::new, |body| body.to_string());
        ask(self.house.http(), method, &format!("/api/v1/self{path}"), &fields, &body).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The status and the words of a refusal.
    async fn refused(&self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let answer = self.ask(method, path, body).await;
        assert_eq!(answer.field("content-type"), Some("application/problem+json"), "{}", answer.body);
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["status"], answer.status);
        (answer.status, problem["detail"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn without_a_token_nothing_is_told() {
    let house = House::start().await;
    let page = Page::open(&house, "ann").await;
    for path in ["/me", "/calls", "/lines/1001"] {
        let answer = ask(house.http(), "GET", &format!("/api/v1/self{path}"), &[], "").await;
        assert_eq!(
            (answer.status, answer.field("www-authenticate")),
            (401, Some("Bearer realm=\"self\"")),
            "{path}"
        );
    }
    assert_eq!(page.refused("GET", "/nowhere", None).await.0, 404);
    assert_eq!(page.refused("POST", "/me", None).await.0, 405);
    assert_eq!(page.ask("DELETE", "/token", None).await.status, 204);
    let answer = page.ask("GET", "/me", None).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.field("www-authenticate"), Some("Bearer realm=\"self\", error=\"invalid_token\""));
}

#[tokio::test]
async fn a_person_sees_who_they_are() {
    let house = House::start().await;
    let me = Page::open(&house, "ann").await.get("/me").await;
    assert_eq!((&me["jid"], &me["name"]), (&json!("ann@localhost"), &json!("Ann Archer")));
    let line = json!({"line": "1001", "number": "1001", "uri": "sip:1001@localhost", "registered": false});
    assert_eq!(me["lines"], json!([line]));
    assert_eq!(me["rights"], json!({"administrator": false, "directory": true, "applications": "own"}));
    assert_eq!(me["features"], json!(["phone", "calls", "directory", "applications"]));
    assert_eq!((&me["domain"], &me["ice_servers"]), (&json!("localhost"), &json!([])));
    let dora = Page::open(&house, "dora").await;
    assert_eq!(dora.get("/me").await["features"], json!(["directory", "applications"]));
    assert_eq!(dora.refused("POST", "/phone", None).await.0, 404);
}

async fn register(house: &House, lent: &Value) -> Result<Phone, Error> {
    let mut config = PhoneConfig::new("1001", "localhost");
    config.username = Some(lent["username"].as_str().unwrap().to_owned());
    config.password = lent["password"].as_str().unwrap().to_owned();
    config.server = Some(house.calls.listening().udp[0]);
    Phone::register(config, house.runtime.clone()).await
}

#[tokio::test]
async fn a_page_is_lent_a_phone_that_ends_when_it_is_given_back() {
    let house = House::start().await;
    let page = Page::open(&house, "ann").await;
    let lent = page.ask("POST", "/phone", None).await;
    assert_eq!(lent.status, 201, "{}", lent.body);
    let first: Value = serde_json::from_str(&lent.body).unwrap();
    assert_eq!((&first["ws"], &first["uri"]), (&json!("/sip"), &json!("sip:1001@localhost")));
    let phone = register(&house, &first).await.unwrap();
    assert_eq!(house.calls.registrations().len(), 1);
    let again = page.ask("POST", "/phone", Some(json!({"line": "1001"}))).await;
    assert!(house.calls.registrations().is_empty(), "one for each token");
    assert!(register(&house, &first).await.is_err());
    let second: Value = serde_json::from_str(&again.body).unwrap();
    let other = register(&house, &second).await.unwrap();
    assert_eq!(page.refused("POST", "/phone", Some(json!({"line": "1002"}))).await.0, 404);
    assert_eq!(page.refused("POST", "/phone", Some(json!({"lines": "1001"}))).await.0, 422);
    assert_eq!(page.ask("DELETE", "/phone", None).await.status, 204);
    assert!(house.calls.registrations().is_empty());
    assert!(register(&house, &second).await.is_err());
    assert_eq!(page.refused("DELETE", "/phone", None).await.0, 404);
    drop((phone, other));
}

/// A call that ann missed, with this number.
fn missed(id: u64, from: &str) -> CallRecord {
    let at = model::Timestamp(house::MORNING.0 + i64::try_from(id).unwrap());
    let leg = CallLeg {
        line: Some("1001".parse::<model::Number>().unwrap().into()),
        owner: Some("ann@localhost".parse().unwrap()),
        address: "1001".to_owned(),
        name: None,
        calling: false,
        times: LegTimes { started: at, alerted: Some(at), answered: None, ended: at },
        cause: "noAnswer".to_owned(),
        sip_call_id: String::new(),
        codecs: String::new(),
        quality: None,
        history: Some(HistoryLine {
            kind: HistoryKind::Missed,
            peer: from.to_owned(),
            peer_name: Some("Somebody".to_owned()),
        }),
    };
    CallRecord {
        id,
        started: at,
        answered: None,
        ended: at,
        dialled: "1001".to_owned(),
        cause: "noAnswer".to_owned(),
        ended_by: None,
        linked: None,
        legs: vec![leg],
    }
}

#[tokio::test]
async fn a_person_pages_through_the_own_calls_and_has_seen_them() {
    let house = House::start().await;
    house.store.call_records_put(&[missed(1, "1002"), missed(2, "1003")]).await.unwrap();
    let (ann, bob) = (Page::open(&house, "ann").await, Page::open(&house, "bob").await);
    let first = ann.get("/calls?kind=missed&limit=1").await;
    assert_eq!((&first["unseen"], &first["calls"][0]["peer"]), (&json!(2), &json!("1003")));
    let behind = first["calls"][0]["id"].as_str().unwrap();
    let second = ann.get(&format!("/calls?behind={behind}")).await;
    assert_eq!((second["calls"].as_array().unwrap().len(), &second["calls"][0]["peer"]), (1, &json!("1002")));
    assert_eq!(ann.ask("POST", "/calls/seen", None).await.status, 204);
    assert_eq!(ann.get("/calls").await["unseen"], 0);
    assert_eq!(bob.get("/calls").await["calls"], json!([]));
    assert_eq!(ann.refused("GET", "/calls?kind=lost", None).await.0, 422);
    assert_eq!(ann.refused("GET", "/calls?page=2", None).await.0, 400);
}

#[tokio::test]
async fn a_person_sets_forwards_and_speed_dials_of_the_own_line_only() {
    let house = House::start().await;
    let page = Page::open(&house, "ann").await;
    let changes = json!([
        {"set": "forward", "when": "busy", "to": "1003"},
        {"set": "speed-dial", "place": 7, "dial": {"number": "1002", "label": "Bob"}},
    ]);
    let answer = page.ask("PATCH", "/lines/1001", Some(changes)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let shown = page.get("/lines/1001").await;
    assert_eq!(shown["forwards"], json!([{"when": "busy", "target": "1003"}]));
    assert_eq!(shown["speed_dials"], json!([{"place": 7, "number": "1002", "label": "Bob"}]));
    assert_eq!(shown["settings"]["forward"]["busy"]["internal"]["to"], "1003");
    let off =
        page.ask("PATCH", "/lines/1001", Some(json!({"set": "do-not-disturb", "mode": "silent"}))).await;
    assert_eq!(serde_json::from_str::<Value>(&off.body).unwrap()["settings"]["do_not_disturb"], "silent");
    for (path, body, status) in [
        ("/lines/1002", json!({"set": "ring-seconds", "seconds": 9}), 404),
        ("/lines/1001", json!({"set": "forward", "when": "all", "to": "4711"}), 422),
        ("/lines/1001", json!({"set": "owner", "to": "bob"}), 422),
    ] {
        assert_eq!(page.refused("PATCH", path, Some(body)).await.0, status, "{path}");
    }
    assert_eq!(page.refused("GET", "/lines/1002", None).await.0, 404);
}

#[tokio::test]
async fn a_person_learns_what_a_call_would_do_and_who_there_is() {
    let house = House::start().await;
    let page = Page::open(&house, "ann").await;
    let bob = json!({"dialled": "1002", "goes_to": "line", "called": "1002", "name": "Bob Baker"});
    assert_eq!(page.get("/dial?to=10-02").await, bob);
    assert_eq!(page.get("/dial?to=4711&line=1001").await["refused"], "there is no such number");
    assert_eq!(page.refused("GET", "/dial?to=1001&line=1002", None).await.0, 404);
    let found = page.get("/directory?q=bak").await;
    let person = json!({"jid": "bob@localhost", "name": "Bob Baker", "numbers": ["1002"], "groups": []});
    assert_eq!(found, json!({"people": [person], "count": 1}));
    assert_eq!(page.refused("GET", "/directory?q=b", None).await.0, 422);
}

/// Changes passwords as a node does.
struct Passwords(Store);

impl im::Administration for Passwords {
    fn carry_out(&self, _by: &BareJid, order: im::Order) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let im::Order::UserSetPassword { jid, password } = order else { panic!("only that") };
            let record =
                Credentials::derive(&password, &[2; 16], 1, &[Hash::Sha256]).unwrap().sha256.unwrap();
            let record = store::ScramRecord {
                mechanism: "SCRAM-SHA-256".to_owned(),
                salt: record.salt,
                iterations: record.iterations,
                stored_key: record.stored_key,
                server_key: record.server_key,
            };
            self.0.user_set_credentials(&jid, vec![record]).await.map_err(|error| error.to_string())
        })
    }
}

#[tokio::test]
async fn another_password_wants_the_old_one_and_ends_the_token() {
    let house = House::start().await;
    house.im.set_administration(Passwords(house.store.clone()));
    let page = Page::open(&house, "ann").await;
    let set = |old: &str, new: &str| Some(json!({"old": old, "new": new}));
    assert_eq!(page.refused("PUT", "/password", set("guess", "a better one")).await.0, 403);
    let (status, why) = page.refused("PUT", "/password", set("secret", "short")).await;
    assert_eq!((status, &*why), (422, "a password has at least 8 characters."));
    assert_eq!(page.ask("PUT", "/password", set("secret", "a better one")).await.status, 204);
    assert_eq!(page.ask("GET", "/me", None).await.status, 401);
    let here = "127.0.0.1".parse().unwrap();
    assert!(house.im.check_password(here, "ann", "a better one").await.is_ok());
}

#[tokio::test]
async fn clients_that_sign_in_by_themselves_are_seen_and_signed_out() {
    let house = House::start().await;
    let page = Page::open(&house, "ann").await;
    let ann: BareJid = "ann@localhost".parse().unwrap();
    let expires_at = model::Timestamp(i64::MAX / 2);
    for client in ["desk", "phone"] {
        let token = SignInToken {
            client: client.to_owned(),
            in_use: false,
            mechanism: "HT-SHA-256-NONE".to_owned(),
            key: vec![1; 32],
            software: "Awesome".to_owned(),
            device: String::new(),
            issued_at: house::MORNING,
            expires_at,
            used_at: None,
        };
        house.store.sign_in_token_put(&ann, token).await.unwrap();
    }
    let clients = page.get("/sign-ins").await;
    assert_eq!((clients.as_array().unwrap().len(), &clients[0]["software"]), (2, &json!("Awesome")));
    assert_eq!(page.ask("DELETE", "/sign-ins/desk", None).await.status, 204);
    assert_eq!(page.refused("DELETE", "/sign-ins/desk", None).await.0, 404);
    assert_eq!(page.ask("DELETE", "/sign-ins", None).await.status, 204);
    assert_eq!(page.get("/sign-ins").await, json!([]));
}
