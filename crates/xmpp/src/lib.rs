//! XMPP on the wire: stream framing, stanzas, SASL, stream management, one file per XEP.
