//! One file per feature; each says in `ABOUT` what it is, and disco is made from that.

pub mod activity;
mod administration_questions;
pub mod announcements;
pub mod api_token;
pub mod archive;
pub mod avatars;
pub mod blocking;
pub mod bookmarks;
pub mod caps;
pub mod carbons;
pub mod carried;
pub mod client_state;
pub mod commands;
pub mod contact_addresses;
pub mod directory;
pub mod disco;
pub mod distant_clients;
pub mod external_services;
pub mod fast;
pub mod invitations;
pub mod last;
pub mod messages;
pub mod offline;
pub mod pep;
pub mod ping;
pub mod presence;
pub mod private_storage;
pub mod push;
pub mod registration;
pub mod retraction;
pub mod roster;
pub mod service_administration;
pub mod shared_groups;
pub mod sign_in;
pub mod stanza_ids;
pub mod stream_management;
pub mod subscription;
pub mod time;
pub mod upload;
pub mod vcard;
pub mod version;

use crate::About;

/// All features, in the order of their names.
pub const ALL: &[About] = &[
    activity::ABOUT,
    announcements::ABOUT,
    api_token::ABOUT,
    archive::ABOUT,
    avatars::ABOUT,
    blocking::ABOUT,
    bookmarks::ABOUT,
    crate::c2s::ABOUT,
    caps::ABOUT,
    carbons::ABOUT,
    carried::ABOUT,
    client_state::ABOUT,
    commands::ABOUT,
    crate::component::ABOUT,
    contact_addresses::ABOUT,
    directory::ABOUT,
    disco::ABOUT,
    external_services::ABOUT,
    fast::ABOUT,
    crate::s2s::ABOUT,
    invitations::ABOUT,
    last::ABOUT,
    messages::ABOUT,
    crate::muc::ABOUT,
    offline::ABOUT,
    pep::ABOUT,
    ping::ABOUT,
    presence::ABOUT,
    private_storage::ABOUT,
    crate::proxy::ABOUT,
    crate::pubsub::ABOUT,
    push::ABOUT,
    registration::ABOUT,
    retraction::ABOUT,
    roster::ABOUT,
    service_administration::ABOUT,
    shared_groups::ABOUT,
    sign_in::ABOUT,
    stanza_ids::ABOUT,
    stream_management::ABOUT,
    subscription::ABOUT,
    time::ABOUT,
    upload::ABOUT,
    vcard::ABOUT,
    version::ABOUT,
];
