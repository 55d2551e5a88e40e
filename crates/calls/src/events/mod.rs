//! Event packages: who watches which line or user, and what they are told.
//!
//! `dialog` (RFC 4235) shows lines and comes straight from the board of calls; `presence` (RFC 3856, PIDF of
//! RFC 3863, RPID of RFC 4480) shows people and comes from the presence engine. PUBLISH (RFC 3903) feeds it.

mod dialog_info;
mod package;
mod pidf;
mod publication;
mod publish;
mod subscribe;
mod subscriptions;
mod xml;

pub(crate) use package::{ALLOW_EVENTS, Package};
pub(crate) use publication::Publications;
pub(crate) use publish::publish;
pub(crate) use subscribe::{package, subscribe};
pub(crate) use subscriptions::{Subscriptions, Wanted, WatchCounts};
