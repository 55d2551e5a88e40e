//! Our `<body/>`: what an answer says besides its payload (XEP-0124 §7.2, §17.2).

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::{StreamHeader, escape};

/// Why a session ends (XEP-0124 §17.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Terminal {
    /// The client's `<body/>` cannot be read.
    BadRequest,
    /// The first request names no domain.
    ImproperAddressing,
    /// No such session, or a request identifier that is too large or too old.
    ItemNotFound,
    /// Another request ended the session.
    OtherRequest,
    /// The client has broken the rules.
    PolicyViolation,
    /// The stream behind the session is gone.
    RemoteConnectionFailed,
    /// The stream behind the session has failed; its error is the payload.
    RemoteStreamError,
    /// The server stops.
    SystemShutdown,
    /// None of the others: here, that there are too many sessions.
    UndefinedCondition,
}

impl Terminal {
    /// The value of `condition`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::ImproperAddressing => "improper-addressing",
            Self::ItemNotFound => "item-not-found",
            Self::OtherRequest => "other-request",
            Self::PolicyViolation => "policy-violation",
            Self::RemoteConnectionFailed => "remote-connection-failed",
            Self::RemoteStreamError => "remote-stream-error",
            Self::SystemShutdown => "system-shutdown",
            Self::UndefinedCondition => "undefined-condition",
        }
    }
}

/// The answer to a request that has no session.
pub fn terminate(condition: Terminal) -> Bytes {
    let mut tag = Tag::new();
    tag.terminate(Some(condition));
    tag.finish(&VecDeque::new())
}

/// XEP-0124 §17.3: the answer that asks for the same request once more.
pub(super) fn recoverable() -> Bytes {
    let mut tag = Tag::new();
    tag.attribute("type", "error");
    tag.finish(&VecDeque::new())
}

/// A `<body/>` that is being written.
pub(super) struct Tag(BytesMut);

impl Tag {
    pub(super) fn new() -> Self {
        Self(BytesMut::from(&b"<body xmlns='http://jabber.org/protocol/httpbind'"[..]))
    }

    pub(super) fn attribute(&mut self, name: &str, value: &str) {
        for part in [" ", name, "='"] {
            self.0.extend_from_slice(part.as_bytes());
        }
        escape::push_attribute(&mut self.0, value);
        self.0.extend_from_slice(b"'");
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.attribute(name, &value.to_string());
    }

    pub(super) fn terminate(&mut self, condition: Option<Terminal>) {
        self.attribute("type", "terminate");
        if let Some(condition) = condition {
            self.attribute("condition", condition.as_str());
        }
    }

    /// What our stream header says (XEP-0206 §4).
    pub(super) fn header(&mut self, header: Option<&StreamHeader>) {
        self.attribute("xmlns:xmpp", super::XBOSH);
        let Some(header) = header else { return };
        let version = header.version.unwrap_or((1, 0));
        self.attribute("xmpp:version", &format!("{}.{}", version.0, version.1));
        for (name, value) in [("from", &header.from), ("authid", &header.id)] {
            if let Some(value) = value {
                self.attribute(name, value);
            }
        }
    }

    /// The whole `<body/>` with these elements, among which those of the stream namespace lack its declaration.
    pub(super) fn finish(mut self, payload: &VecDeque<Bytes>) -> Bytes {
        if payload.iter().any(|element| element.starts_with(b"<stream:")) {
            self.attribute("xmlns:stream", crate::ns::STREAMS);
        }
        if payload.is_empty() {
            self.0.extend_from_slice(b"/>");
            return self.0.freeze();
        }
        self.0.extend_from_slice(b">");
        for element in payload {
            self.0.extend_from_slice(element);
        }
        self.0.extend_from_slice(b"</body>");
        self.0.freeze()
    }
}
