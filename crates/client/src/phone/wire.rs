//! The phone's one way to others: a UDP socket, or a connection to its server.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use runtime::{Runtime, SocketOptions};
use sip::endpoint::{ConnectionId, Flow, Transport};
use sip::framing::{Frame, StreamDecoder};
use sip::{Malformed, Message};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::PhoneConfig;

/// The largest datagram, in bytes.
const DATAGRAM_BYTES_MAX: usize = 65_535;
/// The one connection that a phone has.
const CONNECTION: ConnectionId = ConnectionId(1);

/// What came in: a message, or what could be read of it.
pub(super) type Received = Result<Message, Malformed>;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// See the module.
pub(super) struct Wire {
    transport: Transport,
    local: SocketAddr,
    kind: Kind,
}

enum Kind {
    Datagrams { socket: UdpSocket, buffer: Vec<u8> },
    Stream { stream: Box<dyn Stream>, remote: SocketAddr, decoder: StreamDecoder },
}

impl Wire {
    pub(super) async fn open(config: &PhoneConfig, runtime: &Runtime) -> io::Result<Self> {
        if config.transport == Transport::Udp {
            let socket = runtime.bind_udp(config.listen, SocketOptions::default())?;
            let local = socket.local_addr()?;
            let kind = Kind::Datagrams { socket, buffer: vec![0; DATAGRAM_BYTES_MAX] };
            return Ok(Self { transport: config.transport, local, kind });
        }
        let missing = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
        let remote = config.server.ok_or_else(|| missing("a stream needs a server"))?;
        let tcp = runtime.connect_tcp(remote, SocketOptions::default()).await?;
        let local = tcp.local_addr()?;
        let stream: Box<dyn Stream> = match config.transport {
            Transport::Tls => {
                let tls = config.tls.clone().ok_or_else(|| missing("TLS needs its configuration"))?;
                let name = rustls::pki_types::ServerName::try_from(config.domain.clone())
                    .map_err(|_| missing("the domain is no server name"))?;
                Box::new(tokio_rustls::TlsConnector::from(tls).connect(name, tcp).await?)
            }
            Transport::Tcp => Box::new(tcp),
            Transport::Udp | Transport::Ws | Transport::Wss => {
                return Err(missing("not a phone's transport"));
            }
        };
        let kind = Kind::Stream { stream, remote, decoder: StreamDecoder::new() };
        Ok(Self { transport: config.transport, local, kind })
    }

    /// Our address.
    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// The way to `remote`; on a connection there is but one.
    pub(super) fn flow(&self, remote: SocketAddr) -> Flow {
        let (remote, connection) = match &self.kind {
            Kind::Datagrams { .. } => (remote, None),
            Kind::Stream { remote, .. } => (*remote, Some(CONNECTION)),
        };
        Flow { transport: self.transport, local: self.local, remote, connection }
    }

    /// Sends a message.
    pub(super) async fn send(&mut self, flow: &Flow, bytes: &Bytes) -> io::Result<()> {
        match &mut self.kind {
            Kind::Datagrams { socket, .. } => socket.send_to(bytes, flow.remote).await.map(drop),
            Kind::Stream { stream, .. } => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// The next message, and which way it came. An error is the end of the connection. Nothing is lost when this is
    /// dropped halfway.
    pub(super) async fn receive(&mut self) -> io::Result<(Received, Flow)> {
        let (transport, local) = (self.transport, self.local);
        let flow = |remote, connection| Flow { transport, local, remote, connection };
        match &mut self.kind {
            Kind::Datagrams { socket, buffer } => loop {
                // A refused datagram shows as an error on the next call; it is not the socket's end.
                let Ok((length, remote)) = socket.recv_from(buffer).await else { continue };
                // RFC 5626 §4.4: keep-alives are not messages.
                if length > 4 {
                    let bytes = Bytes::copy_from_slice(&buffer[..length]);
                    return Ok((Message::parse(bytes), flow(remote, None)));
                }
            },
            Kind::Stream { stream, remote, decoder } => loop {
                match decoder.next_frame() {
                    Some(Frame::Message(message)) => {
                        return Ok((Ok(message), flow(*remote, Some(CONNECTION))));
                    }
                    Some(Frame::Malformed(malformed)) => {
                        return Ok((Err(malformed), flow(*remote, Some(CONNECTION))));
                    }
                    Some(Frame::Broken(_)) => return Err(io::ErrorKind::InvalidData.into()),
                    Some(Frame::Ping) => stream.write_all(b"\r\n").await?,
                    Some(Frame::Pong) => {}
                    None => {
                        if stream.read_buf(decoder.buffer()).await? == 0 {
                            return Err(io::ErrorKind::UnexpectedEof.into());
                        }
                    }
                }
            },
        }
    }
}
