//! One subscription that watches a list (RFC 4662), brought along by the SUBSCRIBE (RFC 5367).

use sip::{Method, Name, Request};

use crate::phone::{DOMAIN, House, Phone};
use crate::text;

const LISTS: &str = "application/resource-lists+xml";

/// Subscribes to a list of these numbers or names.
async fn watch(phone: &mut Phone, package: &str, members: &[&str], supported: &str) -> sip::Response {
    let entries: String =
        members.iter().map(|name| format!("<entry uri=\"sip:{name}@{DOMAIN}\"/>")).collect();
    let list = format!("<?xml version=\"1.0\"?><resource-lists><list>{entries}</list></resource-lists>");
    phone
        .ask(|phone| {
            phone
                .request(Method::Subscribe, &phone.number.clone())
                .header(Name::Event, package)
                .header(Name::Require, "recipient-list-subscribe")
                .header(Name::Supported, supported)
                .header(Name::ContentDisposition, "recipient-list")
                .body(LISTS, list.as_bytes())
        })
        .await
}

async fn notified(phone: &mut Phone) -> Request {
    let request = phone.expect_request(Method::Notify).await;
    phone.answer(&request, 200).await;
    request
}

#[tokio::test]
async fn one_subscription_shows_the_lines_of_a_list_in_full_and_then_what_changed() {
    let house = House::open().await;
    let (mut ann, mut lobby) = (Phone::udp(&house, "1001").await, Phone::udp(&house, "1009").await);
    let accepted = watch(&mut ann, "dialog", &["1002", "1009", "4711"], "eventlist").await;
    assert_eq!(accepted.status(), 200);
    assert!(accepted.headers().has_token(Name::Require, b"eventlist"));
    let full = notified(&mut ann).await;
    assert!(full.headers().has_token(Name::Require, b"eventlist"));
    let media_type = full.headers().content_type().unwrap();
    assert!(media_type.is("multipart", "related"));
    let document = text(&full);
    for part in ["fullState=\"true\"", "version=\"0\"", "state=\"terminated\" reason=\"noresource\""] {
        assert!(document.contains(part), "{part}: {document}");
    }
    assert_eq!(document.matches("<dialog-info").count(), 2, "{document}");
    assert!(!document.contains("<dialog "), "nobody is registered: {document}");
    lobby.register().await;
    let partial = text(&notified(&mut ann).await);
    for part in ["fullState=\"false\"", "version=\"1\"", "sip:1009@", "<state>terminated</state>"] {
        assert!(partial.contains(part), "{part}: {partial}");
    }
    assert!(!partial.contains("sip:1002@") && !partial.contains("4711"), "{partial}");
}

#[tokio::test]
async fn a_list_of_people_shows_only_whom_the_watcher_may_see() {
    let house = House::open().await;
    let (mut ann, mut bob) = (Phone::udp(&house, "1001").await, Phone::udp(&house, "1002").await);
    ann.register().await;
    bob.register().await;
    assert_eq!(watch(&mut ann, "presence", &["bob", "ann"], "eventlist").await.status(), 200);
    let both = text(&notified(&mut ann).await);
    assert_eq!(both.matches("<basic>open</basic>").count(), 2, "{both}");
    // Ann's roster does not let bob in.
    assert_eq!(watch(&mut bob, "presence", &["bob", "ann"], "eventlist").await.status(), 200);
    let own = text(&notified(&mut bob).await);
    assert_eq!(own.matches("<basic>open</basic>").count(), 1, "{own}");
    assert_eq!(own.matches("<basic>closed</basic>").count(), 1, "{own}");
}

#[tokio::test]
async fn a_list_is_refused_to_whoever_cannot_read_it_or_write_one() {
    let house = House::open().await;
    let mut ann = Phone::udp(&house, "1001").await;
    let refused = watch(&mut ann, "dialog", &["1002"], "timer").await;
    assert_eq!(refused.status(), 421);
    assert!(refused.headers().has_token(Name::Require, b"eventlist"));
    assert_eq!(watch(&mut ann, "dialog", &[], "eventlist").await.status(), 400);
}

#[tokio::test]
async fn what_has_no_room_in_the_first_document_comes_with_the_next() {
    let house = House::open().await;
    for number in 2000..2200_u32 {
        house.add_line(&number.to_string()).await;
    }
    let mut ann = Phone::udp(&house, "1001").await;
    // The shards follow within milliseconds.
    while watch(&mut ann, "dialog", &["2199"], "eventlist").await.status() != 200
        || text(&notified(&mut ann).await).contains("noresource")
    {}
    let numbers: Vec<String> = (2000..2200).map(|number: u32| number.to_string()).collect();
    let members: Vec<&str> = numbers.iter().map(String::as_str).collect();
    assert_eq!(watch(&mut ann, "dialog", &members, "eventlist").await.status(), 200);
    let first = text(&notified(&mut ann).await);
    assert_eq!(first.matches("<resource ").count(), 200);
    let mut told = first.matches("<dialog-info").count();
    assert!(told < 200 && first.len() < 56 * 1024, "{told} in {} bytes", first.len());
    while told < 200 {
        let more = text(&notified(&mut ann).await);
        let count = more.matches("<dialog-info").count();
        assert!(count > 0 && more.contains("fullState=\"false\""), "{more}");
        assert_eq!(count, more.matches("<resource ").count(), "nothing but what was missing");
        told += count;
    }
    assert_eq!(told, 200);
}
