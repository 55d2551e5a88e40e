//! Our side of ICE (RFC 8445): the lite one, which has one address, sends no checks, and answers those of the peer.
//!
//! Sans-IO. A peer behind whatever NAT finds its way to us by itself; where its packets may come from and where ours go is
//! what its checks have proved, and nothing else: addresses in its description count for nothing.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;

use crate::stun::{ANSWER_BYTES_MAX, Answer, Request};

/// Addresses of one peer that are known at a time; the one that was checked longest ago makes room.
const SOURCES_MAX: usize = 8;
/// How long a check allows to send (RFC 7675 §5.1: consent lasts 30 seconds).
const CONSENT: Duration = Duration::from_secs(30);

/// What checks are addressed and proved with (RFC 8839 §5.4): `a=ice-ufrag` and `a=ice-pwd`.
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// The fragment.
    pub fragment: String,
    /// The password.
    pub password: String,
}

/// Characters of a fragment and of a password: 48 and 144 bits (RFC 8839 §5.4 wants at least 24 and 128).
const FRAGMENT_CHARACTERS: usize = 8;
const PASSWORD_CHARACTERS: usize = 24;
/// What both may be made of (RFC 8839 §5.1: ice-char).
const CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl IceCredentials {
    /// The credentials of a line, the `generation`-th time that ICE begins there. Who knows others made of the same seed
    /// cannot guess them.
    pub fn derived(seed: &[u8; 32], line: usize, generation: u32) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, seed);
        let tag = hmac::sign(&key, format!("{line} {generation}").as_bytes());
        let characters = tag.as_ref().iter().map(|byte| char::from(CHARACTERS[usize::from(byte & 63)]));
        let fragment = characters.clone().take(FRAGMENT_CHARACTERS).collect();
        let password = characters.skip(FRAGMENT_CHARACTERS).take(PASSWORD_CHARACTERS).collect();
        Self { fragment, password }
    }
}

/// Passwords are not for logs.
impl std::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceCredentials").field("fragment", &self.fragment).finish_non_exhaustive()
    }
}

/// One leg's agent.
#[derive(Debug)]
pub(crate) struct Agent {
    local: IceCredentials,
    /// Addresses whose checks were genuine, and when the last one was.
    sources: Vec<(SocketAddr, Instant)>,
    /// The one that the peer wants to be used, or the first until it says so.
    selected: Option<SocketAddr>,
    is_nominated: bool,
}

/// What a check leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Bytes of the answer, which goes back to where the check came from.
    pub(crate) answer: usize,
    /// Packets to the peer go elsewhere from now on.
    pub(crate) has_moved: bool,
}

impl Agent {
    /// The checks of the peer come under these credentials of ours.
    pub(crate) fn new(local: IceCredentials) -> Self {
        Self { local, sources: Vec::new(), selected: None, is_nominated: false }
    }

    /// Takes other credentials of ours: ICE begins anew. Packets keep going where they went until another pair is
    /// nominated (RFC 8445 §2.4).
    pub(crate) fn restart(&mut self, local: IceCredentials) {
        if self.local != local {
            self.local = local;
            self.is_nominated = false;
        }
    }

    /// Takes a packet that is STUN. `None`: it is nothing of our peer's, and nobody gets an answer.
    pub(crate) fn check(
        &mut self,
        packet: &[u8],
        source: SocketAddr,
        now: Instant,
        out: &mut [u8; ANSWER_BYTES_MAX],
    ) -> Option<Checked> {
        let request = Request::parse(packet)?;
        let password = self.local.password.as_bytes();
        if request.recipient() != Some(self.local.fragment.as_bytes()) || !request.is_genuine(password) {
            return None;
        }
        let answer = if request.has_unknown() {
            Answer::Unknown
        } else if request.is_controlled {
            // RFC 8445 §6.1.1: the full agent controls; we are lite and never do.
            Answer::RoleConflict
        } else {
            Answer::Source(source)
        };
        let length = request.answer(answer, password, out);
        let is_valid = matches!(answer, Answer::Source(_));
        let has_moved = is_valid && self.validate(source, request.uses_candidate, now);
        Some(Checked { answer: length, has_moved })
    }

    /// A pair is valid; true when packets to the peer go elsewhere from now on.
    fn validate(&mut self, source: SocketAddr, nominates: bool, now: Instant) -> bool {
        match self.sources.iter_mut().find(|(known, _)| *known == source) {
            Some((_, at)) => *at = now,
            None => {
                if self.sources.len() >= SOURCES_MAX {
                    let used = |place: &usize| self.selected == Some(self.sources[*place].0);
                    let unused = (0..self.sources.len()).filter(|place| !used(place));
                    if let Some(oldest) = unused.min_by_key(|place| self.sources[*place].1) {
                        self.sources.swap_remove(oldest);
                    }
                }
                self.sources.push((source, now));
            }
        }
        // The pair nominated last counts (RFC 8445 §8.3.1 leaves a lite agent no other choice): browsers nominate each
        // better pair that they find.
        let takes = nominates || (!self.is_nominated && self.selected.is_none());
        self.is_nominated |= nominates;
        let has_moved = takes && self.selected != Some(source);
        if takes {
            self.selected = Some(source);
        }
        has_moved
    }

    /// Whom checks for us name.
    pub(crate) fn fragment(&self) -> &str {
        &self.local.fragment
    }

    /// Where packets to the peer go.
    pub(crate) fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    /// Has this address proved to be the peer's?
    pub(crate) fn knows(&self, source: SocketAddr) -> bool {
        self.sources.iter().any(|(known, _)| *known == source)
    }

    /// Forgets addresses that were not checked for so long that the peer may not want packets there any more (RFC 7675);
    /// true when that was the one in use.
    pub(crate) fn lapse(&mut self, now: Instant) -> bool {
        self.sources.retain(|(_, at)| now.saturating_duration_since(*at) < CONSENT);
        let has_lapsed = self.selected.is_some_and(|selected| !self.knows(selected));
        if has_lapsed {
            self.selected = None;
            self.is_nominated = false;
        }
        has_lapsed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stun::tests::{CONTROLLED, NOMINATION, check};

    const PASSWORD: &[u8] = b"a-password-of-22-chars";

    fn agent() -> Agent {
        Agent::new(credentials("ours"))
    }

    fn credentials(fragment: &str) -> IceCredentials {
        let password = String::from_utf8(PASSWORD.to_vec()).unwrap();
        IceCredentials { fragment: fragment.to_owned(), password }
    }

    fn start() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn at(port: u16) -> SocketAddr {
        SocketAddr::new([192, 0, 2, 1].into(), port)
    }

    fn take(agent: &mut Agent, packet: &[u8], port: u16, now: Instant) -> Option<Checked> {
        agent.check(packet, at(port), now, &mut [0; ANSWER_BYTES_MAX])
    }

    #[test]
    fn the_first_pair_is_used_until_one_is_nominated_and_then_the_last_nominated() {
        let (mut agent, now) = (agent(), start());
        let (plain, nominating) = (check("ours:t", PASSWORD, &[]), check("ours:t", PASSWORD, &[NOMINATION]));
        assert!(take(&mut agent, &plain, 1, now).unwrap().has_moved);
        assert!(!take(&mut agent, &plain, 2, now).unwrap().has_moved);
        assert_eq!(agent.selected(), Some(at(1)));
        assert!(take(&mut agent, &nominating, 2, now).unwrap().has_moved);
        assert!(!take(&mut agent, &nominating, 2, now).unwrap().has_moved);
        assert!(take(&mut agent, &nominating, 3, now).unwrap().has_moved);
        assert!(!take(&mut agent, &plain, 1, now).unwrap().has_moved);
        assert_eq!(agent.selected(), Some(at(3)));
        assert!(agent.knows(at(1)) && agent.knows(at(2)) && !agent.knows(at(4)));
    }

    #[test]
    fn what_is_not_proved_or_for_another_is_dropped() {
        let (mut agent, now) = (agent(), start());
        for packet in [check("ours:t", b"guessed", &[]), check("others:t", PASSWORD, &[]), vec![0; 20]] {
            assert_eq!(take(&mut agent, &packet, 1, now), None);
        }
        assert!(!agent.knows(at(1)));
    }

    #[test]
    fn a_peer_that_believes_to_be_controlled_is_told_otherwise() {
        let (mut agent, now) = (agent(), start());
        let mut out = [0; ANSWER_BYTES_MAX];
        let packet = check("ours:t", PASSWORD, &[CONTROLLED]);
        assert!(!agent.check(&packet, at(1), now, &mut out).unwrap().has_moved);
        assert_eq!((out[..2].to_vec(), out[26..28].to_vec()), (vec![1, 0x11], vec![4, 87]));
        assert!(!agent.knows(at(1)));
    }

    #[test]
    fn consent_ends_without_checks() {
        let (mut agent, now) = (agent(), start());
        let packet = check("ours:t", PASSWORD, &[NOMINATION]);
        take(&mut agent, &packet, 1, now).unwrap();
        assert!(!agent.lapse(now + Duration::from_secs(29)));
        take(&mut agent, &packet, 1, now + Duration::from_secs(29)).unwrap();
        assert!(!agent.lapse(now + Duration::from_secs(58)));
        assert!(agent.lapse(now + Duration::from_secs(59)));
        assert_eq!((agent.selected(), agent.knows(at(1))), (None, false));
        assert!(take(&mut agent, &packet, 1, now + Duration::from_secs(60)).unwrap().has_moved);
    }

    #[test]
    fn after_a_restart_packets_go_on_until_another_pair_is_nominated() {
        let (mut agent, now) = (agent(), start());
        take(&mut agent, &check("ours:t", PASSWORD, &[NOMINATION]), 1, now).unwrap();
        agent.restart(credentials("anew"));
        assert_eq!(take(&mut agent, &check("ours:t", PASSWORD, &[NOMINATION]), 2, now), None);
        assert!(!take(&mut agent, &check("anew:t", PASSWORD, &[]), 2, now).unwrap().has_moved);
        assert_eq!(agent.selected(), Some(at(1)));
        assert!(take(&mut agent, &check("anew:t", PASSWORD, &[NOMINATION]), 2, now).unwrap().has_moved);
    }

    #[test]
    fn credentials_differ_by_line_and_generation_and_are_long_enough() {
        let all: Vec<IceCredentials> = (0..3)
            .flat_map(|line| (0..3).map(move |at| IceCredentials::derived(&[7; 32], line, at)))
            .collect();
        for (at, one) in all.iter().enumerate() {
            assert_eq!((one.fragment.len(), one.password.len()), (8, 24));
            assert!(
                all[..at]
                    .iter()
                    .all(|other| other.fragment != one.fragment && other.password != one.password)
            );
        }
        assert_ne!(all[0], IceCredentials::derived(&[8; 32], 0, 0));
    }

    proptest! {
        #[test]
        fn the_selected_address_is_always_known_and_few_are(
            checks in prop::collection::vec((1_u16..40, any::<bool>(), 0_u64..9), 1..100)
        ) {
            let (mut agent, mut now) = (agent(), start());
            for (port, nominates, seconds) in checks {
                now += Duration::from_secs(seconds);
                let more: &[(u16, &[u8])] = if nominates { &[NOMINATION] } else { &[] };
                take(&mut agent, &check("ours:t", PASSWORD, more), port, now).unwrap();
                prop_assert!(agent.selected().is_some_and(|selected| agent.knows(selected)));
                prop_assert!(agent.sources.len() <= SOURCES_MAX);
                agent.lapse(now);
                prop_assert!(agent.selected().is_none_or(|selected| agent.knows(selected)));
            }
        }
    }
}
