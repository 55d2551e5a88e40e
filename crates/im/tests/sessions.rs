//! Whole sessions over streams in memory: what clients see of each other and of the house.

#[path = "sessions/api_token.rs"]
mod api_token;
#[path = "sessions/archive.rs"]
mod archive;
#[path = "sessions/channel_binding.rs"]
mod channel_binding;
#[path = "sessions/chat.rs"]
mod chat;
#[path = "sessions/client.rs"]
mod client;
#[path = "sessions/component.rs"]
mod component;
#[path = "sessions/contacts.rs"]
mod contacts;
#[path = "sessions/delegation.rs"]
mod delegation;
#[path = "houses/foundation.rs"]
mod foundation;
#[path = "sessions/house.rs"]
mod house;
#[path = "sessions/kept.rs"]
mod kept;
#[path = "sessions/limits.rs"]
mod limits;
#[path = "sessions/mechanisms.rs"]
mod mechanisms;
#[path = "sessions/pace.rs"]
mod pace;
#[path = "sessions/phone.rs"]
mod phone;
#[path = "sessions/privilege.rs"]
mod privilege;
#[path = "houses/program.rs"]
mod program;
#[path = "sessions/push.rs"]
mod push;
#[path = "sessions/resume.rs"]
mod resume;
#[path = "sessions/retention.rs"]
mod retention;
#[path = "sessions/sign_in.rs"]
mod sign_in;
#[path = "sessions/sign_in_at_once.rs"]
mod sign_in_at_once;
#[path = "sessions/storage.rs"]
mod storage;
#[path = "sessions/tls.rs"]
mod tls;
#[path = "sessions/tokens.rs"]
mod tokens;
