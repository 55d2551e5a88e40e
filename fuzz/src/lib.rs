//! The bodies of the fuzz targets, one function a parser: they assert properties and must never panic.

#[path = "../../crates/xmpp/tests/oracle/mod.rs"]
mod oracle;
mod sip_targets;
mod xml_targets;

pub use sip_targets::{sdp, sip_message, sip_uri};
pub use xml_targets::xml_stream;
