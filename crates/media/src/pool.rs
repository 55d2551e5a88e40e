//! Port numbers and a warm stock of bound pairs, so that taking one costs no system call.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use runtime::{Dscp, Runtime, SocketOptions};

use crate::Kind;

/// Bound pairs kept ready for each kind. A stock instead of the whole range: 8,190 idle pairs would eat
/// most of a process's descriptors.
pub(crate) const STOCK_PAIRS: usize = 64;
/// The stock below which the media thread is woken to bind more.
pub(crate) const STOCK_PAIRS_LOW: usize = 48;
/// Ports tried in one go when another program holds some of the range.
pub(crate) const BIND_TRIES: usize = 16;
/// Kernel buffer of a media socket, in bytes: over half a second of a 2 Mbit/s picture.
const SOCKET_BUFFER_BYTES: usize = 256 * 1024;

/// All ports of the half are taken (or held by other programs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all {0:?} ports are in use")]
pub struct NoPort(pub Kind);

/// An RTP socket and the RTCP socket on the port above.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) port: u16,
    pub(crate) dscp: Dscp,
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

impl Pair {
    /// Binds `port` and the one above, for `kind`, marked with `dscp`.
    pub(crate) fn bind(
        runtime: &Runtime,
        address: IpAddr,
        port: u16,
        kind: Kind,
        dscp: Dscp,
    ) -> io::Result<Self> {
        let buffer_bytes = (kind == Kind::Video).then_some(SOCKET_BUFFER_BYTES);
        let options = SocketOptions { dscp: Some(dscp), buffer_bytes, ..SocketOptions::default() };
        let bind = |port| runtime.bind_udp_std(SocketAddr::new(address, port), options);
        Ok(Self { port, dscp, rtp: bind(port)?, rtcp: bind(port + 1)? })
    }
}

/// The ports of one kind: free numbers in shuffled order, and pairs that are bound already.
#[derive(Debug)]
pub(crate) struct Half<P> {
    free: VecDeque<u16>,
    stock: VecDeque<P>,
    in_use: usize,
    limit: usize,
}

impl<P> Half<P> {
    /// All of `pairs`, in an order that `random` decides: a port is hard to guess, and a restarted
    /// node does not meet the late packets of its former calls.
    pub(crate) fn new(pairs: impl Iterator<Item = u16>, mut random: impl FnMut() -> u64) -> Self {
        let mut free: VecDeque<u16> = pairs.collect();
        for last in (1..free.len()).rev() {
            let other = random() % (last as u64 + 1);
            free.swap(last, other as usize);
        }
        let limit = free.len();
        Self { free, stock: VecDeque::new(), in_use: 0, limit }
    }

    /// A bound pair from the stock.
    pub(crate) fn take(&mut self) -> Option<P> {
        let pair = self.stock.pop_front()?;
        self.in_use += 1;
        Some(pair)
    }

    /// A port number to bind next. It comes back by [`Half::stocked`] or [`Half::refused`].
    pub(crate) fn next_free(&mut self) -> Option<u16> {
        self.free.pop_front()
    }

    /// A pair was bound.
    pub(crate) fn stocked(&mut self, pair: P) {
        self.stock.push_back(pair);
    }

    /// A port could not be bound; it is tried again after all others.
    pub(crate) fn refused(&mut self, port: u16) {
        self.free.push_back(port);
    }

    /// A taken port was closed. It is used again last, so that late packets find nobody.
    pub(crate) fn closed(&mut self, port: u16) {
        self.in_use = self.in_use.saturating_sub(1);
        self.free.push_back(port);
    }

    /// Is it time to bind more?
    pub(crate) fn is_low(&self) -> bool {
        self.stock.len() < STOCK_PAIRS_LOW && !self.free.is_empty()
    }

    /// How many pairs are missing in the stock.
    pub(crate) fn missing(&self) -> usize {
        STOCK_PAIRS.saturating_sub(self.stock.len()).min(self.free.len())
    }

    /// Pairs in use, and how many there are in all.
    pub(crate) fn usage(&self) -> (usize, usize) {
        (self.in_use, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range() -> impl Iterator<Item = u16> {
        (20_000..20_020).step_by(2)
    }

    fn stocked_half() -> Half<u16> {
        let mut half = Half::new(range(), || 0);
        while let Some(port) = half.next_free() {
            half.stocked(port);
        }
        half
    }

    #[test]
    fn every_pair_is_given_once_and_then_none() {
        let mut half = stocked_half();
        let mut ports: Vec<u16> = std::iter::from_fn(|| half.take()).collect();
        assert_eq!(half.usage(), (10, 10));
        ports.sort_unstable();
        assert_eq!(ports, range().collect::<Vec<_>>());
    }

    #[test]
    fn the_order_is_shuffled_by_the_randomness_given() {
        let mut seed = 1_u64;
        let mut half = Half::<u16>::new(range(), || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            seed >> 33
        });
        let order: Vec<u16> = std::iter::from_fn(|| half.next_free()).collect();
        assert_eq!(order.len(), 10);
        assert_ne!(order, range().collect::<Vec<_>>());
    }

    #[test]
    fn a_closed_port_is_used_again_after_all_others() {
        let mut half = Half::new(range(), || 0);
        let first = half.next_free().unwrap();
        half.stocked(first);
        assert_eq!(half.take(), Some(first));
        half.closed(first);
        let order: Vec<u16> = std::iter::from_fn(|| half.next_free()).collect();
        assert_eq!(order.len(), 10);
        assert_eq!(order.last(), Some(&first));
        assert_eq!(half.usage(), (0, 10));
    }

    #[test]
    fn the_stock_asks_for_more_only_while_ports_are_left() {
        let mut half = Half::new(range(), || 0);
        assert!(half.is_low());
        assert_eq!(half.missing(), 10);
        while let Some(port) = half.next_free() {
            half.stocked(port);
        }
        assert!(!half.is_low());
        assert_eq!(half.missing(), 0);
    }
}
