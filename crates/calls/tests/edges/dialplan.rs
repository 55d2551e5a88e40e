//! The dial plan in force: what phones get when they call by it, and after it was changed.

use sip::Method;

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
    [[line]]
    number = "1002"
    search_space = "all"
    [line.forward]
    unregistered.internal = { to = "1009" }
    busy.internal = { to = "1009" }
    [[translation]]
    pattern = "8.XXXX"
    called = { strip_pre_dot = true }
    [[route]]
    pattern = "0!"
    partition = "out"
    to = { trunk = "t" }
    [[route]]
    pattern = "0900!"
    partition = "out"
    to = "block"
    [[outside.trunk]]
    name = "t"
    [[hunt_pilot]]
    number = "5000"
    algorithm = "top-down"
    members = ["1001-1002"]
    last = { to = "1009" }
"#;

/// The final status of a call that nobody takes. Over a stream, so that nothing is repeated.
async fn status(house: &House, from: &str, dialled: &str) -> u16 {
    let mut phone = Phone::tcp(house, from).await;
    phone.ask(|phone| phone.request(Method::Invite, dialled).finish()).await.status()
}

#[tokio::test]
async fn the_class_of_service_decides_who_may_call_out() {
    let house = House::with_plan(PLAN).await;
    assert_eq!(status(&house, "1001", "0301234").await, 404);
    assert_eq!(status(&house, "1002", "0900123").await, 403);
    assert_eq!(status(&house, "1002", "0301234").await, 503, "no trunk is in service");
}

#[tokio::test]
async fn an_emergency_call_is_never_taken_for_a_wrong_number() {
    let house = House::with_plan(PLAN).await;
    assert_eq!(status(&house, "1001", "112").await, 503);
    assert_eq!(status(&house, "1001", "113").await, 404);
}

#[tokio::test]
async fn a_translated_forwarded_or_hunted_call_rings_where_it_leads() {
    let house = House::with_plan(PLAN).await;
    for dialled in ["81009", "1002", "5000"] {
        let (mut ann, mut lobby) = (Phone::tcp(&house, "1001").await, Phone::tcp(&house, "1009").await);
        lobby.register().await;
        let call = ann.ask(|phone| phone.request(Method::Invite, dialled).finish());
        let answered = async {
            let invite = lobby.expect_request(Method::Invite).await;
            lobby.answer(&invite, 486).await;
        };
        let (response, ()) = tokio::join!(call, answered);
        assert_eq!(response.status(), 486, "{dialled}");
    }
}

#[tokio::test]
async fn a_busy_phone_is_followed_by_where_its_line_forwards() {
    let house = House::with_plan(PLAN).await;
    let (mut bob, mut lobby) = (Phone::tcp(&house, "1002").await, Phone::tcp(&house, "1009").await);
    bob.register().await;
    lobby.register().await;
    let mut ann = Phone::tcp(&house, "1001").await;
    let call = ann.ask(|phone| phone.request(Method::Invite, "1002").finish());
    let answered = async {
        let invite = bob.expect_request(Method::Invite).await;
        bob.answer(&invite, 486).await;
        let invite = lobby.expect_request(Method::Invite).await;
        lobby.answer(&invite, 603).await;
    };
    let (response, ()) = tokio::join!(call, answered);
    assert_eq!(response.status(), 603);
}

#[tokio::test]
async fn a_changed_plan_holds_for_the_next_call() {
    let house = House::with_plan(PLAN).await;
    assert_eq!(status(&house, "1001", "0301234").await, 404);
    house.apply(&PLAN.replace("search_space = \"inside\"", "search_space = \"all\"")).await;
    assert_eq!(status(&house, "1001", "0301234").await, 503);
    house.apply("").await;
    assert_eq!(status(&house, "1001", "0301234").await, 404);
}

#[tokio::test]
async fn whoever_has_no_subscribe_search_space_watches_nobody() {
    let house = House::with_plan(PLAN).await;
    let mut ann = Phone::tcp(&house, "1001").await;
    let subscribe = |phone: &mut Phone| {
        phone.request(Method::Subscribe, "1002").header(sip::Name::Event, "dialog").finish()
    };
    assert_eq!(ann.ask(subscribe).await.status(), 404);
    house.apply(&PLAN.replace("[settings]", "[settings]\nsubscribe_search_space = \"inside\"")).await;
    let mut ann = Phone::tcp(&house, "1001").await;
    assert_eq!(ann.ask(subscribe).await.status() / 100, 2);
}
