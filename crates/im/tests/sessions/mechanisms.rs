//! What a client can check of the mechanisms that it is offered (XEP-0440, XEP-0474), and how a weak record of an account
//! gets a stronger one beside it (XEP-0480).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use im::Transport;
use rustls::version::{TLS12, TLS13};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use xmpp::sasl::scram::{Hash, ITERATIONS_MIN};
use xmpp::sasl::{self, ChannelBinding, Credentials, Mechanism};

use crate::client::Client;
use crate::foundation::PASSWORD;
use crate::house::House;
use crate::tls::{OPEN, shake_hands_by, until};

/// All that stands between two marks, again and again.
fn all<'t>(text: &'t str, before: &str, behind: &str) -> Vec<&'t str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(behind).next()).collect()
}

/// The list of channel bindings in stream features.
fn bindings(features: &str) -> Vec<&str> {
    all(features, "<channel-binding type='", "'")
}

/// The mechanisms of RFC 6120 in stream features.
fn mechanisms(features: &str) -> Vec<&str> {
    let list = features.split("</mechanisms>").next().unwrap_or_default();
    all(list, "<mechanism>", "</mechanism>")
}

/// XEP-0440 §3: beside mechanisms that are bound, the bindings that the server can check on this connection.
#[tokio::test(start_paused = true)]
async fn the_bindings_of_a_connection_are_told_before_sign_in() {
    let house = House::open().await;
    for (version, told) in
        [(&TLS13, &["tls-exporter", "tls-server-end-point"][..]), (&TLS12, &["tls-server-end-point"])]
    {
        let stream = house.connect_by(Transport::DirectTls);
        let mut stream = shake_hands_by(&house, stream, &[version]).await;
        stream.write_all(OPEN).await.expect("it reads");
        let features = until(&house, &mut stream, "</stream:features>").await;
        let list =
            features.split("<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>").nth(1).expect("a list");
        let mut names = bindings(list);
        names.sort_unstable();
        assert_eq!(names, told, "{features}");
    }
    // Where somebody else ends TLS there is nothing to bind to.
    let mut stream = house.connect_by(Transport::Protected);
    stream.write_all(OPEN).await.expect("it reads");
    let features = until(&house, &mut stream, "</stream:features>").await;
    assert!(!features.contains("sasl-channel-binding") && !features.contains("-PLUS<"), "{features}");
}

/// XEP-0474 §5.1: the hash over sorted names of mechanisms and bindings, as the client saw them.
fn seen(mechanisms: &[&str], bindings: &[&str]) -> String {
    let sorted = |names: &[&str]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names.join("\u{1e}")
    };
    let text = format!("{}\u{1f}{}", sorted(mechanisms), sorted(bindings));
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

/// Whoever cuts the list on its way cannot forge the hash, which the proof covers.
#[tokio::test(start_paused = true)]
async fn a_client_sees_by_the_challenge_that_nobody_has_cut_the_list() {
    let house = House::open().await;
    let stream = house.connect_by(Transport::DirectTls);
    let mut stream = shake_hands_by(&house, stream, &[&TLS13]).await;
    stream.write_all(OPEN).await.expect("it reads");
    let features = until(&house, &mut stream, "</stream:features>").await;
    let (mechanisms, bindings) = (mechanisms(&features), bindings(&features));
    assert_eq!(mechanisms, ["SCRAM-SHA-256-PLUS", "PLAIN"]);
    let first = STANDARD.encode("p=tls-exporter,,n=ann,r=half-a-nonce");
    let auth = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-256-PLUS'>{first}</auth>"
    );
    stream.write_all(auth.as_bytes()).await.expect("it reads");
    let challenge = until(&house, &mut stream, "</challenge>").await;
    let challenge = all(&challenge, "xmpp-sasl'>", "<").concat();
    let challenge = String::from_utf8(STANDARD.decode(challenge).expect("base64")).expect("text");
    let hash = challenge.split(",h=").nth(1).and_then(|rest| rest.split(',').next()).expect("a hash");
    assert_eq!(hash, seen(&mechanisms, &bindings), "{challenge}");
    assert_ne!(hash, seen(&["PLAIN"], &bindings), "somebody left the stronger one out");
    assert_ne!(hash, seen(&mechanisms, &bindings[..1]), "somebody left a binding out");
}

/// The records of an account, by mechanism.
async fn records(house: &House) -> Vec<String> {
    let ann = "ann@localhost".parse().expect("an address");
    let stored = house.wait(house.store.credentials(&ann)).await.expect("a store").expect("ann");
    stored.scram.into_iter().map(|record| record.mechanism).collect()
}

/// A house where ann can sign in by SCRAM-SHA-1 only.
async fn weak() -> House {
    let allowed = vec![Mechanism::ScramSha256, Mechanism::ScramSha1];
    let house = House::configured(|config| {
        config.sign_in.mechanisms = allowed;
        config.unknown_users.iterations = ITERATIONS_MIN;
    })
    .await;
    let derived = Credentials::derive(PASSWORD, &[2; 16], ITERATIONS_MIN, &[Hash::Sha1]).expect("a password");
    let record = derived.sha1.expect("it was asked for");
    let record = store::ScramRecord {
        mechanism: "SCRAM-SHA-1".to_owned(),
        salt: record.salt,
        iterations: record.iterations,
        stored_key: record.stored_key,
        server_key: record.server_key,
    };
    let ann = "ann@localhost".parse().expect("an address");
    house.wait(house.store.user_set_credentials(&ann, vec![record])).await.expect("ann is there");
    house
}

/// Signs ann in by SCRAM, ready for what `more` names; what follows the proof.
async fn prove(client: &mut Client<'_>, mechanism: Mechanism, more: &str) -> xmpp::Stanza {
    let (offered, binding) = ([mechanism], ChannelBinding::default());
    let identity = ("ann", PASSWORD);
    let mut machine = sasl::Client::new(&offered, &offered, identity, &binding, "clientnonce".to_owned())
        .expect("a mechanism");
    let initial = STANDARD.encode(machine.initial());
    let challenge = client.authenticate(mechanism.name(), &initial, more).await;
    assert_eq!(challenge.name(), "challenge", "{:?}", challenge.bytes());
    let challenge = STANDARD.decode(challenge.element().text()).expect("base64");
    let response = STANDARD.encode(machine.respond(&challenge).expect("a good challenge"));
    client.send(&format!("<response xmlns='urn:xmpp:sasl:2'>{response}</response>")).await;
    client.any().await
}

/// XEP-0480 §3: the client gives the salted password of a stronger mechanism, and the next sign-in is by that.
#[tokio::test(start_paused = true)]
async fn a_client_upgrades_the_records_of_its_account() {
    let house = weak().await;
    let mut ann = Client::new(&house, house.connect(), "ann");
    let ready = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade><bind xmlns='urn:xmpp:bind:0'/>";
    let next = prove(&mut ann, Mechanism::ScramSha1, ready).await.element();
    assert_eq!(next.name(), "continue");
    let task =
        next.child("tasks", "urn:xmpp:sasl:2").and_then(|tasks| tasks.child("task", "urn:xmpp:sasl:2"));
    assert_eq!(task.map(xmpp::Element::text).as_deref(), Some("UPGR-SCRAM-SHA-256"));
    assert!(house.im.sessions().is_empty(), "nobody is signed in before the task is done");
    ann.send("<next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-256'/>").await;
    let data = ann.any().await.element();
    let salt = data.child("salt", "urn:xmpp:scram-upgrade:0").expect("a salt");
    let iterations: u32 = salt.attr("iterations").and_then(|count| count.parse().ok()).expect("a count");
    assert!(iterations >= ITERATIONS_MIN);
    let salt = STANDARD.decode(salt.text()).expect("base64");
    let mut salted = [0; 32];
    pbkdf2::pbkdf2::<hmac::Hmac<Sha256>>(PASSWORD.as_bytes(), &salt, iterations, &mut salted)
        .expect("a length");
    ann.send(&format!(
        "<task-data xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>{}</hash></task-data>",
        STANDARD.encode(salted)
    ))
    .await;
    assert_eq!(ann.any().await.name(), "success");
    assert_eq!(records(&house).await, ["SCRAM-SHA-1", "SCRAM-SHA-256"]);
    let mut again = Client::new(&house, house.connect(), "ann");
    assert_eq!(prove(&mut again, Mechanism::ScramSha256, "").await.name(), "success");
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_that_is_broken_off_is_no_sign_in() {
    let house = weak().await;
    let mut ann = Client::new(&house, house.connect(), "ann");
    let ready = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade><bind xmlns='urn:xmpp:bind:0'/>";
    assert_eq!(prove(&mut ann, Mechanism::ScramSha1, ready).await.name(), "continue");
    ann.send("<abort xmlns='urn:xmpp:sasl:2'/>").await;
    assert_eq!(ann.any().await.name(), "failure");
    assert_eq!(records(&house).await, ["SCRAM-SHA-1"]);
    assert!(house.im.sessions().is_empty());
}
