//! Who may speak for a domain: certificates that will not do, and what dialback makes of them (XEP-0178, XEP-0220,
//! XEP-0344).

use std::net::SocketAddr;
use std::sync::Arc;

use im::s2s::{Domains, Grade};
use im::{ImConfig, Transport};
use rcgen::CertificateParams;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::foundation;
use crate::house::{House, Identity};
use crate::town::{A, B, Town, state};

fn everybody() -> Domains {
    Domains::new(vec!["*".to_owned()]).expect("a list")
}

/// What `a.example` finds when it tries a house with this certificate.
async fn found(town: &Town, identity: Identity) -> String {
    let a = town.house(A).await;
    let _b = town.house_with(town.config(B), identity).await;
    let steps = a.wait(a.im.test_federation(&B.parse().expect("a domain"))).await;
    let last = steps.last().expect("steps");
    assert_eq!((last.what.as_str(), last.grade), ("certificate", Grade::Failed), "{steps:?}");
    assert!(!last.advice.is_empty());
    last.text.clone()
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_certificate_is_said() {
    let town = Town::new();
    let late = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2026, 1, 1);
    assert!(found(&town, town.issue(&[B], late)).await.contains("expired"));
    assert!(found(&town, town.issue(&["c.example"], |_| {})).await.contains("another name: c.example"));
    assert!(found(&town, foundation::identity()).await.contains("not from an authority"));
}

#[tokio::test(start_paused = true)]
async fn a_good_way_is_told_step_by_step() {
    let town = Town::new();
    let (a, _b) = town.two().await;
    let steps = a.wait(a.im.test_federation(&B.parse().expect("a domain"))).await;
    let seen: Vec<&str> = steps.iter().map(|step| step.what.as_str()).collect();
    assert_eq!(seen, ["policy", "dns", "connect", "tls", "certificate", "authentication"]);
    assert!(steps.iter().all(|step| step.grade == Grade::Fine), "{steps:?}");
    let steps = a.wait(a.im.test_federation(&"none.example".parse().expect("a domain"))).await;
    assert!(steps.last().is_some_and(|step| step.grade == Grade::Failed && step.text.contains("no address")));
}

async fn talks(a: &House, b: &House) {
    let mut ann = a.available("ann", "desk").await;
    let mut bob = b.available("bob", "desk").await;
    ann.send(&format!("<message to='bob@{B}' type='chat'><body>there</body></message>")).await;
    assert_eq!(bob.body().await, "there");
    bob.send(&format!("<message to='ann@{A}' type='chat'><body>back</body></message>")).await;
    assert_eq!(ann.body().await, "back");
}

#[tokio::test(start_paused = true)]
async fn dialback_is_enough_where_the_operator_says_so() {
    let town = Town::new();
    let unverified = |domain: &str| -> ImConfig {
        let mut config = town.config(domain);
        config.federation.unverified = everybody();
        config
    };
    let a = town.house_with(unverified(A), foundation::identity()).await;
    let b = town.house_with(unverified(B), foundation::identity()).await;
    talks(&a, &b).await;
    assert!(state(&a, B).how.unwrap().contains("dialback"));
    // One stream for both, and one on which b asked a about the key.
    assert_eq!(*town.wires.connections.lock(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_whose_certificate_is_bad_cannot_send_to_us_either() {
    let town = Town::new();
    let mut config = town.config(A);
    config.federation.unverified = everybody();
    let a = town.house_with(config, foundation::identity()).await;
    let b = town.house(B).await;
    let mut ann = a.available("ann", "desk").await;
    let _bob = b.available("bob", "desk").await;
    ann.send(&format!("<iq type='get' id='p' to='{B}'><ping xmlns='urn:xmpp:ping'/></iq>")).await;
    let answer = ann.expect("an answer", |stanza| stanza.id().as_deref() == Some("p")).await;
    assert_eq!(crate::client::condition(&answer), "remote-server-timeout");
    let failure = state(&a, B).failure.expect("a reason");
    assert!(failure.contains("dialback key: policy-violation"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn rooms_need_a_certificate_of_their_own_or_dialback() {
    let town = Town::new();
    let a = town.house(A).await;
    // The certificate does not name the rooms: they cannot be reached.
    let b = town.house_with(town.config(B), town.issue(&[B], |_| {})).await;
    let mut ann = a.available("ann", "desk").await;
    let _bob = b.available("bob", "desk").await;
    let ping = format!("<iq type='get' id='p' to='conference.{B}'><ping xmlns='urn:xmpp:ping'/></iq>");
    let answer = ann.ask("p", &ping).await;
    assert_eq!(crate::client::condition(&answer), "remote-server-timeout");
}

/// A server that calls a house over TLS with this certificate.
async fn call(town: &Town, house: &House, (chain, key): Identity) -> TlsStream<DuplexStream> {
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let peer = SocketAddr::from(([10, 0, 0, 66], 4000));
    house.runtime.spawn_session(Arc::clone(&house.im).accept_server(theirs, peer, Transport::DirectTls));
    let mut roots = RootCertStore::empty();
    roots.add(town.authority.clone()).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .expect("its own key fits");
    let name = ServerName::try_from(A).expect("a name");
    house.wait(TlsConnector::from(Arc::new(config)).connect(name, ours)).await.expect("a handshake")
}

/// Shows a key that was made up, in the name of `b.example`; what is answered.
async fn result_of(house: &House, mut stream: TlsStream<DuplexStream>) -> String {
    let open = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
                xmlns:db='jabber:server:dialback' from='b.example' to='a.example' version='1.0'>";
    let mut said = String::new();
    let mut buffer = [0; 4096];
    for (text, end) in [
        (open, "</stream:features>"),
        ("<db:result from='b.example' to='a.example'>made-up</db:result>", "type='"),
    ] {
        said.clear();
        stream.write_all(text.as_bytes()).await.expect("it reads");
        while !said.contains(end) {
            let count = house.wait(stream.read(&mut buffer)).await.expect("it writes");
            assert!(count > 0, "the connection ended after {said}");
            said.push_str(std::str::from_utf8(&buffer[..count]).expect("text"));
        }
    }
    said
}

/// XEP-0344 §2.4, dialback without dialback: who is known by the certificate is not asked about the key, and could not be
/// here, for nobody answers at `b.example`.
#[tokio::test(start_paused = true)]
async fn a_good_certificate_stands_for_the_key() {
    let town = Town::new();
    let mut config = town.config(A);
    config.federation.unverified = everybody();
    let a = town.house_with(config, town.identity(A)).await;
    let good = call(&town, &a, town.identity(B)).await;
    let answer = result_of(&a, good).await;
    assert!(answer.contains("type='valid'"), "{answer}");
    assert_eq!(*town.wires.connections.lock(), 0);
    let other = call(&town, &a, town.issue(&["c.example"], |_| {})).await;
    let answer = result_of(&a, other).await;
    assert!(!answer.contains("type='valid'"), "{answer}");
}
