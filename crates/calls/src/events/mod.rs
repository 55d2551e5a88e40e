//! Event packages: who watches which line or user, and what they are told.
//!
//! `dialog` (RFC 4235) shows lines and comes straight from the board of calls; `presence` (RFC 3856, PIDF of
//! RFC 3863, RPID of RFC 4480) shows people and comes from the presence engine. PUBLISH (RFC 3903) feeds it. One
//! subscription may watch a list of resources (RFC 4662, RFC 5367).

mod abroad;
mod body;
mod dialog_info;
mod package;
mod pidf;
mod policy;
mod publication;
mod publish;
mod resource;
mod resource_list;
mod rlmi;
mod subject;
mod subscribe;
mod subscription;
mod subscriptions;
mod xml;

pub(crate) use package::{ALLOW_EVENTS, Package};
pub(crate) use publication::Publications;
pub(crate) use publish::publish;
pub(crate) use subscribe::{package, subscribe, subscribe_over};
pub(crate) use subscriptions::{Subscriptions, Wanted, WatchCounts};
