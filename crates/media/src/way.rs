//! The ways of a leg to a browser that came to the published port: sockets connected to it, and streams.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use mio::net::{TcpStream, UdpSocket};
use mio::{Interest, Registry, Token};

use crate::rtp::PACKET_BYTES_MAX;

/// Tokens of one leg: its two ports, and its ways.
pub(crate) const TOKENS_PER_LEG: usize = 8;
/// The first token of a way.
pub(crate) const FIRST_WAY: usize = 2;
/// Ways of one leg; of those that are not in use the oldest makes room.
const WAYS_MAX: usize = TOKENS_PER_LEG - FIRST_WAY;
/// Bytes that wait for a stream to take them; packets that come then are dropped, as they would be on any way that is full.
const UNSENT_BYTES_MAX: usize = 32 * 1024;
/// Bytes of the length before each packet (RFC 4571 §2).
const LENGTH_BYTES: usize = 2;

/// One way.
#[derive(Debug)]
pub(crate) enum Way {
    /// A socket that is connected to the peer.
    Datagrams(UdpSocket, SocketAddr),
    /// A connection of the peer.
    Stream(Box<Framed>),
}

/// The ways of one leg, in places that stay.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    places: Vec<Option<(Way, u64)>>,
    opened: u64,
}

/// A stream that carries packets (RFC 4571).
#[derive(Debug)]
pub(crate) struct Framed {
    stream: TcpStream,
    peer: SocketAddr,
    /// What came and is no whole packet yet.
    read: Vec<u8>,
    /// What the stream has not taken yet.
    unsent: Vec<u8>,
}

impl Framed {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, peer, read: Vec::new(), unsent: Vec::new() })
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The next packet.
    ///
    /// # Errors
    /// `WouldBlock`: it is not whole yet. All others end the stream, which is over, or brings what is none.
    pub(crate) fn read(&mut self, packet: &mut [u8; PACKET_BYTES_MAX]) -> io::Result<usize> {
        loop {
            if let Some(length) = taken(&mut self.read, packet)? {
                return Ok(length);
            }
            let mut more = [0; PACKET_BYTES_MAX];
            match self.stream.read(&mut more)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                length => self.read.extend_from_slice(&more[..length]),
            }
        }
    }

    fn send(&mut self, packet: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let length = u16::try_from(packet.len()).map_err(|_| ErrorKind::InvalidInput)?;
        if self.unsent.len() + packet.len() > UNSENT_BYTES_MAX {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.unsent.extend_from_slice(&length.to_be_bytes());
        self.unsent.extend_from_slice(packet);
        self.flush()?;
        Ok(packet.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(cause) => return Err(cause),
            }
        }
        Ok(())
    }
}

/// Takes a whole packet out of what was read.
fn taken(read: &mut Vec<u8>, packet: &mut [u8; PACKET_BYTES_MAX]) -> io::Result<Option<usize>> {
    let Some(head) = read.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes(*head));
    if length > PACKET_BYTES_MAX {
        return Err(ErrorKind::InvalidData.into());
    }
    let Some(content) = read.get(LENGTH_BYTES..LENGTH_BYTES + length) else { return Ok(None) };
    packet[..length].copy_from_slice(content);
    read.drain(..LENGTH_BYTES + length);
    Ok(Some(length))
}

impl Way {
    fn peer(&self) -> SocketAddr {
        match self {
            Self::Datagrams(_, peer) => *peer,
            Self::Stream(framed) => framed.peer,
        }
    }

    /// Is not watched any more.
    pub(crate) fn forget(&mut self, registry: &Registry) {
        let _ = match self {
            Self::Datagrams(socket, _) => registry.deregister(socket),
            Self::Stream(framed) => registry.deregister(&mut framed.stream),
        };
    }

    fn read(&mut self, packet: &mut [u8; PACKET_BYTES_MAX]) -> io::Result<usize> {
        match self {
            Self::Datagrams(socket, _) => socket.recv(packet),
            Self::Stream(framed) => {
                framed.flush()?;
                framed.read(packet)
            }
        }
    }
}

impl Ways {
    /// Is there a way to this address?
    pub(crate) fn leads_to(&self, peer: SocketAddr) -> bool {
        self.places.iter().flatten().any(|(way, _)| way.peer() == peer)
    }

    /// Puts a way in, in the place of one to the same address, an empty one, or the oldest that is not in use; gives the
    /// place and what stood there.
    pub(crate) fn put(&mut self, way: Way, in_use: Option<SocketAddr>) -> (usize, Option<Way>) {
        let peer = way.peer();
        let same =
            self.places.iter().position(|place| place.as_ref().is_some_and(|(way, _)| way.peer() == peer));
        let place = same.or_else(|| self.places.iter().position(Option::is_none)).unwrap_or_else(|| {
            if self.places.len() < WAYS_MAX {
                self.places.push(None);
                return self.places.len() - 1;
            }
            let age = |place: &usize| self.places[*place].as_ref().map_or(0, |(_, opened)| *opened);
            let is_idle = |place: &usize| {
                self.places[*place].as_ref().is_none_or(|(way, _)| Some(way.peer()) != in_use)
            };
            (0..WAYS_MAX).filter(is_idle).min_by_key(age).unwrap_or(0)
        });
        self.opened += 1;
        let old = self.places[place].replace((way, self.opened));
        (place, old.map(|(way, _)| way))
    }

    /// Has a way watched, for the leg in this slot.
    pub(crate) fn watch(&mut self, place: usize, slot: usize, registry: &Registry) -> io::Result<()> {
        let token = Token(slot * TOKENS_PER_LEG + FIRST_WAY + place);
        match self.places.get_mut(place).and_then(Option::as_mut) {
            Some((Way::Datagrams(socket, _), _)) => registry.register(socket, token, Interest::READABLE),
            Some((Way::Stream(framed), _)) => {
                registry.register(&mut framed.stream, token, Interest::READABLE | Interest::WRITABLE)
            }
            None => Ok(()),
        }
    }

    /// Has all watched, after the leg came to another thread.
    pub(crate) fn watch_all(&mut self, slot: usize, registry: &Registry) -> io::Result<()> {
        (0..self.places.len()).try_for_each(|place| self.watch(place, slot, registry))
    }

    /// None is watched any more.
    pub(crate) fn forget_all(&mut self, registry: &Registry) {
        self.places.iter_mut().flatten().for_each(|(way, _)| way.forget(registry));
    }

    /// Reads the next packet of a way. A way that is over is closed.
    ///
    /// # Errors
    /// `WouldBlock`: there is none.
    pub(crate) fn read(
        &mut self,
        place: usize,
        packet: &mut [u8; PACKET_BYTES_MAX],
    ) -> io::Result<(usize, SocketAddr)> {
        let Some(Some((way, _))) = self.places.get_mut(place) else {
            return Err(ErrorKind::WouldBlock.into());
        };
        let peer = way.peer();
        match way.read(packet) {
            Ok(length) => Ok((length, peer)),
            Err(cause) if cause.kind() != ErrorKind::WouldBlock && matches!(way, Way::Stream(_)) => {
                // Closing takes it out of the poll.
                self.places[place] = None;
                Err(ErrorKind::WouldBlock.into())
            }
            Err(cause) => Err(cause),
        }
    }

    /// Sends over the way to this address; `None` when there is none.
    pub(crate) fn send(&mut self, packet: &[u8], target: SocketAddr) -> Option<io::Result<usize>> {
        let (way, _) = self.places.iter_mut().flatten().find(|(way, _)| way.peer() == target)?;
        Some(match way {
            Way::Datagrams(socket, _) => socket.send(packet),
            Way::Stream(framed) => framed.send(packet),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn framed(packets: &[Vec<u8>]) -> Vec<u8> {
        packets
            .iter()
            .flat_map(|packet| [&(packet.len() as u16).to_be_bytes()[..], packet].concat())
            .collect()
    }

    proptest! {
        #[test]
        fn packets_come_out_of_a_stream_as_they_went_in_however_it_is_cut(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            cut in 1_usize..50,
        ) {
            let (mut read, mut out, mut packet) = (Vec::new(), Vec::new(), [0; PACKET_BYTES_MAX]);
            for piece in framed(&packets).chunks(cut) {
                read.extend_from_slice(piece);
                while let Some(length) = taken(&mut read, &mut packet).unwrap() {
                    out.push(packet[..length].to_vec());
                }
            }
            prop_assert_eq!(out, packets);
            prop_assert!(read.is_empty());
        }
    }

    #[test]
    fn a_packet_that_is_too_long_ends_the_stream() {
        let mut read = vec![0xff; 40];
        assert!(taken(&mut read, &mut [0; PACKET_BYTES_MAX]).is_err());
    }

    #[test]
    fn the_oldest_way_that_is_not_in_use_makes_room() {
        let socket = || UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let at = |port: u16| SocketAddr::new([192, 0, 2, 1].into(), port);
        let mut ways = Ways::default();
        for port in 1..=WAYS_MAX as u16 {
            assert!(ways.put(Way::Datagrams(socket(), at(port)), Some(at(1))).1.is_none());
        }
        let (place, old) = ways.put(Way::Datagrams(socket(), at(90)), Some(at(1)));
        assert_eq!((place, old.map(|way| way.peer())), (1, Some(at(2))));
        assert!(ways.leads_to(at(1)) && ways.leads_to(at(90)) && !ways.leads_to(at(2)));
        let (place, old) = ways.put(Way::Datagrams(socket(), at(3)), Some(at(1)));
        assert_eq!((place, old.map(|way| way.peer())), (2, Some(at(3))), "in the place of the former one");
    }
}
