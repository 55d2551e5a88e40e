//! Group chat (XEP-0045): rooms at `conference.` under the domain.
//!
//! `room` and `moderation` are the state of one room and do no I/O; `service` is the table of rooms and the way in;
//! `speech` is what is said, `invitation` who is called in, `questions` what is asked,
//! `passing` what occupants' clients ask each other, `voice` who may speak, `registration` whose nickname it is,
//! `hats` what the room makes of somebody.

mod affiliation;
mod card;
mod config;
mod hat_commands;
mod hats;
mod invitation;
mod join;
mod moderation;
mod occupants;
mod passing;
mod questions;
mod registration;
mod retraction;
mod room;
mod service;
mod speech;
mod voice;
mod wire;

#[cfg(test)]
mod tests;

use crate::{About, Spec};

/// Who deals with a room: a session of ours, or somebody elsewhere.
#[derive(Clone, Copy)]
pub(crate) struct Visitor<'a> {
    /// The full address.
    pub(crate) jid: &'a model::FullJid,
    /// The bare one.
    pub(crate) user: &'a model::BareJid,
}

pub(crate) use invitation::ToAbsent;
pub(crate) use questions::{answer_iq, service_item};
pub(crate) use service::{Rooms, presence, session_gone, unreachable};
pub(crate) use speech::{Spoken, message};
pub(crate) use wire::refusal;

/// What this feature is.
pub const ABOUT: About = About {
    name: "muc",
    specs: &[
        Spec::xep(45, "1.35.1"),
        Spec::xep(249, "1.2"),
        Spec::xep(410, "1.1.0"),
        Spec::xep(421, "0.2.0"),
        Spec::xep(486, "0.1.0"),
        Spec::xep(425, "0.3.0"),
        Spec::xep(317, "0.2.0"),
    ],
    disco: &[],
    account: &[],
};
