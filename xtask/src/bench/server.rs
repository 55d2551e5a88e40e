//! Starting and stopping the servers that are compared: ours, and the peers through their scripts.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::process;

/// How long a server may take until it listens.
const START_TIME_MAX: Duration = Duration::from_secs(30);

/// Runs its arguments with as many descriptors as the machine allows: a session is one.
pub const UNLIMITED: &str = "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\"";

/// Our own server on a scratch data directory; stopped when dropped.
pub struct Carillon {
    child: Child,
    data: PathBuf,
}

/// What our server is filled with.
pub struct Accounts<'a> {
    /// The domain it serves.
    pub domain: &'a str,
    /// Rows `jid,name,password,line,line_password`.
    pub rows: Vec<String>,
    /// Added to every default port.
    pub port_offset: u16,
}

impl Carillon {
    /// Makes a data directory with the accounts, once.
    pub fn prepare(name: &str, accounts: &Accounts<'_>) -> Result<PathBuf> {
        let data = process::target().join("bench").join(name);
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(data.parent().context("target/bench")?)?;
        let offset = accounts.port_offset.to_string();
        let folder = data.to_string_lossy().into_owned();
        let program = program();
        process::run(&[
            &program,
            "init",
            "--data",
            &folder,
            "--domain",
            accounts.domain,
            "--listen",
            "127.0.0.1",
            "--port-offset",
            &offset,
        ])?;
        let list = data.join("accounts.csv");
        fs::write(&list, format!("jid,name,password,line,line_password\n{}\n", accounts.rows.join("\n")))?;
        process::run(&[&program, "user", "import", "--data", &folder, &list.to_string_lossy()])?;
        Ok(data)
    }

    /// Starts on a prepared data directory and waits until `port` answers.
    pub fn start(data: PathBuf, port: u16) -> Result<Self> {
        Self::start_with(data, port, &[])
    }

    /// Likewise, with settings from the environment.
    pub fn start_with(data: PathBuf, port: u16, settings: &[(&str, &str)]) -> Result<Self> {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            bail!("port {port} is taken: it would be somebody else's server that is measured");
        }
        let log = fs::File::create(data.join("bench.log"))?;
        let child = Command::new("bash")
            .args(["-c", UNLIMITED, "nice", "-n", "-10", &program(), "serve", "--data"])
            .arg(&data)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let server = Self { child, data };
        wait_for_port(port).with_context(|| format!("see {}/bench.log", server.data.display()))?;
        Ok(server)
    }

    /// Its process.
    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Carillon {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// A peer that a script of ours starts and stops: `SCRIPT start|stop|restart|pid`.
pub struct Peer {
    /// The script.
    pub script: &'static str,
    /// Words after `start`.
    pub mode: &'static str,
}

impl Peer {
    /// Does what the script calls `verb` and gives the last line that it prints.
    pub fn call(&self, verb: &str) -> Result<String> {
        self.call_with(verb, &[])
    }

    /// Likewise, with words for the script in its environment.
    pub fn call_with(&self, verb: &str, environment: &[(&str, &str)]) -> Result<String> {
        let output = Command::new(self.script)
            .env("XMPP_LOAD", process::target().join("xmpp-load/release/xmpp-load"))
            .envs(environment.iter().copied())
            .args([verb, self.mode].iter().filter(|word| !word.is_empty()))
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot start {}", self.script))?;
        if !output.status.success() {
            bail!("{} {verb} failed", self.script);
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().last().unwrap_or_default().trim().to_owned())
    }
}

/// Our binary, built for release.
pub fn program() -> String {
    process::target().join("release/carillon").to_string_lossy().into_owned()
}

fn wait_for_port(port: u16) -> Result<()> {
    let step = Duration::from_millis(100);
    for _ in 0..START_TIME_MAX.as_millis() / step.as_millis() {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        pause(step);
    }
    bail!("nothing listens on port {port} after {} s", START_TIME_MAX.as_secs())
}

/// Waits; automation has no other clock.
#[allow(clippy::disallowed_methods, reason = "automation waits for foreign processes")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}
