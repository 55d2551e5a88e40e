//! docs/benchmarks.md: tables and plots between the marks; the text around them is written by people.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Result, bail};

use super::{Reading, plot};
use crate::process;

const PAGE: &str = "docs/benchmarks.md";
/// How the floor of the XMPP measures is called.
pub const NULL_ROUTER: &str = "null router";
const BEGIN: &str = "<!-- measured: begin -->";
const END: &str = "<!-- measured: end -->";

/// Writes the measured part of the page anew; the rest stays.
pub fn write(readings: &[Reading]) -> Result<()> {
    let page = fs::read_to_string(PAGE)?;
    let (Some(begin), Some(end)) = (page.find(BEGIN), page.find(END)) else {
        bail!("{PAGE} needs the lines {BEGIN} and {END}");
    };
    let mut body = machine()?;
    let mut measures: Vec<&str> = Vec::new();
    for reading in readings {
        if !measures.contains(&reading.measure.as_str()) {
            measures.push(&reading.measure);
        }
    }
    for measure in measures {
        let rows: Vec<&Reading> = readings.iter().filter(|r| r.measure == measure).collect();
        table(&mut body, measure, &rows)?;
    }
    fs::write(PAGE, format!("{}{BEGIN}\n\n{body}{}", &page[..begin], &page[end..]))?;
    println!("bench: wrote {PAGE}");
    Ok(())
}

fn machine() -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or("unknown");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cores = cpu.lines().filter(|l| l.starts_with("processor")).count();
    let date = process::output(&["date", "-u", "+%F"])?;
    let kernel = process::output(&["uname", "-r"])?;
    Ok(format!(
        "Measured {date} on {cores} cores of {model}, Linux {kernel}; median [min–max] of the clean rounds.\n\n"
    ))
}

fn table(body: &mut String, measure: &str, rows: &[&Reading]) -> Result<()> {
    let mut figures: Vec<&str> = Vec::new();
    for row in rows {
        if !figures.contains(&row.figure.as_str()) {
            figures.push(&row.figure);
        }
    }
    let servers: Vec<&str> = {
        let mut seen = BTreeSet::new();
        rows.iter().map(|r| r.server.as_str()).filter(|s| seen.insert(*s)).collect()
    };
    writeln!(
        body,
        "### {measure}\n\n| server | {} |\n|{}",
        figures.join(" | "),
        " --- |".repeat(figures.len() + 1)
    )?;
    for server in &servers {
        write!(body, "| {server} |")?;
        for figure in &figures {
            let reading = rows.iter().find(|r| r.server == *server && r.figure == *figure);
            write!(body, " {} |", reading.map_or_else(String::new, |r| cell(r)))?;
        }
        writeln!(body)?;
    }
    writeln!(body)?;
    if let Some(figure) = figures.iter().find(|f| f.starts_with("CPU") || f.starts_with("KiB")) {
        let bars: Vec<(&str, f64)> = rows
            .iter()
            .filter(|r| r.figure == **figure)
            .filter_map(|r| Some((r.server.as_str(), r.median()?)))
            .collect();
        let name: String = measure
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .collect();
        let file = format!("benchmarks/{name}.svg");
        fs::create_dir_all("docs/benchmarks")?;
        fs::write(format!("docs/{file}"), plot::bars(&format!("{measure}: {figure}"), &bars)?)?;
        writeln!(body, "![{measure}: {figure}, one bar a server]({file})\n")?;
        ratio(body, figure, &bars)?;
    }
    Ok(())
}

fn ratio(body: &mut String, figure: &str, bars: &[(&str, f64)]) -> Result<()> {
    let ours = bars.iter().find(|(server, _)| *server == "carillon");
    let best = bars
        .iter()
        .filter(|(server, _)| *server != "carillon" && *server != NULL_ROUTER)
        .min_by(|a, b| a.1.total_cmp(&b.1));
    if let (Some((_, ours)), Some((peer, best))) = (ours, best) {
        write!(body, "{figure}: {:.2} × the better peer ({peer})", ours / best)?;
        if let Some((_, null)) = bars.iter().find(|(server, _)| *server == NULL_ROUTER) {
            write!(body, ", {:.1} × the null router", ours / null)?;
        }
        writeln!(body, ".\n")?;
    }
    Ok(())
}

fn cell(reading: &Reading) -> String {
    let Some(median) = reading.median() else { return String::new() };
    let low = reading.values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = reading.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if reading.values.len() < 2 {
        number(median)
    } else {
        format!("{} [{}–{}]", number(median), number(low), number(high))
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
