//! What a scanner of extensions (as sipvicious) learns: nothing.

use sip::{Method, Name, Response};

use crate::phone::{House, Phone};

/// An answer, byte for byte, with what is new in every answer and what the scanner itself said left out.
fn told(response: &Response, said: &[String]) -> String {
    let text = String::from_utf8_lossy(response.bytes()).into_owned();
    let mut text = said.iter().fold(text, |text, said| text.replace(said.as_str(), "(said)"));
    for (start, end) in [("nonce=\"", "\""), (";tag=", "\r\n"), (";branch=", "\r\n"), ("CSeq: ", "\r\n")] {
        let mut from = 0;
        while let Some(at) = text[from..].find(start).map(|at| from + at + start.len()) {
            let length = text[at..].find(end).unwrap_or(0);
            text.replace_range(at..at + length, "");
            from = at;
        }
    }
    text
}

async fn answer(house: &House, method: &Method, own: &str, to: &str) -> String {
    let mut phone = Phone::udp(house, own).await;
    let request = phone.request(method.clone(), to).header(Name::UserAgent, "friendly-scanner");
    let request = request.header(Name::Event, "dialog").finish();
    phone.send(&request.bytes().clone()).await;
    let response = phone.response().await;
    assert_ne!(response.status(), 404, "{method}");
    let port = phone.local.port().to_string();
    told(&response, &[port, own.to_owned(), to.to_owned()])
}

#[tokio::test]
async fn a_scanner_is_told_the_same_of_numbers_that_exist_and_that_do_not() {
    let house = House::open().await;
    // With a phone, and without one.
    Phone::udp(&house, "1002").await.register().await;
    for method in [Method::Register, Method::Invite, Method::Message, Method::Subscribe] {
        let known = answer(&house, &method, "1001", "1002").await;
        assert!(known.contains(" 401 "), "{method}: {known}");
        for (own, to) in [("1001", "1009"), ("1001", "1999"), ("1999", "1002"), ("1998", "1999")] {
            assert_eq!(answer(&house, &method, own, to).await, known, "{method} from {own} to {to}");
        }
    }
    assert!(house.calls.snapshots().is_empty());
}
