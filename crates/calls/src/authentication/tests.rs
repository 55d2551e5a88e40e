//! Tests of authentication against a store: right, wrong, unknown and too often.

use super::*;
use crate::trunk::Trunks;
use bytes::Bytes;
use runtime::Runtime;
use sip::digest::{Account as Client, answer, ha1};
use sip::{Method, RequestBuilder};
use store::{DigestSecret, NewLine};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

struct Bench {
    authentication: Authentication,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

async fn bench(trusted: &[&str]) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::real();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let store = Store::open(&url, &runtime).await.unwrap();
    let secret = |algorithm: Algorithm| DigestSecret {
        username: "1001".to_owned(),
        realm: "example.org".to_owned(),
        algorithm: algorithm.as_str().to_ascii_lowercase(),
        ha1: ha1(algorithm, "1001", "example.org", "secret"),
    };
    let line = NewLine {
        line: "1001".parse::<model::Number>().unwrap().into(),
        owner: None,
        secrets: vec![secret(Algorithm::Md5), secret(Algorithm::Sha256)],
    };
    store.line_add(line).await.unwrap();
    let trusted = trusted.iter().map(|text| text.parse().unwrap()).collect();
    let algorithms = [Algorithm::Sha256, Algorithm::Md5];
    let trunks = Arc::new(Trunks::new(Arc::default()));
    let authentication = Authentication::new(
        &[1; 32],
        "example.org",
        &algorithms,
        (trusted, SignInLimits::default()),
        (store, trunks, Arc::default()),
    );
    Bench { authentication, runtime, _folder: folder }
}

impl Bench {
    fn arrived(&self) -> Arrived {
        Arrived { from: HERE, instant: self.runtime.now(), civil: self.runtime.timestamp() }
    }

    fn request(&self, username: &str, password: &str) -> Request {
        let client = Client { username: username.to_owned(), password: password.to_owned() };
        let challenges = self.authentication.challenges(self.runtime.timestamp(), HERE, false);
        let value: Bytes = answer(challenges, &client, b"REGISTER", b"sip:example.org", "c", 1).unwrap();
        RequestBuilder::new(Method::Register, b"sip:example.org").header(Name::Authorization, &value).finish()
    }

    async fn proof(&self, request: &Request) -> Proof {
        match self.authentication.check(request, self.arrived()) {
            Proof::Unread { username } => {
                let account = self.authentication.read(&username).await.unwrap();
                self.authentication.check_with(request, account.as_deref(), self.arrived())
            }
            proof => proof,
        }
    }
}

#[tokio::test]
async fn a_request_without_credentials_is_challenged_in_the_configured_order() {
    let bench = bench(&[]).await;
    let bare = RequestBuilder::new(Method::Register, b"sip:example.org").finish();
    assert!(matches!(bench.proof(&bare).await, Proof::Wanted { stale: false }));
    let offered: Vec<_> =
        bench.authentication.challenges(Timestamp(0), HERE, false).map(|c| c.algorithm).collect();
    assert_eq!(offered, [Some(Algorithm::Sha256), Some(Algorithm::Md5)]);
}

#[tokio::test]
async fn right_credentials_prove_the_line_and_are_then_in_memory() {
    let bench = bench(&[]).await;
    let request = bench.request("1001", "secret");
    assert!(matches!(bench.authentication.check(&request, bench.arrived()), Proof::Unread { .. }));
    assert!(
        matches!(bench.proof(&request).await, Proof::Given(account) if account.line.number.as_str() == "1001")
    );
    let again = bench.request("1001", "secret");
    assert!(matches!(bench.authentication.check(&again, bench.arrived()), Proof::Given(_)));
    assert!(
        matches!(bench.authentication.check(&again, bench.arrived()), Proof::Wanted { stale: true }),
        "the same credentials serve once"
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_look_alike() {
    let bench = bench(&[]).await;
    let mut delays = Vec::new();
    for (username, password) in [("1001", "wrong"), ("nobody", "secret")] {
        match bench.proof(&bench.request(username, password)).await {
            Proof::Wrong(delay) => delays.push(delay),
            other => panic!("{username}: {other:?}"),
        }
    }
    assert_eq!(delays[0], delays[1]);
}

#[tokio::test]
async fn an_account_is_refused_after_many_failures_unless_the_network_is_trusted() {
    for (trusted, refused) in [(&[][..], true), (&["127.0.0.0/8"][..], false)] {
        let bench = bench(trusted).await;
        for _ in 0..10 {
            bench.proof(&bench.request("1001", "wrong")).await;
        }
        let proof = bench.proof(&bench.request("1001", "secret")).await;
        assert_eq!(matches!(proof, Proof::TooOften(_)), refused, "{proof:?}");
    }
}
