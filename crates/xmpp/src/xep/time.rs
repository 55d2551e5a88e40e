//! Entity Time (XEP-0202): the clock and the zone at an address.

use super::PayloadError;
use crate::Element;

/// The namespace.
pub const NS: &str = "urn:xmpp:time";

/// The farthest zone from UTC, in minutes.
const OFFSET_MINUTES_MAX: i16 = 18 * 60;

/// A time and the zone it is read in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTime {
    /// The time in UTC, as XEP-0082 writes it (a timestamp of `model` shows itself so and reads it).
    pub utc: String,
    /// How far the zone is ahead of UTC, in minutes.
    pub offset_minutes: i16,
}

impl EntityTime {
    /// The payload of a request.
    pub fn request() -> Element {
        Element::new("time", NS)
    }

    /// Reads a result.
    pub fn from_element(time: &Element) -> Result<Self, PayloadError> {
        let text = |name| time.child(name, NS).map(Element::text);
        let utc = text("utc").ok_or(PayloadError("time without utc"))?;
        let zone = text("tzo").and_then(|zone| offset(&zone)).ok_or(PayloadError("time without tzo"))?;
        Ok(Self { utc, offset_minutes: zone })
    }

    /// The payload of a result.
    pub fn to_element(&self) -> Element {
        let (sign, minutes) =
            if self.offset_minutes < 0 { ('-', -self.offset_minutes) } else { ('+', self.offset_minutes) };
        let zone = format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60);
        Self::request()
            .with_child(Element::new("tzo", NS).with_text(zone))
            .with_child(Element::new("utc", NS).with_text(self.utc.as_str()))
    }
}

/// `Z`, `+01:00`, `-03:30` (XEP-0082 §3.2).
fn offset(zone: &str) -> Option<i16> {
    if zone == "Z" {
        return Some(0);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let number = |text: &str| text.parse::<u8>().ok().filter(|_| text.len() == 2).map(i16::from);
    let minutes = number(hours)? * 60 + number(minutes).filter(|minutes| *minutes < 60)?;
    match zone.as_bytes()[0] {
        b'+' => Some(minutes),
        b'-' => Some(-minutes),
        _ => None,
    }
    .filter(|offset| offset.abs() <= OFFSET_MINUTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_the_wire() {
        for offset_minutes in [0, 60, -210, 845] {
            let time = EntityTime { utc: "2026-11-20T09:29:59.000000Z".to_owned(), offset_minutes };
            assert_eq!(EntityTime::from_element(&time.to_element()), Ok(time));
        }
    }

    #[test]
    fn a_zone_that_is_none_is_refused() {
        for zone in ["", "+", "+1:00", "01:00", "+01:60", "+99:00", "+01", "é1:00"] {
            assert_eq!(offset(zone), None, "{zone}");
        }
        assert_eq!(offset("Z"), Some(0));
    }
}
