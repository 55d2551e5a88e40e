//! Both machines against each other over framers, without a network; and the server against a rough peer.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use jid::{BareJid, FullJid};
use proptest::prelude::*;

use super::*;
use crate::sasl::scram::{HASHES_DEFAULT, Hash, Record};
use crate::sasl::{self, ChannelBinding, Condition as SaslCondition, Credentials, Mechanism, UnknownUsers};
use crate::{Condition, ContentNamespace, Framer, Limits, StreamCondition, StreamError};

mod inline;

/// The identifier of ann's client.
const CLIENT: &str = "d4565fa7-4d72-4749-b3d3-740edbf87770";

/// What the store and the session table of the edge would answer.
struct Edge {
    credentials: Option<Credentials>,
    /// The resource that is taken.
    taken: Option<&'static str>,
    /// The session that can be resumed, and how much of the client's stream it has handled.
    resumable: Option<(&'static str, u32)>,
    binding: ChannelBinding,
    /// What is kept of the tokens of ann's client.
    tokens: Tokens,
    /// What the machine wanted to be done with them.
    token_work: Option<TokenWork>,
    upgraded: Vec<(Hash, Record)>,
}

impl Default for Edge {
    fn default() -> Self {
        static STORED: OnceLock<Credentials> = OnceLock::new();
        let stored =
            STORED.get_or_init(|| Credentials::derive("secret", &[3; 16], 4096, &HASHES_DEFAULT).unwrap());
        Self {
            credentials: Some(stored.clone()),
            taken: None,
            resumable: None,
            binding: exporter(1),
            tokens: Tokens::default(),
            token_work: None,
            upgraded: Vec::new(),
        }
    }
}

fn exporter(byte: u8) -> ChannelBinding {
    ChannelBinding { exporter: Some(vec![byte; 32]), server_end_point: Some(vec![byte; 32]) }
}

fn policy() -> Arc<ServerPolicy> {
    let domains = vec!["localhost".parse().unwrap(), "example.org".parse().unwrap()];
    let unknown = UnknownUsers { secret: [4; 32], iterations: 4096 };
    Arc::new(ServerPolicy {
        features: Bytes::from_static(b"<ver xmlns='urn:xmpp:features:rosterver'/>"),
        bind_inline: &["urn:xmpp:carbons:2"],
        tokens: true,
        ..ServerPolicy::new(domains, Mechanism::DEFAULT.to_vec(), unknown)
    })
}

/// The server's machine with its framer and edge: text in, text out.
struct Server {
    machine: ServerNegotiation,
    framer: Framer,
    edge: Edge,
    established: Option<Established>,
    tls: bool,
    closed: bool,
}

fn framer() -> Framer {
    Framer::new(ContentNamespace::Client, Limits::before_sign_in())
}

impl Server {
    fn new(machine: ServerNegotiation, edge: Edge) -> Self {
        Self { machine, framer: framer(), edge, established: None, tls: false, closed: false }
    }

    fn starttls(edge: Edge) -> Self {
        Self::new(ServerNegotiation::starttls(policy(), [1; 32]), edge)
    }

    fn direct_tls(edge: Edge) -> Self {
        let binding = edge.binding.clone();
        Self::new(ServerNegotiation::direct_tls(policy(), [1; 32], binding), edge)
    }

    fn receive(&mut self, bytes: &[u8]) -> String {
        self.framer.push(bytes);
        let mut written = String::new();
        while !self.closed {
            match self.framer.next_frame() {
                Ok(Some(frame)) => self.machine.handle(frame),
                Ok(None) => break,
                Err(error) => self.machine.fail(&error),
            }
            self.drain(&mut written);
        }
        written
    }

    fn drain(&mut self, written: &mut String) {
        while let Some(output) = self.machine.poll_output() {
            if let Some(text) = output.text() {
                written.push_str(std::str::from_utf8(&text).unwrap());
            }
            match output {
                Output::Open(_) | Output::Write(_) | Output::End => {}
                Output::StartTls => self.tls = true,
                Output::Refused => {}
                Output::Restart => {
                    self.framer.restart();
                    self.framer.set_limits(Limits::signed_in());
                }
                Output::Register(_) => self.machine.registered(Ok(None)),
                Output::LookUpNobody => self.machine.credentials(None),
                Output::LookUp(user) => {
                    assert!(self.machine.is_waiting());
                    let known = user.as_str() == "ann@localhost";
                    self.machine.credentials(self.edge.credentials.as_ref().filter(|_| known));
                }
                Output::Bind { user, resource } => {
                    let resource = resource.unwrap_or_else(|| "made-up".parse().unwrap());
                    match self.edge.taken {
                        Some(taken) if taken == resource.as_str() => {
                            self.machine.bind_refused(Condition::Conflict);
                        }
                        _ => self.machine.bound(user.with_resource(&resource)),
                    }
                }
                Output::Resume { user, previd, .. } => match self.edge.resumable {
                    Some((id, h)) if id == previd => self.machine.resumed(full(&user, "old"), h),
                    _ => self.machine.resume_failed(Some(7)),
                },
                Output::SignedIn => self.framer.set_limits(Limits::signed_in()),
                Output::Upgraded { user, records } => {
                    assert_eq!(user.as_str(), "ann@localhost");
                    self.edge.upgraded.extend(records);
                }
                Output::LookUpTokens { user, client } => {
                    assert!(self.machine.is_waiting());
                    let known = user.as_str() == "ann@localhost" && client == CLIENT;
                    let tokens = if known { self.edge.tokens.clone() } else { Tokens::default() };
                    self.machine.tokens(&tokens);
                }
                Output::Token(work) => {
                    let wanted = work.wanted.is_some();
                    self.edge.token_work = Some(work);
                    self.machine.token_given(wanted.then_some(("new-token", "2026-12-01T00:00:00Z")));
                }
                Output::BindInline { user, request, .. } => {
                    let resource = format!("{}/made-up", request.tag.as_deref().unwrap_or("none"));
                    match self.edge.taken {
                        Some(_) => self.machine.bind_refused(Condition::ResourceConstraint),
                        None => self.machine.bound_inline(full(&user, &resource), b"<more xmlns='urn:m'/>"),
                    }
                }
                Output::Established(established) => self.established = Some(established),
                Output::Close => self.closed = true,
            }
        }
    }
}

fn full(user: &BareJid, resource: &str) -> FullJid {
    user.with_resource_str(resource).unwrap()
}

fn login() -> Login {
    Login {
        domain: "localhost".parse().unwrap(),
        username: "ann".into(),
        password: "secret".into(),
        resource: Some("garden".parse().unwrap()),
        mechanisms: Mechanism::DEFAULT.to_vec(),
        resume: None,
    }
}

/// How the client's side ended.
#[derive(Debug, PartialEq)]
enum End {
    Session { jid: FullJid, resumed: Option<u32>, features: ServerFeatures },
    Failed(NegotiationError),
}

/// Plays both machines to the end, `piece` bytes at a time.
fn play(
    mut client: ClientNegotiation,
    mut server: Server,
    binding: ChannelBinding,
    piece: usize,
) -> (End, Server) {
    let mut framer = framer();
    loop {
        let Some(output) = client.poll_output() else {
            match framer.next_frame() {
                Ok(Some(frame)) => client.handle(frame),
                Ok(None) => panic!("both sides wait"),
                Err(error) => client.fail(error),
            }
            continue;
        };
        match output {
            ClientOutput::Write(bytes) => {
                for piece in bytes.chunks(piece) {
                    framer.push(server.receive(piece).as_bytes());
                }
            }
            ClientOutput::StartTls => {
                assert!(std::mem::take(&mut server.tls), "the server went to TLS too");
                assert_eq!((framer.pending_bytes(), server.framer.pending_bytes()), (0, 0));
                (framer, server.framer) = (self::framer(), self::framer());
                server.machine.tls_started(server.edge.binding.clone());
                client.tls_started(binding.clone());
            }
            ClientOutput::Restart => framer.restart(),
            ClientOutput::Established { jid, features, resumed } => {
                assert!(server.established.is_some(), "the server has the session too");
                return (End::Session { jid, resumed, features }, server);
            }
            ClientOutput::Failed(error) => return (End::Failed(error), server),
        }
    }
}

fn sign_in(login: Login, edge: Edge) -> (End, Server) {
    play(ClientNegotiation::starttls(login, [2; 32]), Server::starttls(edge), exporter(1), usize::MAX)
}

fn session(resource: &str) -> End {
    let features = ServerFeatures { stream_management: true, roster_versioning: true, pre_approval: false };
    End::Session { jid: format!("ann@localhost/{resource}").parse().unwrap(), resumed: None, features }
}

#[test]
fn both_ends_agree_on_a_session_for_every_mechanism_and_transport() {
    for mechanism in [Mechanism::ScramSha256Plus, Mechanism::ScramSha1Plus, Mechanism::Plain] {
        let login = Login { mechanisms: vec![mechanism], ..login() };
        let (end, server) = sign_in(login.clone(), Edge::default());
        assert_eq!(end, session("garden"), "{mechanism:?}");
        let bound = Established { jid: "ann@localhost/garden".parse().unwrap(), resumed: false };
        assert_eq!(server.established, Some(bound));
        let client = ClientNegotiation::direct_tls(login, [2; 32], exporter(1));
        let (end, _) = play(client, Server::direct_tls(Edge::default()), exporter(1), usize::MAX);
        assert_eq!(end, session("garden"), "{mechanism:?}");
    }
}

#[test]
fn the_session_is_the_same_byte_by_byte() {
    let client = ClientNegotiation::starttls(login(), [2; 32]);
    let (end, _) = play(client, Server::starttls(Edge::default()), exporter(1), 1);
    assert_eq!(end, session("garden"));
}

#[test]
fn without_a_channel_to_bind_to_the_client_signs_in_all_the_same() {
    let edge = Edge { binding: ChannelBinding::default(), ..Edge::default() };
    let login = Login { mechanisms: vec![Mechanism::ScramSha256], ..login() };
    let client = ClientNegotiation::starttls(login, [2; 32]);
    let (end, _) = play(client, Server::starttls(edge), ChannelBinding::default(), usize::MAX);
    assert_eq!(end, session("garden"));
}

#[test]
fn someone_between_two_channels_is_kept_out() {
    let client = ClientNegotiation::starttls(login(), [2; 32]);
    let (end, _) = play(client, Server::starttls(Edge::default()), exporter(9), usize::MAX);
    assert_eq!(end, End::Failed(NegotiationError::Refused(SaslCondition::NotAuthorized)));
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let refused = End::Failed(NegotiationError::Refused(SaslCondition::NotAuthorized));
    let wrong = Login { password: "wrong".into(), ..login() };
    assert_eq!(sign_in(wrong, Edge::default()).0, refused);
    for username in ["eve", "no user \"can\" have this name"] {
        let unknown = Login { username: username.into(), ..login() };
        assert_eq!(sign_in(unknown, Edge::default()).0, refused);
    }
}

#[test]
fn the_server_makes_up_a_resource_and_refuses_one_that_is_taken() {
    let free = Login { resource: None, ..login() };
    assert_eq!(sign_in(free, Edge::default()).0, session("made-up"));
    let edge = Edge { taken: Some("garden"), ..Edge::default() };
    match sign_in(login(), edge).0 {
        End::Failed(NegotiationError::Bind(error)) => assert_eq!(error.condition, Condition::Conflict),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_old_session_is_resumed_or_a_new_one_bound() {
    let old: FullJid = "ann@localhost/old".parse().unwrap();
    let login = Login { resume: Some(("session-1".into(), 3, old.clone())), ..login() };
    let edge = Edge { resumable: Some(("session-1", 5)), ..Edge::default() };
    let (end, server) = sign_in(login.clone(), edge);
    let features = ServerFeatures { stream_management: true, roster_versioning: true, pre_approval: false };
    assert_eq!(end, End::Session { jid: old.clone(), resumed: Some(5), features });
    assert_eq!(server.established, Some(Established { jid: old, resumed: true }));
    assert_eq!(sign_in(login, Edge::default()).0, session("garden"));
}

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                      version='1.0' to='localhost'>";

/// Feeds `text` to a new server; what it writes after its own header.
fn answers(mut server: Server, text: &str) -> (String, Server) {
    let written = server.receive(text.as_bytes());
    assert!(written.starts_with("<?xml version='1.0'?><stream:stream "), "{written}");
    let end = written.find("xml:lang='en'>").unwrap() + "xml:lang='en'>".len();
    (written[end..].to_owned(), server)
}

fn stream_error(written: &str) -> StreamCondition {
    let start = written.find("<stream:error>").unwrap_or_else(|| panic!("{written}"));
    let error = written[start..].strip_suffix("</stream:stream>").expect("the stream is closed");
    let error =
        error.replacen("<stream:error>", "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>", 1);
    StreamError::from_element(&crate::Element::parse(error.as_bytes(), "").unwrap()).unwrap().condition
}

#[test]
fn a_header_that_we_cannot_serve_gets_ours_and_an_error() {
    for (from, to, condition) in [
        ("to='localhost'", "to='elsewhere'", StreamCondition::HostUnknown),
        (" to='localhost'", "", StreamCondition::HostUnknown),
        ("version='1.0'", "version='0.9'", StreamCondition::UnsupportedVersion),
        ("version='1.0'", "", StreamCondition::UnsupportedVersion),
        ("jabber:client", "jabber:server", StreamCondition::InvalidNamespace),
        ("etherx", "ethery", StreamCondition::InvalidNamespace),
    ] {
        let (written, server) = answers(Server::starttls(Edge::default()), &HEADER.replace(from, to));
        assert_eq!(stream_error(&written), condition, "{to}");
        assert!(server.closed);
    }
}

#[test]
fn a_later_minor_version_is_served() {
    let (written, _) = answers(Server::starttls(Edge::default()), &HEADER.replace("1.0", "1.7"));
    assert_eq!(
        written,
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
    );
}

#[test]
fn nothing_comes_before_tls() {
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>";
    let (written, server) = answers(Server::starttls(Edge::default()), &format!("{HEADER}{auth}"));
    assert!(written.contains("<encryption-required/>"), "{written}");
    assert!(!server.closed);
    let (written, server) =
        answers(Server::starttls(Edge::default()), &format!("{HEADER}<message><body/></message>"));
    assert_eq!(stream_error(&written), StreamCondition::NotAuthorized);
    assert!(server.closed);
}

/// RFC 6120 §5.4.3.3: what came in the clear behind `<starttls/>` must not be taken for what came inside.
#[test]
fn nothing_in_the_clear_is_taken_while_tls_starts() {
    let text = format!("{HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message/>");
    let (written, server) = answers(Server::starttls(Edge::default()), &text);
    assert!(server.tls);
    assert_eq!(stream_error(&written), StreamCondition::PolicyViolation);
}

fn sasl_tries(elements: &[&str]) -> (String, Server) {
    let text = elements.iter().fold(HEADER.to_owned(), |text, element| {
        text + &element
            .replacen("<auth", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'", 1)
            .replacen("<response", "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'", 1)
            .replacen("<abort", "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'", 1)
    });
    answers(Server::direct_tls(Edge::default()), &text)
}

#[test]
fn sasl_errors_have_their_conditions() {
    for (elements, condition) in [
        (&["<auth mechanism='DIGEST-MD5'/>"][..], SaslCondition::InvalidMechanism),
        (&["<auth mechanism='PLAIN'>not base64</auth>"], SaslCondition::IncorrectEncoding),
        (&["<auth mechanism='PLAIN'>AGFubg==</auth>"], SaslCondition::MalformedRequest),
        (&["<auth mechanism='PLAIN'>=</auth>"], SaslCondition::MalformedRequest),
        (&["<auth mechanism='PLAIN'/>", "<abort/>"], SaslCondition::Aborted),
        (&["<auth mechanism='PLAIN'/>", "<response>###</response>"], SaslCondition::IncorrectEncoding),
        // "bob@localhost" NUL "ann" NUL "secret"
        (&["<auth mechanism='PLAIN'>Ym9iQGxvY2FsaG9zdABhbm4Ac2VjcmV0</auth>"], SaslCondition::InvalidAuthzid),
    ] {
        let (written, server) = sasl_tries(elements);
        assert!(written.ends_with(&format!("<{}/></failure>", condition.name())), "{written}");
        assert!(!server.closed);
    }
}

#[test]
fn the_right_password_after_a_failure_signs_in() {
    let plain = "<auth mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>";
    let (written, server) = sasl_tries(&["<auth mechanism='X'/>", plain]);
    assert!(written.ends_with("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"), "{written}");
    assert_eq!(server.machine.user().map(|user| user.as_str()), Some("ann@localhost"));
}

#[test]
fn too_many_failures_end_the_stream() {
    let tries = vec!["<auth mechanism='X'/>"; LOGIN_ATTEMPTS_MAX as usize];
    let (written, server) = sasl_tries(&tries);
    assert_eq!(written.matches("<failure ").count(), tries.len());
    assert_eq!(stream_error(&written), StreamCondition::PolicyViolation);
    assert!(server.closed);
}

/// A stream that has signed in by PLAIN and sent its new header.
fn signed_in(to: &str) -> (String, Server) {
    let (_, mut server) = sasl_tries(&["<auth mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>"]);
    let written = server.receive(HEADER.replace("localhost", to).as_bytes());
    (written, server)
}

#[test]
fn a_user_stays_in_the_domain_that_checked_the_password() {
    let (written, _) = signed_in("example.org");
    assert_eq!(stream_error(&written), StreamCondition::HostUnknown);
    let (written, _) = signed_in("localhost");
    assert!(
        written.contains("<bind ") && written.contains("<sm ") && written.contains("rosterver"),
        "{written}"
    );
}

#[test]
fn nothing_is_processed_before_a_resource_is_bound() {
    for stanza in [
        "<presence/>",
        "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
        "<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    ] {
        let (_, mut server) = signed_in("localhost");
        assert_eq!(
            stream_error(&server.receive(stanza.as_bytes())),
            StreamCondition::NotAuthorized,
            "{stanza}"
        );
    }
}

#[test]
fn counting_is_enabled_after_binding_only() {
    let (_, mut server) = signed_in("localhost");
    let written = server.receive(b"<enable xmlns='urn:xmpp:sm:3'/>");
    assert!(written.starts_with("<failed ") && written.contains("<unexpected-request "), "{written}");
    let written = server.receive(b"<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>");
    assert!(written.contains("h='7'") && written.contains("<item-not-found "), "{written}");
    let bind = "<iq type='set' id='&lt;1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    let written = server.receive(bind.as_bytes());
    assert!(
        written.contains("id='&lt;1'") && written.contains("<jid>ann@localhost/made-up</jid>"),
        "{written}"
    );
}

#[test]
fn a_resource_that_is_none_is_a_bad_request_and_too_many_end_the_stream() {
    let (_, mut server) = signed_in("localhost");
    let long = "x".repeat(1_024);
    let bind = format!(
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{long}</resource></bind></iq>"
    );
    for _ in 1..BIND_ATTEMPTS_MAX {
        let written = server.receive(bind.as_bytes());
        assert!(written.contains("<bad-request ") && !server.closed, "{written}");
    }
    let written = server.receive(bind.as_bytes());
    assert_eq!(stream_error(&written), StreamCondition::PolicyViolation);
}

#[test]
fn a_store_that_cannot_answer_is_a_temporary_failure() {
    let mut machine = ServerNegotiation::direct_tls(policy(), [1; 32], exporter(1));
    let mut framer = framer();
    framer.push(HEADER.as_bytes());
    framer.push(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>");
    while let Some(frame) = framer.next_frame().unwrap() {
        machine.handle(frame);
    }
    machine.unavailable();
    assert!(matches!(machine.poll_output(), Some(Output::Refused)), "the edge hears of it first");
    let written: Vec<Bytes> = std::iter::from_fn(|| machine.poll_output()?.text()).collect();
    assert!(written.concat().ends_with(b"<temporary-auth-failure/></failure>"));
}

#[test]
fn a_slow_peer_is_timed_out_even_before_its_header() {
    let mut machine = ServerNegotiation::starttls(policy(), [1; 32]);
    machine.timed_out();
    let written: Vec<Bytes> =
        [(); 3].map(|()| machine.poll_output().and_then(|output| output.text()).unwrap()).to_vec();
    let written = written.concat();
    assert_eq!(stream_error(std::str::from_utf8(&written).unwrap()), StreamCondition::ConnectionTimeout);
    assert!(matches!(machine.poll_output(), Some(Output::Close)));
    machine.timed_out();
    assert!(machine.poll_output().is_none(), "once is enough");
}

#[test]
fn a_peer_that_closes_is_answered() {
    let (written, server) = answers(Server::starttls(Edge::default()), &format!("{HEADER}</stream:stream>"));
    assert!(written.ends_with("</stream:features></stream:stream>"));
    assert!(server.closed);
}

/// RFC 6120 §4.7.3: every stream has an identifier of its own, also those of one connection.
#[test]
fn no_stream_identifier_comes_twice() {
    let id = |text: &str| {
        let id = text.split(" id='").nth(1).and_then(|rest| rest.split('\'').next()).map(str::to_owned);
        id.unwrap_or_else(|| panic!("{text}"))
    };
    let mut server = Server::direct_tls(Edge::default());
    let first = id(&server.receive(HEADER.as_bytes()));
    server
        .receive(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>");
    let second = id(&server.receive(HEADER.as_bytes()));
    assert_ne!(first, second);
}

proptest! {
    /// Whatever a peer sends in whatever order: no panic, and nothing after the end.
    #[test]
    fn no_order_of_elements_breaks_the_server(order in prop::collection::vec(0_usize..18, 0..12), direct: bool) {
        let elements = [
            HEADER,
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>",
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>",
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>biwsbj1hbm4scj1hYmNkZWZnaA==</auth>",
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AGFubgBzZWNyZXQ=</response>",
            "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
            "<resume xmlns='urn:xmpp:sm:3' previd='session-1' h='0'/>",
            "<enable xmlns='urn:xmpp:sm:3'/>",
            "<message/>",
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFubgBzZWNyZXQ=</initial-response></authenticate>",
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFubgBzZWNyZXQ=</initial-response>\
             <resume xmlns='urn:xmpp:sm:3' previd='session-2' h='0'/><bind xmlns='urn:xmpp:bind:0'/></authenticate>",
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'/>",
            "<response xmlns='urn:xmpp:sasl:2'>AGFubgBzZWNyZXQ=</response>",
            "<!-- -->",
            "</stream:stream>",
            "<",
        ];
        let credentials = Credentials::derive("secret", &[3; 16], 1, &HASHES_DEFAULT).ok();
        let edge = Edge { credentials, resumable: Some(("session-1", 5)), ..Edge::default() };
        let mut server = if direct { Server::direct_tls(edge) } else { Server::starttls(edge) };
        for index in order {
            server.receive(elements[index].as_bytes());
            if std::mem::take(&mut server.tls) && !server.closed {
                server.framer = framer();
                server.machine.tls_started(exporter(1));
            }
            if server.established.is_some() {
                prop_assert_eq!(server.machine.user().map(|user| user.as_str()), Some("ann@localhost"));
                break;
            }
        }
        if server.closed {
            server.machine.timed_out();
            prop_assert!(server.machine.poll_output().is_none());
        }
    }
}

#[test]
fn the_client_stops_where_it_must() {
    let end = |text: &str| {
        let mut client = ClientNegotiation::starttls(login(), [2; 32]);
        let mut framer = framer();
        framer.push(HEADER.as_bytes());
        framer.push(text.as_bytes());
        while let Some(frame) = framer.next_frame().unwrap() {
            client.handle(frame);
        }
        std::iter::from_fn(|| client.poll_output()).find_map(|output| match output {
            ClientOutput::Failed(error) => Some(error),
            _ => None,
        })
    };
    assert_eq!(end("<stream:features/>"), Some(NegotiationError::NoTls));
    assert_eq!(end("<message/>"), Some(NegotiationError::Unexpected));
    assert_eq!(end("</stream:stream>"), Some(NegotiationError::Closed));
    let error = "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    assert_eq!(end(error), Some(NegotiationError::Stream(StreamCondition::HostUnknown.into())));
    let refused = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>\
                   <failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    assert_eq!(end(refused), Some(NegotiationError::NoTls));
}

#[test]
fn the_client_takes_no_success_that_the_server_did_not_prove() {
    let mut exchange = sasl::Client::new(
        &[Mechanism::ScramSha256],
        &Mechanism::ALL,
        ("ann", "secret"),
        &ChannelBinding::default(),
        "clientnonce".into(),
    )
    .unwrap();
    exchange.initial();
    assert_eq!(exchange.success(None), Err(sasl::ClientError::Server));
}
