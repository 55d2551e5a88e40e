//! Legs that agree on their keys over their own port, with browsers and phones of real sockets at their far ends.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use runtime::Runtime;
use tokio::sync::mpsc;

use crate::dtls::{Identity, Session};
use crate::rtp::Header;
use crate::stun::tests::{NOMINATION, check};
use crate::vault::Vault;
use crate::{
    Command, Crypto, Event, Fingerprint, Handshake, IceCredentials, Kind, Learn, Media, MediaConfig,
    OpenPort, Port, Refusal, Remote, Report,
};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long a packet may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a test waits to see that nothing comes.
const QUIET: Duration = Duration::from_millis(60);
const PASSWORD: &str = "a-password-of-22-chars";

struct House {
    runtime: Runtime,
    media: Media,
    events: mpsc::Receiver<Event>,
}

impl House {
    fn start() -> Self {
        Self::with(MediaConfig::default())
    }

    /// With one port for all browsers, and more threads than one.
    fn published() -> Self {
        let port = std::net::TcpListener::bind((LOCAL, 0)).unwrap().local_addr().unwrap().port();
        Self::with(MediaConfig { published_port: Some(port), threads: 3, ..MediaConfig::default() })
    }

    fn with(config: MediaConfig) -> Self {
        let runtime = Runtime::real();
        let config = MediaConfig { bind: LOCAL, threads: config.threads.max(1), ..config };
        let (media, events) = Media::start(config, &runtime).unwrap();
        Self { runtime, media, events }
    }

    fn open(&self) -> Port {
        self.media.open(OpenPort { kind: Kind::Audio, owner: 1 }).unwrap()
    }

    /// A leg in the clear, and its phone.
    fn plain(&self) -> (Port, UdpSocket) {
        let (port, phone) = (self.open(), socket());
        let remote = Remote::new(phone.local_addr().unwrap());
        self.media.command(Command::SetRemote { port: port.id, remote });
        (port, phone)
    }

    fn secure(&self, port: &Port, fingerprint: &Fingerprint, is_client: bool, ice: Option<&str>) {
        let ice = ice
            .map(|fragment| IceCredentials { fragment: fragment.to_owned(), password: PASSWORD.to_owned() });
        let crypto =
            Some(Crypto::Handshake(Handshake { fingerprints: vec![fingerprint.clone()], is_client, ice }));
        self.media.command(Command::SetCrypto { port: port.id, crypto });
    }

    /// A leg of a browser that is relayed to a phone in the clear.
    fn browser(&self) -> (Browser, Port, UdpSocket) {
        self.browser_named("ours")
    }

    fn browser_named(&self, fragment: &str) -> (Browser, Port, UdpSocket) {
        let (plain, phone) = self.plain();
        let port = self.open();
        let browser = Browser::new(&self.media, self.media.published_port().unwrap_or(port.rtp_port));
        self.secure(&port, browser.identity.fingerprint(), false, Some(fragment));
        // As trickling browsers describe themselves: nowhere.
        let mut remote = Remote::new(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 9));
        remote.learn = Learn::Checked;
        remote.mux = true;
        self.media.command(Command::SetRemote { port: port.id, remote });
        self.media.command(Command::Connect { a: port.id, b: plain.id });
        // Orders come before packets in each turn, but only those that were given before it.
        while browser.is_unanswered(fragment) {}
        (browser, plain, phone)
    }

    /// The same, when it has keys and is heard.
    fn talking_browser(&self) -> (Browser, Port, UdpSocket) {
        let (mut browser, plain, phone) = self.browser();
        browser.nominate("ours");
        browser.shake();
        browser.say(&sound(1), false);
        assert_eq!(hear(&phone, PATIENCE), Some(sound(1)));
        (browser, plain, phone)
    }

    async fn event(&mut self, wanted: impl Fn(&Report) -> bool) -> Report {
        let next = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if wanted(&event.report) {
                    return event.report;
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

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind((LOCAL, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn hear(socket: &UdpSocket, time: Duration) -> Option<Vec<u8>> {
    socket.set_read_timeout(Some(time)).unwrap();
    let mut buffer = [0; 2_048];
    let (length, _) = socket.recv_from(&mut buffer).ok()?;
    Some(buffer[..length].to_vec())
}

fn sound(sequence: u16) -> Vec<u8> {
    let header = Header { marker: false, payload_type: 0, sequence, timestamp: 160, ssrc: 7 };
    let mut packet = vec![0; 12];
    header.write(&mut packet);
    packet.extend(b"sound of twenty milliseconds");
    packet
}

/// What a browser knows of the server.
fn of_server(media: &Media) -> Handshake {
    Handshake { fingerprints: vec![media.fingerprint().clone()], is_client: true, ice: None }
}

/// What a browser does below its session description.
struct Browser {
    socket: UdpSocket,
    identity: Identity,
    session: Session,
    server: SocketAddr,
    vault: Option<Vault>,
}

impl Browser {
    fn new(media: &Media, port: u16) -> Self {
        let identity = Identity::new().unwrap();
        let session = Session::new(&identity, &of_server(media), now());
        Self { socket: socket(), identity, session, server: SocketAddr::new(LOCAL, port), vault: None }
    }

    fn is_unanswered(&self, fragment: &str) -> bool {
        self.check(fragment, &[]);
        hear(&self.socket, Duration::from_millis(20)).is_none()
    }

    fn check(&self, fragment: &str, more: &[(u16, &[u8])]) {
        let packet = check(&format!("{fragment}:theirs"), PASSWORD.as_bytes(), more);
        self.socket.send_to(&packet, self.server).unwrap();
    }

    /// The way is checked and nominated.
    fn nominate(&self, fragment: &str) {
        self.check(fragment, &[NOMINATION]);
        assert_eq!(hear(&self.socket, PATIENCE).expect("an answer to the check")[..2], [1, 1]);
    }

    /// Shakes hands until there are keys.
    fn shake(&mut self) {
        let mut datagram = None;
        for _ in 0..20 {
            let (socket, server) = (&self.socket, self.server);
            let turned = self.session.turn(datagram.as_deref(), now(), |record| {
                socket.send_to(record, server).unwrap();
            });
            if let Some(keys) = turned.unwrap() {
                return self.vault = Vault::new(keys);
            }
            datagram = hear(&self.socket, PATIENCE);
        }
        panic!("no keys");
    }

    fn say(&mut self, packet: &[u8], is_report: bool) {
        let mut buffer = [0; 2_048];
        buffer[..packet.len()].copy_from_slice(packet);
        let length = self.vault.as_mut().unwrap().protect(&mut buffer, packet.len(), is_report).unwrap();
        self.socket.send_to(&buffer[..length], self.server).unwrap();
    }

    /// What comes and is proved, other than records that the server repeats.
    fn heard(&mut self, is_report: bool) -> Vec<u8> {
        loop {
            let mut packet = hear(&self.socket, PATIENCE).expect("nothing came");
            if packet[0] >> 6 == 2 {
                let length = self.vault.as_mut().unwrap().open(&mut packet, is_report).unwrap();
                packet.truncate(length);
                return packet;
            }
        }
    }
}

#[tokio::test]
async fn a_browser_and_a_phone_in_the_clear_hear_each_other() {
    let house = House::start();
    let (mut browser, plain, phone) = house.talking_browser();
    phone.send_to(&sound(2), (LOCAL, plain.rtp_port)).unwrap();
    assert_eq!(browser.heard(false), sound(2));
    // Reports pass, too: on the port of the sound from the browser, and on the next one to a phone that shares none.
    let mut report = vec![0x81, 206, 0, 2];
    report.extend([7; 8]);
    phone.send_to(&sound(3), (LOCAL, plain.rtp_port)).unwrap();
    assert_eq!(browser.heard(false), sound(3));
    UdpSocket::bind((LOCAL, 0)).unwrap().send_to(&report, (LOCAL, plain.rtcp_port)).unwrap();
    assert_eq!(browser.heard(true), report);
}

#[tokio::test]
async fn nothing_passes_before_there_are_keys() {
    let house = House::start();
    let (browser, plain, phone) = house.browser();
    browser.nominate("ours");
    browser.socket.send_to(&sound(1), browser.server).unwrap();
    phone.send_to(&sound(2), (LOCAL, plain.rtp_port)).unwrap();
    assert_eq!((hear(&phone, QUIET), hear(&browser.socket, QUIET)), (None, None));
}

#[tokio::test]
async fn a_handshake_from_where_no_check_came_is_dropped() {
    let mut house = House::start();
    let (mut browser, _, phone) = house.browser();
    browser.nominate("ours");
    let known = std::mem::replace(&mut browser.socket, socket());
    let mut records = 0;
    browser
        .session
        .turn(None, now(), |record| {
            records += 1;
            browser.socket.send_to(record, browser.server).unwrap();
        })
        .unwrap();
    assert!(records > 0);
    assert_eq!(hear(&browser.socket, QUIET), None);
    // From its own place it is taken up all the same.
    browser.socket = known;
    browser.session = Session::new(&browser.identity, &of_server(&house.media), now());
    browser.shake();
    browser.say(&sound(3), false);
    assert_eq!(hear(&phone, PATIENCE), Some(sound(3)));
    house.event(|report| matches!(report, Report::Learned { .. })).await;
}

#[tokio::test]
async fn a_browser_that_moves_is_followed_with_the_same_keys() {
    let house = House::start();
    let (mut browser, plain, phone) = house.talking_browser();
    browser.socket = socket();
    browser.nominate("ours");
    phone.send_to(&sound(2), (LOCAL, plain.rtp_port)).unwrap();
    assert_eq!(browser.heard(false), sound(2));
    browser.say(&sound(3), false);
    assert_eq!(hear(&phone, PATIENCE), Some(sound(3)));
}

#[tokio::test]
async fn another_certificate_than_was_described_is_told_and_nothing_passes() {
    let mut house = House::start();
    let (mut browser, _, phone) = house.browser();
    browser.nominate("ours");
    browser.session = Session::new(&Identity::new().unwrap(), &of_server(&house.media), now());
    let mut datagram = None;
    for _ in 0..8 {
        let (socket, server) = (&browser.socket, browser.server);
        let turned = browser.session.turn(datagram.as_deref(), now(), |record| {
            socket.send_to(record, server).unwrap();
        });
        if let Ok(Some(keys)) = turned {
            browser.vault = Vault::new(keys);
            browser.say(&sound(1), false);
            break;
        }
        datagram = hear(&browser.socket, QUIET);
    }
    let report = house.event(|report| matches!(report, Report::Refused(_))).await;
    assert_eq!(report, Report::Refused(Refusal::NoKeys));
    assert_eq!(hear(&phone, QUIET), None);
}

#[tokio::test]
async fn two_servers_agree_without_checks_and_either_may_begin() {
    let (one, two) = (House::start(), House::start());
    let ((plain_one, phone_one), (plain_two, phone_two)) = (one.plain(), two.plain());
    let (to_two, to_one) = (one.open(), two.open());
    for (house, port, other, peer, is_client, plain) in
        [(&one, to_two, &two, to_one, true, plain_one), (&two, to_one, &one, to_two, false, plain_two)]
    {
        house.secure(&port, other.media.fingerprint(), is_client, None);
        let remote = Remote::new(SocketAddr::new(LOCAL, peer.rtp_port));
        house.media.command(Command::SetRemote { port: port.id, remote });
        house.media.command(Command::Connect { a: port.id, b: plain.id });
    }
    let arrives = |from: &UdpSocket, port: &Port, to: &UdpSocket| {
        // The handshake takes its time, and what is sent before it is done is dropped.
        (0..200_u16).any(|sequence| {
            from.send_to(&sound(sequence), (LOCAL, port.rtp_port)).unwrap();
            hear(to, Duration::from_millis(25)).is_some()
        })
    };
    assert!(arrives(&phone_one, &plain_one, &phone_two));
    assert!(arrives(&phone_two, &plain_two, &phone_one));
}

#[tokio::test]
async fn browsers_share_the_published_port_and_each_is_led_to_its_own_leg() {
    let house = House::published();
    let mut all: Vec<_> = ["one", "two", "three"].map(|name| (name, house.browser_named(name))).into();
    for (name, (browser, _, _)) in &mut all {
        browser.nominate(name);
        browser.shake();
    }
    for (at, (_, (browser, plain, phone))) in all.iter_mut().enumerate() {
        let at = at as u16;
        browser.say(&sound(at), false);
        assert_eq!(hear(phone, PATIENCE), Some(sound(at)));
        phone.send_to(&sound(at + 10), (LOCAL, plain.rtp_port)).unwrap();
        assert_eq!(browser.heard(false), sound(at + 10));
    }
}

#[tokio::test]
async fn at_the_published_port_a_browser_that_moves_is_followed_and_a_stranger_gets_nothing() {
    let house = House::published();
    let (mut browser, plain, phone) = house.talking_browser();
    browser.socket = socket();
    browser.nominate("ours");
    phone.send_to(&sound(2), (LOCAL, plain.rtp_port)).unwrap();
    assert_eq!(browser.heard(false), sound(2));
    browser.socket = socket();
    browser.check("nobody", &[]);
    browser.say(&sound(3), false);
    assert_eq!((hear(&browser.socket, QUIET), hear(&phone, QUIET)), (None, None));
}

#[tokio::test]
async fn a_browser_without_datagrams_comes_over_a_stream() {
    let house = House::published();
    let (mut browser, plain, phone) = house.browser();
    let mut stream = std::net::TcpStream::connect(browser.server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // What goes over the stream comes and goes at a socket of datagrams beside it, so that the browser is the same.
    let (near, far) = (socket(), socket());
    near.connect(far.local_addr().unwrap()).unwrap();
    far.connect(near.local_addr().unwrap()).unwrap();
    let (mut reader, up) = (stream.try_clone().unwrap(), far.try_clone().unwrap());
    let down = far;
    let carried = house.runtime.thread("forth", move || {
        let mut buffer = [0; 2_048];
        while let Ok(length) = up.recv(&mut buffer) {
            let framed = [&(length as u16).to_be_bytes()[..], &buffer[..length]].concat();
            // Cut in two, as networks do.
            let (head, rest) = framed.split_at(1);
            if stream.write_all(head).and_then(|()| stream.write_all(rest)).is_err() {
                return;
            }
        }
    });
    let brought = house.runtime.thread("back", move || {
        let mut length = [0; 2];
        while reader.read_exact(&mut length).is_ok() {
            let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
            if reader.read_exact(&mut packet).is_err() || down.send(&packet).is_err() {
                return;
            }
        }
    });
    browser.server = near.peer_addr().unwrap();
    browser.socket = near;
    browser.nominate("ours");
    browser.shake();
    browser.say(&sound(1), false);
    assert_eq!(hear(&phone, PATIENCE), Some(sound(1)));
    phone.send_to(&sound(2), (LOCAL, plain.rtp_port)).unwrap();
    assert_eq!(browser.heard(false), sound(2));
    assert!(carried.is_ok() && brought.is_ok());
}
