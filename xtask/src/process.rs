//! Running other programs: say what runs, stop at the first that fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The top folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Where the built programs are: `CARGO_TARGET_DIR` or `target`.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Where the test peers that do not come from Debian are installed.
pub fn peers() -> PathBuf {
    target().join("peers")
}

/// A command made of words.
pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

/// Runs to the end with output shown; an error when it fails.
pub fn run(words: &[&str]) -> Result<()> {
    run_command(command(words), &words.join(" "))
}

/// Runs a prepared command, shown as `name`; an error when it fails.
pub fn run_command(mut command: Command, name: &str) -> Result<()> {
    eprintln!("\n== {name}");
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start `{name}`"))?;
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// Runs to the end; gives how many seconds it took.
pub fn seconds(words: &[&str]) -> Result<f64> {
    let start = now();
    run(words)?;
    Ok(start.elapsed().as_secs_f64())
}

/// The time, for measuring how long something takes.
#[allow(clippy::disallowed_methods, reason = "automation measures itself")]
pub fn now() -> Instant {
    Instant::now()
}

/// What a command prints, trimmed; an error when it fails.
pub fn output(words: &[&str]) -> Result<String> {
    let output = command(words).stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("`{}` failed ({})", words.join(" "), output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// True when the program is found on the path.
pub fn have(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
