//! A server that does not keep to the rules: which stream error it gets (RFC 6120 §4.9.3, §8.1).

use std::net::SocketAddr;
use std::sync::Arc;

use im::Transport;
use im::s2s::Domains;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::house::House;
use crate::town::{A, Town};

const OPEN: &str = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
                    xmlns:db='jabber:server:dialback' from='b.example' to='a.example' version='1.0'>";

/// A stranger without TLS, whom the house lets in by dialback alone; the other house confirms its key.
struct Stranger<'h> {
    house: &'h House,
    stream: DuplexStream,
    said: String,
}

impl<'h> Stranger<'h> {
    fn call(house: &'h House) -> Self {
        Self::call_from(house, [10, 0, 0, 66])
    }

    fn call_from(house: &'h House, address: [u8; 4]) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let peer = SocketAddr::from((address, 4000));
        house.runtime.spawn_session(Arc::clone(&house.im).accept_server(theirs, peer, Transport::StartTls));
        Self { house, stream: ours, said: String::new() }
    }

    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("it reads");
    }

    async fn until(&mut self, word: &str) {
        let mut buffer = [0; 4096];
        for _ in 0..3_000 {
            if self.said.contains(word) {
                return;
            }
            tokio::select! {
                biased;
                read = self.stream.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => panic!("closed before {word}: {}", self.said),
                    Ok(count) => self.said += std::str::from_utf8(&buffer[..count]).expect("UTF-8"),
                },
                () = self.house.tick() => {}
            }
        }
        panic!("{word} did not come: {}", self.said);
    }
}

/// Two houses, of which the first lets the second do without TLS.
async fn lenient(town: &Town) -> (House, House) {
    let mut config = town.config(A);
    config.federation.without_tls = Domains::new(vec!["b.example".to_owned()]).expect("a list");
    config.limits.federation.stanzas_per_second_max = 20;
    (town.house_with(config, town.identity(A)).await, town.house("b.example").await)
}

/// A stranger that is authenticated as b.example, by the key that b.example would make.
async fn authenticated(house: &House) -> Stranger<'_> {
    let mut stranger = Stranger::call(house);
    stranger.send(OPEN).await;
    stranger.until("</stream:features>").await;
    let id = stranger.said.split(" id='").nth(1).and_then(|rest| rest.split('\'').next()).expect("an id");
    let secret = xmpp::xep::dialback::Secret::new(&[b"dialback ".as_slice(), &[b'b'; 32]].concat());
    let key = secret.key("a.example", "b.example", id);
    stranger.send(&format!("<db:result from='b.example' to='a.example'>{key}</db:result>")).await;
    stranger.until("type='valid'").await;
    stranger
}

async fn ends_with(text: &str, condition: &str) {
    let town = Town::new();
    let (a, _b) = lenient(&town).await;
    let mut stranger = authenticated(&a).await;
    stranger.send(text).await;
    stranger.until(&format!("<{condition} ")).await;
}

#[tokio::test(start_paused = true)]
async fn addresses_must_be_theirs_and_ours() {
    let message = |from: &str, to: &str| format!("<message from='{from}' to='{to}'><body>x</body></message>");
    ends_with(&message("x@evil.example", "ann@a.example"), "invalid-from").await;
    ends_with(&message("x@a.example", "ann@a.example"), "invalid-from").await;
    ends_with(&message("x@b.example", "ann@c.example"), "host-unknown").await;
    ends_with(&message("x@b.example", ""), "improper-addressing").await;
    ends_with("<message to='ann@a.example'/>", "improper-addressing").await;
    ends_with("<presence from='x@b.example'/>", "improper-addressing").await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_made_up_lets_nobody_in() {
    let town = Town::new();
    let (a, _b) = lenient(&town).await;
    let mut stranger = Stranger::call(&a);
    stranger.send(OPEN).await;
    stranger.until("</stream:features>").await;
    stranger.send("<db:result from='b.example' to='a.example'>made-up</db:result>").await;
    stranger.until("type='invalid'").await;
    stranger.send("<message from='x@b.example' to='ann@a.example'><body>x</body></message>").await;
    stranger.until("<not-authorized ").await;
}

#[tokio::test(start_paused = true)]
async fn without_tls_nobody_else_goes_on() {
    let town = Town::new();
    let (a, _b) = lenient(&town).await;
    let mut stranger = Stranger::call(&a);
    stranger.send(&OPEN.replace("b.example", "c.example")).await;
    stranger.until("</stream:features>").await;
    assert!(stranger.said.contains("<required/>"));
    stranger.send("<db:result from='c.example' to='a.example'>key</db:result>").await;
    stranger.until("<policy-violation ").await;
}

#[tokio::test(start_paused = true)]
async fn who_floods_is_slowed_down_and_then_cut() {
    let town = Town::new();
    let (a, _b) = lenient(&town).await;
    let mut stranger = authenticated(&a).await;
    let mut ann = a.available("ann", "desk").await;
    let message = "<message from='x@b.example' to='ann@a.example' type='headline'><body>x</body></message>";
    stranger.send(&message.repeat(2_000)).await;
    a.pass(std::time::Duration::from_secs(2)).await;
    let heard = ann.settle().await.len();
    assert!((20..200).contains(&heard), "{heard} at 20 a second");
    for _ in 0..35 {
        a.pass(std::time::Duration::from_secs(1)).await;
    }
    stranger.until("<policy-violation ").await;
}

#[tokio::test(start_paused = true)]
async fn what_is_said_in_our_name_is_cut() {
    let town = Town::new();
    let (a, _b) = lenient(&town).await;
    let mut ann = a.available("ann", "desk").await;
    let mut stranger = authenticated(&a).await;
    stranger
        .send(
            "<message from='x@b.example/1' to='ann@a.example' type='chat'><body>x</body>\
             <stanza-id xmlns='urn:xmpp:sid:0' by='ann@a.example' id='forged'/></message>",
        )
        .await;
    let heard = ann.expect("the message", |stanza| stanza.name() == "message").await;
    assert!(!format!("{:?}", heard.bytes()).contains("forged"));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_never_says_who_they_are_is_let_go() {
    let town = Town::new();
    let (a, _b) = lenient(&town).await;
    let mut stranger = Stranger::call(&a);
    stranger.send(OPEN).await;
    a.pass(std::time::Duration::from_secs(100)).await;
    stranger.until("<connection-timeout ").await;
}

/// What waits for somebody who is away is filled by half from elsewhere: there is room for colleagues.
#[tokio::test(start_paused = true)]
async fn who_floods_an_absent_user_keeps_no_colleague_out() {
    let town = Town::new();
    let mut config = town.config(A);
    config.federation.without_tls = Domains::new(vec!["b.example".to_owned()]).expect("a list");
    config.limits.kept.offline_messages_max = 6;
    let a = town.house_with(config, town.identity(A)).await;
    let _b = town.house("b.example").await;
    let mut stranger = authenticated(&a).await;
    let carol = "carol@a.example".parse().expect("an address");
    let message = "<message from='x@b.example' to='carol@a.example' type='chat'><body>x</body></message>";
    stranger.send(&message.repeat(20)).await;
    let mut ann = a.available("ann", "desk").await;
    ann.settle().await;
    assert_eq!(a.wait(a.store.spool_count(&carol)).await.expect("a count"), 3);
    ann.send("<message to='carol@a.example' type='chat'><body>lunch?</body></message>").await;
    ann.hears_no_message().await;
    assert_eq!(a.wait(a.store.spool_count(&carol)).await.expect("a count"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_host_full_of_strangers_locks_out_no_other_server() {
    let town = Town::new();
    let mut config = town.config(A);
    config.federation.without_tls = Domains::new(vec!["b.example".to_owned()]).expect("a list");
    // Two of each host.
    config.limits.federation.unauthenticated_streams_max = 32;
    let a = town.house_with(config, town.identity(A)).await;
    let _b = town.house("b.example").await;
    let mut strangers = Vec::new();
    for _ in 0..2 {
        let mut stranger = Stranger::call(&a);
        stranger.send(OPEN).await;
        stranger.until("</stream:features>").await;
        strangers.push(stranger);
    }
    let mut third = Stranger::call(&a);
    let mut buffer = [0; 16];
    assert!(matches!(a.wait(third.stream.read(&mut buffer)).await, Ok(0)), "closed at once");
    let mut neighbour = Stranger::call_from(&a, [10, 0, 0, 67]);
    neighbour.send(OPEN).await;
    neighbour.until("</stream:features>").await;
    // Who is authenticated gives the place back.
    strangers.pop();
    a.pass(std::time::Duration::from_secs(1)).await;
    let _known = authenticated(&a).await;
    let mut next = Stranger::call(&a);
    next.send(OPEN).await;
    next.until("</stream:features>").await;
}
