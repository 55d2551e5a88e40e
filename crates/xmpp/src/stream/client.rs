//! The client's side: the mirror of [`super::ServerNegotiation`], for our own client and for tests.

use bytes::{Bytes, BytesMut};
use jid::{DomainPart, FullJid, ResourcePart};

use super::features::Features;
use super::seed::Seed;
use super::{decode_sasl, encode_sasl};
use crate::sasl::{self, ChannelBinding, ClientError, Mechanism};
use crate::sm::Signal;
use crate::{
    Builder, ContentNamespace, Context, Frame, Kind, Stanza, StanzaError, StreamError, StreamHeader, ns,
};

/// The identifier of our only request.
const BIND_ID: &str = "bind";

/// Who signs in where, and how.
#[derive(Clone)]
pub struct Login {
    /// The domain.
    pub domain: DomainPart,
    /// The user's name, without the domain.
    pub username: String,
    /// The password.
    pub password: String,
    /// The resource to ask for; the server makes one up otherwise.
    pub resource: Option<ResourcePart>,
    /// The mechanisms that may be used, in any order.
    pub mechanisms: Vec<Mechanism>,
    /// An old session to resume, how much of it was handled, and its address.
    pub resume: Option<(String, u32, FullJid)>,
}

/// What the driver does next. Bytes come before the request that they belong to.
#[derive(Debug)]
pub enum ClientOutput {
    /// Write this.
    Write(Bytes),
    /// Once all is written: shake hands, begin with a new framer, call [`ClientNegotiation::tls_started`].
    StartTls,
    /// Restart the framer.
    Restart,
    /// The stream is a session now.
    Established {
        /// Our address.
        jid: FullJid,
        /// What the server offers to the session.
        features: ServerFeatures,
        /// How much of the old session the server has handled, when it goes on.
        resumed: Option<u32>,
    },
    /// Once all is written: close the connection.
    Failed(NegotiationError),
}

/// What a server offers to a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerFeatures {
    /// XEP-0198.
    pub stream_management: bool,
    /// RFC 6121 §2.6.
    pub roster_versioning: bool,
    /// RFC 6121 §3.4.
    pub pre_approval: bool,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum NegotiationError {
    /// Refused by policy: we sign in inside TLS only.
    #[error("the server offers no TLS")]
    NoTls,
    /// The sign-in cannot go on.
    #[error(transparent)]
    Sasl(#[from] ClientError),
    /// The server refused the sign-in.
    #[error("the server refused the sign-in: {0}")]
    Refused(sasl::Condition),
    /// The server refused the resource.
    #[error("the server refused the resource: {0}")]
    Bind(StanzaError),
    /// The stream broke.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Peer misbehaved: something that may not come here.
    #[error("the server sent something unexpected")]
    Unexpected,
    /// The server closed the stream.
    #[error("the server closed the stream")]
    Closed,
}

/// The machine of one stream.
pub struct ClientNegotiation {
    login: Login,
    seed: Seed,
    stage: Stage,
    /// Present inside TLS.
    binding: Option<ChannelBinding>,
    signed_in: bool,
    features: ServerFeatures,
    out: BytesMut,
    request: Option<ClientOutput>,
}

enum Stage {
    Header,
    Features,
    TlsAsked,
    StartingTls,
    SigningIn(Box<sasl::Client>),
    Resuming,
    Binding,
    Over,
}

impl ClientNegotiation {
    /// A stream on a port for STARTTLS.
    pub fn starttls(login: Login, seed: [u8; 32]) -> Self {
        Self::new(login, seed, None)
    }

    /// A stream inside TLS from its first byte (XEP-0368).
    pub fn direct_tls(login: Login, seed: [u8; 32], binding: ChannelBinding) -> Self {
        Self::new(login, seed, Some(binding))
    }

    fn new(login: Login, seed: [u8; 32], binding: Option<ChannelBinding>) -> Self {
        let mut negotiation = Self {
            login,
            seed: Seed::new(seed),
            stage: Stage::Header,
            binding,
            signed_in: false,
            features: ServerFeatures::default(),
            out: BytesMut::new(),
            request: None,
        };
        negotiation.send_header();
        negotiation
    }

    /// What to do next; ask until there is nothing.
    pub fn poll_output(&mut self) -> Option<ClientOutput> {
        if !self.out.is_empty() {
            return Some(ClientOutput::Write(self.out.split().freeze()));
        }
        self.request.take()
    }

    /// The server sent something.
    pub fn handle(&mut self, frame: Frame) {
        if let Err(error) = self.frame(frame) {
            self.fail(error);
        }
    }

    /// The connection broke, or the framer refused what came.
    pub fn fail(&mut self, error: impl Into<NegotiationError>) {
        if !matches!(self.stage, Stage::Over) {
            self.out.extend_from_slice(b"</stream:stream>");
            self.stage = Stage::Over;
            self.request = Some(ClientOutput::Failed(error.into()));
        }
    }

    /// The handshake is done; a new stream begins.
    pub fn tls_started(&mut self, binding: ChannelBinding) {
        if matches!(self.stage, Stage::StartingTls) {
            self.binding = Some(binding);
            self.send_header();
        }
    }

    fn send_header(&mut self) {
        let header = StreamHeader {
            to: Some(self.login.domain.as_str().to_owned()),
            ..StreamHeader::new(ContentNamespace::Client)
        };
        header.write(&mut self.out);
        self.stage = Stage::Header;
    }

    fn frame(&mut self, frame: Frame) -> Result<(), NegotiationError> {
        let stanza = match frame {
            Frame::Close => return Err(NegotiationError::Closed),
            Frame::Open(_) if matches!(self.stage, Stage::Header) => {
                self.stage = Stage::Features;
                return Ok(());
            }
            Frame::Open(_) => return Err(NegotiationError::Unexpected),
            Frame::Stanza(stanza) => stanza,
        };
        if stanza.is("error", ns::STREAMS) {
            let error = StreamError::from_element(&stanza.element());
            return Err(error.map_or(NegotiationError::Unexpected, NegotiationError::Stream));
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Features => self.offered(&stanza),
            Stage::TlsAsked => self.tls_answer(&stanza),
            Stage::SigningIn(exchange) => self.sasl_answer(exchange, &stanza),
            Stage::Resuming => self.resume_answer(&stanza),
            Stage::Binding => self.bind_answer(&stanza),
            stage @ (Stage::Header | Stage::StartingTls | Stage::Over) => {
                self.stage = stage;
                Err(NegotiationError::Unexpected)
            }
        }
        .inspect_err(|_| self.reopen())
    }

    /// A stage that ended in an error is not over before the error was told.
    fn reopen(&mut self) {
        self.stage = Stage::Features;
    }

    fn offered(&mut self, stanza: &Stanza) -> Result<(), NegotiationError> {
        let offered = Features::parse(stanza).ok_or(NegotiationError::Unexpected)?;
        let Some(binding) = &self.binding else {
            if !offered.starttls {
                return Err(NegotiationError::NoTls);
            }
            self.out.extend_from_slice(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
            self.stage = Stage::TlsAsked;
            return Ok(());
        };
        if !self.signed_in {
            let binding = usable(binding, offered.channel_bindings.as_deref());
            return self.sign_in(&offered.mechanisms, &binding);
        }
        self.features = ServerFeatures {
            stream_management: offered.stream_management,
            roster_versioning: offered.roster_versioning,
            pre_approval: offered.pre_approval,
        };
        match &self.login.resume {
            Some((previd, h, _)) if offered.stream_management => {
                Signal::Resume { previd: previd.clone(), h: *h }.write(&mut self.out);
                self.stage = Stage::Resuming;
            }
            _ if offered.bind => self.send_bind(),
            _ => return Err(NegotiationError::Unexpected),
        }
        Ok(())
    }

    fn sign_in(&mut self, offered: &[Mechanism], binding: &ChannelBinding) -> Result<(), NegotiationError> {
        let identity = (self.login.username.as_str(), self.login.password.as_str());
        let nonce = self.seed.token();
        let mut exchange = sasl::Client::new(offered, &self.login.mechanisms, identity, binding, nonce)?;
        let auth = Builder::other("auth", ns::SASL)
            .attr("mechanism", exchange.mechanism().name())
            .text(&encode_sasl(&exchange.initial()))
            .finish();
        self.out.extend_from_slice(&auth);
        self.stage = Stage::SigningIn(Box::new(exchange));
        Ok(())
    }

    fn tls_answer(&mut self, stanza: &Stanza) -> Result<(), NegotiationError> {
        if !stanza.is("proceed", ns::TLS) {
            return Err(NegotiationError::NoTls);
        }
        self.stage = Stage::StartingTls;
        self.request = Some(ClientOutput::StartTls);
        Ok(())
    }

    fn sasl_answer(
        &mut self,
        mut exchange: Box<sasl::Client>,
        stanza: &Stanza,
    ) -> Result<(), NegotiationError> {
        if stanza.ns() != ns::SASL {
            return Err(NegotiationError::Unexpected);
        }
        let text = stanza.text();
        let message = decode_sasl(&text).ok_or(ClientError::Malformed)?;
        match stanza.name() {
            "challenge" => {
                let response = exchange.respond(&message)?;
                let response = Builder::other("response", ns::SASL).text(&encode_sasl(&response)).finish();
                self.out.extend_from_slice(&response);
                self.stage = Stage::SigningIn(exchange);
                Ok(())
            }
            "success" => {
                exchange.success(Some(message.as_slice()).filter(|_| !text.is_empty()))?;
                self.signed_in = true;
                self.request = Some(ClientOutput::Restart);
                self.send_header();
                Ok(())
            }
            "failure" => {
                let conditions =
                    stanza.children().filter_map(|child| sasl::Condition::from_name(child.name()));
                let condition = conditions.into_iter().next().unwrap_or(sasl::Condition::NotAuthorized);
                Err(NegotiationError::Refused(condition))
            }
            _ => Err(NegotiationError::Unexpected),
        }
    }

    fn resume_answer(&mut self, stanza: &Stanza) -> Result<(), NegotiationError> {
        match (Signal::parse(stanza), self.login.resume.take()) {
            (Some(Ok(Signal::Resumed { previd, h })), Some((asked, _, jid))) if previd == asked => {
                self.established(jid, Some(h));
                Ok(())
            }
            (Some(Ok(Signal::Failed { .. })), _) => {
                self.send_bind();
                Ok(())
            }
            _ => Err(NegotiationError::Unexpected),
        }
    }

    fn send_bind(&mut self) {
        let mut request = Builder::iq(Context::Client);
        request.type_("set").id(BIND_ID).open("bind", ns::BIND);
        if let Some(resource) = &self.login.resource {
            request.text_child("resource", "", resource.as_str());
        }
        self.out.extend_from_slice(&request.finish());
        self.stage = Stage::Binding;
    }

    fn bind_answer(&mut self, stanza: &Stanza) -> Result<(), NegotiationError> {
        if stanza.kind() != Kind::Iq || stanza.id().as_deref() != Some(BIND_ID) {
            return Err(NegotiationError::Unexpected);
        }
        if let Some(error) = StanzaError::from_stanza(stanza) {
            return Err(NegotiationError::Bind(error));
        }
        let bound = stanza.child("bind", ns::BIND);
        let jid = bound.as_ref().and_then(|bound| bound.child("jid", ns::BIND)).map(|jid| jid.text());
        let jid = jid.and_then(|jid| jid.parse().ok()).ok_or(NegotiationError::Unexpected)?;
        self.established(jid, None);
        Ok(())
    }

    fn established(&mut self, jid: FullJid, resumed: Option<u32>) {
        self.stage = Stage::Over;
        self.request = Some(ClientOutput::Established { jid, features: self.features, resumed });
    }
}

/// What of our channel data the server says it can check (XEP-0440 §3); all of it if it does not say.
fn usable(binding: &ChannelBinding, checked: Option<&[String]>) -> ChannelBinding {
    let known = |name: &str| checked.is_none_or(|checked| checked.iter().any(|other| other == name));
    ChannelBinding {
        exporter: binding.exporter.clone().filter(|_| known(ChannelBinding::EXPORTER)),
        server_end_point: binding
            .server_end_point
            .clone()
            .filter(|_| known(ChannelBinding::SERVER_END_POINT)),
    }
}
