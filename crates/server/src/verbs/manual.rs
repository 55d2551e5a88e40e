//! `carillon version`, `completions` and `man`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Command, print};

#[derive(Args)]
pub(crate) struct VersionOptions {
    /// Answer with JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct CompletionsOptions {
    /// The shell
    shell: Shell,
}

#[derive(Args)]
pub(crate) struct ManOptions {
    /// The folder
    folder: PathBuf,
}

pub(super) fn version(options: &VersionOptions) -> Result<ExitCode> {
    let version = env!("CARGO_PKG_VERSION");
    let text =
        if options.json { serde_json::json!({ "version": version }).to_string() } else { format!("carillon {version}") };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn completions(options: &CompletionsOptions) -> Result<ExitCode> {
    clap_complete::generate(options.shell, &mut Command::command(), "carillon", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(options: &ManOptions) -> Result<ExitCode> {
    let folder = &options.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    clap_mangen::generate_to(Command::command(), folder).with_context(|| format!("cannot write to {}", folder.display()))?;
    print(&format!("wrote the man pages to {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}
