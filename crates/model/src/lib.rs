//! Who and what the organisation is: addresses, users, lines, times. Plain data and pure rules.
//!
//! Floor 0: opens no socket, reads no clock, draws no random number.

mod address;
mod host;
mod line;
mod line_settings;
pub mod plan;
mod private;
mod speed_dial;
mod timestamp;
mod user;

pub use address::{bare_of, domain_of};
pub use host::Host;
pub use jid::{BareJid, DomainPart, FullJid, Jid, NodePart, ResourcePart};
pub use line::{LineId, Number, NumberError, PARTITION_DEFAULT, Partition};
pub use line_settings::{DoNotDisturb, ForwardWhen, LineChange, LineSettings, Origin};
pub use private::Private;
pub use speed_dial::{SPEED_DIAL_PLACES, SpeedDial, SpeedDials, speed_dial_place};
pub use timestamp::{Timestamp, TimestampError};
pub use user::{User, UserId};
