//! A conference in a time of its own: phones that never come late, whatever else the machine does.

use std::net::UdpSocket;
use std::time::Duration;

use runtime::Dscp;

use super::*;
use crate::codec::{Decoder, Encoder, Encoding};
use crate::ear::Ear;
use crate::gate::Gate;
use crate::mouth::Mouth;
use crate::pool::Pair;
use crate::rtp::{self, Header};
use crate::speech;
use crate::{Kind, OpenPort, Remote};

/// A phone, and the leg at which the conference hears it.
struct Phone {
    id: PortId,
    codec: Codec,
    socket: UdpSocket,
    encoder: Encoder,
    decoder: Decoder,
    heard: Vec<i16>,
}

fn payload_type(codec: Codec) -> u8 {
    codec.static_payload_type().unwrap_or(96)
}

impl Phone {
    fn new(number: u64, codec: Codec, room: ConferenceId, legs: &mut Legs, now: Instant) -> Self {
        let bound = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let socket = bound();
        socket.set_nonblocking(true).unwrap();
        let encoding = Encoding::new(codec, payload_type(codec));
        let mut remote = Remote::new(socket.local_addr().unwrap());
        remote.speech.encodings = vec![encoding];
        let pair = Pair { port: 0, dscp: Dscp::EF, rtp: bound(), rtcp: bound() };
        let id = PortId::numbered(number);
        let mut leg = Leg::new(id, OpenPort { kind: Kind::Audio, owner: 0 }, pair, now);
        leg.gate = Some(Gate::new(remote));
        leg.ear = Some(Box::new(Ear::new(&[encoding], false)));
        leg.mouth = Some(Box::new(Mouth::new(encoding, None, [number, number], None)));
        leg.role = Role::Mix(room);
        legs.insert(Box::new(leg));
        let (encoder, decoder) = (Encoder::new(codec), Decoder::new(codec));
        Self { id, codec, socket, encoder, decoder, heard: Vec::new() }
    }

    /// Says the `number`th 20 ms of something.
    fn say(&mut self, number: usize, frame: &[i16], legs: &mut Legs, now: Instant) {
        let mut payload = [0; 1_500];
        let length = self.encoder.encode(frame, &mut payload);
        let header = Header {
            marker: false,
            payload_type: payload_type(self.codec),
            sequence: number as u16,
            timestamp: number as u32 * self.codec.ticks_per_frame(),
            ssrc: 7,
        };
        let ear = legs.get(self.id).and_then(|leg| leg.ear.as_deref_mut()).unwrap();
        ear.hear(&header, &payload[..length], now);
    }

    /// Hears what was sent to it.
    fn listen(&mut self) {
        let mut packet = [0; 2_048];
        while let Ok(length) = self.socket.recv(&mut packet) {
            let payload = rtp::payload(&packet[..length]).unwrap();
            assert!(self.decoder.decode(payload, &mut self.heard), "{:?}", self.codec);
        }
    }
}

#[test]
fn a_sentence_is_heard_by_all_codecs_and_not_by_its_speaker() {
    let start = tokio::time::Instant::now().into_std();
    let id = ConferenceId::numbered(1);
    let mut room = Room::new(id, Conference::new(1), 1, start);
    let mut legs = Legs::default();
    let codecs = [Codec::Pcma, Codec::G722, Codec::Opus, Codec::Pcmu];
    let mut phones: Vec<Phone> =
        (2..).zip(codecs).map(|(number, codec)| Phone::new(number, codec, id, &mut legs, start)).collect();
    for phone in &phones {
        assert!(room.admit(phone.id, MixRole::default()));
    }
    let sentence = speech::sentence(8_000);
    let (mut buffer, mut meter, mut reports) =
        (Box::new([0; PACKET_BYTES_MAX]), Meter::default(), Vec::new());
    for number in 0..sentence.len() / 160 + 15 {
        let now = start + Duration::from_millis(20) * number as u32;
        for (place, phone) in phones.iter_mut().enumerate() {
            let silence = vec![0; phone.codec.rate().frame()];
            let said = sentence.get(number * 160..(number + 1) * 160).filter(|_| place == 0);
            phone.say(number, said.unwrap_or(&silence), &mut legs, now);
        }
        room.listen(&mut legs, now, &mut reports);
        room.mix();
        room.speak(&mut legs, now, (&mut buffer, &mut meter), &mut reports);
        phones.iter_mut().for_each(Phone::listen);
    }
    let loudest = phones[0].heard.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!(loudest < 100, "the speaker hears himself: {loudest}");
    for (phone, least) in phones[1..].iter().zip([0.95, 0.82, 0.95]) {
        let hertz = phone.codec.rate().hertz();
        let score = speech::score(&speech::sentence(hertz), &phone.heard, hertz);
        assert!(score.correlation > least, "{:?}: {score:?}", phone.codec);
    }
    let talks = |(port, _, report): &(PortId, u64, Report)| {
        (*port == phones[0].id).then_some(report.clone() == Report::Talking { talking: true })
    };
    assert_eq!(reports.iter().find_map(talks), Some(true));
    assert!(reports.iter().all(|(port, ..)| *port == phones[0].id), "nobody else talks");
}
