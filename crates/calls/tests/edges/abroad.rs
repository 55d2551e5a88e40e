//! What is watched over trunks, in both directions: by whom, what is relayed, and who is refused.

use sip::message::Edit;
use sip::{CSeq, Method, Name, NameAddr, Request};

use crate::phone::{House, Phone};

/// The trunk `web` signs in and may watch; `partner` is a server of its own, behind a SIP route and a route pattern.
fn plan(partner: &Phone, group: &str) -> String {
    format!(
        r#"
    [settings]
    search_space = "inside"
    subscribe_search_space = "seen"
    [[search_space]]
    name = "inside"
    partitions = ["internal"]
    [[search_space]]
    name = "seen"
    partitions = ["internal", "partner"]
    [[search_space]]
    name = "lines"
    partitions = ["internal"]
    [presence]
    groups = ["strangers"]
    [[presence.relation]]
    watcher = "Standard Presence Group"
    watched = "strangers"
    relation = "deny"
    [[route]]
    pattern = "2XXX"
    partition = "partner"
    to = {{ trunk = "partner" }}
    [[outside.sip_route]]
    domain = "partner.example"
    partition = "partner"
    to = {{ trunk = "partner" }}
    [[outside.trunk]]
    name = "partner"
    {group}
    sip = {{ address = "{}", options_seconds = 0 }}
    [[outside.trunk]]
    name = "web"
    search_space = "inside"
    subscribe_search_space = "lines"
    sip = {{ account = {{ username = "web", password = "pw-web", inbound = true }} }}
    [[outside.trunk]]
    name = "blind"
    search_space = "inside"
    sip = {{ account = {{ username = "blind", password = "pw-blind", inbound = true }} }}
"#,
        partner.local
    )
}

async fn house(group: &str) -> (House, Phone) {
    // Each shard subscribes for its own watchers.
    let house = House::of_shards(1).await;
    let partner = Phone::udp(&house, "2001").await;
    house.apply(&plan(&partner, group)).await;
    (house, partner)
}

fn subscribe(phone: &mut Phone, to: &str, package: &str) -> Request {
    phone.request(Method::Subscribe, to).header(Name::Event, package).finish()
}

fn text(request: &Request) -> String {
    String::from_utf8_lossy(request.body()).into_owned()
}

/// A NOTIFY of the partner within the subscription that this SUBSCRIBE began.
fn notify(partner: &mut Phone, subscribe: &Request, number: u32, body: &str) -> Request {
    let headers = subscribe.headers();
    let own: NameAddr = headers.to().unwrap().with_tag(b"phone");
    let request = partner.request(Method::Notify, "x").header(Name::Event, "dialog");
    let request = request.header(Name::SubscriptionState, "active;expires=600");
    let request = request.body("application/dialog-info+xml", body.as_bytes());
    let edit = Edit::request(&request)
        .uri(headers.contact().unwrap().uri().as_bytes())
        .replace(Name::From, &own)
        .replace(Name::To, &headers.from().unwrap())
        .replace(Name::CallId, &headers.call_id().unwrap())
        .replace(Name::CSeq, &CSeq { number, method: Method::Notify });
    edit.finish().into_request().unwrap()
}

fn document(state: &str) -> String {
    let dialog = format!("<dialog id='7'><state>{state}</state></dialog>");
    format!(
        "<dialog-info xmlns='urn:ietf:params:xml:ns:dialog-info' version='9' state='full' entity='x'>{dialog}</dialog-info>"
    )
}

#[tokio::test]
async fn a_phone_watches_a_line_behind_a_trunk_and_is_told_what_the_trunk_tells() {
    let (house, mut partner) = house("").await;
    let mut ann = Phone::udp(&house, "1001").await;
    assert_eq!(ann.ask(|phone| subscribe(phone, "2001", "dialog")).await.status(), 200);
    let unknown = ann.expect_request(Method::Notify).await;
    assert!(!text(&unknown).contains("<dialog "), "nothing is known yet: {}", text(&unknown));
    ann.answer(&unknown, 200).await;
    let asked = partner.expect_request(Method::Subscribe).await;
    assert_eq!(asked.uri().unwrap().user(), Some(&b"2001"[..]));
    assert_eq!(asked.headers().first(Name::Event), Some(&b"dialog"[..]));
    partner.answer(&asked, 200).await;
    for (number, state, shown) in [(1, "confirmed", "confirmed"), (2, "terminated", "terminated")] {
        let told = notify(&mut partner, &asked, number, &document(state));
        partner.send(&told.bytes().clone()).await;
        assert_eq!(partner.response().await.status(), 200);
        let relayed = ann.expect_request(Method::Notify).await;
        assert!(text(&relayed).contains(shown), "{state}: {}", text(&relayed));
        ann.answer(&relayed, 200).await;
    }
    // A second watcher is shown what is known, and the trunk is not asked again.
    let mut bob = Phone::udp(&house, "1002").await;
    assert_eq!(bob.ask(|phone| subscribe(phone, "2001", "dialog")).await.status(), 200);
    let idle = bob.expect_request(Method::Notify).await;
    assert!(text(&idle).contains("idle"), "{}", text(&idle));
    bob.answer(&idle, 200).await;
    // A NOTIFY of a subscription that nobody has.
    let stray = Edit::request(&notify(&mut partner, &asked, 3, "")).replace(Name::CallId, "other").finish();
    partner.send(&stray.bytes().clone()).await;
    assert_eq!(partner.response().await.status(), 481);
}

#[tokio::test]
async fn an_address_of_another_domain_is_watched_where_its_sip_route_leads() {
    let (house, mut partner) = house("").await;
    let mut ann = Phone::udp(&house, "1001").await;
    let elsewhere = |phone: &mut Phone, uri: &str| {
        let request = subscribe(phone, "x", "presence");
        Edit::request(&request).uri(uri.as_bytes()).finish().into_request().unwrap()
    };
    let taken = ann.ask(|phone| elsewhere(phone, "sip:eve@partner.example")).await;
    assert_eq!(taken.status(), 200);
    let first = ann.expect_request(Method::Notify).await;
    assert!(text(&first).contains("closed"), "{}", text(&first));
    ann.answer(&first, 200).await;
    let asked = partner.expect_request(Method::Subscribe).await;
    assert_eq!(&asked.uri_bytes()[..], b"sip:eve@partner.example");
    // Whom they do not know stays unknown, and they are left alone for a while.
    partner.answer(&asked, 404).await;
    let mut bob = Phone::udp(&house, "1002").await;
    let nowhere = bob.ask(|phone| elsewhere(phone, "sip:eve@nobody.example")).await;
    assert_eq!(nowhere.status(), 404, "no SIP route leads there");
}

#[tokio::test]
async fn a_presence_group_keeps_a_trunk_from_being_asked() {
    let (house, _partner) = house("presence_group = \"strangers\"").await;
    let mut ann = Phone::udp(&house, "1001").await;
    assert_eq!(ann.ask(|phone| subscribe(phone, "2001", "dialog")).await.status(), 403);
}

#[tokio::test]
async fn whoever_comes_over_a_trunk_watches_what_its_search_space_has_and_nothing_behind_other_trunks() {
    let (house, _partner) = house("").await;
    let mut web = Phone::tcp(&house, "7000").await;
    assert_eq!(web.ask_as("web", "pw-web", |phone| subscribe(phone, "1001", "dialog")).await.status(), 200);
    let first = web.expect_request(Method::Notify).await;
    assert!(text(&first).contains("dialog-info"), "{}", text(&first));
    web.answer(&first, 200).await;
    Phone::udp(&house, "1001").await.register().await;
    let changed = web.expect_request(Method::Notify).await;
    assert!(text(&changed).contains("idle"), "{}", text(&changed));
    web.answer(&changed, 200).await;
    for (who, to, package, status) in [
        ("web", "4711", "dialog", 404),
        ("web", "2001", "dialog", 404),
        ("web", "bob", "presence", 404),
        ("web", "1001", "message-summary", 489),
        ("blind", "1001", "dialog", 404),
    ] {
        let mut phone = Phone::tcp(&house, "7001").await;
        if status == 489 {
            let request = subscribe(&mut phone, to, package);
            phone.send(&request.bytes().clone()).await;
            assert_eq!(phone.response().await.status(), status);
            continue;
        }
        let password = format!("pw-{who}");
        let response = phone.ask_as(who, &password, |phone| subscribe(phone, to, package)).await;
        assert_eq!(response.status(), status, "{who} watches {to}");
    }
}
