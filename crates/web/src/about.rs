//! What the browser's ways in say about themselves, as messaging's features do.

use im::{About, Spec};

/// The specifications that are served over HTTP.
pub const SPECIFICATIONS: &[About] = &[
    About { name: "websocket", specs: &[Spec::rfc(7395, "")], disco: &[], account: &[] },
    About { name: "sip_websocket", specs: &[Spec::rfc(7118, "")], disco: &[], account: &[] },
    About {
        name: "bosh",
        specs: &[
            Spec::partly(124, "1.11.2", "key sequences and several streams a session, both optional"),
            Spec::xep(206, "1.4"),
        ],
        disco: &[],
        account: &[],
    },
    About {
        name: "host_meta",
        specs: &[Spec::xep(156, "1.4.0"), Spec::rfc(6415, "§2, §3")],
        disco: &[],
        account: &[],
    },
];
