//! Sockets: the only place that opens one. Options are set before bind, so that they hold from the first packet.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket, UnixListener, UnixStream};

use crate::Runtime;

/// The listen queue of TCP listeners, in connections.
const TCP_BACKLOG: i32 = 4096;

/// A differentiated services code point, 0 to 63 (RFC 2474 §3, `MD-16`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dscp(u8);

impl Dscp {
    /// Nothing special: 0.
    pub const BEST_EFFORT: Self = Self(0);
    /// Call signalling: 24.
    pub const CS3: Self = Self(24);
    /// Call signalling in older networks: 26.
    pub const AF31: Self = Self(26);
    /// Video and the sound that goes with it: 34.
    pub const AF41: Self = Self(34);
    /// Audio: 46.
    pub const EF: Self = Self(46);

    /// A code point by its name (`cs0` to `cs7`, `af11` to `af43`, `ef`: RFC 2474 §4.2.2, RFC 2597 §6, RFC 3246 §2.2)
    /// or its number.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: &u8, most: u8| {
            let value = byte.wrapping_sub(b'0');
            (value <= most).then_some(value)
        };
        let value = match text.to_ascii_lowercase().as_bytes() {
            b"ef" => Self::EF.0,
            [b'c', b's', class] => 8 * digit(class, 7)?,
            [b'a', b'f', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => {
                8 * digit(class, 4)? + 2 * digit(drop, 3)?
            }
            _ => text.parse().ok().filter(|value| *value < 64)?,
        };
        Some(Self(value))
    }

    /// The value of the TOS octet (the code point in its upper six bits).
    pub fn tos(self) -> u32 {
        4 * u32::from(self.0)
    }

    /// Marks what an open socket sends from now on.
    pub fn mark(self, socket: &impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(socket);
        self.mark_for(&socket, socket.domain()? == Domain::IPV6)
    }

    fn mark_for(self, socket: &Socket, is_ipv6: bool) -> io::Result<()> {
        if is_ipv6 { socket.set_tclass_v6(self.tos()) } else { socket.set_tos_v4(self.tos()) }
    }
}

/// How a socket is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct SocketOptions {
    /// The mark on outgoing packets; `None` leaves the system's default.
    pub dscp: Option<Dscp>,
    /// Kernel receive and send buffer in bytes; `None` leaves the system's default.
    pub buffer_bytes: Option<usize>,
    /// Several sockets may share the port (one for each shard).
    pub reuse_port: bool,
}

impl Runtime {
    /// Listens for TCP connections.
    pub fn listen_tcp(&self, address: SocketAddr, options: SocketOptions) -> io::Result<TcpListener> {
        TcpListener::from_std(self.listen_tcp_std(address, options)?)
    }

    /// Listens for TCP connections on a non-blocking socket that no async runtime owns (media threads).
    pub fn listen_tcp_std(
        &self,
        address: SocketAddr,
        options: SocketOptions,
    ) -> io::Result<std::net::TcpListener> {
        let socket = open(address, Type::STREAM, Protocol::TCP, options)?;
        socket.set_reuse_address(true)?;
        socket.bind(&address.into())?;
        socket.listen(TCP_BACKLOG)?;
        Ok(socket.into())
    }

    /// The addresses of a host, as the system finds them; an address in text is itself.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }

    /// Connects over TCP.
    pub async fn connect_tcp(&self, address: SocketAddr, options: SocketOptions) -> io::Result<TcpStream> {
        let socket = open(address, Type::STREAM, Protocol::TCP, options)?;
        let stream = TcpSocket::from_std_stream(socket.into()).connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// Listens on a socket in the file system that only its owner may use. What stands at `path` is replaced at
    /// once, so that nobody meets a socket with other permissions there.
    pub fn listen_unix(&self, path: &Path) -> io::Result<UnixListener> {
        let fresh = path.with_extension("new");
        match std::fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&fresh)?;
        std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o600))?;
        std::fs::rename(&fresh, path)?;
        Ok(listener)
    }

    /// Connects to a socket in the file system.
    pub async fn connect_unix(&self, path: &Path) -> io::Result<UnixStream> {
        UnixStream::connect(path).await
    }

    /// Binds a UDP socket.
    pub fn bind_udp(&self, address: SocketAddr, options: SocketOptions) -> io::Result<UdpSocket> {
        UdpSocket::from_std(self.bind_udp_std(address, options)?)
    }

    /// Binds a non-blocking UDP socket that no async runtime owns (media threads).
    pub fn bind_udp_std(
        &self,
        address: SocketAddr,
        options: SocketOptions,
    ) -> io::Result<std::net::UdpSocket> {
        let socket = open(address, Type::DGRAM, Protocol::UDP, options)?;
        socket.bind(&address.into())?;
        Ok(socket.into())
    }
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol, options: SocketOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if let Some(dscp) = options.dscp {
        dscp.mark_for(&socket, address.is_ipv6())?;
    }
    if let Some(bytes) = options.buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
        socket.set_send_buffer_size(bytes)?;
    }
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_ends_of_a_marked_connection_are_marked() {
        let runtime = Runtime::real();
        let options = SocketOptions { dscp: Some(Dscp::CS3), ..SocketOptions::default() };
        let listener = runtime.listen_tcp("127.0.0.1:0".parse().unwrap(), options).unwrap();
        let address = listener.local_addr().unwrap();
        let (called, accepted) = tokio::join!(runtime.connect_tcp(address, options), listener.accept());
        for stream in [called.unwrap(), accepted.unwrap().0] {
            assert_eq!(SockRef::from(&stream).tos_v4().unwrap(), Dscp::CS3.tos());
        }
    }

    #[test]
    fn a_code_point_is_known_by_name_and_number() {
        for (text, wanted) in [("ef", Dscp::EF), ("CS3", Dscp::CS3), ("af31", Dscp::AF31), ("34", Dscp::AF41)]
        {
            assert_eq!(Dscp::parse(text), Some(wanted), "{text}");
        }
        for wrong in ["", "cs8", "af44", "af51", "64", "-1", "efx", "best"] {
            assert_eq!(Dscp::parse(wrong), None, "{wrong}");
        }
    }
}
