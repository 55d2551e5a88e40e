//! All that is kept: one file per noun, on SQLite and PostgreSQL.
//!
//! [`Store`] is the one handle; it is cheap to clone. Reads go to a small pool. Every write goes through one
//! writer, which groups what comes within 2 ms into one commit. Two kinds of write are told apart:
//!
//! - [`Store::journal_append`] and [`Store::handed_on`] never wait: the caller learns from [`Store::durable`]
//!   up to where all is on disk, and acknowledges nothing beyond;
//! - all others return when they are committed.
//!
//! When the storage fails, new writes are refused at once, [`Store::state`] says so, and what the journal has
//! taken is tried again: until it is written, or its time ([`UNDURABLE_TIME_MAX`]) is up and its senders are told
//! ([`Store::on_given_up`]). Nobody else may open the database meanwhile.

mod account;
mod administrator;
mod archive;
mod archive_preference;
mod archive_removal;
mod archive_text;
mod audit;
mod backup;
mod behind;
mod binding;
mod blocked;
mod call_history;
mod call_record;
mod connect;
mod credential;
mod db;
mod device;
mod digest_cache;
mod error;
mod files;
mod given_up;
mod group;
mod invitation;
mod journal;
mod known_users;
mod last_activity;
mod line;
mod line_settings;
mod pubsub;
mod pubsub_member;
mod queue;
mod room;
mod roster;
mod schema;
mod setting;
mod sign_in_token;
mod spool;
mod stanza_id;
mod statements;
mod store;
mod subscription_request;
mod upload;
mod user;
mod user_document;
mod verify;
mod words;
mod writer;

pub use account::{ACCOUNTS_ADDED_MAX, Account, AccountNode, AccountsAdded};
pub use administrator::{ADMINISTRATORS_MAX, API_TOKENS_MAX, Administrator, ApiToken};
pub use archive::{ARCHIVE_PAGE_MAX, ArchivePage, ArchiveQuery, PageFrom};
pub use archive_preference::{ARCHIVE_PREFERENCE_ADDRESSES_MAX, ArchiveDefault, ArchivePreference};
pub use archive_removal::{ArchiveRemoval, Expired, REMOVAL_BATCH_ENTRIES};
pub use audit::{AUDIT_PAGE_MAX, AUDIT_TEXT_BYTES_MAX, AuditEntry, AuditQuery};
pub use backup::{BACKUP_FILE_BYTES_MAX, backup_check, backup_files};
pub use binding::Binding;
pub use blocked::BLOCKED_MAX;
pub use call_history::{CALL_HISTORY_ENTRIES, CALL_HISTORY_PAGE_MAX, HistoryEntry};
pub use call_record::{
    CALL_TEXT_BYTES_MAX, CALLS_EXPIRED_BATCH, CALLS_PAGE_MAX, CallLeg, CallPlace, CallQuery, CallRecord,
    CallsOf, HistoryKind, HistoryLine, LegQuality, LegTimes,
};
pub use credential::{Credentials, ScramRecord};
pub use device::DeviceAccount;
pub use error::{Conflict, Error};
pub use files::{Files, Incoming};
pub use given_up::UNDURABLE_TIME_MAX;
pub use group::{
    Colleagues, GROUP_MEMBERS_MAX, GROUP_NAME_BYTES_MAX, GROUPS_MAX, Group, SHARED_GROUP_MEMBERS_MAX,
};
pub use invitation::{INVITATIONS_MAX, INVITATIONS_OF_USER_MAX, Invitation};
pub use journal::{Archives, Entry, Seq};
pub use last_activity::{LastActivity, STATUS_BYTES_MAX};
pub use line::{DigestAccount, DigestSecret, Line, NewLine};
pub use pubsub::{
    NewestItem, PUBSUB_ITEMS_MAX, PUBSUB_NEWEST_NAMES_MAX, PUBSUB_NODES_MAX, PubsubItem, PubsubItems,
    PubsubPage,
};
pub use pubsub_member::{PUBSUB_AFFILIATIONS_MAX, PUBSUB_SUBSCRIPTIONS_MAX, PubsubSubscription};
pub use queue::{
    GROUP_OPERATIONS, JOURNAL_WAITING_BYTES_MAX, JOURNAL_WAITING_ENTRIES_MAX, StorageState,
    WRITES_WAITING_MAX,
};
pub use room::{ROOM_AFFILIATIONS_MAX, ROOMS_MAX, Room};
pub use roster::{
    ROSTER_GROUPS_MAX, ROSTER_ITEMS_MAX, ROSTER_REMOVALS_KEPT, Roster, RosterChange, RosterItem,
    Subscription, SubscriptionError,
};
pub use sign_in_token::{SignInToken, SignInTokens, TOKEN_CLIENTS_MAX};
pub use spool::{KeptSize, SPOOLED_PAGE_MAX, Spooled};
pub use stanza_id::{StanzaId, StanzaIdError};
#[doc(hidden)]
pub use statements::{statements_lite, statements_pg};
pub use store::Store;
pub use subscription_request::{SUBSCRIPTION_REQUESTS_MAX, SubscriptionRequest};
pub use upload::{Slot, UPLOADS_EXPIRED_PAGE, Upload, UploadId, UploadIdError, UploadQuota};
pub use user::{IMPORT_USERS_MAX, NAME_BYTES_MAX, NewUser};
pub use user_document::USER_DOCUMENTS_MAX;
pub use words::{TEXT_QUERY_BYTES_MAX, TEXT_QUERY_WORDS_MAX, TextQuery};
