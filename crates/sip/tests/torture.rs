//! The messages of RFC 4475, each with the answer that the RFC asks for.

use bytes::Bytes;
use sip::message::EXTENSIONS_KNOWN;
use sip::{Message, Refusal};

#[derive(Debug, PartialEq)]
enum Answer {
    /// Goes on to whoever processes it.
    Processed,
    /// Is answered with this status.
    Refused(u16),
    /// Is a response that nobody may believe.
    Dropped,
}

use Answer::{Dropped, Processed, Refused};

/// Name, answer, and section of RFC 4475. What depends on the element (415, 406, 404, 405) is "processed" here.
const TABLE: [(&str, Answer, &str); 49] = [
    ("wsinv", Processed, "3.1.1.1"),
    ("intmeth", Processed, "3.1.1.2"),
    ("esc01", Processed, "3.1.1.3"),
    ("escnull", Processed, "3.1.1.4"),
    ("esc02", Processed, "3.1.1.5"),
    ("lwsdisp", Processed, "3.1.1.6"),
    ("longreq", Processed, "3.1.1.7"),
    ("dblreq", Processed, "3.1.1.8"),
    ("semiuri", Processed, "3.1.1.9"),
    ("transports", Processed, "3.1.1.10"),
    ("mpart01", Processed, "3.1.1.11"),
    ("unreason", Processed, "3.1.1.12"),
    ("noreason", Processed, "3.1.1.13"),
    ("badinv01", Refused(400), "3.1.2.1"),
    ("clerr", Refused(400), "3.1.2.2"),
    ("ncl", Refused(400), "3.1.2.3"),
    ("scalar02", Refused(400), "3.1.2.4"),
    ("scalarlg", Dropped, "3.1.2.5"),
    ("quotbal", Refused(400), "3.1.2.6"),
    ("ltgtruri", Refused(400), "3.1.2.7"),
    ("lwsruri", Refused(400), "3.1.2.8"),
    ("lwsstart", Refused(400), "3.1.2.9"),
    ("trws", Refused(400), "3.1.2.10"),
    ("escruri", Refused(400), "3.1.2.11"),
    // "An element may ignore the Date": no phone is shut out for its time zone.
    ("baddate", Processed, "3.1.2.12"),
    ("regbadct", Refused(400), "3.1.2.13"),
    ("badaspec", Refused(400), "3.1.2.14"),
    ("baddn", Refused(400), "3.1.2.15"),
    ("badvers", Refused(505), "3.1.2.16"),
    ("mismatch01", Refused(400), "3.1.2.17"),
    ("mismatch02", Refused(400), "3.1.2.18"),
    ("bigcode", Dropped, "3.1.2.19"),
    ("badbranch", Processed, "3.2.1"),
    ("insuf", Refused(400), "3.3.1"),
    ("unkscm", Refused(416), "3.3.2"),
    ("novelsc", Refused(416), "3.3.3"),
    ("unksm2", Processed, "3.3.4"),
    ("bext01", Refused(420), "3.3.5"),
    ("invut", Processed, "3.3.6"),
    ("regaut01", Processed, "3.3.7"),
    ("multi01", Refused(400), "3.3.8"),
    ("mcl01", Refused(400), "3.3.9"),
    // The Via that names 255.255.255.255 is not ours: the transaction layer finds no transaction for it.
    ("bcast", Processed, "3.3.10"),
    ("zeromf", Processed, "3.3.11"),
    ("cparam01", Processed, "3.3.12"),
    ("cparam02", Processed, "3.3.13"),
    ("regescrt", Processed, "3.3.14"),
    ("sdp01", Processed, "3.3.15"),
    ("inv2543", Processed, "3.4.1"),
];

fn corpus(name: &str) -> Bytes {
    let path = format!("{}/../../tests/rfc4475/{name}.dat", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}")).into()
}

fn answer(bytes: Bytes) -> Answer {
    match Message::parse(bytes) {
        Ok(Message::Request(request)) => match request.refusal(&EXTENSIONS_KNOWN) {
            None => Processed,
            Some(Refusal { status, .. }) => Refused(status),
        },
        Ok(Message::Response(response)) => response.check().map_or(Dropped, |()| Processed),
        Err(malformed) if malformed.answerable.is_some() => Refused(Refusal::from(malformed.error).status),
        Err(_) => Dropped,
    }
}

#[test]
fn every_message_gets_the_answer_that_rfc_4475_asks_for() {
    let wrong: Vec<String> = TABLE
        .iter()
        .filter_map(|(name, expected, section)| {
            let given = answer(corpus(name));
            (given != *expected).then(|| format!("{name} (§{section}): {given:?}, not {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_table_has_every_message_of_the_corpus() {
    let folder = format!("{}/../../tests/rfc4475", env!("CARGO_MANIFEST_DIR"));
    for file in std::fs::read_dir(folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let name = name.trim_end_matches(".dat");
        assert!(TABLE.iter().any(|(known, ..)| *known == name), "{name} is not in the table");
    }
}

#[test]
fn the_hardest_valid_message_is_understood() {
    let request = Message::parse(corpus("wsinv")).unwrap().into_request().unwrap();
    let headers = request.headers();
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.cseq().unwrap().number, 9);
    assert_eq!(headers.to_tag().unwrap(), "1918181833n");
    assert_eq!(headers.from_tag().unwrap(), "98asjd8");
    assert_eq!(headers.from().unwrap().display().as_ref(), b"J Rosenberg \\\"");
    let hosts: Vec<Vec<u8>> = headers.vias().map(|via| via.unwrap().host().to_vec()).collect();
    assert_eq!(hosts, [&b"192.0.2.2"[..], b"spindle.example.com", b"192.168.255.111"]);
    assert_eq!(headers.contact().unwrap().q_thousandths(), 330);
}

#[test]
fn a_second_request_in_a_datagram_is_no_part_of_the_first() {
    let request = Message::parse(corpus("dblreq")).unwrap().into_request().unwrap();
    assert!(request.body().is_empty());
    assert!(!request.bytes().windows(6).any(|window| window == b"INVITE"));
}
