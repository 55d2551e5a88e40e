//! Where a message came from and where one goes: transports, flows and targets.

use std::net::SocketAddr;

/// The transport of a message, as the Via header names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A stream.
    Tcp,
    /// A stream over TLS.
    Tls,
    /// WebSocket (RFC 7118).
    Ws,
    /// WebSocket over TLS (RFC 7118).
    Wss,
}

impl Transport {
    /// True when messages are neither lost nor repeated on the way to the next hop (RFC 3261 §17).
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// True when nobody on the way to the next hop can read along.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Tls | Self::Wss)
    }

    /// True for messages of a WebSocket, which only the other side can open (RFC 7118).
    pub fn is_web_socket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }

    /// The name as Via spells it (RFC 3261 §20.42, RFC 7118 §5.2).
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// Reads a name of Via or of a `transport` parameter, in any case.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls, Self::Ws, Self::Wss]
            .into_iter()
            .find(|transport| name.eq_ignore_ascii_case(transport.name().as_bytes()))
    }
}

/// One connection of a stream transport, numbered by whoever owns the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// The path of a message between two sockets. What comes in over a flow is answered over it (RFC 3261
/// §18.2.2, RFC 3581 §4, RFC 5626 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// How.
    pub transport: Transport,
    /// Our address.
    pub local: SocketAddr,
    /// The other side's address.
    pub remote: SocketAddr,
    /// The connection, on a stream; `None` asks the owner of the sockets to find or open one.
    pub connection: Option<ConnectionId>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The path to the next hop.
    pub flow: Flow,
    /// What Via says of us (`host` or `host:port`); the flow's local address unless another is known to
    /// others, as behind a wildcard socket.
    pub sent_by: Option<String>,
}

impl From<Flow> for Target {
    fn from(flow: Flow) -> Self {
        Self { flow, sent_by: None }
    }
}
