//! Conferences: 100 parties that all send and receive, five of them speaking, in G.711 and in Opus.
//!
//! No conference bridge that Debian packages mixes for 100 parties on the same wire, so ours stands alone; FreeSWITCH
//! operators report about 50 participants a core.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Reading, record};
use crate::process;

const PARTIES: &str = "100";
const SPEAKERS: &str = "5";
const SECONDS: &str = "10";

const FIGURES: [(&str, &str); 3] = [
    ("CPU ms per party and second", "/cpu_ms_per_party_s"),
    ("parties a core", "/parties_per_core"),
    ("mixing jitter p99 ms", "/jitter_p99_ms"),
];

/// Takes the measure in each codec.
pub fn run(rounds: usize) -> Result<Vec<Reading>> {
    process::run(&["cargo", "build", "--release", "--package", "media", "--example", "conference"])?;
    let program = process::target().join("release/examples/conference");
    let mut readings = Vec::new();
    for round in 1..=rounds {
        for (codec, name) in [("pcma", "G.711"), ("g722", "G.722"), ("opus", "Opus")] {
            let measure = format!("conference of 100, five speaking, {name}");
            eprintln!("bench: {measure}, round {round} of {rounds}");
            let program = program.to_string_lossy();
            let text = process::output(&["nice", "-n", "-5", &program, codec, PARTIES, SPEAKERS, SECONDS])?;
            let last =
                text.lines().rfind(|line| line.starts_with('{')).context("the bench gave no result")?;
            let value: Value = serde_json::from_str(last)?;
            let count = |path: &str| value[path].as_u64().unwrap_or(0);
            // A round in which packets are missing is not clean.
            if count("packets") * 100 < count("expected") * 99 {
                eprintln!("bench: {measure}: {last}");
                continue;
            }
            for (figure, path) in FIGURES {
                if let Some(number) = value.pointer(path).and_then(Value::as_f64) {
                    record(&mut readings, (&measure, "carillon", figure), number);
                }
            }
        }
    }
    Ok(readings)
}
