//! Devices: which one a phone is, by the account that it signs in with or by the instance that it names.

use model::LineId;
use sip::digest::{Algorithm, ha1};
use sip::{Method, Name, Request};
use store::DigestSecret;

use crate::phone::{DOMAIN, House, Phone};

const PLAN: &str = r#"
    [settings]
    search_space = "inside"
    [[search_space]]
    name = "inside"
    partitions = ["internal"]
    [[search_space]]
    name = "abroad"
    partitions = ["abroad"]
    [[device]]
    name = "lobby"
    lines = ["1001"]
    [[device]]
    name = "desk"
    lines = ["1001", "1009"]
    search_space = "abroad"
    [[device]]
    name = "SEP00036BC7B973"
    lines = ["1001"]
    search_space = "abroad"
    [[route]]
    pattern = "0!"
    partition = "abroad"
    to = { trunk = "t" }
    [[outside.trunk]]
    name = "t"
"#;
const MAC: &str = ";+sip.instance=\"<urn:uuid:00000000-0000-0000-0000-00036bc7b973>\"";

async fn house() -> House {
    let house = House::open().await;
    let secret = DigestSecret {
        username: "desk".to_owned(),
        realm: DOMAIN.to_owned(),
        algorithm: "md5".to_owned(),
        ha1: ha1(Algorithm::Md5, "desk", DOMAIN, "of the desk"),
    };
    let line: LineId = "1001".parse::<model::Number>().unwrap().into();
    house.store.device_set_account("desk", &line, vec![secret]).await.unwrap();
    house.apply(PLAN).await;
    house
}

fn register(phone: &mut Phone) -> Request {
    phone.request(Method::Register, "").finish()
}

fn registered(house: &House) -> Vec<(String, Option<String>)> {
    house.calls.registrations().into_iter().map(|r| (r.line.to_string(), r.device)).collect()
}

#[tokio::test]
async fn a_device_registers_each_of_its_lines_with_its_own_account_and_no_other() {
    let house = house().await;
    for (number, status) in [("1001", 200), ("1009", 200), ("1002", 403)] {
        let mut phone = Phone::tcp(&house, number).await;
        let response = phone.ask_as("desk", "of the desk", register).await;
        assert_eq!(response.status(), status, "{number}");
        let desk = |number: &str| (number.to_owned(), Some("desk".to_owned()));
        let known = registered(&house);
        assert_eq!(known.contains(&desk(number)), status == 200, "{known:?}");
    }
    let mut phone = Phone::tcp(&house, "1001").await;
    assert_eq!(
        phone.ask_as("desk", "pw1001", register).await.status(),
        401,
        "the line's password is not its own"
    );
}

#[tokio::test]
async fn a_call_has_the_rights_of_the_line_and_of_the_device_that_makes_it() {
    let house = house().await;
    for (number, username, password, status) in [
        ("1001", "desk", "of the desk", 503),
        ("1009", "desk", "of the desk", 503),
        ("1001", "1001", "pw1001", 404),
    ] {
        let mut phone = Phone::tcp(&house, number).await;
        let invite = |phone: &mut Phone| phone.request(Method::Invite, "0301234").finish();
        let response = phone.ask_as(username, password, invite).await;
        assert_eq!(response.status(), status, "{number} as {username}; 503: no trunk is in service");
    }
}

#[tokio::test]
async fn a_phone_with_its_lines_account_is_the_device_whose_instance_it_registered() {
    let house = house().await;
    let mut phone = Phone::tcp(&house, "1001").await;
    let invite = |phone: &mut Phone| phone.request(Method::Invite, "0301234").finish();
    let register = |phone: &mut Phone| {
        let contact = format!("<sip:1001@{}>{MAC}", phone.local);
        let request = phone.request(Method::Register, "").finish();
        let edited = sip::message::Edit::request(&request).replace(Name::Contact, &contact).finish();
        edited.into_request().expect("a request")
    };
    assert_eq!(phone.ask(invite).await.status(), 404, "it is not known yet: the first device of the line");
    assert_eq!(phone.ask(register).await.status(), 200);
    assert_eq!(registered(&house), [("1001".to_owned(), Some("SEP00036BC7B973".to_owned()))]);
    assert_eq!(phone.ask(invite).await.status(), 503);
    let mut other = Phone::tcp(&house, "1001").await;
    other.register().await;
    assert_eq!(other.ask(invite).await.status(), 404, "another phone of the line");
}
