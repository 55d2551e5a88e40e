//! Stream management (XEP-0198): acknowledgement and resumption. The counts are in `xmpp::sm`, the driver in `c2s`.

use crate::{About, Spec};

/// What this feature is: a stream feature, so disco has none.
pub const ABOUT: About =
    About { name: "stream_management", specs: &[Spec::xep(198, "1.6.1")], disco: &[], account: &[] };

/// The identifier that a client resumes by, in bytes of entropy: who knows it and signs in as the same user
/// gets the session.
pub(crate) const ID_BYTES: usize = 16;
