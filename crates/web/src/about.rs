//! What the browser's ways in say about themselves, as messaging's features do.

use im::{About, Spec};

/// The specifications that are served over HTTP.
pub const SPECIFICATIONS: &[About] = &[
    About { name: "websocket", specs: &[Spec::rfc(7395, "")], disco: &[], account: &[] },
    About {
        name: "host_meta",
        specs: &[Spec::xep(156, "1.4.0"), Spec::rfc(6415, "§2, §3")],
        disco: &[],
        account: &[],
    },
];
