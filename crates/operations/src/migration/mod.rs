//! Moving in and out: accounts as XEP-0227 writes them, read from files of other servers and written for them.
//!
//! A verb reads the files, in its own process and with bounded memory, and hands accounts over in pieces that are all of
//! one kind: elements as they stand inside `<user/>` (XEP-0227 §4). What another server keeps otherwise
//! ([`prosody`], [`ejabberd`]) is turned into such elements first. What an element means for the store says [`account`], on the side
//! that has the store; [`document`] writes them.

pub mod account;
pub mod document;
pub mod ejabberd;
pub mod erlang;
pub mod lua;
pub mod prosody;
pub mod source;
mod vcard;
pub mod xml;

use std::path::Path;
use std::sync::Arc;

use im::{About, Spec};
use xmpp::Element;

use crate::Failure;

/// What this feature is.
pub const ABOUT: About =
    About { name: "migration", specs: &[Spec::xep(227, "1.1")], disco: &[], account: &[] };

/// The namespace of XEP-0227, §4.1.
pub const PIE: &str = "urn:xmpp:pie:0";
/// The namespace before the specification was stable; older files have it.
pub const PIE_EARLY: &str = "http://www.xmpp.org/extensions/xep-0227.html#ns";
/// SCRAM credentials (XEP-0227 §4.3).
pub const SCRAM: &str = "urn:xmpp:pie:0#scram";
/// Archives (XEP-0227 §4.11).
pub const MAM: &str = "urn:xmpp:pie:0#mam";
/// What only this server says of an account: that it is disabled.
pub const CARILLON: &str = "urn:carillon:account:0";
/// Since when a user is not there (XEP-0319).
pub const IDLE: &str = "urn:xmpp:idle:1";
/// The name shown to people (XEP-0172).
pub const NICK: &str = "http://jabber.org/protocol/nick";

/// One element within `<user/>`, in bytes.
pub const PART_BYTES_MAX: usize = 8 << 20;
/// Elements inside each other.
pub const DEPTH_MAX: usize = 64;

/// Where something stands: for who has to mend it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1; 0 for the file as a whole.
    pub line: u64,
}

/// A step through somebody's files.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// An account begins.
    Account(AccountHead),
    /// Something of it.
    Part(Element),
    /// It ends.
    End,
    /// Something that cannot be read is left out.
    LeftOut(String),
}

/// What an account begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountHead {
    /// The part before the @.
    pub name: String,
    /// The domain.
    pub host: String,
    /// The password, where the other server kept it.
    pub password: Option<String>,
    /// Something of it came before.
    pub again: bool,
}

/// The files cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", place.file.display(), line_text(place.line))]
pub struct Broken {
    /// Where.
    pub place: Place,
    /// Why, and what to do.
    pub message: String,
}

fn line_text(line: u64) -> String {
    if line == 0 { String::new() } else { format!(", line {line}") }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        Self::invalid(broken.to_string())
    }
}

impl Place {
    /// A file as a whole.
    pub fn file(path: &Path) -> Self {
        Self { file: path.into(), line: 0 }
    }

    fn broken(self, message: impl Into<String>) -> Broken {
        Broken { place: self, message: message.into() }
    }
}

/// Which software wrote the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file as XEP-0227 describes it.
    Xep0227,
    /// What ejabberd writes: a file as XEP-0227 describes it, or a text dump of its Mnesia.
    Ejabberd,
    /// The data folder of Prosody.
    Prosody,
}

/// Somebody's files, step by step.
pub enum Files {
    /// A file as XEP-0227 describes it, with those that it includes.
    Document(Box<xml::Document>),
    /// A dump of ejabberd's Mnesia.
    Dump(Box<ejabberd::Dump>),
    /// The data folder of Prosody.
    Prosody(Box<prosody::Folder>),
}

impl Files {
    /// Opens them.
    ///
    /// # Errors
    /// They are not there, or are something else.
    pub fn open(origin: Origin, path: &Path) -> Result<Self, Broken> {
        Ok(match origin {
            Origin::Xep0227 => Self::Document(Box::new(xml::Document::open(path)?)),
            Origin::Ejabberd if is_dump(path) => Self::Dump(Box::new(ejabberd::Dump::open(path)?)),
            Origin::Ejabberd => Self::Document(Box::new(xml::Document::open(path)?)),
            Origin::Prosody => Self::Prosody(Box::new(prosody::Folder::open(path)?)),
        })
    }

    /// The next step; `None` at the end.
    ///
    /// # Errors
    /// The files cannot be read on.
    pub fn step(&mut self) -> Result<Option<(Place, Step)>, Broken> {
        match self {
            Self::Document(document) => document.step(),
            Self::Dump(dump) => dump.step(),
            Self::Prosody(folder) => folder.step(),
        }
    }
}

/// A dump begins with a tuple, and a document with a tag.
fn is_dump(path: &Path) -> bool {
    use std::io::Read;

    let mut first = [0; 64];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut first)).unwrap_or_default();
    first[..read].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// How much there is to do: read once before anything is done, so that the time left can be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Accounts.
    pub accounts: u64,
    /// Accounts and what is in them.
    pub steps: u64,
}

impl Extent {
    /// Reads everything once.
    ///
    /// # Errors
    /// The files cannot be read to their end.
    pub fn measure(origin: Origin, path: &Path) -> Result<Self, Broken> {
        let mut files = Files::open(origin, path)?;
        let mut extent = Self::default();
        while let Some((_, step)) = files.step()? {
            extent.accounts += u64::from(matches!(&step, Step::Account(head) if !head.again));
            extent.steps += 1;
        }
        Ok(extent)
    }
}
