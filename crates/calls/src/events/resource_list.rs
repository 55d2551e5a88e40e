//! Lists of resources that one subscription watches: those that a SUBSCRIBE brings along (RFC 5367), and the lamps that
//! the plan gives to a line.

use model::LineId;
use model::plan::{LAMPS_MAX, Lamp};
use sip::{Name, Request, Uri};

use super::xml::{elements, unescaped};
use crate::shard::desk::Desk;

/// What stands before the line in the address of its lamps.
const LAMPS_OF: &str = "lamps-";
/// Resources of one list; of a longer one the first are watched.
pub(super) const MEMBERS_MAX: usize = LAMPS_MAX;
/// The longest list that is read, in bytes.
const LIST_BYTES_MAX: usize = 64 * 1024;

/// One resource of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// As the list names it.
    pub uri: Uri,
    /// Its name for people.
    pub name: Option<String>,
}

/// The list that a SUBSCRIBE brings along; `Ok(None)` when it brings none, `Err` is the status that refuses.
pub(super) fn brought(request: &Request) -> Result<Option<Vec<Entry>>, u16> {
    let headers = request.headers();
    let wanted = headers.has_token(Name::Require, b"recipient-list-subscribe");
    if request.body().is_empty() {
        return if wanted { Err(400) } else { Ok(None) };
    }
    let media_type = headers.content_type().map_err(|_| 415_u16)?;
    if !media_type.is("application", "resource-lists+xml") {
        // A body of another kind is a filter or the like; without it more is told, not less.
        return if wanted { Err(415) } else { Ok(None) };
    }
    read(request.body()).map(Some).ok_or(400)
}

/// The lamps of the watcher's own line, when `user` is their name: `lamps-1001`. `None` when it has none.
pub(super) fn kept(user: &str, line: &LineId, desk: &Desk<'_>) -> Option<Vec<Entry>> {
    if user.strip_prefix(LAMPS_OF)? != line.number.as_str() {
        return None;
    }
    let plan = desk.rooms.plan.load();
    let entry = |lamp: &&Lamp| {
        let is_address = lamp.watches.contains(':');
        let uri = if is_address { lamp.watches.clone() } else { desk.address(&lamp.watches) };
        let name = (!lamp.label.is_empty()).then(|| lamp.label.clone());
        Some(Entry { uri: uri.parse().ok()?, name })
    };
    let mut entries: Vec<Entry> = plan.lamps(line).iter().filter_map(entry).collect();
    // Speed dials of the line that have a lamp stand behind those of the plan.
    let settings = desk.rooms.lines.of(line);
    let dials = settings.iter().flat_map(|settings| settings.speed_dials.values().filter(|dial| dial.lamp));
    for dial in dials {
        let lamp = Lamp { watches: dial.number.to_string(), label: dial.label.clone() };
        let is_new =
            |new: &Entry| entries.len() < LAMPS_MAX && entries.iter().all(|known| known.uri != new.uri);
        if let Some(new) = entry(&&lamp).filter(is_new) {
            entries.push(new);
        }
    }
    (!entries.is_empty()).then_some(entries)
}

/// Reads `application/resource-lists+xml` (RFC 4826 §3.1): the entries of all its lists, in order, each once
/// (RFC 5367 §4: nesting means nothing).
fn read(document: &[u8]) -> Option<Vec<Entry>> {
    let document = std::str::from_utf8(document).ok().filter(|text| text.len() <= LIST_BYTES_MAX)?;
    let mut all = elements(document);
    if all.next()?.name != "resource-lists" {
        return None;
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut is_new = false;
    for element in all {
        match element.name {
            "entry" => {
                let uri: Uri = element.attribute("uri")?.parse().ok()?;
                is_new = !entries.iter().any(|entry| entry.uri.matches(&uri)) && entries.len() < MEMBERS_MAX;
                if is_new {
                    entries.push(Entry { uri, name: None });
                }
            }
            "display-name" if is_new => {
                if let Some(entry) = entries.last_mut() {
                    entry.name = Some(unescaped(element.text.trim())).filter(|name| !name.is_empty());
                }
            }
            _ => {}
        }
    }
    (!entries.is_empty()).then_some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(document: &str) -> Option<Vec<(String, Option<String>)>> {
        Some(
            read(document.as_bytes())?.into_iter().map(|entry| (entry.uri.to_string(), entry.name)).collect(),
        )
    }

    #[test]
    fn entries_come_in_order_and_once_with_their_names() {
        let document = "<?xml version='1.0'?><resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list>\
            <entry uri='sip:1002@example.org'><display-name> Bob &amp; Co </display-name></entry>\
            <list><entry uri=\"sip:1003@example.org\"/></list><entry uri='sip:1002@EXAMPLE.org'><display-name>Again</display-name></entry>\
            </list></resource-lists>";
        let expected = [("sip:1002@example.org", Some("Bob & Co")), ("sip:1003@example.org", None)];
        let expected = expected.map(|(uri, name)| (uri.to_owned(), name.map(str::to_owned)));
        assert_eq!(names(document), Some(expected.to_vec()));
    }

    #[test]
    fn what_is_no_list_is_refused_and_a_long_one_is_cut() {
        for bad in [
            "",
            "<list/>",
            "<resource-lists><list/></resource-lists>",
            "<resource-lists><list><entry/></list></resource-lists>",
            "<resource-lists><list><entry uri='a b'/></list></resource-lists>",
        ] {
            assert_eq!(names(bad), None, "{bad}");
        }
        let entries: String = (0..500).map(|n| format!("<entry uri='sip:{n}@example.org'/>")).collect();
        let long = format!("<resource-lists><list>{entries}</list></resource-lists>");
        assert_eq!(names(&long).unwrap().len(), MEMBERS_MAX);
    }
}
