//! Reading the configuration: the file first, then the environment over it, and every mistake with its place.

use std::ops::Range;
use std::path::Path;

use model::DomainPart;
use operations::folder;
use toml::de::{DeTable, DeValue};

use super::value::Value;
use super::{Config, ConfigError, SETTINGS, Setting};

/// Environment variables that override a setting: `CARILLON__SECTION__KEY`, or `CARILLON__KEY` at the top.
pub const ENVIRONMENT_PREFIX: &str = "CARILLON__";

/// Reads the configuration of a data directory, with the process's environment.
pub fn load(data: &Path) -> Result<Config, ConfigError> {
    let path = folder::config_path(data);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ConfigError::Missing { path, folder: data.to_owned() });
        }
        Err(cause) => return Err(ConfigError::Unreadable { path, cause }),
    };
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
        .collect();
    read(data, &text, &environment)
}

/// Reads a configuration from its text and the variables that override it.
pub fn read(data: &Path, text: &str, environment: &[(String, String)]) -> Result<Config, ConfigError> {
    let path = folder::config_path(data);
    let table = DeTable::parse(text).map_err(|error| ConfigError::NotToml {
        path: path.clone(),
        line: line(text, error.span()),
        message: message(text, &error),
    })?;
    let placeholder: DomainPart = "localhost".parse().expect("localhost is a domain");
    let mut reader = Reader { config: Config::new(data, placeholder), given: Vec::new() };
    let place = |span: Range<usize>| format!("{}, line {}", path.display(), line(text, Some(span)));
    for (key, value) in table.get_ref().iter() {
        match value.get_ref() {
            DeValue::Table(section) => {
                if !SETTINGS.iter().any(|setting| setting.section == key.get_ref()) {
                    return Err(unknown(place(key.span()), &format!("[{}]", key.get_ref()), sections()));
                }
                for (name, value) in section.iter() {
                    let value_read = Value::from_toml(value.get_ref());
                    reader.set(&place(name.span()), key.get_ref(), name.get_ref(), &value_read)?;
                }
            }
            other => reader.set(&place(key.span()), "", key.get_ref(), &Value::from_toml(other))?,
        }
    }
    for (name, value) in environment {
        let key = name.strip_prefix(ENVIRONMENT_PREFIX).unwrap_or(name).to_ascii_lowercase();
        let (section, key) = key.split_once("__").unwrap_or(("", &key));
        let place = format!("environment variable {name}");
        reader.set(&place, section, key, &Value::from_environment(value))?;
    }
    reader.finish(&path)
}

struct Reader {
    config: Config,
    given: Vec<&'static str>,
}

impl Reader {
    fn set(&mut self, place: &str, section: &str, name: &str, value: &Value) -> Result<(), ConfigError> {
        let Some(setting) = SETTINGS.iter().find(|s| s.section == section && s.name == name) else {
            let key = if section.is_empty() { name.to_owned() } else { format!("[{section}] {name}") };
            return Err(unknown(place.to_owned(), &key, keys_of(section)));
        };
        if section.is_empty() {
            self.given.push(setting.name);
        }
        (setting.apply)(&mut self.config, value).ok_or_else(|| bad(place, setting, value))
    }

    fn finish(mut self, path: &Path) -> Result<Config, ConfigError> {
        for setting in SETTINGS.iter().filter(|setting| setting.section.is_empty()) {
            if !self.given.contains(&setting.name) {
                let key = setting.key();
                return Err(ConfigError::MissingKey { path: path.to_owned(), key, allowed: setting.allowed });
            }
        }
        let offset = i64::from(self.config.listen.port_offset);
        if !self.config.listen.move_ports() {
            return Err(ConfigError::BadValue {
                place: path.display().to_string(),
                key: "[listen] port_offset".to_owned(),
                value: offset.to_string(),
                allowed: "an offset that leaves every port at 65535 or below".to_owned(),
            });
        }
        Ok(self.config)
    }
}

fn bad(place: &str, setting: &Setting, value: &Value) -> ConfigError {
    // A storage address may hold a password.
    let value = if setting.name == "url" {
        "\"…\"".to_owned()
    } else {
        value.to_string().chars().take(80).collect()
    };
    ConfigError::BadValue {
        place: place.to_owned(),
        key: setting.key(),
        value,
        allowed: setting.allowed.to_owned(),
    }
}

fn unknown(place: String, key: &str, allowed: String) -> ConfigError {
    ConfigError::UnknownKey { place, key: key.to_owned(), allowed }
}

fn keys_of(section: &str) -> String {
    let names: Vec<&str> =
        SETTINGS.iter().filter(|setting| setting.section == section).map(|setting| setting.name).collect();
    match (names.is_empty(), section.is_empty()) {
        (true, _) => sections(),
        (false, true) => {
            format!("at the top there are {}, and the sections {}", names.join(", "), sections())
        }
        (false, false) => format!("[{section}] has {}", names.join(", ")),
    }
}

fn sections() -> String {
    let mut names: Vec<String> = Vec::new();
    for setting in SETTINGS.iter().filter(|setting| !setting.section.is_empty()) {
        let name = format!("[{}]", setting.section);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

/// The parser says that a key is there twice, but not which.
fn message(text: &str, error: &toml::de::Error) -> String {
    let key = error.span().and_then(|span| text.get(span)).map(str::trim).filter(|key| !key.is_empty());
    match (error.message(), key) {
        ("duplicate key", Some(key)) => format!("{key} is there twice; allowed: once"),
        (message, _) => message.to_owned(),
    }
}

fn line(text: &str, span: Option<Range<usize>>) -> usize {
    let before = span.map_or(0, |span| span.start.min(text.len()));
    text.as_bytes()[..before].iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "version = 1\ndomain = \"example.org\"\n";

    fn parse(rest: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
        let environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let text = format!("{HEAD}{rest}");
        read(Path::new("/data"), &text, &environment).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let config = parse("", &[]).unwrap();
        assert_eq!(config.domain.as_str(), "example.org");
        assert_eq!((config.listen.xmpp, config.listen.sip, config.listen.metrics), (5222, 5060, 9464));
        assert_eq!(config.storage_url(), "sqlite:/data/carillon.db");
    }

    #[test]
    fn every_section_is_read() {
        let config = parse(
            "[listen]\naddresses = [\"127.0.0.1\"]\nport_offset = 10000\nhttps = 0\n\
             [storage]\nurl = \"postgres://carillon@db/carillon\"\n[media]\nrtp_ports = \"20000-20100\"\n\
             video_call_audio = \"ef\"\n\
             [sip]\ndigest = [\"sha-256\", \"md5\"]\nadvertise = \"203.0.113.5\"\n\
             [network]\ntrusted = [\"127.0.0.0/8\"]\n[limits]\nring_seconds = 30\n",
            &[],
        )
        .unwrap();
        assert_eq!((config.listen.xmpp, config.listen.https), (15222, 0));
        assert_eq!(config.listen.at(config.listen.sip), ["127.0.0.1:15060".parse().unwrap()]);
        assert_eq!(config.database_path(), None);
        assert_eq!(config.media.rtp_ports, (20_000, 20_100));
        assert_eq!(config.media.marks.video_call_audio, runtime::Dscp::EF);
        assert_eq!(config.listen.ports(), [15222, 15223, 15269, 15270, 15060, 15061, 18080, 19464]);
        assert_eq!(config.sip.digest.len(), 2);
        assert!(config.network.trusted[0].contains("127.0.0.9".parse().unwrap()));
        assert_eq!(config.limits.ring_seconds, 30);
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let config = parse(
            "[listen]\nsip = 5060\n",
            &[
                ("CARILLON__LISTEN__SIP", "6060"),
                ("CARILLON__LISTEN__ADDRESSES", "[\"127.0.0.1\", \"::1\"]"),
                ("CARILLON__SIP__DIGEST", "sha-256"),
                ("CARILLON__DOMAIN", "example.net"),
            ],
        )
        .unwrap();
        assert_eq!(config.listen.sip, 6060);
        assert_eq!(config.listen.addresses.len(), 2);
        assert_eq!(config.sip.digest, [sip::digest::Algorithm::Sha256]);
        assert_eq!(config.domain.as_str(), "example.net");
    }

    /// What a mistake must be told with: the place, the key, and what is allowed.
    #[test]
    fn every_mistake_names_file_line_key_and_what_is_allowed() {
        let file = "/data/carillon.toml, line ";
        let table: &[(&str, &[&str])] = &[
            ("[listen]\nxmp = 1\n", &["4: ", "[listen] xmp", "xmpp, xmpps"]),
            ("[lisen]\nxmpp = 1\n", &["3: ", "[lisen]", "[listen], [storage]"]),
            ("colour = \"blue\"\n", &["3: ", "colour", "version, domain"]),
            ("[listen]\n\nxmpp = \"many\"\n", &["5: ", "[listen] xmpp = \"many\"", "1 to 65535"]),
            ("[listen]\nxmpp = 70000\n", &["4: ", "[listen] xmpp = 70000", "1 to 65535"]),
            ("[listen]\naddresses = [\"here\"]\n", &["4: ", "[\"here\"]", "IP addresses"]),
            ("[listen]\naddresses = []\n", &["4: ", "[listen] addresses", "IP addresses"]),
            ("[storage]\nurl = \"mysql://secret@db\"\n", &["4: ", "[storage] url", "sqlite:FILE"]),
            ("[media]\nrtp_ports = \"9000-8000\"\n", &["4: ", "[media] rtp_ports", "16384-32766"]),
            ("[media]\nvideo_call_audio = \"af50\"\n", &["4: ", "[media] video_call_audio", "\"af41\""]),
            ("[media]\nadvertise = \"example.org\"\n", &["4: ", "[media] advertise", "IP address"]),
            ("[sip]\ndigest = [\"sha1\"]\n", &["4: ", "[\"sha1\"]", "sha-256"]),
            ("[network]\nlocal = [\"10/8\"]\n", &["4: ", "[\"10/8\"]", "10.0.0.0/8"]),
            ("[log]\nlevel = \"loud\"\n", &["4: ", "[log] level", "\"debug\""]),
            ("[log]\nformat = \"xml\"\n", &["4: ", "[log] format", "\"json\""]),
            ("[log]\npersonal_data = 1\n", &["4: ", "[log] personal_data = 1", "true or false"]),
            ("[limits]\nring_seconds = 1\n", &["4: ", "ring_seconds = 1", "5 to 600"]),
            ("[limits]\nring_seconds = 1.5\n", &["4: ", "ring_seconds = 1.5", "5 to 600"]),
            ("[listen\n", &["3: "]),
            ("[listen]\nsip = 1\nsip = 2\n", &["5: ", "sip", "there twice", "once"]),
            ("[sip]\n[listen]\n[sip]\n", &["5: ", "sip", "there twice", "once"]),
            ("domain = \"example.net\"\n", &["3: ", "domain", "there twice", "once"]),
        ];
        for (rest, wanted) in table {
            let error = parse(rest, &[]).unwrap_err();
            assert!(error.starts_with(file), "{error}");
            for part in *wanted {
                assert!(error.contains(part), "{part:?} is not in: {error}");
            }
        }
        let secret = parse("[storage]\nurl = \"mysql://secret@db\"\n", &[]).unwrap_err();
        assert!(!secret.contains("secret"), "{secret}");
    }

    #[test]
    fn mistakes_of_the_environment_name_the_variable() {
        let error = parse("", &[("CARILLON__LISTEN__XMPP", "many")]).unwrap_err();
        assert!(error.contains("CARILLON__LISTEN__XMPP") && error.contains("1 to 65535"), "{error}");
        let error = parse("", &[("CARILLON__LISTEN__COLOUR", "blue")]).unwrap_err();
        assert!(error.contains("CARILLON__LISTEN__COLOUR") && error.contains("xmpps"), "{error}");
    }

    #[test]
    fn version_and_domain_must_be_there_and_ours() {
        let read = |text: &str| read(Path::new("/data"), text, &[]).map(drop).map_err(|e| e.to_string());
        assert!(read("version = 1\n").unwrap_err().contains("domain is missing"));
        assert!(read("domain = \"example.org\"\n").unwrap_err().contains("version is missing"));
        assert!(read("version = 2\ndomain = \"example.org\"\n").unwrap_err().contains("line 1: version = 2"));
        assert!(read("version = 1\ndomain = \"exa mple\"\n").unwrap_err().contains("line 2: domain"));
    }

    #[test]
    fn an_offset_that_moves_a_port_out_of_range_is_refused() {
        let error = parse("[listen]\nsip = 60000\nport_offset = 10000\n", &[]).unwrap_err();
        assert!(error.contains("port_offset"), "{error}");
    }
}
