//! Pictures of people: what is published as an event (XEP-0084) becomes the photo of the card (XEP-0054) and the other
//! way round (XEP-0398), and every presence tells which picture is the newest (XEP-0153).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use model::BareJid;
use sha1::{Digest, Sha1};
use store::PubsubItem;
use xmpp::{Context, Element, Stamp, Stanza, StanzaError};

use super::{presence, vcard};
use crate::pubsub::config::{Access, NodeConfig};
use crate::pubsub::{Service, items};
use crate::sessions::Seat;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "avatars",
    specs: &[Spec::xep(84, "1.1.4"), Spec::xep(153, "1.1.1"), Spec::xep(398, "1.0.0")],
    disco: &[],
    account: &["urn:xmpp:pep-vcard-conversion:0"],
};

/// The node that tells which picture is the newest.
pub(crate) const METADATA: &str = "urn:xmpp:avatar:metadata";
/// The node of the pictures themselves.
const DATA: &str = "urn:xmpp:avatar:data";
/// The namespace of what presence tells.
const UPDATE: &str = "vcard-temp:x:update";
/// The document that keeps the hash over a restart.
const KEPT: &str = "avatar-hash";

/// The hash of each user's picture. In memory, because every presence tells it.
#[derive(Default)]
pub(crate) struct Avatars(papaya::HashMap<Box<str>, Arc<str>>);

impl Avatars {
    /// Reads what was kept.
    pub(crate) async fn load(&self, store: &store::Store) -> Result<(), store::Error> {
        for (owner, hash) in store.user_documents(KEPT).await? {
            if let Some(hash) = std::str::from_utf8(&hash).ok().filter(|hash| !hash.is_empty()) {
                self.0.pin().insert(owner.as_str().into(), hash.into());
            }
        }
        Ok(())
    }

    fn of(&self, user: &str) -> Option<Arc<str>> {
        self.0.pin().get(user).cloned()
    }

    /// The user is gone.
    pub(crate) fn forget(&self, user: &str) {
        self.0.pin().remove(user);
    }
}

/// A picture as a card has it.
#[derive(Debug, PartialEq, Eq)]
struct Photo {
    kind: String,
    image: Vec<u8>,
}

impl Photo {
    /// The first photo of a card that is a picture.
    fn of(card: &Element) -> Option<Self> {
        card.children().filter(|child| child.is("PHOTO", vcard::NS)).find_map(|photo| {
            let image = decoded(&photo.child("BINVAL", vcard::NS)?.text())?;
            let kind = photo.child("TYPE", vcard::NS).map(Element::text).filter(|kind| kind.contains('/'));
            let kind = kind.or_else(|| kind_of(&image).map(str::to_owned))?;
            Some(Self { kind, image })
        })
    }

    fn element(&self) -> Element {
        let child = |name, text| Element::new(name, vcard::NS).with_text(text);
        Element::new("PHOTO", vcard::NS)
            .with_child(child("TYPE", self.kind.clone()))
            .with_child(child("BINVAL", STANDARD.encode(&self.image)))
    }

    fn hash(&self) -> String {
        hash(&self.image)
    }
}

fn hash(image: &[u8]) -> String {
    Sha1::digest(image).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 with the white space that XML brings along; `None` for nothing.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok().filter(|image| !image.is_empty())
}

/// What a picture is that says nothing of itself, by its first bytes.
fn kind_of(image: &[u8]) -> Option<&'static str> {
    match image {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// The hashes of all photos of a card (XEP-0486 §4.1).
pub(crate) fn hashes(card: &Element) -> Vec<String> {
    let photos = card.children().filter(|child| child.is("PHOTO", vcard::NS));
    let images = photos.filter_map(|photo| decoded(&photo.child("BINVAL", vcard::NS)?.text()));
    images.map(|image| hash(&image)).collect()
}

/// The owner says which picture is the newest: it becomes the photo of the card (XEP-0398 §3.1).
pub(crate) async fn published(im: &Im, owner: &BareJid, metadata: &Element) {
    if let Err(error) = to_card(im, owner, metadata).await {
        tracing::warn!(%error, "a picture did not become the photo of a card");
    }
}

async fn to_card(im: &Im, owner: &BareJid, metadata: &Element) -> Result<(), StanzaError> {
    // A picture that is elsewhere is not ours to hand out.
    let mut infos = metadata.children().filter(|info| info.is("info", METADATA));
    let photo = match infos.find(|info| info.attr("url").is_none()) {
        Some(info) => {
            let Some(photo) = stored(im, owner, info).await? else { return Ok(()) };
            Some(photo)
        }
        // XEP-0084 §4.2.3: no picture any more.
        None if metadata.child("info", METADATA).is_none() => None,
        None => return Ok(()),
    };
    let mut card = vcard::own(im, owner).await?.unwrap_or_else(|| Element::new("vCard", vcard::NS));
    card.retain_children(|child| !child.is("PHOTO", vcard::NS));
    if let Some(photo) = &photo {
        card.push(photo.element());
    }
    vcard::keep(im, owner, &card).await?;
    note(im, owner, photo.map(|photo| photo.hash())).await
}

/// The picture that an `<info/>` names, if its hash is right (§3.1: SHOULD verify).
async fn stored(im: &Im, owner: &BareJid, info: &Element) -> Result<Option<Photo>, StanzaError> {
    let (Some(id), Some(kind)) = (info.attr("id"), info.attr("type")) else { return Ok(None) };
    let item = im.store.pubsub_item(owner.as_str(), DATA, id).await;
    let item = item.map_err(|error| crate::acceptance::storage_error(&error))?;
    let data = item.and_then(|item| Element::parse(&item.payload, "").ok());
    let image = data.and_then(|data| decoded(&data.text()));
    Ok(image
        .map(|image| Photo { kind: kind.to_owned(), image })
        .filter(|photo| photo.hash().eq_ignore_ascii_case(id)))
}

/// The card was written: its photo is published (XEP-0398 §3.2).
pub(crate) async fn card_changed(im: &Im, owner: &BareJid, card: &Element) -> Result<(), StanzaError> {
    let photo = Photo::of(card);
    let hash = photo.as_ref().map(Photo::hash);
    if hash.as_deref() == im.users.avatars.of(owner.as_str()).as_deref() {
        return Ok(());
    }
    let mut metadata = Element::new("metadata", METADATA);
    if let (Some(photo), Some(hash)) = (&photo, &hash) {
        let data = Element::new("data", DATA).with_text(STANDARD.encode(&photo.image));
        put(im, owner, DATA, hash, &data).await?;
        let info = Element::new("info", METADATA)
            .with_attr("id", hash.as_str())
            .with_attr("type", photo.kind.as_str())
            .with_attr("bytes", photo.image.len().to_string());
        metadata.push(info);
    }
    put(im, owner, METADATA, hash.as_deref().unwrap_or("none"), &metadata).await?;
    note(im, owner, hash).await
}

/// An item on the owner's behalf. A node that this makes is open, as the card is.
async fn put(im: &Im, owner: &BareJid, node: &str, id: &str, payload: &Element) -> Result<(), StanzaError> {
    let service = Service::personal(owner);
    let config = service.config_if_any(im, node).await?;
    let config = config.unwrap_or_else(|| NodeConfig { access: Access::Open, ..NodeConfig::default() });
    let item = PubsubItem {
        id: id.to_owned(),
        publisher: owner.to_string(),
        at: im.runtime.timestamp(),
        payload: payload.to_bytes(),
    };
    items::put(im, &service, node, &config, &item).await
}

/// Notes the hash; everybody who sees the user's clients hears of it.
async fn note(im: &Im, owner: &BareJid, hash: Option<String>) -> Result<(), StanzaError> {
    if hash.as_deref() == im.users.avatars.of(owner.as_str()).as_deref() {
        return Ok(());
    }
    let kept = Bytes::from(hash.clone().unwrap_or_default());
    let kept = im.store.user_document_put(owner, KEPT, kept).await;
    kept.map_err(|error| crate::acceptance::storage_error(&error))?;
    match &hash {
        Some(hash) => drop(im.users.avatars.0.pin().insert(owner.as_str().into(), hash.as_str().into())),
        None => im.users.avatars.forget(owner.as_str()),
    }
    let Some(account) = im.sessions.account(owner.as_str()) else { return Ok(()) };
    let Ok(roster) = im.roster(&account).await else { return Ok(()) };
    for seat in account.seats().iter().filter(|seat| seat.priority().is_some()) {
        {
            // Held throughout: who leaves meanwhile must not be shown again.
            let mut shown = seat.shown.lock();
            let Some(stamped) = shown.as_deref().map(|shown| stamped(shown, hash.as_deref())) else {
                continue;
            };
            if let Some(stamped) = stamped {
                *shown = Some(Box::new(stamped));
            }
        }
        presence::broadcast(im, seat, &roster);
    }
    Ok(())
}

/// An available presence as it goes on: with the hash of the newest picture (XEP-0398 §4). `None` when nothing is to be
/// changed: there is no picture, the client told it rightly, or wants none told.
pub(crate) fn with_hash(im: &Im, seat: &Seat, presence: &Stanza) -> Option<Stanza> {
    let hash = im.users.avatars.of(seat.account.jid.as_str());
    stamped(presence, hash.as_deref())
}

fn stamped(presence: &Stanza, hash: Option<&str>) -> Option<Stanza> {
    let said = presence.child("x", UPDATE).map(|x| x.child("photo", UPDATE).map(Element::text));
    match (&said, hash) {
        // An empty photo: the client has its reasons.
        (Some(Some(photo)), _) if photo.is_empty() => return None,
        (Some(Some(photo)), Some(hash)) if photo == hash => return None,
        (None, None) => return None,
        _ => {}
    }
    let mut bare = presence.clone();
    bare.cut_children(|child| child.is("x", UPDATE));
    let photo = Element::new("photo", UPDATE);
    let photo = match hash {
        Some(hash) => photo.with_text(hash),
        None => photo,
    };
    let mut update = BytesMut::new();
    Element::new("x", UPDATE).with_child(photo).write(&mut update, Context::Client);
    rewritten(&bare, &update)
}

fn rewritten(presence: &Stanza, add: &[u8]) -> Option<Stanza> {
    xmpp::parse_one(presence.to_bytes(Context::Framed, &Stamp::default().adding(add))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(children: &str, hash: Option<&str>) -> Option<String> {
        let presence = format!("<presence xmlns='jabber:client'>{children}</presence>");
        let presence = xmpp::parse_one(presence.into()).unwrap();
        let stamped = stamped(&presence, hash)?;
        Some(stamped.child("x", UPDATE)?.child("photo", UPDATE)?.text())
    }

    #[test]
    fn presence_tells_the_newest_picture_unless_the_client_wants_none_told() {
        let x = |inside: &str| format!("<show>away</show><x xmlns='vcard-temp:x:update'>{inside}</x>");
        assert_eq!(told("", Some("abc")).as_deref(), Some("abc"));
        assert_eq!(told(&x(""), Some("abc")).as_deref(), Some("abc"));
        assert_eq!(told(&x("<photo>old</photo>"), Some("abc")).as_deref(), Some("abc"));
        assert_eq!(told(&x("<photo>abc</photo>"), Some("abc")), None);
        assert_eq!(told(&x("<photo/>"), Some("abc")), None);
        assert_eq!(told(&x("<photo>old</photo>"), None).as_deref(), Some(""));
        assert_eq!(told("", None), None);
    }

    #[test]
    fn a_photo_is_read_with_its_white_space_and_its_kind() {
        let card = |photo: &str| {
            let card = format!("<vCard xmlns='vcard-temp'><FN>x</FN><PHOTO>{photo}</PHOTO></vCard>");
            Element::parse(card.as_bytes(), "").unwrap()
        };
        let photo = Photo::of(&card("<BINVAL>iVBO\n Rw==</BINVAL>")).unwrap();
        assert_eq!((photo.kind.as_str(), &photo.image[..]), ("image/png", &[0x89, b'P', b'N', b'G'][..]));
        assert_eq!(Photo::of(&Element::new("vCard", "vcard-temp").with_child(photo.element())), Some(photo));
        assert_eq!(Photo::of(&card("<BINVAL>!</BINVAL>")), None);
        assert_eq!(Photo::of(&card("<TYPE>image/png</TYPE><BINVAL/>")), None);
        assert_eq!(hashes(&card("<BINVAL>YWJj</BINVAL>")), ["a9993e364706816aba3e25717850c26c9cd0d89d"]);
    }
}
