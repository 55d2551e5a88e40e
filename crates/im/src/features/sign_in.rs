//! Signing in (XEP-0388, XEP-0386 and what goes with them): stream features, so that disco has none. The machine is
//! in `xmpp::stream`, the driver in `c2s`.

use super::{carbons, client_state};
use crate::{About, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "sign_in",
    specs: &[
        Spec::xep(388, "1.0.4"),
        Spec::xep(386, "1.0.0"),
        Spec::xep(440, "0.4.1"),
        Spec::xep(474, "0.5.0"),
        Spec::xep(478, "0.1.0"),
        Spec::xep(480, "0.1.0"),
    ],
    disco: &[],
    account: &[],
};

/// What a session can begin with (XEP-0386 §3.1).
pub(crate) const BIND_INLINE: &[&str] = &[carbons::NS, client_state::NS, xmpp::ns::STREAM_MANAGEMENT];
