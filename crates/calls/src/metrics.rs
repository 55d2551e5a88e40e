//! The counters and gauges of SIP, looked up once: `carillon_sip_*`.

use metrics::{Counter, Gauge, counter, gauge};
use sip::Method;
use sip::endpoint::Transport;

/// What a shard counts.
pub(crate) struct Metrics {
    requests: Vec<(Method, Counter)>,
    requests_other: Counter,
    responses: [Counter; 6],
    /// Requests refused because a queue or table was full.
    pub overload: Counter,
    retransmissions: Counter,
    retransmissions_counted: u64,
    /// Subscriptions held.
    pub subscriptions: Gauge,
}

/// The methods that have a counter of their own.
const COUNTED: [Method; 14] = [
    Method::Invite,
    Method::Ack,
    Method::Bye,
    Method::Cancel,
    Method::Register,
    Method::Options,
    Method::Info,
    Method::Prack,
    Method::Update,
    Method::Subscribe,
    Method::Notify,
    Method::Refer,
    Method::Message,
    Method::Publish,
];

impl Metrics {
    pub(crate) fn new() -> Self {
        let request = |method: &str| counter!("carillon_sip_requests_total", "method" => method.to_owned());
        let class = |class: &'static str| counter!("carillon_sip_responses_total", "class" => class);
        Self {
            requests: COUNTED.iter().map(|method| (method.clone(), request(&method.to_string()))).collect(),
            requests_other: request("other"),
            responses: ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"].map(class),
            overload: overload(),
            retransmissions: counter!("carillon_sip_retransmissions_total"),
            retransmissions_counted: 0,
            subscriptions: gauge!("carillon_sip_subscriptions"),
        }
    }

    /// So many requests and responses were repeated to us and absorbed, since the start.
    pub(crate) fn retransmissions(&mut self, all: u64) {
        self.retransmissions.increment(all - self.retransmissions_counted);
        self.retransmissions_counted = all;
    }

    /// A request came to its user.
    pub(crate) fn request(&self, method: &Method) {
        let known = self.requests.iter().find(|(known, _)| known == method);
        known.map_or(&self.requests_other, |(_, counter)| counter).increment(1);
    }

    /// We answered with this status.
    pub(crate) fn response(&self, status: u16) {
        if let Some(counter) = self.responses.get(usize::from(status / 100).saturating_sub(1)) {
            counter.increment(1);
        }
    }
}

/// Messages received over a transport.
pub(crate) fn received(transport: Transport) -> Counter {
    counter!("carillon_sip_messages_received_total", "transport" => transport.name().to_ascii_lowercase())
}

/// Datagrams that the kernel did not take.
pub(crate) fn dropped() -> Counter {
    counter!("carillon_sip_datagrams_dropped_total")
}

/// Requests refused because a queue was full.
pub(crate) fn overload() -> Counter {
    counter!("carillon_sip_overload_total")
}

/// Open connections.
pub(crate) fn connections() -> Gauge {
    gauge!("carillon_sip_connections")
}

/// Connections that were closed at once, for want of room.
pub(crate) fn connections_refused() -> Counter {
    counter!("carillon_sip_connections_refused_total")
}
