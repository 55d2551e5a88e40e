//! Which codecs a phone is offered, what the other one is answered, and what two phones then speak: all choice of
//! codecs is here.
//!
//! A phone is offered the codecs of the other one in their order, so that packets can be passed on as they are, and behind
//! them those that the server can make of them. Only when both end up with different ones is their sound made anew
//! ([`Bridge::Transcode`]); what the server does not speak itself (G.729) is passed on or not agreed on.

use std::borrow::Cow;

use media::{Crypto, Encoding, Kind, Speech};
use sip::sdp::{Codec, Media};

use super::describe::Description;
use crate::snapshot::MediaUse;

/// Payload types that the server gives its own codecs, from the last one down: phones count up from 96, and one that has
/// a meaning in a session keeps it (RFC 3264 §8.3.2).
const OWN_PAYLOAD_TYPES: std::ops::RangeInclusive<u8> = 96..=123;

/// How the sound of two phones comes from one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bridge {
    /// Packets go on as they are.
    Relay,
    /// Each one's sound is decoded, and coded anew for the other.
    Transcode,
}

/// What a phone and the server have agreed on for one stream, in the order of the answer (RFC 3264 §6.1).
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreed {
    codecs: Vec<AgreedCodec>,
    /// The keys, when its packets are secret.
    pub crypto: Option<Crypto>,
    /// Reports share the port of their stream (RFC 5761).
    pub mux: bool,
    /// Its packets must be secret and there are no keys: nothing is sent.
    pub is_too_open: bool,
}

/// One codec of a stream. A side takes it under the payload type that it has written itself (RFC 3264 §5.1).
#[derive(Clone, Debug)]
struct AgreedCodec {
    codec: Codec,
    /// The payload type of what the phone sends.
    from_phone: u8,
    /// The payload type of what is sent to it.
    to_phone: u8,
}

impl AgreedCodec {
    fn encoding(&self, payload_type: u8) -> Option<Encoding> {
        Some(Encoding::new(spoken(&self.codec)?, payload_type))
    }
}

/// The codec, when the server speaks it itself.
fn spoken(codec: &Codec) -> Option<media::Codec> {
    media::Codec::named(codec.name.as_ref(), codec.clock_rate)
}

/// Is it sound or a picture by itself, and not something beside it (RFC 4733, RFC 3389, RFC 2198, RFC 4588)?
fn is_content(codec: &Codec) -> bool {
    !["telephone-event", "CN", "red", "rtx", "ulpfec"]
        .iter()
        .any(|name| codec.name.eq_ignore_ascii_case(name.as_bytes()))
}

fn is_event(codec: &Codec) -> bool {
    codec.name.eq_ignore_ascii_case(b"telephone-event")
}

fn has(codecs: &[Codec], wanted: &Codec) -> bool {
    codecs.iter().any(|codec| codec.is_same(wanted))
}

/// The codecs that the server can make of others. Those that sound like what they are made of stand first.
fn own_codecs(of_wideband: bool) -> [Codec; 4] {
    let (a_law, mu_law) = (Codec::new(8, "PCMA", 8_000), Codec::new(0, "PCMU", 8_000));
    let g722 = Codec::new(9, "G722", 8_000);
    let opus = Codec { channels: 2, ..Codec::new(0, "opus", 48_000) };
    if of_wideband { [g722, opus, a_law, mu_law] } else { [a_law, mu_law, g722, opus] }
}

impl Description {
    /// The same offer with the codecs behind its own that the server can make of them.
    pub(crate) fn with_transcoded(&self) -> Cow<'_, Self> {
        let mut offer = Cow::Borrowed(self);
        for (at, line) in self.lines().iter().enumerate() {
            if line.kind != Some(Kind::Audio) {
                continue;
            }
            let codecs = self.codecs_at(at);
            let is_wide =
                |codec: &Codec| spoken(codec).is_some_and(|codec| codec.rate() == media::Rate::Wide);
            if codecs.iter().any(|codec| spoken(codec).is_some()) {
                let extended = extended(&codecs, codecs.iter().any(is_wide));
                offer.to_mut().set_codecs_at(at, &extended);
            }
        }
        offer
    }

    /// The answer of one phone as the other one, which has offered `offer`, gets it: with what both speak or, when that
    /// is nothing, with the first codec of the offer that the server can make of it.
    pub(crate) fn answering_in_codecs_of(&self, offer: &Self) -> Cow<'_, Self> {
        let mut answer = Cow::Borrowed(self);
        for (at, (line, offered)) in self.lines().iter().zip(offer.lines()).enumerate() {
            if line.kind != Some(Kind::Audio) || offered.kind != line.kind {
                continue;
            }
            let (own, theirs) = (self.codecs_at(at), offer.codecs_at(at));
            let mut codecs: Vec<Codec> = own.iter().filter(|codec| has(&theirs, codec)).cloned().collect();
            let can_speak = own.iter().any(|codec| spoken(codec).is_some());
            if !codecs.iter().any(is_content) && can_speak {
                // RFC 3264 §6.1: under the payload types of the offer.
                codecs = theirs.iter().find(|codec| spoken(codec).is_some()).into_iter().cloned().collect();
                codecs.extend(theirs.iter().filter(|codec| is_event(codec) && has(&own, codec)).cloned());
            }
            // The server makes sound of the keys that come as events, and listens for keys in the sound of the other end.
            let makes_keys =
                codecs.iter().find(|codec| is_content(codec)).is_some_and(|codec| spoken(codec).is_some());
            if makes_keys && !own.iter().any(is_event) {
                codecs.extend(theirs.iter().find(|codec| is_event(codec)).cloned());
            }
            if codecs != own && codecs.iter().any(is_content) {
                answer.to_mut().set_codecs_at(at, &codecs);
            }
        }
        answer
    }

    fn codecs_at(&self, at: usize) -> Vec<Codec> {
        self.media_at(at).map(Media::codecs).unwrap_or_default()
    }
}

/// These codecs and, where they stand no more in front of others, ours. Telephone events stay behind.
fn extended(codecs: &[Codec], of_wideband: bool) -> Vec<Codec> {
    let mut all: Vec<Codec> = codecs.iter().filter(|codec| !is_event(codec)).cloned().collect();
    let taken = |payload: u8| codecs.iter().any(|codec| codec.payload == payload);
    let mut free = OWN_PAYLOAD_TYPES.rev().filter(|payload| !taken(*payload));
    for mut codec in own_codecs(of_wideband) {
        if has(codecs, &codec) {
            continue;
        }
        let is_static = spoken(&codec).and_then(media::Codec::static_payload_type).is_some();
        if !is_static || taken(codec.payload) {
            let Some(payload) = free.next() else { continue };
            codec.payload = payload;
        }
        all.push(codec);
    }
    all.extend(codecs.iter().filter(|codec| is_event(codec)).cloned());
    all
}

impl Agreed {
    /// What holds after a phone was told `told` and has said `heard`; `answered` says that `told` was the answer.
    pub(crate) fn of(told: &Media, heard: &Media, answered: bool) -> Self {
        let (told, heard) = (told.codecs(), heard.codecs());
        let (answer, offer) = if answered { (&told, &heard) } else { (&heard, &told) };
        let both = answer.iter().filter_map(|codec| {
            let same = offer.iter().find(|offered| offered.is_same(codec))?;
            let (by_us, by_phone) = if answered { (codec, same) } else { (same, codec) };
            Some(AgreedCodec { codec: codec.clone(), from_phone: by_us.payload, to_phone: by_phone.payload })
        });
        Self { codecs: both.collect(), crypto: None, mux: false, is_too_open: false }
    }

    /// What is spoken: the first of the answer.
    fn first(&self) -> Option<&AgreedCodec> {
        self.codecs.iter().find(|agreed| is_content(&agreed.codec))
    }

    /// The codec that is spoken.
    pub(crate) fn codec(&self) -> Option<&Codec> {
        self.first().map(|agreed| &agreed.codec)
    }

    /// Its name.
    pub(crate) fn name(&self) -> Option<String> {
        self.first().map(|agreed| String::from_utf8_lossy(&agreed.codec.name).into_owned())
    }

    /// Its RTP clock.
    pub(crate) fn clock_hertz(&self) -> Option<u32> {
        self.first().map(|agreed| agreed.codec.clock_rate)
    }

    fn has(&self, codec: &Codec) -> bool {
        self.codecs.iter().any(|agreed| agreed.codec.is_same(codec))
    }

    fn speaks(&self) -> bool {
        self.codecs.iter().any(|agreed| spoken(&agreed.codec).is_some())
    }

    /// The payload type of the telephone events that the phone sends.
    pub(crate) fn events_from_phone(&self) -> Option<u8> {
        self.codecs.iter().find(|agreed| is_event(&agreed.codec)).map(|agreed| agreed.from_phone)
    }

    /// How two phones that have agreed on this and that are joined.
    pub(crate) fn bridge(&self, other: &Self) -> Bridge {
        let (Some(one), Some(two)) = (self.first(), other.first()) else { return Bridge::Relay };
        if other.has(&one.codec) && self.has(&two.codec) {
            return Bridge::Relay;
        }
        if self.speaks() && other.speaks() { Bridge::Transcode } else { Bridge::Relay }
    }

    /// How `media` speaks with this phone itself: over a relay only in what the other one takes, too.
    pub(crate) fn speech(&self, other: &Self, bridge: Bridge) -> Speech {
        let usable =
            self.codecs.iter().filter(|agreed| bridge == Bridge::Transcode || other.has(&agreed.codec));
        let usable: Vec<&AgreedCodec> = usable.collect();
        let events = self.codecs.iter().find(|agreed| is_event(&agreed.codec));
        let heard_as: Vec<Encoding> =
            usable.iter().filter_map(|agreed| agreed.encoding(agreed.from_phone)).collect();
        let encodings: Vec<Encoding> =
            usable.iter().filter_map(|agreed| agreed.encoding(agreed.to_phone)).collect();
        Speech {
            heard_as: if heard_as == encodings { Vec::new() } else { heard_as },
            encodings,
            events_to_peer: events.map(|agreed| agreed.to_phone),
            keys_in_sound: events.is_none() && other.events_from_phone().is_some(),
        }
    }

    /// Payload types of this phone that the other one knows under other numbers.
    pub(crate) fn payload_map(&self, other: &Self) -> Vec<(u8, u8)> {
        let renamed = self.codecs.iter().filter_map(|agreed| {
            let theirs = other.codecs.iter().find(|theirs| theirs.codec.is_same(&agreed.codec))?;
            (agreed.from_phone != theirs.to_phone).then_some((agreed.from_phone, theirs.to_phone))
        });
        renamed.collect()
    }
}

impl MediaUse {
    /// One more stream of the device.
    pub(super) fn note(&mut self, kind: Option<Kind>, agreed: &Agreed, bridge: Bridge) {
        self.codecs.extend(if kind == Some(Kind::Fax) { Some("T.38".to_owned()) } else { agreed.name() });
        self.is_transcoded |= bridge == Bridge::Transcode;
        self.is_secret |= agreed.crypto.is_some();
    }
}
