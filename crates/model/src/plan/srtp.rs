//! Whether the media of a phone or a trunk is secret (SRTP).

use serde::{Deserialize, Serialize};

/// What holds for the media of a leg.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Srtp {
    /// Always in the clear; whoever insists on SRTP is refused.
    Off,
    /// As the other side wants; over TLS, keys are offered beside plain RTP.
    #[default]
    Accepted,
    /// Never in the clear. Calls without TLS, or without keys, are refused.
    Required,
    /// Never in the clear, under keys that are agreed on by DTLS, as browsers do it; offers of the server say so.
    Dtls,
}
