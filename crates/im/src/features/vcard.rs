//! Cards of people (XEP-0054): one's own is written, everybody's is read.

use model::BareJid;
use xmpp::{Condition, Element, StanzaError};

use super::avatars;
use crate::acceptance::storage_error;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "vcard", specs: &[Spec::xep(54, "1.2")], disco: &[NS], account: &[NS] };

/// The namespace.
pub(crate) const NS: &str = "vcard-temp";
/// A card with its picture, in bytes.
const CARD_BYTES_MAX: usize = 131_072;

/// One's own card; an empty one when there is none (§3.1).
pub(crate) async fn own(im: &Im, owner: &BareJid) -> Result<Option<Element>, StanzaError> {
    Ok(Some(read(im, owner).await?.unwrap_or_else(|| Element::new("vCard", NS))))
}

/// Somebody else's: whoever has none looks like one who does not exist (§3.3).
pub(crate) async fn of(im: &Im, user: &BareJid) -> Result<Option<Element>, StanzaError> {
    read(im, user).await?.map(Some).ok_or_else(|| Condition::ServiceUnavailable.into())
}

async fn read(im: &Im, user: &BareJid) -> Result<Option<Element>, StanzaError> {
    let kept = im.store.user_document(user, NS).await.map_err(|error| storage_error(&error))?;
    Ok(kept.and_then(|content| Element::parse(&content, "").ok()))
}

/// Writes one's own card (§3.2).
pub(crate) async fn set(im: &Im, owner: &BareJid, card: &Element) -> Result<Option<Element>, StanzaError> {
    keep(im, owner, card).await?;
    avatars::card_changed(im, owner, card).await?;
    Ok(None)
}

/// Keeps the card of a person, or of a room.
pub(crate) async fn keep(im: &Im, owner: &BareJid, card: &Element) -> Result<(), StanzaError> {
    let content = card.to_bytes();
    if content.len() > CARD_BYTES_MAX {
        return Err(StanzaError::from(Condition::ResourceConstraint).with_text("a card has at most 128 KiB"));
    }
    im.store.user_document_put(owner, NS, content).await.map_err(|error| storage_error(&error))
}
