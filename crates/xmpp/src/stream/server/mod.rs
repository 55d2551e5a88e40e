//! The server's side of a client stream, from accept to bound session (RFC 6120 §4-§7).
//!
//! | stage | what may come | what follows |
//! | --- | --- | --- |
//! | Header | stream header | our header and the features of the stage, or a stream error |
//! | Features, no TLS | `<starttls/>` | `<proceed/>`, TLS, new stream |
//! | Features, TLS | `<auth/>`, then `<response/>`, `<abort/>` | challenge, failure, or success and a new stream |
//! | Features, TLS | `<authenticate/>` (XEP-0388), then likewise, and tasks | challenge, failure, or success and a session |
//! | Features, TLS | an IQ to make an account (XEP-0077) | its answer |
//! | Features, signed in | bind request, `<resume/>` | the edge decides; session |
//!
//! While the edge works on a request no further frame is taken.

mod registration;
mod sasl2;
mod stages;
mod tokens;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use jid::{BareJid, DomainPart, FullJid, Jid, NodePart, ResourcePart};

use super::seed::Seed;
use super::{BIND_ATTEMPTS_MAX, LOGIN_ATTEMPTS_MAX, decode_sasl, encode_sasl, features};
use crate::sasl::scram::{Hash, Record};
use crate::sasl::{self, ChannelBinding, Comparison, Credentials, Mechanism, Step, UnknownUsers};
use crate::sm::{SESSION_ID_BYTES_MAX, Signal};
use crate::xep::bind2;
use crate::xep::sasl2::UserAgent;
use crate::xep::stream_limits::StreamLimits;
use crate::{
    Builder, Condition, ContentNamespace, Context, Element, Frame, Kind, Stanza, StanzaError,
    StreamCondition, StreamError, StreamHeader, ns,
};

/// What all streams of a listener share.
#[derive(Clone, Debug)]
pub struct ServerPolicy {
    /// The domains that are served; the first answers for those that are not.
    pub domains: Vec<DomainPart>,
    /// The mechanisms that clients may use: those that every account can do.
    pub mechanisms: Vec<Mechanism>,
    /// Hash functions that accounts are to get a record for besides (XEP-0480).
    pub hashes: Vec<Hash>,
    /// How users who do not exist are answered.
    pub unknown: UnknownUsers,
    /// Further features after sign-in, as XML: roster versioning, pre-approval, capabilities.
    pub features: Bytes,
    /// Further features before sign-in, as XML: registration.
    pub sign_in_features: Bytes,
    /// What a session can begin with (XEP-0386 §3.1), by the name of its feature.
    pub bind_inline: &'static [&'static str],
    /// Tokens are given and taken (XEP-0484).
    pub tokens: bool,
    /// The limits of a stream before sign-in (XEP-0478).
    pub limits_before_sign_in: StreamLimits,
    /// The limits of a stream after it.
    pub limits: StreamLimits,
}

impl ServerPolicy {
    /// A policy that offers the mechanisms and nothing besides.
    pub fn new(domains: Vec<DomainPart>, mechanisms: Vec<Mechanism>, unknown: UnknownUsers) -> Self {
        let limits = |stanza_bytes_max| StreamLimits {
            stanza_bytes_max,
            idle_seconds_max: super::NEGOTIATION_TIME_MAX.as_secs(),
        };
        Self {
            domains,
            mechanisms,
            hashes: Vec::new(),
            unknown,
            features: Bytes::new(),
            sign_in_features: Bytes::new(),
            bind_inline: &[],
            tokens: false,
            limits_before_sign_in: limits(crate::STANZA_BYTES_BEFORE_SIGN_IN_MAX),
            limits: limits(crate::STANZA_BYTES_MAX),
        }
    }
}

/// What the driver does next. What is to be written comes before the request that it belongs to, piece by
/// piece, because a WebSocket and BOSH carry pieces instead of a stream of bytes.
#[derive(Debug)]
pub enum Output {
    /// Write our stream header.
    Open(Box<StreamHeader>),
    /// Write this element.
    Write(Bytes),
    /// Write the end of our stream.
    End,
    /// Once all is written: drop what was read and not taken (RFC 6120 §5.4.3.3), shake hands, begin with
    /// a new framer, then call [`ServerNegotiation::tls_started`].
    StartTls,
    /// The user has signed in: restart the framer and give it the limits of a signed-in peer.
    Restart,
    /// The user has signed in, and the stream goes on: give the framer the limits of a signed-in peer.
    SignedIn,
    /// Keep further records of an account: its password was seen, or its client has computed them.
    Upgraded {
        /// Who signed in.
        user: BareJid,
        /// What the account lacked.
        records: Vec<(Hash, Record)>,
    },
    /// Call [`ServerNegotiation::tokens`] or [`ServerNegotiation::unavailable`].
    LookUpTokens {
        /// Who says to be.
        user: BareJid,
        /// Whose tokens.
        client: String,
    },
    /// Call [`ServerNegotiation::token_given`].
    Token(TokenWork),
    /// Call [`ServerNegotiation::bound_inline`] or [`ServerNegotiation::bind_refused`].
    BindInline {
        /// Who signed in.
        user: BareJid,
        /// The client's identifier, if it has one.
        client: Option<String>,
        /// What the session begins with.
        request: bind2::Request,
    },
    /// An attempt to sign in has failed; the bytes that say so come next, so that the edge can count it and
    /// keep them back for a while.
    Refused,
    /// Call [`ServerNegotiation::credentials`] or [`ServerNegotiation::unavailable`], or compare elsewhere what
    /// [`ServerNegotiation::comparison`] gives.
    LookUp(BareJid),
    /// Likewise, of a name that no account can have: there is nothing to look for, and the answer is the same.
    LookUpNobody,
    /// Call [`ServerNegotiation::registered`].
    Register(Registration),
    /// Call [`ServerNegotiation::bound`] or [`ServerNegotiation::bind_refused`].
    Bind {
        /// Who signed in.
        user: BareJid,
        /// What the client wishes; without a wish the edge makes one up.
        resource: Option<ResourcePart>,
    },
    /// Call [`ServerNegotiation::resumed`] or [`ServerNegotiation::resume_failed`].
    Resume {
        /// Who signed in; the old session must be his.
        user: BareJid,
        /// The old session.
        previd: String,
        /// How many stanzas the client has handled.
        h: u32,
    },
    /// The negotiation is over; the stream belongs to the session.
    Established(Established),
    /// Once all is written: close the connection.
    Close,
}

impl Output {
    /// What a stream of bytes carries for this; `None` when there is nothing to write.
    pub fn text(&self) -> Option<Bytes> {
        let mut out = BytesMut::new();
        match self {
            Self::Write(element) => return Some(element.clone()),
            Self::Open(header) => header.write(&mut out),
            Self::End => out.extend_from_slice(STREAM_END),
            _ => return None,
        }
        Some(out.freeze())
    }
}

/// The end of a stream of bytes.
pub const STREAM_END: &[u8] = b"</stream:stream>";

pub use registration::Registration;
pub use tokens::{KeptToken, Slot, TokenWork, Tokens};

/// A stream that has become a session's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// The session's address.
    pub jid: FullJid,
    /// True when an old session goes on: its unacknowledged stanzas go out again next (XEP-0198 §5).
    pub resumed: bool,
}

/// The machine of one stream.
pub struct ServerNegotiation {
    policy: Arc<ServerPolicy>,
    seed: Seed,
    stage: Stage,
    /// The machine of SASL, once inside TLS.
    sasl: Option<sasl::Server>,
    domain: Option<DomainPart>,
    user: Option<BareJid>,
    /// The sign-in that runs, if it is one of XEP-0388.
    sasl2: Option<Box<sasl2::Progress>>,
    /// Whom the peer's header names (RFC 6120 §4.7.1).
    from: Option<String>,
    header_sent: bool,
    refusals: u32,
    /// What the edge hears before what is to be written.
    notices: VecDeque<Output>,
    out: VecDeque<Output>,
    request: Option<Output>,
}

enum Stage {
    Header,
    Features,
    StartingTls,
    /// A challenge is out.
    Challenged,
    LookingUp,
    /// The identifier of the request that is answered later.
    Binding(String),
    Resuming(String),
    /// Likewise, of somebody who is not signed in.
    Registering(String),
    /// Within a sign-in of XEP-0388.
    Inline(sasl2::Waiting),
    Over,
}

impl ServerNegotiation {
    /// A stream on a port for STARTTLS. `seed` is fresh entropy.
    pub fn starttls(policy: Arc<ServerPolicy>, seed: [u8; 32]) -> Self {
        Self {
            policy,
            seed: Seed::new(seed),
            stage: Stage::Header,
            sasl: None,
            domain: None,
            user: None,
            sasl2: None,
            from: None,
            header_sent: false,
            refusals: 0,
            notices: VecDeque::new(),
            out: VecDeque::new(),
            request: None,
        }
    }

    /// A stream inside TLS from its first byte (XEP-0368), or on another secure transport.
    pub fn direct_tls(policy: Arc<ServerPolicy>, seed: [u8; 32], binding: ChannelBinding) -> Self {
        let mut negotiation = Self::starttls(policy, seed);
        negotiation.enter_tls(binding);
        negotiation
    }

    /// What to do next; ask until there is nothing.
    pub fn poll_output(&mut self) -> Option<Output> {
        if let Some(notice) = self.notices.pop_front() {
            return Some(notice);
        }
        self.out.pop_front().or_else(|| self.request.take())
    }

    /// True while the edge owes an answer; until then no frame may be fed.
    pub fn is_waiting(&self) -> bool {
        match &self.stage {
            Stage::StartingTls | Stage::LookingUp | Stage::Binding(_) | Stage::Resuming(_) => true,
            Stage::Registering(_) => true,
            Stage::Inline(waiting) => waiting.is_for_edge(),
            Stage::Header | Stage::Features | Stage::Challenged | Stage::Over => false,
        }
    }

    /// True from sign-in on: failures before it count against the peer's address.
    pub fn user(&self) -> Option<&BareJid> {
        self.user.as_ref()
    }

    /// The peer sent something.
    pub fn handle(&mut self, frame: Frame) {
        match (frame, &self.stage) {
            (_, Stage::Over) => {}
            (Frame::Close, _) => self.close(),
            (Frame::Open(header), Stage::Header) => self.header(&header),
            (Frame::Stanza(stanza), Stage::Features) => self.element(&stanza),
            (Frame::Stanza(stanza), Stage::Challenged) => self.sasl_answer(&stanza),
            (Frame::Stanza(stanza), Stage::Inline(_)) => self.task_answer(&stanza),
            (Frame::Open(_) | Frame::Stanza(_), _) => {
                self.fail(&StreamError::new(StreamCondition::PolicyViolation, "nothing may come here"));
            }
        }
    }

    /// Ends the stream with an error, ours or the framer's (RFC 6120 §4.9.1).
    pub fn fail(&mut self, error: &StreamError) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        // RFC 6120 §4.9.1.2: an error during stream set-up comes after an opening tag.
        if !self.header_sent {
            self.send_header(None);
        }
        self.write_with(|out| error.write(out));
        self.close();
    }

    /// [`super::NEGOTIATION_TIME_MAX`] is over.
    pub fn timed_out(&mut self) {
        self.fail(&StreamError::new(StreamCondition::ConnectionTimeout, "signing in took too long"));
    }

    /// The handshake is done; a new stream begins.
    pub fn tls_started(&mut self, binding: ChannelBinding) {
        if matches!(self.stage, Stage::StartingTls) {
            self.enter_tls(binding);
            self.stage = Stage::Header;
        }
    }

    /// The costly work that [`ServerNegotiation::credentials`] would do here and now, if there is any: to be run
    /// elsewhere, and given to [`ServerNegotiation::compared`].
    pub fn comparison(&mut self, found: Option<&Credentials>) -> Option<Comparison> {
        let sasl = self.sasl.as_mut().filter(|_| matches!(self.stage, Stage::LookingUp))?;
        sasl.comparison(found)
    }

    /// The comparison was run.
    pub fn compared(&mut self, comparison: Comparison) {
        if matches!(self.stage, Stage::LookingUp)
            && let Some(sasl) = &mut self.sasl
        {
            let step = sasl.compared(comparison);
            self.sasl_step(step);
        }
    }

    /// What the store has for the user of [`Output::LookUp`]. See [`Comparison`] for its cost.
    pub fn credentials(&mut self, found: Option<&Credentials>) {
        if matches!(self.stage, Stage::LookingUp)
            && let Some(sasl) = &mut self.sasl
        {
            let step = sasl.credentials(found);
            if let (Some(found), Some(progress)) = (found, &mut self.sasl2) {
                progress.plan_upgrades(features::upgrades(sasl), found);
            }
            self.sasl_step(step);
        }
    }

    /// The store could not answer: the client may try again later (RFC 6120 §6.5.11).
    pub fn unavailable(&mut self) {
        if matches!(self.stage, Stage::LookingUp | Stage::Inline(sasl2::Waiting::Tokens(..)))
            && let Some(sasl) = &mut self.sasl
        {
            let step = sasl.unavailable();
            self.sasl_step(step);
        }
    }

    /// The session has this address from now on (RFC 6120 §7.6.1).
    pub fn bound(&mut self, jid: FullJid) {
        if let Stage::Binding(id) = std::mem::replace(&mut self.stage, Stage::Over) {
            let reply = Builder::iq(Context::Client)
                .type_("result")
                .id(&id)
                .open("bind", ns::BIND)
                .text_child("jid", "", jid.as_str())
                .finish();
            self.write(reply);
            self.request = Some(Output::Established(Established { jid, resumed: false }));
        }
    }

    /// The resource is not to be had: `conflict`, `resource-constraint`, `not-allowed` (RFC 6120 §7.7.2).
    pub fn bind_refused(&mut self, condition: Condition) {
        match std::mem::replace(&mut self.stage, Stage::Features) {
            Stage::Binding(id) => self.refuse_bind(&id, condition),
            // Signed in without a session: the client may ask for a resource of its own (RFC 6120 §7).
            Stage::Inline(sasl2::Waiting::Bind) => self.inline_success(None),
            other => self.stage = other,
        }
    }

    /// The old session goes on with this stream; `h` counts what it had handled (XEP-0198 §5).
    pub fn resumed(&mut self, jid: FullJid, h: u32) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Resuming(previd) => {
                self.write_with(|out| Signal::Resumed { previd, h }.write(out));
                self.request = Some(Output::Established(Established { jid, resumed: true }));
            }
            Stage::Inline(sasl2::Waiting::Resume(previd)) => {
                self.inline_answer(&Signal::Resumed { previd, h });
                self.inline_success(Some(Established { jid, resumed: true }));
            }
            other => self.stage = other,
        }
    }

    /// There is no such session any more; `h` if it is known what it had handled. The client may bind.
    pub fn resume_failed(&mut self, h: Option<u32>) {
        let failed = Signal::Failed { condition: Condition::ItemNotFound, h };
        match &self.stage {
            Stage::Resuming(_) => {
                self.stage = Stage::Features;
                self.write_with(|out| failed.write(out));
            }
            Stage::Inline(sasl2::Waiting::Resume(_)) => {
                // XEP-0386 §3.2: the failure is told, and then the bind request is processed.
                self.inline_answer(&failed);
                self.inline_bind();
            }
            _ => {}
        }
    }

    /// Writes one element.
    fn write(&mut self, element: Bytes) {
        self.out.push_back(Output::Write(element));
    }

    fn write_with(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let mut out = BytesMut::new();
        write(&mut out);
        self.write(out.freeze());
    }

    fn enter_tls(&mut self, binding: ChannelBinding) {
        let sasl = sasl::Server::new(&self.policy.mechanisms, binding, self.policy.unknown.clone());
        self.sasl = Some(sasl.wanting(&self.policy.hashes));
        self.header_sent = false;
    }

    fn close(&mut self) {
        if self.header_sent {
            self.out.push_back(Output::End);
        }
        self.stage = Stage::Over;
        self.request = Some(Output::Close);
    }
}
