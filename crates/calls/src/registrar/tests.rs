//! Tests of the registrar: the rules of RFC 3261 §10.3 and what presence and the store hear.

use std::time::Duration;

use super::*;
use crate::board::Board;
use presence::{Engine, Rules, State};
use runtime::Runtime;
use sip::endpoint::Flow;
use sip::{Message, Request};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

struct Bench {
    registrar: Registrar,
    engine: Arc<Engine>,
    store: Store,
    line: LineId,
    bob: BareJid,
    url: String,
    _folder: tempfile::TempDir,
}

async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let store = Store::open(&url, &Runtime::real()).await.unwrap();
    let engine = Arc::new(Engine::new(Rules::default()));
    let lines = Arc::new(LineStates::new(Arc::clone(&engine), Arc::new(Board::new())));
    Bench {
        registrar: Registrar::new(store.clone(), lines),
        engine,
        store,
        line: "1002".parse::<model::Number>().unwrap().into(),
        bob: "bob@example.org".parse().unwrap(),
        url,
        _folder: folder,
    }
}

fn register(call_id: &str, cseq: u32, lines: &str) -> Request {
    let text = format!(
        "REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1\r\n\
         From: <sip:1002@example.org>;tag=1\r\nTo: <sip:1002@example.org>\r\nCall-ID: {call_id}\r\n\
         CSeq: {cseq} REGISTER\r\n{lines}Content-Length: 0\r\n\r\n"
    );
    Message::parse(text.into()).unwrap().into_request().unwrap()
}

fn flow(remote: &str, connection: Option<u64>) -> Flow {
    Flow {
        transport: if connection.is_some() { Transport::Tcp } else { Transport::Udp },
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: remote.parse().unwrap(),
        connection: connection.map(ConnectionId),
    }
}

impl Bench {
    fn take(&self, request: &Request, flow: Flow, now: Timestamp) -> Result<Vec<String>, Refused> {
        let update = Update::read(request, flow)?;
        let all = self.registrar.register(&self.line, Some(&self.bob), &update, now)?;
        Ok(all.iter().map(|binding| binding.contact_value(now)).collect())
    }

    fn udp(&self, call_id: &str, cseq: u32, lines: &str) -> Result<Vec<String>, Refused> {
        self.take(&register(call_id, cseq, lines), flow("10.0.0.5:5062", None), NOW)
    }

    fn targets(&self, now: Timestamp) -> Vec<String> {
        let contacts = self.registrar.contacts(&self.line, now);
        contacts.iter().map(|binding| binding.target().flow.remote.to_string()).collect()
    }
}

#[tokio::test]
async fn contacts_are_added_refreshed_and_removed() {
    let bench = bench().await;
    let two = bench.udp("a", 1, "Contact: <sip:b@10.0.0.5>;q=0.5, <sip:b@10.0.0.6>;expires=60\r\n").unwrap();
    assert_eq!(two, ["<sip:b@10.0.0.5>;expires=3600;q=0.500", "<sip:b@10.0.0.6>;expires=60"]);
    assert_eq!(bench.udp("a", 2, "").unwrap().len(), 2, "a query changes nothing");
    assert_eq!(bench.udp("a", 3, "Contact: <sip:b@10.0.0.6>\r\nExpires: 0\r\n").unwrap().len(), 1);
    assert_eq!(bench.udp("a", 4, "Contact: *\r\nExpires: 0\r\n").unwrap().len(), 0);
    assert!(bench.registrar.is_empty());
}

#[tokio::test]
async fn of_a_contact_that_is_named_twice_the_last_word_holds() {
    let bench = bench().await;
    let twice = |first: u32, last: u32| {
        format!(
            "Contact: <sip:1002@10.0.0.5>;expires={first}\r\nContact: <sip:1002@10.0.0.5>;expires={last}\r\n"
        )
    };
    let at = flow("10.0.0.5:5060", None);
    let take = |cseq: u32, lines: &str| bench.take(&register("a", cseq, lines), at, NOW).map(|all| all.len());
    assert_eq!(take(1, &twice(3600, 600)), Ok(1));
    assert_eq!(take(2, &twice(3600, 0)), Ok(0));
    assert_eq!(take(3, &twice(0, 3600)), Ok(1));
    assert_eq!(take(3, &twice(600, 600)), Err(Refused::OutOfOrder), "the request itself is old");
}

#[tokio::test]
async fn what_the_rfc_forbids_is_refused_and_changes_nothing() {
    let bench = bench().await;
    bench.udp("a", 5, "Contact: <sip:b@10.0.0.5>\r\n").unwrap();
    for (lines, refused) in [
        ("Contact: *\r\n", Refused::Malformed),
        ("Contact: *, <sip:x@y>\r\nExpires: 0\r\n", Refused::Malformed),
        ("Contact: <sip:b@10.0.0.7>;expires=5\r\n", Refused::TooBrief),
        ("Contact: <sip:b@10.0.0.7>, <sip:b@10.0.0.5>\r\n", Refused::OutOfOrder),
    ] {
        assert_eq!(bench.udp("a", 5, lines), Err(refused), "{lines}");
    }
    assert_eq!(bench.registrar.len(), 1);
    assert!(bench.udp("another", 1, "Contact: <sip:b@10.0.0.5>\r\n").is_ok(), "another Call-ID starts anew");
}

#[tokio::test]
async fn a_phone_behind_nat_is_called_where_it_came_from() {
    let bench = bench().await;
    bench.udp("a", 1, "Contact: <sip:b@192.168.1.7:5060>\r\n").unwrap();
    assert_eq!(bench.targets(NOW), ["10.0.0.5:5062"]);
    bench.udp("a", 2, "Contact: *\r\nExpires: 0\r\n").unwrap();
    bench.udp("a", 3, "Contact: <sip:b@10.0.0.5:16000>\r\n").unwrap();
    assert_eq!(bench.targets(NOW), ["10.0.0.5:16000"], "it named its own address");
}

#[tokio::test]
async fn an_instance_moves_and_only_its_newest_flow_is_called() {
    let bench = bench().await;
    let contact = |reg_id: u32| {
        format!(
            "Supported: outbound\r\nContact: <sip:b@192.168.1.7>;+sip.instance=\"<urn:uuid:1>\";reg-id={reg_id}\r\n"
        )
    };
    bench.take(&register("a", 1, &contact(1)), flow("10.0.0.5:1000", Some(1)), NOW).unwrap();
    bench.take(&register("b", 1, &contact(1)), flow("10.0.0.5:2000", Some(2)), NOW).unwrap();
    assert_eq!(bench.registrar.len(), 1, "the same flow again, from elsewhere");
    let later = NOW.plus(Duration::from_secs(1));
    bench.take(&register("c", 1, &contact(2)), flow("10.0.0.5:3000", Some(3)), later).unwrap();
    assert_eq!(bench.registrar.len(), 2);
    assert_eq!(bench.targets(later), ["10.0.0.5:3000"]);
    bench.registrar.connection_lost(ConnectionId(3), later);
    assert_eq!(bench.targets(later), ["10.0.0.5:2000"], "the other flow still stands");
}

#[tokio::test]
async fn presence_hears_of_the_first_and_the_last_contact() {
    let bench = bench().await;
    bench.udp("a", 1, "Contact: <sip:b@10.0.0.5>;expires=60\r\n").unwrap();
    assert!(bench.engine.composed(&bench.bob, NOW).reachable_by_phone);
    let later = NOW.plus(Duration::from_secs(61));
    bench.registrar.lapse(NOW);
    assert_eq!(bench.registrar.len(), 1);
    bench.registrar.lapse(later);
    assert_eq!(bench.registrar.len(), 0);
    assert_eq!(bench.engine.composed(&bench.bob, later).state, State::Offline);
}

#[tokio::test]
async fn bindings_come_back_after_a_restart() {
    let bench = bench().await;
    bench
        .udp("a", 1, "Contact: <sip:b@10.0.0.5:5062;x=1>;q=0.3\r\nPath: <sip:p1;lr>, <sip:p2;lr>\r\nUser-Agent: Ph\r\n")
        .unwrap();
    let all = bench.registrar.contacts(&bench.line, NOW);
    let kept = all[0].to_stored();
    let local = |_, _| Some("192.0.2.1:5060".parse().unwrap());
    let back = Binding::from_stored(kept, Some(bench.bob.clone()), local).unwrap();
    assert_eq!(back, *all[0]);
}

#[tokio::test]
async fn a_refresh_that_changes_little_is_not_written() {
    let bench = bench().await;
    bench.udp("a", 1, "Contact: <sip:b@10.0.0.5>\r\n").unwrap();
    let first = bench.registrar.contacts(&bench.line, NOW)[0].clone();
    let refresh = |seconds| {
        let mut new = (*first).clone();
        new.order.cseq += 1;
        new.expires_at = NOW.plus(Duration::from_secs(seconds + 3600));
        is_worth_writing(Some(&first), &new, NOW.plus(Duration::from_secs(seconds)))
    };
    assert!(!refresh(60));
    assert!(refresh(2000), "the end that is kept comes near");
    let mut moved = (*first).clone();
    moved.flow.remote.set_port(1);
    assert!(is_worth_writing(Some(&first), &moved, NOW));
}

#[tokio::test]
async fn lines_out_of_service_lose_their_phones() {
    let bench = bench().await;
    bench.udp("a", 1, "Contact: <sip:b@10.0.0.5>\r\n").unwrap();
    bench.registrar.follow(&Accounts::default(), NOW);
    assert!(bench.registrar.is_empty());
    assert!(bench.store.bindings(NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn contacts_of_one_phone_without_flows_are_kept_apart_in_the_store() {
    let bench = bench().await;
    let contact = |port: u16, expires: u32| {
        format!("Contact: <sip:1002@10.0.0.5:{port}>;+sip.instance=\"<urn:uuid:1>\";expires={expires}\r\n")
    };
    let from = flow("10.0.0.5:5060", None);
    bench.take(&register("a", 1, &contact(5060, 60)), from, NOW).unwrap();
    // The phone was started anew and has another port; its former contact ends, and only that.
    bench.take(&register("b", 1, &contact(5062, 3600)), from, NOW).unwrap();
    let later = NOW.plus(Duration::from_secs(61));
    bench.registrar.lapse(later);
    let written = async {
        loop {
            let kept = bench.store.bindings(NOW).await.unwrap();
            if !kept.is_empty() {
                return kept;
            }
            tokio::task::yield_now().await;
        }
    };
    let kept = tokio::time::timeout(Duration::from_secs(10), written).await.unwrap();
    assert_eq!(kept.iter().map(|b| b.contact.as_str()).collect::<Vec<_>>(), ["sip:1002@10.0.0.5:5062"]);
}

#[tokio::test]
async fn what_a_database_cannot_keep_is_refused_and_a_long_user_agent_is_cut() {
    let from = flow("10.0.0.5:5060", None);
    let read = |lines: &str| Update::read(&register("a", 1, lines), from);
    let long = "x".repeat(1100);
    for bad in [
        format!("Contact: <sip:1002@10.0.0.5;a={long}>\r\n"),
        "Contact: <sip:1002@10.0.0.5>;+sip.instance=\"<a\0b>\"\r\n".to_owned(),
        format!("Contact: <sip:1002@10.0.0.5>\r\nPath: <sip:proxy;a={long}>\r\n"),
    ] {
        assert_eq!(read(&bad).unwrap_err(), Refused::Malformed, "{bad:?}");
    }
    let update = read(&format!("Contact: <sip:1002@10.0.0.5>\r\nUser-Agent: a\0b{long}\r\n")).unwrap();
    assert_eq!(update.user_agent.map(|agent| (agent.len(), agent.starts_with("abx"))), Some((128, true)));
}

#[tokio::test]
async fn what_a_browser_registered_ends_with_its_websocket_and_is_not_kept() {
    let bench = bench().await;
    let here = Flow { transport: Transport::Wss, ..flow("10.0.0.5:50000", Some(9)) };
    let contact = "Contact: <sip:b@df7jal23ls0d.invalid;transport=ws>\r\n";
    bench.take(&register("a", 1, contact), here, NOW).unwrap();
    let binding = bench.registrar.contacts(&bench.line, NOW).remove(0);
    assert_eq!(binding.target().flow, here, "the name leads nowhere, the flow does");
    assert_eq!(bench.registrar.registrations()[0].source, "WSS 10.0.0.5:50000");
    bench.udp("b", 1, "Contact: <sip:b@10.0.0.6>\r\n").unwrap();
    bench.registrar.connection_lost(ConnectionId(9), NOW);
    assert_eq!(bench.targets(NOW), ["10.0.0.5:5062"]);
    bench.store.close().await;
    let kept = Store::open(&bench.url, &Runtime::real()).await.unwrap().bindings(NOW).await.unwrap();
    assert_eq!(kept.iter().map(|binding| &*binding.contact).collect::<Vec<_>>(), ["sip:b@10.0.0.6"]);
}
