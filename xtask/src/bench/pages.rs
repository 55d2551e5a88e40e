//! The pages in Chromium, beside Converse.js on the same server: loading, opening, scrolling, typing.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::server::{Accounts, Carillon, program};
use super::{Reading, record};
use crate::{interop, process, ui};

const PORT_OFFSET: u16 = 15_580;
/// Whom the driver signs in: password `pw-NAME`.
const USERS: [(&str, u16); 3] = [("ann", 1001), ("bob", 1002), ("carol", 1003)];

/// A line of the driver.
#[derive(Deserialize)]
struct Line {
    measure: String,
    server: String,
    figure: String,
    value: f64,
}

/// Takes the measures in each round; the driver fills the server's accounts anew.
pub fn run(rounds: usize) -> Result<Vec<Reading>> {
    let mut readings = Vec::new();
    for round in 1..=rounds {
        eprintln!("bench: pages, round {round} of {rounds}");
        let rows = USERS
            .iter()
            .map(|(user, line)| format!("{user}@localhost,{user},pw-{user},{line},line-{line}"))
            .collect();
        let accounts = Accounts { domain: "localhost", rows, port_offset: PORT_OFFSET };
        let data = Carillon::prepare("pages", &accounts)?;
        let output = process::command(&[&interop::python(), "benches/pages/measure.py"])
            .env("CARILLON", program())
            .env("CARILLON_DATA", &data)
            .env("CARILLON_PORT_OFFSET", PORT_OFFSET.to_string())
            .env("NODE", ui::node()?)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            bail!("the driver of the pages failed ({}); see {}", output.status, data.display());
        }
        for line in String::from_utf8(output.stdout)?.lines() {
            let line: Line = serde_json::from_str(line).with_context(|| format!("the driver said {line}"))?;
            record(&mut readings, (&line.measure, &line.server, &line.figure), line.value);
        }
    }
    Ok(readings)
}
