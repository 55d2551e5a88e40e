//! The keys of one leg, and what goes through them: packets of the peer opened, packets to it protected.

use crate::SrtpKeys;
use crate::meter::Dropped;
use crate::srtp::{Protector, Refused};

/// Both directions of one leg.
#[derive(Debug)]
pub(crate) struct Vault {
    keys: SrtpKeys,
    receive: Protector,
    send: Protector,
}

impl Vault {
    /// `None` only when the cipher library refuses the keys.
    pub(crate) fn new(keys: SrtpKeys) -> Option<Self> {
        let (receive, send) = (Protector::new(&keys.receive)?, Protector::new(&keys.send)?);
        Some(Self { keys, receive, send })
    }

    /// The same with other keys. A direction whose key stays goes on: no index is used twice under one key, and streams
    /// that have wrapped are still known (RFC 3711 §3.3.1).
    pub(crate) fn renewed(self, keys: SrtpKeys) -> Option<Self> {
        let receive = match self.keys.receive == keys.receive {
            true => self.receive,
            false => Protector::new(&keys.receive)?,
        };
        let send = if self.keys.send == keys.send { self.send } else { Protector::new(&keys.send)? };
        Some(Self { keys, receive, send })
    }

    /// Are these its keys?
    pub(crate) fn holds(&self, keys: &SrtpKeys) -> bool {
        self.keys == *keys
    }

    /// Opens what the peer sent, in place; gives its length.
    pub(crate) fn open(&mut self, packet: &mut [u8], is_report: bool) -> Result<usize, Dropped> {
        let opened = if is_report { self.receive.open_rtcp(packet) } else { self.receive.open_rtp(packet) };
        opened.map_err(|refused| match refused {
            Refused::Malformed => Dropped::Malformed,
            Refused::Forged | Refused::Replayed => Dropped::Forged,
        })
    }

    /// Protects what goes to the peer, in place; gives its length. There must be room behind it.
    pub(crate) fn protect(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        is_report: bool,
    ) -> Result<usize, Dropped> {
        let protected = if is_report {
            self.send.protect_rtcp(buffer, length)
        } else {
            self.send.protect_rtp(buffer, length)
        };
        protected.ok_or(Dropped::Malformed)
    }
}
