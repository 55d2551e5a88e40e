//! Sound that goes through codecs here: conferences of mixed codecs, transcoding; a spoken sentence is scored.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod house;
mod speech;

use std::time::Duration;

use house::{House, Leg, PATIENCE, QUIET, packet};
use media::g711::Law;
use media::goertzel::strength;
use media::rtp::payload;
use media::telephone_event::TelephoneEvent;
use media::{
    Audience, Codec, Command, Conference, Crypto, Encoding, MediaConfig, MixRole, PortId, Refusal, Report,
    Secret, SrtpKeys, Suite, g722,
};

/// A phone with a codec of its own.
struct Party {
    leg: Leg,
    codec: Codec,
    sequence: u16,
    encoder: Encoder,
    /// What it heard, at the rate of its codec.
    heard: Vec<i16>,
    decoder: Decoder,
}

enum Encoder {
    G711,
    G722(Box<g722::Encoder>),
    Opus(Box<opus_pure::OpusEncoder>),
}

enum Decoder {
    G711,
    G722(Box<g722::Decoder>),
    Opus(Box<opus_pure::OpusDecoder>),
}

impl Party {
    fn new(house: &House, owner: u64, codec: Codec) -> Self {
        let payload_type = codec.static_payload_type().unwrap_or(111);
        let leg = house.leg(owner, |remote| {
            remote.speech.encodings = vec![Encoding::new(codec, payload_type)];
            remote.clock_hertz = codec.clock_hertz();
        });
        let (encoder, decoder) = match codec {
            Codec::G722 => (Encoder::G722(Box::default()), Decoder::G722(Box::default())),
            Codec::Opus => {
                let mut encoder =
                    opus_pure::OpusEncoder::new(16_000, 1, opus_pure::Application::Voip).unwrap();
                encoder.bitrate_bps = 32_000;
                encoder.complexity = 3;
                let decoder = opus_pure::OpusDecoder::new(16_000, 1).unwrap();
                (Encoder::Opus(Box::new(encoder)), Decoder::Opus(Box::new(decoder)))
            }
            Codec::Pcmu | Codec::Pcma => (Encoder::G711, Decoder::G711),
        };
        Self { leg, codec, sequence: 0, encoder, heard: Vec::new(), decoder }
    }

    fn port(&self) -> PortId {
        self.leg.port.id
    }

    fn say(&mut self, frame: &[i16]) {
        let mut coded = [0; 1_500];
        let length = match &mut self.encoder {
            Encoder::G711 => {
                let law = if self.codec == Codec::Pcma { Law::A } else { Law::Mu };
                frame.iter().zip(&mut coded).for_each(|(sample, code)| *code = law.encode(*sample));
                frame.len()
            }
            Encoder::G722(encoder) => encoder.encode(frame, &mut coded),
            Encoder::Opus(encoder) => encoder.encode_s16(frame, 320, &mut coded).unwrap(),
        };
        self.sequence += 1;
        let mut packet =
            packet(self.codec.static_payload_type().unwrap_or(111), self.sequence, &coded[..length]);
        let timestamp = u32::from(self.sequence) * self.codec.clock_hertz() / 50;
        packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        self.leg.phone.send(self.leg.port.rtp_port, &packet);
    }

    fn listen(&mut self) {
        while let Some(packet) = self.leg.phone.hear_now() {
            let code = payload(&packet).unwrap();
            match &mut self.decoder {
                Decoder::G711 => {
                    let law = if self.codec == Codec::Pcma { Law::A } else { Law::Mu };
                    self.heard.extend(code.iter().map(|code| law.decode(*code)));
                }
                Decoder::G722(decoder) => decoder.decode(code, &mut self.heard),
                Decoder::Opus(decoder) => {
                    let mut samples = [0; 320];
                    decoder.decode_s16(code, 320, &mut samples).unwrap();
                    self.heard.extend(samples);
                }
            }
        }
    }

    fn frame_length(&self) -> usize {
        self.codec.rate().frame()
    }

    /// How well it heard the first `seconds` of the sentence.
    fn score(&self, seconds: usize) -> speech::Score {
        let hertz = self.codec.rate().hertz();
        speech::score(&speech::sentence(hertz)[..hertz as usize * seconds], &self.heard, hertz)
    }

    fn loudness(&self) -> f64 {
        let energy: f64 = self.heard.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (energy / self.heard.len().max(1) as f64).sqrt()
    }
}

/// The first of the parties says `seconds` of the sentence, the others say nothing; all listen.
async fn talk(parties: &mut [Party], seconds: usize) {
    let sentence = speech::sentence(parties[0].codec.rate().hertz());
    let mut clock = tokio::time::interval(Duration::from_millis(20));
    for number in 0..seconds * 50 + 15 {
        clock.tick().await;
        for (place, party) in parties.iter_mut().enumerate() {
            let length = party.frame_length();
            match sentence.get(number * length..(number + 1) * length) {
                Some(frame) if place == 0 && number < seconds * 50 => party.say(frame),
                _ => party.say(&vec![0; length]),
            }
            party.listen();
        }
    }
}

/// What a sentence must be worth after it was decoded, mixed and encoded, by the worse of the codecs it passed.
fn threshold(codecs: &[Codec]) -> f64 {
    if codecs.contains(&Codec::Opus) { 0.82 } else { 0.95 }
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_of_all_threads_meet_in_a_conference_and_it_ends() {
    let mut house = House::start(MediaConfig::default());
    let codecs = [Codec::Pcma, Codec::G722, Codec::Opus, Codec::Pcmu];
    // Owners differ, so that ports come from different threads.
    let mut parties: Vec<Party> =
        codecs.iter().enumerate().map(|(owner, codec)| Party::new(&house, owner as u64, *codec)).collect();
    let conference = house.media.conference(Conference::new(9));
    for party in &parties {
        house.media.command(Command::Mix { conference, port: party.port(), role: MixRole::default() });
    }
    talk(&mut parties, 2).await;
    for party in &parties[1..] {
        assert!(party.loudness() > 300.0, "{:?} hears {}", party.codec, party.loudness());
    }
    assert!(parties[0].loudness() < 50.0, "the speaker hears himself: {}", parties[0].loudness());
    let talking = house.event(|report| matches!(report, Report::Talking { .. })).await;
    assert_eq!((talking.port, talking.report), (parties[0].port(), Report::Talking { talking: true }));
    house.media.command(Command::EndConference { conference });
    house.media.command(Command::Mix { conference, port: parties[0].port(), role: MixRole::default() });
    house.event(|report| *report == Report::Refused(Refusal::NoConference)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whisper_is_for_one_and_a_full_room_refuses() {
    let mut house = House::start(MediaConfig::default());
    let mut parties: Vec<Party> = (0..3).map(|_| Party::new(&house, 1, Codec::Pcma)).collect();
    let conference = house.media.conference(Conference { parties_max: 3, ..Conference::new(1) });
    let agent = parties[1].port();
    let roles = [MixRole::whisper(vec![agent]), MixRole::default(), MixRole::default()];
    for (party, role) in parties.iter().zip(roles) {
        house.media.command(Command::Mix { conference, port: party.port(), role });
    }
    let late = house.leg(1, |remote| remote.speech.encodings = vec![Law::A.into()]);
    house.media.command(Command::Mix { conference, port: late.port.id, role: MixRole::default() });
    let event = house.event(|report| matches!(report, Report::Refused(_))).await;
    assert_eq!((event.port, event.report), (late.port.id, Report::Refused(Refusal::ConferenceFull)));
    talk(&mut parties, 1).await;
    assert!(parties[1].score(1).correlation > 0.95);
    assert!(parties[2].loudness() < 50.0, "{}", parties[2].loudness());
    // Unmuted for all by a new role.
    for party in &mut parties {
        party.listen();
        party.heard.clear();
    }
    let role = MixRole { heard_by: Audience::Everybody, hears: true };
    house.media.command(Command::Mix { conference, port: parties[0].port(), role });
    talk(&mut parties, 1).await;
    assert!(parties[2].score(1).correlation > 0.95);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_survives_transcoding_between_any_two_codecs() {
    let house = House::start(MediaConfig::default());
    for codecs in [
        [Codec::Pcma, Codec::Opus],
        [Codec::Opus, Codec::Pcmu],
        [Codec::G722, Codec::Pcma],
        [Codec::Pcmu, Codec::Pcma],
    ] {
        let mut parties = codecs.map(|codec| Party::new(&house, 3, codec));
        let [a, b] = [parties[0].port(), parties[1].port()];
        house.media.command(Command::Transcode { a, b });
        talk(&mut parties, 1).await;
        let score = parties[1].score(1);
        println!("transcoding {codecs:?}: {score:?}");
        assert!(score.correlation > threshold(&codecs), "{codecs:?} {score:?}");
        house.media.command(Command::Close { port: a });
        house.media.command(Command::Close { port: b });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_through_transcoding_as_the_other_peer_takes_it() {
    let mut house = House::start(MediaConfig::default());
    let modern = house.leg(4, |remote| {
        remote.speech.encodings = vec![Encoding::new(Codec::G722, 9)];
        remote.telephone_event = Some(101);
        remote.speech.events_to_peer = Some(102);
    });
    for takes_events in [true, false] {
        let other = house.leg(4, |remote| {
            remote.speech.encodings = vec![Law::A.into()];
            remote.speech.events_to_peer = takes_events.then_some(96);
        });
        house.media.command(Command::Transcode { a: modern.port.id, b: other.port.id });
        let event = TelephoneEvent { event: 5, end: true, volume: 10, duration: 800 };
        let sequence = if takes_events { 10 } else { 20 };
        modern.phone.send(modern.port.rtp_port, &packet(101, sequence, &event.write()));
        let key = house.event(|report| matches!(report, Report::Dtmf { .. })).await;
        assert_eq!((key.port, key.owner), (modern.port.id, 4));
        let (mut events, mut sound) = (0, Vec::new());
        for heard in std::iter::from_fn(|| other.phone.hear(PATIENCE)).take(30) {
            match heard[1] & 0x7f {
                96 => events += 1,
                _ => sound.extend(payload(&heard).unwrap().iter().map(|code| Law::A.decode(*code))),
            }
        }
        // The two frequencies of 5, in any piece of 100 ms.
        let rings = sound
            .chunks(160)
            .any(|piece| strength(piece, 770, 8_000) > 0.3 && strength(piece, 1_336, 8_000) > 0.3);
        assert_eq!((events > 3, rings), (takes_events, !takes_events), "{events} events");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_and_plain_legs_are_joined_and_strangers_stay_out() {
    let house = House::start(MediaConfig::default());
    for suite in Suite::ALL {
        let (a, b) = house.pair((1, 1));
        let keys = |seed: u8| Secret::new(suite, &vec![seed; suite.secret_bytes()]).unwrap();
        let crypto =
            |receive, send| Some(Crypto::Keys(SrtpKeys { receive: keys(receive), send: keys(send) }));
        // Two phones whose keys cross: what is protected for one is opened by nobody but the other.
        house.media.command(Command::SetCrypto { port: a.port.id, crypto: crypto(1, 2) });
        house.media.command(Command::SetCrypto { port: b.port.id, crypto: crypto(2, 1) });
        let c = house.leg(1, |_| {});
        house.media.command(Command::SetCrypto { port: c.port.id, crypto: crypto(3, 1) });
        let d = house.leg(1, |_| {});
        house.media.command(Command::Connect { a: c.port.id, b: d.port.id });
        // Plain sound into d comes out of c protected with key 1, which a's leg takes from its peer.
        let sound = packet(8, 77, &[9; 160]);
        d.phone.send(d.port.rtp_port, &sound);
        let secret = c.phone.hear(PATIENCE).unwrap();
        assert!(secret.len() > sound.len() && secret[12..172] != sound[12..]);
        a.phone.send(a.port.rtp_port, &sound);
        assert_eq!(b.phone.hear(QUIET), None, "{suite:?}: plain sound is not taken");
        a.phone.send(a.port.rtp_port, &secret);
        let relayed = b.phone.hear(PATIENCE).unwrap();
        assert_eq!(relayed, secret, "both were protected with key 1");
        a.phone.send(a.port.rtp_port, &secret);
        assert_eq!(b.phone.hear(QUIET), None, "{suite:?}: the same packet again");
        // Given again, the keys still know what came.
        house.media.command(Command::SetCrypto { port: a.port.id, crypto: crypto(1, 2) });
        a.phone.send(a.port.rtp_port, &secret);
        assert_eq!(b.phone.hear(QUIET), None);
        house.media.command(Command::SetCrypto { port: b.port.id, crypto: None });
        d.phone.send(d.port.rtp_port, &packet(8, 78, &[9; 160]));
        a.phone.send(a.port.rtp_port, &c.phone.hear(PATIENCE).unwrap());
        assert_eq!(
            b.phone.hear(PATIENCE),
            Some(packet(8, 78, &[9; 160])),
            "a plain leg hears it in the clear"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_survives_the_relay_unchanged() {
    let house = House::start(MediaConfig::default());
    let mut parties = [Party::new(&house, 3, Codec::Pcma), Party::new(&house, 3, Codec::Pcma)];
    house.media.command(Command::Connect { a: parties[0].port(), b: parties[1].port() });
    talk(&mut parties, 1).await;
    let score = parties[1].score(1);
    println!("relay: {score:?}");
    assert!(score.correlation > 0.999 && score.segmental_snr_db > 30.0, "{score:?}");
}
