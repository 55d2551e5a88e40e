//! Automation of this repository: one command for everything that a contributor or a machine runs.

mod bench;
mod ci;
mod compliance;
mod floors;
mod fuzz;
mod interop;
mod picture;
mod process;
mod scenes;
mod setup;
mod tidy;
mod ui;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Automation of this repository")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Everything that must hold before a change lands: fmt, clippy, floors, tidy, tests, licences, docs, foreign peers
    Ci(ci::Options),
    /// Install the foreign software that the tests talk to (Debian, PyPI, crates.io); safe to repeat
    Setup,
    /// Check that no crate uses what stands beside or above it
    Floors,
    /// Check the house rules that rustc and clippy do not know
    Tidy,
    /// Run a coverage-guided fuzz target: `cargo xtask fuzz sip_message --seconds 600`
    Fuzz(fuzz::Options),
    /// Run the tests against foreign software and write tests/interop/results.jsonl
    Interop(interop::Options),
    /// Take the pictures in the documents anew
    Picture,
    /// Write docs/compliance.md and docs/doap.xml from what the code declares and the tests name
    Compliance(compliance::Options),
    /// Write docs/dev/scenes.md from the scripts of calls and from what the tests against foreign phones say
    Scenes(scenes::Options),
    /// Check, test and build the pages into ui/dist, from the lock file
    Ui(ui::Options),
    /// Measure side by side with the peers and write docs/benchmarks.md
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    std::env::set_current_dir(process::root())?;
    match task {
        Task::Ci(options) => ci::run(&options),
        Task::Setup => setup::run(),
        Task::Floors => floors::run(),
        Task::Tidy => tidy::run(),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Interop(options) => interop::run(&options),
        Task::Picture => picture::run(),
        Task::Compliance(options) => compliance::run(&options),
        Task::Scenes(options) => scenes::run(&options),
        Task::Ui(options) => ui::run(&options),
        Task::Bench(options) => bench::run(&options),
    }
}
