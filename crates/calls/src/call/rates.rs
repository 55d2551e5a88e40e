//! How fast a session is: what it takes on the wire, and the same session within what two places allow (`CC-25`, `MD-10`).

use bytes::Bytes;
use media::Kind;
use model::plan::{Allowance, codec_kbits};
use sip::sdp::{Codec, Media};

use super::codecs::Agreed;
use super::describe::{Description, MediaLine};
use crate::admission::Load;

/// How much of Opus a phone takes at most, in bits a second (RFC 7587 §6.1).
const AVERAGE_RATE: &[u8] = b"maxaveragebitrate=";

/// A facsimile by T.38 of 14,400 bit/s with what is sent twice, in kbit/s.
const FAX_KBITS: u32 = 30;

impl Description {
    /// The same with what these places allow each other: codecs that are listed and slow enough, most preferred first,
    /// and pictures no faster than they may be. A line that nothing is left of is refused.
    pub(crate) fn within(&self, allowance: &Allowance) -> Self {
        let mut limited = self.clone();
        for (at, line) in self.lines().iter().enumerate() {
            let Some(media) = self.media_at(at) else { continue };
            match (line.kind, allowance.video_kbits()) {
                (Some(Kind::Audio), _) => match allowed(media, allowance) {
                    Some(codecs) => limited.set_codecs_at(at, &codecs),
                    None => limited.refuse_at(at),
                },
                (Some(Kind::Video), Some(0)) => limited.refuse_at(at),
                (Some(Kind::Video), Some(most)) => {
                    let kbits = media.bandwidth_kbits().map_or(most, |kbits| kbits.min(most));
                    limited.set_bandwidth_at(at, kbits);
                }
                (Some(Kind::Video), None) | (Some(Kind::Fax) | None, _) => {}
            }
        }
        limited
    }

    /// The same without pictures.
    pub(crate) fn without_pictures(&self) -> Self {
        let mut without = self.clone();
        for (at, line) in self.lines().iter().enumerate() {
            if line.kind == Some(Kind::Video) {
                without.refuse_at(at);
            }
        }
        without
    }

    /// What a call takes at most that is offered this; pictures of which nothing is said take `video_kbits`.
    pub(crate) fn load(&self, video_kbits: u32) -> Load {
        self.sum(|_, line, media| match line.kind {
            Some(Kind::Audio) => {
                let codecs = media.codecs();
                let rates = codecs.iter().filter(|codec| is_speech(codec)).map(speech_kbits);
                rates.max().map_or_else(Load::default, Load::of_audio)
            }
            _ => beside_sound(line, media, video_kbits),
        })
    }

    /// What a phone takes that has described itself so, and has agreed on this, line by line.
    pub(crate) fn load_as(&self, agreed: &[Agreed], video_kbits: u32) -> Load {
        self.sum(|at, line, media| match (line.kind, agreed.get(at).and_then(Agreed::codec)) {
            (Some(Kind::Audio), Some(codec)) => Load::of_audio(speech_kbits(codec)),
            _ => beside_sound(line, media, video_kbits),
        })
    }

    fn sum(&self, of_line: impl Fn(usize, &MediaLine, &Media) -> Load) -> Load {
        let lines = self.lines().iter().enumerate();
        let loads = lines.filter_map(|(at, line)| Some(of_line(at, line, self.media_at(at)?)));
        loads.fold(Load::default(), |sum, load| sum + load)
    }
}

fn beside_sound(line: &MediaLine, media: &Media, video_kbits: u32) -> Load {
    match line.kind {
        Some(Kind::Video) => Load { audio: 0, video: media.bandwidth_kbits().unwrap_or(video_kbits) },
        Some(Kind::Fax) => Load::of_audio(FAX_KBITS),
        Some(Kind::Audio) | None => Load::default(),
    }
}

/// Is it sound by itself, and neither digits nor comfort noise?
fn is_speech(codec: &Codec) -> bool {
    let is = |name: &[u8]| codec.name.eq_ignore_ascii_case(name);
    !is(b"telephone-event") && !is(b"CN")
}

fn is_opus(codec: &Codec) -> bool {
    codec.name.eq_ignore_ascii_case(b"opus")
}

/// The payload rate of a codec in a description: Opus may say how much it takes (RFC 7587 §6.1).
fn speech_kbits(codec: &Codec) -> u32 {
    let said = codec.parameters.as_deref().filter(|_| is_opus(codec)).and_then(|parameters| {
        let mut words = parameters.split(|byte| *byte == b';').map(sip::scan::trim);
        words.find_map(|word| sip::scan::number::<u32>(word.strip_prefix(AVERAGE_RATE)?))
    });
    said.map_or_else(|| codec_kbits(&String::from_utf8_lossy(&codec.name)), |bits| bits.div_ceil(1_000))
}

/// The codecs of a line of sound that are allowed, most preferred first; one whose rate can be chosen is asked to keep to
/// what is allowed. `None`: there is no sound among them.
fn allowed(media: &Media, allowance: &Allowance) -> Option<Vec<Codec>> {
    let rank = |codec: &Codec| match is_speech(codec) {
        true => allowance.rank(&String::from_utf8_lossy(&codec.name)),
        // Digits and noise stand behind all sound.
        false => Some(usize::MAX),
    };
    let mut codecs = media.codecs();
    codecs.retain(|codec| rank(codec).is_some());
    // Stable: what is equally preferred stays as the phone has it.
    codecs.sort_by_key(rank);
    if !codecs.first().is_some_and(is_speech) {
        return None;
    }
    for codec in codecs.iter_mut().filter(|codec| is_opus(codec)) {
        if let Some(most) = allowance.audio_kbits.filter(|most| speech_kbits(codec) > *most) {
            codec.parameters = Some(at_most(codec.parameters.as_deref().unwrap_or_default(), most * 1_000));
        }
    }
    Some(codecs)
}

/// The parameters of Opus with another average rate.
fn at_most(parameters: &[u8], bits: u32) -> Bytes {
    let others = parameters.split(|byte| *byte == b';').map(sip::scan::trim);
    let others = others.filter(|word| !word.is_empty() && !word.starts_with(AVERAGE_RATE));
    let rate = [AVERAGE_RATE, bits.to_string().as_bytes()].concat();
    let words: Vec<&[u8]> = others.chain([rate.as_slice()]).collect();
    words.join(&b";"[..]).into()
}

#[cfg(test)]
mod tests {
    use super::super::describe::Whereabouts;
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
        m=audio 4000 RTP/AVP 8 13 96 18 101\r\na=rtpmap:96 opus/48000/2\r\n\
        a=fmtp:96 useinbandfec=1;maxaveragebitrate=64000\r\na=rtpmap:101 telephone-event/8000\r\n\
        m=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n";

    fn offer() -> Description {
        let source = std::net::IpAddr::from([192, 0, 2, 1]);
        Description::read(&Bytes::from_static(OFFER.as_bytes()), Whereabouts { source, claimed: None })
            .unwrap()
    }

    fn allows(codecs: &[&str], audio: u32, video_call: u32) -> Allowance {
        let codecs = codecs.iter().map(|&name| name.to_owned()).collect();
        Allowance { codecs, audio_kbits: Some(audio), video_call_kbits: Some(video_call) }
    }

    fn codecs(description: &Description) -> Vec<String> {
        let codecs = description.media_at(0).unwrap().codecs();
        codecs.iter().map(|codec| String::from_utf8_lossy(&codec.name).into_owned()).collect()
    }

    #[test]
    fn what_is_allowed_stands_in_the_order_of_the_places() {
        let limited = offer().within(&allows(&["G729", "opus"], 24, 1_024));
        assert_eq!(codecs(&limited), ["G729", "opus", "CN", "telephone-event"]);
        let opus = &limited.media_at(0).unwrap().codecs()[1];
        assert_eq!(opus.parameters.as_deref(), Some(&b"useinbandfec=1;maxaveragebitrate=24000"[..]));
        assert_eq!(limited.media_at(1).unwrap().bandwidth_kbits(), Some(1_000));
        assert_eq!(
            codecs(&offer().within(&allows(&[], 64, 0))),
            ["PCMA", "opus", "G729", "CN", "telephone-event"]
        );
    }

    #[test]
    fn what_nothing_is_left_of_is_refused() {
        let limited = offer().within(&allows(&["iLBC"], 64, 0));
        assert!(!limited.has_media_for_us());
        let sound = offer().within(&allows(&["PCMA"], 64, 0));
        assert_eq!((sound.lines()[0].kind, sound.lines()[1].kind), (Some(Kind::Audio), None));
    }

    #[test]
    fn a_call_takes_the_widest_codec_it_offers_and_then_the_one_it_speaks() {
        assert_eq!(offer().load(384), Load { audio: 80, video: 384 });
        assert_eq!(offer().without_pictures().load(384), Load { audio: 80, video: 0 });
        let slow = offer().within(&allows(&["opus", "G729"], 24, 524));
        assert_eq!(slow.load(384), Load { audio: 40, video: 500 });
        let answer = offer().within(&allows(&["G729"], 24, 0));
        let agreed = Agreed::of(slow.media_at(0).unwrap(), answer.media_at(0).unwrap(), false);
        assert_eq!(answer.load_as(&[agreed], 384), Load { audio: 24, video: 0 });
    }
}
