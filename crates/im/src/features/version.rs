//! Software version (XEP-0092). The operating system is not told.

use xmpp::{Element, StanzaError};

use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "version", specs: &[Spec::xep(92, "1.1")], disco: &[NS], account: &[] };

/// The payload's namespace.
pub(crate) const NS: &str = "jabber:iq:version";

/// Answers with name and version.
pub(crate) fn get(im: &Im) -> Result<Option<Element>, StanzaError> {
    let text = |name: &'static str, text: &str| Element::new(name, NS).with_text(text);
    Ok(Some(
        Element::new("query", NS)
            .with_child(text("name", "Carillon"))
            .with_child(text("version", im.config.version)),
    ))
}
