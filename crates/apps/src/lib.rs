//! Applications over messaging and call control; gateways between SIP and XMPP.
