//! A node's HTTP side on real sockets, and a small HTTP/1.1 client to look at it with.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use calls::{Calls, CallsConfig, Listen};
use media::{Media, MediaConfig};
use model::{BareJid, LineId, Number, Timestamp};
use operations::{CallRow, Context, RegistrationRow, SessionRow, StatusSource};
use presence::{Engine, Observation, Observed, Rules, Show, Source};
use runtime::Runtime;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use sip::digest::{Algorithm, ha1};
use store::{DigestSecret, Files, NewLine, NewUser, ScramRecord, Store};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use web::{Metrics, Rooms, Tls, Web, WebConfig};
use xmpp::sasl::Credentials;
use xmpp::sasl::scram::Hash;

/// How long an answer may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(10);
/// 2026-11-20 10:41 UTC.
pub const MORNING: Timestamp = Timestamp(1_795_171_260_000_000);

pub struct House {
    pub web: Arc<Web>,
    pub im: Arc<im::Im>,
    pub calls: Calls,
    pub store: Store,
    pub runtime: Runtime,
    pub files: Files,
    certificate: rustls::pki_types::CertificateDer<'static>,
    _directory: tempfile::TempDir,
}

/// Rows as the other rooms would give them.
struct Scene;

impl StatusSource for Scene {
    fn sessions(&self) -> Vec<SessionRow> {
        let row = |jid: &str, show: &str, idle_seconds| SessionRow {
            jid: jid.to_owned(),
            address: "127.0.0.1".to_owned(),
            since: MORNING,
            show: Some(show.to_owned()),
            idle_seconds,
            is_waiting: false,
        };
        vec![row("ann@localhost/desk", "online", 4), row("bob@localhost/<b>laptop</b>", "away", 1_400)]
    }

    fn registrations(&self) -> Vec<RegistrationRow> {
        let row = |line: &str, owner: &str, phone: &str, port| RegistrationRow {
            line: line.to_owned(),
            owner: Some(owner.to_owned()),
            phone: Some(phone.to_owned()),
            source: format!("UDP 127.0.0.1:{port}"),
            expires: Timestamp(MORNING.0 + 3_600_000_000),
        };
        vec![
            row("1001", "ann@localhost", "Linphone Desktop/5.1.2", 5070),
            row("1002", "bob@localhost", "baresip v1.0.0 (x86_64/linux)", 5072),
        ]
    }

    fn calls(&self) -> Vec<CallRow> {
        vec![CallRow {
            from: "bob, 1002".to_owned(),
            to: "ann, 1001".to_owned(),
            state: "Talking".to_owned(),
            started: MORNING,
            answered: Some(MORNING),
        }]
    }
}

fn presence() -> Arc<Engine> {
    let engine = Engine::new(Rules::default());
    let observe = |user: &str, source, state| {
        let user = user.parse::<BareJid>().unwrap();
        engine.observe(Observation { user, source, state, since: MORNING, until: None }, MORNING);
    };
    let client = |show| Observed::Client { show, status: None, priority: 0 };
    let line = LineId::from("1002".parse::<Number>().unwrap());
    observe("ann@localhost", Source::Resource("desk".to_owned()), client(Show::Online));
    observe("bob@localhost", Source::Resource("laptop".to_owned()), client(Show::Away));
    observe("bob@localhost", Source::Line(line), Observed::InCall);
    observe("dora@localhost", Source::Choice, Observed::DoNotDisturb);
    Arc::new(engine)
}

/// Lines and who owns them.
const LINES: [(&str, &str); 3] = [("1001", "ann"), ("1002", "bob"), ("1003", "carol")];

fn new_line(number: &str, owner: &str) -> NewLine {
    let secret = DigestSecret {
        username: number.to_owned(),
        realm: "localhost".to_owned(),
        algorithm: "md5".to_owned(),
        ha1: ha1(Algorithm::Md5, number, "localhost", "secret"),
    };
    NewLine {
        line: LineId::from(number.parse::<Number>().unwrap()),
        owner: Some(format!("{owner}@localhost").parse().unwrap()),
        secrets: vec![secret],
    }
}

/// A self-signed certificate, and its public half.
fn tls() -> (Arc<Tls>, rustls::pki_types::CertificateDer<'static>) {
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let certificate = issued.cert.der().clone();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    (Arc::new(Tls::new(vec![certificate.clone()], key).unwrap()), certificate)
}

/// What the pages stand on.
pub async fn rooms(store: &Store, runtime: &Runtime) -> Rooms {
    let presence = presence();
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let im_tls = Arc::new(im::Tls::new(vec![issued.cert.der().clone()], key).unwrap());
    let config = im::ImConfig::new("localhost".parse().unwrap(), [7; 32], 1);
    let im = im::Im::start(config, store.clone(), Arc::clone(&presence), runtime.clone(), im_tls);
    Rooms {
        store: store.clone(),
        presence,
        status: Arc::new(Scene),
        metrics: Metrics::detached(),
        files: Files::new(std::env::temp_dir().join("carillon-nobody-sends-files-here"), runtime),
        tls: tls().0,
        im,
        calls: calls(store, runtime).await,
    }
}

/// Call control with phones on loopback.
async fn calls(store: &Store, runtime: &Runtime) -> Calls {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let config = CallsConfig {
        domain: "localhost".parse().unwrap(),
        listen: Listen { udp: vec![any], tcp: Vec::new(), tls: Vec::new() },
        tls: None,
        addresses: calls::address::Addresses::default(),
        digest: vec![Algorithm::Md5],
        trusted: Vec::new(),
        dscp: runtime::Dscp::CS3,
        shards: 2,
        echo_number: Some("600".to_owned()),
        limits: calls::CallLimits::default(),
        sign_in: calls::SignInLimits::default(),
        records: calls::RecordPolicy::default(),
        conferences: Default::default(),
        sounds: Default::default(),
        recordings: Default::default(),
    };
    let bind = any.ip();
    let media = MediaConfig { bind, rtp_ports: (24_000, 31_998), ..MediaConfig::default() };
    let (media, reports) = Media::start(media, runtime).unwrap();
    let engine = Arc::new(Engine::new(Rules::default()));
    let calls = Calls::start(config, store.clone(), engine, runtime.clone(), Arc::new(media)).await.unwrap();
    calls.hear(reports);
    calls
}

/// What proves everybody's password, `secret`. One iteration will do: PLAIN knows no lower bound.
fn scram() -> Vec<ScramRecord> {
    let derived = Credentials::derive("secret", &[1; 16], 1, &[Hash::Sha256]).unwrap();
    let record = derived.sha256.unwrap();
    let mechanism = "SCRAM-SHA-256".to_owned();
    let (stored_key, server_key) = (record.stored_key, record.server_key);
    vec![ScramRecord { mechanism, salt: record.salt, iterations: record.iterations, stored_key, server_key }]
}

/// What administrators work on: the store alone.
fn context(store: &Store, runtime: &Runtime, files: &Files, folder: &Path) -> Context {
    Context {
        store: store.clone(),
        runtime: runtime.clone(),
        domain: "localhost".parse().unwrap(),
        uploads: files.clone(),
        hashes: vec![Hash::Sha256],
        folder: folder.to_owned(),
        files: Vec::new(),
        services: calls::dialplan::Services::new(Some("600".to_owned()), std::iter::empty()),
        node: None,
    }
}

impl House {
    pub async fn start() -> Self {
        let runtime = Runtime::real();
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("store.db").display());
        let store = Store::open(&url, &runtime).await.unwrap();
        for (jid, name) in
            [("ann", "Ann Archer"), ("bob", "Bob Baker"), ("carol", "Carol Cook"), ("dora", "")]
        {
            let jid = format!("{jid}@localhost").parse().unwrap();
            let user = NewUser { jid, name: name.to_owned(), scram: scram(), lines: Vec::new() };
            store.user_add(user).await.unwrap();
        }
        for (number, owner) in LINES {
            store.line_add(new_line(number, owner)).await.unwrap();
        }
        let (tls, certificate) = tls();
        let files = Files::new(directory.path().join("files"), &runtime);
        let rooms = Rooms { tls, files: files.clone(), ..rooms(&store, &runtime).await };
        let (im, calls) = (Arc::clone(&rooms.im), rooms.calls.clone());
        let local: Vec<SocketAddr> = vec!["127.0.0.1:0".parse().unwrap()];
        let config = WebConfig {
            domain: "localhost".to_owned(),
            version: "0.1.0".to_owned(),
            https: local.clone(),
            http: local.clone(),
            metrics: local,
            cti: web::CtiPolicy::default(),
        };
        let web = Web::start(config, rooms, &runtime).unwrap();
        web.operate(context(&store, &runtime, &files, directory.path()));
        Self { web, im, calls, store, runtime, files, certificate, _directory: directory }
    }

    pub fn http(&self) -> SocketAddr {
        self.web.addresses().http[0]
    }

    pub fn metrics(&self) -> SocketAddr {
        self.web.addresses().metrics[0]
    }

    /// An answer from the plain listener.
    pub async fn get(&self, path: &str, cookie: &str) -> Answer {
        ask(self.http(), "GET", path, &[("Cookie", cookie)], "").await
    }

    /// A form sent to the plain listener.
    pub async fn post(&self, path: &str, cookie: &str, body: &str) -> Answer {
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        ask(self.http(), "POST", path, &[("Cookie", cookie), kind], body).await
    }

    /// A request to the administration, with a session's cookie and token and further fields.
    pub async fn admin(&self, request: &str, by: &SignedIn, fields: &[(&str, &str)], body: &str) -> Json {
        let (method, path) = request.split_once(' ').unwrap();
        let kind = if body.is_empty() { "" } else { "application/json" };
        let mut all =
            vec![("Cookie", by.cookie.as_str()), ("X-CSRF-Token", by.csrf.as_str()), ("Content-Type", kind)];
        all.extend_from_slice(fields);
        let answer = ask(self.http(), method, &format!("/api/v1/admin{path}"), &all, body).await;
        let value = serde_json::from_str(&answer.body).unwrap_or_default();
        Json {
            status: answer.status,
            value,
            tag: answer.field("etag").unwrap_or_default().to_owned(),
            answer,
        }
    }

    /// Signs in to the administration by a one-time link.
    pub async fn administrator(&self) -> SignedIn {
        let cookie = self.signed_in().await;
        let nobody = SignedIn { cookie, csrf: String::new() };
        let session = self.admin("GET /session", &nobody, &[], "").await;
        SignedIn { csrf: session.value["csrf"].as_str().unwrap().to_owned(), ..nobody }
    }

    /// An answer from the HTTPS listener.
    pub async fn get_by_tls(&self, path: &str) -> Answer {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(self.web.addresses().https[0]).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        exchange(stream, &request("GET", path, &[], "")).await
    }

    /// Signs in by a one-time link; gives the cookie.
    pub async fn signed_in(&self) -> String {
        let link = self.web.one_time_link(Duration::from_secs(60));
        self.get(&link, "").await.cookie().unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.runtime.stop();
    }
}

/// A session of an administrator.
#[derive(Default)]
pub struct SignedIn {
    pub cookie: String,
    pub csrf: String,
}

/// An answer of the administration.
pub struct Json {
    pub status: u16,
    pub value: serde_json::Value,
    pub tag: String,
    pub answer: Answer,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The cookie that was set, as it is sent back.
    pub fn cookie(&self) -> Option<String> {
        self.field("set-cookie")?.split(';').next().map(str::to_owned)
    }

    /// The token that the forms of the page carry.
    pub fn form_token(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"form_token\" value=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    }
}

pub fn request(method: &str, path: &str, fields: &[(&str, &str)], body: &str) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text
}

pub async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> Answer {
    let stream = TcpStream::connect(address).await.unwrap();
    exchange(stream, &request(method, path, fields, body)).await
}

pub async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    let talk = async {
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    };
    let text = tokio::time::timeout(PATIENCE, talk).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
