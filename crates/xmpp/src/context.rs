//! Where a stanza is written to, and so which content namespace its payload is in ("payload by context").

use crate::ns;

/// The namespace that qualifies the stanzas of a stream (RFC 6120 §4.8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ContentNamespace {
    /// `jabber:client`.
    Client,
    /// `jabber:server`.
    Server,
    /// `jabber:component:accept` (XEP-0114).
    Component,
}

impl ContentNamespace {
    /// The namespace's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => ns::CLIENT,
            Self::Server => ns::SERVER,
            Self::Component => ns::COMPONENT,
        }
    }
}

/// Where a stanza is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A client's TCP stream: `jabber:client` is inherited from the stream header.
    Client,
    /// A stream between servers: `jabber:server` is inherited.
    Server,
    /// A component's stream: `jabber:component:accept` is inherited.
    Component,
    /// WebSocket and BOSH: `jabber:client` stands on every stanza (RFC 7395 §3.3.3). Also right for storage.
    Framed,
    /// Inside a carbon, an archive result or any other `<forwarded/>` (XEP-0297 §3).
    Forwarded,
}

impl Context {
    /// The content namespace in force there.
    pub fn content(self) -> &'static str {
        match self {
            Self::Client | Self::Framed | Self::Forwarded => ns::CLIENT,
            Self::Server => ns::SERVER,
            Self::Component => ns::COMPONENT,
        }
    }

    /// True where every stanza tag carries its `xmlns`.
    pub fn names_content(self) -> bool {
        matches!(self, Self::Framed | Self::Forwarded)
    }
}

impl From<ContentNamespace> for Context {
    fn from(content: ContentNamespace) -> Self {
        match content {
            ContentNamespace::Client => Self::Client,
            ContentNamespace::Server => Self::Server,
            ContentNamespace::Component => Self::Component,
        }
    }
}
