//! Client state indication (XEP-0352): a client says whether somebody looks at it. The driver is in `c2s`.

use crate::{About, Spec};

/// What this feature is: a stream feature, so disco has none.
pub const ABOUT: About =
    About { name: "client_state", specs: &[Spec::xep(352, "1.0.0")], disco: &[], account: &[] };

/// The namespace.
pub(crate) const NS: &str = "urn:xmpp:csi:0";
/// What stands among the stream features.
pub(crate) const FEATURE: &[u8] = b"<csi xmlns='urn:xmpp:csi:0'/>";
