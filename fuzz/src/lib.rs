//! The bodies of the fuzz targets, one function a parser: they assert properties and must never panic.

mod sip_targets;

pub use sip_targets::{sdp, sip_message, sip_uri};
