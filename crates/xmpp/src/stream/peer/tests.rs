//! Both machines against each other over framers, without a network; and the receiving one against rough peers.

use super::*;
use crate::xep::dialback::{Secret, Verdict};
use crate::{Condition, ContentNamespace, Frame, Framer, Limits, StreamCondition};
use std::sync::Arc;

const OPEN: &str = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
                    xmlns:db='jabber:server:dialback' from='a.example' to='b.example' version='1.0'>";

fn framer() -> Framer {
    Framer::new(ContentNamespace::Server, Limits::before_sign_in())
}

fn secret(byte: u8) -> Arc<Secret> {
    Arc::new(Secret::new(&[byte; 32]))
}

/// The receiving machine, b.example, with its framer and its edge: text in, text out.
struct Receiver {
    machine: ReceivingNegotiation,
    framer: Framer,
    admission: Admission,
    /// The keys that came.
    keys: Vec<Verification>,
    authenticated: Vec<(String, Authentication)>,
    tls: bool,
    closed: bool,
}

impl Receiver {
    fn new(admission: Admission, direct: bool) -> Self {
        let domains = ["b.example", "conference.b.example"].map(|domain| domain.parse().unwrap());
        let policy = Arc::new(ReceivingPolicy { domains: domains.to_vec(), secret: secret(2) });
        let machine = match direct {
            true => ReceivingNegotiation::direct_tls(policy, [7; 32]),
            false => ReceivingNegotiation::starttls(policy, [7; 32]),
        };
        let (keys, authenticated) = (Vec::new(), Vec::new());
        Self { machine, framer: framer(), admission, keys, authenticated, tls: false, closed: false }
    }

    fn receive(&mut self, text: &str) -> String {
        self.framer.push(text.as_bytes());
        let mut written = self.outputs();
        while !self.closed && !self.tls {
            match self.framer.next_frame() {
                Ok(Some(frame)) => self.machine.handle(frame),
                Ok(None) => break,
                Err(error) => self.machine.fail(&error),
            }
            written += &self.outputs();
        }
        written
    }

    fn outputs(&mut self) -> String {
        let mut written = String::new();
        while let Some(output) = self.machine.poll_output() {
            match output {
                ReceivingOutput::Write(bytes) => written += std::str::from_utf8(&bytes).unwrap(),
                ReceivingOutput::StartTls => self.tls = true,
                ReceivingOutput::Restart => self.framer.restart(),
                ReceivingOutput::Identify { .. } => self.machine.admitted(self.admission),
                ReceivingOutput::Verify(verification) => self.keys.push(verification),
                ReceivingOutput::Authenticated(pair, how) => {
                    self.authenticated.push((pair.remote.as_str().to_owned(), how));
                }
                ReceivingOutput::Close => self.closed = true,
            }
        }
        written
    }

    fn tls_started(&mut self) {
        self.tls = false;
        self.framer = framer();
        self.machine.tls_started();
    }
}

/// The initiating machine, a.example.
struct Initiator {
    machine: InitiatingNegotiation,
    framer: Framer,
    tls: bool,
    end: Option<InitiatingOutput>,
}

impl Initiator {
    fn new(purpose: Purpose, direct: bool, needs_tls: bool) -> Self {
        let [from, to] = ["a.example", "b.example"].map(|domain| domain.parse().unwrap());
        let start = Initiation { from, to, purpose, needs_tls, secret: secret(1) };
        let machine = match direct {
            true => InitiatingNegotiation::direct_tls(start),
            false => InitiatingNegotiation::starttls(start),
        };
        Self { machine, framer: framer(), tls: false, end: None }
    }

    fn receive(&mut self, text: &str) -> String {
        self.framer.push(text.as_bytes());
        let mut written = self.outputs();
        while self.end.is_none() && !self.tls {
            match self.framer.next_frame() {
                Ok(Some(frame)) => self.machine.handle(frame),
                Ok(None) => break,
                Err(error) => self.machine.fail(PeerFailure::Stream(error)),
            }
            written += &self.outputs();
        }
        written
    }

    fn outputs(&mut self) -> String {
        let mut written = String::new();
        while let Some(output) = self.machine.poll_output() {
            match output {
                InitiatingOutput::Write(bytes) => written += std::str::from_utf8(&bytes).unwrap(),
                InitiatingOutput::StartTls => self.tls = true,
                InitiatingOutput::Restart => self.framer.restart(),
                end => self.end = Some(end),
            }
        }
        written
    }
}

/// Lets two talk until nothing more is said; TLS is there when both want it. Gives what was said.
fn talk(initiator: &mut Initiator, receiver: &mut Receiver) -> String {
    let mut said = String::new();
    let mut next = initiator.outputs();
    while !next.is_empty() || initiator.tls {
        let answer = receiver.receive(&next);
        said += &next;
        said += &answer;
        next = initiator.receive(&answer);
        if initiator.tls && receiver.tls {
            initiator.tls = false;
            initiator.framer = framer();
            initiator.machine.tls_started();
            receiver.tls_started();
            next = initiator.outputs();
        }
    }
    said
}

const BY_CERTIFICATE: Admission = Admission { external: true, without_tls: false };

#[test]
fn a_certificate_is_enough() {
    for direct in [false, true] {
        let mut initiator = Initiator::new(Purpose::Deliver, direct, true);
        let mut receiver = Receiver::new(BY_CERTIFICATE, direct);
        talk(&mut initiator, &mut receiver);
        let Some(InitiatingOutput::Established(stream)) = initiator.end else {
            panic!("{:?}", initiator.end)
        };
        assert_eq!(
            (stream.authentication, stream.bidirectional, stream.stream_management),
            (Authentication::External, true, true)
        );
        assert_eq!(receiver.authenticated, [("a.example".to_owned(), Authentication::External)]);
        assert!(receiver.machine.is_bidirectional() && receiver.machine.is_authenticated("a.example"));
        assert!(!receiver.machine.is_authenticated("b.example"));
    }
}

#[test]
fn without_a_good_certificate_a_key_is_shown_and_asked_about() {
    let mut initiator = Initiator::new(Purpose::Deliver, true, true);
    let mut receiver = Receiver::new(Admission::default(), true);
    let said = talk(&mut initiator, &mut receiver);
    assert!(
        !said.contains("EXTERNAL") && said.contains("<db:result from='a.example' to='b.example'>"),
        "{said}"
    );
    let [verification] = receiver.keys.as_slice() else { panic!("{:?}", receiver.keys) };
    let verification = verification.clone();
    // a.example asks itself, by another stream of b.example's.
    let purpose = Purpose::Verify { id: verification.id.clone(), key: verification.key.clone() };
    let start = Initiation {
        from: "b.example".parse().unwrap(),
        to: "a.example".parse().unwrap(),
        purpose,
        needs_tls: true,
        secret: secret(2),
    };
    let machine = InitiatingNegotiation::direct_tls(start);
    let mut asker = Initiator { machine, framer: framer(), tls: false, end: None };
    let mut authority = Receiver::new(Admission::default(), true);
    let policy = ReceivingPolicy { domains: vec!["a.example".parse().unwrap()], secret: secret(1) };
    authority.machine = ReceivingNegotiation::direct_tls(Arc::new(policy), [8; 32]);
    talk(&mut asker, &mut authority);
    assert!(matches!(asker.end, Some(InitiatingOutput::Verified(Verdict::Valid))), "{:?}", asker.end);

    receiver.machine.verified(&verification.pair, Verdict::Valid);
    let answer = receiver.outputs();
    assert!(!receiver.machine.is_authenticated("evil.example"));
    initiator.receive(&answer);
    assert!(matches!(
        initiator.end,
        Some(InitiatingOutput::Established(PeerStream { authentication: Authentication::Dialback, .. }))
    ));
}

#[test]
fn a_key_that_somebody_else_made_is_invalid() {
    let mut receiver = Receiver::new(Admission::default(), true);
    receiver.receive(OPEN);
    let answer = receiver.receive("<db:verify from='a.example' to='b.example' id='x'>made-up</db:verify>");
    assert_eq!(answer, "<db:verify from='b.example' to='a.example' id='x' type='invalid'/>");
    let key = secret(2).key("a.example", "b.example", "x");
    let answer =
        receiver.receive(&format!("<db:verify from='a.example' to='b.example' id='x'>{key}</db:verify>"));
    assert!(answer.contains("type='valid'"), "{answer}");
    let answer = receiver.receive("<db:verify from='a.example' to='c.example' id='x'>k</db:verify>");
    assert!(answer.contains("<item-not-found"), "{answer}");
}

#[test]
fn a_refused_key_is_told_with_its_reason() {
    for (verdict, words) in [
        (Verdict::Invalid, "could not confirm"),
        (Verdict::Error(Condition::RemoteServerTimeout), "remote-server-timeout"),
    ] {
        let mut initiator = Initiator::new(Purpose::Deliver, true, true);
        let mut receiver = Receiver::new(Admission::default(), true);
        talk(&mut initiator, &mut receiver);
        let pair = receiver.keys[0].pair.clone();
        receiver.machine.verified(&pair, verdict);
        let answer = receiver.outputs();
        initiator.receive(&answer);
        let Some(InitiatingOutput::Failed(failure)) = initiator.end else { panic!("{:?}", initiator.end) };
        assert!(failure.to_string().contains(words), "{failure}");
        assert!(!receiver.machine.is_authenticated("a.example") && !receiver.closed);
    }
}

#[test]
fn a_certificate_that_is_refused_after_all_leads_to_dialback() {
    let mut initiator = Initiator::new(Purpose::Deliver, true, true);
    initiator.outputs();
    let features = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL\
                    </mechanism></mechanisms><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>";
    let open = OPEN.replace("version", "id='42' version");
    let auth = initiator.receive(&format!("{open}{features}"));
    assert_eq!(
        auth,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>YS5leGFtcGxl</auth>"
    );
    let key =
        initiator.receive("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
    let expected = secret(1).key("b.example", "a.example", "42");
    assert_eq!(key, format!("<db:result from='a.example' to='b.example'>{expected}</db:result>"));
}

#[test]
fn nothing_goes_on_without_tls_where_it_is_needed() {
    let open = OPEN.replace("version", "id='42' version");
    let mut initiator = Initiator::new(Purpose::Deliver, false, true);
    initiator.outputs();
    initiator.receive(&format!(
        "{open}<stream:features><dialback xmlns='urn:xmpp:features:dialback'/></stream:features>"
    ));
    assert!(
        matches!(initiator.end, Some(InitiatingOutput::Failed(PeerFailure::NoTls))),
        "{:?}",
        initiator.end
    );

    let mut receiver = Receiver::new(Admission::default(), false);
    let features = receiver.receive(OPEN);
    assert!(features.contains("<required/>") && !features.contains("dialback'/>"), "{features}");
    let end = receiver.receive("<db:result from='a.example' to='b.example'>key</db:result>");
    assert!(end.contains("<policy-violation") && receiver.keys.is_empty(), "{end}");
}

#[test]
fn where_tls_is_not_needed_dialback_does_without() {
    let admission = Admission { external: false, without_tls: true };
    let mut receiver = Receiver::new(admission, false);
    let features = receiver.receive(OPEN);
    assert!(features.contains("<starttls") && !features.contains("<required/>"), "{features}");
    receiver.receive("<db:result from='a.example' to='b.example'>key</db:result>");
    assert_eq!(receiver.keys.len(), 1);
    let mut initiator = Initiator::new(Purpose::Deliver, false, false);
    initiator.outputs();
    let old = OPEN.replace(" version='1.0'", " id='1'");
    assert!(initiator.receive(&old).starts_with("<db:result"), "a server of version 0.9 has no features");
}

/// What ends the stream, by its condition; the rest is an endless list of what a rough peer may try.
fn ends_with(text: &str, condition: StreamCondition) {
    let mut receiver = Receiver::new(Admission::default(), true);
    let said = receiver.receive(text);
    assert!(said.contains(&format!("<{} ", condition.as_str())) && receiver.closed, "{text}: {said}");
    assert!(said.starts_with("<?xml"), "an error comes after a header: {said}");
}

#[test]
fn rough_peers_hear_what_is_wrong() {
    ends_with(&OPEN.replace(" to='b.example'", ""), StreamCondition::ImproperAddressing);
    ends_with(&OPEN.replace("b.example", "c.example"), StreamCondition::HostUnknown);
    ends_with(&OPEN.replace("a.example", "b.example"), StreamCondition::InvalidFrom);
    ends_with(&OPEN.replace("'a.example'", "'a example'"), StreamCondition::InvalidFrom);
    ends_with(&OPEN.replace("jabber:server'", "jabber:client'"), StreamCondition::InvalidNamespace);
    ends_with(&OPEN.replace(" version='1.0'", ""), StreamCondition::UnsupportedVersion);
    let after = |text: &str| format!("{OPEN}{text}");
    let message = "<message from='x@a.example' to='y@b.example'/>";
    ends_with(&after(message), StreamCondition::NotAuthorized);
    let own = "<db:result from='b.example' to='b.example'>key</db:result>";
    ends_with(&after(own), StreamCondition::InvalidFrom);
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>";
    ends_with(&after(&auth.repeat(2)), StreamCondition::PolicyViolation);
}

#[test]
fn the_name_must_be_that_of_the_certificate() {
    for (text, condition) in [("ZXZpbC5leGFtcGxl", "invalid-authzid"), ("!", "incorrect-encoding")] {
        let mut receiver = Receiver::new(BY_CERTIFICATE, true);
        receiver.receive(OPEN);
        let auth =
            format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{text}</auth>");
        let answer = receiver.receive(&auth);
        assert!(answer.contains(condition) && receiver.authenticated.is_empty(), "{answer}");
    }
    let mut receiver = Receiver::new(BY_CERTIFICATE, true);
    receiver.receive(OPEN);
    let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'/>";
    assert!(receiver.receive(auth).contains("<success"), "no name is that of the header");
    let end = receiver.receive(&OPEN.replace("a.example", "evil.example"));
    assert!(end.contains("<invalid-from"), "the next header names somebody else: {end}");
}

#[test]
fn one_stream_carries_several_pairs_up_to_a_limit() {
    let mut receiver = Receiver::new(Admission::default(), true);
    receiver.receive(OPEN);
    let key = |to: &str| format!("<db:result from='a.example' to='{to}'>key</db:result>");
    receiver.receive(&key("b.example"));
    receiver.receive(&key("conference.b.example"));
    assert_eq!(receiver.keys.len(), 2);
    let answer = receiver.receive(&key("c.example"));
    assert!(answer.contains("<item-not-found") && !receiver.closed, "{answer}");
    let more: String = (0..VERIFICATIONS_MAX)
        .map(|n| format!("<db:result from='a{n}.example' to='b.example'>k</db:result>"))
        .collect();
    let answer = receiver.receive(&more);
    assert!(answer.contains("<resource-constraint") && receiver.keys.len() == VERIFICATIONS_MAX, "{answer}");
    for verification in receiver.keys.clone() {
        receiver.machine.verified(&verification.pair, Verdict::Valid);
    }
    receiver.outputs();
    assert!(receiver.machine.is_authenticated("a3.example"));
    assert_eq!(receiver.authenticated.len(), VERIFICATIONS_MAX);
}

#[test]
fn an_answer_that_was_not_asked_for_changes_nothing() {
    let mut receiver = Receiver::new(Admission::default(), true);
    receiver.receive(OPEN);
    receiver.receive("<db:result from='a.example' to='b.example' type='valid'/>");
    assert!(!receiver.machine.is_authenticated("a.example") && !receiver.closed);

    let mut initiator = Initiator::new(Purpose::Deliver, true, true);
    initiator.outputs();
    let open = OPEN.replace("version", "id='42' version");
    initiator.receive(&format!("{open}<stream:features/>"));
    initiator.receive("<db:result from='evil.example' to='a.example' type='valid'/>");
    assert!(initiator.end.is_none());
    initiator.machine.handle(Frame::Close);
    initiator.outputs();
    assert!(matches!(initiator.end, Some(InitiatingOutput::Failed(PeerFailure::Closed))));
}
