//! Trunks over TLS between two servers: who is connected to, who is let in, and what goes over the connection.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calls::trunk::TrunkStatus;
use calls::{Listen, Tls};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sip::framing::{Frame, StreamDecoder};
use sip::{Message, Method, Name, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::phone::{House, PATIENCE, Phone};

/// Who vouches for certificates.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn issue(&self, name: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        (vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    /// A server with a certificate for `name`; the authority is in the file `ca.pem`.
    async fn house(&self, name: &str, folder: &Path) -> House {
        std::fs::write(folder.join("ca.pem"), &self.pem).unwrap();
        let (chain, key) = self.issue(name);
        let tls = Tls::new(chain, key, RootCertStore::empty(), folder.to_owned()).unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let listen = Listen { udp: vec![any], tcp: vec![any], tls: vec![any] };
        House::listening(2, listen, Some(Arc::new(tls))).await
    }
}

/// The plan of the server that calls out: 2XXX is at the other one, where it is 1XXX.
fn plan_out(port: u16, domain: &str, profile: &str, account: &str) -> String {
    format!(
        r#"
        [settings]
        search_space = "all"
        [[search_space]]
        name = "all"
        partitions = ["internal", "out"]
        [[search_space]]
        name = "inside"
        partitions = ["internal"]
        [[route]]
        pattern = "2XXX"
        partition = "out"
        to = {{ trunk = "b" }}
        called = {{ strip_leading = 1, prefix = "1" }}
        [[outside.security_profile]]
        name = "secure"
        transport = "tls"
        {profile}
        [[outside.trunk]]
        name = "b"
        search_space = "inside"
        security_profile = "secure"
        called_in = {{ strip_leading = 4, prefix = "1001" }}
        [outside.trunk.sip]
        address = "127.0.0.1:{port}"
        domain = "{domain}"
        options_seconds = 5
        {account}
        "#
    )
}

/// The plan of the server that is called: whoever shows the certificate of a.example is the trunk.
const PLAN_IN: &str = r#"
    [settings]
    search_space = "inside"
    [[search_space]]
    name = "inside"
    partitions = ["internal"]
    [[outside.security_profile]]
    name = "secure"
    mode = "authenticated"
    ca_file = "ca.pem"
    subject_names = ["a.example"]
    accept_replaces = false
    [[outside.trunk]]
    name = "a"
    search_space = "inside"
    security_profile = "secure"
    sip = {}
"#;

const TRUSTING: &str = "ca_file = \"ca.pem\"\nclient_certificate = true";

fn port(house: &House) -> u16 {
    house.calls.listening().tls[0].port()
}

/// Waits until the one trunk of a server looks like this.
async fn until(house: &House, is_so: impl Fn(&TrunkStatus) -> bool) -> TrunkStatus {
    let looking = async {
        loop {
            if let Some(trunk) = house.calls.trunks().into_iter().find(&is_so) {
                return trunk;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, looking).await;
    seen.unwrap_or_else(|_| panic!("{:?}", house.calls.trunks()))
}

fn is_up(trunk: &TrunkStatus) -> bool {
    trunk.servers.first().is_some_and(|server| server.state == "up")
}

/// Ann calls 2001 by the first server; gives what she is answered, when the phone at the second one says that it is busy.
async fn call(first: &House, second: &House) -> u16 {
    let (mut ann, mut there) = (Phone::tcp(first, "1001").await, Phone::tcp(second, "1001").await);
    there.register().await;
    let calling = ann.ask(|phone| phone.request(Method::Invite, "2001").finish());
    let answering = async {
        let invite = there.expect_request(Method::Invite).await;
        there.answer(&invite, 486).await;
    };
    tokio::select! {
        response = calling => response.status(),
        () = async { answering.await; std::future::pending().await } => unreachable!("it is never over"),
    }
}

#[tokio::test]
async fn a_call_goes_over_tls_and_the_certificate_says_whose_it_is() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let first = authority.house("a.example", folder.path()).await;
    let second = authority.house("b.example", folder.path()).await;
    second.apply(PLAN_IN).await;
    first.apply(&plan_out(port(&second), "b.example", TRUSTING, "")).await;
    let trunk = until(&first, is_up).await;
    assert_eq!(trunk.servers[0].server, format!("tls 127.0.0.1:{}", port(&second)));
    assert_eq!(trunk.problem, None);
    assert_eq!(call(&first, &second).await, 486);
}

#[tokio::test]
async fn who_shows_no_certificate_or_one_for_another_name_is_a_stranger() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let second = authority.house("b.example", folder.path()).await;
    second.apply(PLAN_IN).await;
    for (name, profile) in [("a.example", "ca_file = \"ca.pem\""), ("c.example", TRUSTING)] {
        let first = authority.house(name, folder.path()).await;
        first.apply(&plan_out(port(&second), "b.example", profile, "")).await;
        until(&first, is_up).await;
        let status = call(&first, &second).await;
        assert_ne!(status, 486, "{name} does not reach a phone");
    }
}

#[tokio::test]
async fn a_server_with_a_certificate_that_will_not_do_is_not_talked_to_and_it_is_said_why() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let first = authority.house("a.example", folder.path()).await;
    let second = authority.house("b.example", folder.path()).await;
    let pinned = format!("pinned = [\"{}\"]", "00".repeat(32));
    for (domain, profile, why) in [
        ("c.example", TRUSTING, "for b.example, not for c.example"),
        ("b.example", "subject_names = [\"d.example\"]\nca_file = \"ca.pem\"", "not for d.example"),
        ("b.example", "", "not from an authority"),
        ("b.example", pinned.as_str(), "not pinned"),
        ("b.example", "ca_file = \"none.pem\"", "none.pem"),
    ] {
        first.apply(&plan_out(port(&second), domain, profile, "")).await;
        let has_said = |trunk: &TrunkStatus| trunk.problem.as_ref().is_some_and(|told| told.contains(why));
        let trunk = until(&first, has_said).await;
        assert!(!is_up(&trunk), "{trunk:?}");
        assert_eq!(trunk.servers[0].problem, trunk.problem);
    }
    first.apply(&plan_out(port(&second), "b.example", TRUSTING, "")).await;
    until(&first, |trunk| is_up(trunk) && trunk.problem.is_none()).await;
}

#[tokio::test]
async fn calls_come_back_over_the_connection_that_was_opened_to_register() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let first = authority.house("a.example", folder.path()).await;
    let second = authority.house("b.example", folder.path()).await;
    let account = "account = { username = \"1002\", password = \"pw1002\", register = true }";
    first
        .apply(&plan_out(
            port(&second),
            "example.org",
            "ca_file = \"ca.pem\"\nsubject_names = [\"b.example\"]",
            account,
        ))
        .await;
    until(&first, |trunk| trunk.registered).await;
    let shown = second.calls.registrations();
    assert!(shown[0].source.starts_with("TLS "), "{shown:?}");
    let (mut bob, mut ann) = (Phone::tcp(&second, "1001").await, Phone::tcp(&first, "1001").await);
    ann.register().await;
    let calling = bob.ask(|phone| phone.request(Method::Invite, "1002").finish());
    let answering = async {
        let invite = ann.expect_request(Method::Invite).await;
        ann.answer(&invite, 486).await;
    };
    let (response, ()) = tokio::join!(calling, answering);
    assert_eq!(response.status(), 486);
}

#[tokio::test]
async fn a_trunk_that_may_not_replace_calls_is_refused() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let second = authority.house("b.example", folder.path()).await;
    let document = r#"
        [[outside.security_profile]]
        name = "plain"
        digest = true
        incoming = ["tcp"]
        accept_replaces = false
        [[outside.trunk]]
        name = "a"
        security_profile = "plain"
        sip = { account = { username = "a", password = "pw-a" } }
    "#;
    second.apply(document).await;
    let (mut tcp, mut udp) = (Phone::tcp(&second, "7000").await, Phone::udp(&second, "7000").await);
    let invite = |phone: &mut Phone| {
        let named = "other@example.org;to-tag=1;from-tag=2";
        phone.request(Method::Invite, "1001").header(Name::Replaces, named).finish()
    };
    assert_eq!(tcp.ask_as("a", "pw-a", invite).await.status(), 403, "it may not take the place of a call");
    let plain = |phone: &mut Phone| phone.request(Method::Invite, "1001").finish();
    assert_eq!(tcp.ask_as("a", "pw-a", plain).await.status(), 404, "it may call, and reaches nothing");
    assert_eq!(udp.ask_as("a", "pw-a", plain).await.status(), 403, "not over this transport");
}

/// Takes connections one after the other, answers the first request over each and closes it; counts them.
async fn closing(listener: TcpListener, acceptor: TlsAcceptor, wanted: usize) {
    for _ in 0..wanted {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut decoder = StreamDecoder::new();
        let request = loop {
            match decoder.next_frame() {
                Some(Frame::Message(Message::Request(request))) => break request,
                Some(other) => panic!("{other:?}"),
                None => assert_ne!(stream.read_buf(decoder.buffer()).await.unwrap(), 0),
            }
        };
        assert_eq!(*request.method(), Method::Options);
        let response = Response::to(&request, 200, Some(b"there")).finish();
        stream.write_all(response.bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
    }
}

#[tokio::test]
async fn a_connection_that_ends_is_opened_again() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let first = authority.house("a.example", folder.path()).await;
    let (chain, key) = authority.issue("b.example");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    first.apply(&plan_out(port, "b.example", TRUSTING, "")).await;
    let closed = closing(listener, TlsAcceptor::from(Arc::new(server)), 2);
    tokio::time::timeout(PATIENCE, closed)
        .await
        .expect("it comes back, and not only after five seconds more");
}
