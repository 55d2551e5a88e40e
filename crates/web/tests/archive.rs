//! The search of archives over HTTP: for the administrator only, in pages.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod house;

use bytes::Bytes;
use house::{House, MORNING};
use model::Timestamp;
use serde_json::Value;
use store::{Archives, Entry};

const SEARCH: &str = "/api/v1/archive/search";

async fn said(house: &House, words: &[&str]) {
    for (n, words) in words.iter().enumerate() {
        let seq = house.store.journal_append(Entry {
            id: house.store.stanza_id(),
            owner: "bob@localhost".parse().unwrap(),
            from: "ann@localhost/desk".to_owned(),
            to: "bob@localhost".to_owned(),
            stanza: Bytes::from(format!("<message><body>{words}</body></message>")),
            at: Timestamp(MORNING.0 + n as i64),
            spool: false,
            archives: Archives { owner: true, sender: true },
            told: None,
        });
        house.store.kept(seq.unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn nobody_but_the_administrator_reads_archives() {
    let house = House::start().await;
    let answer = house.get(&format!("{SEARCH}?q=tea&user=bob@localhost"), "").await;
    assert_eq!(answer.status, 401, "{}", answer.body);
}

#[tokio::test]
async fn words_are_found_page_by_page() {
    let house = House::start().await;
    said(&house, &["a cup of tea", "coffee", "more tea", "\"tea\" &amp; cake"]).await;
    let cookie = house.signed_in().await;
    let ask = async |query: &str| -> Value {
        let answer = house.get(&format!("{SEARCH}?{query}"), &cookie).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.field("content-type"), Some("application/json"));
        serde_json::from_str(&answer.body).unwrap()
    };
    let bodies = |found: &Value| -> Vec<String> {
        let messages = found["messages"].as_array().unwrap().iter();
        messages.map(|message| message["body"].as_str().unwrap().to_owned()).collect()
    };
    let first = ask("q=tea&user=bob@localhost&max=2").await;
    assert_eq!(bodies(&first), ["a cup of tea", "more tea"]);
    assert_eq!((first["count"].as_i64(), first["complete"].as_bool()), (Some(3), Some(false)));
    assert_eq!(first["messages"][0]["from"], "ann@localhost/desk");
    let last = first["messages"][1]["id"].as_str().unwrap();
    let second = ask(&format!("q=tea&user=bob@localhost&max=2&after={last}")).await;
    assert_eq!(bodies(&second), ["\"tea\" & cake"]);
    assert_eq!(second["complete"], true);
    assert_eq!(bodies(&ask("q=%22of+tea%22&user=ann@localhost&with=bob@localhost").await), ["a cup of tea"]);
    assert_eq!(bodies(&ask("q=tea&user=bob@localhost&before=&max=1").await), ["\"tea\" & cake"]);
    assert_eq!(ask("q=tea&user=carol@localhost").await["count"], 0);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_reason() {
    let house = House::start().await;
    let cookie = house.signed_in().await;
    for wrong in [
        "user=bob@localhost",
        "q=tea",
        "q=*&user=bob@localhost",
        "q=tea&user=b&colour=red",
        "q=a&user=b&after=x",
    ] {
        let answer = house.get(&format!("{SEARCH}?{wrong}"), &cookie).await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.body);
        assert!(answer.body.contains("\"error\""), "{wrong}: {}", answer.body);
    }
}
