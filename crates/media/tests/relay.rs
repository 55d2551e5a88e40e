//! The media threads with real sockets: who is relayed to whom, who is refused, what is reported.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod house;

use std::time::Duration;

use house::{House, LOCAL, PATIENCE, Phone, QUIET, packet};
use media::g711::Law;
use media::goertzel::strength;
use media::rtp::Header;
use media::telephone_event::TelephoneEvent;
use media::{
    Command, Direction, Kind, Learn, MediaConfig, OpenPort, PlayMode, Port, Remote, Report, Source, Tone,
};

#[tokio::test(flavor = "multi_thread")]
async fn two_legs_hear_each_other() {
    let house = House::start(MediaConfig::default());
    let (a, b) = house.pair((1, 1));
    a.send(10);
    assert_eq!(b.phone.sequence(), 10);
    b.send(20);
    assert_eq!(a.phone.sequence(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn legs_of_any_two_calls_can_be_joined() {
    let house = House::start(MediaConfig::default());
    for owner in 0..12 {
        let (a, b) = house.pair((owner, owner + 1));
        // Legs on different threads meet a moment after the command.
        let heard = (0..100).find_map(|sequence| {
            a.send(sequence);
            b.phone.hear(QUIET)
        });
        assert!(heard.is_some(), "owner {owner}");
        b.send(20);
        assert_eq!(a.phone.sequence(), 20, "owner {owner}");
        house.media.command(Command::Close { port: a.port.id });
        house.media.command(Command::Close { port: b.port.id });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_joined_anew_leaves_its_old_peer() {
    let house = House::start(MediaConfig::default());
    let (a, b) = house.pair((1, 1));
    let c = house.leg(2, |_| {});
    house.media.command(Command::Connect { a: c.port.id, b: a.port.id });
    let heard = (0..100).find_map(|sequence| {
        a.send(sequence);
        c.phone.hear(QUIET)
    });
    assert!(heard.is_some());
    b.send(2);
    assert_eq!(a.phone.hear(QUIET), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_talk_into_a_call_that_is_not_theirs() {
    let house = House::start(MediaConfig::default());
    let (a, b) = house.pair((1, 1));
    a.send(1);
    assert_eq!(b.phone.sequence(), 1);
    Phone::new().send(a.port.rtp_port, &packet(0, 666, b"shout"));
    a.send(2);
    assert_eq!(b.phone.sequence(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_behind_nat_is_answered_where_it_sends_from() {
    let mut house = House::start(MediaConfig::default());
    let nat = |remote: &mut Remote| {
        remote.rtp = "10.99.99.99:4000".parse().unwrap();
        remote.learn = Learn::FromHost(LOCAL);
    };
    let (a, b) = (house.leg(1, nat), house.leg(1, |_| {}));
    house.media.command(Command::Connect { a: a.port.id, b: b.port.id });
    a.send(1);
    assert_eq!(b.phone.sequence(), 1);
    b.send(2);
    assert_eq!(a.phone.sequence(), 2);
    let event = house.event(|report| matches!(report, Report::Learned { .. })).await;
    assert_eq!(event.report, Report::Learned { source: a.phone.address() });
    assert_eq!((event.port, event.owner), (a.port.id, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_moves_by_a_new_description_is_learned_anew() {
    let house = House::start(MediaConfig::default());
    let (a, b) = house.pair((1, 1));
    a.send(1);
    assert_eq!(b.phone.sequence(), 1);
    let other = Phone::new();
    let mut remote = Remote::new("192.0.2.1:4000".parse().unwrap());
    remote.learn = Learn::FromHost(LOCAL);
    house.media.command(Command::SetRemote { port: a.port.id, remote });
    // The kernel refuses the new phone until the command is obeyed.
    let heard = (0..100).find_map(|sequence| {
        other.send(a.port.rtp_port, &packet(0, sequence, b"sound"));
        b.phone.hear(QUIET)
    });
    assert!(heard.is_some());
    b.send(3);
    assert_eq!(other.sequence(), 3);
    a.send(4);
    assert_eq!(b.phone.hear(QUIET), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leg_on_hold_hears_and_says_nothing() {
    let house = House::start(MediaConfig::default());
    let (a, b) = house.pair((1, 1));
    house.media.command(Command::Hold { port: a.port.id, direction: Direction::Inactive });
    a.send(1);
    b.send(2);
    assert_eq!(b.phone.hear(QUIET), None);
    assert_eq!(a.phone.hear(QUIET), None);
    house.media.command(Command::Hold { port: a.port.id, direction: Direction::SendReceive });
    a.send(3);
    assert_eq!(b.phone.sequence(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn echo_sends_back_what_came() {
    let house = House::start(MediaConfig::default());
    let a = house.leg(1, |_| {});
    house.media.command(Command::Echo { port: a.port.id });
    let sound = packet(0, 7, b"hello");
    a.phone.send(a.port.rtp_port, &sound);
    assert_eq!(a.phone.hear(PATIENCE), Some(sound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tone_sounds_until_it_is_ended() {
    let house = House::start(MediaConfig::default());
    let a = house.leg(1, |remote| remote.speech.encodings = vec![Law::A.into()]);
    let source = Source::Tone(Tone::steady(425, 0));
    house.media.command(Command::Play { port: a.port.id, source, mode: PlayMode::Loop });
    let mut samples = Vec::new();
    for _ in 0..5 {
        let packet = a.phone.hear(PATIENCE).unwrap();
        samples.extend(media::rtp::payload(&packet).unwrap().iter().map(|code| Law::A.decode(*code)));
    }
    assert!(strength(&samples, 425, 8_000) > 0.9);
    house.media.command(Command::StopPlaying { port: a.port.id });
    while a.phone.hear(QUIET).is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_relayed_with_the_peers_payload_type_and_reported() {
    let mut house = House::start(MediaConfig::default());
    let (a, b) = (
        house.leg(5, |remote| {
            remote.telephone_event = Some(101);
            remote.payload_map = vec![(101, 96)];
        }),
        house.leg(5, |_| {}),
    );
    house.media.command(Command::Connect { a: a.port.id, b: b.port.id });
    let event = TelephoneEvent { event: 11, end: true, volume: 10, duration: 800 };
    for sequence in [5, 5, 5] {
        a.phone.send(a.port.rtp_port, &packet(101, sequence, &event.write()));
    }
    let relayed = b.phone.hear(PATIENCE).unwrap();
    assert_eq!(Header::parse(&relayed).unwrap().payload_type, 96);
    let report = house.event(|report| matches!(report, Report::Dtmf { .. })).await.report;
    assert_eq!(report, Report::Dtmf { digit: '#', duration: Duration::from_millis(100) });
    house.media.command(Command::Close { port: a.port.id });
    let last = house.event(|report| !matches!(report, Report::Learned { .. })).await.report;
    assert!(matches!(last, Report::Quality(_)), "the key was told twice: {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_cross_a_relay_between_a_peer_with_events_and_one_without() {
    let mut house = House::start(MediaConfig::default());
    let modern = house.leg(1, |remote| {
        remote.speech.encodings = vec![Law::A.into()];
        (remote.telephone_event, remote.speech.events_to_peer) = (Some(101), Some(101));
    });
    let old = house.leg(1, |remote| {
        remote.speech.encodings = vec![Law::A.into()];
        remote.speech.keys_in_sound = true;
    });
    house.media.command(Command::Connect { a: modern.port.id, b: old.port.id });
    let event = TelephoneEvent { event: 5, end: true, volume: 10, duration: 800 };
    modern.phone.send(modern.port.rtp_port, &packet(101, 5, &event.write()));
    let sound: Vec<Vec<u8>> = std::iter::from_fn(|| old.phone.hear(QUIET)).collect();
    assert!(sound.iter().all(|packet| packet[1] & 0x7f == 8), "events go nowhere that they are not taken");
    let sound: Vec<i16> =
        sound.iter().flat_map(|packet| packet[12..].iter().map(|code| Law::A.decode(*code))).collect();
    assert!(strength(&sound[..800], 770, 8_000) > 0.4 && strength(&sound[..800], 1_336, 8_000) > 0.4);
    house.event(|report| matches!(report, Report::Dtmf { digit: '5', .. })).await;

    // The other way round the very tone that was heard.
    for (number, frame) in sound[..800].chunks(160).chain([&[0; 160][..]; 12]).enumerate() {
        let coded: Vec<u8> = frame.iter().map(|sample| Law::A.encode(*sample)).collect();
        old.phone.send(old.port.rtp_port, &packet(8, number as u16, &coded));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let key = house.event(|report| matches!(report, Report::Dtmf { .. })).await;
    assert!(key.port == old.port.id && matches!(key.report, Report::Dtmf { digit: '5', .. }), "{key:?}");
    let heard: Vec<Vec<u8>> = std::iter::from_fn(|| modern.phone.hear(Duration::from_millis(300))).collect();
    let events = heard.iter().filter(|packet| packet[1] & 0x7f == 101);
    let keys: Vec<u8> = events.map(|packet| packet[12]).collect();
    assert!(keys.len() > 3 && keys.iter().all(|key| *key == 5), "{keys:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beep_takes_the_place_of_what_is_relayed_and_then_the_relay_goes_on() {
    let house = House::start(MediaConfig::default());
    let speaks = |remote: &mut Remote| remote.speech.encodings = vec![Law::A.into()];
    let (a, b) = (house.leg(1, speaks), house.leg(1, speaks));
    house.media.command(Command::Connect { a: a.port.id, b: b.port.id });
    house.media.command(Command::Beep { port: b.port.id });
    let began = b.phone.hear(PATIENCE).unwrap();
    assert_eq!(began.len(), 172, "20 ms of A-law");
    a.send(10);
    let (mut beeps, mut relayed) = (1, 0);
    while let Some(heard) = b.phone.hear(QUIET) {
        match heard.len() {
            172 => beeps += 1,
            _ => relayed += 1,
        }
    }
    assert_eq!((beeps, relayed), (25, 0));
    a.send(11);
    assert_eq!(b.phone.sequence(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_facsimile_is_relayed_as_it_is_and_strangers_stay_out() {
    let house = House::start(MediaConfig::default());
    let fax = || house.leg(1, |remote| remote.is_udptl = true);
    let (a, b) = (fax(), fax());
    house.media.command(Command::Connect { a: a.port.id, b: b.port.id });
    // UDPTL counts from 0, and its first packets are shorter than a header of RTP; 0x80 and 0xc8 would be RTP and RTCP.
    for packet in
        [&[0, 0, 1, 0x06, 0, 0][..], &[0, 1, 3, 0xc0, 1, 0x80, 0, 0, 0xff], &[0x80, 0xc8, 0, 1, 0, 0, 0, 0]]
    {
        a.phone.send(a.port.rtp_port, packet);
        assert_eq!(b.phone.hear(PATIENCE).as_deref(), Some(packet));
        b.phone.send(b.port.rtp_port, packet);
        assert_eq!(a.phone.hear(PATIENCE).as_deref(), Some(packet));
    }
    Phone::new().send(a.port.rtp_port, &[0, 2, 1, 0x06]);
    assert_eq!(b.phone.hear(QUIET), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_travel_beside_the_sound_or_with_it_as_each_peer_wants() {
    let house = House::start(MediaConfig::default());
    let beside = Phone::new();
    let (a, b) = (
        house.leg(1, |remote| remote.mux = true),
        house.leg(1, |remote| remote.rtcp = Some(beside.address())),
    );
    house.media.command(Command::Connect { a: a.port.id, b: b.port.id });
    let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
    a.phone.send(a.port.rtp_port, &report);
    assert_eq!(beside.hear(PATIENCE), Some(report.to_vec()));
    beside.send(b.port.rtcp_port, &report);
    assert_eq!(a.phone.hear(PATIENCE), Some(report.to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_reports_quality_and_gives_the_port_back() {
    let mut house = House::start(MediaConfig::default());
    let (a, b) = house.pair((3, 3));
    for sequence in [1, 2, 4] {
        a.send(sequence);
        assert_eq!(b.phone.sequence(), sequence);
    }
    assert_eq!(house.media.usage(Kind::Audio).0, 2);
    house.media.command(Command::Close { port: a.port.id });
    let Report::Quality(quality) = house.event(|report| matches!(report, Report::Quality(_))).await.report
    else {
        unreachable!("only quality was asked for");
    };
    assert_eq!((quality.packets, quality.lost), (3, 1));
    house.media.command(Command::Close { port: b.port.id });
    let empty = async {
        while house.media.usage(Kind::Audio).0 > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, empty).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_told_once_and_only_of_a_peer_that_should_send() {
    let config = MediaConfig { silence_max: Duration::from_millis(1), ..MediaConfig::default() };
    let mut house = House::start(config);
    let held = house.leg(1, |remote| remote.direction = Direction::SendOnly);
    let silent = house.leg(2, |_| {});
    let event = house.event(|_| true).await;
    assert_eq!(event.port, silent.port.id);
    assert!(matches!(event.report, Report::Timeout { .. }));
    assert!(tokio::time::timeout(Duration::from_millis(1200), house.events.recv()).await.is_err());
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_range_refuses_and_a_closed_port_serves_again() {
    let house = House::start(MediaConfig { rtp_ports: (31_000, 31_199), ..MediaConfig::default() });
    let open = || house.media.open(OpenPort { kind: Kind::Video, owner: 0 });
    let ports: Vec<Port> = std::iter::from_fn(|| open().ok()).collect();
    assert_eq!(ports.len(), house.media.usage(Kind::Video).0);
    assert!(ports.iter().all(|port| (31_099..31_200).contains(&port.rtp_port) && port.rtp_port % 2 == 0));
    assert!(ports.len() > 40, "other programs hold most of the range: {}", ports.len());
    house.media.command(Command::Close { port: ports[0].id });
    let again = async {
        while open().is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_that_outruns_the_stock_is_served() {
    let house = House::start(MediaConfig::default());
    for owner in 0..400 {
        house.open(owner);
    }
    assert_eq!(house.media.usage(Kind::Audio).0, 400);
}
