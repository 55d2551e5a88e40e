//! The elements of stream management, read and written (XEP-0198 §3-§5).

use bytes::BytesMut;

use super::NS;
use crate::{Builder, Condition, Stanza, ns};

/// What stands among the stream features (XEP-0198 §3).
pub const FEATURE: &[u8] = b"<sm xmlns='urn:xmpp:sm:3'/>";
/// `<r/>`, ready to send.
pub const ACK_REQUEST: &[u8] = b"<r xmlns='urn:xmpp:sm:3'/>";

/// An element of stream management.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// `<enable/>`: the client wants to count.
    Enable {
        /// It wants to be able to resume.
        resume: bool,
        /// For how long at most, in seconds.
        max_seconds: Option<u32>,
    },
    /// `<enabled/>`: the server counts from here on.
    Enabled {
        /// What to resume by; absent when it cannot be resumed.
        id: Option<String>,
        /// How long the server keeps the session, in seconds.
        max_seconds: Option<u32>,
    },
    /// `<resume/>`: the client wants its old session.
    Resume {
        /// The session's identifier.
        previd: String,
        /// How many stanzas the client has handled.
        h: u32,
    },
    /// `<resumed/>`: the old session goes on.
    Resumed {
        /// The session's identifier.
        previd: String,
        /// How many stanzas the server has handled.
        h: u32,
    },
    /// `<failed/>`: neither enabled nor resumed.
    Failed {
        /// Why.
        condition: Condition,
        /// How many stanzas of the lost session had been handled, if that is still known.
        h: Option<u32>,
    },
    /// `<a/>`: so many stanzas were handled.
    Ack {
        /// The count.
        h: u32,
    },
    /// `<r/>`: how many were handled?
    Request,
}

/// An element of our namespace that does not have what the schema demands, or none that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed stream management element")]
pub struct SignalError;

impl Signal {
    /// Reads a top-level element; `None` when it is of another namespace.
    pub fn parse(stanza: &Stanza) -> Option<Result<Self, SignalError>> {
        (stanza.ns() == NS).then(|| Self::read(stanza).ok_or(SignalError))
    }

    fn read(stanza: &Stanza) -> Option<Self> {
        let text = |name| stanza.attr(name).map(|value| value.into_owned());
        let number = |name| stanza.attr(name).and_then(|value| value.parse::<u32>().ok());
        let resume = || stanza.attr("resume").is_some_and(|value| matches!(&*value, "true" | "1"));
        Some(match stanza.name() {
            "r" => Self::Request,
            "a" => Self::Ack { h: number("h")? },
            "enable" => Self::Enable { resume: resume(), max_seconds: number("max") },
            "enabled" => Self::Enabled { id: text("id").filter(|_| resume()), max_seconds: number("max") },
            "resume" => Self::Resume { previd: text("previd")?, h: number("h")? },
            "resumed" => Self::Resumed { previd: text("previd")?, h: number("h")? },
            "failed" => {
                let child =
                    stanza.children().find(|child| child.ns() == ns::STANZA_ERRORS && child.name() != "text");
                let condition =
                    child.map_or(Condition::UndefinedCondition, |child| Condition::from_name(child.name()));
                Self::Failed { condition, h: number("h") }
            }
            _ => return None,
        })
    }

    /// Appends the element.
    pub fn write(&self, out: &mut BytesMut) {
        match self {
            Self::Request => out.extend_from_slice(ACK_REQUEST),
            Self::Ack { h } => write_ack(out, *h),
            _ => out.extend_from_slice(&self.build().finish()),
        }
    }

    fn build(&self) -> Builder {
        let number = |value: u32| value.to_string();
        let mut builder = Builder::other(self.name(), NS);
        match self {
            Self::Request => {}
            Self::Ack { h } => {
                builder.attr("h", &number(*h));
            }
            Self::Enable { resume, max_seconds } => {
                builder.attr_if("resume", resume.then_some("true"));
                builder.attr_if("max", max_seconds.map(number).as_deref());
            }
            Self::Enabled { id, max_seconds } => {
                builder.attr_if("id", id.as_deref()).attr_if("resume", id.as_ref().map(|_| "true"));
                builder.attr_if("max", max_seconds.map(number).as_deref());
            }
            Self::Resume { previd, h } | Self::Resumed { previd, h } => {
                builder.attr("previd", previd).attr("h", &number(*h));
            }
            Self::Failed { condition, h } => {
                builder.attr_if("h", h.map(number).as_deref());
                builder.empty_child(condition.as_str(), ns::STANZA_ERRORS);
            }
        }
        builder
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Enable { .. } => "enable",
            Self::Enabled { .. } => "enabled",
            Self::Resume { .. } => "resume",
            Self::Resumed { .. } => "resumed",
            Self::Failed { .. } => "failed",
            Self::Ack { .. } => "a",
            Self::Request => "r",
        }
    }
}

/// `<a/>` is written for every few stanzas: without the formatting machinery.
fn write_ack(out: &mut BytesMut, h: u32) {
    let mut digits = [0; 10];
    let (mut start, mut rest) = (digits.len(), h);
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(b"<a xmlns='urn:xmpp:sm:3' h='");
    out.extend_from_slice(&digits[start..]);
    out.extend_from_slice(b"'/>");
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::parse_one;

    fn read(xml: &[u8]) -> Option<Result<Signal, SignalError>> {
        Signal::parse(&parse_one(Bytes::copy_from_slice(xml)).unwrap())
    }

    fn signals() -> impl Strategy<Value = Signal> {
        let id = "[a-zA-Z0-9'&<]{0,12}";
        prop_oneof![
            Just(Signal::Request),
            any::<u32>().prop_map(|h| Signal::Ack { h }),
            (any::<bool>(), any::<Option<u32>>())
                .prop_map(|(resume, max_seconds)| Signal::Enable { resume, max_seconds }),
            (prop::option::of(id), any::<Option<u32>>())
                .prop_map(|(id, max_seconds)| Signal::Enabled { id, max_seconds }),
            (id, any::<u32>()).prop_map(|(previd, h)| Signal::Resume { previd, h }),
            (id, any::<u32>()).prop_map(|(previd, h)| Signal::Resumed { previd, h }),
            any::<Option<u32>>().prop_map(|h| Signal::Failed { condition: Condition::ItemNotFound, h }),
        ]
    }

    proptest! {
        #[test]
        fn every_signal_survives_the_wire(signal in signals()) {
            let mut out = BytesMut::new();
            signal.write(&mut out);
            prop_assert_eq!(read(&out), Some(Ok(signal)));
        }
    }

    #[test]
    fn what_lacks_its_count_is_malformed() {
        for xml in
            ["<a xmlns='urn:xmpp:sm:3'/>", "<a xmlns='urn:xmpp:sm:3' h='-1'/>", "<b xmlns='urn:xmpp:sm:3'/>"]
        {
            assert_eq!(read(xml.as_bytes()), Some(Err(SignalError)), "{xml}");
        }
        assert_eq!(read(b"<a xmlns='urn:other' h='1'/>"), None);
    }
}
