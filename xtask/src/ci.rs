//! Everything that must hold before a change lands, in the order in which it fails fastest.

use anyhow::Result;
use clap::Args;

use crate::{compliance, floors, interop, process, scenes, setup, tidy, ui};

/// What to run besides the checks.
#[derive(Args)]
pub struct Options {
    /// Install the test peers first (apt, PyPI): needs root
    #[arg(long)]
    setup: bool,
    /// Leave out the tests against foreign software
    #[arg(long)]
    no_interop: bool,
}

type Step = (&'static str, Box<dyn Fn() -> Result<()>>);

/// Runs every step; the first that fails ends it. Prints how long each took.
pub fn run(options: &Options) -> Result<()> {
    let mut steps: Vec<Step> = Vec::new();
    if options.setup {
        steps.push(("setup", Box::new(setup::run)));
    }
    steps.push(("fmt", Box::new(|| process::run(&["cargo", "fmt", "--all", "--check"]))));
    steps.push(("floors", Box::new(floors::run)));
    steps.push(("tidy", Box::new(tidy::run)));
    steps.push(("pages", Box::new(|| ui::run(&ui::Options { check: true }))));
    steps.push(("clippy", Box::new(clippy)));
    steps.push(("tests", Box::new(|| process::run(&["cargo", "test", "--workspace", "--quiet"]))));
    steps.push((
        "fuzz bodies",
        Box::new(|| process::run(&["cargo", "test", "--quiet", "--manifest-path", "fuzz/Cargo.toml"])),
    ));
    steps.push(("licences and bans", Box::new(deny)));
    steps.push(("scenes", Box::new(|| scenes::run(&scenes::Options { check: true }))));
    steps.push(("compliance", Box::new(|| compliance::run(&compliance::Options { check: true }))));
    steps.push(("docs", Box::new(docs)));
    if !options.no_interop {
        steps.push(("foreign peers", Box::new(|| interop::run(&interop::Options::all()))));
    }
    let mut times = Vec::new();
    for (name, step) in steps {
        let start = process::now();
        step()?;
        times.push(format!("{name} {} s", start.elapsed().as_secs()));
    }
    println!("\nci: all steps hold ({})", times.join(", "));
    Ok(())
}

fn clippy() -> Result<()> {
    process::run(&["cargo", "clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])
}

fn deny() -> Result<()> {
    // cargo-deny reads the manifests of all targets, also of those that nobody builds here.
    process::run(&["cargo", "fetch", "--locked"])?;
    let installed = process::peers().join("cargo/bin/cargo-deny");
    let program =
        if installed.exists() { installed.to_string_lossy().into_owned() } else { "cargo-deny".to_owned() };
    process::run(&[&program, "--offline", "check", "bans", "licenses", "sources"])
}

fn docs() -> Result<()> {
    let mut doc = process::command(&["cargo", "doc", "--workspace", "--no-deps", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    process::run_command(doc, "cargo doc")
}
