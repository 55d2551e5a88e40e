//! Messaging: client sessions, routing, the message pipeline, one file per feature.
