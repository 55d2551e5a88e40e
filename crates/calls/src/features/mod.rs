//! What phones and applications can do with calls beyond answering them: one file each.
//!
//! A feature is a function of a call and an input; it changes the call through the operations of
//! [`crate::call`] (ring, join a leg, lend one, leave one alone) and never writes an offer by itself. Where each
//! one is called from:
//!
//! | input | feature |
//! | --- | --- |
//! | a new INVITE with Replaces or Join | `replaces`: directed pickup, attended transfer by a phone; `confer`: barge |
//! | REFER within a call | `transfer`: blind, or consultative when Refer-To has Replaces; `park` when it names a slot |
//! | a change of a session after which a phone does not listen any more | `music` |
//! | a call that is led to an attendant, a key there, its time | `attendant` |
//! | a call that is led to a queue, its time, an agent who takes it or does not | `queue`, over the table of `queues` |
//! | a call that is refused, or not taken | `announcement` |
//! | a new INVITE to the number of a conference, a key at its door | `conference`, with `pins` |
//! | a new INVITE to a slot where somebody is parked | `park` |
//! | a command of an application (`command.rs`) | `make_call`, `answer`, `clear`, `hold`, `deflect`, `transfer`, `park`, `confer` |
//! | a feature code, a command or a verb for a line | `line_settings` |
//! | two phones have agreed, a command of an application | `recording` |
//! | a line does not want to be disturbed | `do_not_disturb` |
//! | a line is in a call, or in as many as it may be in | `call_waiting`, by `place` |
//! | what a caller says to the phone beside the call | `alerting` |
//! | who calls withholds the number, or is withheld it | `caller_identity` |
//! | a phone of a line goes on with what another one holds, or turns its ringer off | `shared_line` |
//! | a line that called in vain wishes to be called back | `call_back` |
//! | a code before a number, or in place of one | `codes`, with `last_calls` and `intercom` |
//! | a call comes to a CTI route point, a command of the application that is asked | `applications`, by `call::routed` |
//! | a line forwards, or a destination has failed | `forward`, `hunt`, by `place::Directory` |

pub(crate) mod alerting;
pub(crate) mod announcement;
pub(crate) mod answer;
pub mod applications;
pub(crate) mod attendant;
pub mod call_back;
pub(crate) mod call_waiting;
pub(crate) mod caller_identity;
pub(crate) mod clear;
pub(crate) mod codes;
pub(crate) mod confer;
pub mod conference;
pub(crate) mod deflect;
pub(crate) mod do_not_disturb;
pub(crate) mod forward;
pub(crate) mod hold;
pub mod hunt;
pub(crate) mod intercom;
pub mod last_calls;
pub mod line_settings;
pub(crate) mod make_call;
pub(crate) mod music;
pub mod park;
pub(crate) mod pins;
pub(crate) mod queue;
pub mod queues;
pub(crate) mod recording;
pub(crate) mod replaces;
pub(crate) mod shared_line;
pub(crate) mod transfer;
