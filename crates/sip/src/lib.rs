//! SIP on the wire: messages, URIs, transactions, dialogs, subscriptions, digest, SDP.
