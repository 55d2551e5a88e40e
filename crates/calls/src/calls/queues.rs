//! Queues as administrators and applications see them: who waits, and how the agents stand.

use model::plan::Queue;
use model::{LineId, Timestamp};
use serde::{Deserialize, Serialize};

use super::Calls;
use crate::features::queues::QueuedCaller;
use crate::snapshot::CallId;

/// A queue at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueShown {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: LineId,
    /// Which agent is rung, in the word of the dial plan.
    pub distribution: String,
    /// How many may wait.
    pub max_waiting: u16,
    /// Who waits, first to last.
    pub callers: Vec<CallerShown>,
    /// Its agents.
    pub agents: Vec<AgentShown>,
}

/// A caller that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallerShown {
    /// Its call.
    pub call: CallId,
    /// Its number.
    pub number: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// The agents who are rung for it.
    pub rings: Vec<LineId>,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentShown {
    /// The line.
    pub line: LineId,
    /// How it stands.
    pub state: AgentState,
    /// Calls of queues that it has taken since the start of the server.
    pub taken: u64,
    /// Calls that it was rung for in vain.
    pub missed: u64,
}

/// How an agent stands, in the words of ECMA-269 §6.1.2.3 where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AgentState {
    /// Signed out.
    LoggedOff,
    /// No phone is registered.
    OutOfService,
    /// Does not want to be disturbed, or did not answer a moment ago.
    NotReady,
    /// Can take a call.
    Ready,
    /// Rings for a caller.
    Ringing,
    /// Has a call.
    Busy,
    /// Is left alone after a call.
    WorkingAfterCall,
}

impl AgentState {
    /// The state for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::LoggedOff => "signed out",
            Self::OutOfService => "no phone",
            Self::NotReady => "not ready",
            Self::Ready => "free",
            Self::Ringing => "rings",
            Self::Busy => "busy",
            Self::WorkingAfterCall => "wraps up",
        }
    }
}

impl Calls {
    /// All queues of the dial plan.
    pub fn queues(&self) -> Vec<QueueShown> {
        let plan = self.plan();
        plan.queues().map(|queue| self.queue_shown(queue)).collect()
    }

    fn queue_shown(&self, queue: &Queue) -> QueueShown {
        let callers =
            self.rooms.reception.queues.callers(&queue.name).into_iter().map(CallerShown::of).collect();
        QueueShown {
            name: queue.name.clone(),
            number: queue.pilot(),
            distribution: queue.distribution.word().to_owned(),
            max_waiting: queue.max_waiting,
            callers,
            agents: queue.lines().map(|line| self.agent(line)).collect(),
        }
    }

    fn agent(&self, line: LineId) -> AgentShown {
        let now = self.now();
        let known = self.rooms.reception.queues.agent(&line);
        let settings = self.line_settings(&line);
        let rests_until = known.rests_until_after(self.board.rested(&line));
        let state = if settings.signed_out_of_queues {
            AgentState::LoggedOff
        } else if !self.is_registered(&line) {
            AgentState::OutOfService
        } else if known.rung_for.is_some() {
            AgentState::Ringing
        } else if self.board.line_calls(&line) > 0 {
            AgentState::Busy
        } else if known.wraps_up() && rests_until.is_some_and(|until| until > now) {
            AgentState::WorkingAfterCall
        } else if settings.do_not_disturb.is_some() || rests_until.is_some_and(|until| until > now) {
            AgentState::NotReady
        } else {
            AgentState::Ready
        };
        AgentShown { line, state, taken: known.taken, missed: known.missed }
    }
}

impl CallerShown {
    fn of(caller: QueuedCaller) -> Self {
        let QueuedCaller { call, number, name, since, rings } = caller;
        Self { call, number, name, since, rings }
    }
}
