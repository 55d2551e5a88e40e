//! The media ports of a call: a pair per m-line, one port for the caller's side and one for the called side.
//!
//! All phones that ring share the port of the called side: who answers decides whose packets are taken.

use std::path::PathBuf;

use media::{
    Command, Conference, ConferenceId, Crypto, Kind, Layout, Media, NoPort, OpenPort, PlayMode, Port, PortId,
    Recording, Remote, Source, Tone,
};

use super::End;
use super::codecs::Bridge;
use super::house::House;
use super::pilots::Hears;
use crate::admission::Grant;

/// m-lines of one call that get ports; further ones are refused with port 0 (RFC 3264 §6).
pub const STREAMS_MAX: usize = 4;

/// What a call asks of `media`: [`Media`] itself, or its stand-in in a test without sockets.
pub trait Ports: Send + Sync {
    /// Takes a port.
    ///
    /// # Errors
    /// All are in use.
    fn open(&self, open: OpenPort) -> Result<Port, NoPort>;
    /// Tells what to do; never waits.
    fn command(&self, command: Command);
    /// What the server is known by where keys are agreed on by DTLS: the value of `a=fingerprint` (RFC 8122).
    fn fingerprint(&self) -> String;
    /// The one port for browsers, if there is one.
    fn published_port(&self) -> Option<u16>;
    /// Opens a conference.
    fn conference(&self, limits: Conference) -> ConferenceId;
}

impl Ports for Media {
    fn open(&self, open: OpenPort) -> Result<Port, NoPort> {
        Self::open(self, open)
    }

    fn command(&self, command: Command) {
        Self::command(self, command);
    }

    fn fingerprint(&self) -> String {
        Self::fingerprint(self).to_string()
    }

    fn published_port(&self) -> Option<u16> {
        Self::published_port(self)
    }

    fn conference(&self, limits: Conference) -> ConferenceId {
        Self::conference(self, limits)
    }
}

/// The ports of one call.
#[derive(Debug)]
pub(crate) struct Streams {
    owner: u64,
    /// Recordings that were begun here.
    recordings: u32,
    /// What the two who talk hold of the bandwidth between them.
    pub grant: Option<Grant>,
    lines: Vec<Line>,
}

/// One m-line.
#[derive(Debug, Default)]
struct Line {
    /// What travels over it.
    kind: Option<Kind>,
    ports: [Option<Port>; 2],
    /// The ends with whom the server has a codec of its own.
    speaks: [bool; 2],
    told: [bool; 2],
    /// The keys that media was told of.
    keys: [Option<Crypto>; 2],
    /// The ends whose ports are recorded at.
    recorded: [bool; 2],
    joined: Option<Bridge>,
}

/// The ports of one end, as it takes them along to another call.
#[derive(Debug, Default)]
pub(crate) struct Side(Vec<Option<Taken>>);

/// A port, the keys that media was told of, and whether it is recorded at.
#[derive(Debug)]
struct Taken {
    port: Port,
    keys: Option<Crypto>,
    recorded: bool,
}

impl Line {
    /// Do both ends say something to each other on it?
    fn is_sound(&self) -> bool {
        self.joined.is_some() && self.kind == Some(Kind::Audio)
    }
}

impl Side {
    /// Gives the ports back.
    pub(crate) fn close(self, ports: &dyn Ports) {
        for taken in self.0.into_iter().flatten() {
            ports.command(Command::Close { port: taken.port.id });
        }
    }
}

impl Streams {
    /// Takes the ports of one end out. Media goes on as it was until it is told otherwise.
    pub(crate) fn detach(&mut self, end: End) -> Side {
        let take = |line: &mut Line| {
            line.joined = None;
            line.told[end.index()] = false;
            let keys = line.keys[end.index()].take();
            let recorded = std::mem::take(&mut line.recorded[end.index()]);
            line.ports[end.index()].take().map(|port| Taken { port, keys, recorded })
        };
        Side(self.lines.iter_mut().map(take).collect())
    }

    /// Puts ports in that came with an end.
    pub(crate) fn attach(&mut self, end: End, side: Side) {
        for (index, port) in side.0.into_iter().enumerate() {
            if self.lines.len() <= index {
                self.lines.push(Line::default());
            }
            let line = &mut self.lines[index];
            line.joined = None;
            line.recorded[end.index()] = port.as_ref().is_some_and(|taken| taken.recorded);
            (line.ports[end.index()], line.keys[end.index()]) =
                port.map_or((None, None), |taken| (Some(taken.port), taken.keys));
        }
    }

    /// Ends whatever is sent to `end` and taken from it.
    pub(crate) fn rest(&mut self, ports: &dyn Ports, end: End) {
        for line in &mut self.lines {
            line.joined = None;
            if let Some(port) = line.ports[end.index()] {
                ports.command(Command::Rest { port: port.id });
            }
        }
    }

    /// Plays a tone to `end` on m-line `index`, over and over.
    pub(crate) fn tone(&self, ports: &dyn Ports, index: usize, end: End, tone: Tone) {
        if let Some(port) = self.lines.get(index).and_then(|line| line.ports[end.index()]) {
            let source = Source::Tone(tone);
            ports.command(Command::Play { port: port.id, source, mode: PlayMode::Loop });
        }
    }

    /// Plays music to `end` on m-line `index`, in step with all who hear it; the other end's sound goes nowhere.
    pub(crate) fn music(&mut self, ports: &dyn Ports, index: usize, end: End, source: &Source) {
        let Some(line) = self.lines.get_mut(index) else { return };
        line.joined = None;
        if let Some(port) = line.ports[end.index()] {
            let source = source.clone();
            ports.command(Command::Play { port: port.id, source, mode: PlayMode::Shared });
        }
    }

    /// Lets `end` hear something of the house on m-line `index`.
    pub(crate) fn hear(&self, ports: &dyn Ports, (index, end): (usize, End), what: &Hears, house: &House) {
        let Some(port) = self.opened(index, end) else { return };
        ports.command(match what.source(house) {
            Some((source, mode)) => Command::Play { port, source, mode },
            None => Command::Rest { port },
        });
    }

    /// The port that `end` was told for m-line `index`.
    pub(crate) fn opened(&self, index: usize, end: End) -> Option<PortId> {
        self.lines.get(index)?.ports[end.index()].map(|port| port.id)
    }

    pub(crate) fn new(owner: u64) -> Self {
        Self { owner, recordings: 0, grant: None, lines: Vec::new() }
    }

    /// The RTP port that `end` is told for m-line `index`; opened when it is first asked for. `None`: the
    /// line must be refused.
    pub(crate) fn port(&mut self, ports: &dyn Ports, index: usize, kind: Kind, end: End) -> Option<u16> {
        if index >= STREAMS_MAX {
            return None;
        }
        while self.lines.len() <= index {
            self.lines.push(Line::default());
        }
        self.lines[index].kind = Some(kind);
        let place = &mut self.lines[index].ports[end.index()];
        if place.is_none() {
            match ports.open(OpenPort { kind, owner: self.owner }) {
                Ok(port) => *place = Some(port),
                Err(NoPort(kind)) => {
                    metrics::counter!("carillon_calls_no_media_port_total").increment(1);
                    tracing::warn!(?kind, "no media port is left for a call");
                }
            }
        }
        place.map(|port| port.rtp_port)
    }

    /// Where `end` takes the packets of m-line `index`.
    pub(crate) fn reach(
        &mut self,
        ports: &dyn Ports,
        index: usize,
        end: End,
        (remote, crypto): (Remote, Option<Crypto>),
    ) {
        let Some(line) = self.lines.get_mut(index) else { return };
        let Some(port) = line.ports[end.index()] else { return };
        // First the keys, so that nothing goes out in the clear that must not.
        if line.keys[end.index()] != crypto {
            line.keys[end.index()].clone_from(&crypto);
            ports.command(Command::SetCrypto { port: port.id, crypto });
        }
        line.speaks[end.index()] = !remote.speech.encodings.is_empty();
        ports.command(Command::SetRemote { port: port.id, remote });
        line.told[end.index()] = true;
    }

    /// Joins both sides of m-line `index` once both are known, unless they are joined like that already.
    pub(crate) fn bridge(&mut self, ports: &dyn Ports, index: usize, bridge: Bridge) {
        let Some(line) = self.lines.get_mut(index) else { return };
        let ([Some(a), Some(b)], [true, true]) = (line.ports, line.told) else { return };
        let (a, b) = (a.id, b.id);
        if line.joined.replace(bridge) != Some(bridge) {
            ports.command(match bridge {
                Bridge::Relay => Command::Connect { a, b },
                Bridge::Transcode => Command::Transcode { a, b },
            });
        }
    }

    /// Sends what `end` says on m-line `index` back to it.
    pub(crate) fn echo(&self, ports: &dyn Ports, index: usize, end: End) {
        if let Some(port) = self.lines.get(index).and_then(|line| line.ports[end.index()]) {
            ports.command(Command::Echo { port: port.id });
        }
    }

    /// Recordings that were begun here.
    pub(crate) fn recordings(&self) -> u32 {
        self.recordings
    }

    /// Is one of the ports recorded at?
    pub(crate) fn is_recorded(&self) -> bool {
        self.lines.iter().any(|line| line.recorded.contains(&true))
    }

    /// Is a port of this end recorded at?
    pub(crate) fn is_recorded_at(&self, end: End) -> bool {
        self.lines.iter().any(|line| line.recorded[end.index()])
    }

    /// Records the first sound at the port of `end`, each side on its channel; false when there is none that the server
    /// understands from both ends.
    pub(crate) fn record(&mut self, ports: &dyn Ports, end: End, path: PathBuf) -> bool {
        let at = self.lines.iter_mut().find(|line| line.is_sound() && line.speaks == [true; 2]);
        let Some((line, port)) = at.and_then(|line| line.ports[end.index()].map(|port| (line, port))) else {
            return false;
        };
        line.recorded[end.index()] = true;
        self.recordings += 1;
        let recording = Recording { path, layout: Layout::Stereo };
        ports.command(Command::Record { port: port.id, recording });
        true
    }

    /// Ends the recording at the port of `end`; one at the other port is the other end's.
    pub(crate) fn stop_recording(&mut self, ports: &dyn Ports, end: End) {
        for line in &mut self.lines {
            let was_recorded = std::mem::take(&mut line.recorded[end.index()]);
            if let (Some(port), true) = (line.ports[end.index()], was_recorded) {
                ports.command(Command::StopRecording { port: port.id });
            }
        }
    }

    /// Says a short tone to both ends.
    pub(crate) fn beep(&self, ports: &dyn Ports) {
        let line = self.lines.iter().find(|line| line.is_sound());
        for port in line.iter().flat_map(|line| line.ports.iter().flatten()) {
            ports.command(Command::Beep { port: port.id });
        }
    }

    /// The ports of one end.
    pub(crate) fn ports_of(&self, end: End) -> Vec<PortId> {
        self.lines.iter().filter_map(|line| line.ports[end.index()]).map(|port| port.id).collect()
    }

    /// Gives the ports of a refused m-line back.
    pub(crate) fn refuse(&mut self, ports: &dyn Ports, index: usize) {
        if let Some(line) = self.lines.get_mut(index) {
            close(ports, line);
        }
    }

    /// Gives all ports back.
    pub(crate) fn close(&mut self, ports: &dyn Ports) {
        for mut line in self.lines.drain(..) {
            close(ports, &mut line);
        }
    }
}

fn close(ports: &dyn Ports, line: &mut Line) {
    for port in std::mem::take(line).ports.into_iter().flatten() {
        ports.command(Command::Close { port: port.id });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use media::{Codec, Encoding};
    use parking_lot::Mutex;

    use super::*;

    /// Gives ports by number and keeps where recordings are.
    #[derive(Default)]
    struct Counted(AtomicU64, Mutex<Vec<PortId>>);

    impl Ports for Counted {
        fn open(&self, _: OpenPort) -> Result<Port, NoPort> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Port { id: PortId::numbered(number), rtp_port: 30_000, rtcp_port: 30_001 })
        }

        fn command(&self, command: Command) {
            if let Command::Record { port, .. } = command {
                self.1.lock().push(port);
            }
        }

        fn fingerprint(&self) -> String {
            String::new()
        }

        fn published_port(&self) -> Option<u16> {
            None
        }

        fn conference(&self, _: Conference) -> ConferenceId {
            ConferenceId::numbered(0)
        }
    }

    fn joined(ports: &Counted, kinds: &[(Kind, bool)]) -> Streams {
        let mut streams = Streams::new(1);
        for (at, (kind, is_spoken)) in kinds.iter().enumerate() {
            for end in [End::Caller, End::Callee] {
                streams.port(ports, at, *kind, end);
                let mut remote = Remote::new(([10, 0, 0, 5], 4_000).into());
                remote.speech.encodings.extend(is_spoken.then(|| Encoding::new(Codec::Pcma, 8)));
                streams.reach(ports, at, end, (remote, None));
            }
            streams.bridge(ports, at, Bridge::Relay);
        }
        streams
    }

    #[test]
    fn the_first_sound_is_recorded_and_no_picture_before_it() {
        let ports = Counted::default();
        let mut streams = joined(&ports, &[(Kind::Video, false), (Kind::Audio, true)]);
        assert!(streams.record(&ports, End::Callee, "a.wav".into()));
        assert_eq!(*ports.1.lock(), [PortId::numbered(3)]);
    }

    #[test]
    fn sound_that_the_server_does_not_understand_is_not_recorded() {
        let ports = Counted::default();
        let mut streams = joined(&ports, &[(Kind::Audio, false)]);
        assert!(!streams.record(&ports, End::Caller, "a.wav".into()));
        assert!(!streams.is_recorded() && ports.1.lock().is_empty());
    }
}
