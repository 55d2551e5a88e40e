//! Lamps: watches one line from many subscriptions, changes it, and measures when each lamp shows it.
//
// `lamps call|publish TARGET DOMAIN LAMPS ROUNDS PID`
//   call:    line 3000 registers here and is called by 3001: every lamp must show it ringing, and then idle again.
//   publish: 3000 publishes dialog information, ringing and talking by turns, as a presence server is told it.
// Lamp i is line 1000+i; the password of line U is pwU. PID (and its children) is the server, for its CPU time.
// Prints one JSON object. Build: rustc --edition 2021 -O lamps.rs -o lamps   (no dependencies)
use std::collections::BTreeMap;
use std::io::ErrorKind::WouldBlock;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// Sockets that the lamps share: so few lamps to one that its receive buffer holds a whole burst.
const SOCKETS: usize = 250;
/// SUBSCRIBEs under way at once.
const WINDOW: usize = 40;
/// The watched line, and who calls it.
const WATCHED: u32 = 3000;
const CALLER: u32 = 3001;
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    target: String,
    domain: String,
    sockets: Vec<UdpSocket>,
    branches: u64,
    lamps: Vec<Lamp>,
    /// Answers that no lamp waits for, by Call-ID: the last one.
    answers: BTreeMap<String, String>,
    /// The INVITE that the watched line has.
    invited: Option<String>,
    notifies: u64,
    repeated: u64,
}

#[derive(Default, Clone)]
struct Lamp {
    accepted: bool,
    state: String,
    shown_at: Option<Instant>,
    cseq: u32,
    sent: Option<(u32, Instant)>,
}

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (lamps, rounds): (usize, usize) = (a[4].parse().unwrap(), a[5].parse().unwrap());
    let pids: Vec<u32> = a[6].split(',').map(|pid| pid.trim().parse().unwrap()).collect();
    let sockets = (0..SOCKETS + 2).map(|_| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(&a[2]).unwrap();
        socket.set_nonblocking(true).unwrap();
        socket
    });
    let mut bench = Bench {
        target: a[2].clone(),
        domain: a[3].clone(),
        sockets: sockets.collect(),
        branches: u64::from(std::process::id()) << 32,
        lamps: vec![Lamp::default(); lamps],
        answers: BTreeMap::new(),
        invited: None,
        notifies: 0,
        repeated: 0,
    };
    let before = (Instant::now(), cpu(&pids));
    bench.subscribe_all();
    let (subscribed_s, subscribed_cpu) = (before.0.elapsed().as_secs_f64(), cpu(&pids) - before.1);
    if a[1] == "call" {
        bench.register(3600);
    }
    bench.rest();
    let (mut times, mut last): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let (notifies, spent) = (bench.notifies, cpu(&pids));
    let mut publication = None;
    for round in 0..rounds {
        for state in ["early", if a[1] == "publish" { "confirmed" } else { "terminated" }] {
            let began = match (a[1].as_str(), state) {
                ("publish", state) => bench.publish(state, round, &mut publication),
                (_, "early") => bench.ring(round),
                _ => bench.hang_up(round),
            };
            let mut shown = bench.all_show(state, began);
            shown.sort_by(f64::total_cmp);
            last.push(*shown.last().unwrap());
            times.extend(shown);
            bench.rest();
        }
    }
    let (notifies, spent) = (bench.notifies - notifies, cpu(&pids) - spent);
    if a[1] == "call" {
        bench.register(0);
    }
    times.sort_by(f64::total_cmp);
    last.sort_by(f64::total_cmp);
    let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize];
    println!(
        "{{\"op\":\"lamps\",\"lamps\":{lamps},\"changes\":{},\"notifies\":{notifies},\"repeated\":{},\"subscribe_s\":{subscribed_s:.2},\"cpu_s_per_1000_subscribes\":{:.4},\"shown_p50_ms\":{:.1},\"shown_p99_ms\":{:.1},\"all_shown_ms\":{:.1},\"all_shown_worst_ms\":{:.1},\"server_cpu_s\":{spent:.2},\"cpu_s_per_1000\":{:.4},\"failed_total\":0}}",
        rounds * 2,
        bench.repeated,
        subscribed_cpu / lamps as f64 * 1000.0,
        at(0.5),
        at(0.99),
        last[last.len() / 2],
        last.last().unwrap(),
        spent / notifies as f64 * 1000.0,
    );
}

impl Bench {
    fn subscribe_all(&mut self) {
        let (mut next, started) = (0, Instant::now());
        loop {
            let now = Instant::now();
            let open = self.lamps[..next].iter().filter(|lamp| !lamp.accepted || lamp.state.is_empty()).count();
            for _ in open..WINDOW.min(open + self.lamps.len() - next) {
                self.subscribe(next, "");
                next += 1;
            }
            self.read();
            for i in 0..next {
                let late = |(_, at): &(u32, Instant)| now.duration_since(*at) > Duration::from_millis(700);
                if !self.lamps[i].accepted && self.lamps[i].sent.as_ref().is_some_and(late) {
                    self.subscribe(i, "");
                }
            }
            if next == self.lamps.len() && open == 0 {
                return;
            }
            assert!(started.elapsed() < PATIENCE * 6, "{open} lamps of {next} are not subscribed");
        }
    }

    fn subscribe(&mut self, i: usize, authorization: &str) {
        self.lamps[i].cseq += 1;
        let cseq = self.lamps[i].cseq;
        self.lamps[i].sent = Some((cseq, Instant::now()));
        let line = 1000 + i as u32;
        let head = format!("Event: dialog\r\nAccept: application/dialog-info+xml\r\nExpires: 3600\r\n{authorization}");
        self.send(i % SOCKETS, "SUBSCRIBE", (line, WATCHED), &format!("lamp-{i}"), cseq, &head, "");
    }

    /// Sends a request from a line to a line.
    #[allow(clippy::too_many_arguments)]
    fn send(&mut self, socket: usize, method: &str, (from, to): (u32, u32), call: &str, cseq: u32, head: &str, body: &str) {
        self.branches += 1;
        let (domain, local) = (&self.domain, self.sockets[socket].local_addr().unwrap());
        let branch = if method == "CANCEL" { self.branches - 1 } else { self.branches };
        let aor = if method == "REGISTER" { String::new() } else { format!("{to}@") };
        let bytes = format!(
            "{method} sip:{aor}{domain} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n\
             From: <sip:{from}@{domain}>;tag=f{call}\r\nTo: <sip:{to}@{domain}>\r\nCall-ID: {call}-{}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{from}@{local}>\r\n{head}Content-Length: {}\r\n\r\n{body}",
            std::process::id(),
            body.len()
        );
        let _ = self.sockets[socket].send(bytes.as_bytes());
    }

    /// Reads all sockets once.
    fn read(&mut self) -> usize {
        let mut buffer = [0_u8; 65_536];
        let mut count = 0;
        for socket in 0..self.sockets.len() {
            loop {
                match self.sockets[socket].recv(&mut buffer) {
                    Ok(length) => {
                        count += 1;
                        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                        self.take(socket, &text);
                    }
                    Err(error) if error.kind() == WouldBlock => break,
                    Err(_) => break,
                }
            }
        }
        count
    }

    fn take(&mut self, socket: usize, text: &str) {
        let call = field(text, "Call-ID").rsplit_once('-').map_or("", |(call, _)| call).to_owned();
        if text.starts_with("NOTIFY") {
            self.answer(socket, text, "200 OK", false);
            let i: usize = call["lamp-".len()..].parse().unwrap();
            let cseq: u32 = field(text, "CSeq").split(' ').next().unwrap().parse().unwrap();
            let lamp = &mut self.lamps[i];
            if lamp.sent.is_some_and(|(last, _)| last >= 1_000_000 + cseq) {
                self.repeated += 1;
                return;
            }
            if lamp.accepted {
                lamp.sent = Some((1_000_000 + cseq, Instant::now()));
            }
            self.notifies += 1;
            // The last state of the document. A full one without a dialog is idle, a partial one says that all is as before.
            let state = text.rsplit_once("<state>").and_then(|(_, rest)| rest.split('<').next());
            match state {
                Some(state) => lamp.state = state.trim().to_owned(),
                None if text.contains("state=\"partial\"") => return,
                None => lamp.state = "terminated".to_owned(),
            }
            lamp.shown_at = Some(Instant::now());
        } else if text.starts_with("INVITE") {
            self.answer(socket, text, "180 Ringing", true);
            self.invited = Some(text.to_owned());
        } else if text.starts_with("CANCEL") {
            self.answer(socket, text, "200 OK", true);
            if let Some(invite) = self.invited.take() {
                self.answer(socket, &invite, "487 Request Terminated", true);
            }
        } else if let Some(i) = call.strip_prefix("lamp-").and_then(|i| i.parse::<usize>().ok()) {
            match status(text) {
                401 | 407 => {
                    let value = authorize(text, 1000 + i as u32, "SUBSCRIBE", &format!("sip:{WATCHED}@{}", self.domain));
                    self.subscribe(i, &value);
                }
                200 | 202 => self.lamps[i].accepted = true,
                100 => {}
                other => panic!("lamp {i}: {other}"),
            }
        } else if text.starts_with("SIP/2.0") && status(text) != 100 {
            self.answers.insert(call, text.to_owned());
        }
    }

    fn answer(&self, socket: usize, request: &str, status: &str, tag: bool) {
        let mut out = format!("SIP/2.0 {status}\r\n");
        for line in request.lines().take_while(|line| !line.is_empty()) {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if matches!(name.as_str(), "via" | "from" | "to" | "call-id" | "cseq" | "record-route") {
                out.push_str(line);
                if name == "to" && tag && !line.contains("tag=") {
                    out.push_str(";tag=phone");
                }
                out.push_str("\r\n");
            }
        }
        let local = self.sockets[socket].local_addr().unwrap();
        out.push_str(&format!("Contact: <sip:lamp@{local}>\r\nContent-Length: 0\r\n\r\n"));
        let _ = self.sockets[socket].send(out.as_bytes());
    }

    /// Sends a request with credentials and gives its last answer.
    fn ask(&mut self, socket: usize, method: &str, lines: (u32, u32), call: &str, head: &str, body: &str) -> String {
        let mut authorization = String::new();
        for cseq in 1..3 {
            self.answers.remove(call);
            self.send(socket, method, lines, call, cseq, &format!("{head}{authorization}"), body);
            let started = Instant::now();
            let answer = loop {
                self.read();
                if let Some(answer) = self.answers.remove(call) {
                    break answer;
                }
                assert!(started.elapsed() < PATIENCE, "{method} to {} is not answered", self.target);
            };
            if !matches!(status(&answer), 401 | 407) {
                return answer;
            }
            let aor = if method == "REGISTER" { String::new() } else { format!("{}@", lines.1) };
            authorization = authorize(&answer, lines.0, method, &format!("sip:{aor}{}", self.domain));
        }
        panic!("{method}: the credentials are refused");
    }

    fn register(&mut self, expires: u32) {
        let (call, head) = (format!("reg{expires}"), format!("Expires: {expires}\r\n"));
        let answer = self.ask(SOCKETS, "REGISTER", (WATCHED, WATCHED), &call, &head, "");
        assert_eq!(status(&answer), 200, "{answer}");
    }

    fn ring(&mut self, round: usize) -> Instant {
        let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
        let call = format!("call{round}");
        let began = Instant::now();
        let answer = self.ask(SOCKETS + 1, "INVITE", (CALLER, WATCHED), &call, "Content-Type: application/sdp\r\n", sdp);
        assert!(status(&answer) < 300, "{answer}");
        began
    }

    fn hang_up(&mut self, round: usize) -> Instant {
        let began = Instant::now();
        self.send(SOCKETS + 1, "CANCEL", (CALLER, WATCHED), &format!("call{round}"), 2, "", "");
        began
    }

    fn publish(&mut self, state: &str, round: usize, tag: &mut Option<String>) -> Instant {
        let (domain, call) = (self.domain.clone(), format!("publish{round}{state}"));
        let document = format!(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{round}\" state=\"full\" entity=\"sip:{WATCHED}@{domain}\">\r\n\
             <dialog id=\"d\" call-id=\"c\" local-tag=\"l\" remote-tag=\"r\" direction=\"recipient\"><state>{state}</state>\
             <remote><identity display=\"{CALLER}\">sip:{CALLER}@{domain}</identity></remote></dialog>\r\n</dialog-info>\r\n"
        );
        let condition = tag.as_ref().map_or(String::new(), |tag| format!("SIP-If-Match: {tag}\r\n"));
        let head = format!("Event: dialog\r\nExpires: 3600\r\nContent-Type: application/dialog-info+xml\r\n{condition}");
        let began = Instant::now();
        let answer = self.ask(SOCKETS, "PUBLISH", (WATCHED, WATCHED), &call, &head, &document);
        assert_eq!(status(&answer), 200, "{answer}");
        *tag = Some(field(&answer, "SIP-ETag").to_owned());
        began
    }

    /// Waits until every lamp shows this; gives how many milliseconds each took.
    fn all_show(&mut self, state: &str, began: Instant) -> Vec<f64> {
        loop {
            self.read();
            let shown = |lamp: &&Lamp| lamp.state == state && lamp.shown_at.is_some_and(|at| at >= began);
            let missing = self.lamps.len() - self.lamps.iter().filter(shown).count();
            if missing == 0 {
                let taken = |lamp: &Lamp| lamp.shown_at.map_or(0.0, |at| at.duration_since(began).as_secs_f64() * 1e3);
                return self.lamps.iter().map(taken).collect();
            }
            if began.elapsed() > PATIENCE {
                let mut states: BTreeMap<&str, usize> = BTreeMap::new();
                self.lamps.iter().for_each(|lamp| *states.entry(&lamp.state).or_default() += 1);
                panic!("{missing} lamps do not show {state}: {states:?}, {} repeated", self.repeated);
            }
        }
    }

    /// Reads until nothing has come for a while.
    fn rest(&mut self) {
        let mut quiet = Instant::now();
        while quiet.elapsed() < Duration::from_millis(700) {
            if self.read() > 0 {
                quiet = Instant::now();
            } else {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let fits = |line: &&str| line.split_once(':').is_some_and(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    text.lines().find(fits).and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
}

fn status(text: &str) -> u16 {
    text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
}

/// The header line that answers the challenge of a response (RFC 2617 §3.2.2).
fn authorize(response: &str, line: u32, method: &str, uri: &str) -> String {
    let proxy = status(response) == 407;
    let challenge = field(response, if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" });
    let value = |name: &str| {
        let at = challenge.find(&format!("{name}=")).map(|at| &challenge[at + name.len() + 1..]);
        let text = at.unwrap_or_default();
        match text.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
            None => text.split([',', ' ']).next().unwrap_or_default().to_owned(),
        }
    };
    let (realm, nonce) = (value("realm"), value("nonce"));
    let ha1 = md5(&format!("{line}:{realm}:pw{line}"));
    let ha2 = md5(&format!("{method}:{uri}"));
    let (answer, qop) = if value("qop").is_empty() {
        (md5(&format!("{ha1}:{nonce}:{ha2}")), "")
    } else {
        (md5(&format!("{ha1}:{nonce}:00000001:c:auth:{ha2}")), ", qop=auth, nc=00000001, cnonce=\"c\"")
    };
    let opaque = value("opaque");
    let opaque = if opaque.is_empty() { opaque } else { format!(", opaque=\"{opaque}\"") };
    let name = if proxy { "Proxy-Authorization" } else { "Authorization" };
    format!(
        "{name}: Digest username=\"{line}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{answer}\"{qop}{opaque}, algorithm=MD5\r\n"
    )
}

/// RFC 1321, in hexadecimal.
fn md5(text: &str) -> String {
    let shifts = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0x80);
    while bytes.len() % 64 != 56 {
        bytes.push(0);
    }
    bytes.extend((text.len() as u64 * 8).to_le_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in bytes.chunks(64) {
        let word = |i: usize| u32::from_le_bytes(block[4 * i..4 * i + 4].try_into().unwrap());
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64_usize {
            let (f, g) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), (7 * i) % 16),
            };
            let sine = (((i + 1) as f64).sin().abs() * 4_294_967_296.0) as u32;
            let sum = a.wrapping_add(f).wrapping_add(sine).wrapping_add(word(g));
            (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(shifts[i / 16][i % 4])));
        }
        for (value, add) in state.iter_mut().zip([a, b, c, d]) {
            *value = value.wrapping_add(add);
        }
    }
    state.iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("{byte:02x}")).collect()
}

/// CPU seconds of these processes and all their children.
fn cpu(pids: &[u32]) -> f64 {
    let mut all: BTreeMap<u32, (u32, u64)> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        let Some((_, rest)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |at: usize| fields[at].parse::<u64>().unwrap_or(0);
        all.insert(pid, (number(1) as u32, number(11) + number(12)));
    }
    let is_of = |pid: u32| {
        let mut at = pid;
        while at > 1 {
            if pids.contains(&at) {
                return true;
            }
            at = all.get(&at).map_or(0, |(parent, _)| *parent);
        }
        false
    };
    all.iter().filter(|(pid, _)| is_of(**pid)).map(|(_, (_, ticks))| *ticks as f64 / 100.0).sum()
}
