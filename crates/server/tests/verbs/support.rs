//! Data directories and the built command, as an administrator uses them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
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

/// A running server; killed when the test forgets it.
pub struct Server(Child);

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
        let first =
            34_000 + (std::process::id() % 600) as u16 * 40 + NEXT_RTP.fetch_add(8, Ordering::Relaxed) % 40;
        let mut command = command(&self.data(), &["serve"]);
        for port in ["XMPP", "XMPPS", "SIP", "SIPS", "HTTPS", "HTTP_LOOPBACK", "METRICS"] {
            command.env(format!("CARILLON__LISTEN__{port}"), "0");
        }
        command.env("CARILLON__LISTEN__ADDRESSES", "[\"127.0.0.1\"]");
        command.env("CARILLON__MEDIA__RTP_PORTS", format!("{first}-{}", first + 7));
        let child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut server = Server(child);
        let mut lines = BufReader::new(server.0.stderr.take().unwrap()).lines();
        let mut log = String::new();
        loop {
            match lines.next() {
                Some(Ok(line)) if line.contains("serving") => break,
                Some(Ok(line)) => log.push_str(&format!("{line}\n")),
                _ => panic!("the server did not start: {log}"),
            }
        }
        // The pipe must go on being emptied, or the server stops at a full one.
        let _drain = std::thread::Builder::new().spawn(move || lines.for_each(drop)).unwrap();
        server
    }
}

impl Server {
    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Sends SIGTERM; answers the exit code and how long it took.
    pub fn terminate(mut self) -> (i32, Duration) {
        let began = now();
        self.signal("TERM");
        let code = self.0.wait().unwrap().code().unwrap_or(-1);
        (code, now().duration_since(began))
    }

    /// Ends it as a crash does.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
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
