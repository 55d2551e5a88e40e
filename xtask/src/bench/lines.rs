//! Very many registered lines: the memory that they take, and the CPU of their keep-alives (`CC-39`).

use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;

use super::server::{Accounts, Carillon, UNLIMITED};
use super::{Reading, record};
use crate::process;

const DOMAIN: &str = "bench.local";
const CARILLON_OFFSET: u16 = 11000;
/// Measure, words for the generator. A connection is a descriptor on both sides, and 20,000 is what a process may have.
const MEASURES: &[(&str, [&str; 3])] = &[
    ("30,000 registered lines over UDP", ["udp", "127.0.0.1:16060", "30000"]),
    ("15,000 registered lines over TCP", ["tcp", "127.0.0.1:16060", "15000"]),
    ("15,000 registered lines over TLS", ["tls", "127.0.0.1:16061", "15000"]),
];
const FIGURES: &[(&str, &str)] = &[
    ("MiB of the whole server", "mib"),
    ("KiB a line", "kib_per_line"),
    ("CPU s per 1,000 REGISTERs", "cpu_s_per_1000_registers"),
    ("CPU s per 1,000 keep-alives", "cpu_s_per_1000_keep_alives"),
];

/// Takes the measures, each on a server that was started for it.
pub fn run(rounds: usize) -> Result<Vec<Reading>> {
    let rows = (1000..31_000).map(|n| format!("u{n}@{DOMAIN},,pw{n},{n},pw{n}")).collect();
    let data = Carillon::prepare("lines", &Accounts { domain: DOMAIN, rows, port_offset: CARILLON_OFFSET })?;
    let mut readings = Vec::new();
    for round in 1..=rounds {
        for (measure, words) in MEASURES {
            eprintln!("bench: {measure}, round {round} of {rounds}");
            // Registrations are kept over a restart: each measure begins without any.
            let fresh = data.with_extension("fresh");
            let (from, to) = (data.to_string_lossy(), fresh.to_string_lossy());
            process::run(&["rm", "-rf", &to])?;
            process::run(&["cp", "-r", &from, &to])?;
            let ours = Carillon::start(fresh, 5222 + CARILLON_OFFSET)?;
            match drive(words, &ours.pid()) {
                Ok(value) => {
                    for (figure, name) in FIGURES {
                        if let Some(number) = value[name].as_f64() {
                            record(&mut readings, (measure, "carillon", figure), number);
                        }
                    }
                }
                Err(error) => eprintln!("bench: {error:#}"),
            }
        }
    }
    Ok(readings)
}

fn drive(words: &[&str], pid: &str) -> Result<Value> {
    let output = process::command(&["bash", "-c", UNLIMITED, "python3", "benches/sip/lines.py"])
        .args(words)
        .arg(pid)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().rfind(|line| line.starts_with('{')).context("lines.py gave no result")?;
    Ok(serde_json::from_str(last)?)
}
