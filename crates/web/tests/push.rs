//! Web Push on real sockets: a receiver that decrypts what comes, and a push service that is slow, or forgets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::agreement::{self, ECDH_P256, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::{aead, hkdf, signature};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use im::{Im, ImConfig, PushKeys, PushNotice, PushSender, PushTarget, Tls};
use runtime::{Runtime, SocketOptions};
use store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use web::push::{PushConfig, Pusher, new_key};

const SECRET: [u8; 16] = [7; 16];
const PRIVATE_KEY: [u8; 32] = [9; 32];

/// A push service on loopback.
struct Receiver {
    listener: TcpListener,
    endpoint: String,
}

/// A request as it came.
struct Arrived {
    head: String,
    body: Vec<u8>,
}

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &&str| line.split(':').next().is_some_and(|other| other.eq_ignore_ascii_case(name));
        Some(self.head.lines().find(line)?.split_once(':')?.1.trim())
    }
}

impl Receiver {
    fn open(runtime: &Runtime) -> Self {
        let listener = runtime.listen_tcp("127.0.0.1:0".parse().unwrap(), SocketOptions::default()).unwrap();
        let endpoint = format!("http://{}/device?1", listener.local_addr().unwrap());
        Self { listener, endpoint }
    }

    /// Takes one request and answers it.
    async fn take(&self, status: &str) -> Arrived {
        let taken = tokio::time::timeout(Duration::from_secs(30), self.listener.accept());
        let (mut stream, _) = taken.await.expect("a request within 30 s").unwrap();
        let mut bytes = Vec::new();
        let (at, length) = loop {
            stream.read_buf(&mut bytes).await.unwrap();
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&bytes[..at]).to_ascii_lowercase();
                let length = head.split("content-length:").nth(1).unwrap().lines().next().unwrap();
                break (at, length.trim().parse::<usize>().unwrap());
            }
        };
        while bytes.len() < at + 4 + length {
            stream.read_buf(&mut bytes).await.unwrap();
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await.unwrap();
        let body = bytes.split_off(at + 4);
        Arrived { head: String::from_utf8(bytes).unwrap(), body }
    }
}

/// The receiver's side of RFC 8291, written from the RFC and not from the sender.
fn decrypt(body: &[u8]) -> Vec<u8> {
    let (salt, rest) = body.split_at(16);
    assert_eq!(rest[..5], [0, 0, 16, 0, 65], "records of 4,096 bytes, and a key of 65");
    let (sender, sealed) = rest[5..].split_at(65);
    let own = PrivateKey::from_private_key(&ECDH_P256, &PRIVATE_KEY).unwrap();
    let own_public = own.compute_public_key().unwrap();
    let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
    let shared = agreement::agree(&own, peer, (), |shared| Ok(shared.to_vec())).unwrap();
    let info = [b"WebPush: info\0", own_public.as_ref(), sender].concat();
    let input = derive(&SECRET, &shared, &info, 32);
    let key = derive(salt, &input, b"Content-Encoding: aes128gcm\0", 16);
    let nonce = derive(salt, &input, b"Content-Encoding: nonce\0", 12);
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
    let nonce = aead::Nonce::try_assume_unique_for_key(&nonce).unwrap();
    let mut sealed = sealed.to_vec();
    let opened = key.open_in_place(nonce, aead::Aad::empty(), &mut sealed).unwrap();
    let (last, text) = opened.split_last().unwrap();
    assert_eq!(*last, 2, "the last record");
    text.to_vec()
}

fn derive(salt: &[u8], input: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    struct Length(usize);
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = vec![0; length];
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(input);
    extracted.expand(&[info], Length(length)).unwrap().fill(&mut out).unwrap();
    out
}

struct House {
    im: Arc<Im>,
    runtime: Runtime,
    pusher: Pusher,
    _folder: tempfile::TempDir,
}

async fn house(private_endpoints: bool) -> House {
    let runtime = Runtime::real();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("carillon.db").display());
    let store = Store::open(&url, &runtime).await.unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let tls = Arc::new(Tls::new(vec![made.cert.der().clone()], key).unwrap());
    let config = ImConfig::new("localhost".parse().unwrap(), [1; 32], 1);
    let engine = Arc::new(presence::Engine::new(presence::Rules::default()));
    let im = Im::start(config, store, engine, runtime.clone(), tls);
    let config = PushConfig {
        key: new_key().unwrap(),
        contact: "mailto:postmaster@localhost".to_owned(),
        private_endpoints,
        authorities: rustls::RootCertStore::empty(),
    };
    let pusher = Pusher::start(config, &im, &runtime).unwrap();
    House { im, runtime, pusher, _folder: folder }
}

fn notice(endpoint: &str, keys: Option<PushKeys>) -> PushNotice {
    PushNotice {
        owner: "bob@localhost".parse().unwrap(),
        node: "n".to_owned(),
        target: PushTarget { endpoint: endpoint.to_owned(), keys },
        payload: r#"{"count":1}"#.into(),
    }
}

fn keys() -> PushKeys {
    let own = PrivateKey::from_private_key(&ECDH_P256, &PRIVATE_KEY).unwrap();
    let public_key = own.compute_public_key().unwrap().as_ref().try_into().unwrap();
    PushKeys { public_key, secret: SECRET }
}

#[tokio::test]
async fn a_notice_comes_encrypted_and_signed() {
    let house = house(true).await;
    let receiver = Receiver::open(&house.runtime);
    assert!(house.pusher.send(notice(&receiver.endpoint, Some(keys()))));
    let arrived = receiver.take("201 Created").await;
    assert!(arrived.head.starts_with("POST /device?1 HTTP/1.1\r\n"), "{}", arrived.head);
    assert_eq!(arrived.header("content-encoding"), Some("aes128gcm"));
    assert_eq!(arrived.header("ttl"), Some("86400"));
    assert_eq!(decrypt(&arrived.body), br#"{"count":1}"#);

    let value = arrived.header("authorization").unwrap().strip_prefix("vapid t=").unwrap();
    let (token, key) = value.split_once(", k=").unwrap();
    assert_eq!(key, house.pusher.public_key());
    let (signed, proof) = token.rsplit_once('.').unwrap();
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let origin = receiver.endpoint.trim_end_matches("/device?1");
    assert_eq!((&claims["aud"], &claims["sub"]), (&origin.into(), &"mailto:postmaster@localhost".into()));
    let key = URL_SAFE_NO_PAD.decode(key).unwrap();
    let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key);
    key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(proof).unwrap()).unwrap();
    house.runtime.stop();
}

#[tokio::test]
async fn a_plain_receiver_gets_json() {
    let house = house(true).await;
    let receiver = Receiver::open(&house.runtime);
    house.pusher.send(notice(&receiver.endpoint, None));
    let arrived = receiver.take("200 OK").await;
    assert_eq!(arrived.header("content-type"), Some("application/json"));
    assert_eq!(arrived.body, br#"{"count":1}"#);
    house.runtime.stop();
}

#[tokio::test]
async fn a_push_service_that_is_busy_is_asked_again() {
    let house = house(true).await;
    let receiver = Receiver::open(&house.runtime);
    house.pusher.send(notice(&receiver.endpoint, None));
    receiver.take("503 Service Unavailable").await;
    assert_eq!(receiver.take("201 Created").await.body, br#"{"count":1}"#);
    house.runtime.stop();
}

#[tokio::test]
async fn nothing_goes_inside_unless_the_operator_allows_it() {
    let house = house(false).await;
    assert!(house.pusher.accepts("http://push.example/").is_err());
    assert!(house.pusher.accepts("https://127.0.0.1/").is_err());
    assert!(house.pusher.accepts("https://push.example/").is_ok());
    let receiver = Receiver::open(&house.runtime);
    house.pusher.send(notice(&receiver.endpoint, None));
    let came = tokio::time::timeout(Duration::from_millis(300), receiver.listener.accept()).await;
    assert!(came.is_err(), "a request came inside");
    assert!(house.im.sessions().is_empty());
    house.runtime.stop();
}
