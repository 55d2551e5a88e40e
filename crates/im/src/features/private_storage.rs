//! XML that clients keep for themselves (XEP-0049), by namespace and name; bookmarks have a list of their own.

use model::BareJid;
use xmpp::{Condition, Element, StanzaError};

use super::bookmarks;
use crate::acceptance::storage_error;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "private_storage", specs: &[Spec::xep(49, "1.2")], disco: &[NS], account: &[] };

/// The namespace.
pub(crate) const NS: &str = "jabber:iq:private";
/// One document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 65_536;

/// What was kept; an empty element when there is nothing (§2.2).
pub(crate) async fn get(im: &Im, owner: &BareJid, query: &Element) -> Result<Option<Element>, StanzaError> {
    let wanted = only_child(query)?;
    if wanted.is("storage", bookmarks::LIST) {
        let list = bookmarks::list(im, owner).await?;
        return Ok(Some(Element::new("query", NS).with_child(list)));
    }
    let kept = im.store.user_document(owner, &kind(wanted)).await.map_err(|error| storage_error(&error))?;
    let kept = kept.and_then(|content| Element::parse(&content, "").ok());
    let empty = || Element::new(wanted.name().to_owned(), wanted.ns().to_owned());
    Ok(Some(Element::new("query", NS).with_child(kept.unwrap_or_else(empty))))
}

/// Keeps something (§2.1).
pub(crate) async fn set(im: &Im, owner: &BareJid, query: &Element) -> Result<Option<Element>, StanzaError> {
    let document = only_child(query)?;
    let content = document.to_bytes();
    if content.len() > DOCUMENT_BYTES_MAX {
        return Err(Condition::ResourceConstraint.into());
    }
    if document.is("storage", bookmarks::LIST) {
        return bookmarks::set_list(im, owner, document).await.map(|()| None);
    }
    let kept = im.store.user_document_put(owner, &kind(document), content).await;
    kept.map(|()| None).map_err(|error| storage_error(&error))
}

fn only_child(query: &Element) -> Result<&Element, StanzaError> {
    let mut children = query.children();
    match (children.next(), children.next()) {
        // §2.3: what has no namespace of its own cannot be told apart.
        (Some(child), None) if child.ns() != NS && !child.ns().is_empty() => Ok(child),
        (Some(_), None) => Err(Condition::NotAcceptable.into()),
        _ => Err(Condition::BadRequest.into()),
    }
}

fn kind(document: &Element) -> String {
    format!("{{{}}}{}", document.ns(), document.name())
}
