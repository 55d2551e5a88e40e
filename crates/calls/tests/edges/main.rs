//! The edges of call control over loopback sockets: what phones get for what they send.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod abroad;
mod devices;
mod dialplan;
mod lists;
mod phone;
mod scanner;
mod script;
mod secure_trunks;
mod settings;
mod trunks;

use std::sync::Arc;

use calls::command::{Command, Refusal};
use calls::snapshot::{CallId, Cause};
use calls::{MessageAnswer, MessageGateway, MessageRefusal, TextMessage};
use model::Timestamp;
use parking_lot::Mutex;
use phone::{DOMAIN, House, Phone};
use sip::{Message, Method, Name};

macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                script::play(concat!(stringify!($name), ".sip")).await;
            }
        )*

        const SCRIPTS: &[&str] = &[$(concat!(stringify!($name), ".sip")),*];
    };
}

scripts! {
    busy_lamp
    call_lists
    lamp_list
    lamp_of_the_own_line
    lamp_unknown
    lamps_of_a_line
    list_refused
    presence_groups
    resubscribe
    subscribe_search_space
}

#[test]
fn every_script_is_played() {
    let mut found: Vec<String> = std::fs::read_dir(script::folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, SCRIPTS);
}

fn text(message: &sip::Request) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}

#[tokio::test]
async fn a_phone_registers_over_datagrams_and_streams() {
    let house = House::open().await;
    let (mut udp, mut tcp) = (Phone::udp(&house, "1001").await, Phone::tcp(&house, "1002").await);
    udp.register().await;
    tcp.register().await;
    let registrations = house.calls.registrations();
    let shown: Vec<_> = registrations.iter().map(|r| (r.line.to_string(), r.source.clone())).collect();
    assert_eq!(
        shown,
        [
            ("1001".to_owned(), format!("UDP {}", udp.local)),
            ("1002".to_owned(), format!("TCP {}", tcp.local)),
        ]
    );
    assert!(house.calls.takes_messages(&format!("ann@{DOMAIN}").parse().unwrap()));
    let query = udp.ask(|phone| phone.request(Method::Register, "").finish()).await;
    assert!(query.headers().contact().unwrap().expires().unwrap() > 3590);
}

#[tokio::test]
async fn a_phone_may_sign_in_by_user_name_and_register_only_its_own_line() {
    let house = House::open().await;
    let mut phone = Phone::udp(&house, "1001").await;
    let own = phone.ask_as("ann", "pw1001", |phone| phone.request(Method::Register, "").finish()).await;
    assert_eq!(own.status(), 200);
    let foreign = phone.ask_as("1002", "pw1002", |phone| phone.request(Method::Register, "").finish()).await;
    assert_eq!(foreign.status(), 403);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_get_the_same_challenge_again() {
    let house = House::open().await;
    let mut phone = Phone::udp(&house, "1001").await;
    for (username, password) in [("1001", "wrong"), ("1999", "pw1999")] {
        let again =
            phone.ask_as(username, password, |phone| phone.request(Method::Register, "").finish()).await;
        assert_eq!(again.status(), 401, "{username}");
        let challenge = again.headers().challenges(Name::WwwAuthenticate).next().unwrap();
        assert!(!challenge.stale, "{username}");
    }
    assert!(house.calls.registrations().is_empty());
}

#[tokio::test]
async fn other_domains_unknown_methods_and_unknown_dialogs_are_refused_as_the_rfc_says() {
    let house = House::open().await;
    let mut phone = Phone::udp(&house, "1001").await;
    let other = Method::parse(&"FROBNICATE".into()).unwrap();
    for (method, status) in [
        (other, 405),
        (Method::Refer, 405),
        (Method::Bye, 481),
        (Method::Notify, 481),
        (Method::Options, 200),
    ] {
        let request = phone.request(method.clone(), "1002").finish();
        phone.send(&request.bytes().clone()).await;
        let response = phone.response().await;
        assert_eq!(response.status(), status, "{method}");
        assert_eq!(response.headers().has(Name::Allow), matches!(status, 405 | 200), "{method}");
    }
    let request = phone.request(Method::Register, "").finish();
    let elsewhere = sip::message::Edit::request(&request).uri(b"sip:elsewhere.example.net").finish();
    phone.send(&elsewhere.bytes().clone()).await;
    assert_eq!(phone.response().await.status(), 403);
}

#[tokio::test]
async fn a_datagram_keep_alive_is_told_where_it_came_from() {
    let house = House::open().await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    request.extend([7; 12]);
    socket.send_to(&request, house.udp()).await.unwrap();
    let mut answer = [0; 64];
    let (length, _) =
        tokio::time::timeout(phone::PATIENCE, socket.recv_from(&mut answer)).await.unwrap().unwrap();
    assert_eq!((length, &answer[..4], &answer[8..20]), (32, &[1, 1, 0, 12][..], &[7; 12][..]));
    let port = u16::from_be_bytes([answer[26], answer[27]]) ^ 0x2112;
    assert_eq!(port, socket.local_addr().unwrap().port());
}

#[tokio::test]
async fn a_stream_answers_keep_alives_and_closes_after_what_it_cannot_frame() {
    let house = House::open().await;
    let mut phone = Phone::tcp(&house, "1001").await;
    phone.send(b"\r\n\r\n").await;
    assert_eq!(phone.read_raw(2).await, b"\r\n");
    let request = phone.request(Method::Options, "").finish();
    let broken =
        String::from_utf8_lossy(request.bytes()).replace("Content-Length: 0", "Content-Length: zero");
    phone.send(broken.as_bytes()).await;
    assert_eq!(phone.response().await.status(), 400);
    assert_eq!(phone.receive().await, None);
}

#[tokio::test]
async fn a_stream_stays_for_whoever_has_signed_in_and_not_for_whoever_only_keeps_it_alive() {
    let house = House::open().await;
    let (mut known, mut stranger) = (Phone::tcp(&house, "1001").await, Phone::tcp(&house, "1002").await);
    known.register().await;
    for phone in [&mut known, &mut stranger] {
        phone.send(b"\r\n\r\n").await;
        assert_eq!(phone.read_raw(2).await, b"\r\n");
    }
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    tokio::time::resume();
    assert_eq!(stranger.receive().await, None);
    known.send(b"\r\n\r\n").await;
    assert_eq!(known.read_raw(2).await, b"\r\n");
}

#[tokio::test]
async fn a_message_reaches_the_phone_of_a_line_and_its_answer_comes_back() {
    let house = House::open().await;
    let (mut ann, mut lobby) = (Phone::udp(&house, "1001").await, Phone::tcp(&house, "1009").await);
    let nobody = ann.ask(|phone| phone.request(Method::Message, "1009").body("text/plain", b"hi")).await;
    assert_eq!(nobody.status(), 480);
    lobby.register().await;
    let sent = ann.ask(|phone| phone.request(Method::Message, "1009").body("text/plain", b"hi"));
    let taken = async {
        let message = lobby.expect_request(Method::Message).await;
        assert_eq!(message.body(), "hi");
        assert_eq!(message.headers().from().unwrap().uri().to_string(), format!("sip:1001@{DOMAIN}"));
        lobby.answer(&message, 200).await;
    };
    let (response, ()) = tokio::join!(sent, taken);
    assert_eq!(response.status(), 200);
}

#[derive(Default)]
struct Kept(Mutex<Vec<TextMessage>>);

impl MessageGateway for Kept {
    fn take(&self, message: TextMessage) -> MessageAnswer {
        let plain = message.content_type == "text/plain";
        self.0.lock().push(message);
        Box::pin(async move { if plain { Ok(()) } else { Err(MessageRefusal::UnsupportedContent) } })
    }
}

#[tokio::test]
async fn a_message_for_a_user_goes_through_the_gateway_and_comes_to_phones_from_there() {
    let house = House::open().await;
    let kept = Arc::new(Kept::default());
    house.calls.set_gateway(Arc::clone(&kept) as Arc<dyn MessageGateway>);
    let (mut ann, mut bob) = (Phone::udp(&house, "1001").await, Phone::udp(&house, "1002").await);
    let taken = ann.ask(|phone| phone.request(Method::Message, "bob").body("text/plain", b"hi")).await;
    assert_eq!(taken.status(), 202);
    let refused = ann.ask(|phone| phone.request(Method::Message, "bob").body("image/png", b"x")).await;
    assert_eq!(refused.status(), 415);
    let message = kept.0.lock()[0].clone();
    assert_eq!((message.from.as_str(), message.to.as_str()), ("ann@example.org", "bob@example.org"));
    assert_eq!(house.calls.deliver(message.clone()).await, Err(MessageRefusal::Unreachable));
    bob.register().await;
    let taken = async {
        let arrived = bob.expect_request(Method::Message).await;
        bob.answer(&arrived, 200).await;
    };
    let (delivered, ()) =
        tokio::join!(house.calls.deliver(TextMessage { at: Timestamp(0), ..message }), taken);
    assert_eq!(delivered, Ok(()));
}

async fn subscribe(phone: &mut Phone, to: &str, package: &str) -> u16 {
    let response =
        phone.ask(|phone| phone.request(Method::Subscribe, to).header(Name::Event, package).finish()).await;
    response.status()
}

#[tokio::test]
async fn who_may_watch_sees_presence_and_hears_of_changes_and_others_see_offline() {
    let house = House::open().await;
    let (mut ann, mut bob) = (Phone::udp(&house, "1001").await, Phone::udp(&house, "1002").await);
    assert_eq!(subscribe(&mut ann, "bob", "presence").await, 200);
    let first = ann.expect_request(Method::Notify).await;
    assert!(text(&first).contains("<basic>closed</basic>"), "{}", text(&first));
    ann.answer(&first, 200).await;
    bob.register().await;
    let second = ann.expect_request(Method::Notify).await;
    assert!(text(&second).contains("<basic>open</basic>"), "{}", text(&second));
    ann.answer(&second, 200).await;
    let document = "<presence xmlns='urn:ietf:params:xml:ns:pidf'><person><activities><busy/></activities></person></presence>";
    let published = bob
        .ask(|phone| {
            let request = phone.request(Method::Publish, "1002").header(Name::Event, "presence");
            request.body("application/pidf+xml", document.as_bytes())
        })
        .await;
    assert_eq!(published.status(), 200);
    assert!(published.headers().has(Name::SipETag));
    let third = ann.expect_request(Method::Notify).await;
    assert!(text(&third).contains("busy"), "{}", text(&third));
    // Ann's roster does not let bob in.
    let mut other = Phone::udp(&house, "1002").await;
    assert_eq!(subscribe(&mut other, "ann", "presence").await, 200);
    let hidden = other.expect_request(Method::Notify).await;
    assert!(text(&hidden).contains("closed") && !text(&hidden).contains("person"));
}

#[tokio::test]
async fn who_may_watch_no_longer_is_shown_nothing_of_the_next_change() {
    let house = House::open().await;
    let (mut ann, mut bob) = (Phone::udp(&house, "1001").await, Phone::udp(&house, "1002").await);
    bob.register().await;
    assert_eq!(subscribe(&mut ann, "bob", "presence").await, 200);
    let first = ann.expect_request(Method::Notify).await;
    assert!(text(&first).contains("<basic>open</basic>"), "{}", text(&first));
    ann.answer(&first, 200).await;
    let [bob_jid, ann_jid] = ["bob", "ann"].map(|name| format!("{name}@{DOMAIN}").parse().unwrap());
    house.store.roster_remove(&bob_jid, &ann_jid).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(31)).await;
    tokio::time::resume();
    let document = "<presence xmlns='urn:ietf:params:xml:ns:pidf'><person><activities><busy/></activities></person></presence>";
    let published = bob
        .ask(|phone| {
            let request = phone.request(Method::Publish, "1002").header(Name::Event, "presence");
            request.body("application/pidf+xml", document.as_bytes())
        })
        .await;
    assert_eq!(published.status(), 200);
    let next = ann.expect_request(Method::Notify).await;
    assert!(text(&next).contains("closed") && !text(&next).contains("busy"), "{}", text(&next));
}

#[tokio::test]
async fn whoever_is_disabled_watches_nobody_any_more() {
    let house = House::open().await;
    let (mut ann, mut bob) = (Phone::udp(&house, "1001").await, Phone::udp(&house, "1002").await);
    bob.register().await;
    assert_eq!(subscribe(&mut ann, "bob", "presence").await, 200);
    let first = ann.expect_request(Method::Notify).await;
    assert!(text(&first).contains("<basic>open</basic>"), "{}", text(&first));
    ann.answer(&first, 200).await;
    house.store.user_set_enabled(&format!("ann@{DOMAIN}").parse().unwrap(), false).await.unwrap();
    let last = ann.expect_request(Method::Notify).await;
    let state = last.headers().subscription_state().unwrap().unwrap();
    assert!(state.is_terminated(), "{state:?}");
    assert!(text(&last).contains("<basic>closed</basic>"), "{}", text(&last));
}

#[tokio::test]
async fn subscriptions_are_refused_refreshed_and_ended_by_the_rules() {
    let house = House::open().await;
    let mut ann = Phone::udp(&house, "1001").await;
    let unknown = ann.request(Method::Subscribe, "bob").header(Name::Event, "message-summary").finish();
    ann.send(&unknown.bytes().clone()).await;
    let refused = ann.response().await;
    assert_eq!(refused.status(), 489);
    assert!(refused.headers().has_token(Name::AllowEvents, b"dialog"));
    assert_eq!(subscribe(&mut ann, "nobody", "dialog").await, 404);
    let response = ann
        .ask(|phone| {
            phone
                .request(Method::Subscribe, "1009")
                .header(Name::Event, "dialog;id=7")
                .header(Name::Expires, "600")
                .finish()
        })
        .await;
    assert_eq!((response.status(), response.headers().expires().unwrap()), (200, Some(600)));
    let full = ann.expect_request(Method::Notify).await;
    assert!(text(&full).contains("state=\"full\""));
    assert_eq!(full.headers().event().unwrap().unwrap().id(), Some(&b"7"[..]));
    ann.answer(&full, 200).await;
    let tag = response.headers().to_tag().unwrap();
    let request =
        ann.request(Method::Subscribe, "1009").header(Name::Event, "dialog;id=7").header(Name::Expires, "0");
    let request = request.finish();
    let to = request.headers().to().unwrap().with_tag(&tag);
    let from = response.headers().from().unwrap();
    let end =
        sip::message::Edit::request(&request).replace(Name::To, &to).replace(Name::From, &from).finish();
    ann.send(&end.bytes().clone()).await;
    let (mut ended, mut answered) = (false, false);
    while !ended || !answered {
        match ann.receive().await.unwrap() {
            Message::Response(response) => answered = response.status() == 200,
            Message::Request(request) => {
                ended = request.headers().subscription_state().unwrap().unwrap().is_terminated();
                ann.answer(&request, 200).await;
            }
        }
    }
}

#[tokio::test]
async fn a_line_that_is_removed_loses_its_phone() {
    let house = House::open().await;
    let mut lobby = Phone::udp(&house, "1009").await;
    lobby.register().await;
    house.store.line_remove(&"1009".parse::<model::Number>().unwrap().into()).await.unwrap();
    // The shards follow within milliseconds: as many round trips as that takes.
    let patience = tokio::time::Instant::now() + phone::PATIENCE;
    while !house.calls.registrations().is_empty() && tokio::time::Instant::now() < patience {
        let request = lobby.request(Method::Options, "1001").finish();
        lobby.send(&request.bytes().clone()).await;
        assert_eq!(lobby.response().await.status(), 200);
    }
    assert!(house.calls.registrations().is_empty());
}

#[tokio::test]
async fn the_calls_of_a_user_end_when_they_are_told_to() {
    let house = House::open().await;
    let (mut ann, mut lobby) = (Phone::tcp(&house, "1001").await, Phone::udp(&house, "1009").await);
    lobby.register().await;
    let calling = ann.ask(|phone| phone.request(Method::Invite, "1009").finish());
    let ending = async {
        let invite = lobby.expect_request(Method::Invite).await;
        lobby.answer(&invite, 180).await;
        assert_eq!(house.calls.end_calls_of(&format!("bob@{DOMAIN}").parse().unwrap()), 0);
        assert_eq!(house.calls.end_calls_of(&format!("ann@{DOMAIN}").parse().unwrap()), 1);
        lobby.expect_request(Method::Cancel).await;
    };
    let (response, ()) = tokio::join!(calling, ending);
    assert!(response.status() >= 180, "{response:?}");
}

#[tokio::test]
async fn an_application_is_told_why_its_command_is_not_carried_out() {
    let house = House::open().await;
    let line: model::LineId = "1001".parse::<model::Number>().unwrap().into();
    let call_for = || Command::MakeCall { line: line.clone(), target: "1002".to_owned() };
    let nobody = house.calls.command(call_for()).await;
    assert_eq!(nobody, Err(Refusal::Unplaceable(Cause::DestinationOutOfService)));
    for shard in [0, 1, 63] {
        let gone = Command::ClearCall { call: CallId(shard << 48 | 7) };
        assert_eq!(house.calls.command(gone).await, Err(Refusal::NoSuchCall), "{shard}");
    }
    let mut phone = Phone::udp(&house, "1001").await;
    phone.register().await;
    let made = house.calls.command(call_for()).await.unwrap();
    assert!(made.call.is_some(), "it has begun; that no media port is left is seen on the board");
    assert!(house.calls.snapshots().is_empty());
}
