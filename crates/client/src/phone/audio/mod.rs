//! The voice of a scripted phone: sends a tone or digits, and measures what it hears.

mod g711;
mod goertzel;
mod rtp;
mod stream;

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime::{Runtime, SocketOptions};

/// Samples a second.
pub(super) const SAMPLE_RATE: u32 = 8_000;
/// The payload type of µ-law (RFC 3551 §6).
pub(super) const PCMU: u8 = 0;
/// The payload type that we give to telephone events.
pub(super) const TELEPHONE_EVENT: u8 = 101;
/// Samples that are kept of what is heard: half a second.
const HEARD_SAMPLES_MAX: usize = 4_000;
/// Samples that a tone is measured in: a fifth of a second.
const MEASURED_SAMPLES: usize = 1_600;
/// The share of the power from which on a tone counts as heard.
const TONE_SHARE: f64 = 0.8;
/// Digits that may wait to be sent, or to be looked at.
const DIGITS_MAX: usize = 256;
/// How often somebody who waits for a tone looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The audio of one call. Clones share it.
#[derive(Clone)]
pub struct Audio {
    shared: Arc<Mutex<Shared>>,
    address: SocketAddr,
    runtime: Runtime,
}

/// What has been heard and said, in packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Audio packets received.
    pub received: u64,
    /// Audio packets sent.
    pub sent: u64,
}

struct Shared {
    remote: Option<SocketAddr>,
    /// The payload type that the other side gives to telephone events.
    telephone_event: Option<u8>,
    sending: bool,
    tone: Option<f64>,
    digits: VecDeque<u8>,
    heard: VecDeque<i16>,
    digits_heard: String,
    traffic: Traffic,
    closed: bool,
}

impl Audio {
    /// Binds a port of its own at `address` and starts to listen.
    pub(super) fn open(address: IpAddr, runtime: &Runtime) -> io::Result<Self> {
        let socket = runtime.bind_udp(SocketAddr::new(address, 0), SocketOptions::default())?;
        let audio = Self {
            address: socket.local_addr()?,
            shared: Arc::new(Mutex::new(Shared {
                remote: None,
                telephone_event: None,
                sending: false,
                tone: None,
                digits: VecDeque::new(),
                heard: VecDeque::new(),
                digits_heard: String::new(),
                traffic: Traffic::default(),
                closed: false,
            })),
            runtime: runtime.clone(),
        };
        runtime.spawn("phone audio", stream::run(socket, audio.clone(), runtime.random_u64()));
        Ok(audio)
    }

    /// Our RTP address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Tells where to send, and whether to.
    pub(super) fn connect(&self, remote: SocketAddr, telephone_event: Option<u8>, sending: bool) {
        let mut shared = self.shared();
        shared.remote = Some(remote);
        shared.telephone_event = telephone_event;
        shared.sending = sending;
    }

    /// Stops and lets the port go.
    pub(super) fn close(&self) {
        self.shared().closed = true;
    }

    /// Sends a tone of this frequency in hertz from now on, in place of silence.
    pub fn play_tone(&self, hertz: f64) {
        self.shared().tone = Some(hertz);
    }

    /// Sends silence from now on.
    pub fn play_silence(&self) {
        self.shared().tone = None;
    }

    /// Sends digits as telephone events (RFC 4733), one after the other; other characters are left out.
    pub fn send_digits(&self, digits: &str) {
        let mut shared = self.shared();
        for digit in digits.bytes().filter(|digit| rtp::event(*digit, false, 0).is_some()) {
            if shared.digits.len() < DIGITS_MAX {
                shared.digits.push_back(digit);
            }
        }
    }

    /// The digits that came as telephone events so far.
    pub fn digits_heard(&self) -> String {
        self.shared().digits_heard.clone()
    }

    /// The share of the power of what was just heard that lies at `hertz`: 1 for that pure tone, 0 for silence.
    pub fn share_of(&self, hertz: f64) -> f64 {
        goertzel::share(&self.latest(), hertz)
    }

    /// Waits until a tone of `hertz` is heard, at most `patience`; false when it was not.
    pub async fn hears(&self, hertz: f64, patience: Duration) -> bool {
        self.wait_for(patience, || self.share_of(hertz) >= TONE_SHARE).await
    }

    /// Waits until nothing is heard, at most `patience`; false when there was always something.
    pub async fn hears_silence(&self, patience: Duration) -> bool {
        let silent = || {
            let before = self.traffic().received;
            let latest = self.latest();
            (before, latest.iter().all(|sample| sample.unsigned_abs() < 64))
        };
        let mut last = silent().0;
        let deadline = self.runtime.now() + patience;
        while self.runtime.now() < deadline {
            // Longer than a fifth of a second without packets is silence as well.
            self.runtime.sleep(Duration::from_millis(250)).await;
            let (received, quiet) = silent();
            if quiet || received == last {
                return true;
            }
            last = received;
        }
        false
    }

    /// Waits until `digits` have been heard, at most `patience`.
    pub async fn hears_digits(&self, digits: &str, patience: Duration) -> bool {
        self.wait_for(patience, || self.shared().digits_heard.contains(digits)).await
    }

    /// What went to and fro.
    pub fn traffic(&self) -> Traffic {
        self.shared().traffic
    }

    async fn wait_for(&self, patience: Duration, mut done: impl FnMut() -> bool) -> bool {
        let deadline = self.runtime.now() + patience;
        while !done() {
            if self.runtime.now() >= deadline {
                return false;
            }
            self.runtime.sleep(LOOK_AGAIN).await;
        }
        true
    }

    fn latest(&self) -> Vec<i16> {
        let shared = self.shared();
        if shared.heard.len() < MEASURED_SAMPLES {
            return Vec::new();
        }
        shared.heard.iter().skip(shared.heard.len() - MEASURED_SAMPLES).copied().collect()
    }

    /// Nothing that is done under this lock can panic, so a poisoned one is as good.
    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Audio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audio").field("address", &self.address).finish_non_exhaustive()
    }
}
