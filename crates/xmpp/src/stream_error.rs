//! Stream errors: the conditions that end a stream (RFC 6120 §4.9).

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use crate::{Element, escape, ns};

macro_rules! conditions {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of the RFC.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The element's name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The condition of that name; a name that nobody defined is `undefined-condition`.
            pub fn from_name(name: &str) -> Self {
                match name {
                    $($text => Self::$variant,)*
                    _ => Self::UndefinedCondition,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use conditions;

conditions! {
    /// Why a stream ends (RFC 6120 §4.9.3).
    StreamCondition {
        /// XML that cannot be processed (§4.9.3.1).
        BadFormat = "bad-format",
        /// A namespace prefix that is missing where it is needed (§4.9.3.2).
        BadNamespacePrefix = "bad-namespace-prefix",
        /// Another stream of the same entity took its place (§4.9.3.3).
        Conflict = "conflict",
        /// Nothing was heard for too long (§4.9.3.4).
        ConnectionTimeout = "connection-timeout",
        /// The domain was served here once (§4.9.3.5).
        HostGone = "host-gone",
        /// The domain is not served here (§4.9.3.6).
        HostUnknown = "host-unknown",
        /// A stanza between servers lacks `to` or `from` (§4.9.3.7).
        ImproperAddressing = "improper-addressing",
        /// Our fault (§4.9.3.8).
        InternalServerError = "internal-server-error",
        /// A `from` that the peer may not use (§4.9.3.9).
        InvalidFrom = "invalid-from",
        /// A stream or content namespace that is not ours (§4.9.3.10).
        InvalidNamespace = "invalid-namespace",
        /// XML that no schema allows (§4.9.3.11).
        InvalidXml = "invalid-xml",
        /// The peer did something before it may (§4.9.3.12).
        NotAuthorized = "not-authorized",
        /// XML that is not well-formed (§4.9.3.13).
        NotWellFormed = "not-well-formed",
        /// Against a local rule or limit (§4.9.3.14).
        PolicyViolation = "policy-violation",
        /// The other server cannot be reached (§4.9.3.15).
        RemoteConnectionFailed = "remote-connection-failed",
        /// The stream must be made anew (§4.9.3.16).
        Reset = "reset",
        /// We lack the means (§4.9.3.17).
        ResourceConstraint = "resource-constraint",
        /// Comment, processing instruction, DTD or entity (§4.9.3.18).
        RestrictedXml = "restricted-xml",
        /// Served elsewhere (§4.9.3.19); the text of the condition is the address.
        SeeOtherHost = "see-other-host",
        /// The server stops (§4.9.3.20).
        SystemShutdown = "system-shutdown",
        /// None of the others (§4.9.3.21).
        UndefinedCondition = "undefined-condition",
        /// Not UTF-8 (§4.9.3.22).
        UnsupportedEncoding = "unsupported-encoding",
        /// A mandatory feature that we lack (§4.9.3.23).
        UnsupportedFeature = "unsupported-feature",
        /// A top-level element that is no stanza (§4.9.3.24).
        UnsupportedStanzaType = "unsupported-stanza-type",
        /// A version of XMPP that we do not speak (§4.9.3.25).
        UnsupportedVersion = "unsupported-version",
    }
}

/// A stream error, ours or the peer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream error {condition}{}{}", if text.is_some() { ": " } else { "" }, text.as_deref().unwrap_or(""))]
pub struct StreamError {
    /// The defined condition.
    pub condition: StreamCondition,
    /// Words for people who read logs.
    pub text: Option<Cow<'static, str>>,
    /// Where to go instead, for `see-other-host`.
    pub other_host: Option<String>,
}

impl StreamError {
    /// An error with words.
    pub const fn new(condition: StreamCondition, text: &'static str) -> Self {
        Self { condition, text: Some(Cow::Borrowed(text)), other_host: None }
    }

    /// The peer's `<stream:error/>`.
    pub fn from_element(element: &Element) -> Option<Self> {
        if !element.is("error", ns::STREAMS) {
            return None;
        }
        let defined = element.children().find(|c| c.ns() == ns::STREAM_ERRORS && c.name() != "text");
        let condition =
            defined.map_or(StreamCondition::UndefinedCondition, |c| StreamCondition::from_name(c.name()));
        let other_host = defined.map(Element::text).filter(|t| !t.is_empty());
        let text = element.child("text", ns::STREAM_ERRORS).map(|t| Cow::Owned(t.text()));
        Some(Self { condition, text, other_host })
    }

    /// Appends `<stream:error/>`; the prefix `stream` must be declared, as in all our stream headers.
    pub fn write(&self, out: &mut BytesMut) {
        self.write_as(out, "<stream:error>", "</stream:error>");
    }

    /// The error as an element of its own, for WebSocket (RFC 7395 §3.4).
    pub fn to_framed_bytes(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.write_as(
            &mut out,
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>",
            "</stream:error>",
        );
        out.freeze()
    }

    fn write_as(&self, out: &mut BytesMut, open: &str, close: &str) {
        out.extend_from_slice(open.as_bytes());
        out.extend_from_slice(b"<");
        out.extend_from_slice(self.condition.as_str().as_bytes());
        out.extend_from_slice(b" xmlns='urn:ietf:params:xml:ns:xmpp-streams'");
        match &self.other_host {
            Some(host) => {
                out.extend_from_slice(b">");
                escape::push_text(out, host);
                out.extend_from_slice(b"</");
                out.extend_from_slice(self.condition.as_str().as_bytes());
                out.extend_from_slice(b">");
            }
            None => out.extend_from_slice(b"/>"),
        }
        if let Some(text) = &self.text {
            out.extend_from_slice(b"<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>");
            escape::push_text(out, text);
            out.extend_from_slice(b"</text>");
        }
        out.extend_from_slice(close.as_bytes());
    }
}

impl From<StreamCondition> for StreamError {
    fn from(condition: StreamCondition) -> Self {
        Self { condition, text: None, other_host: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_survives_writing_and_reading() {
        for condition in StreamCondition::ALL {
            let host = (*condition == StreamCondition::SeeOtherHost).then(|| "[2001:db8::1]:5222".to_owned());
            let error = StreamError { condition: *condition, text: Some("a < b".into()), other_host: host };
            let element = Element::parse(&error.to_framed_bytes(), "").unwrap();
            assert_eq!(StreamError::from_element(&element), Some(error));
        }
    }

    #[test]
    fn an_unknown_condition_is_undefined() {
        assert_eq!(StreamCondition::from_name("coffee-break"), StreamCondition::UndefinedCondition);
    }
}
