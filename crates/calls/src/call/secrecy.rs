//! Secret media of one leg (SRTP with keys in the description, RFC 4568): when it is offered, what is taken, which keys.
//!
//! Either side of a call has keys of its own with the server: any leg can be joined to any. What phones may and must do
//! says the dial plan ([`Srtp`]). The server offers keys only where nobody else can read them, over TLS; a phone that sends
//! its own in the clear has given them away itself, and is answered in the same way unless secrecy is required.

use std::fmt;

use bytes::Bytes;
use media::{Crypto, Secret, Suite};
use model::plan::Srtp;
use sip::endpoint::{Endpoint, Transport};
use sip::sdp::{self, Media};

use super::describe::{Description, MediaLine, Whereabouts};
use super::streams::STREAMS_MAX;

/// Key and salt of the largest suite, in bytes.
const SECRET_BYTES_MAX: usize = 44;
/// What we offer: what everybody must know (RFC 4568 §6.2.1).
const OFFERED: Suite = Suite::AesCm128HmacSha1Tag80;

/// How one leg is guarded.
#[derive(Clone)]
pub(crate) struct Guard {
    policy: Srtp,
    /// Its signalling is secret.
    is_secure: bool,
    /// Our keys, one for each m-line. They stay, so that a stream goes on when the session is described anew.
    secrets: Option<Box<[[u8; SECRET_BYTES_MAX]; STREAMS_MAX]>>,
}

/// Keys are not for logs.
impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// What a phone's m-line says of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    /// It wants no packets in the clear (`RTP/SAVP`).
    pub insists: bool,
    /// The first of its keys that we can use: number of the line, key.
    pub key: Option<(u32, Secret)>,
}

impl Keys {
    /// Reads what a section says.
    pub(crate) fn read(media: &Media) -> Self {
        let usable = |line: sdp::Crypto| {
            let suite = Suite::named(line.suite.as_bytes())?;
            Some((line.tag, Secret::new(suite, &line.key)?))
        };
        Self { insists: insists(media.protocol()), key: media.crypto().find_map(usable) }
    }
}

/// Is this a profile of SRTP (RFC 3711, RFC 5124)?
pub(crate) fn insists(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(b"RTP/SAVP") || protocol.eq_ignore_ascii_case(b"RTP/SAVPF")
}

/// The same profile with or without secrecy.
fn profile(protocol: &[u8], is_secret: bool) -> &'static str {
    let has_feedback = protocol.last().is_some_and(|last| last.eq_ignore_ascii_case(&b'F'));
    match (is_secret, has_feedback) {
        (true, true) => "RTP/SAVPF",
        (true, false) => "RTP/SAVP",
        (false, true) => "RTP/AVPF",
        (false, false) => "RTP/AVP",
    }
}

impl Guard {
    /// A leg whose packets are in the clear.
    pub(crate) fn off() -> Self {
        Self { policy: Srtp::Off, is_secure: false, secrets: None }
    }

    /// A leg under a policy, whose signalling comes over this transport.
    pub(crate) fn new(policy: Srtp, transport: Transport, endpoint: &mut Endpoint) -> Self {
        if policy == Srtp::Off {
            return Self::off();
        }
        let mut secrets = Box::new([[0; SECRET_BYTES_MAX]; STREAMS_MAX]);
        secrets.iter_mut().for_each(|secret| endpoint.fill_random(secret));
        let is_secure = matches!(transport, Transport::Tls | Transport::Wss);
        Self { policy, is_secure, secrets: Some(secrets) }
    }

    /// Can a leg like this be called at all? What must be secret is not told in the clear.
    pub(crate) fn can_offer(&self) -> bool {
        self.policy != Srtp::Required || self.is_secure
    }

    /// Reads a description of the phone. Lines that are not as secret as they must be, or more than we do, are not
    /// carried (RFC 3264 §6).
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn read(&self, body: &Bytes, whereabouts: Whereabouts) -> Result<Description, sip::Error> {
        let mut description = Description::read(body, whereabouts)?;
        description.strike(|line| {
            if self.policy == Srtp::Off {
                line.keys.key = None;
            }
            let must_be_secret = line.keys.insists || self.policy == Srtp::Required;
            must_be_secret && (line.keys.key.is_none() || !self.may_be_used())
        });
        Ok(description)
    }

    fn may_be_used(&self) -> bool {
        self.policy == Srtp::Accepted || self.is_secure
    }

    fn secret(&self, at: usize, suite: Suite) -> Option<Secret> {
        Secret::new(suite, self.secrets.as_ref()?.get(at)?.get(..suite.secret_bytes())?)
    }

    /// Writes profile and keys of a section of ours. `heard` is the line as the phone has described it last, to be
    /// answered when `is_answer` says so.
    pub(crate) fn write(&self, at: usize, media: &mut Media, heard: Option<&MediaLine>, is_answer: bool) {
        let keys = heard.map(|line| &line.keys);
        let theirs = keys.and_then(|keys| keys.key.as_ref());
        let insists = keys.is_some_and(|keys| keys.insists);
        let line = match (is_answer, theirs) {
            (true, Some((tag, secret))) => Some((*tag, secret.suite())),
            (true, None) => None,
            (false, _) => self.offers(insists || theirs.is_some()).then_some((1, OFFERED)),
        };
        let is_rtp = media.protocol().to_ascii_uppercase().starts_with(b"RTP/");
        if !is_rtp {
            return;
        }
        let is_savp = insists || (!is_answer && self.policy == Srtp::Required);
        media.set_protocol(profile(media.protocol(), is_savp));
        if media.port() == 0 {
            return;
        }
        let line = line.and_then(|(tag, suite)| {
            let key = self.secret(at, suite)?.bytes().to_vec();
            Some(sdp::Crypto { tag, suite: suite.name().to_owned(), key })
        });
        media.set_crypto(line.as_slice());
    }

    /// Do our offers have keys? A phone that had some before gets them again.
    fn offers(&self, had_keys: bool) -> bool {
        match self.policy {
            Srtp::Off => false,
            Srtp::Accepted => self.is_secure || had_keys,
            Srtp::Required => true,
        }
    }

    /// The keys of an m-line on which both have given some.
    pub(crate) fn crypto(&self, at: usize, told: &Media, heard: &MediaLine) -> Option<Crypto> {
        let (_, receive) = heard.keys.key.clone()?;
        let ours = told.crypto().next()?;
        let send = self.secret(at, receive.suite()).filter(|_| ours.suite == receive.suite().name())?;
        Some(Crypto { receive, send })
    }
}
