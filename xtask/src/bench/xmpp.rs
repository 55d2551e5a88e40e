//! XMPP: our server, Prosody, ejabberd and the null router under the same generator, round by round.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::server::{Accounts, Carillon, Peer};
use super::{Reading, record};
use crate::process;

/// Accounts in every server: enough for the idle measure.
const USERS: usize = 2000;
const PASSWORD: &str = "secret-pw-1";
const CARILLON_OFFSET: u16 = 10000;
const CARILLON_PORT: u16 = 5222 + CARILLON_OFFSET;

/// A measure: its name, the generator's words, and whether the server is started anew for it.
const MEASURES: &[(&str, &[&str], bool)] = &[
    ("login", &["login", "--users", "2000", "--concurrency", "64", "--settle", "0"], false),
    ("chat", &["chat", "--users", "400", "--window", "1", "--seconds", "6"], false),
    ("chat, 8 in flight", &["chat", "--users", "400", "--window", "8", "--seconds", "6"], false),
    ("chat, 3,000 a second", &["chat", "--users", "400", "--rate", "3000", "--seconds", "6"], false),
    ("idle", &["idle", "--users", "2000", "--concurrency", "32", "--hold", "10"], true),
];

/// Where each figure stands in the generator's answer.
const FIGURES: &[(&str, &str, &str)] = &[
    ("login", "log-ins a second", "/login/per_s"),
    ("login", "CPU ms each", "/login/cpu/server_cpu_s_per_1000"),
    ("login", "p99 ms", "/login/ms/p99"),
    ("chat", "delivered a second", "/run/delivered_per_s"),
    ("chat", "CPU s per 1,000", "/run/cpu/server_cpu_s_per_1000"),
    ("chat", "p50 ms", "/run/latency_ms/p50"),
    ("chat", "p99 ms", "/run/latency_ms/p99"),
    ("idle", "KiB a session", "/idle/samples/4/kib_per_session"),
];

enum Contender {
    Ours(Option<Carillon>),
    Peer(Peer),
}

struct Server {
    label: &'static str,
    port: u16,
    authentication: &'static str,
    contender: Contender,
}

impl Server {
    fn peer(label: &'static str, script: &'static str, port: u16, authentication: &'static str) -> Self {
        Self { label, port, authentication, contender: Contender::Peer(Peer { script, mode: "" }) }
    }

    /// Starts (anew) and gives the process to account.
    fn start(&mut self) -> Result<String> {
        match &mut self.contender {
            Contender::Peer(peer) => peer.call("restart"),
            Contender::Ours(running) => {
                *running = None;
                let data = process::target().join("bench/xmpp");
                let server = running.insert(Carillon::start(data, CARILLON_PORT)?);
                Ok(server.pid())
            }
        }
    }

    fn stop(&mut self) {
        match &mut self.contender {
            Contender::Peer(peer) => drop(peer.call("stop")),
            Contender::Ours(running) => *running = None,
        }
    }

    fn measure(&self, words: &[&str], pid: &str) -> Result<Value> {
        let port = self.port.to_string();
        let target = ["--port", &port, "--pid", pid, "--domain", "localhost", "--auth", self.authentication];
        let rest = ["--tls", "starttls", "--out", "json", "--password", PASSWORD];
        let output = process::command(&["nice", "-n", "-10"])
            .arg(process::target().join("xmpp-load/release/xmpp-load"))
            .args(words)
            .args(target)
            .args(rest)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()?;
        let value: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} {}: the generator gave no result", self.label, words[0]))?;
        if !output.status.success() {
            bail!("{} {}: the run was not clean: {}", self.label, words[0], value["fail"]);
        }
        Ok(value)
    }
}

/// Takes all measures on all servers.
pub fn run(rounds: usize) -> Result<Vec<Reading>> {
    let rows = (0..USERS).map(|n| format!("u{n}@localhost,,{PASSWORD},,")).collect();
    Carillon::prepare("xmpp", &Accounts { domain: "localhost", rows, port_offset: CARILLON_OFFSET })?;
    let mut servers = [
        Server {
            label: "carillon",
            port: CARILLON_PORT,
            authentication: "scram-sha-1",
            contender: Contender::Ours(None),
        },
        Server::peer("prosody 0.12", "benches/peers/prosody.sh", 17522, "scram-sha-1"),
        Server::peer("ejabberd 23.01", "benches/peers/ejabberd.sh", 27522, "scram-sha-1"),
        Server::peer("null router", "benches/peers/null.sh", 7522, "plain"),
    ];
    let mut readings = Vec::new();
    for server in &mut servers {
        let result = measure_one(server, rounds, &mut readings);
        server.stop();
        result?;
    }
    Ok(readings)
}

fn measure_one(server: &mut Server, rounds: usize, readings: &mut Vec<Reading>) -> Result<()> {
    let mut pid = server.start()?;
    if matches!(server.contender, Contender::Peer(_)) && server.authentication != "plain" {
        let users = USERS.to_string();
        // In-band registration; accounts that are there already are no failure.
        let _ = server.measure(&["register", "--users", &users], &pid);
    }
    // Once, unmeasured: fills the generator's cache of salted passwords, as a real client has it.
    server.measure(MEASURES[0].1, &pid)?;
    for round in 1..=rounds {
        for (measure, words, fresh) in MEASURES {
            if *fresh {
                pid = server.start()?;
            }
            eprintln!("bench: {} {measure}, round {round} of {rounds}", server.label);
            match server.measure(words, &pid) {
                Ok(value) => take(&value, measure, server.label, readings),
                Err(error) => eprintln!("bench: {error:#}"),
            }
        }
    }
    Ok(())
}

fn take(value: &Value, measure: &str, label: &str, readings: &mut Vec<Reading>) {
    for (family, figure, path) in FIGURES.iter().filter(|(family, ..)| measure.starts_with(family)) {
        match value.pointer(path).and_then(Value::as_f64) {
            Some(number) => record(readings, (measure, label, figure), number),
            None => eprintln!("bench: {family}: no {path} in the generator's answer"),
        }
    }
}
