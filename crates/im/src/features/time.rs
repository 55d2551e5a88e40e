//! Entity time (XEP-0202): always in UTC (`PS-16`).

use model::Timestamp;
use xmpp::xep::time::EntityTime;
pub(crate) use xmpp::xep::time::NS;
use xmpp::{Element, StanzaError};

use crate::{About, Spec};

/// What this feature is.
pub const ABOUT: About = About { name: "time", specs: &[Spec::xep(202, "2.0")], disco: &[NS], account: &[] };

/// Answers with the time.
pub(crate) fn get(now: Timestamp) -> Result<Option<Element>, StanzaError> {
    Ok(Some(EntityTime { utc: now.to_string(), offset_minutes: 0 }.to_element()))
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
