//! The settings of lines, in the running server: changed by applications and verbs, kept in the store, told to presence.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::{LineChange, LineId, LineSettings, Timestamp};
use presence::{Observation, Observed, Source};

use super::Calls;
use crate::command::{Command, Done, Refusal};
use crate::shard::desk::Rooms;

/// After how long settings are tried to be kept again that could not be.
const KEEP_RETRY: Duration = Duration::from_secs(5);

impl Calls {
    /// What the user of a line has set.
    pub fn line_settings(&self, line: &LineId) -> LineSettings {
        self.rooms.lines.of(line).map_or_else(LineSettings::default, |settings| (*settings).clone())
    }

    /// Changes what the user of a line has set. It holds from now on, and is kept when the future ends.
    ///
    /// # Errors
    /// There is no such line; its calls may not go there; the storage takes no writes.
    pub async fn set_line(&self, line: &LineId, change: &LineChange) -> Result<LineSettings, Refusal> {
        let plan = self.rooms.plan.load_full();
        if plan.accounts().owner(line).is_none() {
            return Err(Refusal::NoSuchLine);
        }
        if let LineChange::Forward { to: Some(to), .. } = change {
            plan.may_forward(line, to, self.rooms.runtime.timestamp())?;
        }
        self.rooms.lines.change(line, change);
        keep(&self.rooms, line).await.map_err(|error| {
            tracing::error!(%line, %error, "the settings of a line could not be kept");
            Refusal::Resources
        })?;
        Ok(self.line_settings(line))
    }

    /// The change that a command asks for; `None` when it asks for something else.
    pub(super) async fn set_by(&self, command: &Command) -> Option<Result<Done, Refusal>> {
        let (line, change) = match command.change() {
            Ok(found) => found?,
            Err(refusal) => return Some(Err(refusal)),
        };
        Some(self.set_line(line, &change).await.map(|_| Done::default()))
    }

    /// Keeps what phones change by dialling, and tells presence who does not want to be disturbed.
    pub(super) fn start_keeping(&self) {
        for line in self.rooms.lines.all() {
            tell(&self.rooms, &line);
        }
        let rooms = Arc::clone(&self.rooms);
        self.rooms.runtime.spawn("line settings", async move {
            loop {
                let changed = tokio::select! {
                    biased;
                    () = rooms.runtime.stopping() => break,
                    changed = rooms.lines.changed() => changed,
                };
                let unkept = keep_all(&rooms, changed).await;
                if !unkept.is_empty() {
                    tokio::select! {
                        biased;
                        () = rooms.runtime.stopping() => {}
                        () = rooms.runtime.sleep(KEEP_RETRY) => {}
                    }
                    rooms.lines.unkept(unkept);
                }
            }
            keep_all(&rooms, rooms.lines.take_unkept()).await;
        });
    }
}

/// Keeps these; gives those that could not be kept.
async fn keep_all(rooms: &Rooms, lines: BTreeSet<LineId>) -> BTreeSet<LineId> {
    let mut unkept = BTreeSet::new();
    for line in lines {
        tell(rooms, &line);
        match keep(rooms, &line).await {
            // A line of the plan alone, or one that has just been removed, keeps nothing.
            Ok(()) | Err(store::Error::NotFound(_)) => {}
            Err(error) => {
                tracing::warn!(%line, %error, "the settings of a line are kept later");
                unkept.insert(line);
            }
        }
    }
    unkept
}

async fn keep(rooms: &Rooms, line: &LineId) -> Result<(), store::Error> {
    let _turn = rooms.changing.lines.lock().await;
    let settings = rooms.lines.of(line);
    let none = LineSettings::default();
    rooms.store.line_settings_put(line, settings.as_deref().unwrap_or(&none)).await
}

/// Presence learns who does not want to be disturbed: one word for phones and chat.
fn tell(rooms: &Rooms, line: &LineId) {
    let plan = rooms.plan.load();
    let Some(owner) = plan.accounts().owner(line).flatten() else { return };
    let now: Timestamp = rooms.runtime.timestamp();
    let source = Source::Publication(format!("settings of {line}"));
    match rooms.lines.of(line).and_then(|settings| settings.do_not_disturb) {
        Some(_) => {
            let (user, state) = (owner.clone(), Observed::DoNotDisturb);
            rooms.engine.observe(Observation { user, source, state, since: now, until: None }, now);
        }
        None => rooms.engine.withdraw(owner, &source, now),
    }
}
