//! What the users of lines have set: held in memory for every call, changed by phones, applications and verbs alike.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::plan::{Digits, Feature};
use model::{DoNotDisturb, ForwardWhen, LineChange, LineId, LineSettings};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

/// The settings of all lines that have any.
#[derive(Debug, Default)]
pub struct LineTable {
    lines: RwLock<BTreeMap<LineId, Arc<LineSettings>>>,
    /// Those that have changed and were not kept yet: bounded by the number of lines.
    unkept: Mutex<BTreeSet<LineId>>,
    wake: Notify,
}

impl LineTable {
    /// What was kept.
    pub fn new(kept: impl IntoIterator<Item = (LineId, LineSettings)>) -> Self {
        let lines = kept.into_iter().map(|(line, settings)| (line, Arc::new(settings))).collect();
        Self { lines: RwLock::new(lines), ..Self::default() }
    }

    /// The settings of a line; `None` when it has none.
    pub fn of(&self, line: &LineId) -> Option<Arc<LineSettings>> {
        self.lines.read().get(line).cloned()
    }

    /// The lines that have settings.
    pub fn all(&self) -> Vec<LineId> {
        self.lines.read().keys().cloned().collect()
    }

    /// Makes a change: it holds from now on, and is kept soon.
    pub fn change(&self, line: &LineId, change: &LineChange) {
        let mut lines = self.lines.write();
        let mut settings = lines.get(line).map_or_else(LineSettings::default, |known| (**known).clone());
        settings.apply(change);
        match settings.is_none() {
            true => lines.remove(line),
            false => lines.insert(line.clone(), Arc::new(settings)),
        };
        drop(lines);
        self.unkept.lock().insert(line.clone());
        self.wake.notify_one();
    }

    /// Forgets the lines that are gone: another line of that number begins anew.
    pub fn retain(&self, is_there: impl Fn(&LineId) -> bool) {
        self.lines.write().retain(|line, _| is_there(line));
    }

    /// Waits for changes; gives the lines that have changed since.
    pub(crate) async fn changed(&self) -> BTreeSet<LineId> {
        loop {
            let notified = self.wake.notified();
            let lines = self.take_unkept();
            if !lines.is_empty() {
                return lines;
            }
            notified.await;
        }
    }

    /// The lines that have changed and were not kept.
    pub(crate) fn take_unkept(&self) -> BTreeSet<LineId> {
        std::mem::take(&mut *self.unkept.lock())
    }

    /// These could not be kept, and shall be tried again.
    pub(crate) fn unkept(&self, lines: BTreeSet<LineId>) {
        self.unkept.lock().extend(lines);
        self.wake.notify_one();
    }
}

/// The change that a feature code stands for; `None` when a number is missing.
pub(crate) fn change(feature: Feature, keyed: &Digits) -> Option<LineChange> {
    let number = Some(*keyed).filter(|keyed| !keyed.is_empty());
    let forward = |when, to| LineChange::Forward { when, calls: None, to };
    let disturb = |mode| Some(LineChange::DoNotDisturb { mode });
    match feature {
        Feature::ForwardAll => Some(forward(ForwardWhen::All, Some(number?))),
        Feature::ForwardAllOff => Some(forward(ForwardWhen::All, None)),
        Feature::ForwardBusy => Some(forward(ForwardWhen::Busy, Some(number?))),
        Feature::ForwardBusyOff => Some(forward(ForwardWhen::Busy, None)),
        Feature::ForwardNoAnswer => Some(forward(ForwardWhen::NoAnswer, Some(number?))),
        Feature::ForwardNoAnswerOff => Some(forward(ForwardWhen::NoAnswer, None)),
        Feature::ForwardUnregistered => Some(forward(ForwardWhen::Unregistered, Some(number?))),
        Feature::ForwardUnregisteredOff => Some(forward(ForwardWhen::Unregistered, None)),
        Feature::DoNotDisturb => disturb(Some(DoNotDisturb::Reject)),
        Feature::DoNotDisturbSilent => disturb(Some(DoNotDisturb::Silent)),
        Feature::DoNotDisturbOff => disturb(None),
        Feature::CallWaiting => Some(LineChange::CallWaiting { on: Some(true) }),
        Feature::CallWaitingOff => Some(LineChange::CallWaiting { on: Some(false) }),
        Feature::QueueSignIn => Some(LineChange::Queues { signed_in: true }),
        Feature::QueueSignOut => Some(LineChange::Queues { signed_in: false }),
        Feature::WithholdAlways => Some(LineChange::WithholdNumber { on: Some(true) }),
        Feature::WithholdAlwaysOff => Some(LineChange::WithholdNumber { on: Some(false) }),
        Feature::RejectAnonymous => Some(LineChange::RejectAnonymous { on: Some(true) }),
        Feature::RejectAnonymousOff => Some(LineChange::RejectAnonymous { on: Some(false) }),
        // These stand for calls: see `codes`.
        Feature::WithholdNumber
        | Feature::ShowNumber
        | Feature::Redial
        | Feature::CallReturn
        | Feature::CallBack
        | Feature::CallBackOff
        | Feature::SpeedDial
        | Feature::SpeedDialSet
        | Feature::Intercom
        | Feature::Resume
        | Feature::RingerOff
        | Feature::RingerOn => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_holds_at_once_and_is_told_to_whoever_keeps_it() {
        let line = LineId::from("1002".parse::<model::Number>().unwrap());
        let table = LineTable::default();
        let on = change(Feature::DoNotDisturb, &Digits::empty()).unwrap();
        table.change(&line, &on);
        assert_eq!(table.of(&line).unwrap().do_not_disturb, Some(DoNotDisturb::Reject));
        let changed = table.changed().await;
        assert_eq!(changed.len(), 1);
        table.unkept(changed);
        assert!(table.changed().await.contains(&line));
        table.change(&line, &change(Feature::DoNotDisturbOff, &Digits::empty()).unwrap());
        assert_eq!(table.of(&line), None);
        table.change(&line, &on);
        table.retain(|_| false);
        assert_eq!(table.of(&line), None);
    }

    #[test]
    fn a_forward_wants_a_number() {
        assert_eq!(change(Feature::ForwardAll, &Digits::empty()), None);
        assert!(change(Feature::ForwardAll, &Digits::parse("1003").unwrap()).is_some());
    }
}
