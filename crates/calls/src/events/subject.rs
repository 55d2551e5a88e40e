//! What somebody watches, and who it is that watches.

use std::sync::Arc;

use model::{BareJid, LineId};

use super::Package;
use crate::dialplan::Resolution;
use crate::shard::desk::Desk;
use crate::shard::mailbox::{Input, Watch};

/// What somebody watches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    /// The user, unless it is a line without owner.
    pub user: Option<BareJid>,
    /// The lines.
    pub lines: Vec<LineId>,
    /// The resource as a URI.
    pub entity: String,
    /// What is shown of it.
    pub shows: Shows,
}

/// What a subject shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shows {
    /// What its lines do.
    Lines,
    /// How available the person is.
    Person,
}

/// Who watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watcher {
    pub line: LineId,
    pub user: Option<BareJid>,
}

/// What a number or name of ours stands for; `Err` is the status that refuses.
pub(super) fn find(package: Package, user: &str, desk: &Desk<'_>) -> Result<Subject, u16> {
    let Resolution::Lines(reached) = desk.rooms.plan.load().resolve(user) else { return Err(404) };
    if package == Package::Presence && reached.user.is_none() {
        return Err(404);
    }
    let shows = match package {
        Package::Dialog => Shows::Lines,
        Package::Presence => Shows::Person,
    };
    Ok(Subject { user: reached.user, lines: reached.lines, entity: desk.address(user), shows })
}

/// For each of these: may the watcher see it, or (`Err`) whose roster decides?
pub(super) fn asked<'a>(
    watcher: &Watcher,
    subjects: impl Iterator<Item = &'a Subject>,
) -> Vec<Result<bool, BareJid>> {
    subjects.map(|subject| plain(watcher, subject)).collect()
}

/// Decides who may see what: at once when that is plain, else by the rosters of the presentities (`PS-11`); the
/// answer comes as [`Input::MayWatch`].
pub(super) fn decide(
    watcher: Option<BareJid>,
    asked: Vec<Result<bool, BareJid>>,
    what: Watch,
    desk: &Desk<'_>,
) {
    let mailbox = Arc::clone(desk.mailbox);
    let Some(watcher) = watcher.filter(|_| asked.iter().any(Result::is_err)) else {
        let allowed = asked.into_iter().map(|plain| plain.unwrap_or(false)).collect();
        return mailbox.put(Input::MayWatch(what, allowed));
    };
    let store = desk.rooms.store.clone();
    desk.rooms.runtime.spawn_session(async move {
        let mut allowed = Vec::with_capacity(asked.len());
        for one in asked {
            allowed.push(match one {
                Ok(plain) => plain,
                Err(user) => presence::may_watch(&store, &watcher, &user).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "a roster could not be read: the watcher sees nothing");
                    false
                }),
            });
        }
        mailbox.put(Input::MayWatch(what, allowed));
    });
}

/// May they, when no roster needs to be asked? `Err` is whose roster decides.
fn plain(watcher: &Watcher, subject: &Subject) -> Result<bool, BareJid> {
    match (&watcher.user, &subject.user) {
        // A line without owner is a room's or a lobby's: everybody of the house may see it.
        (_, None) => Ok(true),
        (Some(watcher), Some(user)) if watcher == user => Ok(true),
        (None, Some(_)) => Ok(false),
        (Some(_), Some(user)) => Err(user.clone()),
    }
}
