//! Every limit of messaging, named once, with its unit, its default and the error that tells of it.

use std::time::Duration;

/// All limits of messaging. A reload replaces them; sessions see the new ones from their next decision on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Limits of one stream's bytes.
    pub stream: StreamLimits,
    /// Limits of signing in.
    pub sign_in: SignInLimits,
    /// Limits of one session.
    pub session: SessionLimits,
    /// Limits of one account.
    pub account: AccountLimits,
    /// Limits of what is kept for each user.
    pub kept: KeptLimits,
    /// Limits of files that users send.
    pub upload: UploadLimits,
    /// Limits of talking to other servers.
    pub federation: FederationLimits,
}

/// Limits of one stream's bytes: over them the stream ends with `policy-violation` (RFC 6120 §4.9.3.14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// The framer's limits before sign-in.
    pub before_sign_in: xmpp::Limits,
    /// The framer's limits after sign-in.
    pub signed_in: xmpp::Limits,
    /// All bytes that a peer may send before it is signed in, TLS not counted.
    pub before_sign_in_bytes_max: u32,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            before_sign_in: xmpp::Limits::before_sign_in(),
            signed_in: xmpp::Limits::signed_in(),
            before_sign_in_bytes_max: 65_536,
        }
    }
}

/// Limits of signing in. Failures on one stream are limited by `xmpp::stream::LOGIN_ATTEMPTS_MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInLimits {
    /// From the connection's start until the resource is bound; then `connection-timeout`.
    pub unauthenticated_time_max: Duration,
    /// Failures of one account from one host within the window; then `temporary-auth-failure`.
    pub failures_per_account_max: u16,
    /// How long failures are remembered.
    pub failure_window: Duration,
    /// Failures from one host that are answered at once; later ones are answered late.
    pub failures_per_address_free: u16,
    /// The delay of the first late answer; it doubles with each further failure.
    pub failure_delay_min: Duration,
    /// The longest delay of an answer.
    pub failure_delay_max: Duration,
    /// Hosts, and pairs of host and account, that are remembered; the oldest go first.
    pub remembered_max: usize,
    /// Connections that are not yet signed in, all together; further ones are closed at once.
    pub unauthenticated_connections_max: usize,
    /// Of those, connections of one host that is not trusted; further ones are closed at once.
    pub unauthenticated_connections_per_host_max: usize,
    /// Accounts that one host that is not trusted may try to make in an hour (XEP-0077).
    pub registrations_per_address_max: u16,
    /// Passwords that are compared at a time (PLAIN), each on a thread; the next ones wait. Read at start.
    pub comparisons_max: usize,
}

impl Default for SignInLimits {
    fn default() -> Self {
        Self {
            unauthenticated_time_max: xmpp::stream::NEGOTIATION_TIME_MAX,
            failures_per_account_max: 10,
            failure_window: Duration::from_secs(10 * 60),
            failures_per_address_free: 20,
            failure_delay_min: Duration::from_millis(250),
            failure_delay_max: Duration::from_secs(8),
            remembered_max: 65_536,
            unauthenticated_connections_max: 4_096,
            unauthenticated_connections_per_host_max: 1_024,
            registrations_per_address_max: 5,
            comparisons_max: 16,
        }
    }
}

/// Limits of one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// Stanzas waiting for a slow reader; then `policy-violation`, and what was kept goes to the spool.
    pub queued_stanzas_max: usize,
    /// Bytes waiting for a slow reader; likewise.
    pub queued_bytes_max: usize,
    /// How long a write may make no progress; then the connection is cut.
    pub write_stall_max: Duration,
    /// Silence after which we ask whether the client is still there.
    pub idle_before_ping: Duration,
    /// Silence after that question; then `connection-timeout` (RFC 6120 §4.6.4).
    pub idle_after_ping_max: Duration,
    /// How long a lost session waits to be resumed (XEP-0198 §5).
    pub resume_time_max: Duration,
    /// Sent stanzas that the client has not acknowledged; then `policy-violation` (XEP-0198 §4).
    pub unacknowledged_stanzas_max: usize,
    /// Addresses that got directed presence (RFC 6121 §4.6); then `resource-constraint`.
    pub directed_presence_max: usize,
    /// The presence stanza's payload, in bytes; then `policy-violation`.
    pub presence_bytes_max: usize,
    /// How far the journal may be behind, in entries, before those who write to it are held: nothing more is
    /// read from them for a moment.
    pub journal_behind_entries_max: i64,
    /// When a spool that could not be read is tried again.
    pub spool_retry_delay: Duration,
    /// How long a client is held; then it goes on, and hears a refusal if the storage still takes nothing.
    pub hold_time_max: Duration,
    /// From `</stream:stream>` to the end of the connection.
    pub closing_time_max: Duration,
    /// Stanzas of one client in a second; more are read later.
    pub stanzas_per_second_max: u32,
    /// How long a client may send more than that without a pause; then `policy-violation`.
    pub flood_time_max: Duration,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            queued_stanzas_max: 2_000,
            queued_bytes_max: 4 << 20,
            write_stall_max: Duration::from_secs(60),
            idle_before_ping: Duration::from_secs(10 * 60),
            idle_after_ping_max: Duration::from_secs(60),
            resume_time_max: xmpp::sm::RESUME_TIME_MAX,
            unacknowledged_stanzas_max: xmpp::sm::UNACKED_STANZAS_MAX,
            directed_presence_max: 500,
            presence_bytes_max: 16_384,
            journal_behind_entries_max: 8_192,
            spool_retry_delay: Duration::from_secs(1),
            hold_time_max: Duration::from_secs(2),
            closing_time_max: Duration::from_secs(5),
            stanzas_per_second_max: 500,
            flood_time_max: Duration::from_secs(60),
        }
    }
}

/// Limits of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Resources signed in at a time; then `resource-constraint` at bind (RFC 6120 §7.6.2.1).
    pub sessions_max: usize,
    /// Roster items (`PC-06`: 200 contacts are the design point, this is the wall); then `resource-constraint`.
    pub roster_items_max: usize,
    /// A roster item's name, or one group's name, in characters; then `not-acceptable` (RFC 6121 §2.3.3).
    pub roster_name_chars_max: usize,
    /// Groups of one roster item; then `not-acceptable`.
    pub roster_groups_max: usize,
    /// Requests of others that wait for the user's answer; the next ones are dropped.
    pub subscription_requests_max: usize,
    /// Spooled messages read in one go at sign-in.
    pub spool_page: usize,
    /// Hashes of client capabilities that are remembered by the whole server (XEP-0115 §8.3).
    pub capabilities_max: usize,
    /// Rooms that a user made and that are still there; then `resource-constraint`.
    pub rooms_made_max: usize,
    /// What one occupant may say to all of a room in a second; then `resource-constraint`, and nobody else hears it.
    pub room_messages_per_second_max: u32,
    /// Features of one client that are remembered.
    pub capability_features_max: usize,
    /// Clients elsewhere of which one account knows what they ask for; the next ones hear no personal events.
    pub distant_clients_max: usize,
    /// Clients elsewhere that the whole server asks for their capabilities at a time; the next ones are asked when
    /// they show themselves again.
    pub distant_questions_max: usize,
}

impl Default for AccountLimits {
    fn default() -> Self {
        Self {
            sessions_max: 32,
            roster_items_max: 1_000,
            roster_name_chars_max: 256,
            roster_groups_max: 32,
            subscription_requests_max: 200,
            spool_page: 100,
            capabilities_max: 4_096,
            rooms_made_max: 200,
            room_messages_per_second_max: 20,
            capability_features_max: 256,
            distant_clients_max: 1_000,
            distant_questions_max: 1_024,
        }
    }
}

/// Limits of what is kept for each user; over them, `resource-constraint` for whoever wanted more to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptLimits {
    /// Messages that wait for a user who is away.
    pub offline_messages_max: u64,
    /// Bytes of such messages.
    pub offline_bytes_max: u64,
    /// What of both senders of other domains may fill, in percent: the rest is for colleagues.
    pub offline_others_percent: u64,
    /// Bytes of a user's personal events, whatever their nodes (XEP-0163).
    pub personal_bytes_max: u64,
    /// Bytes of one node at `pubsub.` under the domain.
    pub node_bytes_max: u64,
}

impl Default for KeptLimits {
    fn default() -> Self {
        Self {
            offline_messages_max: 10_000,
            offline_bytes_max: 32 << 20,
            offline_others_percent: 50,
            personal_bytes_max: 32 << 20,
            node_bytes_max: 16 << 20,
        }
    }
}

/// Limits of files that users send (XEP-0363).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadLimits {
    /// One file, in bytes; then `not-acceptable` with the limit (§5).
    pub file_bytes_max: u64,
    /// Files of one user within 24 hours; then `resource-constraint` with the time to try again. 0 forbids it.
    pub user_files_a_day: u64,
    /// Bytes of one user within 24 hours; likewise.
    pub user_bytes_a_day: u64,
    /// How long a file is kept; `None` for ever.
    pub keep_time: Option<Duration>,
    /// How long a slot waits for its file to begin to come in.
    pub slot_time: Duration,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            file_bytes_max: 100 << 20,
            user_files_a_day: 500,
            user_bytes_a_day: 1 << 30,
            keep_time: Some(Duration::from_secs(90 * 24 * 3_600)),
            slot_time: Duration::from_secs(300),
        }
    }
}

/// Limits of talking to other servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FederationLimits {
    /// Stanzas that wait for one domain; then `resource-constraint` for the sender.
    pub queued_stanzas_max: usize,
    /// Bytes that wait for one domain; likewise.
    pub queued_bytes_max: usize,
    /// How long a message waits for a server that is away; then `remote-server-timeout`.
    pub queue_time_max: Duration,
    /// One connection, and one TLS handshake.
    pub connect_time_max: Duration,
    /// All addresses of a domain together.
    pub attempt_time_max: Duration,
    /// From a connection that comes in until its server is authenticated; then `connection-timeout`.
    pub unauthenticated_time_max: Duration,
    /// Pause after the first try that fails; it doubles with each further one.
    pub retry_delay_min: Duration,
    /// The longest pause.
    pub retry_delay_max: Duration,
    /// Silence after which a stream of ours is closed.
    pub idle_time_max: Duration,
    /// Silence after which we look whether the other server is still there.
    pub idle_before_ping: Duration,
    /// How long the other server may take to acknowledge, and a write to make progress; then the stream counts as lost.
    pub answer_time_max: Duration,
    /// Stanzas that the other server has not acknowledged; then nothing more is sent for a while.
    pub unacknowledged_stanzas_max: usize,
    /// Stanzas of one domain in a second; more are read later.
    pub stanzas_per_second_max: u32,
    /// How long a domain may send more than that without a pause; then `policy-violation`.
    pub flood_time_max: Duration,
    /// Connections of servers that are not authenticated; further ones are closed at once.
    pub unauthenticated_streams_max: usize,
}

impl Default for FederationLimits {
    fn default() -> Self {
        Self {
            queued_stanzas_max: 5_000,
            queued_bytes_max: 16 << 20,
            queue_time_max: Duration::from_secs(30 * 60),
            connect_time_max: Duration::from_secs(15),
            attempt_time_max: Duration::from_secs(60),
            unauthenticated_time_max: Duration::from_secs(90),
            retry_delay_min: Duration::from_secs(5),
            retry_delay_max: Duration::from_secs(5 * 60),
            idle_time_max: Duration::from_secs(20 * 60),
            idle_before_ping: Duration::from_secs(5 * 60),
            answer_time_max: Duration::from_secs(60),
            unacknowledged_stanzas_max: 1_000,
            stanzas_per_second_max: 1_000,
            flood_time_max: Duration::from_secs(30),
            unauthenticated_streams_max: 1_024,
        }
    }
}
