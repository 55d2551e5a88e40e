//! Call control for applications (`CT-01`): one session of one user, in JSON, without the socket that carries it.
//!
//! A session may do what its user may: command the user's own lines, or all of them for whom the operator decided so
//! (`CT-02`). A line always names its partition (`CT-07`). A line that is not in the session's reach is answered as
//! one that does not exist, and so is a call in which no such line takes part.
//!
//! What goes on is told in events, in the order in which it happened, each with the whole call as it then is: a
//! snapshot with a sequence number. Whoever starts to watch gets the snapshots of that moment first, and then every
//! event behind them, none twice. The words are those of CSTA Phase III (ECMA-269); `docs/dev/cti.md` tells them with
//! a conversation.

mod error;
mod request;
mod routes;
mod session;
mod shown;

pub use error::Fault;
pub use session::{Scope, Session};

/// The version of the conversation; it changes when an old application would not understand the new one.
pub const VERSION: u32 = 1;
/// Lines that one session may watch one by one.
pub const LINES_WATCHED_MAX: usize = 1_000;
/// Lines, or calls of a history, in one answer.
pub const PAGE_MAX: usize = 500;
/// Route points that one session may register for.
pub const ROUTE_POINTS_MAX: usize = 100;
/// What may be dialled in a request, in bytes.
pub const TARGET_BYTES_MAX: usize = 256;
