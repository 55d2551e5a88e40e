//! Whose packets a leg takes, and where its packets go: sans-IO, one decision a packet.
//!
//! The source is learned once and then held to, so that nobody who guesses a port can listen or talk
//! (the "RTP bleed" of relays that follow every new source).

use std::net::SocketAddr;

use crate::{Learn, Remote};

/// What became of a packet at the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// From the peer.
    Known,
    /// The first from the peer: its address is learned now, and `moved` when it is not the one in the SDP.
    First { moved: bool },
    /// Not from the peer.
    Refused,
}

/// The far end of one leg, with what was learned about it.
#[derive(Debug)]
pub(crate) struct Gate {
    remote: Remote,
    rtp_source: Option<SocketAddr>,
    rtcp_source: Option<SocketAddr>,
    /// Payload types as they go out, for those that change; `None` when none does.
    map: Option<Box<[u8; 128]>>,
}

impl Gate {
    pub(crate) fn new(remote: Remote) -> Self {
        let is_exact = remote.learn == Learn::Exact;
        let map = (!remote.payload_map.is_empty()).then(|| {
            let mut map: Box<[u8; 128]> = Box::new(std::array::from_fn(|index| index as u8));
            for (from, to) in &remote.payload_map {
                map[usize::from(from & 0x7f)] = to & 0x7f;
            }
            map
        });
        Self {
            rtp_source: is_exact.then_some(remote.rtp),
            rtcp_source: is_exact.then(|| signalled_rtcp(&remote)),
            remote,
            map,
        }
    }

    /// The peer as it was signalled.
    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Changes which way packets flow.
    pub(crate) fn set_direction(&mut self, direction: crate::Direction) {
        self.remote.direction = direction;
    }

    /// Takes the peer's description anew. What was learned stays when nothing but the direction, payload
    /// types and clock changed: a re-INVITE must not open the gate again.
    #[must_use]
    pub(crate) fn renewed(self, remote: Remote) -> Self {
        let same = remote.rtp == self.remote.rtp
            && remote.rtcp == self.remote.rtcp
            && remote.mux == self.remote.mux
            && remote.learn == self.remote.learn;
        // What checks have proved does not hang on addresses that a description names.
        let same = same || (remote.learn == Learn::Checked && self.remote.learn == Learn::Checked);
        let mut gate = Self::new(remote);
        if same {
            gate.rtp_source = self.rtp_source;
            gate.rtcp_source = self.rtcp_source;
        }
        gate
    }

    /// Is this RTP packet the peer's?
    pub(crate) fn admit_rtp(&mut self, source: SocketAddr) -> Admission {
        if self.remote.learn == Learn::Checked {
            // It is proved by its keys; a peer may use any of its ways until it has settled for one (RFC 8445 §12.1).
            return Admission::Known;
        }
        if let Some(known) = self.rtp_source {
            return if known == source { Admission::Known } else { Admission::Refused };
        }
        if !self.may_be(source) {
            return Admission::Refused;
        }
        self.rtp_source = Some(source);
        Admission::First { moved: source != self.remote.rtp }
    }

    /// May a packet from there be the peer's?
    pub(crate) fn may_be(&self, source: SocketAddr) -> bool {
        match (self.rtp_source, self.remote.learn) {
            (_, Learn::Checked) => false,
            (Some(known), _) => known == source,
            (None, Learn::Exact) => source == self.remote.rtp,
            (None, Learn::FromHost(host)) => source.ip() == host || source.ip() == self.remote.rtp.ip(),
            (None, Learn::Any) => true,
        }
    }

    /// May reports come from there that share the port of RTP?
    pub(crate) fn takes_reports_from(&self, source: SocketAddr) -> bool {
        self.remote.learn == Learn::Checked || self.rtp_target() == Some(source)
    }

    /// Packets go there from now on, or nowhere: the peer's checks say so.
    pub(crate) fn follow(&mut self, source: Option<SocketAddr>) {
        if self.remote.learn == Learn::Checked {
            self.rtp_source = source;
        }
    }

    /// Is this RTCP packet, on its own port, the peer's? Its host is the one that RTP was learned from.
    pub(crate) fn admit_rtcp(&mut self, source: SocketAddr) -> bool {
        if let Some(known) = self.rtcp_source {
            return known == source;
        }
        let allowed = match self.rtp_source {
            Some(rtp) => source.ip() == rtp.ip(),
            None => source == signalled_rtcp(&self.remote),
        };
        if allowed {
            self.rtcp_source = Some(source);
        }
        allowed
    }

    /// Where RTP for the peer goes (RFC 4961: where its own comes from, once that is known). `None`: no check has come yet.
    pub(crate) fn rtp_target(&self) -> Option<SocketAddr> {
        match self.rtp_source {
            None if self.remote.learn == Learn::Checked => None,
            known => Some(known.unwrap_or(self.remote.rtp)),
        }
    }

    /// Whom the kernel may hold the socket to: a peer that does not move.
    pub(crate) fn settled(&self) -> Option<SocketAddr> {
        self.rtp_source.filter(|_| self.remote.learn != Learn::Checked)
    }

    /// Where RTCP for the peer goes, when it has a port of its own.
    pub(crate) fn rtcp_target(&self) -> SocketAddr {
        match (self.rtcp_source, self.rtp_source) {
            (Some(known), _) => known,
            (None, Some(rtp)) if rtp != self.remote.rtp => next_port(rtp),
            _ => signalled_rtcp(&self.remote),
        }
    }

    /// The payload type that packets of `payload_type` leave with, when it is another one.
    pub(crate) fn mapped(&self, payload_type: u8) -> Option<u8> {
        let mapped = self.map.as_ref()?[usize::from(payload_type & 0x7f)];
        (mapped != payload_type).then_some(mapped)
    }
}

fn signalled_rtcp(remote: &Remote) -> SocketAddr {
    if remote.mux { remote.rtp } else { remote.rtcp.unwrap_or_else(|| next_port(remote.rtp)) }
}

fn next_port(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port().saturating_add(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn gate(learn: Learn) -> Gate {
        Gate::new(Remote { learn, ..Remote::new(address("192.0.2.1:4000")) })
    }

    #[test]
    fn exact_takes_only_the_signalled_address() {
        let mut gate = gate(Learn::Exact);
        assert_eq!(gate.admit_rtp(address("192.0.2.1:4002")), Admission::Refused);
        assert_eq!(gate.admit_rtp(address("192.0.2.1:4000")), Admission::Known);
        assert!(gate.admit_rtcp(address("192.0.2.1:4001")));
        assert!(!gate.admit_rtcp(address("192.0.2.1:4003")));
    }

    #[test]
    fn a_peer_behind_nat_is_learned_from_its_signalling_host_and_then_held_to() {
        let mut gate = gate(Learn::FromHost("198.51.100.7".parse().unwrap()));
        assert_eq!(gate.admit_rtp(address("203.0.113.9:9")), Admission::Refused);
        assert_eq!(gate.admit_rtp(address("198.51.100.7:61000")), Admission::First { moved: true });
        assert_eq!(gate.rtp_target(), Some(address("198.51.100.7:61000")));
        assert_eq!(gate.rtcp_target(), address("198.51.100.7:61001"));
        assert_eq!(gate.admit_rtp(address("198.51.100.7:61002")), Admission::Refused);
        assert_eq!(gate.admit_rtp(address("192.0.2.1:4000")), Admission::Refused);
        assert_eq!(gate.admit_rtp(address("198.51.100.7:61000")), Admission::Known);
    }

    #[test]
    fn any_takes_the_first_source_only() {
        let mut gate = gate(Learn::Any);
        assert_eq!(gate.admit_rtp(address("203.0.113.9:9")), Admission::First { moved: true });
        assert_eq!(gate.admit_rtp(address("192.0.2.1:4000")), Admission::Refused);
    }

    #[test]
    fn rtcp_comes_from_the_host_that_rtp_was_learned_from() {
        let mut gate = gate(Learn::Any);
        assert_eq!(gate.admit_rtp(address("203.0.113.9:9")), Admission::First { moved: true });
        assert!(!gate.admit_rtcp(address("192.0.2.1:4001")));
        assert!(gate.admit_rtcp(address("203.0.113.9:77")));
        assert_eq!(gate.rtcp_target(), address("203.0.113.9:77"));
        assert!(!gate.admit_rtcp(address("203.0.113.9:78")));
    }

    #[test]
    fn the_same_description_again_keeps_what_was_learned_and_another_forgets_it() {
        let mut gate = gate(Learn::Any);
        assert_eq!(gate.admit_rtp(address("203.0.113.9:9")), Admission::First { moved: true });
        let remote = gate.remote().clone();
        let mut gate = gate.renewed(Remote { telephone_event: Some(101), ..remote.clone() });
        assert_eq!(gate.admit_rtp(address("192.0.2.66:9")), Admission::Refused);
        let gate = gate.renewed(Remote { rtp: address("192.0.2.2:5000"), ..remote });
        assert_eq!(gate.rtp_target(), Some(address("192.0.2.2:5000")));
    }

    #[test]
    fn a_peer_that_checks_its_ways_is_followed_by_its_checks_alone() {
        let mut gate = gate(Learn::Checked);
        assert_eq!((gate.rtp_target(), gate.settled()), (None, None));
        assert_eq!(gate.admit_rtp(address("203.0.113.9:9")), Admission::Known, "its keys have proved it");
        assert_eq!(gate.rtp_target(), None, "packets alone move nothing");
        gate.follow(Some(address("203.0.113.9:10")));
        let gate = gate.renewed(Remote { learn: Learn::Checked, ..Remote::new(address("192.0.2.2:5000")) });
        assert_eq!((gate.rtp_target(), gate.settled()), (Some(address("203.0.113.9:10")), None));
    }

    #[test]
    fn only_mapped_payload_types_change() {
        let remote = Remote { payload_map: vec![(101, 96)], ..Remote::new(address("192.0.2.1:4000")) };
        let gate = Gate::new(remote);
        assert_eq!(gate.mapped(101), Some(96));
        assert_eq!(gate.mapped(0), None);
    }

    proptest! {
        #[test]
        fn once_learned_only_one_source_is_ever_taken(
            ports in prop::collection::vec((1_u8..4, 1_u16..5), 1..40), any: bool,
        ) {
            let host = "192.0.2.2".parse().unwrap();
            let mut gate = gate(if any { Learn::Any } else { Learn::FromHost(host) });
            let mut taken = std::collections::BTreeSet::new();
            for (last, port) in ports {
                let source = SocketAddr::new([192, 0, 2, last].into(), port);
                if gate.admit_rtp(source) != Admission::Refused {
                    prop_assert!(any || last != 3, "a host that was not allowed was learned");
                    taken.insert(source);
                    prop_assert_eq!(gate.rtp_target(), Some(source));
                }
            }
            prop_assert!(taken.len() <= 1);
        }
    }
}
