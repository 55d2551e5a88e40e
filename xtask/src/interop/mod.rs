//! Tests against foreign software on real sockets; each result is a line in tests/interop/results.jsonl.
//!
//! A test is a Python program tests/interop/NAME.py whose doc string says what it proves, then `peer: SOFTWARE`
//! (with the Debian, npm or PyPI package that gives the version) and `server: running` (the driver starts a fresh one
//! with ann, bob and carol on lines 1001 to 1003) or `server: own` (the test starts it, for instance to kill it).

pub mod server;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::process;
use server::Fresh;

const FOLDER: &str = "tests/interop";
/// A test that has not ended by then has failed.
const TEST_TIME_MAX: Duration = Duration::from_secs(240);

/// Which tests to run.
#[derive(Args)]
pub struct Options {
    /// Run only the tests whose name contains this
    filter: Option<String>,
    /// How many tests run at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=16))]
    at_once: u16,
}

impl Options {
    /// Every test.
    pub fn all() -> Self {
        Self { filter: None, at_once: 2 }
    }
}

/// What a test says of itself.
struct Test {
    name: String,
    path: PathBuf,
    proves: String,
    peer: String,
    starts_server: bool,
    /// It keeps the whole machine busy: nothing runs beside it.
    is_alone: bool,
}

/// Runs the tests, each with a server of its own; each result is printed and kept. Fails when one failed.
pub fn run(options: &Options) -> Result<()> {
    process::run(&["cargo", "build", "--package", "server"])?;
    let tests = tests(options.filter.as_deref())?;
    if tests.is_empty() {
        bail!("no test in {FOLDER} has {:?} in its name", options.filter);
    }
    let (alone, beside): (Vec<_>, Vec<_>) = (0..).zip(&tests).partition(|(_, test)| test.is_alone);
    let mut failed = run_all(beside, options.at_once);
    failed.extend(run_all(alone, 1));
    if options.filter.is_none() {
        let word = |test: &Test| if failed.contains(&test.name.as_str()) { "FAIL" } else { "pass" };
        let text: String = tests.iter().map(|test| format!("{}\n", line(test, word(test)))).collect();
        fs::write(format!("{FOLDER}/results.jsonl"), text)?;
    }
    println!("{} passed, {} failed", tests.len() - failed.len(), failed.len());
    if !failed.is_empty() {
        bail!("interop: failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Some at once, each as soon as there is room for it; gives the names of those that failed.
#[allow(clippy::disallowed_methods, reason = "automation waits for foreign processes")]
fn run_all(tests: Vec<(u16, &Test)>, at_once: u16) -> Vec<&str> {
    let (waiting, failed) = (Mutex::new(tests.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().ok().and_then(|mut waiting| waiting.next());
                    let Some((number, test)) = next else { break };
                    if !passes(test, number)
                        && let Ok(mut failed) = failed.lock()
                    {
                        failed.push(test.name.as_str());
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_default();
    failed.sort_unstable();
    failed
}

/// Runs a test and prints its result.
fn passes(test: &Test, number: u16) -> bool {
    let start = now();
    let result = run_one(test, number);
    let word = if result.is_ok() { "pass" } else { "FAIL" };
    let why = result.as_ref().err().map(|error| format!("\n  {error:#}")).unwrap_or_default();
    println!("interop: {word} {} ({} s): {}{why}", test.name, start.elapsed().as_secs(), test.proves);
    result.is_ok()
}

/// What is kept of a result.
fn line(test: &Test, word: &str) -> serde_json::Value {
    serde_json::json!({
        "test": test.name, "peer": test.peer, "version": version(&test.peer), "proves": test.proves, "result": word,
    })
}

fn tests(filter: Option<&str>) -> Result<Vec<Test>> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(FOLDER)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_test = path.extension().is_some_and(|e| e == "py") && name.starts_with("test_");
        if is_test && filter.is_none_or(|f| name.contains(f)) {
            tests.push(read(name, path)?);
        }
    }
    tests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tests)
}

fn read(name: String, path: PathBuf) -> Result<Test> {
    let text = fs::read_to_string(&path)?;
    let (_, behind) = text.split_once("\"\"\"").context("no doc string")?;
    let sentence = behind.split("\n\n").next().unwrap_or_default();
    let proves = sentence.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let word = |key: &str| text.lines().find_map(|l| l.strip_prefix(key)).map(|w| w.trim().to_owned());
    let peer = word("peer:").with_context(|| format!("{name}: no line `peer:`"))?;
    let server = word("server:").with_context(|| format!("{name}: no line `server:`"))?;
    Ok(Test { name, path, proves, peer, starts_server: server == "own", is_alone: word("alone:").is_some() })
}

fn run_one(test: &Test, number: u16) -> Result<()> {
    // Below the default range of media ports, which a server takes from in an order of chance; 10080 is refused by browsers.
    let offset = 2_020 + 20 * number;
    let fresh = Fresh::prepare(&test.name, offset)?;
    let _running = if test.starts_server { None } else { Some(fresh.start()?) };
    let log = fresh.data().join("test.log");
    let output = fs::File::create(&log)?;
    let mut child = process::command(&[&python(), &test.path.to_string_lossy()])
        .envs(fresh.environment())
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    let start = now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > TEST_TIME_MAX {
            child.kill()?;
            bail!("not ended after {} s; see {}", TEST_TIME_MAX.as_secs(), log.display());
        }
        pause();
    };
    if !status.success() {
        let text = fs::read_to_string(&log).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(25).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        bail!("{status}; the end of {}:\n    {}", log.display(), tail.join("\n    "));
    }
    Ok(())
}

/// The Python that has what the tests need.
pub fn python() -> String {
    let ours = process::peers().join("python/bin/python");
    if ours.exists() { ours.to_string_lossy().into_owned() } else { "python3".to_owned() }
}

/// The version of a Debian, npm or PyPI package; the machine's own word, or `unknown`.
fn version(peer: &str) -> String {
    let debian =
        process::command(&["dpkg-query", "-W", "-f", "${Version}", peer]).stderr(Stdio::null()).output();
    if let Ok(output) =
        debian.as_ref().map_err(drop).and_then(|o| if o.status.success() { Ok(o) } else { Err(()) })
    {
        return String::from_utf8_lossy(&output.stdout).into_owned();
    }
    let npm = process::peers().join("node/node_modules").join(peer).join("package.json");
    let described =
        fs::read(npm).ok().and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    if let Some(version) = described.as_ref().and_then(|package| package["version"].as_str()) {
        return version.to_owned();
    }
    let code = format!("from importlib.metadata import version; print(version('{peer}'))");
    let pypi = process::command(&[&python(), "-c", &code]).stderr(Stdio::null()).output();
    match pypi {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => "unknown".to_owned(),
    }
}

#[allow(clippy::disallowed_methods, reason = "automation measures itself")]
fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "automation waits for foreign processes")]
fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_says_what_it_proves_and_with_whom() {
        assert!(std::env::set_current_dir(process::root()).is_ok());
        let found = tests(None).unwrap();
        assert!(!found.is_empty());
        for test in found {
            assert!(!test.proves.is_empty() && !test.peer.is_empty(), "{}", test.name);
        }
    }
}
