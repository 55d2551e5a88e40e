//! Health, metrics, unknown paths and limits over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod house;

use std::sync::Arc;
use std::time::Duration;

use house::{House, ask, exchange};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use web::{Error, Web};

#[tokio::test]
async fn health_is_told_on_every_listener() {
    let house = House::start().await;
    for address in [house.http(), house.metrics()] {
        assert_eq!(ask(address, "GET", "/healthz/live", &[], "").await.status, 200);
        let ready = ask(address, "GET", "/healthz/ready", &[], "").await;
        assert_eq!(ready.status, 200);
        assert!(ready.body.starts_with(r#"{"ready":true,"storage":"ok","listeners":["#), "{}", ready.body);
        for name in ["HTTPS", "HTTP", "metrics"] {
            let listener = format!(r#"{{"name":"{name}","up":true}}"#);
            assert!(ready.body.contains(&listener), "{}", ready.body);
        }
    }
    assert_eq!(house.get_by_tls("/healthz/ready").await.status, 200);
}

/// A message for the journal, large enough to need room.
fn entry(store: &store::Store) -> store::Entry {
    store::Entry {
        id: store.stanza_id(),
        owner: "bob@localhost".parse().unwrap(),
        from: "ann@localhost/desk".to_owned(),
        to: "bob@localhost".to_owned(),
        stanza: vec![b'x'; 16_384].into(),
        at: house::MORNING,
        spool: true,
        archives: store::Archives::default(),
        told: None,
    }
}

#[tokio::test]
async fn a_node_whose_storage_fails_is_not_ready() {
    let house = House::start().await;
    house.store.limit_size(Some(1));
    while house.store.journal_append(entry(&house.store)).is_ok() {
        tokio::task::yield_now().await;
    }
    let answer = house.get("/healthz/ready", "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains(r#""storage":"failing""#));
    let page = house.get("/status", &house.signed_in().await).await;
    assert!(page.body.contains("Takes no writes"), "the administrator sees why");
}

#[tokio::test]
async fn a_node_with_a_listener_whose_task_ended_is_not_ready() {
    let house = House::start().await;
    let address = "127.0.0.1:5222".parse().unwrap();
    let task = house.runtime.spawn_listener("XMPP", &[address], std::future::pending::<()>());
    assert_eq!(house.get("/healthz/ready", "").await.status, 200);
    task.abort();
    task.join().await;
    let answer = house.get("/healthz/ready", "").await;
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains(r#"{"name":"XMPP","up":false}"#), "{}", answer.body);
    let page = house.get("/status", &house.signed_in().await).await;
    assert!(page.body.contains("Down:</span> XMPP <code>127.0.0.1:5222"), "{}", page.body);
}

#[tokio::test]
async fn metrics_are_on_their_own_listener_only() {
    let house = House::start().await;
    assert_eq!(house.get("/metrics", "").await.status, 404);
    let answer = ask(house.metrics(), "GET", "/metrics", &[], "").await;
    assert_eq!(answer.status, 200);
    assert!(answer.field("content-type").unwrap().starts_with("text/plain"));
    assert_eq!(ask(house.metrics(), "GET", "/sign-in", &[], "").await.status, 404);
}

#[tokio::test]
async fn an_unknown_path_is_told_to_people_and_to_programs() {
    let house = House::start().await;
    let page = ask(house.http(), "GET", "/.well-known/nowhere", &[("Accept", "text/html,*/*")], "").await;
    assert_eq!(page.status, 404);
    assert!(page.body.contains("<h1>There is no such page</h1>"));
    let line = house.get("/nowhere", "").await;
    assert_eq!(line.status, 404);
    assert_eq!(line.body.lines().count(), 1);
}

#[tokio::test]
async fn the_programming_interface_tells_programs_what_it_does_not_know() {
    let house = House::start().await;
    for path in ["/api/v1", "/api/v1/users"] {
        for answer in [house.get(path, "").await, house.post(path, "", "").await] {
            assert_eq!(answer.status, 404, "{path}");
            assert!(answer.head.contains("content-type: application/problem+json"), "{}", answer.head);
            let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(problem["status"], 404);
            assert!(problem["title"].is_string() && problem["detail"].is_string());
        }
    }
}

#[tokio::test]
async fn a_body_or_header_that_is_too_large_is_refused() {
    let house = House::start().await;
    let body = format!("password={}", "x".repeat(web::limits::BODY_BYTES_MAX));
    assert_eq!(house.post("/sign-in", "", &body).await.status, 413);
    let long = format!("/{}", "x".repeat(2 * web::limits::HEADER_BYTES_MAX));
    let status = house.get(&long, "").await.status;
    assert!(matches!(status, 414 | 431), "{status}");
}

#[tokio::test]
async fn what_is_not_http_gets_400_and_the_end() {
    let house = House::start().await;
    let stream = TcpStream::connect(house.http()).await.unwrap();
    assert_eq!(exchange(stream, "\u{1}\u{2} nonsense\r\n\r\n").await.status, 400);
}

#[tokio::test]
async fn connections_end_when_the_node_stops() {
    let house = House::start().await;
    let mut idle = TcpStream::connect(house.http()).await.unwrap();
    assert_eq!(house.get("/healthz/live", "").await.status, 200);
    house.runtime.stop();
    let mut bytes = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), idle.read_to_end(&mut bytes)).await;
    assert!(end.is_ok(), "the idle connection was left open");
    assert!(house.runtime.drained(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn plain_http_beyond_loopback_is_refused() {
    let house = House::start().await;
    let config = web::WebConfig { http: vec!["0.0.0.0:0".parse().unwrap()], ..web::WebConfig::default() };
    let rooms = house::rooms(&house.store, &house.runtime).await;
    let refused: Result<Arc<Web>, Error> = Web::start(config, rooms, &house.runtime);
    assert!(matches!(refused.err(), Some(Error::NotLoopback(_))));
}

#[tokio::test]
async fn a_host_with_too_many_connections_locks_out_no_other() {
    let house = House::start().await;
    let connect = async |from: [u8; 4]| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((std::net::Ipv4Addr::from(from), 0).into()).unwrap();
        socket.connect(house.http()).await.unwrap()
    };
    let mut open = Vec::new();
    for _ in 0..web::limits::CONNECTIONS_PER_HOST_MAX {
        open.push(connect([127, 0, 0, 9]).await);
    }
    let mut refused = connect([127, 0, 0, 9]).await;
    let mut buffer = [0; 16];
    assert!(!matches!(refused.read(&mut buffer).await, Ok(1..)), "closed without a word");
    assert_eq!(house.get("/healthz/live", "").await.status, 200, "from 127.0.0.1");
}
