//! Two messaging houses that know each other by name only: what their users see of each other (RFC 6120, RFC 6121 §8.4).

#[path = "federation/certificates.rs"]
mod certificates;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "sessions/client.rs"]
mod client;
#[path = "federation/components.rs"]
mod components;
#[path = "federation/exchange.rs"]
mod exchange;
#[path = "houses/foundation.rs"]
mod foundation;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "sessions/house.rs"]
mod house;
#[path = "federation/personal_events.rs"]
mod personal_events;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "houses/program.rs"]
mod program;
#[path = "federation/queue.rs"]
mod queue;
#[path = "federation/repeats.rs"]
mod repeats;
#[path = "federation/strangers.rs"]
mod strangers;
#[path = "federation/town.rs"]
mod town;
