//! A server for one phone: asks for a password, registers, accepts messages and subscriptions.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime::{Runtime, SocketOptions};
use sip::dialog::{Dialog, State};
use sip::digest::{Algorithm, NonceCounts, Verdict, ha1};
use sip::endpoint::{Config, Endpoint, Event, Flow, Output, ServerTransaction, Target, Transport};
use sip::framing::{Frame, StreamDecoder};
use sip::{Message, Method, Name, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What the server has seen: start lines of requests that were let in.
pub(super) type Seen = Arc<Mutex<Vec<String>>>;

pub(super) struct Server {
    endpoint: Endpoint,
    runtime: Runtime,
    digest: sip::digest::Server,
    counts: NonceCounts,
    /// The server's clock: each nonce is a new one.
    seconds: u64,
    /// Registrations shorter than this are refused by 423.
    min_expires: u32,
    subscription: Option<Dialog>,
    seen: Seen,
}

impl Server {
    fn new(runtime: &Runtime, min_expires: u32) -> Self {
        Self {
            endpoint: Endpoint::new(Config::default(), [9; 32]),
            runtime: runtime.clone(),
            digest: sip::digest::Server::new(
                &[1; 32],
                "localhost",
                &[Algorithm::Sha256, Algorithm::Md5],
                Duration::from_secs(300),
            ),
            counts: NonceCounts::default(),
            seconds: 1_000,
            min_expires,
            subscription: None,
            seen: Seen::default(),
        }
    }

    /// Serves UDP; gives the address and what is seen.
    pub(super) fn udp(runtime: &Runtime, min_expires: u32) -> (SocketAddr, Seen) {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let socket = runtime.bind_udp(any, SocketOptions::default()).unwrap();
        let local = socket.local_addr().unwrap();
        let mut server = Self::new(runtime, min_expires);
        let seen = Arc::clone(&server.seen);
        runtime.spawn("server", async move {
            let mut buffer = vec![0; 65_535];
            while let Ok((length, remote)) = socket.recv_from(&mut buffer).await {
                let flow = Flow { transport: Transport::Udp, local, remote, connection: None };
                let message = Message::parse(buffer[..length].to_vec().into()).unwrap();
                for (to, bytes) in server.take(message, flow) {
                    socket.send_to(&bytes, to).await.unwrap();
                }
            }
        });
        (local, seen)
    }

    /// Serves one TCP connection.
    pub(super) fn tcp(runtime: &Runtime) -> (SocketAddr, Seen) {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = runtime.listen_tcp(any, SocketOptions::default()).unwrap();
        let local = listener.local_addr().unwrap();
        let mut server = Self::new(runtime, 0);
        let seen = Arc::clone(&server.seen);
        runtime.spawn("server", async move {
            let (mut stream, remote) = listener.accept().await.unwrap();
            let flow = Flow { transport: Transport::Tcp, local, remote, connection: None };
            let mut decoder = StreamDecoder::new();
            while stream.read_buf(decoder.buffer()).await.unwrap() > 0 {
                while let Some(frame) = decoder.next_frame() {
                    let Frame::Message(message) = frame else { panic!("{frame:?}") };
                    for (_, bytes) in server.take(message, flow) {
                        stream.write_all(&bytes).await.unwrap();
                    }
                }
            }
        });
        (local, seen)
    }

    fn take(&mut self, message: Message, flow: Flow) -> Vec<(SocketAddr, bytes::Bytes)> {
        self.endpoint.handle_message(message, flow, self.runtime.now());
        let mut out = Vec::new();
        while let Some(output) = self.endpoint.poll_output() {
            match output {
                Output::Transmit(transmit) => out.push((transmit.flow.remote, transmit.bytes)),
                Output::Event(Event::Request { transaction, request, flow }) => {
                    self.serve(transaction, &request, flow);
                }
                Output::Event(_) => {}
            }
        }
        out
    }

    fn serve(&mut self, transaction: ServerTransaction, request: &Request, flow: Flow) {
        let now = self.runtime.now();
        let response = match self.challenge(request, flow) {
            Some(challenge) => challenge,
            None => self.accept(request),
        };
        self.endpoint.respond(transaction, &response, now);
        if response.is_success() && *request.method() == Method::Subscribe {
            self.notify(request, flow);
        }
    }

    fn challenge(&mut self, request: &Request, flow: Flow) -> Option<Response> {
        self.seconds += 1;
        let now = Duration::from_secs(self.seconds);
        let ip = flow.remote.ip();
        let known = ha1(Algorithm::Sha256, "1001", "localhost", "secret");
        for credentials in request.headers().credentials(Name::Authorization) {
            let method = request.method().as_bytes();
            let verdict = self.digest.verify(&credentials, method, Some(&known), (ip, now), &mut self.counts);
            if verdict == Verdict::Valid {
                return None;
            }
        }
        let mut response = Response::to(request, 401, Some(b"server"));
        for challenge in self.digest.challenges(now, ip, false) {
            response = response.header(Name::WwwAuthenticate, &challenge);
        }
        Some(response.finish())
    }

    fn accept(&mut self, request: &Request) -> Response {
        let headers = request.headers();
        let expires = headers.expires().unwrap().unwrap_or(0);
        self.seen.lock().unwrap().push(format!("{} {expires}", request.method()));
        let tag = headers.to_tag().unwrap_or_else(|| "server".into());
        if *request.method() == Method::Register && expires > 0 && expires < self.min_expires {
            return Response::to(request, 423, Some(&tag))
                .header(Name::MinExpires, &self.min_expires)
                .finish();
        }
        let contact = headers.first(Name::Contact).unwrap_or(b"<sip:server@127.0.0.1>");
        let contact = [contact, format!(";expires={expires}").as_bytes()].concat();
        Response::to(request, 200, Some(&tag))
            .header(Name::Contact, contact.as_slice())
            .header(Name::Expires, &expires)
            .finish()
    }

    fn notify(&mut self, subscribe: &Request, flow: Flow) {
        let expires = subscribe.headers().expires().unwrap().unwrap_or(0);
        let contact = format!("<sip:server@{}>", flow.local);
        let dialog = self
            .subscription
            .get_or_insert_with(|| Dialog::uas(subscribe, b"server", State::Confirmed).unwrap());
        let state = match expires {
            0 => "terminated;reason=timeout".to_owned(),
            _ => format!("active;expires={expires}"),
        };
        let notify = dialog
            .request(Method::Notify)
            .header(Name::Contact, &contact)
            .header(Name::Event, subscribe.headers().first(Name::Event).unwrap())
            .header(Name::SubscriptionState, &state)
            .body("application/pidf+xml", b"<presence/>");
        self.endpoint.send_request(notify, &Target::from(flow), self.runtime.now()).unwrap();
    }
}
