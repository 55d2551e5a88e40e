//! One file per feature; each says in `ABOUT` what it is, and disco is made from that.

pub mod activity;
pub mod archive;
pub mod caps;
pub mod carbons;
pub mod disco;
pub mod last;
pub mod messages;
pub mod offline;
pub mod ping;
pub mod presence;
pub mod roster;
pub mod stanza_ids;
pub mod stream_management;
pub mod subscription;
pub mod time;
pub mod version;

use crate::About;

/// All features, in the order of their names.
pub const ALL: &[About] = &[
    activity::ABOUT,
    archive::ABOUT,
    caps::ABOUT,
    carbons::ABOUT,
    disco::ABOUT,
    last::ABOUT,
    messages::ABOUT,
    offline::ABOUT,
    ping::ABOUT,
    presence::ABOUT,
    roster::ABOUT,
    stanza_ids::ABOUT,
    stream_management::ABOUT,
    subscription::ABOUT,
    time::ABOUT,
    version::ABOUT,
];
