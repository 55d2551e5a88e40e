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
    /// Nothing older than this: the later of what `seconds` and `since` say.
    pub(crate) since: Option<Timestamp>,
}

impl Join {
    /// Reads `<x xmlns='http://jabber.org/protocol/muc'/>` as it is meant at `now`; `None` when there is none.
    pub(crate) fn of(presence: &Stanza, now: Timestamp) -> Result<Option<Self>, StanzaError> {
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
        let ago = |seconds: u64| {
            let micros = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            Timestamp(now.0.saturating_sub(micros))
        };
        let since = history.attr("since").map(|since| since.parse().map_err(|_| bad())).transpose()?;
        // §7.2.13: what meets all the wishes together.
        join.since = since.max(number("seconds")?.map(ago));
        Ok(Some(join))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T09:30:00Z.
    const NOW: Timestamp = Timestamp(1_795_167_000_000_000);

    fn read(x: &str) -> Result<Option<Join>, StanzaError> {
        let presence = format!("<presence xmlns='jabber:client'>{x}</presence>");
        Join::of(&xmpp::parse_one(presence.into()).unwrap(), NOW)
    }

    #[test]
    fn wishes_are_read() {
        let x = "<x xmlns='http://jabber.org/protocol/muc'><password>cap</password>\
                 <history maxstanzas='3' since='2026-11-20T09:00:00Z'/></x>";
        let join = read(x).unwrap().unwrap();
        assert_eq!((join.password.as_deref(), join.history_max), (Some("cap"), Some(3)));
        assert_eq!(join.since, Some(Timestamp(NOW.0 - 30 * 60 * 1_000_000)));
        assert_eq!(read(""), Ok(None));
        assert!(read("<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='few'/></x>").is_err());
    }

    #[test]
    fn of_two_wishes_about_age_the_narrower_holds() {
        let since = |wishes: &str| {
            let x = format!("<x xmlns='http://jabber.org/protocol/muc'><history {wishes}/></x>");
            read(&x).unwrap().unwrap().since.map(|since| (NOW.0 - since.0) / 1_000_000)
        };
        assert_eq!(since("seconds='60'"), Some(60));
        assert_eq!(since("seconds='60' since='2026-11-20T09:00:00Z'"), Some(60));
        assert_eq!(since("seconds='3600' since='2026-11-20T09:00:00Z'"), Some(1800));
        assert_eq!(since("maxchars='0'"), None);
        assert!(since(&format!("seconds='{}'", u64::MAX)).is_some(), "nothing overflows");
    }
}
