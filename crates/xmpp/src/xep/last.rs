//! Last Activity (XEP-0012): how long ago a user was there, or since when a server runs.

use super::PayloadError;
use crate::Element;

/// The namespace.
pub const NS: &str = "jabber:iq:last";

/// How long ago, and the last words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastActivity {
    /// How long ago, in seconds.
    pub seconds: u64,
    /// The status of the last unavailable presence.
    pub status: Option<String>,
}

impl LastActivity {
    /// The payload of a request.
    pub fn request() -> Element {
        Element::new("query", NS)
    }

    /// Reads a result.
    pub fn from_element(query: &Element) -> Result<Self, PayloadError> {
        let seconds = query.attr("seconds").and_then(|seconds| seconds.parse().ok());
        Ok(Self {
            seconds: seconds.ok_or(PayloadError("last activity without seconds"))?,
            status: Some(query.text()).filter(|status| !status.is_empty()),
        })
    }

    /// The payload of a result.
    pub fn to_element(&self) -> Element {
        let mut query = Self::request().with_attr("seconds", self.seconds.to_string());
        if let Some(status) = &self.status {
            query.push_text(status.as_str());
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_activity_survives_the_wire() {
        for status in [None, Some("gone <home>".to_owned())] {
            let last = LastActivity { seconds: 903, status };
            assert_eq!(LastActivity::from_element(&last.to_element()), Ok(last));
        }
        assert!(LastActivity::from_element(&LastActivity::request()).is_err());
    }
}
