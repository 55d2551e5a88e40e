//! Message carbons (XEP-0280): what one device sends and gets, its user's other devices see too.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use xmpp::xep::carbons::{self, Direction};
pub(crate) use xmpp::xep::carbons::{NS, RULES};
use xmpp::{Context, Stamp, Stanza};

use super::stanza_ids;
use crate::acceptance::Accepted;
use crate::sessions::{Account, Seat};
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About =
    About { name: "carbons", specs: &[Spec::xep(280, "1.0.1")], disco: &[NS, RULES], account: &[] };

/// The session wants copies from now on, or does not.
pub(crate) fn set(seat: &Seat, wanted: bool) {
    seat.wants_carbons.store(wanted, Ordering::Relaxed);
}

/// Copies a message that `account` got to those of its sessions that did not get it themselves.
pub(crate) fn received(
    im: &Im,
    account: &Arc<Account>,
    stanza: &Stanza,
    from: &str,
    accepted: &Accepted,
    got_it: impl Fn(&Seat) -> bool,
) {
    let wanting = |seat: &&Arc<Seat>| wants(seat) && !got_it(seat);
    copy(im, account, stanza, (Direction::Received, from, accepted), wanting);
}

/// Copies a message that a session of ours sent to the other sessions of its user.
pub(crate) fn sent(im: &Im, stanza: &Stanza, from: &str, to: &str, accepted: &Accepted) {
    let bare = model::bare_of(from);
    // What goes to oneself is received already.
    if model::bare_of(to) == bare {
        return;
    }
    let Some(account) = im.sessions.account(bare) else { return };
    let wanting = |seat: &&Arc<Seat>| wants(seat) && seat.jid.as_str() != from;
    copy(im, &account, stanza, (Direction::Sent, from, accepted), wanting);
}

fn wants(seat: &Seat) -> bool {
    seat.wants_carbons.load(Ordering::Relaxed)
}

fn copy(
    im: &Im,
    account: &Arc<Account>,
    stanza: &Stanza,
    (direction, from, accepted): (Direction, &str, &Accepted),
    wanting: impl Fn(&&Arc<Seat>) -> bool,
) {
    let seats = account.seats();
    let mut wanting = seats.iter().filter(wanting).peekable();
    if wanting.peek().is_none() || !carbons::is_copied(stanza) {
        return;
    }
    // The id under which the message stands in the archive of whom the copy is for.
    let mark = accepted.kept.map_or_else(Bytes::new, |(id, _)| stanza_ids::mark(account.jid.as_str(), id));
    let whole = stanza.to_bytes(Context::Framed, &Stamp::default().from(from).adding(&mark));
    let kind = stanza.type_();
    for seat in wanting {
        let copy = carbons::copy(direction, account.jid.as_str(), seat.jid.as_str(), kind.as_deref(), &whole);
        im.push_bytes(seat, copy);
    }
}
