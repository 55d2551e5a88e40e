//! `DIR/carillon.toml`: what an operator sets, its defaults, and errors that name file, line and key.

mod address;
mod template;

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use address::Network;
pub use template::{Template, template};

/// The configuration's file name in the data directory.
pub const FILE: &str = "carillon.toml";
/// The layout of the file that this program reads.
pub const VERSION: u32 = 1;
/// Environment variables that override: `CARILLON__SECTION__KEY`.
const ENVIRONMENT_PREFIX: &str = "CARILLON__";

/// Why the configuration cannot be used. The operator's fault: the text says where and what is allowed.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error("{0} cannot be read: {1}; `carillon init --data DIR --domain DOMAIN` makes one")]
    Unreadable(PathBuf, std::io::Error),
    /// A key or value that is not allowed.
    #[error("{file}, line {line}: {message}")]
    Refused {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// An environment variable that is not allowed.
    #[error("environment variable {variable}: {message}")]
    Environment {
        /// Its name.
        variable: String,
        /// What is wrong and what is allowed.
        message: String,
    },
    /// A value that parses but cannot be used.
    #[error("{file}: {key}: {message}")]
    Value {
        /// The file.
        file: PathBuf,
        /// The key, as `[section] key`.
        key: &'static str,
        /// What is wrong and what is allowed.
        message: String,
    },
}

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The layout of the file.
    pub version: u32,
    /// The domain of all addresses.
    pub domain: String,
    /// Where to listen.
    #[serde(default)]
    pub listen: Listen,
    /// Where data is kept.
    #[serde(default)]
    pub storage: Storage,
    /// Sound and video.
    #[serde(default)]
    pub media: Media,
    /// Telephone signalling.
    #[serde(default)]
    pub sip: Sip,
    /// Which networks are whose.
    #[serde(default)]
    pub network: NetworkSection,
    /// Limits that an operator may want to change.
    #[serde(default)]
    pub limits: Limits,
    /// Logs.
    #[serde(default)]
    pub log: Log,
}

/// `[listen]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The address of all listeners but the loopback ones.
    pub address: IpAddr,
    /// Added to every default port.
    pub port_offset: u16,
    /// Plain HTTP on loopback, for browsers that need a secure context.
    pub http_loopback: bool,
    /// Metrics on loopback.
    pub metrics: bool,
    /// The certificate chain, PEM, relative to the data directory.
    pub certificate: PathBuf,
    /// Its key, PEM, relative to the data directory.
    pub key: PathBuf,
}

/// `[storage]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Storage {
    /// `sqlite:FILE` (relative to the data directory) or `postgres://…`.
    pub url: String,
}

/// `[media]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// First and last UDP port: the lower half for sound, the upper for video (`MD-15`).
    pub rtp_ports: (u16, u16),
    /// The address that phones outside of `[network] local` are told for sound.
    pub advertise: Option<IpAddr>,
}

/// `[sip]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sip {
    /// Digest algorithms, in the order in which they are offered.
    pub digest: Vec<Digest>,
    /// The address that phones outside of `[network] local` are told for signalling.
    pub advertise: Option<IpAddr>,
    /// How long phones ring, in seconds.
    pub ring_seconds: u64,
}

/// A digest algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Digest {
    /// RFC 2617; what every phone can do.
    #[serde(rename = "md5")]
    Md5,
    /// RFC 8760.
    #[serde(rename = "sha-256")]
    Sha256,
}

/// `[network]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSection {
    /// Networks whose phones reach this server's own address.
    pub local: Vec<Network>,
    /// Networks whose failed sign-ins are not limited.
    pub trusted: Vec<Network>,
}

/// `[limits]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The largest stanza of a signed-in client, in bytes.
    pub stanza_bytes: usize,
    /// Connections that are not yet signed in.
    pub unauthenticated_connections: usize,
    /// How long a broken session can be resumed, in seconds (XEP-0198).
    pub resume_seconds: u64,
}

/// `[log]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// The level of all modules, or `module=level,…`.
    pub level: String,
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: IpAddr::from([0, 0, 0, 0]),
            port_offset: 0,
            http_loopback: true,
            metrics: true,
            certificate: "certificate.pem".into(),
            key: "key.pem".into(),
        }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self { url: "sqlite:carillon.db".to_owned() }
    }
}

impl Default for Media {
    fn default() -> Self {
        Self { rtp_ports: (16384, 32766), advertise: None }
    }
}

impl Default for Sip {
    fn default() -> Self {
        Self { digest: vec![Digest::Md5], advertise: None, ring_seconds: 120 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { stanza_bytes: 262_144, unauthenticated_connections: 10_000, resume_seconds: 300 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Config {
    /// Reads `DIR/carillon.toml` and lets the environment override it.
    ///
    /// # Errors
    /// [`ConfigError`] names file, line and key, and says what is allowed.
    pub fn load(data: &Path) -> Result<Self, ConfigError> {
        Self::load_with(data, std::env::vars())
    }

    fn load_with(data: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let file = data.join(FILE);
        let text = fs::read_to_string(&file).map_err(|error| ConfigError::Unreadable(file.clone(), error))?;
        let plain: Self = toml::from_str(&text).map_err(|error| refused(&file, &text, &error))?;
        let mut table: toml::Table = toml::from_str(&text).map_err(|error| refused(&file, &text, &error))?;
        let mut config = plain;
        for (variable, value) in environment.filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)) {
            override_with(&mut table, &variable, &value)?;
            config = table.clone().try_into().map_err(|error: toml::de::Error| ConfigError::Environment {
                variable,
                message: error.message().to_owned(),
            })?;
        }
        config.check(&file)?;
        Ok(config)
    }

    fn check(&self, file: &Path) -> Result<(), ConfigError> {
        let wrong = |key, message: String| Err(ConfigError::Value { file: file.to_path_buf(), key, message });
        if self.version != VERSION {
            return wrong("version", format!("this program reads version {VERSION}, not {}", self.version));
        }
        if self.domain.parse::<model::DomainPart>().is_err() || self.domain.is_empty() {
            return wrong("domain", format!("`{}` is not a domain such as example.org", self.domain));
        }
        let (first, last) = self.media.rtp_ports;
        if first < 1024 || last < first.saturating_add(7) {
            return wrong("[media] rtp_ports", "first at least 1024, last at least 7 above it".to_owned());
        }
        if self.sip.digest.is_empty() {
            return wrong("[sip] digest", "at least one of \"md5\", \"sha-256\"".to_owned());
        }
        if self.listen.port_offset > 50_000 {
            return wrong("[listen] port_offset", "at most 50000".to_owned());
        }
        if !self.storage.url.starts_with("sqlite:") && !self.storage.url.starts_with("postgres") {
            return wrong("[storage] url", "sqlite:FILE or postgres://USER@HOST/DATABASE".to_owned());
        }
        Ok(())
    }

    /// A default port, moved by the offset.
    pub fn port(&self, default: u16) -> u16 {
        default.saturating_add(self.listen.port_offset)
    }
}

fn refused(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
    let after_newline = error.span().is_some_and(|span| text[..span.start.min(text.len())].ends_with('\n'));
    let line = line + usize::from(after_newline);
    ConfigError::Refused { file: file.to_path_buf(), line, message: error.message().to_owned() }
}

/// Puts one variable's value where the file would have it.
fn override_with(table: &mut toml::Table, variable: &str, value: &str) -> Result<(), ConfigError> {
    let path = variable[ENVIRONMENT_PREFIX.len()..].to_lowercase();
    let value = match toml::from_str::<toml::Table>(&format!("value = {value}")) {
        Ok(mut parsed) => parsed.remove("value").unwrap_or_else(|| value.into()),
        Err(_) => toml::Value::String(value.to_owned()),
    };
    match path.split_once("__") {
        None => drop(table.insert(path, value)),
        Some((section, key)) => {
            let section_table = table
                .entry(section)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                .as_table_mut()
                .ok_or_else(|| ConfigError::Environment {
                    variable: variable.to_owned(),
                    message: format!("`{section}` is not a section"),
                })?;
            section_table.insert(key.to_owned(), value);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::load_with(folder.path(), environment).map_err(|error| error.to_string())
    }

    const LEAST: &str = "version = 1\ndomain = \"example.org\"\n";

    #[test]
    fn the_template_is_what_the_defaults_are() {
        let template = template(&Template { domain: "example.org", address: "0.0.0.0", port_offset: 0 });
        let config = load(&template, &[]).unwrap();
        assert_eq!(config.media.rtp_ports, (16384, 32766));
        assert_eq!(config.storage.url, Storage::default().url);
        assert_eq!(config.sip.digest, [Digest::Md5]);
    }

    #[test]
    fn an_unknown_key_names_file_line_key_and_what_is_allowed() {
        let error = load(&format!("{LEAST}[listen]\nport_ofset = 3\n"), &[]).unwrap_err();
        for part in ["carillon.toml", "line 4", "port_ofset", "port_offset"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_bad_value_names_its_line() {
        let error = load(&format!("{LEAST}[network]\nlocal = [\"10.0.0.0/99\"]\n"), &[]).unwrap_err();
        assert!(error.contains("line 4") && error.contains("10.0.0.0/8"), "{error}");
        let error = load(&format!("{LEAST}[sip]\ndigest = [\"sha1\"]\n"), &[]).unwrap_err();
        assert!(error.contains("sha-256"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_used_are_refused() {
        for (text, key) in [
            ("version = 2\ndomain = \"example.org\"\n", "version"),
            ("version = 1\ndomain = \"\"\n", "domain"),
            (&*format!("{LEAST}[media]\nrtp_ports = [2000, 1000]\n"), "rtp_ports"),
            (&*format!("{LEAST}[storage]\nurl = \"mysql://x\"\n"), "storage"),
        ] {
            assert!(load(text, &[]).unwrap_err().contains(key), "{text}");
        }
    }

    #[test]
    fn the_environment_overrides_and_is_checked() {
        let config = load(LEAST, &[("CARILLON__LISTEN__PORT_OFFSET", "100")]).unwrap();
        assert_eq!(config.port(5222), 5322);
        let config = load(LEAST, &[("CARILLON__STORAGE__URL", "postgres://db/x")]).unwrap();
        assert_eq!(config.storage.url, "postgres://db/x");
        let error = load(LEAST, &[("CARILLON__LISTEN__PROT", "1")]).unwrap_err();
        assert!(error.contains("CARILLON__LISTEN__PROT"), "{error}");
    }
}
