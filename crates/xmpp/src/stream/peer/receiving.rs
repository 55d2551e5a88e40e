//! The receiving server's side: who is it that connects, and for which pairs of domains may they send?
//!
//! | stage | what may come | what follows |
//! | --- | --- | --- |
//! | Header | stream header | our header; the edge says what the peer may try |
//! | Features | `<starttls/>` | `<proceed/>`, TLS, new stream |
//! | Features | `<bidi/>` | we may send, too, once the peer is authenticated |
//! | Features | `<auth mechanism='EXTERNAL'/>` | success and a new stream, or failure |
//! | Features | `<db:result/>` with a key | the edge asks the domain's own server; the answer follows |
//! | Features | `<db:verify/>` with a key | valid or invalid, at once |
//!
//! The machine lives as long as the stream: keys for further pairs may come at any time (XEP-0220 §2.6). Stanzas are
//! not its business; it says for which pairs they may come.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use jid::DomainPart;

use super::features::{EXTERNAL, Features};
use super::{Authentication, BIDI, EXTERNAL_ATTEMPTS_MAX, PAIRS_MAX, VERIFICATIONS_MAX};
use crate::sasl;
use crate::stream::seed::Seed;
use crate::xep::dialback::{Dialback, Secret, Verdict};
use crate::{
    Builder, Condition, ContentNamespace, Frame, Stanza, StreamCondition, StreamError, StreamHeader, ns,
};

/// What all streams of a listener share.
pub struct ReceivingPolicy {
    /// The domains that are served; the first answers for those that are not.
    pub domains: Vec<DomainPart>,
    /// What our keys are made from.
    pub secret: Arc<Secret>,
}

/// What a peer may try, by what it says its domain is and by its certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Its certificate is good for the domain: SASL EXTERNAL.
    pub external: bool,
    /// It may go on without TLS.
    pub without_tls: bool,
}

/// What the driver does next. Bytes come before the request that they belong to.
#[derive(Debug)]
pub enum ReceivingOutput {
    /// Write this.
    Write(Bytes),
    /// Once all is written: drop what was read and not taken (RFC 6120 §5.4.3.3), shake hands, begin with a new
    /// framer, and call [`ReceivingNegotiation::tls_started`].
    StartTls,
    /// Restart the framer.
    Restart,
    /// Call [`ReceivingNegotiation::admitted`], or [`ReceivingNegotiation::fail`].
    Identify {
        /// Who the peer says it is.
        from: Option<DomainPart>,
    },
    /// Call [`ReceivingNegotiation::verified`], sooner or later.
    Verify(Verification),
    /// Stanzas of this pair may come from now on, and may go with XEP-0288.
    Authenticated(Pair, Authentication),
    /// Once all is written: close the connection.
    Close,
}

/// Whose stanzas to whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The peer's domain.
    pub remote: DomainPart,
    /// Ours.
    pub local: DomainPart,
}

/// A key that the peer's domain is to be asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// For whom.
    pub pair: Pair,
    /// This stream.
    pub id: String,
    /// The key.
    pub key: String,
}

/// The machine of one stream.
pub struct ReceivingNegotiation {
    policy: Arc<ReceivingPolicy>,
    seed: Seed,
    stage: Stage,
    is_tls: bool,
    header_sent: bool,
    /// The stream's identifier.
    id: String,
    /// The domains of the header.
    named: Option<(Option<DomainPart>, DomainPart)>,
    admission: Admission,
    bidirectional: bool,
    /// The peer has signed in by its certificate.
    external: Option<Pair>,
    refusals: u32,
    pairs: BTreeMap<Pair, Authentication>,
    verifying: Vec<Pair>,
    out: BytesMut,
    requests: Vec<ReceivingOutput>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Identifying,
    Features,
    StartingTls,
    Over,
}

impl ReceivingNegotiation {
    /// A stream on the port for STARTTLS. `seed` is fresh entropy.
    pub fn starttls(policy: Arc<ReceivingPolicy>, seed: [u8; 32]) -> Self {
        Self {
            policy,
            seed: Seed::new(seed),
            stage: Stage::Header,
            is_tls: false,
            header_sent: false,
            id: String::new(),
            named: None,
            admission: Admission::default(),
            bidirectional: false,
            external: None,
            refusals: 0,
            pairs: BTreeMap::new(),
            verifying: Vec::new(),
            out: BytesMut::new(),
            requests: Vec::new(),
        }
    }

    /// A stream inside TLS from its first byte (XEP-0368).
    pub fn direct_tls(policy: Arc<ReceivingPolicy>, seed: [u8; 32]) -> Self {
        Self { is_tls: true, ..Self::starttls(policy, seed) }
    }

    /// What to do next; ask until there is nothing.
    pub fn poll_output(&mut self) -> Option<ReceivingOutput> {
        if !self.out.is_empty() {
            return Some(ReceivingOutput::Write(self.out.split().freeze()));
        }
        if self.requests.is_empty() { None } else { Some(self.requests.remove(0)) }
    }

    /// May the peer send for this domain?
    pub fn is_authenticated(&self, remote: &str) -> bool {
        self.pairs.keys().any(|pair| pair.remote.as_str() == remote)
    }

    /// The pairs that the peer may send for.
    pub fn pairs(&self) -> impl Iterator<Item = (&Pair, Authentication)> {
        self.pairs.iter().map(|(pair, how)| (pair, *how))
    }

    /// The peer wants to be sent to on this stream, too (XEP-0288).
    pub fn is_bidirectional(&self) -> bool {
        self.bidirectional
    }

    /// Is the stream inside TLS?
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The peer sent something that is no stanza of an authenticated pair.
    pub fn handle(&mut self, frame: Frame) {
        match (frame, self.stage) {
            (_, Stage::Over) => {}
            (Frame::Close, _) => self.close(),
            (Frame::Open(header), Stage::Header) => self.header(&header),
            (Frame::Stanza(stanza), Stage::Features) => self.element(&stanza),
            (Frame::Open(_) | Frame::Stanza(_), _) => {
                self.fail(&StreamError::new(StreamCondition::PolicyViolation, "nothing may come here"));
            }
        }
    }

    /// Ends the stream with an error, ours or the framer's (RFC 6120 §4.9.1).
    pub fn fail(&mut self, error: &StreamError) {
        if self.stage == Stage::Over {
            return;
        }
        // RFC 6120 §4.9.1.2: an error during stream set-up comes after an opening tag.
        if !self.header_sent {
            self.send_header(None);
        }
        error.write(&mut self.out);
        self.close();
    }

    /// Ends the stream in good order.
    pub fn close(&mut self) {
        if self.stage == Stage::Over {
            return;
        }
        if self.header_sent {
            self.out.extend_from_slice(b"</stream:stream>");
        }
        self.stage = Stage::Over;
        self.requests.push(ReceivingOutput::Close);
    }

    /// The handshake is done; a new stream begins.
    pub fn tls_started(&mut self) {
        if self.stage == Stage::StartingTls {
            self.is_tls = true;
            self.header_sent = false;
            self.stage = Stage::Header;
        }
    }

    /// What the peer of [`ReceivingOutput::Identify`] may try.
    pub fn admitted(&mut self, admission: Admission) {
        if self.stage != Stage::Identifying {
            return;
        }
        self.admission = admission;
        self.stage = Stage::Features;
        let may_go_on = self.is_tls || admission.without_tls;
        let features = Features {
            starttls: !self.is_tls,
            starttls_required: !self.is_tls && !admission.without_tls,
            external: self.is_tls && admission.external && self.external.is_none(),
            dialback: may_go_on && self.external.is_none(),
            bidi: may_go_on && self.external.is_none(),
            // XEP-0198 §3: once the peer is authenticated.
            stream_management: self.external.is_some(),
        };
        features.write(&mut self.out);
        // Not at `<success/>`: on a stream that is about to begin anew nothing may be sent.
        if let Some(pair) = self.external.clone() {
            self.authenticated(pair, Authentication::External);
        }
    }

    /// What came of a key.
    pub fn verified(&mut self, pair: &Pair, verdict: Verdict) {
        let Some(place) = self.verifying.iter().position(|other| other == pair) else { return };
        self.verifying.remove(place);
        if self.stage == Stage::Over {
            return;
        }
        self.answer(pair, verdict);
        if verdict == Verdict::Valid {
            self.authenticated(pair.clone(), Authentication::Dialback);
        }
    }

    fn authenticated(&mut self, pair: Pair, how: Authentication) {
        self.pairs.insert(pair.clone(), how);
        self.requests.push(ReceivingOutput::Authenticated(pair, how));
    }

    fn answer(&mut self, pair: &Pair, verdict: Verdict) {
        let (from, to) = (pair.local.as_str().to_owned(), pair.remote.as_str().to_owned());
        Dialback::ResultAnswer { from, to, verdict }.write(&mut self.out);
    }

    fn header(&mut self, header: &StreamHeader) {
        let checked = self.check_header(header);
        self.send_header(Some(header));
        match checked {
            Err(error) => self.fail(&error),
            Ok((from, to)) => {
                self.named = Some((from.clone(), to));
                self.stage = Stage::Identifying;
                self.requests.push(ReceivingOutput::Identify { from });
            }
        }
    }

    fn check_header(&self, header: &StreamHeader) -> Result<(Option<DomainPart>, DomainPart), StreamError> {
        let bad = |condition, text| Err(StreamError::new(condition, text));
        // RFC 6120 §4.7.2: `to` names the domain that is wanted.
        let Some(to) = &header.to else {
            return bad(StreamCondition::ImproperAddressing, "the stream header needs a to");
        };
        let Some(to) = to.parse().ok().filter(|to| self.policy.domains.contains(to)) else {
            return bad(StreamCondition::HostUnknown, "this domain is not served here");
        };
        let from = match header.from.as_deref().map(str::parse::<DomainPart>) {
            Some(Ok(from)) if self.policy.domains.contains(&from) => {
                return bad(StreamCondition::InvalidFrom, "this domain is served here");
            }
            Some(Ok(from)) => Some(from),
            Some(Err(_)) => return bad(StreamCondition::InvalidFrom, "from is not a domain"),
            None => None,
        };
        match (header.version, &self.external) {
            (Some((1.., _)), None) => Ok((from, to)),
            // What the certificate has shown stays so on the stream that follows (RFC 6120 §6.4.6).
            (Some((1.., _)), Some(pair)) if from.as_ref().is_none_or(|from| *from == pair.remote) => {
                Ok((Some(pair.remote.clone()), to))
            }
            (Some((1.., _)), Some(_)) => {
                bad(StreamCondition::InvalidFrom, "not the domain that was authenticated")
            }
            _ => bad(StreamCondition::UnsupportedVersion, "version 1.0 is needed"),
        }
    }

    fn send_header(&mut self, peer: Option<&StreamHeader>) {
        let served = |to: &String| self.policy.domains.iter().any(|domain| domain.as_str() == to);
        let named = peer.and_then(|peer| peer.to.clone()).filter(served);
        self.id = self.seed.token();
        let header = StreamHeader {
            from: named.or_else(|| self.policy.domains.first().map(|domain| domain.as_str().to_owned())),
            to: peer.and_then(|peer| peer.from.clone()).filter(|from| from.parse::<DomainPart>().is_ok()),
            id: Some(self.id.clone()),
            lang: Some("en".to_owned()),
            dialback: true,
            ..StreamHeader::new(ContentNamespace::Server)
        };
        header.write(&mut self.out);
        self.header_sent = true;
    }

    fn element(&mut self, stanza: &Stanza) {
        if stanza.is("starttls", ns::TLS) {
            return self.starttls_asked();
        }
        if !self.is_tls && !self.admission.without_tls {
            // RFC 6120 §5.3.1: TLS was required.
            return self.fail(&StreamError::new(StreamCondition::PolicyViolation, "start TLS first"));
        }
        if stanza.is("auth", ns::SASL) {
            self.auth(stanza);
        } else if stanza.is("abort", ns::SASL) {
            self.refuse(sasl::Condition::Aborted);
        } else if stanza.is("bidi", BIDI) {
            self.bidirectional = true;
        } else if let Some(dialback) = Dialback::parse(stanza) {
            self.dialback(dialback);
        } else if self.pairs.is_empty() {
            // RFC 6120 §4.9.3.12: data before it may be sent.
            self.fail(&StreamError::new(StreamCondition::NotAuthorized, "authenticate first"));
        } else {
            self.fail(&StreamCondition::UnsupportedStanzaType.into());
        }
    }

    fn starttls_asked(&mut self) {
        if self.is_tls {
            self.out.extend_from_slice(b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            return self.close();
        }
        self.out.extend_from_slice(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        self.stage = Stage::StartingTls;
        self.requests.push(ReceivingOutput::StartTls);
    }

    /// SASL EXTERNAL (XEP-0178 §3): the certificate was looked at before; what is left is the name.
    fn auth(&mut self, stanza: &Stanza) {
        if stanza.attr("mechanism").as_deref() != Some(EXTERNAL) || self.external.is_some() {
            return self.refuse(sasl::Condition::InvalidMechanism);
        }
        if !self.admission.external {
            return self.refuse(sasl::Condition::NotAuthorized);
        }
        let text = stanza.text();
        let authzid = match text.trim() {
            // No name, or an empty one: that of the stream header.
            "" | "=" => None,
            text => match BASE64.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()) {
                Some(name) => Some(name.parse::<DomainPart>()),
                None => return self.refuse(sasl::Condition::IncorrectEncoding),
            },
        };
        let Some((Some(from), to)) = self.named.clone() else {
            return self.refuse(sasl::Condition::InvalidAuthzid);
        };
        if authzid.is_some_and(|name| name.ok().as_ref() != Some(&from)) {
            return self.refuse(sasl::Condition::InvalidAuthzid);
        }
        self.out.extend_from_slice(b"<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        let pair = Pair { remote: from, local: to };
        self.external = Some(pair.clone());
        self.stage = Stage::Header;
        self.requests.push(ReceivingOutput::Restart);
        self.pairs.insert(pair, Authentication::External);
    }

    fn refuse(&mut self, condition: sasl::Condition) {
        let failure = Builder::other("failure", ns::SASL).empty_child(condition.name(), "").finish();
        self.out.extend_from_slice(&failure);
        self.refusals += 1;
        if self.refusals >= EXTERNAL_ATTEMPTS_MAX {
            self.fail(&StreamError::new(StreamCondition::PolicyViolation, "too many failed attempts"));
        }
    }

    fn dialback(&mut self, element: Dialback) {
        match element {
            Dialback::Verify { from, to, id, key } => {
                let served = to.parse().is_ok_and(|to: DomainPart| self.policy.domains.contains(&to));
                let verdict = match served {
                    false => Verdict::Error(Condition::ItemNotFound),
                    true if self.policy.secret.is_key(&key, &from, &to, &id) => Verdict::Valid,
                    true => Verdict::Invalid,
                };
                let (from, to) = (to, from);
                Dialback::VerifyAnswer { from, to, id, verdict }.write(&mut self.out);
            }
            Dialback::Result { from, to, key } => self.result(&from, &to, key),
            // Answers come to those who ask, and on this stream we ask nothing.
            Dialback::ResultAnswer { .. } | Dialback::VerifyAnswer { .. } => {}
        }
    }

    fn result(&mut self, from: &str, to: &str, key: String) {
        let (Ok(remote), Ok(local)) = (from.parse::<DomainPart>(), to.parse::<DomainPart>()) else {
            return self.fail(&StreamCondition::ImproperAddressing.into());
        };
        if self.policy.domains.contains(&remote) {
            return self.fail(&StreamError::new(StreamCondition::InvalidFrom, "this domain is served here"));
        }
        let pair = Pair { remote, local };
        if !self.policy.domains.contains(&pair.local) {
            // XEP-0220 §2.4.3: the stream may go on for other pairs.
            return self.answer(&pair, Verdict::Error(Condition::ItemNotFound));
        }
        let many = self.pairs.len() >= PAIRS_MAX || self.verifying.len() >= VERIFICATIONS_MAX;
        if many || self.verifying.contains(&pair) {
            return self.answer(&pair, Verdict::Error(Condition::ResourceConstraint));
        }
        self.verifying.push(pair.clone());
        let verification = Verification { pair, id: self.id.clone(), key };
        self.requests.push(ReceivingOutput::Verify(verification));
    }
}
