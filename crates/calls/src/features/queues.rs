//! Who waits in which queue, and which agents are rung or busy with its callers: the table that all shards share (`CC-18`).
//!
//! Each caller looks for an agent by itself, about once a second, from the shard that it lives in. Nobody overtakes:
//! only who has no caller before it that is still without a phone that rings may claim an agent.

use std::collections::BTreeMap;
use std::time::Duration;

use model::plan::{Distribution, Queue};
use model::{LineId, Timestamp};
use parking_lot::Mutex;

use crate::snapshot::CallId;

/// The queues of the whole server.
#[derive(Debug, Default)]
pub struct Queues {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    queues: BTreeMap<String, Waiting>,
    agents: BTreeMap<LineId, Agent>,
}

#[derive(Debug, Default)]
struct Waiting {
    callers: Vec<QueuedCaller>,
    /// Who was rung last, for queues whose agents take turns.
    last: Option<LineId>,
}

/// A caller that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedCaller {
    /// Its call.
    pub call: CallId,
    /// Its number.
    pub number: String,
    /// Its name.
    pub name: Option<String>,
    /// Since when it waits.
    pub since: Timestamp,
    /// The agents who are rung for it.
    pub rings: Vec<LineId>,
}

/// What queues know of an agent, over all queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// The call that it is rung for.
    pub rung_for: Option<CallId>,
    /// How long it is left alone after the call of a queue that it has taken, from the end of that call.
    wrap_up: Option<Duration>,
    /// Until when it is left alone.
    pub rests_until: Option<Timestamp>,
    /// Calls that it has taken since the start of the server.
    pub taken: u64,
    /// Calls that it was rung for in vain.
    pub missed: u64,
}

/// What the rest of the house knows of agents.
pub(crate) struct Outlook<'a> {
    /// Is it signed in, registered, without a call, and may it be disturbed?
    pub is_free: &'a dyn Fn(&LineId) -> bool,
    /// When did its last call end?
    pub rested: &'a dyn Fn(&LineId) -> Option<Timestamp>,
}

impl Queues {
    /// How many callers wait.
    pub fn waiting(&self, queue: &str) -> usize {
        self.state.lock().queues.get(queue).map_or(0, |queue| queue.callers.len())
    }

    /// Nobody waits in any queue.
    pub fn is_empty(&self) -> bool {
        self.state.lock().queues.values().all(|queue| queue.callers.is_empty())
    }

    /// Who waits in a queue, first to last.
    pub fn callers(&self, queue: &str) -> Vec<QueuedCaller> {
        self.state.lock().queues.get(queue).map_or_else(Vec::new, |queue| queue.callers.clone())
    }

    /// What is known of an agent.
    pub fn agent(&self, line: &LineId) -> Agent {
        self.state.lock().agents.get(line).cloned().unwrap_or_default()
    }

    /// A caller stands at the end.
    pub(crate) fn enter(&self, queue: &str, caller: QueuedCaller) {
        let mut state = self.state.lock();
        let waiting = state.queues.entry(queue.to_owned()).or_default();
        if !waiting.callers.iter().any(|known| known.call == caller.call) {
            waiting.callers.push(caller);
        }
        gauge(queue, waiting);
    }

    /// A caller's place, from 1.
    pub(crate) fn place(&self, queue: &str, call: CallId) -> Option<usize> {
        let state = self.state.lock();
        let at = state.queues.get(queue)?.callers.iter().position(|caller| caller.call == call)?;
        Some(at + 1)
    }

    /// A caller leaves; whoever is rung for it is free again. Gives since when it has waited.
    pub(crate) fn leave(&self, queue: &str, call: CallId) -> Option<Timestamp> {
        let mut state = self.state.lock();
        let State { queues, agents } = &mut *state;
        let waiting = queues.get_mut(queue)?;
        let at = waiting.callers.iter().position(|caller| caller.call == call)?;
        let caller = waiting.callers.remove(at);
        gauge(queue, waiting);
        for line in &caller.rings {
            if let Some(agent) = agents.get_mut(line).filter(|agent| agent.rung_for == Some(call)) {
                agent.rung_for = None;
            }
        }
        Some(caller.since)
    }

    /// The agents who are to be rung for a caller now; none while others come before it, or nobody is free.
    pub(crate) fn claim(
        &self,
        queue: &Queue,
        call: CallId,
        outlook: &Outlook<'_>,
        now: Timestamp,
    ) -> Vec<LineId> {
        let mut state = self.state.lock();
        let State { queues, agents } = &mut *state;
        let Some(waiting) = queues.get_mut(&queue.name) else { return Vec::new() };
        let Some(at) = waiting.callers.iter().position(|caller| caller.call == call) else {
            return Vec::new();
        };
        if waiting.callers[..at].iter().any(|caller| caller.rings.is_empty())
            || !waiting.callers[at].rings.is_empty()
        {
            return Vec::new();
        }
        let all: Vec<LineId> = queue.lines().collect();
        let mut free: Vec<(usize, &LineId)> = all
            .iter()
            .enumerate()
            .filter(|(_, line)| agents.entry((*line).clone()).or_default().is_at_hand(line, outlook, now))
            .collect();
        let behind = |last: &LineId| all.iter().position(|line| line == last).map_or(0, |at| at + 1);
        let turn = waiting.last.as_ref().map_or(0, behind);
        let taken = |line: &LineId| agents.get(line).map_or(0, |agent| agent.taken);
        match queue.distribution {
            Distribution::TopDown | Distribution::Broadcast => {}
            Distribution::Circular => free.sort_by_key(|(at, _)| (at + all.len() - turn) % all.len()),
            Distribution::LongestIdle => free.sort_by_key(|(_, line)| (outlook.rested)(line)),
            Distribution::FewestCalls => free.sort_by_key(|(_, line)| taken(line)),
        }
        let count = if queue.distribution == Distribution::Broadcast { free.len() } else { 1 };
        let chosen: Vec<LineId> = free.into_iter().take(count).map(|(_, line)| line.clone()).collect();
        for line in &chosen {
            agents.entry(line.clone()).or_default().rung_for = Some(call);
        }
        if let Some(last) = chosen.first() {
            waiting.last = Some(last.clone());
        }
        waiting.callers[at].rings.clone_from(&chosen);
        chosen
    }

    /// None of those who were rung has taken the call: they are passed over for a while.
    pub(crate) fn missed(&self, queue: &str, call: CallId, until: Timestamp) {
        let mut state = self.state.lock();
        let State { queues, agents } = &mut *state;
        let callers = queues.get_mut(queue).map(|waiting| &mut waiting.callers);
        let caller = callers.and_then(|callers| callers.iter_mut().find(|caller| caller.call == call));
        for line in caller.map_or_else(Vec::new, |caller| std::mem::take(&mut caller.rings)) {
            if let Some(agent) = agents.get_mut(&line).filter(|agent| agent.rung_for == Some(call)) {
                (agent.rung_for, agent.rests_until) = (None, Some(until));
                agent.missed += 1;
            }
        }
    }

    /// An agent takes the call. Gives since when the caller has waited.
    pub(crate) fn taken(
        &self,
        queue: &str,
        call: CallId,
        line: &LineId,
        wrap_up: Duration,
    ) -> Option<Timestamp> {
        let since = self.leave(queue, call)?;
        let mut state = self.state.lock();
        let agent = state.agents.entry(line.clone()).or_default();
        agent.taken += 1;
        (agent.wrap_up, agent.rests_until) = (Some(wrap_up), None);
        Some(since)
    }
}

impl Agent {
    /// Is it left alone because it has had a call, not because it did not answer?
    pub(crate) fn wraps_up(&self) -> bool {
        self.wrap_up.is_some()
    }

    /// Until when it is left alone, should its last call have ended at that time.
    pub(crate) fn rests_until_after(&self, rested: Option<Timestamp>) -> Option<Timestamp> {
        match self.wrap_up {
            Some(wrap_up) => Some(rested?.plus(wrap_up)),
            None => self.rests_until,
        }
    }

    /// Can it be rung now? Forgets why it was left alone, once that is over.
    fn is_at_hand(&mut self, line: &LineId, outlook: &Outlook<'_>, now: Timestamp) -> bool {
        if self.rung_for.is_some() || !(outlook.is_free)(line) {
            return false;
        }
        if self.rests_until_after((outlook.rested)(line)).is_some_and(|until| until > now) {
            return false;
        }
        (self.wrap_up, self.rests_until) = (None, None);
        true
    }
}

fn gauge(queue: &str, waiting: &Waiting) {
    metrics::gauge!("carillon_queue_waiting", "queue" => queue.to_owned()).set(waiting.callers.len() as f64);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn queue(distribution: Distribution) -> Queue {
        let text = r#"{"name": "q", "number": "5100", "distribution": "top-down", "agents": ["1001-1003"]}"#;
        Queue { distribution, ..serde_json::from_str(text).unwrap() }
    }

    fn line(number: &str) -> LineId {
        LineId::from(number.parse::<model::Number>().unwrap())
    }

    fn enter(queues: &Queues, call: u64) {
        let (number, since) = (format!("20{call}"), Timestamp(call as i64));
        let caller = QueuedCaller { call: CallId(call), number, name: None, since, rings: Vec::new() };
        queues.enter("q", caller);
    }

    /// Who is rung for a call, when these are busy; 1002 had a call last, then 1003, then 1001.
    fn claim(queues: &Queues, queue: &Queue, call: u64, busy: &str, now: i64) -> String {
        let is_free = |line: &LineId| !busy.contains(line.number.as_str());
        let rested = |line: &LineId| match line.number.as_str() {
            "1001" => Some(Timestamp(1)),
            "1002" => Some(Timestamp(9)),
            _ => Some(Timestamp(5)),
        };
        let outlook = Outlook { is_free: &is_free, rested: &rested };
        let lines = queues.claim(queue, CallId(call), &outlook, Timestamp(now));
        let numbers: Vec<&str> = lines.iter().map(|line| line.number.as_str()).collect();
        numbers.join("+")
    }

    #[test]
    fn each_distribution_chooses_among_those_who_are_free() {
        let chosen = |distribution, busy: &str| {
            let queues = Queues::default();
            queues.taken("q", CallId(0), &line("1001"), Duration::ZERO);
            enter(&queues, 9);
            queues.taken("q", CallId(9), &line("1001"), Duration::ZERO);
            enter(&queues, 1);
            claim(&queues, &queue(distribution), 1, busy, 100)
        };
        assert_eq!(chosen(Distribution::TopDown, ""), "1001");
        assert_eq!(chosen(Distribution::TopDown, "1001"), "1002");
        assert_eq!(chosen(Distribution::LongestIdle, ""), "1001");
        assert_eq!(chosen(Distribution::LongestIdle, "1001"), "1003");
        assert_eq!(chosen(Distribution::FewestCalls, ""), "1002");
        assert_eq!(chosen(Distribution::Broadcast, "1002"), "1001+1003");
        assert_eq!(chosen(Distribution::Broadcast, "1001 1002 1003"), "");
    }

    #[test]
    fn agents_take_turns() {
        let (queues, queue) = (Queues::default(), queue(Distribution::Circular));
        let mut rung = Vec::new();
        for call in 1..=4 {
            enter(&queues, call);
            rung.push(claim(&queues, &queue, call, "", 100));
            queues.leave("q", CallId(call));
        }
        assert_eq!(rung, ["1001", "1002", "1003", "1001"]);
    }

    #[test]
    fn nobody_overtakes_a_caller_for_whom_nobody_rings() {
        let (queues, queue) = (Queues::default(), queue(Distribution::TopDown));
        enter(&queues, 1);
        enter(&queues, 2);
        assert_eq!(claim(&queues, &queue, 2, "", 100), "");
        assert_eq!(claim(&queues, &queue, 1, "", 100), "1001");
        assert_eq!(claim(&queues, &queue, 2, "", 100), "1002", "the first one is being served");
        assert_eq!(queues.place("q", CallId(2)), Some(2));
        queues.leave("q", CallId(1));
        assert_eq!((queues.place("q", CallId(2)), queues.waiting("q")), (Some(1), 1));
    }

    #[test]
    fn who_did_not_answer_and_who_has_just_had_a_call_are_passed_over_for_a_while() {
        let (queues, queue) = (Queues::default(), queue(Distribution::TopDown));
        enter(&queues, 1);
        assert_eq!(claim(&queues, &queue, 1, "", 100), "1001");
        queues.missed("q", CallId(1), Timestamp(200));
        assert_eq!(claim(&queues, &queue, 1, "", 100), "1002");
        queues.missed("q", CallId(1), Timestamp(200));
        assert_eq!(claim(&queues, &queue, 1, "1003", 200), "1001");
        // 1001 rested at 1; it wraps up for 400 microseconds from then.
        assert_eq!(
            queues.taken("q", CallId(1), &line("1001"), Duration::from_micros(400)),
            Some(Timestamp(1))
        );
        enter(&queues, 2);
        assert_eq!(claim(&queues, &queue, 2, "1002 1003", 300), "");
        assert_eq!(claim(&queues, &queue, 2, "1002 1003", 401), "1001");
        let agent = queues.agent(&line("1001"));
        assert_eq!((agent.taken, agent.missed, agent.rung_for), (1, 1, Some(CallId(2))));
    }

    proptest! {
        /// Whatever callers do, no agent is rung for two of them, and nobody is rung for one who has left.
        #[test]
        fn no_agent_is_rung_for_two(steps in prop::collection::vec((0..4_u8, 1..6_u64), 1..60)) {
            let (queues, queue) = (Queues::default(), queue(Distribution::Circular));
            for (at, (what, call)) in steps.into_iter().enumerate() {
                match what {
                    0 => enter(&queues, call),
                    1 => drop(claim(&queues, &queue, call, "", 1_000 * at as i64)),
                    2 => queues.missed("q", CallId(call), Timestamp(0)),
                    _ => drop(queues.leave("q", CallId(call))),
                }
                let callers = queues.callers("q");
                for number in ["1001", "1002", "1003"] {
                    let line = line(number);
                    let rung: Vec<CallId> =
                        callers.iter().filter(|caller| caller.rings.contains(&line)).map(|c| c.call).collect();
                    prop_assert_eq!(queues.agent(&line).rung_for.into_iter().collect::<Vec<_>>(), rung);
                }
            }
        }
    }
}
