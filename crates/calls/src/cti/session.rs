//! One application: what it may, what it watches, what it was told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{BareJid, LineId};
use store::HistoryKind;

use super::error::Fault;
use super::request::{self, Kind, Question, Request};
use super::routes::Routes;
use super::shown::{Answer, CallShown, LineEvent, LineShown, Message, PastCall};
use super::{LINES_WATCHED_MAX, PAGE_MAX};
use crate::Calls;
use crate::command::{Command, Refusal};
use crate::feed::{Feed, Happened, Overflow};
use crate::snapshot::{CallId, CallSnapshot, Cause};

/// Which lines a session reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those that its user owns.
    Own,
    /// All.
    All,
}

/// See the module.
pub struct Session {
    pub(super) calls: Calls,
    pub(super) user: BareJid,
    scope: Scope,
    pub(super) feed: Arc<Feed>,
    /// The lines that are watched one by one.
    lines: BTreeSet<LineId>,
    watches_all: bool,
    /// What was told of live calls: up to which snapshot.
    told: BTreeMap<CallId, u64>,
    /// What was told of lines: whether they are in service.
    in_service: BTreeMap<LineId, bool>,
    /// The route points, and the calls at them, that it is asked about.
    pub(super) routes: Routes,
    /// Of the last event.
    pub(super) sequence: u64,
}

impl Session {
    /// A session of a user who has proved who they are, and may use applications.
    pub fn new(calls: Calls, user: BareJid, scope: Scope) -> Self {
        Self {
            calls,
            user,
            scope,
            feed: Arc::default(),
            lines: BTreeSet::new(),
            watches_all: false,
            told: BTreeMap::new(),
            in_service: BTreeMap::new(),
            routes: Routes::default(),
            sequence: 0,
        }
    }

    /// What happens to the lines that are watched: to wait for.
    pub fn feed(&self) -> Arc<Feed> {
        Arc::clone(&self.feed)
    }

    /// How many lines are watched one by one.
    pub fn lines_watched(&self) -> usize {
        self.lines.len()
    }

    /// Answers a request.
    pub async fn handle(&mut self, text: &[u8]) -> String {
        let (id, request) = request::read(text);
        let answered = match request {
            Ok(Request::Question(question)) => self.answer(question).await,
            Ok(Request::Command(command)) => self.command(command).await,
            Err(fault) => Err(fault),
        };
        match answered {
            Ok(result) => write(&Message::Answer { id, result: Some(result), error: None }),
            Err(fault) => write(&Message::Answer { id, result: None, error: Some(&fault) }),
        }
    }

    /// The next event, if there is one.
    ///
    /// # Errors
    /// Events were lost: the session must end.
    pub fn next_event(&mut self) -> Result<Option<String>, Overflow> {
        while let Some(happened) = self.feed.take()? {
            let event = match happened {
                Happened::Call(call) => self.call_event(&call),
                Happened::Line(line) => self.line_event(line),
                Happened::RouteRequest(request) => self.route_request(&request),
                Happened::RouteEnd(end) => self.route_end(&end),
            };
            if event.is_some() {
                return Ok(event);
            }
        }
        Ok(None)
    }

    /// Told is what happens while a watched line takes part, its leaving included, and a call that was refused at
    /// once; what becomes of others after it has left is theirs.
    fn call_event(&mut self, call: &CallSnapshot) -> Option<String> {
        let told = self.told.get(&call.id).copied();
        if told.is_some_and(|told| told >= call.sequence) {
            return None;
        }
        let is_watched = |line: &LineId| self.watches(line) && self.reaches(line);
        let takes_part = call.has_live(is_watched);
        let refused = call.sequence == 1 && call.is_over() && call.lines().into_iter().any(is_watched);
        if !takes_part && told.is_none() && !refused {
            return None;
        }
        if takes_part {
            self.told.insert(call.id, call.sequence);
        } else {
            self.told.remove(&call.id);
        }
        self.sequence += 1;
        let (sequence, event, cause) = (self.sequence, call.event, call.cause);
        Some(write(&Message::Event { sequence, event, cause, call: self.shown(call) }))
    }

    fn line_event(&mut self, line: LineId) -> Option<String> {
        if !self.watches(&line) || !self.reaches(&line) {
            return None;
        }
        let shown = self.line_shown(&line);
        if self.in_service.insert(line, shown.in_service) == Some(shown.in_service) {
            return None;
        }
        self.sequence += 1;
        let event = if shown.in_service { LineEvent::BackInService } else { LineEvent::OutOfService };
        Some(write(&Message::LineEvent { sequence: self.sequence, event, line: shown }))
    }

    fn watches(&self, line: &LineId) -> bool {
        self.watches_all || self.lines.contains(line)
    }

    /// May this session use the line (`CT-02`)? Asked every time, since lines change hands.
    fn reaches(&self, line: &LineId) -> bool {
        let plan = self.calls.plan();
        let owner = plan.accounts().owner(line);
        let theirs = match self.scope {
            Scope::Own => owner == Some(Some(&self.user)),
            Scope::All => owner.is_some(),
        };
        theirs && plan.allows_cti(line)
    }

    fn require(&self, line: &LineId) -> Result<(), Fault> {
        if self.reaches(line) { Ok(()) } else { Err(Fault::NoSuchDevice) }
    }

    /// A live call in which a line takes part that is in reach.
    fn call(&self, id: CallId) -> Result<Arc<CallSnapshot>, Fault> {
        let call = self.calls.board().call(id).filter(|call| call.has_live(|line| self.reaches(line)));
        call.ok_or(Fault::Refused(Refusal::NoSuchCall))
    }

    /// A call that may be taken (back): also one that such a line has left, as who parks does.
    fn call_to_take(&self, id: CallId) -> Result<(), Fault> {
        let call = self.calls.board().call(id);
        let known = call.is_some_and(|call| call.lines().into_iter().any(|line| self.reaches(line)));
        if known { Ok(()) } else { Err(Fault::Refused(Refusal::NoSuchCall)) }
    }

    pub(super) fn shown(&self, call: &CallSnapshot) -> CallShown {
        CallShown::of(call, |line| self.reaches(line))
    }

    fn line_shown(&self, line: &LineId) -> LineShown {
        let plan = self.calls.plan();
        let owner = plan.accounts().owner(line).flatten().cloned();
        let name = owner.as_ref().and_then(|owner| plan.accounts().name(owner));
        LineShown { line: line.clone(), name, owner, in_service: self.calls.is_registered(line) }
    }

    async fn command(&mut self, command: Command) -> Result<Answer, Fault> {
        if let Command::RouteSelect { call, .. } | Command::RouteReject { call, .. } = command {
            return self.route(call, command).await;
        }
        if let Some(line) = command.line() {
            self.require(line)?;
        }
        for call in command.calls() {
            match command {
                Command::DirectedPickup { .. } => self.call_to_take(call)?,
                _ => self.call(call).map(drop)?,
            }
        }
        Ok(Answer::Done(self.calls.command(command).await?))
    }

    async fn answer(&mut self, question: Question) -> Result<Answer, Fault> {
        match question {
            Question::ListLines { after } => Ok(self.list_lines(after.as_ref())),
            Question::MonitorStart { all: true, .. } => self.watch_all(),
            Question::MonitorStart { lines, .. } => self.watch(lines),
            Question::MonitorStop { lines } => {
                self.unwatch(lines);
                Ok(Answer::Nothing {})
            }
            Question::SnapshotDevice { line } => {
                self.require(&line)?;
                let calls = self.calls.board().line(&line).0;
                let live = calls.iter().filter(|call| call.has_live(|of| *of == line));
                let calls = live.map(|call| self.shown(call)).collect();
                Ok(Answer::Snapshot { sequence: self.sequence, lines: vec![self.line_shown(&line)], calls })
            }
            Question::SnapshotCall { call } => Ok(Answer::Call { call: self.shown(&*self.call(call)?) }),
            Question::RouteRegister { route_point } => self.route_register(&route_point),
            Question::RouteRegisterCancel { route_point } => self.route_register_cancel(&route_point),
            Question::CallHistory { kind, after, max } => self.history(kind, after, max).await,
            Question::DialRules => {
                Ok(Answer::DialRules(self.calls.plan().plan().settings.dial_rules.clone()))
            }
            Question::CallContact { line, contact } => {
                let dialled = self.calls.plan().plan().settings.dial_rules.dialled(&contact);
                let target = dialled.ok_or(Fault::Refused(Refusal::Unplaceable(Cause::NotObtainable)))?;
                self.command(Command::MakeCall { line, target: target.to_string() }).await
            }
            Question::CallHistorySeen => {
                let now = self.calls.now();
                let marked = self.calls.store().call_history_mark_seen(&self.user, now).await;
                marked.map(|()| Answer::Nothing {}).map_err(|_| Fault::Storage)
            }
        }
    }

    fn own_lines(&self) -> Vec<LineId> {
        let plan = self.calls.plan();
        let own = plan.accounts().lines_of(&self.user).iter();
        own.filter(|line| self.reaches(line)).cloned().collect()
    }

    fn list_lines(&self, after: Option<&LineId>) -> Answer {
        let plan = self.calls.plan();
        let in_reach: Vec<LineId> = match self.scope {
            Scope::Own => self.own_lines(),
            Scope::All => plan.accounts().lines().filter(|line| plan.allows_cti(line)).cloned().collect(),
        };
        let mut behind = in_reach.iter().filter(|line| after.is_none_or(|after| *line > after));
        let lines = behind.by_ref().take(PAGE_MAX).map(|line| self.line_shown(line)).collect();
        Answer::Lines { lines, more: behind.next().is_some() }
    }

    fn watch(&mut self, lines: Option<Vec<LineId>>) -> Result<Answer, Fault> {
        let lines = lines.unwrap_or_else(|| self.own_lines());
        lines.iter().try_for_each(|line| self.require(line))?;
        let new = lines.iter().filter(|line| !self.lines.contains(*line)).count();
        if self.lines.len() + new > LINES_WATCHED_MAX {
            return Err(Fault::Refused(Refusal::Resources));
        }
        let mut calls = Vec::new();
        for line in &lines {
            self.lines.insert(line.clone());
            let live = |call: &Arc<CallSnapshot>| call.has_live(|of| of == line);
            calls.extend(self.calls.board().watch(line, &self.feed).into_iter().filter(live));
        }
        Ok(self.begin(&lines, calls))
    }

    fn watch_all(&mut self) -> Result<Answer, Fault> {
        if self.scope != Scope::All {
            return Err(Fault::NotAllowed);
        }
        self.watches_all = true;
        let calls = self.calls.board().watch_all(&self.feed);
        let in_reach = |call: &Arc<CallSnapshot>| call.has_live(|line| self.reaches(line));
        let calls = calls.into_iter().filter(in_reach).collect();
        // Lines are listed a page at a time.
        Ok(self.begin(&[], calls))
    }

    /// What is watched from here on, as it is now: events go on from there.
    fn begin(&mut self, lines: &[LineId], calls: Vec<Arc<CallSnapshot>>) -> Answer {
        // A call of two lines may have changed in between: what was seen last counts.
        let mut newest: BTreeMap<CallId, Arc<CallSnapshot>> = BTreeMap::new();
        for call in calls {
            if newest.get(&call.id).is_none_or(|known| known.sequence < call.sequence) {
                newest.insert(call.id, call);
            }
        }
        for call in newest.values() {
            let told = self.told.entry(call.id).or_default();
            *told = call.sequence.max(*told);
        }
        let lines: Vec<_> = lines.iter().map(|line| self.line_shown(line)).collect();
        self.in_service.extend(lines.iter().map(|shown| (shown.line.clone(), shown.in_service)));
        let calls = newest.values().map(|call| self.shown(call)).collect();
        Answer::Snapshot { sequence: self.sequence, lines, calls }
    }

    fn unwatch(&mut self, lines: Option<Vec<LineId>>) {
        if lines.is_none() && std::mem::take(&mut self.watches_all) {
            self.calls.board().unwatch_all(&self.feed);
        }
        for line in lines.unwrap_or_else(|| self.lines.iter().cloned().collect()) {
            self.lines.remove(&line);
            self.calls.board().unwatch(&line, &self.feed);
            self.in_service.remove(&line);
        }
        if self.lines.is_empty() && !self.watches_all {
            self.told.clear();
            self.in_service.clear();
        }
    }

    async fn history(
        &self,
        kind: Option<Kind>,
        after: Option<CallId>,
        max: Option<usize>,
    ) -> Result<Answer, Fault> {
        let store = self.calls.store();
        let kind = kind.map(|kind| match kind {
            Kind::Placed => HistoryKind::Placed,
            Kind::Received => HistoryKind::Received,
            Kind::Missed => HistoryKind::Missed,
        });
        let behind = match after {
            // A call of others is as unknown as one that never was.
            Some(call) => {
                let record = store.call_record(call.0).await.map_err(|_| Fault::Storage)?;
                let theirs = record
                    .filter(|record| record.legs.iter().any(|leg| leg.owner.as_ref() == Some(&self.user)));
                Some(theirs.ok_or(Fault::Refused(Refusal::NoSuchCall))?.place())
            }
            None => None,
        };
        let max = max.unwrap_or(store::CALL_HISTORY_ENTRIES).min(PAGE_MAX);
        let read = async {
            let seen = store.call_history_seen(&self.user).await?;
            let entries = store.call_history(&self.user, kind, behind, max).await?;
            let unseen = store.call_history_unseen(&self.user).await?;
            let calls = entries.iter().map(|entry| PastCall::of(entry, seen)).collect();
            Ok::<_, store::Error>(Answer::History { unseen, calls })
        };
        read.await.map_err(|_| Fault::Storage)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.calls.application_gone(&self.feed);
        let board = self.calls.board();
        board.unwatch_all(&self.feed);
        self.lines.iter().for_each(|line| board.unwatch(line, &self.feed));
    }
}

pub(super) fn write(message: &Message<'_>) -> String {
    serde_json::to_string(message).expect("what is shown has texts for keys and no number that JSON lacks")
}
