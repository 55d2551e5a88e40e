//! Prosody's data folder (its storage `internal`): one file for each account and kind, in Lua syntax.
//!
//! `accounts/` says who there is. Every other kind is read for these accounts and turned into what stands in a `<user/>`
//! of XEP-0227.

mod kinds;
mod stanza;

use std::collections::VecDeque;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use xmpp::Element;

use super::lua::{Reader, Value};
use super::source::Mistake;
use super::{AccountHead, Broken, Place, Step};

/// Nodes of one account that are looked for.
const NODES_MAX: usize = store::PUBSUB_NODES_MAX;

/// Kinds that are one value a file.
const SINGLE: &[&str] =
    &["roster", "vcard", "private", "privacy", "blocklist", "pep", "archive_prefs", "lastlog2", "lastlog"];
/// Kinds that are a list of messages.
const LISTS: &[&str] = &["offline", "archive"];

/// A data folder, step by step.
pub struct Folder {
    /// Accounts to come, last first: the folder of the host, the host, the name.
    accounts: Vec<(PathBuf, String, String)>,
    /// What is to be read of this account, last first.
    kinds: Vec<Kind>,
    current: Option<Current>,
    /// What was read and is to be told.
    told: VecDeque<(Place, Step)>,
}

struct Current {
    folder: PathBuf,
    host: String,
    name: String,
    kept: kinds::Kept,
}

enum Kind {
    Single(&'static str),
    Node(String),
    List(&'static str),
    Reading(&'static str, PathBuf, Box<Reader<BufReader<File>>>),
    /// All files are read: what needs several of them is told.
    Together,
    End,
}

impl Folder {
    /// Opens a data folder, or the folder of one host in it.
    ///
    /// # Errors
    /// There are no accounts.
    pub fn open(path: &Path) -> Result<Self, Broken> {
        let failed = |error: std::io::Error| Place::file(path).broken(error.to_string());
        let path = path.canonicalize().map_err(failed)?;
        let mut hosts = Vec::new();
        if path.join("accounts").is_dir() {
            hosts.push(path.clone());
        } else {
            for entry in std::fs::read_dir(&path).map_err(failed)? {
                let folder = entry.map_err(failed)?.path();
                if folder.join("accounts").is_dir() {
                    hosts.push(folder);
                }
            }
        }
        let mut accounts = Vec::new();
        for folder in hosts {
            let host = decoded(&file_name(&folder));
            for entry in std::fs::read_dir(folder.join("accounts")).map_err(failed)? {
                let name = file_name(&entry.map_err(failed)?.path());
                if let Some(name) = name.strip_suffix(".dat") {
                    accounts.push((folder.clone(), host.clone(), decoded(name)));
                }
            }
        }
        if accounts.is_empty() {
            let message = "there are no accounts here: name Prosody's data folder, such as /var/lib/prosody, \
                           with storage \"internal\"";
            return Err(Place::file(&path).broken(message));
        }
        accounts.sort_by(|one, other| (&other.1, &other.2).cmp(&(&one.1, &one.2)));
        Ok(Self { accounts, kinds: Vec::new(), current: None, told: VecDeque::new() })
    }

    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// A file cannot be read for a reason that is not its content.
    pub fn step(&mut self) -> Result<Option<(Place, Step)>, Broken> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Ok(Some(told));
            }
            match self.kinds.pop() {
                Some(kind) => self.read(kind)?,
                None => {
                    let Some((folder, host, name)) = self.accounts.pop() else { return Ok(None) };
                    self.begin(folder, host, name)?;
                }
            }
        }
    }

    fn begin(&mut self, folder: PathBuf, host: String, name: String) -> Result<(), Broken> {
        let path = folder.join("accounts").join(format!("{}.dat", encoded(&name)));
        let mut kept = kinds::Kept::default();
        let mut head = AccountHead { name: name.clone(), host: host.clone(), ..AccountHead::default() };
        let account = self.single(&path)?;
        let mut parts = Vec::new();
        if let Some(table) = account.as_ref().and_then(Value::table) {
            head.password = table.text("password").map(str::to_owned);
            parts = kinds::account(table);
        }
        let place = Place::file(&path);
        self.told.push_front((place.clone(), Step::Account(head)));
        self.told.extend(parts.into_iter().map(|part| (place.clone(), part)));
        kept.address = format!("{name}@{host}");
        self.kinds = vec![Kind::End];
        self.kinds.extend(LISTS.iter().rev().map(|kind| Kind::List(kind)));
        self.kinds.push(Kind::Together);
        self.kinds.extend(SINGLE.iter().rev().map(|kind| Kind::Single(kind)));
        self.current = Some(Current { folder, host, name, kept });
        Ok(())
    }

    fn read(&mut self, kind: Kind) -> Result<(), Broken> {
        let Some(current) = &self.current else { return Ok(()) };
        let file = |store: &str, ending: &str| {
            current.folder.join(store).join(format!("{}.{ending}", encoded(&current.name)))
        };
        match kind {
            Kind::Single(kind) => {
                let path = file(kind, "dat");
                let Some(value) = self.single(&path)? else { return Ok(()) };
                let Some(current) = &mut self.current else { return Ok(()) };
                let steps = kinds::single(kind, &value, &mut current.kept);
                if kind == "pep" {
                    let names = current.kept.nodes().into_iter().take(NODES_MAX);
                    self.kinds.extend(names.map(Kind::Node));
                }
                self.tell(&path, steps);
            }
            Kind::Node(node) => {
                let path = file(&format!("pep_{}", encoded_store(&node)), "list");
                let mut items = Vec::new();
                if let Some(mut reader) = opened(&path)? {
                    loop {
                        match reader.item() {
                            Ok(Some((_, item))) => items.push(item),
                            Ok(None) => break,
                            Err(mistake) => {
                                self.mistake(&path, &mistake);
                                break;
                            }
                        }
                        if items.len() > store::PUBSUB_ITEMS_MAX {
                            items.remove(0);
                        }
                    }
                }
                let Some(current) = &mut self.current else { return Ok(()) };
                let steps = current.kept.node(&node, &items);
                self.tell(&path, steps);
            }
            Kind::List(kind) => {
                let path = file(kind, "list");
                if let Some(reader) = opened(&path)? {
                    self.kinds.push(Kind::Reading(kind, path, Box::new(reader)));
                }
            }
            Kind::Reading(kind, path, mut reader) => match reader.item() {
                Ok(Some((line, item))) => {
                    let place = Place { file: path.as_path().into(), line };
                    let step = kinds::message(kind, &item, &current.host);
                    self.told.push_back((place, step));
                    self.kinds.push(Kind::Reading(kind, path, reader));
                }
                Ok(None) => {}
                Err(mistake) => self.mistake(&path, &mistake),
            },
            Kind::Together => {
                let Some(current) = &mut self.current else { return Ok(()) };
                let path = current.folder.clone();
                let steps = current.kept.together();
                self.tell(&path, steps);
            }
            Kind::End => {
                let place = Place::file(&current.folder);
                self.told.push_back((place, Step::End));
            }
        }
        Ok(())
    }

    fn tell(&mut self, path: &Path, steps: Vec<Step>) {
        let place = Place::file(path);
        self.told.extend(steps.into_iter().map(|step| (place.clone(), step)));
    }

    /// A file that is not right is left out; the others of the account are not.
    fn mistake(&mut self, path: &Path, mistake: &Mistake) {
        let place = Place { file: path.into(), line: mistake.line };
        self.told
            .push_back((place, Step::LeftOut(format!("{mistake}; what follows in this file is left out"))));
    }

    fn single(&mut self, path: &Path) -> Result<Option<Value>, Broken> {
        let Some(mut reader) = opened(path)? else { return Ok(None) };
        match reader.single() {
            Ok(value) => Ok(Some(value)),
            Err(mistake) => {
                self.mistake(path, &mistake);
                Ok(None)
            }
        }
    }
}

/// Opens a file; `None` when there is none.
fn opened(path: &Path) -> Result<Option<Reader<BufReader<File>>>, Broken> {
    match File::open(path) {
        Ok(file) => Ok(Some(Reader::new(BufReader::with_capacity(64 << 10, file)))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Place::file(path).broken(format!("{error}: run this as a user who may read it"))),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// File names have everything but letters and digits as %xx.
fn encoded(name: &str) -> String {
    percent(name, |byte| byte.is_ascii_alphanumeric())
}

/// Names of kinds keep the underscore.
fn encoded_store(name: &str) -> String {
    percent(name, |byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn percent(name: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02x}"));
        }
    }
    encoded
}

fn decoded(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn part(element: Element) -> Step {
    Step::Part(element)
}

#[cfg(test)]
mod tests;
