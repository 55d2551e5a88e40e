//! Entity time (XEP-0202): always in UTC (`PS-16`).

use model::Timestamp;
use xmpp::{Element, StanzaError};

use crate::{About, Spec};

/// What this feature is.
pub const ABOUT: About = About { name: "time", specs: &[Spec::xep(202, "2.0")], disco: &[NS], account: &[] };

/// The payload's namespace.
pub(crate) const NS: &str = "urn:xmpp:time";

/// Answers with the time.
pub(crate) fn get(now: Timestamp) -> Result<Option<Element>, StanzaError> {
    Ok(Some(
        Element::new("time", NS)
            .with_child(Element::new("tzo", NS).with_text("+00:00"))
            .with_child(Element::new("utc", NS).with_text(now.to_string())),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_in_utc_as_xep_0082_writes_it() {
        let time = get(Timestamp(1_000_000)).unwrap().unwrap();
        assert_eq!(time.child("utc", NS).unwrap().text(), "1970-01-01T00:00:01.000000Z");
        assert_eq!(time.child("tzo", NS).unwrap().text(), "+00:00");
    }
}
