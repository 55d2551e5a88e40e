//! Who a caller is for others: callers that withhold their number, and lines that take no calls of such callers.
//!
//! Phones are not trusted to say who they are (RFC 3325 §5): the line that has proved itself is who calls, whatever
//! P-Asserted-Identity its INVITE has. A trunk is believed as its settings say. Who withholds the number is nobody
//! to phones and applications; trunks are told by Privacy, rescuers see the number always, and records keep it for
//! administrators.

use model::LineSettings;
use model::plan::LineIdentity;
use sip::{Name, Request, RequestBuilder};

use crate::place::{Caller, Directory};

/// What is shown of a caller who withholds the number.
pub(crate) const ANONYMOUS: &str = "anonymous";
/// The host of an address that is nobody's (RFC 3323 §4.1.1.3).
const ANONYMOUS_HOST: &[u8] = b"anonymous.invalid";

/// What an INVITE says itself: the caller wants to be nobody, or expressly not (RFC 3323 §4.2, RFC 3325 §9.3).
pub(crate) fn asked(invite: &Request) -> Option<bool> {
    let mut said = None;
    for value in invite.headers().all(Name::Privacy).flat_map(|value| value.split(|byte| *byte == b';')) {
        let value = value.trim_ascii();
        let is = |token: &[u8]| value.eq_ignore_ascii_case(token);
        if is(b"id") || is(b"user") {
            return Some(true);
        }
        if is(b"none") {
            said = Some(false);
        }
    }
    // RFC 3323 §4.1: a phone that is anonymous by itself need not ask for anything.
    let hides =
        invite.headers().from().is_ok_and(|from| from.uri().host().eq_ignore_ascii_case(ANONYMOUS_HOST));
    said.or_else(|| hides.then_some(true))
}

/// How a caller who was authenticated is shown, before any code is looked at.
pub(crate) fn settle(caller: &mut Caller, invite: &Request, directory: &dyn Directory) {
    if let Some(line) = &caller.line {
        caller.withheld = asked(invite).unwrap_or_else(|| directory.withholds(line));
    }
}

/// Does a line withhold its number, unless a code or the INVITE says otherwise?
pub(crate) fn withholds(said: LineIdentity, own: Option<&LineSettings>) -> bool {
    own.and_then(|own| own.withhold_number).or(said.withhold).unwrap_or(false)
}

/// Does a line take no calls of whoever withholds the number (RFC 5079)?
pub(crate) fn rejects_anonymous(said: LineIdentity, own: Option<&LineSettings>) -> bool {
    own.and_then(|own| own.reject_anonymous).or(said.reject_anonymous).unwrap_or(false)
}

/// What a trunk is told of the caller's wish: Privacy as it came, or as a code or the line's settings have it
/// (RFC 3325 §9.3).
pub(crate) fn privacy(builder: RequestBuilder, caller: &Caller, invite: Option<&Request>) -> RequestBuilder {
    let asked = invite.and_then(asked);
    let came = invite.filter(|invite| invite.headers().has(Name::Privacy) && asked == Some(caller.withheld));
    match came {
        Some(invite) => builder.copy(invite.headers(), Name::Privacy),
        None if caller.withheld => builder.header(Name::Privacy, "id"),
        None => builder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::Method;

    fn invite(headers: &[(Name, &str)]) -> Request {
        let mut request = RequestBuilder::new(Method::Invite, b"sip:1002@example.org");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.finish()
    }

    #[test]
    fn an_invite_says_that_its_caller_is_nobody_in_four_ways() {
        for value in ["id", "user;critical", "header; ID", "session;user"] {
            assert_eq!(asked(&invite(&[(Name::Privacy, value)])), Some(true), "{value}");
        }
        let from = "\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1";
        assert_eq!(asked(&invite(&[(Name::From, from)])), Some(true));
        assert_eq!(asked(&invite(&[(Name::From, from), (Name::Privacy, "none")])), Some(false));
        assert_eq!(asked(&invite(&[(Name::From, "<sip:1001@example.org>;tag=1")])), None);
        assert_eq!(
            asked(&invite(&[(Name::Privacy, "header")])),
            None,
            "what a back-to-back user agent does anyway"
        );
    }

    #[test]
    fn the_users_word_goes_before_the_plans() {
        let plan = LineIdentity { withhold: Some(true), reject_anonymous: None };
        let own = LineSettings {
            withhold_number: Some(false),
            reject_anonymous: Some(true),
            ..LineSettings::default()
        };
        assert!(withholds(plan, None) && !withholds(plan, Some(&own)));
        assert!(!rejects_anonymous(plan, None) && rejects_anonymous(plan, Some(&own)));
    }

    #[test]
    fn a_trunk_hears_what_the_caller_wants_now() {
        let caller = |withheld| Caller { withheld, number: "1001".to_owned(), ..Caller::nobody() };
        let said = |withheld, asked: Option<&Request>| {
            let builder = RequestBuilder::new(Method::Invite, b"sip:1@example.org");
            let request = privacy(builder, &caller(withheld), asked).finish();
            request.headers().first(Name::Privacy).map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let (hidden, shown) = (invite(&[(Name::Privacy, "id;user")]), invite(&[(Name::Privacy, "none")]));
        assert_eq!(said(true, Some(&hidden)).as_deref(), Some("id;user"));
        assert_eq!(said(true, None).as_deref(), Some("id"));
        assert_eq!(said(true, Some(&shown)).as_deref(), Some("id"), "a code goes before what the phone says");
        assert_eq!(said(false, Some(&shown)).as_deref(), Some("none"));
        assert_eq!(said(false, Some(&hidden)), None);
    }
}
