//! Tests of URIs: the examples of RFC 3261 §19.1 and what is no URI.

use super::*;

fn uri(text: &str) -> Uri {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_parts_of_a_sip_uri_are_found() {
    let uri =
        uri("sip:alice;day=tuesday:pass@[2001:db8::1]:5070;transport=tcp;lr?subject=x%20y&priority=urgent");
    assert_eq!(uri.scheme(), Scheme::Sip);
    assert_eq!(uri.user(), Some(&b"alice;day=tuesday"[..]));
    assert_eq!(uri.host(), b"[2001:db8::1]");
    assert_eq!(uri.port(), Some(5070));
    assert_eq!(uri.transport(), Some(&b"tcp"[..]));
    assert!(uri.params().has(b"lr"));
    let headers: Vec<_> = uri.headers().collect();
    assert_eq!(headers, [(&b"subject"[..], &b"x%20y"[..]), (b"priority", b"urgent")]);
}

#[test]
fn other_schemes_are_carried() {
    let tel = uri("tel:+1-201-555-0123;phone-context=example.com");
    assert_eq!((tel.scheme(), tel.user()), (Scheme::Tel, Some(&b"+1-201-555-0123"[..])));
    assert_eq!(tel.params().value(b"phone-context"), Some(&b"example.com"[..]));
    let other = uri("soap.beep://192.0.2.103:3002");
    assert_eq!((other.scheme(), other.scheme_bytes()), (Scheme::Other, &b"soap.beep"[..]));
    assert_eq!(uri("SIPS:h").scheme(), Scheme::Sips);
}

#[test]
fn what_is_no_uri_is_refused() {
    for text in [
        "",
        "bob",
        "sip:",
        "sip:@h",
        "sip::p@h",
        "sip:a@",
        "sip:a@h:",
        "sip:a@h:99999",
        "sip:a b@h",
        "<sip:a@h>",
        "sip:a%4@h",
        "sip:a%zz@h",
        "sip:a@[::1",
        "sip:a@[zz]",
        "sip:a@h:5060x",
        "sip:a@b@c",
        "tel:",
        "tel:abc!",
        "1sip:x",
        ":x",
    ] {
        assert!(text.parse::<Uri>().is_err(), "{text:?}");
    }
    assert!(format!("sip:{}@h", "a".repeat(URI_BYTES_MAX)).parse::<Uri>().is_err());
}

/// The examples of RFC 3261 §19.1.4.
#[test]
fn uris_compare_as_the_rfc_says() {
    for (a, b) in [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("tel:+1-201-555-0123", "tel:+12015550123"),
    ] {
        assert!(uri(a).matches(&uri(b)) && uri(b).matches(&uri(a)), "{a} {b}");
    }
    for (a, b) in [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtlanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:bob@h", "sips:bob@h"),
    ] {
        assert!(!uri(a).matches(&uri(b)) && !uri(b).matches(&uri(a)), "{a} {b}");
    }
}

#[test]
fn a_composed_user_is_escaped_and_comes_back() {
    let uri =
        Uri::compose(Scheme::Sip, Some("b ö@b;<>".as_bytes()), "::1", Some(5062), ";transport=tls").unwrap();
    assert_eq!(uri.to_string(), "sip:b%20%C3%B6%40b%3B%3C%3E@[::1]:5062;transport=tls");
    assert_eq!(uri.user_decoded().unwrap().as_ref(), "b ö@b;<>".as_bytes());
    assert_eq!(uri.detached(), uri);
}
