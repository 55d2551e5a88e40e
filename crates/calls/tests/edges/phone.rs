//! A phone on a real socket, and a server to talk to.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use calls::address::Addresses;
use calls::dialplan::{Kept, keep, kept};
use calls::{CallLimits, Calls, CallsConfig, Listen, SignInLimits};
use model::{DomainPart, Timestamp};
use presence::{Engine, Rules};
use runtime::Runtime;
use sip::digest::{Account, Algorithm, answer, ha1};
use sip::framing::{Frame, StreamDecoder};
use sip::{CSeq, Message, Method, Name, Request, RequestBuilder, Response};
use store::{DigestSecret, NewLine, NewUser, RosterItem, Store, Subscription};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// The realm and domain.
pub const DOMAIN: &str = "example.org";
/// How long a phone waits before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Media that nobody asks for here.
struct NoMedia;

impl calls::call::Ports for NoMedia {
    fn fingerprint(&self) -> String {
        String::new()
    }

    fn published_port(&self) -> Option<u16> {
        None
    }

    fn open(&self, open: media::OpenPort) -> Result<media::Port, media::NoPort> {
        Err(media::NoPort(open.kind))
    }

    fn command(&self, _: media::Command) {}

    fn conference(&self, _: media::Conference) -> media::ConferenceId {
        media::ConferenceId::numbered(1)
    }
}

/// A server with ann (1001), bob (1002) and a lobby phone (1009) that nobody owns; bob lets ann watch him.
pub struct House {
    pub calls: Calls,
    pub store: Store,
    pub engine: Arc<Engine>,
    _folder: tempfile::TempDir,
}

impl House {
    pub async fn open() -> Self {
        Self::of_shards(2).await
    }

    pub async fn of_shards(shards: usize) -> Self {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        Self::listening(shards, Listen { udp: vec![any], tcp: vec![any], tls: Vec::new() }, None).await
    }

    pub async fn listening(shards: usize, listen: Listen, tls: Option<Arc<calls::Tls>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let runtime = Runtime::real();
        let store =
            Store::open(&format!("sqlite:{}", folder.path().join("db").display()), &runtime).await.unwrap();
        for (name, number) in [("ann", "1001"), ("bob", "1002")] {
            let user = NewUser {
                jid: format!("{name}@{DOMAIN}").parse().unwrap(),
                name: name.to_uppercase(),
                scram: Vec::new(),
                lines: vec![line(number, &[number, name])],
            };
            store.user_add(user).await.unwrap();
        }
        store.line_add(line("1009", &["1009"])).await.unwrap();
        let granted = RosterItem {
            contact: format!("ann@{DOMAIN}").parse().unwrap(),
            name: String::new(),
            subscription: Subscription::From,
            ask: false,
            approved: false,
            groups: Vec::new(),
        };
        store.roster_put(&format!("bob@{DOMAIN}").parse().unwrap(), granted).await.unwrap();
        let config = CallsConfig {
            domain: DomainPart::new(DOMAIN).unwrap().into_owned(),
            listen,
            tls,
            addresses: Addresses::default(),
            digest: vec![Algorithm::Md5],
            trusted: Vec::new(),
            dscp: runtime::Dscp::CS3,
            shards,
            echo_number: Some("600".to_owned()),
            conferences: Vec::new(),
            recordings: Default::default(),
            sounds: Default::default(),
            limits: CallLimits::default(),
            sign_in: SignInLimits::default(),
            records: calls::RecordPolicy::default(),
        };
        let engine = Arc::new(Engine::new(Rules::default()));
        let calls = Calls::start(config, store.clone(), Arc::clone(&engine), runtime, Arc::new(NoMedia))
            .await
            .unwrap();
        Self { calls, store, engine, _folder: folder }
    }

    /// A server with this dial plan.
    pub async fn with_plan(document: &str) -> Self {
        let house = Self::open().await;
        house.apply(document).await;
        house
    }

    /// This dial plan is in force from now on.
    pub async fn apply(&self, document: &str) {
        let new = Kept { document: document.to_owned(), ..kept(&self.store).await.unwrap() };
        keep(&self.store, new, Timestamp(0)).await.unwrap();
        self.calls.take_plan().await.unwrap();
    }

    /// One more line that nobody owns; the server knows it when this is over.
    pub async fn add_line(&self, number: &str) {
        self.store.line_add(line(number, &[number])).await.unwrap();
    }

    pub fn udp(&self) -> SocketAddr {
        self.calls.listening().udp[0]
    }

    pub fn tcp(&self) -> SocketAddr {
        self.calls.listening().tcp[0]
    }
}

fn line(number: &str, usernames: &[&str]) -> NewLine {
    let secret = |username: &&str| DigestSecret {
        username: (*username).to_owned(),
        realm: DOMAIN.to_owned(),
        algorithm: "md5".to_owned(),
        ha1: ha1(Algorithm::Md5, username, DOMAIN, &format!("pw{number}")),
    };
    NewLine {
        line: number.parse::<model::Number>().unwrap().into(),
        owner: None,
        secrets: usernames.iter().map(secret).collect(),
    }
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream, StreamDecoder),
}

/// A phone of one line.
pub struct Phone {
    socket: Socket,
    pub local: SocketAddr,
    pub number: String,
    sent: u32,
}

impl Phone {
    pub async fn udp(house: &House, number: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(house.udp()).await.unwrap();
        let local = socket.local_addr().unwrap();
        Self { socket: Socket::Udp(socket), local, number: number.to_owned(), sent: 0 }
    }

    pub async fn tcp(house: &House, number: &str) -> Self {
        let socket = TcpStream::connect(house.tcp()).await.unwrap();
        let local = socket.local_addr().unwrap();
        Self { socket: Socket::Tcp(socket, StreamDecoder::new()), local, number: number.to_owned(), sent: 0 }
    }

    /// Begins a request to `sip:<to>@example.org` (or the domain alone).
    pub fn request(&mut self, method: Method, to: &str) -> RequestBuilder {
        self.sent += 1;
        let transport = if matches!(self.socket, Socket::Udp(_)) { "UDP" } else { "TCP" };
        let at = if to.is_empty() { String::new() } else { format!("{to}@") };
        let aor = if method == Method::Register { self.number.clone() } else { to.to_owned() };
        let uri = format!("sip:{at}{DOMAIN}");
        RequestBuilder::new(method.clone(), uri.as_bytes())
            .via(
                transport,
                &self.local.to_string(),
                format!("z9hG4bK{}x{}", self.local.port(), self.sent).as_bytes(),
            )
            .header(Name::MaxForwards, &70_u32)
            .header(Name::From, &format!("<sip:{}@{DOMAIN}>;tag=f{}", self.number, self.sent))
            .header(Name::To, &format!("<sip:{aor}@{DOMAIN}>"))
            .header(Name::CallId, &format!("c{}-{}", self.local.port(), self.number))
            .header(Name::CSeq, &CSeq { number: self.sent, method })
            .header(Name::Contact, &format!("<sip:{}@{}>", self.number, self.local))
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        match &mut self.socket {
            Socket::Udp(socket) => drop(socket.send(bytes).await.unwrap()),
            Socket::Tcp(stream, _) => stream.write_all(bytes).await.unwrap(),
        }
    }

    /// The next message; `None` when the connection was closed.
    pub async fn receive(&mut self) -> Option<Message> {
        tokio::time::timeout(PATIENCE, self.next()).await.expect("an answer in time")
    }

    /// The next message, if one comes within this time.
    pub async fn receive_within(&mut self, patience: Duration) -> Option<Message> {
        tokio::time::timeout(patience, self.next()).await.ok().flatten()
    }

    async fn next(&mut self) -> Option<Message> {
        match &mut self.socket {
            Socket::Udp(socket) => {
                let mut buffer = vec![0; 65_535];
                let length = socket.recv(&mut buffer).await.unwrap();
                buffer.truncate(length);
                Some(Message::parse(Bytes::from(buffer)).unwrap())
            }
            Socket::Tcp(stream, decoder) => loop {
                match decoder.next_frame() {
                    Some(Frame::Message(message)) => return Some(message),
                    Some(other) => panic!("{other:?}"),
                    None if stream.read_buf(decoder.buffer()).await.unwrap_or(0) == 0 => return None,
                    None => {}
                }
            },
        }
    }

    /// Reads raw bytes of a connection.
    pub async fn read_raw(&mut self, length: usize) -> Vec<u8> {
        let Socket::Tcp(stream, _) = &mut self.socket else { panic!("not a stream") };
        let mut bytes = vec![0; length];
        tokio::time::timeout(PATIENCE, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
        bytes
    }

    pub async fn response(&mut self) -> Response {
        loop {
            let response = self.receive().await.unwrap().into_response().expect("a response");
            if response.status() != 100 {
                return response;
            }
        }
    }

    pub async fn expect_request(&mut self, method: Method) -> Request {
        let request = self.receive().await.unwrap().into_request().expect("a request");
        assert_eq!(*request.method(), method);
        request
    }

    /// Answers a request.
    pub async fn answer(&mut self, request: &Request, status: u16) {
        self.send(&Response::to(request, status, Some(b"phone")).finish().bytes().clone()).await;
    }

    /// Sends a request, answers the challenge with the line's password, and gives the final response.
    pub async fn ask(&mut self, build: impl FnMut(&mut Self) -> Request) -> Response {
        let username = self.number.clone();
        let password = format!("pw{username}");
        self.ask_as(&username, &password, build).await
    }

    pub async fn ask_as(
        &mut self,
        username: &str,
        password: &str,
        build: impl FnMut(&mut Self) -> Request,
    ) -> Response {
        let (response, heard) = self.ask_among(username, password, build).await;
        assert!(heard.is_empty(), "{heard:?}");
        response
    }

    /// Likewise; requests that come in between are given, too.
    pub async fn ask_among(
        &mut self,
        username: &str,
        password: &str,
        build: impl FnMut(&mut Self) -> Request,
    ) -> (Response, Vec<Message>) {
        let (_, mut heard) = self.send_signed(username, password, build).await;
        (self.response_among(&mut heard).await, heard)
    }

    /// Sends a request and, when it is challenged, again; gives what was sent, and requests that came in between.
    pub async fn send_signed(
        &mut self,
        username: &str,
        password: &str,
        mut build: impl FnMut(&mut Self) -> Request,
    ) -> (Request, Vec<Message>) {
        let mut heard = Vec::new();
        let request = build(self);
        self.send(&request.bytes().clone()).await;
        let challenge = self.response_among(&mut heard).await;
        assert_eq!(challenge.status(), 401, "{challenge:?}");
        let account = Account { username: username.to_owned(), password: password.to_owned() };
        let request = build(self);
        let method = request.method().as_bytes().to_vec();
        let challenges = challenge.headers().challenges(Name::WwwAuthenticate);
        let value = answer(challenges, &account, &method, request.uri_bytes(), "cnonce", 1).unwrap();
        let signed = sip::message::Edit::request(&request).push(Name::Authorization, &value).finish();
        self.send(&signed.bytes().clone()).await;
        (signed.into_request().expect("a request"), heard)
    }

    async fn response_among(&mut self, heard: &mut Vec<Message>) -> Response {
        loop {
            match self.receive().await.unwrap() {
                Message::Response(response) if response.status() == 100 => {}
                Message::Response(response) => return response,
                request @ Message::Request(_) => heard.push(request),
            }
        }
    }

    pub async fn register(&mut self) {
        let response = self.ask(|phone| phone.request(Method::Register, "").finish()).await;
        assert_eq!(response.status(), 200, "{response:?}");
    }
}
