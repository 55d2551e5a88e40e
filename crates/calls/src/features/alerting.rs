//! What a caller may say to the phone that is called, beside the call itself: what it is about, how urgent, how it rings.
//!
//! Phones take their user's word for some of it and answer by themselves, so not everything goes on.

use bytes::Bytes;
use sip::{Name, NameAddr, Request, RequestBuilder};

use crate::place::Caller;

/// What goes on as it came.
const PLAIN: [Name; 1] = [Name::Priority];
/// What tells who calls (RFC 3323 §5.3), beside Call-Info.
const PERSONAL: [Name; 2] = [Name::Subject, Name::Organization];
/// Signals by what they mean (RFC 7462 §7), not by a text or an address.
const SIGNAL: &[u8] = b"urn:alert:";
/// What Call-Info may be for (RFC 3261 §20.9).
const PURPOSES: [&[u8]; 3] = [b"icon", b"info", b"card"];

/// Adds what of the caller's INVITE the called phone gets. `rings_as_we_say`: how it alerts is said by the server.
pub(crate) fn passed_on(
    mut builder: RequestBuilder,
    (caller, invite): (&Caller, &Request),
    rings_as_we_say: bool,
) -> RequestBuilder {
    let headers = invite.headers();
    for name in PLAIN {
        builder = builder.copy(headers, name);
    }
    if !caller.withheld {
        for name in PERSONAL {
            builder = builder.copy(headers, name);
        }
    }
    // Whoever is outside has nothing to say of the phones of this house.
    if rings_as_we_say || caller.trunk.is_some() {
        return builder;
    }
    for value in addresses(invite, Name::AlertInfo).filter_map(|value| signal(&value)) {
        builder = builder.header(Name::AlertInfo, &value);
    }
    if !caller.withheld {
        for value in addresses(invite, Name::CallInfo).filter_map(|value| information(&value)) {
            builder = builder.header(Name::CallInfo, &value);
        }
    }
    builder
}

/// What is no address, such as `Auto Answer`, is left out.
fn addresses(invite: &Request, name: Name) -> impl Iterator<Item = NameAddr> {
    let headers = invite.headers();
    headers.elements(name).filter_map(|value| NameAddr::parse(headers.share(value)).ok())
}

/// A value of Alert-Info that can only make a phone ring.
// COMPAT: Yealink, Grandstream, Polycom, Mitel: `info=alert-autoanswer` and texts of the phone's own settings, in the
// address or behind it, have the phone answer by itself.
fn signal(value: &NameAddr) -> Option<Bytes> {
    let uri = value.uri().as_bytes();
    let is_signal = uri.get(..SIGNAL.len()).is_some_and(|start| start.eq_ignore_ascii_case(SIGNAL));
    is_signal.then(|| [b"<", uri, b">"].concat().into())
}

/// A value of Call-Info that only tells about the caller.
// COMPAT: Snom, Grandstream, Fanvil, baresip: `answer-after` has the phone answer by itself.
fn information(value: &NameAddr) -> Option<Bytes> {
    let purpose = value.params().value(b"purpose")?;
    let purpose = PURPOSES.into_iter().find(|known| known.eq_ignore_ascii_case(purpose))?;
    Some([b"<", value.uri().as_bytes(), b">;purpose=", purpose].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::Method;

    fn passed(name: Name, value: &str) -> Vec<String> {
        passed_of(&Caller::nobody(), name, value)
    }

    fn passed_of(caller: &Caller, name: Name, value: &str) -> Vec<String> {
        let builder = || RequestBuilder::new(Method::Invite, b"sip:1002@example.org");
        let invite = builder().header(name, value).finish();
        let passed = passed_on(builder(), (caller, &invite), false).finish();
        passed.headers().all(name).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    }

    #[test]
    fn signals_are_passed_on_without_what_stands_behind_them() {
        let value = "<urn:alert:priority:high>;info=alert-autoanswer, <URN:alert:source:external>";
        let signals = ["<urn:alert:priority:high>", "<URN:alert:source:external>"];
        assert_eq!(passed(Name::AlertInfo, value), signals);
    }

    #[test]
    fn what_phones_may_take_for_auto_answer_is_not_passed_on() {
        let makes = [
            "<http://example.org>;info=alert-autoanswer;delay=0",
            "info=alert-autoanswer",
            "Auto Answer",
            "<http://example.org/intercom>",
            "<urn:x-alert:auto>",
            ";info=ring-answer",
            "",
        ];
        for value in makes {
            assert_eq!(passed(Name::AlertInfo, value), [""; 0], "{value}");
        }
        for value in
            ["<sip:example.org>;answer-after=0", "<sip:a>;Answer-After=0;purpose=x", "answer-after=0"]
        {
            assert_eq!(passed(Name::CallInfo, value), [""; 0], "{value}");
        }
    }

    #[test]
    fn pictures_and_cards_are_passed_on_alone() {
        let value = "<http://example.org/ann.png>;answer-after=0;purpose=ICON";
        assert_eq!(passed(Name::CallInfo, value), ["<http://example.org/ann.png>;purpose=icon"]);
    }

    #[test]
    fn whoever_is_nobody_says_nothing_of_himself() {
        let nobody = Caller { withheld: true, ..Caller::nobody() };
        for (name, value) in [
            (Name::CallInfo, "<http://example.org/ann.png>;purpose=icon"),
            (Name::Subject, "Ann calls"),
            (Name::Organization, "Ann and sons"),
        ] {
            assert_eq!(passed(name, value), [value]);
            assert_eq!(passed_of(&nobody, name, value), [""; 0], "{name:?}");
        }
        assert_eq!(passed_of(&nobody, Name::Priority, "urgent"), ["urgent"]);
    }
}
