//! Delayed Delivery (XEP-0203): when a stanza was really sent.

use bytes::BytesMut;

use super::PayloadError;
use crate::{Element, escape};

/// The namespace.
pub const NS: &str = "urn:xmpp:delay";

/// When a stanza was first accepted, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    /// Who has kept the stanza.
    pub from: Option<String>,
    /// When it was accepted, as XEP-0082 writes it (a timestamp of `model` shows itself so and reads it).
    pub stamp: String,
    /// Why it was kept.
    pub reason: Option<String>,
}

impl Delay {
    /// Reads `<delay/>`.
    pub fn from_element(delay: &Element) -> Result<Self, PayloadError> {
        let stamp = delay.attr("stamp").map(str::to_owned);
        Ok(Self {
            from: delay.attr("from").map(str::to_owned),
            stamp: stamp.ok_or(PayloadError("delay without stamp"))?,
            reason: Some(delay.text()).filter(|reason| !reason.is_empty()),
        })
    }

    /// Appends `<delay/>`, naming its namespace: as [`crate::Stamp::add`] wants it.
    pub fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(b"<delay xmlns='urn:xmpp:delay'");
        if let Some(from) = &self.from {
            out.extend_from_slice(b" from='");
            escape::push_attribute(out, from);
            out.extend_from_slice(b"'");
        }
        out.extend_from_slice(b" stamp='");
        escape::push_attribute(out, &self.stamp);
        match &self.reason {
            None => out.extend_from_slice(b"'/>"),
            Some(reason) => {
                out.extend_from_slice(b"'>");
                escape::push_text(out, reason);
                out.extend_from_slice(b"</delay>");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_survives_the_wire() {
        for (from, reason) in [(None, None), (Some("local'host".to_owned()), Some("a & b".to_owned()))] {
            let delay = Delay { from, stamp: "2026-11-20T09:29:59.123456Z".to_owned(), reason };
            let mut out = BytesMut::new();
            delay.write(&mut out);
            assert_eq!(Delay::from_element(&Element::parse(&out, "").unwrap()), Ok(delay));
        }
        assert!(Delay::from_element(&Element::new("delay", NS)).is_err());
    }
}
