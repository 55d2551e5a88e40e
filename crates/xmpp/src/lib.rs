//! XMPP on the wire: stream framing, stanzas, SASL, stream management, one file per XEP.
//!
//! Floor 0: opens no socket, reads no clock, draws no random number. RFC 6120, 6121, 7395, 7622.

pub mod bosh;
mod builder;
mod characters;
#[cfg(test)]
mod clock_for_tests;
mod context;
mod element;
mod error;
pub mod escape;
mod fault;
mod framer;
pub mod framing;
mod header;
mod lexer;
mod limits;
pub mod ns;
mod parts;
mod reader;
mod root;
pub mod sasl;
mod scope;
pub mod sm;
pub mod socks5;
mod stamp;
mod stanza;
pub mod stream;
mod stream_error;
mod tree;
pub mod xep;

pub use builder::Builder;
pub use context::{ContentNamespace, Context};
pub use element::{Attribute, Element, Node};
pub use error::{Condition, ErrorKind, StanzaError};
pub use framer::{Frame, Framer, parse_inheriting, parse_inheriting_in, parse_one, parse_one_in};
pub use header::StreamHeader;
pub use limits::{Limits, STANZA_BYTES_BEFORE_SIGN_IN_MAX, STANZA_BYTES_MAX};
pub use stamp::{Stamp, Value};
pub use stanza::{Child, Kind, Stanza};
pub use stream_error::{StreamCondition, StreamError};
