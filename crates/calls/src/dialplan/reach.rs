//! Lines and users behind a number or name, for what is no call: messages, subscriptions, publications.

use model::plan::{LAMPS_MAX, Lamp};
use model::{BareJid, LineId, Timestamp};

use super::DialPlan;
use super::explanation::Silent;
use super::route::{Ask, Outcome, Route};
use super::space::NO_RANK;
use super::who::Who;
use crate::place::Service;

/// Where something leads inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// One or more lines; none when a user has no line.
    Lines(Reached),
    /// A service of this server.
    Service(Service),
    /// Nowhere: there is no such number or name.
    Nowhere,
}

/// The line or user reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The lines, lowest number first.
    pub lines: Vec<LineId>,
    /// The user, unless it is a line without owner.
    pub user: Option<BareJid>,
    /// What the caller is shown: the number, or the name that was dialled.
    pub address: String,
    /// The user's name for people.
    pub name: Option<String>,
}

impl DialPlan {
    /// What an address of ours stands for, whoever asks: for what somebody does with their own.
    pub fn address(&self, dialled: &str, when: Timestamp) -> Resolution {
        let ask = Ask::new(dialled, Who::Nobody, when);
        self.inside(&self.analyse(&ask, Some(self.everything), &mut Silent), dialled)
    }

    /// What a number or name leads to for this sender: what they may call, they may write to.
    pub fn reach(&self, dialled: &str, who: &Who<'_>, when: Timestamp) -> Resolution {
        self.inside(&self.resolve(&Ask::new(dialled, *who, when)), dialled)
    }

    /// What may be watched under a number or name: it is looked up in the SUBSCRIBE search space; without one there
    /// is nobody to watch (`PH-09`).
    pub fn watched(&self, dialled: &str, who: &Who<'_>, when: Timestamp) -> Resolution {
        match self.caller(who).profile.subscribe {
            Some(space) => {
                self.inside(&self.analyse(&Ask::new(dialled, *who, when), Some(space), &mut Silent), dialled)
            }
            None => Resolution::Nowhere,
        }
    }

    /// The way out that the watcher's SUBSCRIBE search space leads to (`PH-05`): by SIP route, or by route pattern.
    pub fn watched_outside(
        &self,
        dialled: &str,
        domain: Option<&str>,
        who: &Who<'_>,
        when: Timestamp,
    ) -> Option<Route<'_>> {
        let space = self.caller(who).profile.subscribe?;
        let ask = Ask { domain, ..Ask::new(dialled, *who, when) };
        let route = self.analyse(&ask, Some(space), &mut Silent);
        matches!(&route.outcome, Outcome::Outside(way) if !way.is_emergency).then_some(route)
    }

    /// Is this line in what the watcher's SUBSCRIBE search space lists now (`PH-09`)?
    pub fn may_see(&self, who: &Who<'_>, line: &LineId, when: Timestamp) -> bool {
        let space = self.caller(who).profile.subscribe.map(|space| &self.spaces[space]);
        let partition = self.partitions.number(&line.partition);
        space.zip(partition).is_some_and(|(space, partition)| {
            space.rank(partition) != NO_RANK && self.partitions.is_there(partition, when)
        })
    }

    /// The lamps of the devices that show a line, each once (`PH-07`).
    pub fn lamps(&self, line: &LineId) -> Vec<&Lamp> {
        let devices = self.line_index(line).into_iter().flat_map(|index| &self.lines[index].profiles);
        let devices = devices.filter_map(|profile| profile.device).map(|device| &self.plan.devices[device]);
        let mut all: Vec<&Lamp> = Vec::new();
        for lamp in devices.flat_map(|device| &device.lamps) {
            if all.len() < LAMPS_MAX && !all.iter().any(|known| known.watches == lamp.watches) {
                all.push(lamp);
            }
        }
        all
    }

    fn inside(&self, route: &Route<'_>, dialled: &str) -> Resolution {
        match &route.outcome {
            Outcome::Line(line) => Resolution::Lines(self.reached_line(line, dialled)),
            Outcome::User(user, lines) => Resolution::Lines(Reached {
                lines: lines.iter().map(|line| (*line).clone()).collect(),
                user: Some((*user).clone()),
                address: dialled.to_owned(),
                name: self.accounts.name(user),
            }),
            Outcome::Service(service) => Resolution::Service(*service),
            _ => Resolution::Nowhere,
        }
    }

    /// The hunt pilot of this number.
    pub(crate) fn hunt_pilot(&self, number: &LineId) -> Option<&model::plan::HuntPilot> {
        let is_it = |pilot: &&model::plan::HuntPilot| {
            pilot.number == number.number && pilot.partition == number.partition
        };
        self.plan.hunt_pilots.iter().find(is_it)
    }

    /// One line with its owner.
    pub(crate) fn reached_line(&self, line: &LineId, dialled: &str) -> Reached {
        let user = self.accounts.owner(line).flatten();
        Reached {
            lines: vec![line.clone()],
            user: user.cloned(),
            address: dialled.to_owned(),
            name: user.and_then(|user| self.accounts.name(user)),
        }
    }
}
