//! Logs: on standard error, as text or JSON, with a level per module that can be changed while the node runs.

use std::collections::BTreeMap;
use std::panic::PanicHookInfo;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::config::{LogFormat, LogSection};

/// The levels, from few lines to many; `off` is for modules only.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// The name that stands for all modules without a level of their own.
pub const ALL_MODULES: &str = "all";
/// The most modules with a level of their own.
const MODULES_MAX: usize = 100;
/// The longest name of a module, in bytes.
const MODULE_BYTES_MAX: usize = 100;

/// Changes levels while the node runs.
#[derive(Clone)]
pub struct Levels {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    default: String,
    modules: BTreeMap<String, String>,
    handle: Option<reload::Handle<EnvFilter, Registry>>,
}

/// Why a level was not changed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LevelError {
    /// Not a level.
    #[error("{0:?} is not a level: take off, error, warn, info, debug or trace")]
    Level(String),
    /// Not a module's name.
    #[error("{0:?} is not a module: take all, or a name such as im, calls or store::writer")]
    Module(String),
    /// Too many.
    #[error("at most {MODULES_MAX} modules may have a level of their own")]
    TooMany,
    /// The log was not set up here.
    #[error("this process does not write a log")]
    NoLog,
}

/// Shows people's addresses in the log from now on, or hides them (`model::Private`).
pub fn show_personal_data(shown: bool) {
    model::Private::reveal_all(shown);
}

/// Begins to log. The first call in a process wins; the levels of later ones cannot be changed.
pub fn start(section: &LogSection) -> Levels {
    show_personal_data(section.personal_data);
    let mut inner = Inner { default: section.level.clone(), modules: BTreeMap::new(), handle: None };
    let (filter, handle) = reload::Layer::new(EnvFilter::new(inner.directives()));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let started = match section.format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).try_init(),
        LogFormat::Json => registry.with(lines.json()).try_init(),
    };
    inner.handle = started.is_ok().then_some(handle);
    if inner.handle.is_some() {
        std::panic::set_hook(Box::new(log_panic));
    }
    Levels { inner: Arc::new(Mutex::new(inner)) }
}

/// A panic is a line of the log like any other, in its format, and says what and where.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let text = panic.payload_as_str().unwrap_or("a panic without a text");
    tracing::error!(place, thread = thread.name().unwrap_or_default(), "panicked: {text}");
}

impl Levels {
    /// Those of a process that writes no log.
    pub fn silent() -> Self {
        let inner = Inner { default: "off".to_owned(), modules: BTreeMap::new(), handle: None };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Sets the level of a module, such as `im` or `store::writer`, or of [`ALL_MODULES`].
    ///
    /// # Errors
    /// Not a level, not a module, or this process writes no log; then nothing is changed.
    pub fn set(&self, module: &str, level: &str) -> Result<(), LevelError> {
        if level != "off" && !LEVELS.contains(&level) {
            return Err(LevelError::Level(level.to_owned()));
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if module.is_empty() || module.len() > MODULE_BYTES_MAX || !module.chars().all(word) {
            return Err(LevelError::Module(module.to_owned()));
        }
        let mut inner = self.inner.lock();
        let before = (inner.default.clone(), inner.modules.clone());
        if module == ALL_MODULES {
            level.clone_into(&mut inner.default);
        } else {
            if inner.modules.len() >= MODULES_MAX && !inner.modules.contains_key(module) {
                return Err(LevelError::TooMany);
            }
            inner.modules.insert(module.to_owned(), level.to_owned());
        }
        let changed = match (&inner.handle, EnvFilter::try_new(inner.directives())) {
            (None, _) => Err(LevelError::NoLog),
            (Some(_), Err(_)) => Err(LevelError::Module(module.to_owned())),
            (Some(handle), Ok(filter)) => handle.reload(filter).map_err(|_| LevelError::NoLog),
        };
        if changed.is_err() {
            (inner.default, inner.modules) = before;
        }
        changed
    }

    /// The levels as they are: the default first.
    pub fn list(&self) -> Vec<(String, String)> {
        let inner = self.inner.lock();
        let all = (ALL_MODULES.to_owned(), inner.default.clone());
        std::iter::once(all).chain(inner.modules.clone()).collect()
    }
}

impl Inner {
    fn directives(&self) -> String {
        let mut text = self.default.clone();
        for (module, level) in &self.modules {
            text.push_str(&format!(",{module}={level}"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_a_line_of_the_log_in_its_format() {
        let written = Written::default();
        let writer = written.clone();
        let lines = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(lines, || {
            // The panic's own hook, in this thread only: other tests' panics go the usual way.
            let usual = Arc::new(std::panic::take_hook());
            let (own, others) = (std::thread::current().id(), Arc::clone(&usual));
            std::panic::set_hook(Box::new(move |panic| match std::thread::current().id() == own {
                true => log_panic(panic),
                false => others(panic),
            }));
            std::panic::catch_unwind(|| panic!("the {} broke", "floor")).unwrap_err();
            std::panic::set_hook(Box::new(move |panic| usual(panic)));
        });
        let line: serde_json::Value = serde_json::from_slice(&written.0.lock()).unwrap();
        assert_eq!(line["fields"]["message"], "panicked: the floor broke");
        assert_eq!(line["level"], "ERROR");
        assert!(line["fields"]["place"].as_str().unwrap().contains("logging.rs"));
    }

    #[test]
    fn a_level_is_changed_for_one_module_alone() {
        let levels =
            start(&LogSection { level: "warn".to_owned(), format: LogFormat::Text, personal_data: false });
        assert!(!tracing::enabled!(target: "im::router", tracing::Level::DEBUG));
        levels.set("im", "debug").unwrap();
        assert!(tracing::enabled!(target: "im::router", tracing::Level::DEBUG));
        assert!(!tracing::enabled!(target: "calls", tracing::Level::DEBUG));
        levels.set("im", "loud").unwrap_err();
        assert_eq!(levels.set("im,calls", "debug"), Err(LevelError::Module("im,calls".to_owned())));
        levels.set(ALL_MODULES, "info").unwrap();
        let pair = |module: &str, level: &str| (module.to_owned(), level.to_owned());
        assert_eq!(levels.list(), [pair("all", "info"), pair("im", "debug")]);
    }
}
