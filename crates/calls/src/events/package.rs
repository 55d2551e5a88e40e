//! The packages that are served, and what each is told with.

use sip::Headers;
use sip::Name;

/// The packages, as Allow-Events lists them (RFC 6665 §8.2.2).
pub(crate) const ALLOW_EVENTS: &str = "presence, dialog";

/// An event package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Package {
    /// A person: RFC 3856.
    Presence,
    /// A line: RFC 4235.
    Dialog,
}

impl Package {
    /// The package called `name`; event types are compared byte for byte (RFC 6665 §8.4).
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        match name {
            b"presence" => Some(Self::Presence),
            b"dialog" => Some(Self::Dialog),
            _ => None,
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Dialog => "dialog",
        }
    }

    /// The media type of its documents.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Presence => "application/pidf+xml",
            Self::Dialog => "application/dialog-info+xml",
        }
    }

    /// Does the subscriber take such documents: named, by a wildcard, or by saying nothing?
    pub(crate) fn is_acceptable(self, headers: &Headers) -> bool {
        if !headers.has(Name::Accept) {
            return true;
        }
        headers.elements(Name::Accept).any(|range| {
            let range = range.split(|byte| *byte == b';').next().unwrap_or_default();
            let range = sip::scan::trim(range);
            range == b"*/*"
                || range.eq_ignore_ascii_case(b"application/*")
                || range.eq_ignore_ascii_case(self.content_type().as_bytes())
        })
    }
}
