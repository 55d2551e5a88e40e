//! Software version (XEP-0092). The operating system is not told.

pub(crate) use xmpp::xep::version::NS;
use xmpp::xep::version::Version;
use xmpp::{Element, StanzaError};

use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "version", specs: &[Spec::xep(92, "1.1")], disco: &[NS], account: &[] };

/// Answers with name and version.
pub(crate) fn get(im: &Im) -> Result<Option<Element>, StanzaError> {
    let version = Version { name: "Carillon".to_owned(), version: im.config.version.to_owned(), os: None };
    Ok(Some(version.to_element()))
}
