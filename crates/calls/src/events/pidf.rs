//! Presence documents: PIDF (RFC 3863) with the activities of RPID (RFC 4480), written and read.

use model::Timestamp;
use presence::{Activity, Observed, Presence, State};

use super::dialog_info::LineView;
use super::xml::{Tag, push_escaped, tags};

/// The longest presence document that is read, in bytes.
pub(super) const DOCUMENT_BYTES_MAX: usize = 16 * 1024;

/// Writes a user's presence; `None` shows an offline user, and no more than that.
pub(super) fn write(entity: &str, presence: Option<&Presence>, now: Timestamp) -> String {
    let mut out = String::with_capacity(640);
    out.push_str(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
         xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" \
         entity=\"",
    );
    push_escaped(&mut out, entity);
    out.push_str("\">\r\n<tuple id=\"user\"><status><basic>");
    let state = presence.map_or(State::Offline, |presence| presence.state);
    out.push_str(if is_open(presence) { "open" } else { "closed" });
    out.push_str("</basic></status><contact>");
    push_escaped(&mut out, entity);
    out.push_str("</contact><note>");
    let status = presence.and_then(|presence| presence.status.as_deref()).filter(|status| !status.is_empty());
    push_escaped(&mut out, status.unwrap_or_else(|| state.words()));
    out.push_str("</note><timestamp>");
    out.push_str(&now.to_string());
    out.push_str("</timestamp></tuple>\r\n");
    if let Some(presence) = presence {
        push_person(&mut out, presence);
    }
    out.push_str("</presence>\r\n");
    out
}

/// Writes what a line does, for whoever watches lines with this package (`PH-04`): idle and busy are open, unknown is
/// closed.
pub(super) fn write_line(entity: &str, view: &LineView, now: Timestamp) -> String {
    let presence = Presence {
        state: if view.is_busy() { State::OnThePhone } else { State::Available },
        status: None,
        activity: view.is_busy().then_some(Activity::OnThePhone),
        reason: presence::Reason::NothingSignedIn,
        reachable_by_phone: true,
        reachable_by_chat: false,
    };
    write(entity, view.is_known.then_some(&presence), now)
}

/// Open: somebody can be reached, by voice or by chat.
fn is_open(presence: Option<&Presence>) -> bool {
    presence.is_some_and(|presence| {
        presence.state != State::Offline || presence.reachable_by_phone || presence.reachable_by_chat
    })
}

fn push_person(out: &mut String, presence: &Presence) {
    let activity = match (presence.activity, presence.state) {
        (Some(Activity::OnThePhone), _) => Some("on-the-phone"),
        (Some(Activity::Meeting), _) => Some("meeting"),
        (None, State::Busy | State::DoNotDisturb) => Some("busy"),
        (None, State::OutOfOffice | State::Idle) => Some("away"),
        (None, _) => None,
    };
    out.push_str("<dm:person id=\"person\">");
    if let Some(activity) = activity {
        out.push_str("<rpid:activities><rpid:");
        out.push_str(activity);
        out.push_str("/></rpid:activities>");
    }
    out.push_str("<dm:note>");
    push_escaped(out, presence.state.words());
    out.push_str("</dm:note></dm:person>\r\n");
}

/// What the document of another server says of a line: closed is unknown, open is idle or, with such an activity, busy.
/// `None` when it is no presence document.
pub(super) fn read_line(document: &[u8]) -> Option<LineView> {
    let text = std::str::from_utf8(document).ok().filter(|text| text.len() <= DOCUMENT_BYTES_MAX)?;
    let mut all = tags(text);
    matches!(all.next()?, Tag::Start("presence", _) | Tag::Empty("presence")).then_some(())?;
    let (mut is_open, mut is_busy) = (false, false);
    for tag in all {
        match tag {
            Tag::Start("basic", text) => is_open |= text.trim() == "open",
            Tag::Empty("on-the-phone" | "busy") | Tag::Start("on-the-phone" | "busy", _) => is_busy = true,
            _ => {}
        }
    }
    Some(if is_open || is_busy { LineView::simple(is_busy) } else { LineView::default() })
}

/// What a published document says; `None` when it is no presence document.
pub(super) fn read(document: &[u8]) -> Option<Observed> {
    let document = std::str::from_utf8(document).ok().filter(|text| text.len() <= DOCUMENT_BYTES_MAX)?;
    let mut all = tags(document);
    match all.next()? {
        Tag::Start("presence", _) | Tag::Empty("presence") => {}
        _ => return None,
    }
    let (mut open, mut activity, mut inside, mut ended) = (None, None, false, false);
    for tag in all {
        match tag {
            Tag::Start("basic", text) if text.trim() == "open" => open = Some(true),
            Tag::Start("basic", text) if text.trim() == "closed" => open = open.or(Some(false)),
            Tag::Start("activities", _) => inside = true,
            Tag::End("activities") => inside = false,
            Tag::Start(name, _) | Tag::Empty(name) if inside => activity = activity.or(observed(name)),
            Tag::End("presence") => ended = true,
            _ => {}
        }
    }
    if !ended {
        return None;
    }
    // RFC 4480 §3.2: activities say more than open and closed.
    Some(activity.unwrap_or(match open {
        Some(false) => Observed::Closed,
        _ => Observed::Available,
    }))
}

fn observed(activity: &str) -> Option<Observed> {
    Some(match activity {
        "on-the-phone" => Observed::InCall,
        "meeting" | "appointment" | "presentation" => Observed::Meeting,
        "busy" => Observed::Busy,
        "away" | "vacation" | "holiday" | "permanent-absence" => Observed::OutOfOffice,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use presence::Reason;

    fn on_the_phone() -> Presence {
        Presence {
            state: State::OnThePhone,
            status: None,
            activity: Some(Activity::OnThePhone),
            reason: Reason::NothingSignedIn,
            reachable_by_phone: true,
            reachable_by_chat: false,
        }
    }

    #[test]
    fn a_user_on_the_phone_is_open_with_that_activity() {
        let text = write("sip:bob@example.org", Some(&on_the_phone()), Timestamp(0));
        for part in ["<basic>open</basic>", "<rpid:on-the-phone/>", "<note>On the phone</note>"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(read(text.as_bytes()), Some(Observed::InCall));
    }

    #[test]
    fn who_may_not_see_is_shown_somebody_offline() {
        let text = write("sip:bob@example.org", None, Timestamp(0));
        assert!(
            text.contains("<basic>closed</basic>") && text.contains("Offline") && !text.contains("person")
        );
    }

    #[test]
    fn published_documents_are_understood() {
        let with = |inside: &str| format!("<?xml version='1.0'?>\n<presence xmlns='x'>{inside}</presence>");
        for (inside, expected) in [
            ("<tuple id='a'><status><basic>open</basic></status></tuple>", Observed::Available),
            ("<tuple id='a'><status><basic>closed</basic></status></tuple>", Observed::Closed),
            ("<dm:person><rp:activities><rp:busy/></rp:activities></dm:person>", Observed::Busy),
            ("<tuple/>", Observed::Available),
        ] {
            assert_eq!(read(with(inside).as_bytes()), Some(expected), "{inside}");
        }
        for bad in ["", "hello", "<x/>", "<presence><tuple>", "<!DOCTYPE a><presence></presence>"] {
            assert_eq!(read(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn what_another_server_says_of_a_line_is_understood() {
        for view in [LineView::default(), LineView::simple(false), LineView::simple(true)] {
            let read = read_line(write_line("sip:2001@h", &view, Timestamp(0)).as_bytes()).unwrap();
            assert_eq!((read.is_known, read.is_busy()), (view.is_known, view.is_busy()));
        }
        assert_eq!(read_line(b"<dialog-info/>"), None);
    }
}
