//! Stanza ids (XEP-0359): given before the journal is asked, unique, and rising even when the clock goes back.

use std::fmt;
use std::str::FromStr;

use model::Timestamp;
use parking_lot::Mutex;
use runtime::Runtime;
use uuid::Uuid;

/// The largest step between two ids of the same millisecond; keeps the next one from being guessed.
const STEP_MAX: u128 = 1 << 40;
/// The version and variant bits of a UUID of version 7 (RFC 9562 §5.7).
const VERSION_7: u128 = 0x0000_0000_0000_7000_8000_0000_0000_0000;
/// The random bits beside the version, below the 48 bits of time.
const LOW_BITS: u32 = 62;

/// The id that this server gave a stanza: a UUID of version 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StanzaId(Uuid);

/// The text is not a stanza id of ours.
#[derive(Debug, thiserror::Error)]
#[error("not a stanza id that this server gave")]
pub struct StanzaIdError;

impl StanzaId {
    /// The id in 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id from its 16 bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// An id before all that are given from `at` on.
    pub(crate) fn first_at(at: Timestamp) -> Self {
        let millis = u128::try_from(at.0 / 1_000).unwrap_or(0) & ((1 << 48) - 1);
        Self(Uuid::from_u128(spread(millis << LOW_BITS)))
    }

    /// Writes the id as text into `buffer` without allocating.
    pub fn encode(self, buffer: &mut [u8; 36]) -> &str {
        self.0.as_hyphenated().encode_lower(buffer)
    }
}

impl fmt::Display for StanzaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for StanzaId {
    type Err = StanzaIdError;

    fn from_str(text: &str) -> Result<Self, StanzaIdError> {
        Uuid::try_parse(text).map(Self).map_err(|_| StanzaIdError)
    }
}

/// Gives ids that rise strictly.
#[derive(Debug, Default)]
pub(crate) struct StanzaIds(Mutex<u128>);

impl StanzaIds {
    /// Goes on behind the last id that was kept, whatever the clock says now.
    pub(crate) fn behind(last: Option<StanzaId>) -> Self {
        Self(Mutex::new(last.map_or(0, |last| gathered(last.0.as_u128()))))
    }

    /// The next id. The last one is kept without the version's bits: time above, 62 random bits below.
    pub(crate) fn next(&self, runtime: &Runtime) -> StanzaId {
        let millis = u128::try_from(runtime.timestamp().0 / 1_000).unwrap_or(0) & ((1 << 48) - 1);
        let random = u128::from(runtime.random_u64());
        let fresh = (millis << LOW_BITS) | (random & ((1 << LOW_BITS) - 1));
        let mut last = self.0.lock();
        *last = if fresh > *last && (fresh >> LOW_BITS) > (*last >> LOW_BITS) {
            fresh
        } else {
            *last + 1 + random % STEP_MAX
        };
        StanzaId(Uuid::from_u128(spread(*last)))
    }
}

/// Puts 48 bits of time and 62 others where RFC 9562 §5.7 wants them, keeping their order.
fn spread(value: u128) -> u128 {
    let millis = value >> LOW_BITS;
    let low = value & ((1 << LOW_BITS) - 1);
    (millis << 80) | VERSION_7 | low
}

/// Takes [`spread`] back.
fn gathered(id: u128) -> u128 {
    (id >> 80) << LOW_BITS | (id & ((1 << LOW_BITS) - 1))
}

#[cfg(test)]
mod tests {
    use model::Timestamp;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ids_rise_within_a_millisecond_and_over_time() {
        let runtime = Runtime::simulated(7, Timestamp(1_795_166_999_000_000));
        let ids = StanzaIds::default();
        let mut last = ids.next(&runtime);
        for step in 0..10_000 {
            if step % 100 == 0 {
                runtime.sleep(std::time::Duration::from_millis(1)).await;
            }
            let next = ids.next(&runtime);
            assert!(next > last, "{next} after {last}");
            last = next;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_is_a_uuid_of_version_7_with_the_time_in_front() {
        let runtime = Runtime::simulated(7, Timestamp(1_795_166_999_000_000));
        let id = StanzaIds::default().next(&runtime);
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(u64::from_be_bytes(id.0.as_bytes()[..8].try_into().unwrap()) >> 16, 1_795_166_999_000);
        assert_eq!(id.to_string().parse::<StanzaId>().unwrap(), id);
        assert_eq!(id.encode(&mut [0; 36]), id.to_string());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_goes_back_does_not_bring_back_old_ids() {
        let ids = StanzaIds::default();
        let before = ids.next(&Runtime::simulated(7, Timestamp(2_000_000_000)));
        let after = ids.next(&Runtime::simulated(8, Timestamp(1_000_000_000)));
        assert!(after > before);
    }

    #[tokio::test(start_paused = true)]
    async fn ids_go_on_behind_what_was_kept() {
        let (before, after) = (StanzaIds::default(), Timestamp(1_795_166_999_000_000));
        let kept = before.next(&Runtime::simulated(7, after));
        let ids = StanzaIds::behind(Some(kept));
        let next = ids.next(&Runtime::simulated(8, Timestamp(after.0 - 3_600_000_000)));
        assert!(next > kept && next.as_bytes()[..6] == kept.as_bytes()[..6], "{next} after {kept}");
    }
}
