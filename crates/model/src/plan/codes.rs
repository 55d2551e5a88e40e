//! Forced authorisation codes and client matter codes (`CC-20`).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The codes that callers key in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Codes {
    /// Authorisation codes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization: Vec<AuthorizationCode>,
    /// Client matter codes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub matter: Vec<MatterCode>,
}

/// A code that allows calls up to a level. It is as good as a password, so it is never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorizationCode {
    /// Whose it is, for the call record.
    pub name: String,
    /// What is keyed in.
    pub code: String,
    /// What it allows.
    pub level: u8,
}

/// A code that says for whom a call is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatterCode {
    /// For whom.
    pub name: String,
    /// What is keyed in.
    pub code: String,
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationCode")
            .field("name", &self.name)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authorisation_code_is_never_shown() {
        let code = AuthorizationCode { name: "ann".into(), code: "4711".into(), level: 3 };
        assert!(!format!("{code:?}").contains("4711"));
    }
}
