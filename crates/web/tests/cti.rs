//! Applications that control calls over a WebSocket, with phones on loopback that they drive (`CT-01`, `CT-02`,
//! `CT-05`, `CT-07`, `CC-19`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod chat;
mod house;

use std::collections::VecDeque;

use chat::{Client, HANDSHAKE, Heard, handshake_at};
use client::phone::{Call, CallState, Phone, PhoneConfig};
use house::House;
use serde_json::{Value, json};

/// What an application sends with its handshake.
fn fields(authorization: Option<(&str, &str)>) -> String {
    use base64::Engine as _;

    let fields = HANDSHAKE.replace("Protocol: xmpp", "Protocol: carillon-cti-1");
    let fields = fields.replace("Origin: https://elsewhere.example\r\n", "");
    let encode = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    authorization.map_or(fields.clone(), |(user, password)| {
        format!("{fields}Authorization: Basic {}\r\n", encode(format!("{user}:{password}")))
    })
}

/// An application.
struct App {
    socket: Client,
    id: u64,
    events: VecDeque<Value>,
    heard: Vec<Value>,
}

impl App {
    async fn connect(house: &House) -> Self {
        let (stream, answer) = handshake_at(house.http(), "/cti", &fields(None)).await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        Self { socket: Client::on(stream), id: 0, events: VecDeque::new(), heard: Vec::new() }
    }

    async fn sign_in(house: &House, user: &str) -> Self {
        let mut app = Self::connect(house).await;
        app.send(&json!({"op": "signIn", "user": user, "password": "secret"})).await;
        let hello = app.next().await;
        let expected = json!({"type": "signedIn", "user": format!("{user}@localhost"), "version": 1, "scope": "own",
            "heartbeatSeconds": 30});
        assert_eq!(hello, expected);
        app
    }

    /// One that watches its user's lines.
    async fn watching(house: &House, user: &str) -> Self {
        let mut app = Self::sign_in(house, user).await;
        let snapshot = app.done("monitorStart", json!({})).await;
        assert_eq!(snapshot["sequence"], 0);
        app
    }

    async fn send(&mut self, message: &Value) {
        self.socket.send(&message.to_string()).await;
    }

    async fn next(&mut self) -> Value {
        match self.socket.hear().await {
            Heard::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// The answer to a request; events that come before wait.
    async fn ask(&mut self, op: &str, mut request: Value) -> Value {
        self.id += 1;
        request["id"] = self.id.into();
        request["op"] = op.into();
        self.send(&request).await;
        loop {
            let message = self.next().await;
            if message["type"] == "answer" {
                assert_eq!(message["id"], self.id);
                return message;
            }
            self.events.push_back(message);
        }
    }

    async fn done(&mut self, op: &str, request: Value) -> Value {
        let answer = self.ask(op, request).await;
        assert_eq!(answer["error"], Value::Null, "{op}: {answer}");
        answer["result"].clone()
    }

    /// Asks again while something else is under way in the call: what a phone said may still be unacknowledged.
    async fn insist(&mut self, op: &str, request: Value) -> Value {
        loop {
            let answer = self.ask(op, request.clone()).await;
            if answer["error"]["code"] != "busy" {
                assert_eq!(answer["error"], Value::Null, "{op}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    async fn refused(&mut self, op: &str, request: Value) -> String {
        let answer = self.ask(op, request).await;
        answer["error"]["code"].as_str().unwrap_or_else(|| panic!("{op}: {answer}")).to_owned()
    }

    /// The next event.
    async fn event(&mut self) -> Value {
        let event = match self.events.pop_front() {
            Some(event) => event,
            None => self.next().await,
        };
        assert_eq!(event["type"], "event");
        assert_eq!(event["sequence"], self.heard.len() as u64 + 1, "none is missing: {event}");
        self.heard.push(event.clone());
        event
    }

    /// Goes on to the event of this name in which the line is in this state.
    async fn until(&mut self, name: &str, number: &str, state: &str) -> Value {
        loop {
            let event = self.event().await;
            if event["event"] == name && states(&event["call"], number).contains(&state.to_owned()) {
                return event;
            }
        }
    }

    /// What the events make of the calls of a line: whoever folds them has what a snapshot shows.
    fn folded(&self, number: &str) -> Vec<Value> {
        let mut calls: Vec<Value> = Vec::new();
        for event in self.heard.iter().filter(|event| event["call"].is_object()) {
            let call = &event["call"];
            calls.retain(|known| known["id"] != call["id"]);
            if states(call, number).iter().any(|state| state != "null" && state != "fail") {
                calls.push(call.clone());
            }
        }
        calls.sort_by_key(|call| call["id"].as_str().unwrap().to_owned());
        calls
    }
}

fn line(number: &str) -> Value {
    json!({"number": number, "partition": "internal"})
}

fn states(call: &Value, number: &str) -> Vec<String> {
    let connections = call["connections"].as_array().unwrap().iter();
    let theirs = connections.filter(|connection| connection["line"]["number"] == number);
    theirs.map(|connection| connection["state"].as_str().unwrap().to_owned()).collect()
}

fn id(event: &Value) -> Value {
    event["call"]["id"].clone()
}

async fn phone(house: &House, number: &str) -> Phone {
    let mut config = PhoneConfig::new(number, "localhost");
    config.password = "secret".to_owned();
    config.server = Some(house.calls.listening().udp[0]);
    Phone::register(config, house.runtime.clone()).await.unwrap()
}

async fn ring(phone: &mut Phone) -> Call {
    tokio::time::timeout(chat::PATIENCE, phone.incoming()).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_call_is_made_by_an_application_for_a_line() {
    let house = House::start().await;
    let (mut ann_phone, mut bob_phone) = (phone(&house, "1001").await, phone(&house, "1002").await);
    let (mut ann, mut bob) = (App::watching(&house, "ann").await, App::watching(&house, "bob").await);
    let made = ann.done("makeCall", json!({"line": line("1001"), "target": "1002"})).await;
    let own = ring(&mut ann_phone).await;
    let ringing = ann.until("delivered", "1001", "alerting").await;
    assert_eq!((id(&ringing), &ringing["call"]["dialled"]), (made["call"].clone(), &json!("1002")));
    own.answer().await.unwrap();
    let theirs = ring(&mut bob_phone).await;
    let ringing = bob.until("delivered", "1002", "alerting").await;
    assert_eq!(ringing["call"]["connections"][0]["address"], "1001");
    assert_eq!(ringing["call"]["dialled"], Value::Null, "what was dialled elsewhere is not bob's to know");
    theirs.answer().await.unwrap();
    bob.until("established", "1002", "connected").await;
    ann.done("clearCall", json!({"call": made["call"]})).await;
    own.ended().await;
    theirs.ended().await;
    while !ann.folded("1001").is_empty() {
        ann.event().await;
    }
}

#[tokio::test]
async fn a_call_is_answered_held_and_ended_by_an_application() {
    let house = House::start().await;
    let (ann_phone, mut bob_phone) = (phone(&house, "1001").await, phone(&house, "1002").await);
    let mut bob = App::watching(&house, "bob").await;
    let own = ann_phone.call("1002").await.unwrap();
    let theirs = ring(&mut bob_phone).await;
    let call = id(&bob.until("delivered", "1002", "alerting").await);
    assert_eq!(bob.refused("holdCall", json!({"call": call, "line": line("1002")})).await, "wrongState");
    bob.done("answerCall", json!({"call": call, "line": line("1002")})).await;
    theirs.connected().await.unwrap();
    let talking = bob.until("established", "1002", "connected").await;
    assert_eq!(states(&talking["call"], "1001"), ["connected"]);

    bob.insist("holdCall", json!({"call": call, "line": line("1002")})).await;
    bob.until("held", "1002", "hold").await;
    own.until(|state| matches!(state, CallState::Connected(hold) if hold.by_them)).await;
    assert_eq!(bob.refused("holdCall", json!({"call": call, "line": line("1002")})).await, "wrongState");
    bob.insist("retrieveCall", json!({"call": call, "line": line("1002")})).await;
    bob.until("retrieved", "1002", "connected").await;

    // What the events told is what a new session is shown.
    let mut again = App::sign_in(&house, "bob").await;
    let snapshot = again.done("monitorStart", json!({})).await;
    assert_eq!(snapshot["calls"].as_array().unwrap(), &bob.folded("1002"));
    let owned =
        json!([{"line": line("1002"), "owner": "bob@localhost", "name": "Bob Baker", "inService": true}]);
    assert_eq!(snapshot["lines"], owned);

    bob.done("clearConnection", json!({"call": call, "line": line("1002")})).await;
    let cleared = bob.until("connectionCleared", "1002", "null").await;
    assert_eq!(cleared["cause"], "normalClearing");
    own.ended().await;
    theirs.ended().await;
    assert!(bob.folded("1002").is_empty());
    assert_eq!(again.event().await["call"], cleared["call"]);
}

#[tokio::test]
async fn a_call_is_consulted_about_and_transferred_by_an_application() {
    let house = House::start().await;
    let mut phones = [phone(&house, "1001").await, phone(&house, "1002").await, phone(&house, "1003").await];
    let mut bob = App::watching(&house, "bob").await;
    let mut carol = App::watching(&house, "carol").await;
    let from_ann = phones[0].call("1002").await.unwrap();
    let to_bob = ring(&mut phones[1]).await;
    to_bob.answer().await.unwrap();
    from_ann.connected().await.unwrap();
    let first = id(&bob.until("established", "1002", "connected").await);

    let consulted = json!({"call": first, "line": line("1002"), "target": "1003"});
    let second = bob.insist("consultationCall", consulted).await["call"].clone();
    ring(&mut phones[1]).await.answer().await.unwrap();
    let to_carol = ring(&mut phones[2]).await;
    to_carol.answer().await.unwrap();
    carol.until("established", "1003", "connected").await;
    while states(&bob.until("established", "1002", "connected").await["call"], "1003") != ["connected"] {}

    let joined = json!({"held": first, "active": second, "line": line("1002")});
    bob.insist("transferCall", joined).await;
    let left = loop {
        let event = carol.until("transferred", "1003", "connected").await;
        if states(&event["call"], "1001") == ["connected"] {
            break event;
        }
    };
    assert_eq!(left["cause"], "transfer");
    to_bob.ended().await;
    while !bob.folded("1002").is_empty() {
        bob.event().await;
    }
    assert_eq!(bob.refused("clearCall", json!({"call": id(&left)})).await, "noSuchCall", "bob is out of it");
    carol.done("clearCall", json!({"call": id(&left)})).await;
    from_ann.ended().await;
    to_carol.ended().await;
}

#[tokio::test]
async fn a_call_is_parked_and_taken_back_by_an_application() {
    let house = House::start().await;
    let mut phones = [phone(&house, "1001").await, phone(&house, "1002").await];
    let mut bob = App::watching(&house, "bob").await;
    let from_ann = phones[0].call("1002").await.unwrap();
    let to_bob = ring(&mut phones[1]).await;
    to_bob.answer().await.unwrap();
    from_ann.connected().await.unwrap();
    let call = id(&bob.until("established", "1002", "connected").await);
    let parked = bob.insist("parkCall", json!({"call": call, "line": line("1002")})).await;
    to_bob.ended().await;
    assert_eq!(parked["slot"], "701");
    bob.until("diverted", "1002", "null").await;
    bob.done("directedPickup", json!({"call": call, "line": line("1002")})).await;
    let back = ring(&mut phones[1]).await;
    back.answer().await.unwrap();
    loop {
        let event = bob.until("established", "1002", "connected").await;
        if states(&event["call"], "1001") == ["connected"] {
            break;
        }
    }
}

#[tokio::test]
async fn a_call_that_rings_is_deflected_without_being_answered() {
    let house = House::start().await;
    let mut phones = [phone(&house, "1001").await, phone(&house, "1002").await, phone(&house, "1003").await];
    let mut bob = App::watching(&house, "bob").await;
    let from_ann = phones[0].call("1002").await.unwrap();
    let at_bob = ring(&mut phones[1]).await;
    let call = id(&bob.until("delivered", "1002", "alerting").await);
    bob.done("deflectCall", json!({"call": call, "line": line("1002"), "target": "1003"})).await;
    let at_carol = ring(&mut phones[2]).await;
    let diverted = bob.until("diverted", "1002", "null").await;
    assert_eq!((&diverted["cause"], &diverted["call"]["answered"]), (&json!("redirected"), &Value::Null));
    at_bob.ended().await;
    assert_eq!(from_ann.state(), CallState::Ringing);
    at_carol.answer().await.unwrap();
    from_ann.connected().await.unwrap();
}

#[tokio::test]
async fn what_is_not_the_users_is_as_unknown_as_what_is_not_there() {
    let house = House::start().await;
    let (ann_phone, mut bob_phone) = (phone(&house, "1001").await, phone(&house, "1002").await);
    let mut carol = App::watching(&house, "carol").await;
    let from_ann = ann_phone.call("1002").await.unwrap();
    ring(&mut bob_phone).await.answer().await.unwrap();
    from_ann.connected().await.unwrap();
    let theirs = house.calls.snapshots()[0].id.to_string();

    for number in ["1001", "1999"] {
        for (op, more) in [
            ("makeCall", json!({"line": line(number), "target": "1003"})),
            ("snapshotDevice", json!({"line": line(number)})),
            ("monitorStart", json!({"lines": [line("1003"), line(number)]})),
            ("clearConnection", json!({"line": line(number), "call": theirs})),
        ] {
            let answer = carol.ask(op, more).await;
            assert_eq!(
                answer["error"],
                json!({"code": "noSuchDevice", "text": "there is no such line"}),
                "{op}"
            );
        }
    }
    // The same number in another partition is another line.
    let elsewhere = json!({"number": "1003", "partition": "elsewhere"});
    assert_eq!(carol.refused("snapshotDevice", json!({"line": elsewhere})).await, "noSuchDevice");
    for call in [theirs.as_str(), "00000000000000ff"] {
        for op in ["snapshotCall", "clearCall", "directedPickup", "clearConnection"] {
            let answer = carol.ask(op, json!({"call": call, "line": line("1003")})).await;
            assert_eq!(
                answer["error"],
                json!({"code": "noSuchCall", "text": "there is no such call"}),
                "{op}"
            );
        }
    }
    assert_eq!(carol.refused("monitorStart", json!({"all": true})).await, "notAllowed");
    assert_eq!(carol.refused("playMessage", json!({})).await, "notSupported");
    assert_eq!(carol.refused("setForwarding", json!({})).await, "badRequest");
    assert_eq!(carol.refused("makeCall", json!({"target": "1001"})).await, "badRequest");
    let unplaceable = carol.ask("makeCall", json!({"line": line("1003"), "target": "1001"})).await;
    assert_eq!(unplaceable["error"]["cause"], "destinationOutOfService", "carol has no phone: {unplaceable}");
    assert_eq!(carol.done("listLines", json!({})).await["lines"].as_array().unwrap().len(), 1);
    assert!(carol.events.is_empty() && from_ann.state() == CallState::Connected(Default::default()));
    ann_phone.unregister().await.unwrap();
}

#[tokio::test]
async fn a_line_whose_phone_comes_is_told() {
    let house = House::start().await;
    let mut bob = App::watching(&house, "bob").await;
    let phone = phone(&house, "1002").await;
    let event = bob.event().await;
    assert_eq!((&event["event"], &event["line"]["inService"]), (&json!("backInService"), &json!(true)));
    phone.unregister().await.unwrap();
    assert_eq!(bob.event().await["event"], "outOfService");
}

#[tokio::test]
async fn a_program_signs_in_with_the_handshake() {
    let house = House::start().await;
    let right = fields(Some(("ann@localhost", "secret")));
    let (stream, answer) = handshake_at(house.http(), "/cti", &right).await;
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("carillon-cti-1"), "{answer}");
    let Heard::Text(hello) = Client::on(stream).hear().await else { panic!("no hello") };
    assert!(hello.contains(r#""user":"ann@localhost""#), "{hello}");
    for user in ["ann", "nobody", "ann@elsewhere.example"] {
        let (_, answer) = handshake_at(house.http(), "/cti", &fields(Some((user, "wrong")))).await;
        assert!(
            answer.starts_with("HTTP/1.1 401 ") && answer.contains("www-authenticate: Basic"),
            "{answer}"
        );
    }
    let (_, answer) = handshake_at(house.http(), "/cti", HANDSHAKE).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn whoever_may_not_or_no_longer_is_told_why() {
    let house = House::start().await;
    for (first, reason) in [
        (json!({"op": "signIn", "user": "ann", "password": "wrong"}), "notAuthorised"),
        (json!({"op": "signIn", "user": "nobody", "password": "secret"}), "notAuthorised"),
        (json!({"id": 1, "op": "listLines"}), "notAuthorised"),
    ] {
        let mut app = App::connect(&house).await;
        app.send(&first).await;
        assert_eq!(app.socket.hear().await, Heard::Closed(1008, reason.to_owned()), "{first}");
    }
    let mut ann = App::sign_in(&house, "ann").await;
    let mut bob = App::sign_in(&house, "bob").await;
    assert_eq!(house.web.end_cti(&"ann@localhost".parse().unwrap()), 1);
    assert_eq!(ann.socket.hear().await, Heard::Closed(1008, "disabled".to_owned()));
    bob.done("listLines", json!({})).await;
    let used_by = im::Permitted::Nobody;
    house.web.set_cti_policy(web::CtiPolicy { used_by, ..web::CtiPolicy::default() });
    let mut carol = App::connect(&house).await;
    carol.send(&json!({"op": "signIn", "user": "carol", "password": "secret"})).await;
    assert_eq!(carol.socket.hear().await, Heard::Closed(1008, "notAllowed".to_owned()));
}

#[tokio::test]
async fn a_user_may_have_so_many_applications_and_no_more() {
    let house = House::start().await;
    let mut held = Vec::new();
    for _ in 0..web::limits::CTI_SESSIONS_PER_USER_MAX {
        held.push(App::sign_in(&house, "ann").await);
    }
    let mut one_more = App::connect(&house).await;
    one_more.send(&json!({"op": "signIn", "user": "ann", "password": "secret"})).await;
    assert_eq!(one_more.socket.hear().await, Heard::Closed(1013, "tooManySessions".to_owned()));
    App::sign_in(&house, "bob").await;
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_cut_off_with_a_reason() {
    let house = House::start().await;
    let mut bob = App::watching(&house, "bob").await;
    let mut ann = App::watching(&house, "ann").await;
    let line = model::LineId::from("1002".parse::<model::Number>().unwrap());
    // More than its queue holds, before its session has a turn to read.
    for _ in 0..=calls::feed::FEED_ITEMS_MAX {
        house.calls.board().touch(&line);
    }
    assert_eq!(bob.socket.hear().await, Heard::Closed(1008, "slowReader".to_owned()));
    ann.done("listLines", json!({})).await;
}

/// Ann's and bob's applications may route the calls of a route point; what none routes goes to carol.
const ROUTE_POINT: &str = "[[outside.route_point]]\nname = \"desk\"\npattern = \"40XX\"\nusers = [\"ann\", \"bob\"]\n\
                           answer_seconds = 30\non_failure = { to = \"1003\" }\n";

async fn with_route_point() -> House {
    let house = House::start().await;
    let kept = calls::dialplan::Kept { document: ROUTE_POINT.to_owned(), ..Default::default() };
    calls::dialplan::keep(&house.store, kept, house.runtime.timestamp()).await.unwrap();
    house.calls.take_plan().await.unwrap();
    house
}

#[tokio::test]
async fn an_application_says_where_the_calls_of_a_route_point_go() {
    let house = with_route_point().await;
    let (ann_phone, mut carol_phone) = (phone(&house, "1001").await, phone(&house, "1003").await);
    let mut bob = App::sign_in(&house, "bob").await;
    let desk = json!({"routePoint": "desk"});
    bob.done("routeRegister", desk.clone()).await;
    let from_ann = ann_phone.call("4012").await.unwrap();
    let asked = bob.event().await;
    let told = ["event", "routePoint", "called", "calling", "seconds"].map(|field| asked[field].clone());
    let expected = [json!("routeRequest"), json!("desk"), json!("4012"), json!("1001"), json!(30)];
    assert_eq!(told, expected);
    assert_eq!(states(&asked["call"], "1001"), ["initiated"]);
    from_ann.until(|state| *state == CallState::Ringing).await;

    // Nobody else has a say, not even whoever might have been asked.
    let select = |target: &str| json!({"call": id(&asked), "target": target});
    let mut ann = App::sign_in(&house, "ann").await;
    ann.done("routeRegister", desk.clone()).await;
    assert_eq!(ann.refused("routeSelect", select("1003")).await, "noSuchCall");
    let nowhere = bob.ask("routeSelect", select("9999")).await;
    assert_eq!(nowhere["error"]["cause"], "notObtainable", "{nowhere}");
    bob.done("routeSelect", select("1003")).await;
    let at_carol = ring(&mut carol_phone).await;
    assert_eq!(bob.refused("routeReject", json!({"call": id(&asked)})).await, "noSuchCall");
    at_carol.answer().await.unwrap();
    from_ann.connected().await.unwrap();
    from_ann.hang_up().await.unwrap();

    // Bob's application leaves, and ann's is asked.
    bob.done("routeRegisterCancel", desk).await;
    let from_carol = carol_phone.call("4000").await.unwrap();
    let asked = ann.event().await;
    ann.done("routeReject", json!({"call": id(&asked), "cause": "busy"})).await;
    from_carol.ended().await;
    assert!(bob.events.is_empty());
}

#[tokio::test]
async fn what_an_application_leaves_behind_goes_on_without_it() {
    let house = with_route_point().await;
    let (ann_phone, mut carol_phone) = (phone(&house, "1001").await, phone(&house, "1003").await);
    let mut bob = App::sign_in(&house, "bob").await;
    bob.done("routeRegister", json!({"routePoint": "desk"})).await;
    let gives_up = ann_phone.call("4000").await.unwrap();
    let asked = bob.event().await;
    gives_up.hang_up().await.unwrap();
    let end = bob.event().await;
    let told = ["event", "routePoint", "cause", "call"].map(|field| end[field].clone());
    assert_eq!(told, [json!("routeEnd"), json!("desk"), json!("callCancelled"), id(&asked)]);

    let from_ann = ann_phone.call("4000").await.unwrap();
    bob.event().await;
    drop(bob);
    ring(&mut carol_phone).await.answer().await.unwrap();
    from_ann.connected().await.unwrap();
}

#[tokio::test]
async fn whoever_the_plan_does_not_name_registers_for_nothing() {
    let house = with_route_point().await;
    let mut carol = App::sign_in(&house, "carol").await;
    for name in ["desk", "nothing"] {
        let answer = carol.ask("routeRegister", json!({"routePoint": name})).await;
        let expected = json!({"code": "noSuchDevice", "text": "there is no such route point"});
        assert_eq!(answer["error"], expected);
    }
    let mut bob = App::sign_in(&house, "bob").await;
    assert_eq!(bob.refused("routeRegisterCancel", json!({"routePoint": "desk"})).await, "noSuchDevice");
    bob.done("routeRegister", json!({"routePoint": "desk"})).await;
    bob.done("routeRegisterCancel", json!({"routePoint": "desk"})).await;
    let ann_phone = phone(&house, "1001").await;
    let mut carol_phone = phone(&house, "1003").await;
    ann_phone.call("4000").await.unwrap();
    ring(&mut carol_phone).await;
    assert!(bob.events.is_empty());
}

#[tokio::test]
async fn a_page_signs_in_with_the_token_that_its_chat_was_given() {
    let house = House::start().await;
    let token = Client::available(house.http(), "ann", "web").await.api_token().await;
    let mut app = App::connect(&house).await;
    app.send(&json!({"op": "signIn", "token": token})).await;
    assert_eq!(app.next().await["user"], "ann@localhost");
    house.im.end_token(&token);
    for request in [json!({"op": "signIn", "token": token}), json!({"op": "signIn", "user": "ann"})] {
        let mut refused = App::connect(&house).await;
        refused.send(&request).await;
        assert_eq!(refused.socket.hear().await, Heard::Closed(1008, "notAuthorised".to_owned()), "{request}");
    }
}
