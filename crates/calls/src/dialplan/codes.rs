//! Forced authorisation codes and client matter codes (`CC-20`).

use model::plan::Codes;

/// The codes that a caller has keyed in.
#[derive(Clone, Copy, Default)]
pub struct Keyed<'a> {
    /// The authorisation code.
    pub authorization: Option<&'a str>,
    /// The client matter code.
    pub matter: Option<&'a str>,
}

impl std::fmt::Debug for Keyed<'_> {
    /// Codes are as good as passwords: never shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyed({}, {})", self.authorization.is_some(), self.matter.is_some())
    }
}

/// What a route asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedsCode {
    /// An authorisation code of at least this level.
    pub authorization_level: Option<u8>,
    /// A client matter code.
    pub matter: bool,
}

/// Why a code does not do; the caller hears the reorder tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeRefused {
    /// Nobody has this authorisation code.
    #[error("there is no such authorisation code")]
    UnknownAuthorization,
    /// It allows less than this.
    #[error("the authorisation code does not allow this call")]
    LevelTooLow,
    /// There is no such client matter code.
    #[error("there is no such client matter code")]
    UnknownMatter,
}

/// Verifies the codes that a route asks for: `Ok(None)` when all are there and right, else what is still needed.
///
/// # Errors
/// A code is wrong.
pub fn verify(codes: &Codes, needs: NeedsCode, keyed: Keyed<'_>) -> Result<Option<NeedsCode>, CodeRefused> {
    let mut missing = NeedsCode { authorization_level: None, matter: false };
    match (needs.authorization_level, keyed.authorization) {
        (Some(level), Some(code)) => {
            let known =
                codes.authorization.iter().filter(|known| known.code == code).map(|known| known.level).max();
            let allowed = known.ok_or(CodeRefused::UnknownAuthorization)?;
            if allowed < level {
                return Err(CodeRefused::LevelTooLow);
            }
        }
        (level, _) => missing.authorization_level = level,
    }
    match (needs.matter, keyed.matter) {
        (true, Some(code)) if !codes.matter.iter().any(|known| known.code == code) => {
            return Err(CodeRefused::UnknownMatter);
        }
        (true, None) => missing.matter = true,
        _ => {}
    }
    Ok((missing.authorization_level.is_some() || missing.matter).then_some(missing))
}

#[cfg(test)]
mod tests {
    use model::plan::{AuthorizationCode, MatterCode};

    use super::*;

    fn codes() -> Codes {
        let authorization =
            |name: &str, code: &str, level| AuthorizationCode { name: name.into(), code: code.into(), level };
        Codes {
            authorization: vec![authorization("ann", "4711", 5), authorization("bob", "0815", 2)],
            matter: vec![MatterCode { name: "ACME".into(), code: "77".into() }],
        }
    }

    fn check(
        level: Option<u8>,
        matter: bool,
        keyed: (Option<&str>, Option<&str>),
    ) -> Result<bool, CodeRefused> {
        let keyed = Keyed { authorization: keyed.0, matter: keyed.1 };
        verify(&codes(), NeedsCode { authorization_level: level, matter }, keyed)
            .map(|missing| missing.is_none())
    }

    #[test]
    fn a_code_of_a_high_enough_level_opens_the_route() {
        assert_eq!(check(Some(3), false, (None, None)), Ok(false));
        assert_eq!(check(Some(3), false, (Some("4711"), None)), Ok(true));
        assert_eq!(check(Some(3), false, (Some("0815"), None)), Err(CodeRefused::LevelTooLow));
        assert_eq!(check(Some(1), false, (Some("9"), None)), Err(CodeRefused::UnknownAuthorization));
    }

    #[test]
    fn a_route_may_ask_for_both_codes() {
        assert_eq!(check(Some(3), true, (Some("4711"), None)), Ok(false));
        assert_eq!(check(Some(3), true, (Some("4711"), Some("77"))), Ok(true));
        assert_eq!(check(None, true, (None, Some("78"))), Err(CodeRefused::UnknownMatter));
    }

    #[test]
    fn codes_are_never_shown() {
        assert_eq!(
            format!("{:?}", Keyed { authorization: Some("4711"), matter: None }),
            "Keyed(true, false)"
        );
    }
}
