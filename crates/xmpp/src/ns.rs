//! Namespace names that the stream itself and several extensions need; an extension's own stands in its file.

/// The content namespace of client streams, and the house's name for content in trees (RFC 6120 §4.8.2).
pub const CLIENT: &str = "jabber:client";
/// The content namespace of server streams.
pub const SERVER: &str = "jabber:server";
/// The content namespace of external components (XEP-0114 §3).
pub const COMPONENT: &str = "jabber:component:accept";
/// The stream namespace (RFC 6120 §4.8.1).
pub const STREAMS: &str = "http://etherx.jabber.org/streams";
/// Conditions of stream errors (RFC 6120 §4.9.2).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// Conditions of stanza errors (RFC 6120 §8.3.2).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// STARTTLS (RFC 6120 §5).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 §6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Resource binding (RFC 6120 §7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// The session that RFC 3921 had and some clients still ask for.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Framing over WebSocket (RFC 7395 §3.3).
pub const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
/// The roster (RFC 6121 §2).
pub const ROSTER: &str = "jabber:iq:roster";
/// Stream management (XEP-0198).
pub const STREAM_MANAGEMENT: &str = "urn:xmpp:sm:3";
/// The namespace of the prefix `xml`.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace of the prefix `xmlns`.
pub const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// True for the three namespaces that qualify stanzas.
pub fn is_content(ns: &str) -> bool {
    matches!(ns, CLIENT | SERVER | COMPONENT)
}
