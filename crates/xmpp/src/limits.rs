//! What one stream may make us hold: every limit of the framer, named once, with its unit and default.

/// Limits of a stream. What goes over one of them ends the stream with `policy-violation` (RFC 6120 §4.9.3.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One stanza, in bytes. RFC 6120 §13.12 asks for at least 10,000.
    pub stanza_bytes_max: u32,
    /// The stream header with its XML declaration, in bytes.
    pub header_bytes_max: u32,
    /// Elements inside each other, the stanza itself counted.
    pub depth_max: u16,
    /// Attributes on one tag, namespace declarations counted.
    pub attributes_max: u16,
    /// Direct children of one stanza.
    pub children_max: u16,
    /// Namespace declarations in force at one place.
    pub declarations_max: u16,
    /// The name of an element or attribute, prefix counted, in bytes.
    pub name_bytes_max: u16,
}

/// One stanza after sign-in, in bytes.
pub const STANZA_BYTES_MAX: u32 = 262_144;
/// One stanza before sign-in, in bytes: enough for every SASL exchange.
pub const STANZA_BYTES_BEFORE_SIGN_IN_MAX: u32 = 10_240;

impl Limits {
    /// The limits after sign-in.
    pub const fn signed_in() -> Self {
        Self {
            stanza_bytes_max: STANZA_BYTES_MAX,
            header_bytes_max: 4_096,
            depth_max: 64,
            attributes_max: 64,
            children_max: 1_024,
            declarations_max: 128,
            name_bytes_max: 256,
        }
    }

    /// The limits before sign-in, when the peer is still anybody.
    pub const fn before_sign_in() -> Self {
        Self { stanza_bytes_max: STANZA_BYTES_BEFORE_SIGN_IN_MAX, depth_max: 16, ..Self::signed_in() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::signed_in()
    }
}
