//! A point in civil time, in microseconds since 1970-01-01 UTC (`PS-16`: UTC everywhere).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Microseconds since 1970-01-01T00:00:00Z. Shown as XEP-0082 and RFC 3339 want it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Timestamp(pub i64);

/// The text is not an RFC 3339 date and time with a zone.
#[derive(Debug, thiserror::Error)]
#[error("not a date and time such as 2026-11-20T09:30:00Z")]
pub struct TimestampError;

impl Timestamp {
    /// This time moved later by `by`.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Whole seconds since the epoch.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    fn civil(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// Hours and minutes in UTC, as in "since 10:41".
    pub fn hour_and_minute(self) -> String {
        self.civil().strftime("%H:%M").to_string()
    }
}

impl fmt::Display for Timestamp {
    /// `2026-11-20T09:30:00.123456Z` (XEP-0082 §3.2).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.civil().strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, TimestampError> {
        text.parse()
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        text.parse::<jiff::Timestamp>().map(|t| Self(t.as_microsecond())).map_err(|_| TimestampError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_writing_and_reading() {
        let time = Timestamp(1_795_166_999_123_456);
        assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
    }

    #[test]
    fn zones_are_brought_to_utc() {
        let zoned: Timestamp = "2026-11-20T10:41:00+01:00".parse().unwrap();
        assert_eq!(zoned.to_string(), "2026-11-20T09:41:00.000000Z");
        assert_eq!(zoned.hour_and_minute(), "09:41");
    }
}
