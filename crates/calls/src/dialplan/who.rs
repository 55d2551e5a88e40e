//! Who calls, and what follows from it: the search space, the place, the calling number.

use std::sync::Arc;

use model::LineId;
use model::plan::{Digits, Place, PlanLine, Trunk};

use super::{DialPlan, Target};
use crate::admission::Stand;
use model::plan::symbol;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'a> {
    /// A line of ours, on this device or on the first that shows it.
    Line(&'a LineId, Option<&'a str>),
    /// Somebody on the other side of a trunk, with their number.
    Trunk(&'a str, Digits),
    /// Somebody without a line, such as a program.
    Nobody,
}

impl<'a> Who<'a> {
    /// Where who calls stands.
    pub(super) fn stand(&self) -> Stand<'a> {
        match *self {
            Who::Line(line, device) => Stand { line: Some(line), device, trunk: None },
            Who::Trunk(name, _) => Stand { trunk: Some(name), ..Stand::default() },
            Who::Nobody => Stand::default(),
        }
    }
}

/// What follows from who calls.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// The device, by its place in the plan.
    pub(super) device: Option<usize>,
    pub(super) space: usize,
    /// `None`: this caller may watch nobody (`PH-09`).
    pub(super) subscribe: Option<usize>,
    pub(super) place: Arc<Place>,
    pub(super) presence_group: Option<String>,
}

/// A caller, found in the plan.
pub(super) struct Caller<'a> {
    pub(super) profile: &'a Profile,
    pub(super) line: Option<usize>,
    pub(super) trunk: Option<&'a Trunk>,
    pub(super) calling: Option<Digits>,
}

impl DialPlan {
    /// Finds the caller. Who is not in the plan has what the settings give to everybody.
    pub(super) fn caller(&self, who: &Who<'_>) -> Caller<'_> {
        let nobody = Caller { profile: &self.stranger, line: None, trunk: None, calling: None };
        match who {
            Who::Nobody => nobody,
            Who::Line(line, device) => {
                let calling = Digits::parse(line.number.as_str()).ok();
                let Some(index) = self.line_index(line) else { return Caller { calling, ..nobody } };
                let profiles = &self.lines[index].profiles;
                let on_device = |profile: &&Profile| {
                    profile.device.is_some_and(|at| Some(self.plan.devices[at].name.as_str()) == *device)
                };
                let profile = profiles.iter().find(on_device).or(profiles.first()).unwrap_or(&self.stranger);
                Caller { profile, line: Some(index), calling, ..nobody }
            }
            Who::Trunk(name, calling) => {
                let Some((trunk, profile)) = self.names.trunk(&self.plan, name) else {
                    return Caller { profile: &self.names.unknown_trunk, calling: Some(*calling), ..nobody };
                };
                let calling = trunk.calling_in.apply(calling, 0).or(Some(*calling));
                Caller { profile, line: None, trunk: Some(trunk), calling }
            }
        }
    }

    /// The compiled line.
    pub(super) fn line_index(&self, line: &LineId) -> Option<usize> {
        let partition = self.partitions.number(&line.partition)?;
        let mut symbols = [0; model::plan::DIGITS_MAX];
        let number = line.number.as_str().as_bytes();
        for (place, byte) in symbols.iter_mut().zip(number) {
            *place = symbol(*byte)?;
        }
        let ends = self.trie.exact(symbols.get(..number.len())?);
        let of_line = |entry: u32| match self.entries[entry as usize].target {
            Target::Line(index) => Some(index),
            _ => None,
        };
        ends.iter().filter(|end| end.partition == partition).find_map(|end| of_line(end.entry))
    }

    /// What the plan says of a line.
    pub fn said(&self, line: &LineId) -> Option<&PlanLine> {
        let said = self.lines[self.line_index(line)?].said?;
        self.plan.lines.get(said)
    }

    /// May applications control the line (`CT-02`)?
    pub fn allows_cti(&self, line: &LineId) -> bool {
        self.said(line).is_none_or(|said| said.cti)
    }

    /// May this watcher ask over trunks of this presence group (`PH-02`, `PH-11`)?
    pub fn may_query(&self, who: &Who<'_>, group: Option<&str>) -> bool {
        self.plan.presence.may_watch(self.caller(who).profile.presence_group.as_deref(), group)
    }

    /// May this caller's call lists and trunk queries show the line's state (`PH-10`, `PH-11`)?
    pub fn may_list(&self, who: &Who<'_>, watched: &LineId) -> bool {
        let watcher = self.caller(who);
        let watched = self.line_index(watched).and_then(|index| {
            let line = &self.lines[index];
            let of_line = line.said.and_then(|said| self.plan.lines[said].presence_group.as_deref());
            of_line.or_else(|| line.profiles.first()?.presence_group.as_deref())
        });
        self.plan.presence.may_watch(watcher.profile.presence_group.as_deref(), watched)
    }
}
