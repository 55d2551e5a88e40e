//! What a feature says about itself: the source of service discovery and of the compliance page.

/// A specification that a feature implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spec {
    /// An RFC, with the sections that are covered.
    Rfc(u16, &'static str),
    /// A XEP, with the version that is followed.
    Xep(u16, &'static str),
    /// A XEP of which something is missing: the version that is followed, and what is missing.
    Partly(u16, &'static str, &'static str),
}

impl Spec {
    /// RFC `number`, `sections`.
    pub const fn rfc(number: u16, sections: &'static str) -> Self {
        Self::Rfc(number, sections)
    }

    /// XEP `number` at `version`.
    pub const fn xep(number: u16, version: &'static str) -> Self {
        Self::Xep(number, version)
    }

    /// XEP `number` at `version`, without what `missing` says.
    pub const fn partly(number: u16, version: &'static str, missing: &'static str) -> Self {
        Self::Partly(number, version, missing)
    }
}

/// One feature: its name, its specifications and the disco features it adds (XEP-0030 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// The name of its file.
    pub name: &'static str,
    /// What it implements.
    pub specs: &'static [Spec],
    /// Features of the server's own address.
    pub disco: &'static [&'static str],
    /// Features of a user's bare address.
    pub account: &'static [&'static str],
}
