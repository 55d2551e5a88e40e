//! Messages of an account: those that wait (XEP-0160) and those of the archive (XEP-0313).

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use model::{BareJid, Jid, Timestamp};
use xmpp::xep::{delay, mam, stanza_ids};
use xmpp::{Context, Element, STANZA_BYTES_MAX, ns};

/// The namespace of XEP-0297.
const FORWARD: &str = "urn:xmpp:forward:0";
/// Delays before XEP-0203.
const DELAY_EARLY: &str = "jabber:x:delay";

/// A message of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// When it was taken.
    pub at: Timestamp,
    /// The sender.
    pub from: String,
    /// To whom.
    pub to: String,
    /// The stanza, without what a server adds.
    pub stanza: Bytes,
    /// It is in the user's archive.
    pub archived: bool,
    /// The user has not got it yet.
    pub waits: bool,
    key: u64,
}

/// Reads a message that waits, or a result of an archive; `None` for everything else.
pub(super) fn read(jid: &BareJid, element: &Element) -> Option<Result<Message, String>> {
    if element.is("message", ns::CLIENT) {
        return Some(waiting(jid, element));
    }
    element.is("result", mam::NS).then(|| archived(jid, element))
}

fn waiting(jid: &BareJid, message: &Element) -> Result<Message, String> {
    let stamps = message.children().rev().filter_map(stamp);
    let at = stamps.into_iter().next();
    let at = at.ok_or("it is not said when this message came: give it a <delay/> (XEP-0203)")?;
    let mut message = message.clone();
    let own = jid.domain().as_str();
    message.retain_children(|child| {
        let ours = child.attr("from").is_none_or(|from| {
            from.parse::<Jid>().is_ok_and(|from| from.domain().as_str() == own && from.resource().is_none())
        });
        stamp(child).is_none() || !ours
    });
    made(jid, message, at, false)
}

fn archived(jid: &BareJid, result: &Element) -> Result<Message, String> {
    let forwarded = result.child("forwarded", FORWARD).ok_or("this result of an archive has no message")?;
    let message = forwarded.child("message", ns::CLIENT).ok_or("this result of an archive has no message")?;
    let at = forwarded.children().find_map(stamp);
    let at = at.ok_or("it is not said when this message came: give its <forwarded/> a <delay/>")?;
    made(jid, message.clone(), at, true)
}

/// When a delay says that it was.
fn stamp(element: &Element) -> Option<Timestamp> {
    if element.is("delay", delay::NS) {
        return element.attr("stamp")?.parse().ok();
    }
    // XEP-0091: CCYYMMDDThh:mm:ss.
    if element.is("x", DELAY_EARLY) {
        let (date, time) = element.attr("stamp")?.split_once('T')?;
        let (year, month, day) = (date.get(..4)?, date.get(4..6)?, date.get(6..)?);
        return format!("{year}-{month}-{day}T{time}Z").parse().ok();
    }
    None
}

fn made(jid: &BareJid, mut message: Element, at: Timestamp, archived: bool) -> Result<Message, String> {
    let own = jid.as_str();
    // The ids that the old server gave mean nothing here (XEP-0359).
    message.retain_children(|child| !is_own_id(child, jid));
    message.retain_children(|child| !child.is("archived", "urn:xmpp:mam:tmp"));
    let address = |name: &str| message.attr(name).unwrap_or(own).to_owned();
    let (from, to) = (address("from"), address("to"));
    for address in [&from, &to] {
        if address.parse::<Jid>().is_err() {
            return Err(format!("{address:?} is no address"));
        }
    }
    let stanza = written(&message);
    if stanza.len() > usize::try_from(STANZA_BYTES_MAX).unwrap_or(usize::MAX) {
        return Err(format!("this message is larger than {} KiB", STANZA_BYTES_MAX >> 10));
    }
    let bare = model::bare_of(&from);
    let body = message.child("body", ns::CLIENT).map(Element::text).unwrap_or_default();
    let key = hash(&[
        bare,
        message.attr("id").unwrap_or_default(),
        message.attr("type").unwrap_or_default(),
        &body,
    ]);
    Ok(Message { at, from, to, stanza, archived, waits: !archived, key })
}

fn is_own_id(child: &Element, jid: &BareJid) -> bool {
    let by = child.attr("by").unwrap_or_default();
    child.is("stanza-id", stanza_ids::NS) && (by == jid.as_str() || by == jid.domain().as_str())
}

/// The stanza as the journal has it: its namespace is that of the stream.
fn written(message: &Element) -> Bytes {
    let mut out = BytesMut::new();
    message.write(&mut out, Context::Client);
    out.freeze()
}

/// A message that waits and is in the archive, too, is one message.
pub(super) fn join(messages: &mut Vec<Message>) {
    let mut waiting = BTreeMap::<u64, usize>::new();
    for message in messages.iter().filter(|message| message.waits && !message.archived) {
        *waiting.entry(message.key).or_default() += 1;
    }
    if waiting.is_empty() {
        return;
    }
    let mut joined = BTreeMap::<u64, usize>::new();
    // The newest come last, and those are what waits.
    for message in messages.iter_mut().rev().filter(|message| message.archived) {
        if let Some(count) = waiting.get_mut(&message.key).filter(|count| **count > 0) {
            *count -= 1;
            message.waits = true;
            *joined.entry(message.key).or_default() += 1;
        }
    }
    messages.retain(|message| {
        let single = message.waits && !message.archived;
        let Some(count) = joined.get_mut(&message.key).filter(|count| single && **count > 0) else {
            return true;
        };
        *count -= 1;
        false
    });
    messages.sort_by_key(|message| message.at);
}

/// What tells a message of an account from all others: its time and its text.
pub fn fingerprint(at: Timestamp, stanza: &[u8]) -> u64 {
    let at = at.to_string();
    hash(&[&at, &String::from_utf8_lossy(stanza)])
}

/// The fingerprint of what is kept, without the id that this server gave it, and written in the way of what comes.
pub fn marked(owner: &BareJid, at: Timestamp, stanza: &Bytes) -> u64 {
    let text = String::from_utf8_lossy(stanza);
    let named = text.replacen("<message", "<message xmlns='jabber:client'", 1);
    match crate::migration::xml::element(&named) {
        Ok(mut message) => {
            message.retain_children(|child| !is_own_id(child, owner));
            fingerprint(at, &written(&message))
        }
        Err(_) => fingerprint(at, stanza),
    }
}

fn hash(texts: &[&str]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
