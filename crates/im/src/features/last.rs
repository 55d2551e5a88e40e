//! Last activity (XEP-0012): of the server, and of users whom the asker may see.

use std::sync::atomic::Ordering;
use std::time::Duration;

use model::BareJid;
use xmpp::xep::last::LastActivity;
pub(crate) use xmpp::xep::last::NS;
use xmpp::{Condition, Element, StanzaError};

use crate::acceptance::storage_error;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About { name: "last", specs: &[Spec::xep(12, "2.0")], disco: &[NS], account: &[NS] };

/// The server: how long it has been up (XEP-0012 §5).
pub(crate) fn host(im: &Im) -> Result<Option<Element>, StanzaError> {
    Ok(Some(answer(im.uptime(), "")))
}

/// A user: how long ago the last session ended; zero while one is available (XEP-0012 §4). Only for those
/// who may see the user's presence.
pub(crate) async fn account(
    im: &Im,
    asker: &BareJid,
    user: &BareJid,
) -> Result<Option<Element>, StanzaError> {
    let may = presence::may_watch(&im.store, asker, user).await.map_err(|error| storage_error(&error))?;
    if !may {
        return Err(Condition::Forbidden.into());
    }
    if let Some(account) = im.sessions.account(user.as_str()) {
        let available = account.seats();
        if let Some(heard) = available
            .iter()
            .filter(|seat| seat.priority().is_some())
            .map(|seat| seat.last_heard.load(Ordering::Relaxed))
            .max()
        {
            let idle = if asker == user {
                im.uptime().saturating_sub(Duration::from_micros(heard))
            } else {
                Duration::ZERO
            };
            return Ok(Some(answer(idle, "")));
        }
    }
    match im.store.last_activity(user).await.map_err(|error| storage_error(&error))? {
        Some(last) => Ok(Some(answer(im.runtime.timestamp().since(last.at), &last.status))),
        None => Err(Condition::ItemNotFound.into()),
    }
}

fn answer(time: Duration, status: &str) -> Element {
    let status = Some(status.to_owned()).filter(|status| !status.is_empty());
    LastActivity { seconds: time.as_secs(), status }.to_element()
}
