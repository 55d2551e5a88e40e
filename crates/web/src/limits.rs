//! Every limit of the HTTP side, by name and with its unit.

use std::time::Duration;

/// Connections at a time on one listener; more wait in the kernel's queue. A client of BOSH has up to two, a
/// WebSocket none: it is counted as a chat client.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Of those, connections of one host that is not trusted; further ones are closed at once.
pub const CONNECTIONS_PER_HOST_MAX: usize = 1_024;
/// Time for a TLS handshake.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Time for a request's header, and how long a connection may wait for its next request.
pub const HEADER_TIME_MAX: Duration = Duration::from_secs(15);
/// Fields in a request's header.
pub const HEADER_FIELDS_MAX: usize = 64;
/// A request's line and header together, in bytes.
pub const HEADER_BYTES_MAX: usize = 16 * 1024;
/// A request's body, in bytes; forms are all that is taken here.
pub const BODY_BYTES_MAX: usize = 16 * 1024;
/// Time from a request's header to its answer.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// Time after which a connection is asked to end; the browser opens another.
pub const CONNECTION_TIME_MAX: Duration = Duration::from_secs(600);
/// Requests at a time on one HTTP/2 connection.
pub const STREAMS_MAX: u32 = 32;
/// Time for running requests to end when the node stops.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(3);

/// One request over BOSH, in bytes: the longest stanza, or some short ones.
pub const BOSH_BODY_BYTES_MAX: usize = 512 * 1024;
/// The same before signing in, in bytes.
pub const BOSH_BODY_BYTES_BEFORE_SIGN_IN_MAX: usize = 16 * 1024;
/// Sessions over BOSH at a time, those that nobody has signed in to included.
pub const BOSH_SESSIONS_MAX: usize = 8_192;
/// The identifier of a session over BOSH, in bytes of entropy.
pub const BOSH_SESSION_BYTES: usize = 16;

/// Signed-in browsers at a time; the oldest is signed out for the next.
pub const SESSIONS_MAX: usize = 256;
/// How long a browser stays signed in.
pub const SESSION_TIME: Duration = Duration::from_secs(12 * 3_600);
/// One-time links at a time; the oldest is void for the next.
pub const LINKS_MAX: usize = 32;
/// How long a one-time link may be used when nothing else is said.
pub const LINK_TIME: Duration = Duration::from_secs(3_600);

/// Failed sign-ins from one address before its next attempts are looked at late.
pub const FAILURES_MAX: u32 = 10;
/// Time between two such late attempts: some 43,000 guesses a day.
pub const LATE_ATTEMPT_INTERVAL: Duration = Duration::from_secs(2);
/// How long such an attempt may have to wait; with longer it is refused.
pub const LATE_ATTEMPT_WAIT_MAX: Duration = Duration::from_secs(20);
/// How long failures count.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(15 * 60);
/// Addresses whose failures are remembered.
pub const FAILURE_ADDRESSES_MAX: usize = 10_000;
/// Password hashes at a time: each takes 19 MiB and some 20 ms of a core.
pub const HASHES_AT_ONCE_MAX: usize = 2;

/// Messages on a page of an archive when nobody names a number.
pub const ARCHIVE_PAGE: usize = 50;
/// Messages on a page of an archive.
pub const ARCHIVE_PAGE_MAX: usize = 250;

/// Calls on a page of a person's history when nobody names a number (`PC-06`).
pub const HISTORY_PAGE: usize = 50;
/// Calls on a page of a person's history.
pub const HISTORY_PAGE_MAX: usize = 250;
/// Changes of a line's settings in one request.
pub const LINE_CHANGES_MAX: usize = 128;
/// What somebody may ask to be dialled, in bytes.
pub const DIAL_BYTES_MAX: usize = 256;

/// Rows that one table of the status page shows.
pub const ROWS_MAX: usize = 200;
/// How often metrics are tidied up.
pub const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// Files that come in at a time; more are asked to come again.
pub const UPLOADS_AT_ONCE_MAX: usize = 128;
/// Time for one file to come in or to go out.
pub const TRANSFER_TIME_MAX: Duration = Duration::from_secs(3_600);
/// Time without a byte after which a file that comes in is given up.
pub const TRANSFER_PAUSE_MAX: Duration = Duration::from_secs(30);
/// How often files whose time is over are looked for.
pub const UPLOAD_UPKEEP: Duration = Duration::from_secs(60);
/// How often files that belong to no upload are looked for.
pub const UPLOAD_STRAYS_INTERVAL: Duration = Duration::from_secs(24 * 3_600);

/// The longer side of a small picture, in pixels.
pub const THUMBNAIL_EDGE_PIXELS: u32 = 256;
/// A picture that is made small, in bytes of its file.
pub const THUMBNAIL_SOURCE_BYTES_MAX: u64 = 32 << 20;
/// A picture that is made small, in pixels.
pub const THUMBNAIL_PIXELS_MAX: u64 = 32_000_000;
/// A picture that is made small, in bytes once it is unpacked.
pub const THUMBNAIL_MEMORY_BYTES_MAX: u64 = 128 << 20;
/// Time to make a picture small, waiting included.
pub const THUMBNAIL_TIME_MAX: Duration = Duration::from_secs(15);
/// Pictures that are made small at a time.
pub const THUMBNAILS_AT_ONCE_MAX: usize = 2;
/// Requests that wait for a small picture; more are asked to come again.
pub const THUMBNAILS_WAITING_MAX: usize = 32;

/// How often a phone on a WebSocket is asked whether it is there.
pub const SIP_HEARTBEAT: Duration = Duration::from_secs(30);
/// Silence of such a phone after which its connection is cut.
pub const SIP_SILENCE_MAX: Duration = Duration::from_secs(75);
/// Time for such a phone to take its end in.
pub const SIP_CLOSING_TIME_MAX: Duration = Duration::from_secs(5);

/// Sessions of applications at a time.
pub const CTI_SESSIONS_MAX: usize = 4_096;
/// Of those, sessions of one user.
pub const CTI_SESSIONS_PER_USER_MAX: usize = 16;
/// Connections of applications that have not signed in yet, at a time.
pub const CTI_ARRIVALS_MAX: usize = 512;
/// Of those, connections of one host that is not trusted.
pub const CTI_ARRIVALS_PER_HOST_MAX: usize = 32;
/// Time for an application to say who it is.
pub const CTI_SIGN_IN_TIME_MAX: Duration = Duration::from_secs(10);
/// A message of an application, in bytes.
pub const CTI_MESSAGE_BYTES_MAX: usize = 128 * 1024;
/// The same before signing in.
pub const CTI_MESSAGE_BYTES_BEFORE_SIGN_IN_MAX: usize = 4 * 1024;
/// Requests of one application in a second; more are read later.
pub const CTI_REQUESTS_PER_SECOND_MAX: u32 = 100;
/// How often an application is asked whether it is there.
pub const CTI_HEARTBEAT: Duration = Duration::from_secs(30);
/// Silence of an application after which its connection is cut.
pub const CTI_SILENCE_MAX: Duration = Duration::from_secs(75);
/// Time for an application to take its end in.
pub const CTI_CLOSING_TIME_MAX: Duration = Duration::from_secs(5);

/// Items on a page of a list of the administration when nobody names a number.
pub const ADMIN_PAGE: usize = 50;
/// Items on such a page.
pub const ADMIN_PAGE_MAX: usize = 500;
/// The body of a request to the administration, in bytes: a sound in base64, or a list of users.
pub const ADMIN_BODY_BYTES_MAX: usize = 16 << 20;
/// Requests of one administrator in a second, in the long run; more are refused.
pub const ADMIN_REQUESTS_PER_SECOND_MAX: u32 = 50;
/// Requests of one administrator at once, before the rate counts.
pub const ADMIN_REQUESTS_AT_ONCE_MAX: u32 = 200;
/// Callers of the administration whose pace is remembered.
pub const ADMIN_CALLERS_MAX: usize = 10_000;
/// Hits of one kind that a search gives.
pub const ADMIN_HITS_OF_A_KIND_MAX: usize = 8;
/// A certificate that ends sooner is warned of, in days.
pub const ADMIN_CERTIFICATE_DAYS_WARN: i64 = 14;
/// Messages for another domain that wait longer are warned of.
pub const ADMIN_FEDERATION_WAIT_WARN: Duration = Duration::from_secs(300);
/// Acts that an export of the audit log has, the latest.
pub const ADMIN_AUDIT_EXPORT_MAX: usize = 1_000;
