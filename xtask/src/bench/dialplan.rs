//! The dial plan: routes a second on one core over 50,000 patterns, with and without the explanation.

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Reading, record};
use crate::process;

const MEASURE: &str = "dial plan, 50,000 patterns";
const SECONDS: &str = "3";

/// Takes the measure in each round.
pub fn run(rounds: usize) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    for round in 1..=rounds {
        eprintln!("bench: {MEASURE}, round {round} of {rounds}");
        let example = [
            "cargo",
            "run",
            "--release",
            "--quiet",
            "--package",
            "calls",
            "--example",
            "dialplan",
            "--",
            SECONDS,
        ];
        let measured: Value = serde_json::from_str(process::output(&example)?.trim())?;
        let figures = [
            ("routes a second and core", "routes_per_second"),
            ("explanations a second and core", "explanations_per_second"),
            ("ms to compile", "compile_ms"),
        ];
        for (figure, key) in figures {
            let value = measured[key].as_f64().with_context(|| format!("the measure has no {key}"))?;
            record(&mut readings, (MEASURE, "carillon", figure), value);
        }
    }
    Ok(readings)
}
