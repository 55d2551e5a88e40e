//! What clients say to each other in messages: carried to every device, and kept where the specification wants it kept.
//!
//! There is no code of its own for it: `carbons` copies it, `archive` and `offline` keep all of it but chat states.

use crate::{About, Spec};

/// What this feature is.
pub const ABOUT: About = About {
    name: "carried",
    specs: &[
        Spec::xep(85, "1.2"),
        Spec::xep(184, "1.2"),
        Spec::xep(308, "1.1"),
        Spec::xep(333, "0.4"),
        Spec::xep(444, "0.2.0"),
        Spec::xep(461, "0.3.0"),
    ],
    disco: &[],
    account: &[],
};
