//! The task of one audio socket: a packet every 20 ms, and whatever comes in.

use std::time::{Duration, Instant};

use tokio::net::UdpSocket;

use super::rtp::{self, Packet};
use super::{Audio, DIGITS_MAX, HEARD_SAMPLES_MAX, PCMU, SAMPLE_RATE, Shared, g711};

/// The time that a packet holds.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// Samples in a packet.
const PACKET_SAMPLES: u32 = 160;
/// The peak of our tone: about -12 dB below the loudest.
const AMPLITUDE: f64 = 8_000.0;
/// Packets that a digit lasts (RFC 4733 §2.5.1.2): 100 ms.
const DIGIT_PACKETS: u16 = 5;
/// The last packet of a digit goes out three times (RFC 4733 §2.5.1.4).
const DIGIT_ENDS: u16 = 3;
/// Packets that a digit takes in all.
const DIGIT_SENT: u16 = DIGIT_PACKETS + DIGIT_ENDS - 1;
/// Packets of silence between two digits.
const DIGIT_PAUSE: u16 = 4;

/// Where the sender is.
struct Sender {
    source: u32,
    sequence: u16,
    timestamp: u32,
    phase: f64,
    begun: bool,
    digit: Option<Digit>,
    packet: Vec<u8>,
}

/// A digit on its way out.
struct Digit {
    digit: u8,
    began_at: u32,
    packets: u16,
}

pub(super) async fn run(socket: UdpSocket, audio: Audio, random: u64) {
    let mut sender = Sender {
        source: (random >> 32) as u32,
        sequence: (random >> 16) as u16,
        timestamp: random as u32,
        phase: 0.0,
        begun: false,
        digit: None,
        packet: Vec::with_capacity(256),
    };
    let mut last_event = None;
    let mut buffer = [0; 2048];
    let mut next: Instant = audio.runtime.now();
    loop {
        if audio.shared().closed {
            return;
        }
        tokio::select! {
            biased;
            () = audio.runtime.stopping() => return,
            () = audio.runtime.sleep_until(next) => {
                next += PACKET_TIME;
                let destination = sender.prepare(&mut audio.shared());
                if let Some(remote) = destination {
                    // A lost packet is a lost packet: the next one follows.
                    socket.send_to(&sender.packet, remote).await.ok();
                }
            }
            received = socket.recv_from(&mut buffer) => {
                if let Ok((length, _)) = received {
                    take(&buffer[..length], &mut audio.shared(), &mut last_event);
                }
            }
        }
    }
}

impl Sender {
    /// Makes the next packet; gives where it goes, if anywhere.
    fn prepare(&mut self, shared: &mut Shared) -> Option<std::net::SocketAddr> {
        let timestamp = self.timestamp;
        self.timestamp = timestamp.wrapping_add(PACKET_SAMPLES);
        let remote = shared.remote?;
        if let Some(payload_type) = shared.telephone_event
            && self.prepare_digit(shared, payload_type)
        {
            return Some(remote);
        }
        if !shared.sending {
            return None;
        }
        let mut payload = [0; PACKET_SAMPLES as usize];
        let step = std::f64::consts::TAU * shared.tone.unwrap_or(0.0) / f64::from(SAMPLE_RATE);
        for code in &mut payload {
            *code = g711::encode((self.phase.sin() * AMPLITUDE) as i16);
            self.phase =
                if shared.tone.is_some() { (self.phase + step) % std::f64::consts::TAU } else { 0.0 };
        }
        let marker = !std::mem::replace(&mut self.begun, true);
        self.write(marker, PCMU, timestamp, &payload);
        shared.traffic.sent += 1;
        Some(remote)
    }

    /// Makes the next packet of a digit; false when there is none to send now.
    fn prepare_digit(&mut self, shared: &mut Shared, payload_type: u8) -> bool {
        if self.digit.is_none() {
            let began_at = self.timestamp.wrapping_sub(PACKET_SAMPLES);
            self.digit = shared.digits.pop_front().map(|digit| Digit { digit, began_at, packets: 0 });
        }
        let Some(digit) = &mut self.digit else { return false };
        digit.packets += 1;
        let (number, began_at) = (digit.packets, digit.began_at);
        if number > DIGIT_SENT + DIGIT_PAUSE {
            self.digit = None;
            return false;
        }
        if number > DIGIT_SENT {
            return false;
        }
        let ended = number >= DIGIT_PACKETS;
        let duration = number.min(DIGIT_PACKETS) * PACKET_SAMPLES as u16;
        let Some(payload) = rtp::event(digit.digit, ended, duration) else { return false };
        self.write(number == 1, payload_type, began_at, &payload);
        true
    }

    fn write(&mut self, marker: bool, payload_type: u8, timestamp: u32, payload: &[u8]) {
        let (sequence, source) = (self.sequence, self.source);
        self.sequence = sequence.wrapping_add(1);
        Packet { marker, payload_type, sequence, timestamp, source, payload }.write(&mut self.packet);
    }
}

/// Takes a packet in. `last_event` is the time stamp of the digit heard last: its packets repeat it.
fn take(bytes: &[u8], shared: &mut Shared, last_event: &mut Option<u32>) {
    let Some(packet) = Packet::parse(bytes) else { return };
    if packet.payload_type == PCMU {
        shared.traffic.received += 1;
        shared.heard.extend(packet.payload.iter().map(|code| g711::decode(*code)));
        let surplus = shared.heard.len().saturating_sub(HEARD_SAMPLES_MAX);
        shared.heard.drain(..surplus);
    } else if packet.payload.len() == 4 && packet.payload_type >= 96 && *last_event != Some(packet.timestamp)
    {
        *last_event = Some(packet.timestamp);
        if let Some(digit) = rtp::digit(packet.payload)
            && shared.digits_heard.len() < DIGITS_MAX
        {
            shared.digits_heard.push(digit);
        }
    }
}
