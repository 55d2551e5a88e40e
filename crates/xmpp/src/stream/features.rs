//! `<stream:features/>`: what may come next on the stream (RFC 6120 §4.3.2), written and read.

use bytes::BytesMut;

use crate::sasl::{ChannelBinding, Mechanism};
use crate::{Stanza, ns, sm};

/// Which channel bindings the server can check (XEP-0440).
const CHANNEL_BINDINGS: &str = "urn:xmpp:sasl-cb:0";

/// Before TLS nothing else is on offer (RFC 6120 §5.3.1).
pub(super) fn write_starttls(out: &mut BytesMut) {
    out.extend_from_slice(
        b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>",
    );
}

/// Inside TLS: the mechanisms, most preferred first (RFC 6120 §6.4.1).
pub(super) fn write_mechanisms(out: &mut BytesMut, offered: &[Mechanism], binding: &ChannelBinding) {
    out.extend_from_slice(b"<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>");
    for mechanism in offered {
        for part in ["<mechanism>", mechanism.name(), "</mechanism>"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"</mechanisms>");
    if offered.iter().any(|mechanism| mechanism.is_plus()) {
        out.extend_from_slice(b"<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>");
        for name in binding.names() {
            for part in ["<channel-binding type='", name, "'/>"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(b"</sasl-channel-binding>");
    }
    out.extend_from_slice(b"</stream:features>");
}

/// After sign-in: a resource or an old session, and what the session will know besides.
pub(super) fn write_signed_in(out: &mut BytesMut, more: &[u8]) {
    out.extend_from_slice(b"<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");
    out.extend_from_slice(sm::FEATURE);
    out.extend_from_slice(more);
    out.extend_from_slice(b"</stream:features>");
}

/// The features that a client looks at.
#[derive(Debug, Default)]
pub(super) struct Features {
    pub(super) starttls: bool,
    pub(super) mechanisms: Vec<Mechanism>,
    /// Absent when the server does not say, and then any may be tried.
    pub(super) channel_bindings: Option<Vec<String>>,
    pub(super) bind: bool,
    pub(super) stream_management: bool,
    pub(super) roster_versioning: bool,
    pub(super) pre_approval: bool,
}

impl Features {
    /// Reads `<stream:features/>`; `None` for any other element.
    pub(super) fn parse(stanza: &Stanza) -> Option<Self> {
        if !stanza.is("features", ns::STREAMS) {
            return None;
        }
        let mut features = Self::default();
        for child in stanza.element().children() {
            match (child.name(), child.ns()) {
                ("starttls", ns::TLS) => features.starttls = true,
                ("mechanisms", ns::SASL) => {
                    features.mechanisms =
                        child.children().filter_map(|name| Mechanism::from_name(&name.text())).collect();
                }
                ("sasl-channel-binding", CHANNEL_BINDINGS) => {
                    let types = child.children().filter_map(|binding| binding.attr("type"));
                    features.channel_bindings = Some(types.map(str::to_owned).collect());
                }
                ("bind", ns::BIND) => features.bind = true,
                ("sm", ns::STREAM_MANAGEMENT) => features.stream_management = true,
                ("ver", "urn:xmpp:features:rosterver") => features.roster_versioning = true,
                ("sub", "urn:xmpp:features:pre-approval") => features.pre_approval = true,
                _ => {}
            }
        }
        Some(features)
    }
}
