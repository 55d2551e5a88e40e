//! Logs: text or JSON on standard error (the journal's), with levels by module that change at run time.

use std::sync::OnceLock;

use parking_lot::Mutex;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use crate::config::{Log, LogFormat};

/// The rooms whose level can be set.
pub const MODULES: &[&str] = &[
    "model", "xmpp", "sip", "runtime", "store", "media", "client", "presence", "im", "calls", "apps", "web", "server",
];
const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace", "off"];

static LEVELS_NOW: OnceLock<Levels> = OnceLock::new();

struct Levels {
    handle: reload::Handle<EnvFilter, Registry>,
    /// The directives in force, in the order in which they were given.
    directives: Mutex<Vec<String>>,
}

/// Starts logging; a second call changes nothing.
pub fn start(log: &Log) -> Result<(), String> {
    let directives: Vec<String> = log.level.split(',').map(|part| part.trim().to_owned()).collect();
    let filter = parse(&directives)?;
    let (filter, handle) = reload::Layer::new(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(false).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_ok() {
        let _first = LEVELS_NOW.set(Levels { handle, directives: Mutex::new(directives) });
    }
    Ok(())
}

/// Changes one module's level; an empty module means all others.
pub fn set_level(module: &str, level: &str) -> Result<(), String> {
    if !LEVELS.contains(&level) {
        return Err(format!("`{level}` is not a level: one of {}", LEVELS.join(", ")));
    }
    let directive = match module {
        "" | "all" => level.to_owned(),
        module if MODULES.contains(&module.split("::").next().unwrap_or(module)) => format!("{module}={level}"),
        module => return Err(format!("`{module}` is not a module: one of all, {}", MODULES.join(", "))),
    };
    let levels = LEVELS_NOW.get().ok_or("this process writes no log")?;
    let mut directives = levels.directives.lock();
    let same = |old: &String| old.split('=').next() == directive.split('=').next() && old.contains('=') == directive.contains('=');
    directives.retain(|old| !same(old) && (directive.contains('=') || old.contains('=')));
    directives.push(directive);
    let filter = parse(&directives)?;
    levels.handle.reload(filter).map_err(|error| error.to_string())
}

fn parse(directives: &[String]) -> Result<EnvFilter, String> {
    EnvFilter::try_new(directives.join(","))
        .map_err(|error| format!("[log] level: {error}; use a level or module=level,…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_levels_and_modules_are_named_with_what_is_allowed() {
        assert!(set_level("im", "loud").unwrap_err().contains("debug"));
        assert!(set_level("imm", "debug").unwrap_err().contains("presence"));
    }
}
