//! One-time links: each signs one browser in, once, within its time.

use std::collections::VecDeque;
use std::time::Instant;

use parking_lot::Mutex;
use subtle::ConstantTimeEq;

use crate::limits::LINKS_MAX;

/// The links that were given out and not used.
#[derive(Default)]
pub(crate) struct Links(Mutex<VecDeque<(String, Instant)>>);

impl Links {
    /// Adds a link that is good until `expires`.
    pub(crate) fn add(&self, token: String, expires: Instant) {
        let mut links = self.0.lock();
        if links.len() >= LINKS_MAX {
            links.pop_front();
        }
        links.push_back((token, expires));
    }

    /// Uses a link up; true when it was good.
    pub(crate) fn redeem(&self, token: &str, now: Instant) -> bool {
        let mut links = self.0.lock();
        links.retain(|(_, expires)| now < *expires);
        let place = links.iter().position(|(known, _)| bool::from(known.as_bytes().ct_eq(token.as_bytes())));
        place.and_then(|place| links.remove(place)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[test]
    fn a_link_is_good_once() {
        let (links, now) = (Links::default(), now());
        links.add("one".to_owned(), now + Duration::from_secs(60));
        assert!(!links.redeem("two", now));
        assert!(links.redeem("one", now));
        assert!(!links.redeem("one", now));
    }

    #[test]
    fn a_link_is_good_for_its_time() {
        let (links, now) = (Links::default(), now());
        links.add("one".to_owned(), now + Duration::from_secs(60));
        assert!(!links.redeem("one", now + Duration::from_secs(60)));
    }

    #[test]
    fn only_so_many_links_are_good_at_a_time() {
        let (links, now) = (Links::default(), now());
        for number in 0..=LINKS_MAX {
            links.add(number.to_string(), now + Duration::from_secs(60));
        }
        assert!(!links.redeem("0", now));
        assert!(links.redeem("1", now));
    }
}
