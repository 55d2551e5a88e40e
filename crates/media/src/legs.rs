//! The legs of one media thread: by place for packets, by id for commands.

use std::collections::BTreeMap;

use crate::PortId;
use crate::port::{Leg, Role};

/// A table whose places stay put, so that a poll token leads to its leg without a search.
#[derive(Debug, Default)]
pub(crate) struct Legs {
    places: Vec<Option<Box<Leg>>>,
    free: Vec<usize>,
    by_id: BTreeMap<PortId, usize>,
}

impl Legs {
    /// Puts a leg in; gives its place.
    pub(crate) fn insert(&mut self, leg: Box<Leg>) -> usize {
        let id = leg.id;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.places.push(None);
            self.places.len() - 1
        });
        self.places[slot] = Some(leg);
        self.by_id.insert(id, slot);
        slot
    }

    /// Takes a leg out and lets go of it everywhere.
    pub(crate) fn remove(&mut self, id: PortId) -> Option<Box<Leg>> {
        self.part(id);
        let slot = self.by_id.remove(&id)?;
        self.free.push(slot);
        self.places[slot].take()
    }

    /// The place of a leg.
    pub(crate) fn slot(&self, id: PortId) -> Option<usize> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn at(&mut self, slot: usize) -> Option<&mut Leg> {
        self.places.get_mut(slot)?.as_deref_mut()
    }

    pub(crate) fn get(&mut self, id: PortId) -> Option<&mut Leg> {
        let slot = self.slot(id)?;
        self.at(slot)
    }

    /// The owner of a leg.
    pub(crate) fn owner(&self, id: PortId) -> Option<u64> {
        self.places.get(self.slot(id)?)?.as_deref().map(|leg| leg.owner)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Leg> {
        self.places.iter_mut().filter_map(Option::as_deref_mut)
    }

    /// Joins two legs of this thread, apart from whomever they were joined to.
    pub(crate) fn join(&mut self, a: PortId, b: PortId) {
        self.part(a);
        self.part(b);
        let (Some(slot_a), Some(slot_b)) = (self.slot(a), self.slot(b)) else { return };
        for (slot, peer, peer_slot) in [(slot_a, b, slot_b), (slot_b, a, slot_a)] {
            if let Some(leg) = self.at(slot) {
                leg.role = Role::Relay { peer, slot: Some(peer_slot) };
            }
        }
    }

    /// Ends what a leg does; its peer rests too, when they were joined.
    pub(crate) fn part(&mut self, id: PortId) {
        let Some(leg) = self.get(id) else { return };
        if let Role::Relay { peer, .. } = std::mem::replace(&mut leg.role, Role::Rest)
            && let Some(other) = self.get(peer)
            && matches!(other.role, Role::Relay { peer, .. } if peer == id)
        {
            other.role = Role::Rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use runtime::Dscp;

    use super::*;
    use crate::pool::Pair;
    use crate::{Kind, OpenPort};

    fn legs(count: u64) -> Legs {
        let mut legs = Legs::default();
        let now = tokio::time::Instant::now().into_std();
        for id in 0..count {
            let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();
            let pair = Pair { port: 0, dscp: Dscp::EF, rtp: socket(), rtcp: socket() };
            let open = OpenPort { kind: Kind::Audio, owner: 0 };
            legs.insert(Box::new(Leg::new(PortId(id), open, pair, now)));
        }
        legs
    }

    fn peer(legs: &mut Legs, id: u64) -> Option<u64> {
        match legs.get(PortId(id))?.role {
            Role::Relay { peer, .. } => Some(peer.0),
            _ => None,
        }
    }

    #[test]
    fn joining_a_leg_to_a_third_lets_the_second_rest() {
        let mut legs = legs(3);
        legs.join(PortId(0), PortId(1));
        legs.join(PortId(0), PortId(2));
        assert_eq!([0, 1, 2].map(|id| peer(&mut legs, id)), [Some(2), None, Some(0)]);
    }

    #[test]
    fn removing_a_leg_lets_its_peer_rest_and_its_place_is_used_again() {
        let mut legs = legs(2);
        legs.join(PortId(0), PortId(1));
        let slot = legs.slot(PortId(0)).unwrap();
        let mut leg = legs.remove(PortId(0)).unwrap();
        assert_eq!(peer(&mut legs, 1), None);
        assert!(legs.get(PortId(0)).is_none());
        leg.id = PortId(9);
        assert_eq!(legs.insert(leg), slot);
    }
}
