//! Measures side by side with the peers, in one run on this machine, and writes docs/benchmarks.md.

mod conference;
mod dialplan;
mod import;
mod lamps;
mod lines;
mod page;
mod pages;
mod plot;
mod server;
mod sip;
mod xmpp;

use anyhow::Result;
use clap::Args;

use crate::process;

/// Which measures to take.
#[derive(Args)]
pub struct Options {
    /// Only `import`, `xmpp`, `sip`, `lamps`, `lines`, `conference`, `dialplan` or `pages`
    part: Option<String>,
    /// Rounds; servers are interleaved within each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Write the page from the results of the last run without measuring
    #[arg(long)]
    page_only: bool,
}

/// One number: which measure, which server, what was read.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Reading {
    /// `login`, `chat`, `register`, …
    pub measure: String,
    /// `carillon`, `prosody`, …
    pub server: String,
    /// What was read, with its unit: `CPU ms each`.
    pub figure: String,
    /// One value per clean round.
    pub values: Vec<f64>,
}

impl Reading {
    /// The middle value.
    pub fn median(&self) -> Option<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }
}

/// Adds one value to the reading it belongs to.
pub fn record(readings: &mut Vec<Reading>, key: (&str, &str, &str), value: f64) {
    let (measure, server, figure) = key;
    match readings.iter_mut().find(|r| r.measure == measure && r.server == server && r.figure == figure) {
        Some(reading) => reading.values.push(value),
        None => readings.push(Reading {
            measure: measure.to_owned(),
            server: server.to_owned(),
            figure: figure.to_owned(),
            values: vec![value],
        }),
    }
}

/// Takes the measures, keeps them in docs/benchmarks.json, and writes the page and its plots from there.
pub fn run(options: &Options) -> Result<()> {
    let kept = "docs/benchmarks.json";
    let mut readings: Vec<Reading> = match std::fs::read_to_string(kept) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) => Vec::new(),
    };
    if !options.page_only {
        // Neither has a server or a peer: their drivers build what they need.
        if !matches!(options.part.as_deref(), Some("dialplan" | "conference")) {
            build()?;
        }
        let wanted = |part: &str| options.part.as_deref().is_none_or(|p| p == part);
        type Part = (&'static str, fn(usize) -> Result<Vec<Reading>>);
        let parts: [Part; 8] = [
            ("import", import::run),
            ("xmpp", xmpp::run),
            ("sip", sip::run),
            ("lamps", lamps::run),
            ("lines", lines::run),
            ("conference", conference::run),
            ("dialplan", dialplan::run),
            ("pages", pages::run),
        ];
        for (_, part) in parts.iter().filter(|(name, _)| wanted(name)) {
            let taken = part(options.rounds)?;
            readings.retain(|r| !taken.iter().any(|t| t.measure == r.measure));
            readings.extend(taken);
        }
        std::fs::write(kept, serde_json::to_string_pretty(&readings)? + "\n")?;
    }
    page::write(&readings)
}

fn build() -> Result<()> {
    process::run(&["cargo", "build", "--release", "--package", "server"])?;
    let mut load =
        process::command(&["cargo", "build", "--release", "--manifest-path", "benches/xmpp-load/Cargo.toml"]);
    load.env("CARGO_TARGET_DIR", process::target().join("xmpp-load"));
    process::run_command(load, "build the XMPP load generator")?;
    for tool in ["rtpload", "lamps"] {
        let (source, program) = (format!("benches/sip/tools/{tool}.rs"), format!("benches/sip/tools/{tool}"));
        process::run(&["rustc", "--edition", "2021", "-O", &source, "-o", &program])?;
    }
    Ok(())
}
