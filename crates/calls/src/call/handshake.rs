//! DTLS-SRTP and ICE of one leg, as its descriptions have them (RFC 5763, RFC 8122, RFC 8839, RFC 8842): browsers know no other
//! way, and phones may.
//!
//! We are ICE-lite and have one candidate for each stream, our media port: no stream shares another one's (RFC 8843 is
//! declined), reports share the port of their stream (RFC 5761), and header extensions, which say whose a packet is in a
//! bundle, are not agreed on. Media does the rest ([`media::Handshake`]).

use std::net::IpAddr;

use bytes::Bytes;
use media::{FINGERPRINTS_MAX, Fingerprint, Handshake, IceCredentials};
use sip::endpoint::Endpoint;
use sip::sdp::{Codec, Media, Sdp};

use super::streams::{Ports, STREAMS_MAX};

/// The profile of browsers (RFC 8829 §5.1.2).
pub(crate) const PROFILE: &str = "UDP/TLS/RTP/SAVPF";
/// RFC 8445 §5.1.2.2: an only host candidate of the one component.
const PRIORITY: u32 = (126 << 24) | (65_535 << 8) | 255;
/// RFC 6544 §4.2: one for streams that the other one opens.
const PRIORITY_TCP: u32 = (126 << 24) | (((4 << 13) | 8_191) << 8) | 255;
/// What is agreed on hop by hop, or speaks of streams by names that do not reach the other phone.
const OF_THE_HOP: [&str; 15] = [
    "mid",
    "msid",
    "ssrc",
    "ssrc-group",
    "extmap",
    "extmap-allow-mixed",
    "rid",
    "simulcast",
    "rtcp-rsize",
    "bundle-only",
    "setup",
    "fingerprint",
    "tls-id",
    "rtcp",
    "rtcp-mux",
];
/// Codecs that mend others of the same bundle by its names (RFC 4588, RFC 2198, RFC 5109, RFC 8627).
const OF_THE_BUNDLE: [&str; 5] = ["rtx", "red", "ulpfec", "flexfec-03", "flexfec"];

/// Who begins (RFC 4145 §4, RFC 8842 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setup {
    Active,
    Passive,
    Either,
}

/// What a phone's m-line says of a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    fingerprints: Vec<Fingerprint>,
    setup: Setup,
    /// Its ICE fragment; `None`: it makes no checks.
    fragment: Option<Bytes>,
    mid: Option<Bytes>,
}

/// Our side of the handshakes of one leg.
#[derive(Clone)]
pub(crate) struct Handshakes {
    /// Our offers want one.
    is_offered: bool,
    server: Server,
    /// What our credentials are made of.
    seed: [u8; 32],
    lines: [Line; STREAMS_MAX],
}

/// What of the server stands in its descriptions.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// What its certificate is known by.
    pub fingerprint: String,
    /// The one port for browsers, if there is one.
    pub published_port: Option<u16>,
}

impl Server {
    pub(crate) fn of(ports: &dyn Ports) -> Self {
        Self { fingerprint: ports.fingerprint(), published_port: ports.published_port() }
    }
}

/// What holds for one m-line.
#[derive(Clone, Default)]
struct Line {
    /// Rises with every restart of ICE.
    generation: u32,
    /// What the phone has said last.
    heard: Option<Heard>,
    /// We are the client of the association that there is.
    is_client: bool,
}

impl Heard {
    /// Reads what section `at` says; `None`: nothing that we can use.
    pub(crate) fn read(sdp: &Sdp, at: usize) -> Option<Self> {
        let media = sdp.media().get(at)?;
        let parsed = |value: &[u8]| Fingerprint::parse(value);
        let own = media.attributes("fingerprint").filter_map(parsed);
        let mut fingerprints: Vec<Fingerprint> = own.take(FINGERPRINTS_MAX).collect();
        if fingerprints.is_empty() {
            fingerprints =
                sdp.session_attributes("fingerprint").filter_map(parsed).take(FINGERPRINTS_MAX).collect();
        }
        let setup = match sdp.attribute_of(at, "setup") {
            Some(b"active") | None => Setup::Active,
            Some(b"passive") => Setup::Passive,
            Some(b"actpass") => Setup::Either,
            Some(_) => return None,
        };
        let is_lite = sdp.session_attributes("ice-lite").next().is_some();
        let has_password = sdp.attribute_of(at, "ice-pwd").is_some();
        let fragment = sdp.attribute_of(at, "ice-ufrag").filter(|_| has_password && !is_lite);
        let mid = media.attributes("mid").next().map(Bytes::copy_from_slice);
        let fragment = fragment.map(Bytes::copy_from_slice);
        (!fingerprints.is_empty()).then_some(Self { fingerprints, setup, fragment, mid })
    }

    /// Does it find its way by checks?
    pub(crate) fn has_ice(&self) -> bool {
        self.fragment.is_some()
    }
}

/// Takes out of a section what only its own leg can agree on, so that the rest can be told to another phone.
pub(crate) fn unbind(media: &mut Media) {
    OF_THE_HOP.iter().for_each(|name| media.remove_attribute(name));
    let codecs = media.codecs();
    let is_bound =
        |codec: &Codec| OF_THE_BUNDLE.iter().any(|name| codec.name.eq_ignore_ascii_case(name.as_bytes()));
    if codecs.iter().any(is_bound) {
        let kept: Vec<Codec> = codecs.into_iter().filter(|codec| !is_bound(codec)).collect();
        if !kept.is_empty() {
            media.keep_codecs(&kept);
        }
    }
    // The estimate of the way by transport-wide sequence numbers needs their header extension.
    media.retain_attributes("rtcp-fb", |value| !value.ends_with(b" transport-cc"));
}

impl Handshakes {
    /// `is_offered`: our offers want one. `is_web`: the phone is a browser, which always makes checks.
    pub(crate) fn new(is_offered: bool, is_web: bool, server: Server, endpoint: &mut Endpoint) -> Self {
        // Whose a packet is at the published port say checks only.
        let published_port = server.published_port.filter(|_| is_web);
        let server = Server { published_port, ..server };
        let mut seed = [0; 32];
        endpoint.fill_random(&mut seed);
        Self { is_offered, server, seed, lines: Default::default() }
    }

    /// Do our offers want one on a line of which the phone has said nothing yet?
    pub(crate) fn is_offered(&self) -> bool {
        self.is_offered
    }

    /// The phone has answered our offer.
    pub(crate) fn answered(&mut self, at: usize, heard: &Heard) {
        if let Some(line) = self.lines.get_mut(at) {
            line.is_client = heard.setup == Setup::Passive;
            line.heard = Some(heard.clone());
        }
    }

    /// The phone has offered, and is about to be answered.
    fn offered(&mut self, at: usize, heard: &Heard) {
        let Some(line) = self.lines.get_mut(at) else { return };
        let before = line.heard.replace(heard.clone());
        let goes_on = before.as_ref().is_some_and(|before| before.fingerprints == heard.fingerprints);
        line.is_client = match heard.setup {
            Setup::Active => false,
            Setup::Passive => true,
            // RFC 8842 §5.3: the roles of an association that goes on stay. The first one is the phone's to begin: it
            // knows when its checks have led to something.
            Setup::Either => goes_on && line.is_client,
        };
        // RFC 8839 §4.4.1.1.1: another fragment is a restart, which is answered by other credentials.
        if before.is_some_and(|before| before.fragment != heard.fragment) {
            line.generation += 1;
        }
    }

    fn credentials(&self, at: usize) -> IceCredentials {
        let generation = self.lines.get(at).map_or(0, |line| line.generation);
        IceCredentials::derived(&self.seed, at, generation)
    }

    /// Writes what a section of ours says. `heard` is what the phone said last, to be answered when `is_answer` says so.
    pub(crate) fn write(
        &mut self,
        at: usize,
        media: &mut Media,
        (heard, is_answer): (Option<&Heard>, bool),
        address: IpAddr,
    ) {
        if let Some(heard) = heard.filter(|_| is_answer) {
            self.offered(at, heard);
        }
        unbind(media);
        if let Some(mid) = heard.and_then(|heard| heard.mid.as_ref()) {
            media.push_attribute(&format!("mid:{}", String::from_utf8_lossy(mid)));
        }
        media.set_rtcp_mux(true);
        let is_client = self.lines.get(at).is_some_and(|line| line.is_client);
        let setup = match (is_answer, is_client) {
            // RFC 8842 §5.2: an offer leaves the choice to the other one, now and later.
            (false, _) => "actpass",
            (true, true) => "active",
            (true, false) => "passive",
        };
        media.push_attribute(&format!("setup:{setup}"));
        media.push_attribute(&format!("fingerprint:{}", self.server.fingerprint));
        // A phone that makes no checks would not understand them, and a browser always does.
        if !is_answer || heard.is_none_or(Heard::has_ice) {
            let IceCredentials { fragment, password } = self.credentials(at);
            media.push_attribute(&format!("ice-ufrag:{fragment}"));
            media.push_attribute(&format!("ice-pwd:{password}"));
            let published = self.server.published_port;
            let port = published.unwrap_or(media.port());
            media.set_port(port);
            media.push_attribute(&format!("candidate:1 1 udp {PRIORITY} {address} {port} typ host"));
            if published.is_some() {
                // RFC 6544 §4.5: for networks that let no datagrams out.
                let passive =
                    format!("candidate:2 1 tcp {PRIORITY_TCP} {address} {port} typ host tcptype passive");
                media.push_attribute(&passive);
            }
            media.push_attribute("end-of-candidates");
        }
    }

    /// What media is to do, when both sides have spoken of a handshake.
    pub(crate) fn handshake(&self, at: usize, told: &Media, heard: &Heard) -> Option<Handshake> {
        let line = self.lines.get(at).filter(|_| told.has_attribute("fingerprint"))?;
        let ice = heard.has_ice().then(|| self.credentials(at));
        Some(Handshake { fingerprints: heard.fingerprints.clone(), is_client: line.is_client, ice })
    }
}
