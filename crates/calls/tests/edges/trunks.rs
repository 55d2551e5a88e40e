//! Trunks that sign in: what they reach, and who may have a call made by REFER outside of a dialog.

use sip::{Message, Method, Name};

use crate::phone::{House, Phone};

const PLAN: &str = r#"
    [settings]
    search_space = "inside"
    [[search_space]]
    name = "inside"
    partitions = ["internal"]
    [[search_space]]
    name = "all"
    partitions = ["internal", "out"]
    [[route]]
    pattern = "0!"
    partition = "out"
    to = { trunk = "plain" }
    [[outside.trunk]]
    name = "web"
    search_space = "inside"
    accept_out_of_dialog_refer = true
    sip = { account = { username = "web", password = "pw-web", inbound = true } }
    [[outside.trunk]]
    name = "plain"
    search_space = "all"
    sip = { account = { username = "plain", password = "pw-plain", inbound = true } }
"#;

fn refer(phone: &mut Phone, to: &str) -> sip::Request {
    phone.request(Method::Refer, to).header(Name::ReferTo, "<sip:1009@example.org>").finish()
}

#[tokio::test]
async fn a_flagged_trunk_has_a_call_made_by_refer() {
    let house = House::with_plan(PLAN).await;
    let mut ann = Phone::tcp(&house, "1001").await;
    ann.register().await;
    let board = house.calls.board().listen();
    let mut web = Phone::tcp(&house, "7000").await;
    let (response, mut heard) = web.ask_among("web", "pw-web", |phone| refer(phone, "1001")).await;
    assert_eq!(response.status(), 202, "{response:?}");
    // The call has begun, for ann's line; that no media port is left here is seen on the board.
    let changed = board.changed().await;
    let line: model::LineId = "1001".parse::<model::Number>().unwrap().into();
    let call = changed[&line].first().expect("a call of hers");
    assert_eq!(call.connections[0].line.as_ref(), Some(&line));
    let notify = match heard.pop() {
        Some(Message::Request(notify)) => notify,
        _ => web.expect_request(Method::Notify).await,
    };
    assert_eq!(
        notify.headers().first(Name::SubscriptionState),
        Some(b"terminated;reason=noresource".as_slice())
    );
    assert_eq!(&notify.body()[..], b"SIP/2.0 100 Trying\r\n");
    web.answer(&notify, 200).await;
}

#[tokio::test]
async fn nobody_else_has_a_call_made_by_refer() {
    let house = House::with_plan(PLAN).await;
    let mut ann = Phone::tcp(&house, "1001").await;
    ann.register().await;
    let mut other = Phone::tcp(&house, "7000").await;
    let refused = other.ask_as("plain", "pw-plain", |phone| refer(phone, "1001")).await;
    assert_eq!(refused.status(), 403, "a trunk without the flag");
    let mut bob = Phone::tcp(&house, "1002").await;
    assert_eq!(bob.ask(|phone| refer(phone, "1001")).await.status(), 405, "a line");
    let mut web = Phone::tcp(&house, "7001").await;
    let nobody = web.ask_as("web", "pw-web", |phone| refer(phone, "4711")).await;
    assert_eq!(nobody.status(), 404, "a line that is not there");
    let outside = web.ask_as("web", "pw-web", |phone| refer(phone, "0301234")).await;
    assert_eq!(outside.status(), 404, "only phones of ours ring first");
}

#[tokio::test]
async fn without_a_flagged_trunk_nobody_is_asked_who_he_is() {
    let house = House::with_plan(&PLAN.replace("accept_out_of_dialog_refer = true", "")).await;
    let mut stranger = Phone::tcp(&house, "7000").await;
    let request = refer(&mut stranger, "1001");
    stranger.send(&request.bytes().clone()).await;
    assert_eq!(stranger.response().await.status(), 405);
}

#[tokio::test]
async fn a_trunk_that_signs_in_reaches_its_search_space_and_never_another_trunk() {
    let house = House::with_plan(PLAN).await;
    let mut ann = Phone::tcp(&house, "1001").await;
    ann.register().await;
    let mut plain = Phone::tcp(&house, "7000").await;
    let call = plain.ask_as("plain", "pw-plain", |phone| phone.request(Method::Invite, "1001").finish());
    let answered = async {
        let invite = ann.expect_request(Method::Invite).await;
        ann.answer(&invite, 486).await;
    };
    let (response, ()) = tokio::join!(call, answered);
    assert_eq!(response.status(), 486);
    for (username, password, dialled, status) in [
        ("plain", "pw-plain", "0301234", 403),
        ("web", "pw-web", "0301234", 404),
        ("plain", "wrong", "1001", 401),
        ("stranger", "pw-plain", "1001", 401),
    ] {
        let mut phone = Phone::tcp(&house, "7001").await;
        let response =
            phone.ask_as(username, password, |phone| phone.request(Method::Invite, dialled).finish()).await;
        assert_eq!(response.status(), status, "{username} calls {dialled}");
    }
}
