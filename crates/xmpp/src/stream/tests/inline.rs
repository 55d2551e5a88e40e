//! The server against a scripted client that signs in by XEP-0388: one request, and the session is there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::*;
use crate::sasl::{TokenKey, TokenMechanism};

/// `NUL ann NUL secret`.
const PLAIN: &str = "<initial-response>AGFubgBzZWNyZXQ=</initial-response>";

fn authenticate(mechanism: &str, children: &str) -> String {
    format!("<authenticate xmlns='urn:xmpp:sasl:2' mechanism='{mechanism}'>{children}</authenticate>")
}

/// Sends everything at once, behind the header, as a client does that knows the server: what comes after the
/// features of the unauthenticated stream.
fn pipelined(edge: Edge, text: &str) -> (String, Server) {
    let (written, server) = answers(Server::direct_tls(edge), &format!("{HEADER}{text}"));
    let (_, rest) = written.split_once("</stream:features>").expect("features come first");
    (rest.to_owned(), server)
}

fn session_of(server: &Server) -> (&str, bool) {
    server.established.as_ref().map(|session| (session.jid.as_str(), session.resumed)).expect("a session")
}

#[test]
fn the_features_offer_both_profiles_and_what_goes_in_one_request() {
    let (written, _) = answers(Server::direct_tls(Edge::default()), HEADER);
    for part in [
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-256-PLUS</mechanism>",
        "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-256-PLUS</mechanism>",
        "<inline><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:carbons:2'/></inline></bind>\
         <sm xmlns='urn:xmpp:sm:3'/>",
        "<fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism><mechanism>HT-SHA-256-ENDP\
         </mechanism><mechanism>HT-SHA-256-NONE</mechanism></fast>",
        "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade></authentication>",
        "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/>\
         <channel-binding type='tls-server-end-point'/></sasl-channel-binding>",
        "<limits xmlns='urn:xmpp:stream-limits:0'>",
    ] {
        assert!(written.contains(part), "{part} in {written}");
    }
    let unbound = Edge { binding: ChannelBinding::default(), ..Edge::default() };
    let (written, _) = answers(Server::direct_tls(unbound), HEADER);
    assert!(
        !written.contains("-PLUS") && !written.contains("sasl-cb") && !written.contains("-EXPR"),
        "{written}"
    );
}

#[test]
fn nothing_of_it_is_offered_before_tls() {
    let (written, _) = answers(Server::starttls(Edge::default()), HEADER);
    assert!(!written.contains("urn:xmpp:sasl:2"));
    let (written, _) =
        answers(Server::starttls(Edge::default()), &format!("{HEADER}{}", authenticate("PLAIN", PLAIN)));
    assert!(written.ends_with(
        "<failure xmlns='urn:xmpp:sasl:2'><encryption-required xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>"
    ));
}

#[test]
fn one_request_leads_to_a_session_and_what_follows_is_the_sessions() {
    let bind = "<bind xmlns='urn:xmpp:bind:0'><tag>Awesome</tag></bind>";
    let request = format!("{}<presence/>", authenticate("PLAIN", &format!("{PLAIN}{bind}")));
    let (_, mut server) = answers(Server::direct_tls(Edge::default()), HEADER);
    server.framer.push(request.as_bytes());
    server.machine.handle(server.framer.next_frame().unwrap().unwrap());
    let mut written = String::new();
    server.drain(&mut written);
    assert_eq!(
        written.split_once("<stream:features>").unwrap().0,
        "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>ann@localhost/Awesome/made-up\
         </authorization-identifier><bound xmlns='urn:xmpp:bind:0'><more xmlns='urn:m'/></bound></success>"
    );
    assert_eq!(session_of(&server), ("ann@localhost/Awesome/made-up", false));
    // A session has no use for another resource.
    assert!(written.contains("rosterver") && !written.contains("xmpp-bind"), "{written}");
    let next = server.framer.next_frame().unwrap();
    assert!(matches!(next, Some(crate::Frame::Stanza(stanza)) if stanza.name() == "presence"));
}

/// A client that sees the feature once more enables once more, and takes the refusal for the loss of its session.
#[test]
fn stanzas_that_are_counted_are_not_offered_to_be_counted() {
    let features = |children: &str| {
        let edge = Edge { resumable: Some(("old", 5)), ..Edge::default() };
        let (written, _) = pipelined(edge, &authenticate("PLAIN", &format!("{PLAIN}{children}")));
        written.split_once("<stream:features>").expect(&written).1.contains("<sm xmlns='urn:xmpp:sm:3'/>")
    };
    let bind = |enable: &str| format!("<bind xmlns='urn:xmpp:bind:0'>{enable}</bind>");
    assert!(features(""));
    assert!(features(&bind("")));
    assert!(!features(&bind("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")));
    assert!(!features("<resume xmlns='urn:xmpp:sm:3' previd='old' h='1'/>"));
}

#[test]
fn scram_takes_one_exchange_more() {
    let first = BASE64.encode("n,,n=ann,r=clientnonce");
    let (challenge, mut server) = pipelined(
        Edge::default(),
        &authenticate(
            "SCRAM-SHA-256",
            &format!("<initial-response>{first}</initial-response><bind xmlns='urn:xmpp:bind:0'/>"),
        ),
    );
    let challenge = challenge.strip_prefix("<challenge xmlns='urn:xmpp:sasl:2'>").expect(&challenge);
    let challenge = BASE64.decode(challenge.strip_suffix("</challenge>").unwrap()).unwrap();
    let mut client = sasl::Client::new(
        &[Mechanism::ScramSha256],
        &Mechanism::ALL,
        ("ann", "secret"),
        &ChannelBinding::default(),
        "clientnonce".into(),
    )
    .unwrap();
    client.initial();
    let response = BASE64.encode(client.respond(&challenge).unwrap());
    let written =
        server.receive(format!("<response xmlns='urn:xmpp:sasl:2'>{response}</response>").as_bytes());
    let additional =
        written.split("<additional-data>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    assert_eq!(client.success(Some(&BASE64.decode(additional).unwrap())), Ok(()));
    assert_eq!(session_of(&server).0, "ann@localhost/none/made-up");
}

#[test]
fn without_a_bind_request_the_client_is_signed_in_and_may_bind_by_rfc_6120() {
    let (written, mut server) = pipelined(Edge::default(), &authenticate("PLAIN", PLAIN));
    assert!(
        written.starts_with(
            "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>ann@localhost</authorization-identifier>\
             </success><stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
        ),
        "{written}"
    );
    server.receive(b"<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    assert_eq!(session_of(&server).0, "ann@localhost/made-up");
}

/// XEP-0388 §3.8: once is enough.
#[test]
fn a_second_sign_in_ends_the_stream() {
    let twice = authenticate("PLAIN", PLAIN).repeat(2);
    let (written, server) = pipelined(Edge::default(), &twice);
    assert_eq!(stream_error(&written), StreamCondition::NotAuthorized);
    assert!(server.closed);
}

#[test]
fn an_old_session_goes_before_a_new_one() {
    let ask = "<resume xmlns='urn:xmpp:sm:3' previd='session-1' h='3'/><bind xmlns='urn:xmpp:bind:0'/>";
    let request = authenticate("PLAIN", &format!("{PLAIN}{ask}"));
    let edge = Edge { resumable: Some(("session-1", 5)), ..Edge::default() };
    let (written, server) = pipelined(edge, &request);
    assert_eq!(session_of(&server), ("ann@localhost/old", true));
    assert!(
        written.contains("<authorization-identifier>ann@localhost/old</authorization-identifier><resumed "),
        "{written}"
    );
    assert!(!written.contains("<bound "));
    let (written, server) = pipelined(Edge::default(), &request);
    assert_eq!(session_of(&server), ("ann@localhost/none/made-up", false));
    let failed = written.find("<failed xmlns='urn:xmpp:sm:3'").expect("the failure is told");
    assert!(failed < written.find("<bound ").unwrap());
}

#[test]
fn a_resource_that_is_refused_leaves_the_client_signed_in() {
    let edge = Edge { taken: Some("any"), ..Edge::default() };
    let request = authenticate("PLAIN", &format!("{PLAIN}<bind xmlns='urn:xmpp:bind:0'/>"));
    let (written, server) = pipelined(edge, &request);
    assert!(written.contains(">ann@localhost</authorization-identifier></success>"), "{written}");
    assert!(server.established.is_none() && !server.closed);
}

#[test]
fn failures_have_their_conditions_and_are_counted() {
    for (mechanism, children, condition) in [
        ("DIGEST-MD5", "", SaslCondition::InvalidMechanism),
        ("PLAIN", "<initial-response>#</initial-response>", SaslCondition::IncorrectEncoding),
        ("PLAIN", "<initial-response/>", SaslCondition::MalformedRequest),
        ("PLAIN", "<initial-response>AGFubgB3cm9uZw==</initial-response>", SaslCondition::NotAuthorized),
        ("PLAIN", "<initial-response>AGV2ZQBzZWNyZXQ=</initial-response>", SaslCondition::NotAuthorized),
        // "bob@localhost" NUL "ann" NUL "secret"
        (
            "PLAIN",
            "<initial-response>Ym9iQGxvY2FsaG9zdABhbm4Ac2VjcmV0</initial-response>",
            SaslCondition::InvalidAuthzid,
        ),
        ("PLAIN", "<resume xmlns='urn:xmpp:sm:3'/>", SaslCondition::MalformedRequest),
    ] {
        let request = authenticate(mechanism, children);
        let (written, server) = pipelined(Edge::default(), &request);
        let failure = format!(
            "<failure xmlns='urn:xmpp:sasl:2'><{} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>",
            condition.name()
        );
        assert_eq!(written, failure, "{request}");
        assert!(!server.closed && server.machine.user().is_none());
        let (written, _) = pipelined(Edge::default(), &request.repeat(LOGIN_ATTEMPTS_MAX as usize));
        assert_eq!(stream_error(&written), StreamCondition::PolicyViolation);
    }
}

/// XEP-0388 §2.4: an authorization string must be that of the header.
#[test]
fn the_header_and_the_authorization_string_must_agree() {
    // "ann@localhost" NUL "ann" NUL "secret"
    let request =
        authenticate("PLAIN", "<initial-response>YW5uQGxvY2FsaG9zdABhbm4Ac2VjcmV0</initial-response>");
    for (from, good) in [("ann@localhost", true), ("bob@localhost", false)] {
        let header = HEADER.replace("to=", &format!("from='{from}' to="));
        let (written, _) = answers(Server::direct_tls(Edge::default()), &format!("{header}{request}"));
        assert_eq!(written.contains("<success "), good, "{written}");
        assert_eq!(written.contains("<invalid-authzid "), !good);
    }
}

#[test]
fn while_a_challenge_is_out_nothing_but_its_answer_may_come() {
    let ask = authenticate("PLAIN", "");
    let (written, _) = pipelined(Edge::default(), &format!("{ask}<abort xmlns='urn:xmpp:sasl:2'/>"));
    assert!(written.contains("<aborted "), "{written}");
    for other in
        ["<presence/>", "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AGFubgBzZWNyZXQ=</response>"]
    {
        let (written, server) = pipelined(Edge::default(), &format!("{ask}{other}"));
        assert_eq!(stream_error(&written), StreamCondition::NotAuthorized);
        assert!(server.closed);
    }
}

fn weak_account() -> Edge {
    let edge = Edge::default();
    let credentials = edge.credentials.clone().map(|credentials| Credentials { sha256: None, ..credentials });
    Edge { credentials, ..edge }
}

const UPGRADE: &str = "<upgrade xmlns='urn:xmpp:sasl:upgrade:0'>UPGR-SCRAM-SHA-256</upgrade>";

/// Signs in by SCRAM-SHA-1, ready for an upgrade; what follows the proof.
fn sign_in_by_sha1(edge: Edge, children: &str) -> (String, Server) {
    let first = BASE64.encode("n,,n=ann,r=clientnonce");
    let request =
        authenticate("SCRAM-SHA-1", &format!("<initial-response>{first}</initial-response>{children}"));
    let (challenge, mut server) = pipelined(edge, &request);
    let challenge = challenge.trim_start_matches("<challenge xmlns='urn:xmpp:sasl:2'>");
    let challenge = BASE64.decode(challenge.strip_suffix("</challenge>").unwrap()).unwrap();
    let identity = ("ann", "secret");
    let binding = ChannelBinding::default();
    let offered = [Mechanism::ScramSha1];
    let mut client = sasl::Client::new(&offered, &offered, identity, &binding, "clientnonce".into()).unwrap();
    client.initial();
    let response = BASE64.encode(client.respond(&challenge).unwrap());
    let written =
        server.receive(format!("<response xmlns='urn:xmpp:sasl:2'>{response}</response>").as_bytes());
    (written, server)
}

/// XEP-0480 §3: what the client computes is what its password gives.
#[test]
fn a_client_upgrades_its_account_before_the_success() {
    let (written, mut server) =
        sign_in_by_sha1(weak_account(), &format!("{UPGRADE}<bind xmlns='urn:xmpp:bind:0'/>"));
    assert!(written.starts_with("<continue xmlns='urn:xmpp:sasl:2'><additional-data>"), "{written}");
    assert!(written.ends_with("<tasks><task>UPGR-SCRAM-SHA-256</task></tasks></continue>"), "{written}");
    assert!(server.machine.user().is_none(), "signed in with the success only");
    let written = server.receive(b"<next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-256'/>");
    assert!(written.contains("<salt xmlns='urn:xmpp:scram-upgrade:0' iterations='4096'>"), "{written}");
    let salt = written.split("iterations='4096'>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let mut salted = [0; 32];
    let salt = BASE64.decode(salt).unwrap();
    pbkdf2::pbkdf2::<hmac::Hmac<sha2::Sha256>>(b"secret", &salt, 4096, &mut salted).unwrap();
    let hash = format!(
        "<task-data xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>{}</hash></task-data>",
        BASE64.encode(salted)
    );
    let written = server.receive(hash.as_bytes());
    assert!(written.starts_with("<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>"), "{written}");
    assert_eq!(session_of(&server).0, "ann@localhost/none/made-up");
    let [(Hash::Sha256, record)] = server.edge.upgraded.as_slice() else { panic!("one record") };
    assert!(record.verifies(Hash::Sha256, "secret"));
}

#[test]
fn who_needs_no_upgrade_or_is_not_ready_for_one_has_no_task() {
    for (edge, children) in [(Edge::default(), UPGRADE), (weak_account(), "")] {
        let (written, server) = sign_in_by_sha1(edge, children);
        assert!(written.starts_with("<success "), "{written}");
        assert!(server.edge.upgraded.is_empty());
    }
}

#[test]
fn a_task_that_is_not_done_is_no_sign_in() {
    let short =
        "<task-data xmlns='urn:xmpp:sasl:2'><hash xmlns='urn:xmpp:scram-upgrade:0'>AAAA</hash></task-data>";
    for (answers, condition) in [
        (&["<abort xmlns='urn:xmpp:sasl:2'/>"][..], "aborted"),
        (&["<next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-512'/>"], "malformed-request"),
        (&["<task-data xmlns='urn:xmpp:sasl:2'/>"], "malformed-request"),
        (&["<next xmlns='urn:xmpp:sasl:2' task='UPGR-SCRAM-SHA-256'/>", short], "malformed-request"),
        (&["<presence/>"], "not-authorized"),
    ] {
        let (_, mut server) = sign_in_by_sha1(weak_account(), UPGRADE);
        let written: String = answers.iter().map(|answer| server.receive(answer.as_bytes())).collect();
        assert!(written.contains(&format!("<{condition} ")), "{written}");
        assert!(server.machine.user().is_none() && server.edge.upgraded.is_empty());
    }
}

#[test]
fn a_password_in_the_clear_upgrades_the_account_by_the_way() {
    let (written, server) = pipelined(weak_account(), &authenticate("PLAIN", &format!("{PLAIN}{UPGRADE}")));
    assert!(written.starts_with("<success "), "no task: {written}");
    assert_eq!(server.edge.upgraded.len(), 1);
    let mut server = Server::direct_tls(weak_account());
    server.receive(HEADER.as_bytes());
    server
        .receive(b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGFubgBzZWNyZXQ=</auth>");
    assert_eq!(server.edge.upgraded.len(), 1, "by RFC 6120, too");
}

const TOKEN: &str = "a token that is longer than a block of the hash, as all of ours are";

fn kept(token: &str, mechanism: TokenMechanism) -> Option<KeptToken> {
    Some(KeptToken { key: TokenKey::of(token).unwrap(), mechanism, expired: false })
}

/// A sign-in with a token, by a client that says who it is.
fn by_token(mechanism: TokenMechanism, token: &str, children: &str) -> String {
    let data = mechanism.data(&exporter(1)).unwrap().to_vec();
    let proof = TokenKey::of(token).unwrap().initiator(&data);
    let initial = BASE64.encode([b"ann\0".as_slice(), &proof].concat());
    authenticate(
        mechanism.name(),
        &format!("<initial-response>{initial}</initial-response><user-agent id='{CLIENT}'/>{children}"),
    )
}

const FAST: &str = "<fast xmlns='urn:xmpp:fast:0'/>";

#[test]
fn a_token_signs_in_within_one_exchange() {
    for mechanism in TokenMechanism::ALL {
        let tokens = Tokens { enabled: true, new: None, current: kept(TOKEN, mechanism) };
        let edge = Edge { tokens, ..Edge::default() };
        let request = by_token(mechanism, TOKEN, &format!("{FAST}<bind xmlns='urn:xmpp:bind:0'/>"));
        let (written, server) = pipelined(edge, &request);
        let data = mechanism.data(&exporter(1)).unwrap().to_vec();
        let proof = BASE64.encode(TokenKey::of(TOKEN).unwrap().responder(&data));
        let success = format!("<success xmlns='urn:xmpp:sasl:2'><additional-data>{proof}</additional-data>");
        assert!(written.starts_with(&success), "{written}");
        assert_eq!(session_of(&server).0, "ann@localhost/none/made-up");
        let work = server.edge.token_work.expect("the edge is told");
        assert_eq!(
            (work.used, work.invalidate, work.wanted),
            (Some((Slot::Current, mechanism)), false, None)
        );
    }
}

#[test]
fn what_proves_no_good_token_is_not_authorized() {
    let other = format!("{TOKEN}!");
    let good = kept(TOKEN, TokenMechanism::Unbound);
    let bound = kept(TOKEN, TokenMechanism::Exporter);
    let old = good.clone().map(|token| KeptToken { expired: true, ..token });
    let tokens = |new, current| Tokens { enabled: true, new, current };
    for (found, token, condition) in [
        (tokens(None, None), TOKEN, "not-authorized"),
        (tokens(None, good.clone()), &*other, "not-authorized"),
        // XEP-0484 §3.4: given for another mechanism.
        (tokens(None, bound), TOKEN, "not-authorized"),
        (tokens(old, None), TOKEN, "credentials-expired"),
        (Tokens { enabled: false, ..tokens(good.clone(), None) }, TOKEN, "account-disabled"),
        (Tokens { enabled: false, ..tokens(good, None) }, &*other, "not-authorized"),
    ] {
        let edge = Edge { tokens: found, ..Edge::default() };
        let (written, server) = pipelined(edge, &by_token(TokenMechanism::Unbound, token, FAST));
        assert!(written.contains(&format!("<{condition} ")), "{condition}: {written}");
        assert!(server.edge.token_work.is_none());
    }
}

#[test]
fn a_token_needs_a_client_that_says_who_it_is_and_what_it_sends() {
    let request = by_token(TokenMechanism::Unbound, TOKEN, FAST);
    for (request, condition) in [
        (request.replace(FAST, ""), "malformed-request"),
        (request.replace("user-agent id", "user-agent other"), "malformed-request"),
        (request.replace("initial-response", "initial"), "malformed-request"),
        (request.replace("-NONE", "-UNIQ"), "invalid-mechanism"),
    ] {
        let tokens = Tokens { enabled: true, new: None, current: kept(TOKEN, TokenMechanism::Unbound) };
        let (written, _) = pipelined(Edge { tokens, ..Edge::default() }, &request);
        assert!(written.contains(&format!("<{condition} ")), "{condition}: {written}");
    }
}

#[test]
fn a_client_gets_the_token_it_asks_for() {
    let want = "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-EXPR'/>";
    let agent = format!("<user-agent id='{CLIENT}'><software>Awesome</software></user-agent>");
    let (written, server) =
        pipelined(Edge::default(), &authenticate("PLAIN", &format!("{PLAIN}{agent}{want}")));
    assert!(
        written.contains(
            "<token xmlns='urn:xmpp:fast:0' expiry='2026-12-01T00:00:00Z' token='new-token'/></success>"
        ),
        "{written}"
    );
    let work = server.edge.token_work.expect("the edge makes it");
    assert_eq!((work.wanted, work.used), (Some(TokenMechanism::Exporter), None));
    assert_eq!(work.user_agent.software.as_deref(), Some("Awesome"));
    // XEP-0484 §4.1: not without an identifier, and not for a mechanism that is not offered.
    for children in [want.to_owned(), format!("{agent}{}", want.replace("EXPR", "UNIQ"))] {
        let (written, _) = pipelined(Edge::default(), &authenticate("PLAIN", &format!("{PLAIN}{children}")));
        assert!(written.starts_with("<success ") && !written.contains("<token "), "{written}");
    }
}

#[test]
fn a_token_that_is_given_back_is_told_to_the_edge() {
    let tokens = Tokens { enabled: true, new: kept(TOKEN, TokenMechanism::Unbound), current: None };
    let request =
        by_token(TokenMechanism::Unbound, TOKEN, "<fast xmlns='urn:xmpp:fast:0' invalidate='true'/>");
    let (_, server) = pipelined(Edge { tokens, ..Edge::default() }, &request);
    let work = server.edge.token_work.expect("the edge is told");
    assert_eq!((work.used, work.invalidate), (Some((Slot::New, TokenMechanism::Unbound)), true));
}
