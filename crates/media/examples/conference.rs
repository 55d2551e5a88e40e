//! One conference under load: the conference bench.
//!
//! `conference CODEC PARTIES SPEAKERS SECONDS` (CODEC is `pcma`, `g722` or `opus`) starts itself a second time as
//! the server, sends 20 ms packets for all parties (speech for the speakers, a room's noise for the others), takes
//! what comes back, and prints one line of JSON: the server's CPU, and how evenly the packets came.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command as Program, Stdio};
use std::time::{Duration, Instant};

use media::g711::Law;
use media::rtp::{HEADER_BYTES, Header};
use media::{
    Codec, Command, Conference, Encoding, Kind, Media, MediaConfig, MixRole, OpenPort, Rate, Remote, g722,
};
use runtime::Runtime;

#[path = "../tests/speech/mod.rs"]
mod speech;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const FRAME: Duration = Duration::from_millis(20);
/// Time to settle before anything is counted.
const WARM_UP: Duration = Duration::from_secs(2);
/// The payload type for Opus.
const OPUS: u8 = 111;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", codec, parties, seconds, phones] => {
            serve(codec_named(codec)?, parties.parse()?, seconds.parse()?, phones.parse()?)
        }
        [codec, parties, speakers, seconds] => {
            codec_named(codec)?;
            load(codec, parties.parse()?, speakers.parse()?, seconds.parse()?)
        }
        _ => Err("conference pcma|g722|opus PARTIES SPEAKERS SECONDS".into()),
    }
}

fn codec_named(name: &str) -> Result<Codec, Failure> {
    match name {
        "pcma" => Ok(Codec::Pcma),
        "g722" => Ok(Codec::G722),
        "opus" => Ok(Codec::Opus),
        _ => Err(format!("no codec {name}").into()),
    }
}

/// The server: one conference whose parties are all at `phones`. Prints the port of each.
fn serve(codec: Codec, parties: u64, seconds: u64, phones: SocketAddr) -> Result<(), Failure> {
    let runtime = Runtime::real();
    let config = MediaConfig { bind: [127, 0, 0, 1].into(), ..MediaConfig::default() };
    let (media, _events) = Media::start(config, &runtime)?;
    let conference =
        media.conference(Conference { parties_max: usize::try_from(parties)?, ..Conference::new(1) });
    for _ in 0..parties {
        let port = media.open(OpenPort { kind: Kind::Audio, owner: 1 })?;
        let mut remote = Remote::new(phones);
        remote.clock_hertz = codec.clock_hertz();
        remote.speech.encodings = vec![Encoding::new(codec, codec.static_payload_type().unwrap_or(OPUS))];
        media.command(Command::SetRemote { port: port.id, remote });
        media.command(Command::Mix { conference, port: port.id, role: MixRole::default() });
        println!("{}", port.rtp_port);
    }
    tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
        runtime.sleep(Duration::from_secs(seconds)).await;
        runtime.stop();
    });
    Ok(())
}

fn load(codec: &str, parties: usize, speakers: usize, seconds: u64) -> Result<(), Failure> {
    let spoken = codec_named(codec)?;
    let scripts: Vec<Vec<Vec<u8>>> =
        (0..parties).map(|party| script(spoken, party, party < speakers)).collect();
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let lives = seconds + WARM_UP.as_secs() + 1;
    let mut server = Program::new(std::env::current_exe()?)
        .args(["serve", codec, &parties.to_string(), &lives.to_string(), &socket.local_addr()?.to_string()])
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(server.stdout.take().ok_or("the server says nothing")?);
    let ports: Vec<u16> =
        output.lines().take(parties).map(|line| Ok(line?.parse()?)).collect::<Result<_, Failure>>()?;
    let runtime = Runtime::real();
    let (sender, clock) = (socket.try_clone()?, runtime.clone());
    let frames = (WARM_UP.as_millis() as u64 + 1_000 * seconds) / 20;
    runtime.thread("phones", move || send(&sender, spoken, &ports, &scripts, frames, &clock))?;
    let heard = hear(&socket, seconds, server.id(), &runtime)?;
    server.wait()?;
    let cores = heard.cpu.as_secs_f64() / seconds as f64;
    println!(
        "{{\"parties\":{parties},\"speakers\":{speakers},\"cpu_ms_per_party_s\":{:.3},\"parties_per_core\":{:.0},\
         \"packets\":{},\"expected\":{},\"jitter_p99_ms\":{:.2},\"jitter_p50_ms\":{:.2}}}",
        1_000.0 * cores / parties as f64,
        parties as f64 / cores,
        heard.packets,
        parties as u64 * seconds * 50,
        heard.percentile(99),
        heard.percentile(50),
    );
    Ok(())
}

/// Two seconds of a party's payloads, to be sent over and over.
fn script(codec: Codec, party: usize, speaks: bool) -> Vec<Vec<u8>> {
    let hertz = codec.rate().hertz();
    let length = 2 * hertz as usize;
    let sound: Vec<i16> = if speaks {
        let mut sound = speech::sentence(hertz);
        sound.rotate_left(party * 4_000);
        sound[..length].to_vec()
    } else {
        let mut seed = party as u32;
        let noise = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 16) % 41) as i16 - 20
        };
        std::iter::repeat_with(noise).take(length).collect()
    };
    let mut g722 = g722::Encoder::default();
    let mut opus = opus_pure::OpusEncoder::new(16_000, 1, opus_pure::Application::Voip).ok();
    if let Some(opus) = &mut opus {
        opus.bitrate_bps = 24_000;
        opus.complexity = 5;
    }
    let mut buffer = [0; 1_500];
    let mut encode = |frame: &[i16]| match codec {
        Codec::Pcma | Codec::Pcmu => frame.iter().map(|sample| Law::A.encode(*sample)).collect(),
        Codec::G722 => {
            let length = g722.encode(frame, &mut buffer);
            buffer[..length].to_vec()
        }
        Codec::Opus => {
            let length =
                opus.as_mut().and_then(|opus| opus.encode_s16(frame, Rate::Wide.frame(), &mut buffer).ok());
            buffer[..length.unwrap_or(0)].to_vec()
        }
    };
    sound.chunks_exact(codec.rate().frame()).map(&mut encode).collect()
}

fn send(
    socket: &UdpSocket,
    codec: Codec,
    ports: &[u16],
    scripts: &[Vec<Vec<u8>>],
    frames: u64,
    runtime: &Runtime,
) {
    let Ok(clock) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let begin = runtime.now();
    let mut packet = Vec::new();
    for frame in 0..frames {
        // Phones do not send in step: a fifth of them every 4 ms.
        for part in 0..5 {
            let due = begin + FRAME * frame as u32 + Duration::from_millis(4) * part as u32;
            clock.block_on(runtime.sleep(due.saturating_duration_since(runtime.now())));
            for party in (part..ports.len()).step_by(5) {
                let payload = &scripts[party][frame as usize % scripts[party].len()];
                let header = Header {
                    marker: frame == 0,
                    payload_type: codec.static_payload_type().unwrap_or(OPUS),
                    sequence: frame as u16,
                    timestamp: frame as u32 * (codec.clock_hertz() / 50),
                    ssrc: party as u32,
                };
                packet.clear();
                packet.resize(HEADER_BYTES, 0);
                header.write(&mut packet);
                packet.extend_from_slice(payload);
                let _ = socket.send_to(&packet, ("127.0.0.1", ports[party]));
            }
        }
    }
}

/// What came back while it was counted.
struct Heard {
    packets: u64,
    /// How far apart from 20 ms packets of one party came, in microseconds, sorted.
    apart: Vec<u64>,
    cpu: Duration,
}

impl Heard {
    fn percentile(&self, percent: usize) -> f64 {
        let at = self.apart.len() * percent / 100;
        self.apart
            .get(at.min(self.apart.len().saturating_sub(1)))
            .map_or(0.0, |apart| *apart as f64 / 1_000.0)
    }
}

fn hear(socket: &UdpSocket, seconds: u64, server: u32, runtime: &Runtime) -> Result<Heard, Failure> {
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let begin = runtime.now() + WARM_UP;
    let end = begin + Duration::from_secs(seconds);
    let (mut last, mut heard) =
        (BTreeMap::<u16, Instant>::new(), Heard { packets: 0, apart: Vec::new(), cpu: Duration::ZERO });
    let mut cpu_before = None;
    let mut buffer = [0; 2_048];
    loop {
        let received = socket.recv_from(&mut buffer);
        let now = runtime.now();
        if now >= end {
            break;
        }
        let Ok((_, source)) = received else { continue };
        if now >= begin && cpu_before.is_none() {
            cpu_before = Some(cpu_of(server)?);
        }
        if let Some(before) = last.insert(source.port(), now)
            && now >= begin
        {
            heard.packets += 1;
            heard.apart.push(now.saturating_duration_since(before).abs_diff(FRAME).as_micros() as u64);
        }
    }
    heard.cpu = cpu_of(server)?.saturating_sub(cpu_before.ok_or("nothing came back")?);
    heard.apart.sort_unstable();
    Ok(heard)
}

/// User and system time of a process, from /proc; its unit is 10 ms.
fn cpu_of(process: u32) -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let after_name = stat.rsplit(") ").next().ok_or("no such process")?;
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(10 * ticks))
}
