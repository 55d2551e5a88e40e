//! What somebody says who comes in: the password, and how much of what was said they want (XEP-0045 §7.2).

use model::Timestamp;
use xmpp::{Condition, Stanza, StanzaError};

use super::wire::MUC;

/// The wishes of one who comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Join {
    pub(crate) password: Option<String>,
    pub(crate) history_max: Option<usize>,
    pub(crate) history_bytes_max: Option<usize>,
    /// How long ago at most, in seconds.
    pub(crate) seconds: Option<u64>,
    pub(crate) since: Option<Timestamp>,
}

impl Join {
    /// Reads `<x xmlns='http://jabber.org/protocol/muc'/>`; `None` when there is none.
    pub(crate) fn of(presence: &Stanza) -> Result<Option<Self>, StanzaError> {
        let Some(x) = presence.child("x", MUC) else { return Ok(None) };
        let mut join =
            Self { password: x.child("password", MUC).map(xmpp::Element::text), ..Self::default() };
        let Some(history) = x.child("history", MUC) else { return Ok(Some(join)) };
        let bad = || {
            StanzaError::from(Condition::BadRequest).with_text("a wish about history is no number or time")
        };
        let number = |name| history.attr(name).map(str::parse::<u64>).transpose().map_err(|_| bad());
        let size = |number: Option<u64>| number.map(|number| usize::try_from(number).unwrap_or(usize::MAX));
        join.history_max = size(number("maxstanzas")?);
        join.history_bytes_max = size(number("maxchars")?);
        join.seconds = number("seconds")?;
        join.since = history.attr("since").map(|since| since.parse().map_err(|_| bad())).transpose()?;
        Ok(Some(join))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(x: &str) -> Result<Option<Join>, StanzaError> {
        let presence = format!("<presence xmlns='jabber:client'>{x}</presence>");
        Join::of(&xmpp::parse_one(presence.into()).unwrap())
    }

    #[test]
    fn wishes_are_read() {
        let x = "<x xmlns='http://jabber.org/protocol/muc'><password>cap</password>\
                 <history maxstanzas='3' seconds='60' since='2026-11-20T09:30:00Z'/></x>";
        let join = read(x).unwrap().unwrap();
        assert_eq!(
            (join.password.as_deref(), join.history_max, join.seconds),
            (Some("cap"), Some(3), Some(60))
        );
        assert!(join.since.is_some());
        assert_eq!(read(""), Ok(None));
        assert!(read("<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='few'/></x>").is_err());
    }
}
