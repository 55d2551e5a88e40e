//! Busy lamps: one line that very many subscriptions watch, on our server and on Kamailio's presence server.

use std::io::Write as _;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::server::{Accounts, Carillon, Peer, program};
use super::{Reading, record};
use crate::process;

const MEASURE: &str = "One line watched by 2,000 lamps";
const LAMPS: &str = "2000";
const ROUNDS: &str = "5";
const DOMAIN: &str = "bench.local";
const CARILLON_OFFSET: u16 = 11000;
const CARILLON_TARGET: &str = "127.0.0.1:16060";
const KAMAILIO_TARGET: &str = "127.0.0.1:5070";
const FIGURES: &[(&str, &str)] = &[
    ("CPU s per 1,000 NOTIFYs", "cpu_s_per_1000"),
    ("ms until half of the lamps show it", "shown_p50_ms"),
    ("ms until all do", "all_shown_ms"),
    ("ms in the worst round", "all_shown_worst_ms"),
    ("CPU s per 1,000 SUBSCRIBEs", "cpu_s_per_1000_subscribes"),
];

/// Takes the measure on both servers.
pub fn run(rounds: usize) -> Result<Vec<Reading>> {
    let rows = (1000..3000).map(|n| format!("u{n}@{DOMAIN},,pw{n},{n},pw{n}")).collect();
    let data = Carillon::prepare("lamps", &Accounts { domain: DOMAIN, rows, port_offset: CARILLON_OFFSET })?;
    for line in ["3000", "3001"] {
        add_line(line, &data.to_string_lossy())?;
    }
    let mut readings = Vec::new();
    for round in 1..=rounds {
        eprintln!("bench: {MEASURE}, round {round} of {rounds}");
        let ours = Carillon::start(data.clone(), 5222 + CARILLON_OFFSET)?;
        take("carillon", &["call", CARILLON_TARGET], &ours.pid(), &mut readings);
        drop(ours);
        let peer = Peer { script: "benches/sip/peers/kamailio.sh", mode: "presence" };
        peer.call("start")?;
        take("kamailio 5.6", &["publish", KAMAILIO_TARGET], &peer.call("pid")?, &mut readings);
        peer.call("stop")?;
    }
    Ok(readings)
}

/// A line that nobody owns: everybody may watch it.
fn add_line(line: &str, data: &str) -> Result<()> {
    let mut adding = process::command(&[&program(), "line", "add", line, "--password-stdin", "--data", data])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    writeln!(adding.stdin.take().context("a pipe")?, "pw{line}")?;
    if !adding.wait()?.success() {
        bail!("the line {line} could not be added");
    }
    Ok(())
}

fn take(label: &str, words: &[&str], pid: &str, readings: &mut Vec<Reading>) {
    match drive(words, pid) {
        Ok(value) => {
            for (figure, name) in FIGURES {
                if let Some(number) = value[name].as_f64() {
                    record(readings, (MEASURE, label, figure), number);
                }
            }
        }
        Err(error) => eprintln!("bench: {label}: {error:#}"),
    }
}

fn drive(words: &[&str], pid: &str) -> Result<Value> {
    let output = process::command(&["nice", "-n", "-5", "benches/sip/tools/lamps"])
        .args(words)
        .args([DOMAIN, LAMPS, ROUNDS, pid])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().rfind(|line| line.starts_with('{')).context("lamps gave no result")?;
    Ok(serde_json::from_str(last)?)
}
