//! Secret media of one leg (SRTP): when it is offered, what is taken, which keys. They are in the description (RFC 4568), or
//! agreed on by a handshake over the media port ([`super::handshake`]).
//!
//! Either side of a call has keys of its own with the server: any leg can be joined to any. What phones may and must do
//! says the dial plan ([`Srtp`]). The server offers keys only where nobody else can read them, over TLS; a phone that sends
//! its own in the clear has given them away itself, and is answered in the same way unless secrecy is required.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use media::{Crypto, Secret, SrtpKeys, Suite};
use model::plan::Srtp;
use sip::endpoint::{Endpoint, Transport};
use sip::sdp::{self, Media, Sdp};

use super::describe::{Description, MediaLine, Whereabouts};
use super::handshake::{self, Handshakes, Heard, Server};
use super::streams::STREAMS_MAX;

/// Keys and salts of one line, one for each of [`Suite::ALL`], in bytes: two suites never share a key, for each begins
/// with a packet number of zero (RFC 3711 §9.1).
const SECRETS_BYTES: usize = 44 + 28 + 30 + 30;
/// What we offer: what everybody must know (RFC 4568 §6.2.1).
const OFFERED: Suite = Suite::AesCm128HmacSha1Tag80;

/// How secret the media of one leg is.
#[derive(Clone)]
pub(crate) struct Secrecy {
    policy: Srtp,
    /// Its signalling is secret.
    is_secure: bool,
    /// Our keys, one for each m-line. They stay, so that a stream goes on when the session is described anew.
    secrets: Option<Box<[[u8; SECRETS_BYTES]; STREAMS_MAX]>>,
    /// Our side of handshakes, unless there are none.
    handshakes: Option<Box<Handshakes>>,
}

/// Keys are not for logs.
impl fmt::Debug for Secrecy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrecy").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// What a phone's m-line says of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Keys {
    /// It wants no packets in the clear (`RTP/SAVP`).
    pub insists: bool,
    /// Its profile, when it is one of RTP.
    profile: Option<&'static str>,
    /// The first of its keys that we can use: number of the line, key.
    pub key: Option<(u32, Secret)>,
    /// What it says of a handshake, when its keys are to come of one.
    pub handshake: Option<Heard>,
}

impl Keys {
    /// Reads what a section says.
    pub(crate) fn read(sdp: &Sdp, at: usize) -> Self {
        let media = &sdp.media()[at];
        let usable = |line: sdp::Crypto| {
            let suite = Suite::named(line.suite.as_bytes())?;
            Some((line.tag, Secret::new(suite, &line.key)?))
        };
        let key = if media.port() == 0 { None } else { media.crypto().find_map(usable) };
        let insists = insists(media.protocol());
        let profile = is_rtp(media.protocol()).then(|| profile(media.protocol(), insists));
        // COMPAT: phones from before RFC 5764 say RTP/SAVPF when they mean a handshake.
        let handshake = (insists && key.is_none()).then(|| Heard::read(sdp, at)).flatten();
        Self { insists, profile, key, handshake }
    }
}

/// Has a section of ours keys of this suite under this tag?
fn has_line(ours: &Media, tag: u32, suite: Suite) -> bool {
    ours.crypto().any(|line| line.tag == tag && line.suite == suite.name())
}

/// Is this a profile of SRTP (RFC 3711, RFC 5124, RFC 5764)?
pub(crate) fn insists(protocol: &[u8]) -> bool {
    ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"]
        .iter()
        .any(|profile| protocol.eq_ignore_ascii_case(profile.as_bytes()))
}

fn is_of_handshake(protocol: &[u8]) -> bool {
    protocol.get(..8).is_some_and(|begin| begin.eq_ignore_ascii_case(b"UDP/TLS/"))
}

fn is_rtp(protocol: &[u8]) -> bool {
    protocol.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case(b"RTP/")) || insists(protocol)
}

/// The same profile with or without secrecy.
fn profile(protocol: &[u8], is_secret: bool) -> &'static str {
    if is_secret && is_of_handshake(protocol) {
        return if protocol.ends_with(b"F") { handshake::PROFILE } else { "UDP/TLS/RTP/SAVP" };
    }
    let has_feedback = protocol.last().is_some_and(|last| last.eq_ignore_ascii_case(&b'F'));
    match (is_secret, has_feedback) {
        (true, true) => "RTP/SAVPF",
        (true, false) => "RTP/SAVP",
        (false, true) => "RTP/AVPF",
        (false, false) => "RTP/AVP",
    }
}

impl Secrecy {
    /// A leg whose packets are in the clear.
    pub(crate) fn off() -> Self {
        Self { policy: Srtp::Off, is_secure: false, secrets: None, handshakes: None }
    }

    /// A leg under a policy, whose signalling comes over this transport.
    pub(crate) fn new(policy: Srtp, transport: Transport, server: Server, endpoint: &mut Endpoint) -> Self {
        // What signs in over a WebSocket is a browser, and knows no media in the clear.
        let is_web = matches!(transport, Transport::Ws | Transport::Wss);
        if policy == Srtp::Off && !is_web {
            return Self::off();
        }
        let policy = if policy == Srtp::Off { Srtp::Accepted } else { policy };
        let handshakes = Handshakes::new(is_web || policy == Srtp::Dtls, is_web, server, endpoint);
        let mut secrets = Box::new([[0; SECRETS_BYTES]; STREAMS_MAX]);
        secrets.iter_mut().for_each(|secret| endpoint.fill_random(secret));
        let is_secure = matches!(transport, Transport::Tls | Transport::Wss);
        Self { policy, is_secure, secrets: Some(secrets), handshakes: Some(Box::new(handshakes)) }
    }

    /// Can a leg like this be called at all? What must be secret is not told in the clear.
    pub(crate) fn can_offer(&self) -> bool {
        self.policy != Srtp::Required || self.is_secure
    }

    /// Reads a description of the phone. Lines that are not as secret as they must be, or more than we do, are not
    /// carried (RFC 3264 §6). When it answers `offer`, its keys must be for a line of that (RFC 4568 §5.1.2).
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn read(
        &mut self,
        body: &Bytes,
        whereabouts: Whereabouts,
        offer: Option<&Bytes>,
    ) -> Result<Description, sip::Error> {
        let mut description = Description::read(body, whereabouts)?;
        let ours = offer.and_then(|offer| Sdp::parse(offer).ok()).unwrap_or_default();
        let mut answered = Vec::new();
        description.strike(|at, line| {
            let offered = offer.and_then(|_| ours.media().get(at));
            let has_offered = offered.is_some_and(|offered| offered.crypto().next().is_some());
            let has_offered_handshake = offered.is_some_and(|offered| offered.has_attribute("fingerprint"));
            if self.policy == Srtp::Off || (offer.is_some() && !has_offered_handshake) {
                line.keys.handshake = None;
            }
            if has_offered_handshake {
                let Some(heard) = &line.keys.handshake else { return true };
                answered.push((at, heard.clone()));
            }
            // Keys that answer none of ours are none: such a phone sends in the clear, as it was offered.
            if self.policy == Srtp::Off || (offer.is_some() && !has_offered) {
                line.keys.key = None;
            }
            let is_unasked = offered.filter(|_| has_offered).is_some_and(|offered| {
                line.keys.key.as_ref().is_some_and(|(tag, key)| !has_line(offered, *tag, key.suite()))
            });
            let has_keys = line.keys.handshake.is_some() || (line.keys.key.is_some() && self.may_be_used());
            is_unasked || (self.wants_secrecy(line) && !has_keys)
        });
        if let Some(handshakes) = &mut self.handshakes {
            answered.iter().for_each(|(at, heard)| handshakes.answered(*at, heard));
        }
        Ok(description)
    }

    /// Must no packet of this line be in the clear?
    pub(crate) fn wants_secrecy(&self, line: &MediaLine) -> bool {
        line.keys.insists || matches!(self.policy, Srtp::Required | Srtp::Dtls)
    }

    fn may_be_used(&self) -> bool {
        self.policy == Srtp::Accepted || self.is_secure
    }

    fn secret(&self, at: usize, suite: Suite) -> Option<Secret> {
        let before = Suite::ALL.into_iter().take_while(|other| *other != suite);
        let begin: usize = before.map(Suite::secret_bytes).sum();
        Secret::new(suite, self.secrets.as_ref()?.get(at)?.get(begin..begin + suite.secret_bytes())?)
    }

    /// Writes profile and keys of a section of ours, which has its port already; true when the phone finds its way there by
    /// ICE. `heard` is the line as the phone has described it last, to be answered when `is_answer` says so.
    pub(crate) fn write(
        &mut self,
        at: usize,
        media: &mut Media,
        (heard, is_answer): (Option<&MediaLine>, bool),
        address: IpAddr,
    ) -> bool {
        let keys = heard.map(|line| &line.keys);
        let handshake = keys.and_then(|keys| keys.handshake.as_ref());
        let is_new = heard.is_none_or(|line| line.kind.is_none()) && !is_answer;
        if let Some(handshakes) = &mut self.handshakes
            && (handshake.is_some() || (is_new && handshakes.is_offered()))
            && is_rtp(media.protocol())
            && media.port() > 0
        {
            let profile = keys.and_then(|keys| keys.profile).filter(|_| handshake.is_some());
            media.set_protocol(profile.unwrap_or(handshake::PROFILE));
            media.set_crypto(&[]);
            handshakes.write(at, media, (handshake, is_answer), address);
            return media.has_attribute("ice-ufrag");
        }
        self.write_keys(at, media, keys, is_answer);
        false
    }

    fn write_keys(&self, at: usize, media: &mut Media, keys: Option<&Keys>, is_answer: bool) {
        let theirs = keys.and_then(|keys| keys.key.as_ref());
        let insists = keys.is_some_and(|keys| keys.insists);
        let line = match (is_answer, theirs) {
            (true, Some((tag, secret))) => Some((*tag, secret.suite())),
            (true, None) => None,
            (false, _) => self.offers(insists || theirs.is_some()).then_some((1, OFFERED)),
        };
        if !is_rtp(media.protocol()) {
            return;
        }
        if is_answer && media.port() == 0 {
            // A refused line, too, is answered under its own profile (RFC 3264 §6).
            return media.set_protocol(keys.and_then(|keys| keys.profile).unwrap_or("RTP/AVP"));
        }
        let is_savp =
            insists && (is_answer || line.is_some()) || (!is_answer && self.policy == Srtp::Required);
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
            Srtp::Dtls => had_keys,
        }
    }

    /// The keys of an m-line on which both have given some.
    pub(crate) fn crypto(&self, at: usize, told: &Media, heard: &MediaLine) -> Option<Crypto> {
        if let (Some(handshakes), Some(heard)) = (&self.handshakes, &heard.keys.handshake) {
            return handshakes.handshake(at, told, heard).map(Crypto::Handshake);
        }
        let (_, receive) = heard.keys.key.clone().filter(|(tag, key)| has_line(told, *tag, key.suite()))?;
        let send = self.secret(at, receive.suite())?;
        Some(Crypto::Keys(SrtpKeys { receive, send }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::describe::{Lines, Said};
    use super::*;

    fn secrecy(policy: Srtp, is_secure: bool) -> Secrecy {
        let secrets = (policy != Srtp::Off).then(|| Box::new([[7; SECRETS_BYTES]; STREAMS_MAX]));
        Secrecy { policy, is_secure, secrets, handshakes: None }
    }

    fn described(line: &str, keys: Option<(u32, Suite)>) -> Bytes {
        let keys = keys.map_or(String::new(), |(tag, suite)| {
            let line =
                sdp::Crypto { tag, suite: suite.name().to_owned(), key: vec![9; suite.secret_bytes()] };
            format!("a=crypto:{tag} {} inline:{}\r\n", line.suite, line.inline())
        });
        Bytes::from(format!(
            "v=0\r\no=- 1 1 IN IP4 10.0.0.5\r\ns=-\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\nm=audio {line} 8\r\n{keys}"
        ))
    }

    fn here() -> Whereabouts {
        Whereabouts { source: [10, 0, 0, 5].into(), claimed: None }
    }

    /// What we say after a phone has said `offer`, or as an offer of our own.
    fn say(said: &mut Said, offer: Option<&Description>) -> String {
        let mut plain = Secrecy::off().read(&described("4000 RTP/AVP", None), here(), None).unwrap();
        if offer.is_some() {
            plain.refuse_at(0);
        }
        let lines = offer.map_or(Lines::Offer(None), Lines::Answer);
        let body = said.write(&plain, [192, 0, 2, 1].into(), lines, |_, _| offer.is_none().then_some(30_000));
        String::from_utf8_lossy(&body.unwrap_or_default()).into_owned()
    }

    #[test]
    fn each_suite_of_each_line_has_a_key_of_its_own() {
        let mut secrecy = secrecy(Srtp::Accepted, true);
        let bytes = secrecy.secrets.iter_mut().flat_map(|secrets| secrets.iter_mut().flatten());
        // Eight bytes that come nowhere else are in every piece of sixteen.
        bytes
            .enumerate()
            .for_each(|(at, byte)| *byte = if at % 2 == 0 { (at / 2) as u8 } else { (at / 512) as u8 });
        let keys = (0..STREAMS_MAX).flat_map(|at| Suite::ALL.map(|suite| secrecy.secret(at, suite).unwrap()));
        let mut keys: Vec<Vec<u8>> = keys.map(|key| key.bytes()[..16].to_vec()).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), STREAMS_MAX * Suite::ALL.len());
    }

    proptest! {
        #[test]
        fn an_answer_has_keys_of_the_offer_or_is_struck_when_it_must(
            policy in prop::sample::select(vec![Srtp::Off, Srtp::Accepted, Srtp::Required]),
            is_secure: bool,
            profile in prop::sample::select(vec!["RTP/AVP", "RTP/SAVP", "RTP/SAVPF"]),
            keys in prop::option::of((1_u32..3, prop::sample::select(Suite::ALL.to_vec()))),
        ) {
            let mut said = Said::new(1, secrecy(policy, is_secure));
            let offered = say(&mut said, None).contains("a=crypto:1 ");
            let heard = said.read(&described(&format!("4000 {profile}"), keys), here(), true).unwrap();
            let agreed = &said.agreed(&heard)[0];
            let is_carried = heard.lines()[0].kind.is_some();
            let must = policy == Srtp::Required || profile != "RTP/AVP";
            let is_right = offered && keys == Some((1, OFFERED));
            prop_assert!(!is_carried || agreed.crypto.is_some() == is_right);
            prop_assert_eq!(agreed.is_too_open, must && agreed.crypto.is_none());
            prop_assert!(!must || !is_carried || agreed.crypto.is_some(), "in the clear");
            // Keys for another line are a phone that hears nothing.
            let is_unasked = offered && keys.is_some() && !is_right;
            prop_assert!(!(is_unasked && is_carried));
        }
    }

    #[test]
    fn a_refused_line_is_answered_under_its_own_profile() {
        for profile in ["RTP/SAVP", "RTP/SAVPF", "RTP/AVP"] {
            for (port, policy) in [(0, Srtp::Accepted), (4_000, Srtp::Off)] {
                let mut said = Said::new(1, secrecy(policy, true));
                let offer = said.read(&described(&format!("{port} {profile}"), None), here(), false).unwrap();
                let answer = say(&mut said, Some(&offer));
                if profile == "RTP/AVP" && port > 0 {
                    continue;
                }
                assert!(answer.contains(&format!("m=audio 0 {profile} 8")), "{profile} {port}: {answer}");
            }
        }
    }
}
