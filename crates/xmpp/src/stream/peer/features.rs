//! What a receiving server offers to an initiating one, written and read (RFC 6120 §4.3.2).

use bytes::BytesMut;

use super::BIDI_FEATURE;
use crate::xep::dialback;
use crate::{Stanza, ns, sm};

/// The mechanism's name.
pub(super) const EXTERNAL: &str = "EXTERNAL";

/// The features of a stream between servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Features {
    pub(super) starttls: bool,
    /// Nothing goes on before TLS (RFC 6120 §5.3.1).
    pub(super) starttls_required: bool,
    pub(super) external: bool,
    pub(super) dialback: bool,
    pub(super) bidi: bool,
    pub(super) stream_management: bool,
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
                ("starttls", ns::TLS) => {
                    features.starttls = true;
                    features.starttls_required = child.child("required", ns::TLS).is_some();
                }
                ("mechanisms", ns::SASL) => {
                    features.external = child.children().any(|mechanism| mechanism.text() == EXTERNAL);
                }
                ("dialback", dialback::FEATURE) => features.dialback = true,
                ("bidi", BIDI_FEATURE) => features.bidi = true,
                ("sm", ns::STREAM_MANAGEMENT) => features.stream_management = true,
                _ => {}
            }
        }
        Some(features)
    }

    /// Appends `<stream:features/>`.
    pub(super) fn write(&self, out: &mut BytesMut) {
        let mut push = |given: bool, xml: &[u8]| {
            if given {
                out.extend_from_slice(xml);
            }
        };
        push(true, b"<stream:features>");
        push(self.starttls, b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>");
        push(self.starttls_required, b"<required/>");
        push(self.starttls, b"</starttls>");
        push(
            self.external,
            b"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>",
        );
        // XEP-0220 §2.4.3: `<errors/>` says that we understand refusals with reasons.
        push(self.dialback, b"<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>");
        push(self.bidi, b"<bidi xmlns='urn:xmpp:features:bidi'/>");
        push(self.stream_management, sm::FEATURE);
        push(true, b"</stream:features>");
    }
}
