//! The initiating server's side: opens the stream, shows who it is, or asks whether another one's key is right.
//!
//! | stage | what may come | what follows |
//! | --- | --- | --- |
//! | Header | stream header | wait for features; a server of version 0.9 has none and gets a dialback key |
//! | Features, no TLS | features | `<starttls/>`, or dialback where TLS is not needed |
//! | Features, TLS | features | SASL EXTERNAL, else dialback |
//! | Features, authenticated | features | the stream is ours |

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::{Bytes, BytesMut};
use jid::DomainPart;

use super::features::{EXTERNAL, Features};
use super::{Authentication, BIDI};
use crate::sasl;
use crate::xep::dialback::{Dialback, Secret, Verdict};
use crate::{Builder, ContentNamespace, Frame, Stanza, StreamError, StreamHeader, ns};

/// What the stream is opened for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To send stanzas.
    Deliver,
    /// To ask whether a key is right (XEP-0220 §2.2).
    Verify {
        /// The stream on which the key was shown.
        id: String,
        /// The key.
        key: String,
    },
}

/// Who opens a stream to whom, and how.
#[derive(Clone)]
pub struct Initiation {
    /// Our domain.
    pub from: DomainPart,
    /// Theirs.
    pub to: DomainPart,
    /// What for.
    pub purpose: Purpose,
    /// Without TLS we do not go on.
    pub needs_tls: bool,
    /// What our keys are made from.
    pub secret: Arc<Secret>,
}

/// What the driver does next. Bytes come before the request that they belong to.
#[derive(Debug)]
pub enum InitiatingOutput {
    /// Write this.
    Write(Bytes),
    /// Once all is written: shake hands, look at the certificate, begin with a new framer, and call
    /// [`InitiatingNegotiation::tls_started`].
    StartTls,
    /// Restart the framer.
    Restart,
    /// The stream is ours to send on.
    Established(PeerStream),
    /// The answer about the key.
    Verified(Verdict),
    /// Once all is written: close the connection.
    Failed(PeerFailure),
}

/// What an established stream can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerStream {
    /// How the other side knows us.
    pub authentication: Authentication,
    /// The other side sends on it, too (XEP-0288).
    pub bidirectional: bool,
    /// The other side acknowledges (XEP-0198).
    pub stream_management: bool,
}

/// Why there is no stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerFailure {
    /// Refused by policy: we need TLS.
    #[error("the other server offers no TLS")]
    NoTls,
    /// Peer incompatible: neither EXTERNAL nor dialback.
    #[error(
        "the other server offers no way to authenticate: it did not accept our certificate and has no dialback"
    )]
    NoMethod,
    /// The other server does not accept our certificate, and has no dialback.
    #[error("the other server refused our certificate ({0}) and has no dialback")]
    Refused(sasl::Condition),
    /// The other server does not accept our key.
    #[error("the other server refused our dialback key: {}", words(.0))]
    Dialback(Verdict),
    /// The other server ended the stream with an error.
    #[error("the other server ended the stream: {0}")]
    Stream(StreamError),
    /// Peer misbehaved: something that may not come here.
    #[error("the other server sent something unexpected")]
    Unexpected,
    /// The other server closed the stream.
    #[error("the other server closed the stream")]
    Closed,
}

fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Valid => "valid".to_owned(),
        Verdict::Invalid => "it could not confirm the key with our server".to_owned(),
        Verdict::Error(condition) => condition.to_string(),
    }
}

/// The machine of one stream.
pub struct InitiatingNegotiation {
    start: Initiation,
    stage: Stage,
    is_tls: bool,
    authenticated: bool,
    /// The receiving server's stream identifier.
    id: String,
    bidirectional: bool,
    features: Features,
    /// Why EXTERNAL did not do.
    refused: Option<sasl::Condition>,
    out: BytesMut,
    request: Option<InitiatingOutput>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Features,
    TlsAsked,
    StartingTls,
    External,
    Key,
    Verifying,
    Over,
}

impl InitiatingNegotiation {
    /// A stream that is in the clear at first (port 5269).
    pub fn starttls(start: Initiation) -> Self {
        Self::new(start, false)
    }

    /// A stream inside TLS from its first byte (XEP-0368).
    pub fn direct_tls(start: Initiation) -> Self {
        Self::new(start, true)
    }

    fn new(start: Initiation, is_tls: bool) -> Self {
        let mut negotiation = Self {
            start,
            stage: Stage::Header,
            is_tls,
            authenticated: false,
            id: String::new(),
            bidirectional: false,
            features: Features::default(),
            refused: None,
            out: BytesMut::new(),
            request: None,
        };
        negotiation.send_header();
        negotiation
    }

    /// What to do next; ask until there is nothing.
    pub fn poll_output(&mut self) -> Option<InitiatingOutput> {
        if !self.out.is_empty() {
            return Some(InitiatingOutput::Write(self.out.split().freeze()));
        }
        self.request.take()
    }

    /// The other server sent something.
    pub fn handle(&mut self, frame: Frame) {
        if let Err(failure) = self.frame(frame) {
            self.fail(failure);
        }
    }

    /// Ends the negotiation: the connection broke, the framer refused what came, or the certificate is wrong.
    pub fn fail(&mut self, failure: PeerFailure) {
        if self.stage != Stage::Over {
            self.out.extend_from_slice(b"</stream:stream>");
            self.finish(InitiatingOutput::Failed(failure));
        }
    }

    /// The handshake is done and the certificate will do; a new stream begins.
    pub fn tls_started(&mut self) {
        if self.stage == Stage::StartingTls {
            self.is_tls = true;
            self.send_header();
        }
    }

    fn finish(&mut self, output: InitiatingOutput) {
        self.stage = Stage::Over;
        self.request = Some(output);
    }

    fn send_header(&mut self) {
        let header = StreamHeader {
            // RFC 6120 §4.7.1: between servers `from` is given, so that the other side knows whom to expect.
            from: Some(self.start.from.as_str().to_owned()),
            to: Some(self.start.to.as_str().to_owned()),
            dialback: true,
            ..StreamHeader::new(ContentNamespace::Server)
        };
        header.write(&mut self.out);
        self.stage = Stage::Header;
    }

    fn frame(&mut self, frame: Frame) -> Result<(), PeerFailure> {
        let stanza = match frame {
            Frame::Close => return Err(PeerFailure::Closed),
            Frame::Open(header) if self.stage == Stage::Header => return self.opened(&header),
            Frame::Open(_) => return Err(PeerFailure::Unexpected),
            Frame::Stanza(stanza) => stanza,
        };
        if stanza.is("error", ns::STREAMS) {
            let error = StreamError::from_element(&stanza.element());
            return Err(error.map_or(PeerFailure::Unexpected, PeerFailure::Stream));
        }
        match self.stage {
            Stage::Features => self.offered(&stanza),
            Stage::TlsAsked => self.tls_answer(&stanza),
            Stage::External => self.external_answer(&stanza),
            Stage::Key | Stage::Verifying => self.dialback_answer(&stanza),
            Stage::Header | Stage::StartingTls => Err(PeerFailure::Unexpected),
            Stage::Over => Ok(()),
        }
    }

    fn opened(&mut self, header: &StreamHeader) -> Result<(), PeerFailure> {
        self.id = header.id.clone().unwrap_or_default();
        self.stage = Stage::Features;
        if header.version.is_some_and(|version| version >= (1, 0)) {
            return Ok(());
        }
        // RFC 6120 §4.7.5: a server of version 0.9 sends no features. All it has is dialback.
        if !self.is_tls && self.start.needs_tls {
            return Err(PeerFailure::NoTls);
        }
        if header.dialback { self.dial_back() } else { Err(PeerFailure::NoMethod) }
    }

    fn offered(&mut self, stanza: &Stanza) -> Result<(), PeerFailure> {
        let offered = Features::parse(stanza).ok_or(PeerFailure::Unexpected)?;
        self.features = offered;
        if !self.is_tls {
            if offered.starttls {
                self.out.extend_from_slice(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
                self.stage = Stage::TlsAsked;
                return Ok(());
            }
            if self.start.needs_tls {
                return Err(PeerFailure::NoTls);
            }
        }
        if self.authenticated {
            return self.established(Authentication::External);
        }
        if let Purpose::Verify { .. } = self.start.purpose {
            return self.dial_back();
        }
        if offered.bidi {
            // XEP-0288 §2: before authentication, and there is no answer.
            self.out.extend_from_slice(&Builder::other("bidi", BIDI).finish());
            self.bidirectional = true;
        }
        if offered.external {
            let auth = Builder::other("auth", ns::SASL)
                .attr("mechanism", EXTERNAL)
                .text(&BASE64.encode(self.start.from.as_str()))
                .finish();
            self.out.extend_from_slice(&auth);
            self.stage = Stage::External;
            return Ok(());
        }
        self.dial_back()
    }

    fn tls_answer(&mut self, stanza: &Stanza) -> Result<(), PeerFailure> {
        if !stanza.is("proceed", ns::TLS) {
            return Err(PeerFailure::NoTls);
        }
        self.stage = Stage::StartingTls;
        self.request = Some(InitiatingOutput::StartTls);
        Ok(())
    }

    fn external_answer(&mut self, stanza: &Stanza) -> Result<(), PeerFailure> {
        if stanza.is("success", ns::SASL) {
            self.authenticated = true;
            self.request = Some(InitiatingOutput::Restart);
            self.send_header();
            return Ok(());
        }
        if !stanza.is("failure", ns::SASL) {
            return Err(PeerFailure::Unexpected);
        }
        let mut conditions = stanza.children().filter_map(|child| sasl::Condition::from_name(child.name()));
        let condition = conditions.next().unwrap_or(sasl::Condition::NotAuthorized);
        drop(conditions);
        self.refused = Some(condition);
        self.dial_back()
    }

    /// Shows our key, or asks about another one's.
    fn dial_back(&mut self) -> Result<(), PeerFailure> {
        let (from, to) = (self.start.from.as_str().to_owned(), self.start.to.as_str().to_owned());
        let (element, stage) = match &self.start.purpose {
            Purpose::Verify { id, key } => {
                let verify = Dialback::Verify { from, to, id: id.clone(), key: key.clone() };
                (verify, Stage::Verifying)
            }
            Purpose::Deliver => {
                // COMPAT: servers before XEP-0220 §2.4 have dialback and do not say so among their features.
                if let Some(refused) = self.refused.filter(|_| !self.features.dialback) {
                    return Err(PeerFailure::Refused(refused));
                }
                if self.id.is_empty() {
                    return Err(PeerFailure::NoMethod);
                }
                let key = self.start.secret.key(&to, &from, &self.id);
                (Dialback::Result { from, to, key }, Stage::Key)
            }
        };
        element.write(&mut self.out);
        self.stage = stage;
        Ok(())
    }

    fn dialback_answer(&mut self, stanza: &Stanza) -> Result<(), PeerFailure> {
        let ours = |from: &str, to: &str| {
            let is = |text: &str, domain: &DomainPart| text.parse::<DomainPart>().is_ok_and(|d| d == *domain);
            is(from, &self.start.to) && is(to, &self.start.from)
        };
        match (Dialback::parse(stanza), &self.start.purpose) {
            (Some(Dialback::ResultAnswer { from, to, verdict }), Purpose::Deliver) if ours(&from, &to) => {
                match verdict {
                    Verdict::Valid => self.established(Authentication::Dialback),
                    refused => Err(PeerFailure::Dialback(refused)),
                }
            }
            (Some(Dialback::VerifyAnswer { from, to, id: asked, verdict }), Purpose::Verify { id, .. })
                if ours(&from, &to) && asked == *id =>
            {
                self.out.extend_from_slice(b"</stream:stream>");
                self.finish(InitiatingOutput::Verified(verdict));
                Ok(())
            }
            // A second answer to an old question, or features that come late: nothing that we wait for.
            (Some(_), _) => Ok(()),
            (None, _) if stanza.is("features", ns::STREAMS) => Ok(()),
            (None, _) => Err(PeerFailure::Unexpected),
        }
    }

    fn established(&mut self, authentication: Authentication) -> Result<(), PeerFailure> {
        self.finish(InitiatingOutput::Established(PeerStream {
            authentication,
            bidirectional: self.bidirectional,
            stream_management: self.features.stream_management,
        }));
        Ok(())
    }
}
