//! Data directories and the built command, as an administrator uses them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Every started server of this process gets its own few RTP ports.
static NEXT_RTP: AtomicU16 = AtomicU16::new(0);

pub struct House {
    folder: tempfile::TempDir,
}

/// What a verb did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// How long a line of the log may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; killed when the test forgets it.
pub struct Server {
    child: Child,
    log: Receiver<String>,
}

impl House {
    /// A directory that `init` has made for `localhost`.
    pub fn new() -> Self {
        let house = Self::empty();
        let made = house.verb(&["init", "--domain", "localhost"]);
        assert_eq!(made.code, 0, "{made:?}");
        house
    }

    pub fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name).display().to_string()
    }

    pub fn verb(&self, arguments: &[&str]) -> Done {
        self.verb_with(arguments, "")
    }

    pub fn verb_with(&self, arguments: &[&str], input: &str) -> Done {
        verb_at(&self.data(), arguments, input)
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let done = self.verb(&[arguments, &["--json"]].concat());
        assert_eq!(done.code, 0, "{arguments:?}: {done:?}");
        serde_json::from_str(&done.out).unwrap()
    }

    /// Starts `serve` without any public port, and waits until the control socket answers.
    pub fn serve(&self) -> Server {
        // Below 32,768, where the system hands out no ports of its own accord.
        let own = NEXT_RTP.fetch_add(8, Ordering::Relaxed) % 96;
        let first = 20_000 + (std::process::id() % 120) as u16 * 100 + own;
        let mut command = command(&self.data(), &["serve"]);
        for port in [
            "XMPP",
            "XMPPS",
            "XMPP_SERVERS",
            "XMPPS_SERVERS",
            "SIP",
            "SIPS",
            "HTTPS",
            "HTTP_LOOPBACK",
            "METRICS",
        ] {
            command.env(format!("CARILLON__LISTEN__{port}"), "0");
        }
        command.env("CARILLON__LISTEN__ADDRESSES", "[\"127.0.0.1\"]");
        command.env("CARILLON__MEDIA__RTP_PORTS", format!("{first}-{}", first + 7));
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, log) = channel();
        let mut server = Server { child, log };
        let lines = BufReader::new(server.child.stderr.take().unwrap()).lines();
        // The pipe must go on being emptied, or the server stops at a full one.
        let read = move || lines.map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        let _reader = std::thread::Builder::new().spawn(read).unwrap();
        server.logs(&["serving"]);
        server
    }
}

impl Server {
    /// Waits for a line of the log that holds all of `parts`.
    pub fn logs(&self, parts: &[&str]) {
        let (end, mut seen) = (now() + PATIENCE, String::new());
        while let Ok(line) = self.log.recv_timeout(end.saturating_duration_since(now())) {
            if parts.iter().all(|part| line.contains(part)) {
                return;
            }
            seen.push_str(&format!("{line}\n"));
        }
        panic!("no line of the log says {parts:?}: {seen}");
    }

    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends SIGTERM; answers the exit code and how long it took.
    pub fn terminate(mut self) -> (i32, Duration) {
        let began = now();
        self.signal("TERM");
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        (code, now().duration_since(began))
    }

    /// Ends it as a crash does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub fn verb_at(data: &Path, arguments: &[&str], input: &str) -> Done {
    let mut child = command(data, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A verb that reads nothing may have ended already.
    let _closed = child.stdin.take().unwrap().write_all(input.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    Done {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_carillon"));
    command.args(arguments).env("CARILLON_DATA", data).env_remove("NOTIFY_SOCKET");
    command
}

#[allow(clippy::disallowed_methods, reason = "the test times another process")]
pub fn now() -> Instant {
    Instant::now()
}
