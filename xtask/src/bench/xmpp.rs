//! XMPP: our server, Prosody, ejabberd and the null router under the same generator, round by round.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::page::NULL_ROUTER;
use super::server::{Accounts, Carillon, Peer, UNLIMITED};
use super::{Reading, record};
use crate::process;

/// Accounts in every server: enough for the largest idle measure, below 20,000 descriptors a process.
const USERS: usize = 18_000;
/// Further accounts with rosters of [`CONTACTS`], for the presence measure.
const ACQUAINTED: usize = 200;
const CONTACTS: &str = "50";
const PASSWORD: &str = "secret-pw-1";
const CARILLON_OFFSET: u16 = 10000;
const CARILLON_PORT: u16 = 5222 + CARILLON_OFFSET;

/// A measure: its name, the generator's words, and how it is taken.
type Measure = (&'static str, &'static [&'static str], Taken);

/// How a measure is taken.
#[derive(Clone, Copy, PartialEq)]
enum Taken {
    /// In every round, on the server as it is.
    EachRound,
    /// In every round, on a server that was started for it.
    Fresh,
    /// In the first round only, on a server that was started for it.
    FreshOnce,
}

const LOGIN: Measure =
    ("login", &["login", "--users", "2000", "--concurrency", "64", "--settle", "0"], Taken::EachRound);
/// What is measured while nothing is archived.
const MEASURES: &[Measure] = &[
    LOGIN,
    ("chat", &["chat", "--users", "400", "--window", "1", "--seconds", "6"], Taken::EachRound),
    ("chat, 8 in flight", &["chat", "--users", "400", "--window", "8", "--seconds", "6"], Taken::EachRound),
    (
        "chat, 3,000 a second",
        &["chat", "--users", "400", "--rate", "3000", "--seconds", "6"],
        Taken::EachRound,
    ),
    (
        "presence",
        &["presence", "--users", "200", "--k", CONTACTS, "--prefix", "p", "--seconds", "6"],
        Taken::EachRound,
    ),
    (
        "presence, 100 changes a second",
        &["presence", "--users", "200", "--k", CONTACTS, "--prefix", "p", "--rate", "100", "--seconds", "6"],
        Taken::EachRound,
    ),
    ("rooms", &["muc", "--rooms", "10", "--occupants", "100", "--seconds", "6"], Taken::EachRound),
    (
        "rooms, 50 messages a second",
        &["muc", "--rooms", "10", "--occupants", "100", "--rate", "50", "--seconds", "6"],
        Taken::EachRound,
    ),
    (
        "idle, 2,000 sessions",
        &["idle", "--users", "2000", "--concurrency", "32", "--hold", "10"],
        Taken::Fresh,
    ),
    (
        "idle, 10,000 sessions",
        &["idle", "--users", "10000", "--concurrency", "32", "--hold", "10"],
        Taken::FreshOnce,
    ),
    (
        "idle, 18,000 sessions",
        &["idle", "--users", "18000", "--concurrency", "32", "--hold", "10"],
        Taken::FreshOnce,
    ),
];
/// What is measured while every message is archived for both sides.
const ARCHIVED: &[Measure] = &[
    ("chat with archive", &["chat", "--users", "400", "--window", "1", "--seconds", "6"], Taken::EachRound),
    (
        "chat with archive, 8 in flight",
        &["chat", "--users", "400", "--window", "8", "--seconds", "6"],
        Taken::EachRound,
    ),
    (
        "chat with archive, 3,000 a second",
        &["chat", "--users", "400", "--rate", "3000", "--seconds", "6"],
        Taken::EachRound,
    ),
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
    ("presence", "copies a second", "/run/delivered_per_s"),
    ("presence", "CPU s per 1,000 copies", "/run/cpu/server_cpu_s_per_1000"),
    ("presence", "p50 ms", "/run/latency_ms/p50"),
    ("presence", "p99 ms", "/run/latency_ms/p99"),
    ("rooms", "copies a second", "/run/delivered_per_s"),
    ("rooms", "CPU s per 1,000 copies", "/run/cpu/server_cpu_s_per_1000"),
    ("rooms", "p50 ms", "/run/latency_ms/p50"),
    ("rooms", "p99 ms", "/run/latency_ms/p99"),
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
    archive: bool,
}

impl Server {
    fn peer(label: &'static str, script: &'static str, port: u16, authentication: &'static str) -> Self {
        Self {
            label,
            port,
            authentication,
            contender: Contender::Peer(Peer { script, mode: "" }),
            archive: false,
        }
    }

    /// Starts (anew) and gives the process to account.
    fn start(&mut self) -> Result<String> {
        match &mut self.contender {
            Contender::Peer(peer) => {
                peer.call_with("restart", &[("MAM", if self.archive { "1" } else { "0" })])
            }
            Contender::Ours(running) => {
                *running = None;
                let data = process::target().join("bench/xmpp");
                let default = if self.archive { "always" } else { "never" };
                // As the peers: without a limit of what a client may send.
                let settings = [
                    ("CARILLON__ARCHIVE__DEFAULT", default),
                    ("CARILLON__LIMITS__STANZAS_PER_SECOND", "1000000"),
                    ("CARILLON__LIMITS__ROOM_MESSAGES_PER_SECOND", "1000000"),
                ];
                let server = running.insert(Carillon::start_with(data, CARILLON_PORT, &settings)?);
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
        let output = process::command(&["bash", "-c", UNLIMITED, "nice", "-n", "-10"])
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
    let names = (0..USERS).map(|n| format!("u{n}")).chain((0..ACQUAINTED).map(|n| format!("p{n}")));
    let rows = names.map(|name| format!("{name}@localhost,,{PASSWORD},,")).collect();
    Carillon::prepare("xmpp", &Accounts { domain: "localhost", rows, port_offset: CARILLON_OFFSET })?;
    let mut servers = [
        Server {
            label: "carillon",
            port: CARILLON_PORT,
            authentication: "scram-sha-256",
            contender: Contender::Ours(None),
            archive: false,
        },
        Server::peer("prosody 0.12", "benches/peers/prosody.sh", 17522, "scram-sha-256"),
        Server::peer("ejabberd 23.01", "benches/peers/ejabberd.sh", 27522, "scram-sha-256"),
        Server::peer(NULL_ROUTER, "benches/peers/null.sh", 7522, "plain"),
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
    let pid = server.start()?;
    let (users, acquainted) = (USERS.to_string(), ACQUAINTED.to_string());
    if matches!(server.contender, Contender::Peer(_)) && server.authentication != "plain" {
        // In-band registration; accounts that are there already are no failure.
        let _ = server.measure(&["register", "--users", &users], &pid);
        let _ = server.measure(&["register", "--users", &acquainted, "--prefix", "p"], &pid);
    }
    // Once, unmeasured: fills the generator's cache of salted passwords, as a real client has it.
    server.measure(&["login", "--users", &users, "--concurrency", "64", "--settle", "0"], &pid)?;
    if server.authentication != "plain" {
        server.measure(&["roster", "--users", &acquainted, "--k", CONTACTS, "--prefix", "p"], &pid)?;
    }
    measure_rounds(server, MEASURES, rounds, pid, readings)?;
    if server.authentication != "plain" {
        server.archive = true;
        let pid = server.start()?;
        measure_rounds(server, ARCHIVED, rounds, pid, readings)?;
    }
    Ok(())
}

fn measure_rounds(
    server: &mut Server,
    measures: &[Measure],
    rounds: usize,
    mut pid: String,
    readings: &mut Vec<Reading>,
) -> Result<()> {
    for round in 1..=rounds {
        for (measure, words, taken) in measures {
            match taken {
                Taken::FreshOnce if round > 1 => continue,
                Taken::EachRound => {}
                Taken::Fresh | Taken::FreshOnce => pid = server.start()?,
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
