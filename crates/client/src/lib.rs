//! Client services framework: sign in, roster, chat, presence, register a line, call.

pub mod phone;
