//! Installs the foreign software that the tests talk to, and starts none of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::{self, have};

/// What the tests and benchmarks need from Debian 12.
const DEBIAN: &[&str] = &[
    "build-essential",
    "ca-certificates",
    "python3",
    "python3-venv",
    "openssl",
    "sqlite3",
    "postgresql-15",
    "prosody",
    "prosody-modules",
    "lua-event",
    "lua-sec",
    "lua-unbound",
    "ejabberd",
    "kamailio",
    "kamailio-presence-modules",
    "kamailio-sqlite-modules",
    "kamailio-tls-modules",
    "rtpengine-daemon",
    "sip-tester",
    "baresip",
    "linphone-cli",
    "profanity",
    "dino-im",
    "dbus",
    "xvfb",
    "xdotool",
    "imagemagick",
    "fonts-dejavu-core",
    "coturn",
    "tmux",
    "espeak-ng",
    "sox",
    "iproute2",
    "iptables",
    "tcpdump",
    "chromium",
];
/// What the tests need from PyPI.
const PYPI: &[&str] = &["slixmpp==1.17.0", "aiohttp==3.14.5", "http_ece==1.2.1", "cryptography==50.0.2"];
/// What the tests need from npm, and in Debian what runs it where there is no other.
const NPM: &[&str] =
    &["@xmpp/client@0.14.0", "converse.js@14.0.0", "jssip@3.13.8", "strophe.js@5.0.0", "ws@8.23.0"];
const NODE: &[&str] = &["nodejs", "npm"];
/// The file that asks Debian's maintainer scripts to start nothing.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing and says so; a second run changes nothing.
pub fn run() -> Result<()> {
    debian()?;
    python()?;
    npm()?;
    cargo_deny()
}

fn debian() -> Result<()> {
    let node = if have("npm") { &[] } else { NODE };
    let missing: Vec<&str> =
        DEBIAN.iter().chain(node).copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        println!("setup: all {} Debian packages are there", DEBIAN.len());
        return Ok(());
    }
    println!("setup: installing from Debian: {}", missing.join(" "));
    if process::output(&["id", "-u"])? != "0" {
        bail!("installing Debian packages needs root: run `sudo -E cargo xtask setup`");
    }
    let _held = ServicesHeld::new()?;
    process::run(&["apt-get", "update"])?;
    let mut install = process::command(&["apt-get", "install", "--yes", "--no-install-recommends"]);
    install.args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
    process::run_command(install, "apt-get install")
}

fn installed(package: &str) -> bool {
    process::command(&["dpkg-query", "-W", "-f", "${Status}", package])
        .stderr(std::process::Stdio::null())
        .output()
        .is_ok_and(|output| output.stdout.ends_with(b" installed"))
}

/// While this lives, apt starts no service: the peers would otherwise listen on public ports.
struct ServicesHeld {
    ours: bool,
}

impl ServicesHeld {
    fn new() -> Result<Self> {
        let ours = !Path::new(POLICY).exists();
        if ours {
            println!(
                "setup: {POLICY} keeps apt from starting any of them as a service; it is removed afterwards"
            );
            fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {POLICY}"))?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for ServicesHeld {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

fn python() -> Result<()> {
    let folder = process::peers().join("python");
    let python = folder.join("bin/python");
    let python = python.to_string_lossy();
    if !Path::new(&*python).exists() {
        println!("setup: making a Python environment in {}", folder.display());
        process::run(&["python3", "-m", "venv", &folder.to_string_lossy()])?;
    }
    let mut words = vec![&*python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    words.extend(PYPI);
    process::run(&words)
}

fn npm() -> Result<()> {
    let folder = process::peers().join("node");
    let is_there = |package: &&str| {
        let Some((name, version)) = package.rsplit_once('@') else { return false };
        let described = folder.join("node_modules").join(name).join("package.json");
        let wanted = format!("\"version\": \"{version}\"");
        fs::read_to_string(described).is_ok_and(|text| text.contains(&wanted))
    };
    if NPM.iter().all(is_there) {
        println!("setup: all {} npm packages are there", NPM.len());
        return Ok(());
    }
    println!("setup: installing from npm into {}: {}", folder.display(), NPM.join(" "));
    // Anew: npm cannot change a folder in which a package names one of its own parts that it does not ship.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let folder = folder.to_string_lossy();
    let quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--save-exact", "--loglevel=error"];
    let mut words = vec!["npm", "install", "--prefix", &*folder];
    words.extend(quiet);
    words.extend(NPM);
    process::run(&words)
}

fn cargo_deny() -> Result<()> {
    if have("cargo-deny") || process::peers().join("cargo/bin/cargo-deny").exists() {
        println!("setup: cargo-deny is there");
        return Ok(());
    }
    println!("setup: building cargo-deny (about two minutes)");
    let mut install = process::command(&["cargo", "install", "cargo-deny", "--locked", "--root"]);
    install.arg(process::peers().join("cargo")).env_remove("CARGO_TARGET_DIR");
    process::run_command(install, "cargo install cargo-deny")
}
