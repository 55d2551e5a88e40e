//! User activity (XEP-0108) as a personal event: who watches a user learns that a call goes on, and when it ends.

use bytes::Bytes;
use model::{BareJid, FullJid};

use presence::Activity;
use store::Roster;
use xmpp::xep::{activity, pep};
use xmpp::{Builder, Context};

use super::distant_clients;
use super::presence::watchers;
use crate::sessions::{Interests, Seat};
use crate::{About, Im, Spec};

/// What this feature is. Clients ask for it by `+notify` in their capabilities (XEP-0163 §4.3.1).
pub const ABOUT: About = About {
    name: "activity",
    specs: &[Spec::xep(108, "1.3"), Spec::xep(163, "1.2.2")],
    disco: &[],
    account: &[activity::NS],
};

/// Everybody who watches `user` and asked for activities hears of this one; none means that it is over.
pub(crate) fn broadcast(im: &Im, user: &BareJid, roster: &Roster, what: Option<Activity>) {
    watchers(im, user, roster, |account| {
        let mut event = None;
        let wants =
            |seat: &&std::sync::Arc<Seat>| seat.priority().is_some() && seat.wants_events_of(activity::NS);
        for seat in account.seats().iter().filter(wants) {
            let bytes = event.get_or_insert_with(|| event_bytes(user, account.jid.as_str(), what));
            im.push_bytes(seat, bytes.clone());
        }
    });
    for client in distant_clients::wanting(im, user, roster, activity::NS) {
        im.tell_remote(event_bytes(user, client.as_str(), what));
    }
}

/// A session that asks for activities hears of those that go on (XEP-0163 §4.3.3: the last item on presence).
pub(crate) fn catch_up(im: &Im, seat: &Seat, roster: &Roster) {
    if !seat.wants_events_of(activity::NS) {
        return;
    }
    let contacts =
        roster.items.iter().filter(|item| item.subscription.from_contact()).map(|item| &item.contact);
    for user in contacts.chain(std::iter::once(&seat.account.jid)) {
        if let Some(what) = im.overlay(user).and_then(|overlay| overlay.activity) {
            im.push_bytes(seat, event_bytes(user, seat.account.jid.as_str(), Some(what)));
        }
    }
}

/// The same for a client elsewhere that sees the user.
pub(crate) fn catch_up_distant(im: &Im, user: &BareJid, client: &FullJid, interests: &Interests) {
    if interests.contains(activity::NS)
        && let Some(what) = im.overlay(user).and_then(|overlay| overlay.activity)
    {
        im.tell_remote(event_bytes(user, client.as_str(), Some(what)));
    }
}

fn event_bytes(user: &BareJid, to: &str, what: Option<Activity>) -> Bytes {
    let payload = match what {
        Some(Activity::OnThePhone) => activity::Activity::on_the_phone(),
        Some(Activity::Meeting) => activity::Activity {
            what: Some(("working".to_owned(), Some("in_a_meeting".to_owned()))),
            text: None,
        },
        None => activity::Activity::default(),
    };
    Builder::message(Context::Client)
        .type_("headline")
        .from(user.as_str())
        .to(to)
        .element(&pep::event(activity::NS, "current", payload.to_element()))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_tells_of_the_phone_and_of_its_end() {
        let bob = "bob@x".parse().unwrap();
        let said =
            String::from_utf8(event_bytes(&bob, "ann@x", Some(Activity::OnThePhone)).to_vec()).unwrap();
        assert!(said.contains("<talking><on_the_phone/></talking>"), "{said}");
        let over = String::from_utf8(event_bytes(&bob, "ann@x", None).to_vec()).unwrap();
        assert!(over.contains("<activity xmlns='http://jabber.org/protocol/activity'/>"), "{over}");
    }
}
