//! Call queues: callers wait in order, and agents take them (`CC-18`).

use serde::{Deserialize, Serialize};

use super::{ForwardTo, LineSpan, SoundName};
use crate::{LineId, Number, Partition};

/// A number whose callers are answered, hear music, and wait for one of its agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: Number,
    /// Where it lives.
    #[serde(default)]
    pub partition: Partition,
    /// Which agent is rung.
    pub distribution: Distribution,
    /// Its agents: the lines that take its calls unless they have signed out.
    pub agents: Vec<LineSpan>,
    /// How long an agent is rung for one caller.
    #[serde(default = "ring_seconds")]
    pub ring_seconds: u16,
    /// How long an agent is left alone after a call of the queue.
    #[serde(default)]
    pub wrap_up_seconds: u16,
    /// How long an agent who did not take a call is passed over.
    #[serde(default = "retry_seconds")]
    pub retry_seconds: u16,
    /// Callers that may wait at once.
    #[serde(default = "max_waiting")]
    pub max_waiting: u16,
    /// How long a caller waits at most; for ever when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait_seconds: Option<u16>,
    /// What callers hear.
    #[serde(default)]
    pub sounds: QueueSounds,
    /// Where callers go when the queue is full, or they have waited for too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overflow: Option<ForwardTo>,
    /// Where callers go when no agent is signed in with a phone that is registered; without it they wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_agent: Option<ForwardTo>,
    /// What agents' phones show before the caller's name, such as `Support`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What the callers of a queue hear.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueSounds {
    /// First, once, before they wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub greeting: Vec<SoundName>,
    /// While they wait; the house's music when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub music: Option<SoundName>,
    /// At intervals, in place of the music.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub announcement: Vec<SoundName>,
    /// At the same intervals, before their place in the queue is said by the sounds `digit-0` to `digit-9`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub position: Vec<SoundName>,
    /// The interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_seconds: Option<u16>,
}

/// Which free agent is rung for the next caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// The first.
    TopDown,
    /// The one behind who was rung last.
    Circular,
    /// Who has been without a call for longest.
    LongestIdle,
    /// Who has taken the fewest calls of queues since the server was started.
    FewestCalls,
    /// All who are free, at once.
    Broadcast,
}

/// How often callers hear something beside the music unless it is said otherwise.
const EVERY_SECONDS: u16 = 60;

impl Queue {
    /// Its number as that of a line.
    pub fn pilot(&self) -> LineId {
        LineId { number: self.number.clone(), partition: self.partition.clone() }
    }

    /// Its agents, line by line.
    pub fn lines(&self) -> impl Iterator<Item = LineId> + '_ {
        self.agents.iter().flat_map(LineSpan::lines)
    }
}

impl QueueSounds {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &SoundName> {
        self.greeting.iter().chain(&self.music).chain(&self.announcement).chain(&self.position)
    }

    /// How often callers hear something beside the music; `None`: never.
    pub fn interval(&self) -> Option<u16> {
        let is_said = !self.announcement.is_empty() || !self.position.is_empty();
        is_said.then(|| self.every_seconds.unwrap_or(EVERY_SECONDS))
    }
}

impl Distribution {
    /// The word for it in a plan.
    pub fn word(self) -> &'static str {
        match self {
            Self::TopDown => "top-down",
            Self::Circular => "circular",
            Self::LongestIdle => "longest-idle",
            Self::FewestCalls => "fewest-calls",
            Self::Broadcast => "broadcast",
        }
    }
}

fn ring_seconds() -> u16 {
    20
}

fn retry_seconds() -> u16 {
    10
}

fn max_waiting() -> u16 {
    50
}

#[cfg(test)]
mod tests {
    use super::super::Plan;
    use super::*;

    #[test]
    fn a_queue_needs_a_number_a_distribution_and_agents_only() {
        let document = "[[reception.queue]]\nname = \"support\"\nnumber = \"5100\"\ndistribution = \"longest-idle\"\nagents = [\"1001-1003\"]\nsounds = { music = \"waltz\", position = [\"you-are-number\"] }";
        let plan = Plan::read(document).unwrap();
        let queue = &plan.reception.queues[0];
        assert_eq!((queue.ring_seconds, queue.max_waiting, queue.max_wait_seconds), (20, 50, None));
        assert_eq!((queue.lines().count(), queue.sounds.all().count()), (3, 2));
        assert_eq!(queue.sounds.interval(), Some(60));
        assert_eq!(QueueSounds::default().interval(), None);
        let word = serde_json::to_string(&queue.distribution).unwrap();
        assert_eq!(word, format!("\"{}\"", queue.distribution.word()));
    }
}
