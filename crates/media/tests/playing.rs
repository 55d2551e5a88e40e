//! What the media threads play and send of their own: announcements, music, keys; and the keys they find.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod house;
mod speech;

use std::sync::Arc;
use std::time::Duration;

use house::{House, Leg, PATIENCE, QUIET, packet};
use media::g711::Law;
use media::rtp::{Header, payload};
use media::telephone_event::{Detector, TelephoneEvent};
use media::{
    Codec, Command, Encoding, Layout, MediaConfig, PlayMode, Rate, Recording, Refusal, Report, Sound, Source,
    Tone,
};

const EVENTS: u8 = 101;

fn phone(house: &House, owner: u64, codec: Codec) -> Leg {
    house.leg(owner, |remote| {
        let encoding = Encoding::new(codec, codec.static_payload_type().unwrap_or(96));
        remote.speech.encodings = vec![encoding];
        remote.clock_hertz = codec.clock_hertz();
    })
}

fn sentence() -> Source {
    Source::Sounds(vec![Arc::new(Sound::new(Rate::Wide, &speech::sentence(16_000)[..16_000]))])
}

fn play(house: &House, leg: &Leg, source: &Source, mode: PlayMode) {
    house.media.command(Command::Play { port: leg.port.id, source: source.clone(), mode });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_is_heard_whole_and_its_end_is_told() {
    let mut house = House::start(MediaConfig::default());
    let leg = phone(&house, 1, Codec::Pcma);
    play(&house, &leg, &sentence(), PlayMode::Once);
    let event = house.event(|report| *report == Report::Played).await;
    assert_eq!((event.port, event.owner), (leg.port.id, 1));
    let (mut heard, mut last) = (Vec::new(), None);
    while let Some(packet) = leg.phone.hear(QUIET) {
        let header = Header::parse(&packet).unwrap();
        assert!(last.is_none_or(|last: Header| {
            header.sequence == last.sequence.wrapping_add(1)
                && header.timestamp == last.timestamp.wrapping_add(160)
                && header.ssrc == last.ssrc
        }));
        last = Some(header);
        heard.extend(payload(&packet).unwrap().iter().map(|code| Law::A.decode(*code)));
    }
    let said = speech::sentence(8_000);
    let score = speech::score(&said[..7_000], &heard, 8_000);
    assert!(score.correlation > 0.9, "{score:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn music_plays_on_for_all_and_one_stream_changes_its_source_without_a_gap() {
    let house = House::start(MediaConfig::default());
    let (first, second) = (phone(&house, 1, Codec::Pcma), phone(&house, 1, Codec::Pcma));
    let music = sentence();
    play(&house, &first, &music, PlayMode::Shared);
    for _ in 0..10 {
        first.phone.hear(PATIENCE).unwrap();
    }
    play(&house, &second, &music, PlayMode::Shared);
    let joined = payload(&second.phone.hear(PATIENCE).unwrap()).unwrap().to_vec();
    let mut same = (0..20).map(|_| first.phone.hear(PATIENCE).unwrap());
    let found = same.any(|packet| payload(&packet).unwrap() == joined);
    assert!(found, "who comes later hears the middle of the piece, in the same code");
    let before = Header::parse(&first.phone.hear(PATIENCE).unwrap()).unwrap();
    play(&house, &first, &Source::Tone(Tone::steady(425, 0)), PlayMode::Loop);
    let mut after = before;
    for _ in 0..10 {
        let header = Header::parse(&first.phone.hear(PATIENCE).unwrap()).unwrap();
        assert_eq!((header.ssrc, header.sequence), (after.ssrc, after.sequence.wrapping_add(1)));
        after = header;
    }
    house.media.command(Command::StopPlaying { port: first.port.id });
    while first.phone.hear(QUIET).is_some() {}
    assert!(second.phone.hear(PATIENCE).is_some(), "the other one hears on");
}

#[tokio::test(flavor = "multi_thread")]
async fn music_after_a_relay_goes_on_in_the_time_of_the_relayed_stream() {
    let house = House::start(MediaConfig::default());
    let (holder, held) = (phone(&house, 1, Codec::Pcma), phone(&house, 1, Codec::Pcma));
    house.media.command(Command::Connect { a: holder.port.id, b: held.port.id });
    for sequence in 1..=5 {
        holder.phone.send(holder.port.rtp_port, &packet(8, sequence, &[0xd5; 160]));
    }
    let mut relayed = 0;
    for _ in 0..5 {
        relayed = Header::parse(&held.phone.hear(PATIENCE).unwrap()).unwrap().timestamp;
    }
    play(&house, &held, &Source::Sounds(vec![Sound::music()]), PlayMode::Shared);
    let first = Header::parse(&held.phone.hear(PATIENCE).unwrap()).unwrap();
    let ahead = first.timestamp.wrapping_sub(relayed);
    assert!((1..8_000).contains(&ahead), "{ahead} ticks after the last packet that was relayed");
    // The other one is not heard any more, whatever it plays by itself.
    holder.phone.send(holder.port.rtp_port, &packet(8, 6, &[0x55; 160]));
    for _ in 0..20 {
        let heard = held.phone.hear(PATIENCE).unwrap();
        assert_eq!(Header::parse(&heard).unwrap().ssrc, first.ssrc);
    }
    house.media.command(Command::Connect { a: holder.port.id, b: held.port.id });
    while held.phone.hear(QUIET).is_some() {}
    holder.phone.send(holder.port.rtp_port, &packet(8, 7, &[0x55; 160]));
    assert_eq!(payload(&held.phone.hear(PATIENCE).unwrap()), Some(&[0x55; 160][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_sent_as_events_or_as_sound_as_the_peer_takes_them() {
    let mut house = House::start(MediaConfig::default());
    let modern = house.leg(1, |remote| {
        remote.speech.encodings = vec![Law::A.into()];
        remote.speech.events_to_peer = Some(EVENTS);
    });
    house.media.command(Command::SendDigits { port: modern.port.id, digits: "4*".to_owned() });
    house.event(|report| *report == Report::DigitsSent).await;
    let (mut detector, mut keys) = (Detector::default(), String::new());
    while let Some(packet) = modern.phone.hear(QUIET) {
        let header = Header::parse(&packet).unwrap();
        assert_eq!(header.payload_type, EVENTS);
        let event = TelephoneEvent::parse(payload(&packet).unwrap()).unwrap();
        let now = tokio::time::Instant::now().into_std();
        keys.extend(detector.report(header.timestamp, header.marker, event, now).map(|press| press.key));
    }
    assert_eq!(keys, "4*");

    // The old one's keys go out as sound, and are found in it by a leg that looks for them.
    let old = phone(&house, 2, Codec::Pcma);
    let listener = house.leg(2, |remote| {
        remote.speech.encodings = vec![Law::A.into()];
        remote.speech.keys_in_sound = true;
    });
    play(&house, &listener, &Source::Tone(Tone::steady(425, 0)), PlayMode::Loop);
    house.media.command(Command::SendDigits { port: old.port.id, digits: "7".to_owned() });
    let mut sequence = 0;
    while let Some(heard) = old.phone.hear(QUIET) {
        sequence += 1;
        listener.phone.send(listener.port.rtp_port, &packet(8, sequence, payload(&heard).unwrap()));
    }
    for _ in 0..15 {
        sequence += 1;
        listener.phone.send(listener.port.rtp_port, &packet(8, sequence, &[0xd5; 160]));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let Report::Dtmf { digit, .. } = house.event(|report| matches!(report, Report::Dtmf { .. })).await.report
    else {
        unreachable!("only a key was asked for");
    };
    assert_eq!(digit, '7');
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_without_a_codec_of_ours_is_not_played_to() {
    let mut house = House::start(MediaConfig::default());
    let leg = house.leg(1, |_| {});
    play(&house, &leg, &sentence(), PlayMode::Once);
    let event = house.event(|_| true).await;
    assert_eq!(event.report, Report::Refused(Refusal::NoCodec));
}

/// What a recording holds, once its end is told.
async fn recorded(house: &mut House) -> (media::Recorded, Vec<i16>) {
    let event = house.event(|report| matches!(report, Report::Recorded(_))).await;
    let Report::Recorded(recorded) = event.report else { unreachable!("only a recording was asked for") };
    let bytes = std::fs::read(&recorded.path).unwrap();
    std::fs::remove_file(&recorded.path).unwrap();
    assert_eq!(bytes.len() - 44, u32::from_le_bytes(*bytes[40..].first_chunk().unwrap()) as usize);
    (recorded, bytes[44..].chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relayed_call_is_recorded_with_each_side_on_its_channel() {
    let mut house = House::start(MediaConfig::default());
    let legs = [phone(&house, 1, Codec::Pcma), phone(&house, 1, Codec::Pcma)];
    let [a, b] = [legs[0].port.id, legs[1].port.id];
    house.media.command(Command::Connect { a, b });
    let path = std::env::temp_dir().join(format!("carillon-call-{}.wav", std::process::id()));
    let recording = Recording { path: path.clone(), layout: Layout::Stereo };
    house.media.command(Command::Record { port: a, recording: recording.clone() });
    house.media.command(Command::Record { port: a, recording });
    assert_eq!(
        house.event(|report| matches!(report, Report::Refused(_))).await.report,
        Report::Refused(Refusal::AlreadyRecorded)
    );
    let tones = [425.0, 1_000.0].map(|hertz| speech::sine(hertz, 8_000.0, 8_000, 8_000));
    let mut clock = tokio::time::interval(Duration::from_millis(20));
    for number in 0..50 {
        clock.tick().await;
        for (leg, tone) in legs.iter().zip(&tones) {
            let code: Vec<u8> =
                tone[number * 160..][..160].iter().map(|sample| Law::A.encode(*sample)).collect();
            leg.phone.send(leg.port.rtp_port, &packet(8, number as u16, &code));
        }
        if number == 25 {
            assert!(legs[1].phone.hear_now().is_some(), "the call itself goes on as a relay");
        }
    }
    house.media.command(Command::StopRecording { port: a });
    let (recorded, samples) = recorded(&mut house).await;
    assert_eq!((recorded.error.as_deref(), recorded.missing), (None, Duration::ZERO));
    assert!(recorded.duration >= Duration::from_millis(900), "{:?}", recorded.duration);
    let channel =
        |side: usize| -> Vec<i16> { samples[4_800..12_800].iter().skip(side).step_by(2).copied().collect() };
    for (side, hertz) in [(0, 425), (1, 1_000)] {
        let strength = media::goertzel::strength(&channel(side), hertz, 8_000);
        assert!(strength > 0.9, "channel {side}: {strength}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_played_is_recorded_and_a_pause_leaves_it_out() {
    let mut house = House::start(MediaConfig::default());
    let leg = phone(&house, 1, Codec::G722);
    let path = std::env::temp_dir().join(format!("carillon-play-{}.wav", std::process::id()));
    let recording = Recording { path, layout: Layout::Mixed };
    house.media.command(Command::Record { port: leg.port.id, recording });
    play(&house, &leg, &Source::Tone(Tone::steady(425, 0)), PlayMode::Loop);
    tokio::time::sleep(Duration::from_millis(400)).await;
    house.media.command(Command::PauseRecording { port: leg.port.id, paused: true });
    tokio::time::sleep(Duration::from_millis(600)).await;
    house.media.command(Command::Close { port: leg.port.id });
    let (recorded, samples) = recorded(&mut house).await;
    assert!((300..550).contains(&recorded.duration.as_millis()), "{:?}", recorded.duration);
    assert_eq!(samples.len() as u128 / 16, recorded.duration.as_millis(), "wideband, one channel");
    assert!(media::goertzel::strength(&samples[640..], 425, 16_000) > 0.9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_cannot_be_written_says_why() {
    let mut house = House::start(MediaConfig::default());
    let leg = phone(&house, 1, Codec::Pcma);
    let recording = Recording { path: "/nowhere/at/all.wav".into(), layout: Layout::Mixed };
    house.media.command(Command::Record { port: leg.port.id, recording });
    house.media.command(Command::StopRecording { port: leg.port.id });
    let event = house.event(|report| matches!(report, Report::Recorded(_))).await;
    let Report::Recorded(recorded) = event.report else { unreachable!("only a recording was asked for") };
    assert!(recorded.error.is_some() && recorded.duration.is_zero());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_that_is_played_to_gets_reports_and_its_own_tell_the_round_trip() {
    let mut house =
        House::start(MediaConfig { quality_interval: Duration::from_secs(1), ..MediaConfig::default() });
    let leg = house.leg(1, |remote| {
        remote.speech.encodings = vec![Law::A.into()];
        remote.mux = true;
    });
    play(&house, &leg, &Source::Tone(Tone::steady(425, 0)), PlayMode::Loop);
    let mut sequence = 0;
    let report = loop {
        let packet = leg.phone.hear(PATIENCE).unwrap();
        if media::rtp::is_rtcp(&packet) {
            break packet;
        }
        sequence += 1;
        leg.phone.send(leg.port.rtp_port, &house::packet(8, sequence, &[0xd5; 160]));
    };
    let sender = media::rtcp::packets(&report).next().unwrap();
    assert_eq!(sender.kind, media::rtcp::SENDER_REPORT);
    let block = sender.reports().next().unwrap();
    assert_eq!((block.ssrc, block.cumulative_lost), (77, 0));
    // Answered after 100 ms, without saying that they were held: the round trip is 100 ms.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = media::rtcp::ReportBlock {
        ssrc: u32::from_be_bytes(*report[4..].first_chunk().unwrap()),
        fraction_lost: 26,
        last_sender_report: sender.sender_time().unwrap(),
        delay_since_last: 0,
        ..block
    };
    let mut buffer = [0; 128];
    let length = media::rtcp::write(77, None, Some(answer), &mut buffer);
    leg.phone.send(leg.port.rtp_port, &buffer[..length]);
    tokio::time::sleep(Duration::from_millis(50)).await;
    house.media.command(Command::Close { port: leg.port.id });
    let told = |report: &Report| matches!(report, Report::Quality(quality) if quality.round_trip.is_some());
    let Report::Quality(quality) = house.event(told).await.report else {
        unreachable!("only quality was asked for")
    };
    let round_trip = quality.round_trip.unwrap().as_millis();
    assert!((100..400).contains(&round_trip), "{round_trip}");
    assert!(quality.sent > 200 && quality.packets > 200);
    assert!(quality.opinion > 400 && quality.peer_opinion.unwrap() < 360, "{quality:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_that_changes_its_thread_can_be_played_to_there() {
    let house = House::start(MediaConfig::default());
    for owner in 0..6 {
        let (waiting, other) = (phone(&house, owner, Codec::Pcma), phone(&house, owner + 1, Codec::Pcma));
        play(&house, &waiting, &Source::Tone(Tone::steady(425, 0)), PlayMode::Loop);
        assert!(waiting.phone.hear(PATIENCE).is_some());
        house.media.command(Command::Connect { a: other.port.id, b: waiting.port.id });
        while waiting.phone.hear(QUIET).is_some() {}
        play(&house, &waiting, &Source::Tone(Tone::steady(425, 0)), PlayMode::Loop);
        assert!(waiting.phone.hear(PATIENCE).is_some(), "owner {owner}");
    }
}
