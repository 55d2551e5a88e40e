//! A fresh server for one test: its own data directory, its own ports, three users with phones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// How long the server may take until it listens.
const START_TIME_MAX: Duration = Duration::from_secs(20);
/// Users of every test: password `pw-NAME`, line password `line-NUMBER`.
const USERS: &[(&str, u16)] = &[("ann", 1001), ("bob", 1002), ("carol", 1003)];

/// A prepared data directory.
pub struct Fresh {
    data: PathBuf,
    offset: u16,
    program: PathBuf,
}

/// The running server; stopped when dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

impl Fresh {
    /// Makes the directory and the users.
    pub fn prepare(name: &str, offset: u16) -> Result<Self> {
        let data = process::target().join("interop").join(name);
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(data.parent().context("target/interop")?)?;
        let fresh = Self { data, offset, program: process::target().join("debug/carillon") };
        fresh.verb(&[
            "init",
            "--domain",
            "localhost",
            "--listen",
            "127.0.0.1",
            "--port-offset",
            &offset.to_string(),
        ])?;
        let rows: Vec<String> = USERS
            .iter()
            .map(|(user, line)| format!("{user}@localhost,{user},pw-{user},{line},line-{line}"))
            .collect();
        let list = fresh.data.join("users.csv");
        fs::write(&list, format!("jid,name,password,line,line_password\n{}\n", rows.join("\n")))?;
        fresh.verb(&["user", "import", &list.to_string_lossy()])?;
        Ok(fresh)
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What a test needs to know.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CARILLON", self.program.to_string_lossy().into_owned()),
            ("CARILLON_DATA", self.data.to_string_lossy().into_owned()),
            ("CARILLON_PORT_OFFSET", self.offset.to_string()),
        ]
    }

    /// Starts the server and waits until it serves: it listens for chat before it does for phones.
    pub fn start(&self) -> Result<Running> {
        let path = self.data.join("server.log");
        let log = fs::File::create(&path)?;
        let child = Command::new(&self.program)
            .args(["serve", "--data"])
            .arg(&self.data)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let running = Running(child);
        let step = Duration::from_millis(50);
        for _ in 0..START_TIME_MAX.as_millis() / step.as_millis() {
            if fs::read_to_string(&path)?.contains(": serving ") {
                return Ok(running);
            }
            super::pause();
        }
        bail!("the server does not serve; see {}", path.display())
    }

    fn verb(&self, words: &[&str]) -> Result<()> {
        let output = Command::new(&self.program)
            .args(words)
            .arg("--data")
            .arg(&self.data)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            bail!("carillon {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }
}
