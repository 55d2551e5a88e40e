//! `<stream:features/>`: what may come next on the stream (RFC 6120 §4.3.2), written and read.

use bytes::BytesMut;

use super::server::ServerPolicy;
use crate::sasl::{self, ChannelBinding, Mechanism, TokenMechanism};
use crate::xep::{sasl_upgrade, sasl2};
use crate::{Stanza, ns, sm};

/// Which channel bindings the server can check (XEP-0440).
const CHANNEL_BINDINGS: &str = "urn:xmpp:sasl-cb:0";

/// Before TLS nothing else is on offer (RFC 6120 §5.3.1).
pub(super) fn write_starttls(out: &mut BytesMut) {
    out.extend_from_slice(
        b"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>",
    );
}

/// Inside TLS: the mechanisms, most preferred first (RFC 6120 §6.4.1), by both profiles.
pub(super) fn write_sign_in(out: &mut BytesMut, policy: &ServerPolicy, sasl: &sasl::Server) {
    let mechanisms: Vec<_> = sasl.offered().iter().map(|mechanism| mechanism.name()).collect();
    out.extend_from_slice(b"<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>");
    for mechanism in &mechanisms {
        for part in ["<mechanism>", mechanism, "</mechanism>"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    out.extend_from_slice(b"</mechanisms>");
    // XEP-0388 §2.1: not without a mechanism.
    if !mechanisms.is_empty() {
        let upgrades: Vec<_> = upgrades(sasl).into_iter().map(sasl_upgrade::task).collect();
        let fast: Vec<_> = if policy.tokens { token_mechanisms(sasl.binding()) } else { Vec::new() };
        let inline: Vec<_> = policy.bind_inline.to_vec();
        sasl2::Offer { mechanisms: &mechanisms, fast: &fast, bind: &inline, upgrades: &upgrades }.write(out);
    }
    // XEP-0440 §2: beside both of them.
    if !sasl.binding().is_empty() {
        out.extend_from_slice(b"<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>");
        for name in sasl.binding().names() {
            for part in ["<channel-binding type='", name, "'/>"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(b"</sasl-channel-binding>");
    }
    out.extend_from_slice(&policy.sign_in_features);
    policy.limits_before_sign_in.write(out);
    out.extend_from_slice(b"</stream:features>");
}

/// Upgrades that are worth a task: to all but the weakest of what is offered. The list does not depend on the
/// account, so that it tells nothing of it.
pub(super) fn upgrades(sasl: &sasl::Server) -> Vec<sasl::scram::Hash> {
    sasl.hashes().iter().copied().filter(|hash| *hash != sasl::scram::Hash::Sha1).collect()
}

fn token_mechanisms(binding: &ChannelBinding) -> Vec<&'static str> {
    let usable = TokenMechanism::ALL.into_iter().filter(|mechanism| mechanism.data(binding).is_some());
    usable.map(TokenMechanism::name).collect()
}

/// After sign-in: a resource or an old session unless there is one, and what the session will know besides. Stanzas
/// that are counted already are not offered to be (XEP-0388 §2.6.1: what is applicable).
pub(super) fn write_signed_in(out: &mut BytesMut, policy: &ServerPolicy, bind: bool, counted: bool) {
    out.extend_from_slice(b"<stream:features>");
    if bind {
        out.extend_from_slice(b"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");
    }
    if !counted {
        out.extend_from_slice(sm::FEATURE);
    }
    out.extend_from_slice(&policy.features);
    policy.limits.write(out);
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
