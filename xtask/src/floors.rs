//! The floor check: a crate uses only what lies below it, and each outside world has one owner.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::process;

/// Foreign crates that only the named rooms may use: SQL in `store`, HTTP in `web`, RTP sockets in `media`.
const OWNED: &[(&str, &[&str])] = &[
    ("sqlx", &["store"]),
    ("axum", &["web"]),
    ("hyper", &["web"]),
    ("mio", &["media"]),
    ("socket2", &["runtime", "media", "server"]),
    ("async-nats", &["cluster"]),
    ("ldap3", &["directory"]),
    ("anyhow", &["server", "sim", "xtask"]),
    ("getrandom", &["runtime"]),
];

/// What floor 0 must not use: it opens no socket and draws no random number.
const NOT_ON_FLOOR_0: &[&str] = &["tokio", "rand", "getrandom", "socket2", "mio", "tracing"];

/// Reads `cargo metadata` and fails on any line upward or sideways.
pub fn run() -> Result<()> {
    let text = process::output(&["cargo", "metadata", "--no-deps", "--format-version", "1"])?;
    let metadata: Value = serde_json::from_str(&text)?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let floors: BTreeMap<&str, i64> = packages
        .iter()
        .filter_map(|p| Some((p["name"].as_str()?, p["metadata"]["floor"].as_i64()?)))
        .collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(&floor) = floors.get(name) else {
            wrong.push(format!("{name}: no `floor` in [package.metadata]"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let in_tests = dependency["kind"].as_str() == Some("dev");
            wrong.extend(complaint((name, floor), used, in_tests, &floors));
        }
    }
    if !wrong.is_empty() {
        bail!("floors:\n  {}", wrong.join("\n  "));
    }
    println!("floors: {} crates, every line goes down", floors.len());
    Ok(())
}

fn complaint(
    (name, floor): (&str, i64),
    used: &str,
    in_tests: bool,
    floors: &BTreeMap<&str, i64>,
) -> Option<String> {
    if let Some(&below) = floors.get(used) {
        // `runtime` may be used by all above floor 0.
        let allowed = below < floor || (used == "runtime" && floor > 0);
        return (!allowed).then(|| format!("{name} (floor {floor}) uses {used} (floor {below})"));
    }
    if in_tests {
        return None;
    }
    if floor == 0 && NOT_ON_FLOOR_0.contains(&used) {
        return Some(format!(
            "{name} (floor 0) uses {used}: floor 0 takes time, sockets and entropy as arguments"
        ));
    }
    let owners = OWNED.iter().find(|(owned, _)| *owned == used).map(|(_, owners)| *owners)?;
    (!owners.contains(&name)).then(|| format!("{name} uses {used}, which belongs to {}", owners.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, used: &str) -> bool {
        let floors = BTreeMap::from([("xmpp", 0), ("runtime", 1), ("store", 1), ("im", 3), ("calls", 3)]);
        complaint((name, floors[name]), used, false, &floors).is_none()
    }

    #[test]
    fn lines_go_down_only() {
        assert!(check("im", "xmpp"));
        assert!(check("store", "runtime"));
        assert!(!check("store", "im"));
        assert!(!check("im", "calls"));
        assert!(!check("xmpp", "runtime"));
    }

    #[test]
    fn each_outside_world_has_one_owner() {
        assert!(check("store", "sqlx"));
        assert!(!check("im", "sqlx"));
        assert!(!check("xmpp", "tokio"));
    }
}
