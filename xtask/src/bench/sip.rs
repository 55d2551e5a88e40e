//! SIP: our server beside Kamailio (and rtpengine for the sound) under sipp.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::server::{Accounts, Carillon, Peer};
use super::{Reading, record};
use crate::process;

const LINES: std::ops::Range<u32> = 1000..2000;
const CARILLON_OFFSET: u16 = 11000;
const CARILLON_TARGET: &str = "127.0.0.1:16060";
const KAMAILIO_TARGET: &str = "127.0.0.1:5070";

/// A measure: its name, the driver's words, the peer's mode, and the figures to take.
struct Measure {
    name: &'static str,
    words: &'static [&'static str],
    mode: &'static str,
    figures: &'static [(&'static str, &'static str)],
}

const MEASURES: &[Measure] = &[
    Measure {
        name: "REGISTER at 4,000/s",
        words: &["reg", "--rate", "4000", "--procs", "2", "--runs", "1", "--seconds", "6"],
        mode: "plain",
        figures: &[
            ("CPU s per 1,000", "/cpu_s_per_1000"),
            ("achieved a second", "/achieved"),
            ("p99 ms", "/rtd1_p99_ms"),
        ],
    },
    Measure {
        name: "call at 400/s",
        words: &["call", "--rate", "400", "--runs", "1", "--seconds", "6"],
        mode: "plain",
        figures: &[
            ("CPU s per 1,000", "/cpu_s_per_1000"),
            ("achieved a second", "/achieved"),
            ("p99 ms", "/rtd1_p99_ms"),
        ],
    },
    Measure {
        name: "MESSAGE at 1,000/s",
        words: &["msg", "--rate", "1000", "--runs", "1", "--seconds", "6"],
        mode: "plain",
        figures: &[
            ("CPU s per 1,000", "/cpu_s_per_1000"),
            ("achieved a second", "/achieved"),
            ("p99 ms", "/rtd1_p99_ms"),
        ],
    },
    Measure {
        name: "RTP relay, 200 calls",
        words: &["rtp", "--calls", "200", "--seconds", "10", "--runs", "1"],
        mode: "rtpengine",
        figures: &[
            ("CPU s per million packets", "/cpu_s_per_million_pkts"),
            ("packets a second", "/relayed_pps"),
            ("p99 µs", "/rtt_p99_us"),
        ],
    },
];

/// Takes all measures on both servers.
pub fn run(rounds: usize) -> Result<Vec<Reading>> {
    let rows = LINES.map(|n| format!("u{n}@bench.local,,pw{n},{n},pw{n}")).collect();
    let accounts = Accounts { domain: "bench.local", rows, port_offset: CARILLON_OFFSET };
    let data = Carillon::prepare("sip", &accounts)?;
    let mut readings = Vec::new();
    for round in 1..=rounds {
        for measure in MEASURES {
            eprintln!("bench: {}, round {round} of {rounds}", measure.name);
            let ours = Carillon::start(data.clone(), 5222 + CARILLON_OFFSET)?;
            take(measure, "carillon", CARILLON_TARGET, &ours.pid(), &mut readings);
            drop(ours);
            let peer = Peer { script: "benches/sip/peers/kamailio.sh", mode: measure.mode };
            peer.call("start")?;
            let label = if measure.mode == "rtpengine" { "kamailio 5.6 + rtpengine" } else { "kamailio 5.6" };
            take(measure, label, KAMAILIO_TARGET, &peer.call("pid")?, &mut readings);
            peer.call("stop")?;
        }
    }
    Ok(readings)
}

fn take(measure: &Measure, label: &str, target: &str, pid: &str, readings: &mut Vec<Reading>) {
    match drive(measure, target, pid) {
        Ok(value) => {
            for (figure, path) in measure.figures {
                if let Some(number) = value.pointer(path).and_then(Value::as_f64) {
                    record(readings, (measure.name, label, figure), number);
                }
            }
        }
        Err(error) => eprintln!("bench: {label}: {error:#}"),
    }
}

fn drive(measure: &Measure, target: &str, pid: &str) -> Result<Value> {
    let output = process::command(&["nice", "-n", "-5", "python3", "benches/sip/sipbench.py"])
        .args(measure.words)
        .args(["--target", target, "--pid", pid])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().rfind(|line| line.starts_with('{')).context("sipbench.py gave no result")?;
    let value: Value = serde_json::from_str(last)?;
    let failed = value["failed_total"].as_i64().or(value["call_failed"].as_i64()).unwrap_or(0);
    if !output.status.success() || failed != 0 {
        bail!("{}: {failed} operations failed", measure.name);
    }
    Ok(value)
}
