//! Cards of rooms with their pictures (XEP-0054, XEP-0486), and of occupants by their nicknames (XEP-0045 §17.4).

use model::{BareJid, FullJid};
use xmpp::{Condition, Element, ErrorKind, StanzaError};

use super::Visitor;
use super::affiliation::Affiliation;
use super::service::{SharedRoom, keep, post};
use crate::Im;
use crate::features::{avatars, vcard};

/// Pictures in one card: the same picture in several formats (XEP-0486 §4.1).
const PICTURES_MAX: usize = 8;

/// The card of a room; an empty one when there is none.
pub(super) async fn get(im: &Im, room: &SharedRoom) -> Result<Option<Element>, StanzaError> {
    let jid = room.lock().jid.clone();
    vcard::own(im, &jid).await
}

/// An owner writes the card: everybody in the room hears that something has changed (XEP-0486 §3.2).
pub(super) async fn set(
    im: &Im,
    who: Visitor<'_>,
    shared: &SharedRoom,
    card: &Element,
) -> Result<Option<Element>, StanzaError> {
    let jid = {
        let room = shared.lock();
        if room.affiliation(who.user) != Affiliation::Owner {
            let refused = StanzaError::new(ErrorKind::Auth, Condition::Forbidden);
            return Err(refused.with_text("only owners set the picture of a room"));
        }
        if !room.config.persistent || room.locked {
            // It would outlive the room, and show up in another of the same name.
            return Err(
                StanzaError::from(Condition::NotAllowed).with_text("only a room that stays has a card")
            );
        }
        room.jid.clone()
    };
    let hashes = avatars::hashes(card);
    if hashes.len() > PICTURES_MAX {
        return Err(Condition::NotAcceptable.into());
    }
    vcard::keep(im, &jid, card).await?;
    {
        let mut room = shared.lock();
        let mut config = room.config.clone();
        config.avatars = hashes;
        room.configure(config, &mut |session: &FullJid, bytes| post(im, session, bytes));
    }
    keep(im, shared).await?;
    Ok(None)
}

/// The card of an occupant who is a user of ours: their client would not answer for it.
pub(super) async fn of_occupant(
    im: &Im,
    who: Visitor<'_>,
    room: &SharedRoom,
    nick: &str,
) -> Result<Option<Element>, StanzaError> {
    let user: BareJid = {
        let room = room.lock();
        if room.occupant_of(who.jid).is_none() {
            return Err(StanzaError::new(ErrorKind::Cancel, Condition::NotAcceptable));
        }
        room.occupants.get(nick).map(|other| other.user.clone()).ok_or(Condition::ItemNotFound)?
    };
    vcard::of(im, &user).await
}
