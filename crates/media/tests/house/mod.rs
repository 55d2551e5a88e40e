//! Media with real sockets, and phones to talk to it.
#![allow(dead_code, reason = "each test that includes this uses a part of it")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use media::rtp::Header;
use media::{Command, Event, Kind, Media, MediaConfig, OpenPort, Port, Remote, Report};
use runtime::Runtime;
use tokio::sync::mpsc;

/// How long a packet may take through the relay before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How long a test waits to see that nothing comes.
pub const QUIET: Duration = Duration::from_millis(60);
pub const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Media with two threads on the loopback.
pub struct House {
    pub media: Media,
    pub events: mpsc::Receiver<Event>,
    runtime: Runtime,
}

impl House {
    pub fn start(config: MediaConfig) -> Self {
        let runtime = Runtime::real();
        let config = MediaConfig { bind: LOCAL, threads: 2, ..config };
        let (media, events) = Media::start(config, &runtime).unwrap();
        Self { media, events, runtime }
    }

    pub fn open(&self, owner: u64) -> Port {
        self.media.open(OpenPort { kind: Kind::Audio, owner }).unwrap()
    }

    /// A leg with a phone at its far end.
    pub fn leg(&self, owner: u64, change: impl FnOnce(&mut Remote)) -> Leg {
        let port = self.open(owner);
        let phone = Phone::new();
        let mut remote = Remote::new(phone.address());
        change(&mut remote);
        self.media.command(Command::SetRemote { port: port.id, remote });
        Leg { port, phone }
    }

    pub fn pair(&self, owners: (u64, u64)) -> (Leg, Leg) {
        let (a, b) = (self.leg(owners.0, |_| {}), self.leg(owners.1, |_| {}));
        self.media.command(Command::Connect { a: a.port.id, b: b.port.id });
        (a, b)
    }

    pub async fn event(&mut self, wanted: impl Fn(&Report) -> bool) -> Event {
        let next = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if wanted(&event.report) {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.unwrap()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.runtime.stop();
    }
}

/// A port, and the phone at its far end.
pub struct Leg {
    pub port: Port,
    pub phone: Phone,
}

impl Leg {
    pub fn send(&self, sequence: u16) {
        self.phone.send(self.port.rtp_port, &packet(0, sequence, b"sound"));
    }
}

/// A socket that speaks RTP.
pub struct Phone(pub UdpSocket);

impl Phone {
    pub fn new() -> Self {
        Self(UdpSocket::bind((LOCAL, 0)).unwrap())
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn send(&self, port: u16, packet: &[u8]) {
        self.0.send_to(packet, (LOCAL, port)).unwrap();
    }

    pub fn hear(&self, time: Duration) -> Option<Vec<u8>> {
        self.0.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 2048];
        let (length, _) = self.0.recv_from(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    }

    /// What has come and was not heard yet.
    pub fn hear_now(&self) -> Option<Vec<u8>> {
        self.0.set_nonblocking(true).unwrap();
        let mut buffer = [0; 2048];
        let heard = self.0.recv_from(&mut buffer);
        self.0.set_nonblocking(false).unwrap();
        let (length, _) = heard.ok()?;
        Some(buffer[..length].to_vec())
    }

    pub fn sequence(&self) -> u16 {
        Header::parse(&self.hear(PATIENCE).expect("nothing was relayed")).unwrap().sequence
    }
}

pub fn packet(payload_type: u8, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 160;
    let header = Header { marker: false, payload_type, sequence, timestamp, ssrc: 77 };
    let mut packet = vec![0; media::rtp::HEADER_BYTES];
    header.write(&mut packet);
    packet.extend(payload);
    packet
}
