//! The hats of a room: which there are, and who wears them, as everybody sees (XEP-0317). Kept with the configuration.

use std::collections::{BTreeMap, BTreeSet};

use model::BareJid;
use serde::{Deserialize, Serialize};
use xmpp::xep::forms;
use xmpp::{Condition, Element, StanzaError};

/// The namespace.
pub(crate) const NS: &str = "urn:xmpp:hats:0";
/// Different hats of one room.
const HATS_MAX: usize = 32;
/// Users of one room who wear hats.
const WEARERS_MAX: usize = 256;
/// Hats that one user wears in one room.
const WORN_MAX: usize = 8;
/// The URI of a hat, in bytes.
const URI_BYTES_MAX: usize = 255;
/// The title of a hat, in bytes.
const TITLE_BYTES_MAX: usize = 127;

/// The hats of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Hats {
    /// The titles, by URI: of hats that somebody wears.
    titles: BTreeMap<String, String>,
    /// The URIs of what each user wears; nobody is here who wears none.
    worn: BTreeMap<BareJid, BTreeSet<String>>,
}

impl Hats {
    /// Gives a user a hat; a title may be left out for one that somebody wears already. True when it changed the
    /// title for others too.
    ///
    /// # Errors
    /// It is no URI, there is no title, or there would be too many.
    pub(crate) fn give(
        &mut self,
        user: &BareJid,
        uri: &str,
        title: Option<&str>,
    ) -> Result<bool, StanzaError> {
        let bad = |text: &'static str| StanzaError::from(Condition::NotAcceptable).with_text(text);
        let full = |text: &'static str| StanzaError::from(Condition::ResourceConstraint).with_text(text);
        if !is_uri(uri) {
            return Err(bad("a hat has a URI"));
        }
        let known = self.titles.get(uri).map(String::as_str);
        let title = title.or(known).ok_or_else(|| bad("a new hat has a title"))?;
        if title.is_empty() || title.len() > TITLE_BYTES_MAX || title.contains(char::is_control) {
            return Err(bad("a title is short and on one line"));
        }
        if known.is_none() && self.titles.len() >= HATS_MAX {
            return Err(full("the room has no more hats"));
        }
        match self.worn.get(user) {
            None if self.worn.len() >= WEARERS_MAX => return Err(full("too many wear hats in the room")),
            Some(worn) if worn.len() >= WORN_MAX && !worn.contains(uri) => {
                return Err(full("the user wears too many hats"));
            }
            _ => {}
        }
        let renamed = known.is_some_and(|known| known != title);
        let title = title.to_owned();
        self.titles.insert(uri.to_owned(), title);
        self.worn.entry(user.clone()).or_default().insert(uri.to_owned());
        Ok(renamed)
    }

    /// Takes a hat from a user; one that nobody wears any more is gone.
    ///
    /// # Errors
    /// They do not wear it.
    pub(crate) fn take(&mut self, user: &BareJid, uri: &str) -> Result<(), StanzaError> {
        let worn = self.worn.get_mut(user).filter(|worn| worn.contains(uri));
        let worn = worn.ok_or(Condition::ItemNotFound)?;
        worn.remove(uri);
        if worn.is_empty() {
            self.worn.remove(user);
        }
        if !self.worn.values().any(|worn| worn.contains(uri)) {
            self.titles.remove(uri);
        }
        Ok(())
    }

    /// Does a user wear a hat?
    pub(crate) fn wears(&self, user: &BareJid, uri: &str) -> bool {
        self.worn.get(user).is_some_and(|worn| worn.contains(uri))
    }

    /// URIs and titles.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.titles.iter().map(|(uri, title)| (uri.as_str(), title.as_str()))
    }

    /// What a user's presence shows (§3.1); `None` for one without hats.
    pub(crate) fn shown(&self, user: &BareJid) -> Option<Element> {
        let worn = self.worn.get(user)?;
        let hats = worn.iter().filter_map(|uri| {
            let title = self.titles.get(uri)?;
            Some(Element::new("hat", NS).with_attr("uri", uri.as_str()).with_attr("title", title.as_str()))
        });
        Some(hats.fold(Element::new("hats", NS), Element::with_child))
    }

    /// Who wears what, as a form with a row for each (XEP-0004 §3.4).
    pub(crate) fn listed(&self) -> Element {
        let field = |var: &'static str| Element::new("field", forms::NS).with_attr("var", var);
        let reported = [("jid", "User"), ("hat_title", "Title"), ("hat_uri", "URI")]
            .into_iter()
            .map(|(var, label)| field(var).with_attr("label", label))
            .fold(Element::new("reported", forms::NS), Element::with_child);
        let title = Element::new("title", forms::NS).with_text("Users with hats");
        let x = Element::new("x", forms::NS).with_attr("type", "result");
        let mut x = x.with_child(title).with_child(reported);
        for (user, worn) in &self.worn {
            for uri in worn {
                let title = self.titles.get(uri).map(String::as_str).unwrap_or_default();
                let row = [("jid", user.as_str()), ("hat_title", title), ("hat_uri", uri)]
                    .into_iter()
                    .map(|(var, value)| {
                        field(var).with_child(Element::new("value", forms::NS).with_text(value))
                    })
                    .fold(Element::new("item", forms::NS), Element::with_child);
                x.push(row);
            }
        }
        x
    }
}

/// A scheme and something behind it, of characters that a URI has (RFC 3986 §2, §3.1).
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    text.len() <= URI_BYTES_MAX
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
        && !rest.is_empty()
        && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jid(text: &str) -> BareJid {
        text.parse().unwrap()
    }

    fn given(hats: &mut Hats, user: &str, uri: &str, title: Option<&str>) -> Result<bool, Condition> {
        hats.give(&jid(user), uri, title).map_err(|error| error.condition)
    }

    #[test]
    fn what_is_given_is_shown_and_survives_being_kept() {
        let mut hats = Hats::default();
        assert_eq!(given(&mut hats, "ann@x", "urn:hat:host", Some("Host")), Ok(false));
        let shown = hats.shown(&jid("ann@x")).unwrap();
        let hat = shown.child("hat", NS).unwrap();
        assert_eq!((hat.attr("uri"), hat.attr("title")), (Some("urn:hat:host"), Some("Host")));
        assert!(hats.shown(&jid("bob@x")).is_none());
        let mut config = super::super::config::RoomConfig::default();
        config.people.hats = hats.clone();
        assert_eq!(super::super::config::RoomConfig::from_json(&config.to_json()).people.hats, hats);
    }

    #[test]
    fn a_hat_that_is_known_needs_no_title_and_takes_another() {
        let mut hats = Hats::default();
        assert_eq!(given(&mut hats, "ann@x", "urn:h", None), Err(Condition::NotAcceptable));
        given(&mut hats, "ann@x", "urn:h", Some("Host")).unwrap();
        assert_eq!(given(&mut hats, "bob@x", "urn:h", None), Ok(false));
        assert_eq!(given(&mut hats, "bob@x", "urn:h", Some("Hostess")), Ok(true));
        assert_eq!(hats.all().collect::<Vec<_>>(), [("urn:h", "Hostess")]);
    }

    #[test]
    fn a_hat_is_gone_with_its_last_wearer() {
        let mut hats = Hats::default();
        given(&mut hats, "ann@x", "urn:h", Some("Host")).unwrap();
        given(&mut hats, "bob@x", "urn:h", None).unwrap();
        hats.take(&jid("ann@x"), "urn:h").unwrap();
        assert!(!hats.wears(&jid("ann@x"), "urn:h") && hats.wears(&jid("bob@x"), "urn:h"));
        assert!(hats.take(&jid("ann@x"), "urn:h").is_err());
        hats.take(&jid("bob@x"), "urn:h").unwrap();
        assert_eq!(hats, Hats::default());
    }

    #[test]
    fn hats_are_bounded_in_number_and_length() {
        let mut hats = Hats::default();
        for number in 0..HATS_MAX {
            let user = format!("u{}@x", number / WORN_MAX);
            given(&mut hats, &user, &format!("urn:h:{number}"), Some("Hat")).unwrap();
        }
        let full = Err(Condition::ResourceConstraint);
        assert_eq!(given(&mut hats, "new@x", "urn:h:more", Some("Hat")), full, "of the room");
        assert_eq!(given(&mut hats, "u0@x", "urn:h:31", None), full, "of a user");
        for number in hats.worn.len()..WEARERS_MAX {
            given(&mut hats, &format!("w{number}@x"), "urn:h:0", None).unwrap();
        }
        assert_eq!(given(&mut hats, "last@x", "urn:h:0", None), full, "of wearers");
        let long = format!("urn:{}", "x".repeat(URI_BYTES_MAX));
        for uri in [long.as_str(), "hat", ":x", "1a:x", "urn:", "urn:a b"] {
            assert_eq!(given(&mut hats, "u0@x", uri, Some("Hat")), Err(Condition::NotAcceptable), "{uri}");
        }
        let long = "x".repeat(TITLE_BYTES_MAX + 1);
        for title in ["", "a\nb", long.as_str()] {
            assert_eq!(given(&mut hats, "u0@x", "urn:h:0", Some(title)), Err(Condition::NotAcceptable));
        }
    }
}
