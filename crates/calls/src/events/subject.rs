//! What somebody watches, and who it is that watches.

use std::sync::Arc;

use model::plan::Digits;
use model::{BareJid, LineId};

use super::Package;
use super::abroad::Abroad;
use super::policy::{DecidedBy, Question, judge};
use crate::dialplan::{Resolution, Who};
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
    /// Who decides whether it is shown.
    pub decided_by: DecidedBy,
    /// Where it is, when it is behind a trunk.
    pub abroad: Option<Box<Abroad>>,
}

/// What a subject shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shows {
    /// What its lines do.
    Lines,
    /// How available the person is.
    Person,
    /// What lines do on the other side of a trunk.
    Abroad,
}

/// Who watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watcher {
    pub party: Party,
    pub user: Option<BareJid>,
    pub device: Option<Arc<str>>,
}

/// A watcher as the plan knows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    /// One of our lines.
    Line(LineId),
    /// Whoever is on the other side of a trunk.
    Trunk(String),
}

impl Watcher {
    /// The line, when it is one of ours.
    pub(crate) fn line(&self) -> Option<&LineId> {
        match &self.party {
            Party::Line(line) => Some(line),
            Party::Trunk(_) => None,
        }
    }

    /// For the plan.
    pub(super) fn who(&self) -> Who<'_> {
        match &self.party {
            Party::Line(line) => Who::Line(line, self.device.as_deref()),
            Party::Trunk(name) => Who::Trunk(name, Digits::empty()),
        }
    }
}

/// What a number or name of ours stands for to a watcher; `Err` is the status that refuses (`PH-09`: 404, unknown user).
pub(super) fn find(
    package: Package,
    dialled: &str,
    watcher: &Watcher,
    desk: &Desk<'_>,
) -> Result<Subject, u16> {
    let plan = desk.rooms.plan.load();
    let (who, when) = (watcher.who(), desk.now.civil);
    // The phones of a line see what it does on the others, whatever else they may watch (`CC-16`).
    let own = watcher.line().filter(|line| package == Package::Dialog && dialled == line.number.as_str());
    if let Some(line) = own {
        let user = plan.accounts().owner(line).flatten().cloned();
        let (lines, entity) = (vec![line.clone()], desk.address(dialled));
        let (shows, decided_by) = (Shows::Lines, DecidedBy::Administrator);
        return Ok(Subject { user, lines, entity, shows, decided_by, abroad: None });
    }
    let Resolution::Lines(mut reached) = plan.watched(dialled, &who, when) else { return Err(404) };
    let is_number = Digits::dialled(dialled).is_some();
    let had_lines = !reached.lines.is_empty();
    // A name stands for all lines of a user: those are left that may be seen.
    reached.lines.retain(|line| is_number || plan.may_see(&who, line, when));
    if had_lines && reached.lines.is_empty() {
        return Err(404);
    }
    let (shows, decided_by) = judge(Question {
        package,
        is_number,
        is_lamp: watcher
            .line()
            .is_some_and(|line| plan.lamps(line).iter().any(|lamp| lamp.watches == dialled)),
        is_outside: watcher.line().is_none(),
        has_owner: reached.user.is_some(),
        // Groups and call lists alone open no lamps: people decide about their own lines until search spaces do.
        has_policy: plan.plan().has_classes(),
        call_lists: plan.plan().presence.call_lists,
        groups_allow: reached.lines.is_empty() || reached.lines.iter().any(|line| plan.may_list(&who, line)),
    })?;
    let entity = desk.address(dialled);
    Ok(Subject { user: reached.user, lines: reached.lines, entity, shows, decided_by, abroad: None })
}

/// For each of these: may the watcher see it, or (`Err`) whose roster decides? What is not there is not seen.
pub(super) fn asked<'a>(
    watcher: &Watcher,
    subjects: impl Iterator<Item = Option<&'a Subject>>,
) -> Vec<Result<bool, BareJid>> {
    subjects.map(|subject| subject.map_or(Ok(false), |subject| plain(watcher, subject))).collect()
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
        _ if subject.decided_by == DecidedBy::Administrator => Ok(true),
        // A line without owner is a room's or a lobby's: everybody of the house may see it.
        (_, None) => Ok(true),
        (Some(watcher), Some(user)) if watcher == user => Ok(true),
        (None, Some(_)) => Ok(false),
        (Some(_), Some(user)) => Err(user.clone()),
    }
}
