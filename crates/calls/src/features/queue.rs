//! A caller in a queue: answered, it hears music and where it stands, until an agent takes it (`CC-18`).

use std::time::{Duration, Instant};

use model::LineId;
use model::plan::{ForwardTo, Queue, SoundName};

use super::queues::{Outlook, QueuedCaller};
use crate::call::house::Context;
use crate::call::letter::Place;
use crate::call::outcome::Verdict;
use crate::call::pilots::{Hears, Ring};
use crate::call::service::{Plays, ServiceCall};
use crate::course::{Course, Why};
use crate::snapshot::{Cause, Event};

/// How often a caller looks for an agent.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Where a caller stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    queue: String,
    course: Course,
    /// What it hears.
    pub hears: Hears,
    /// When the sounds that it hears are over.
    sound_over: Option<Instant>,
    /// When it looks for an agent next.
    look_at: Option<Instant>,
    /// When it is told where it stands.
    speak_at: Option<Instant>,
    /// When it has waited for long enough.
    until: Option<Instant>,
    /// It goes elsewhere: the queue has nothing more to do with it.
    is_leaving: bool,
}

impl Stand {
    pub(crate) fn new(queue: String, course: Course) -> Self {
        let (sound_over, look_at, speak_at, until) = (None, None, None, None);
        Self { queue, course, hears: Hears::Nothing, sound_over, look_at, speak_at, until, is_leaving: false }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        [self.sound_over, self.look_at, self.speak_at, self.until].into_iter().flatten().min()
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next_timeout().is_some_and(|at| at <= now)
    }

    fn rest(&mut self) {
        (self.sound_over, self.look_at, self.speak_at, self.until) = (None, None, None, None);
    }
}

impl ServiceCall {
    fn stand(&mut self) -> Option<&mut Stand> {
        match &mut self.plays {
            Plays::Queue(stand) => Some(stand),
            _ => None,
        }
    }

    /// The queue as it is now; one that is gone ends the call.
    fn queue(&mut self, context: &mut Context<'_>) -> Option<std::sync::Arc<Queue>> {
        let name = self.stand()?.queue.clone();
        let queue = context.house.directory.queue(&name);
        if queue.is_none() {
            self.end(Cause::NotObtainable, context);
        }
        queue
    }

    /// It comes into a queue.
    pub(crate) fn enter_queue(&mut self, context: &mut Context<'_>) {
        let Some(queue) = self.queue(context) else { return };
        let (call, member, now) = (self.id, self.member(), context.now);
        let (number, name, rings) = (member.number, member.name, Vec::new());
        let caller = QueuedCaller { call, number, name, since: now.civil, rings };
        context.house.reception.queues.enter(&queue.name, caller);
        let hears = Hears::Sounds(queue.sounds.greeting.clone());
        let over = hears.over_at(context);
        let Some(stand) = self.stand() else { return };
        (stand.hears, stand.sound_over) = (hears, over);
        let seconds = |seconds: u16| now.instant + Duration::from_secs(seconds.into());
        stand.until = queue.max_wait_seconds.map(seconds);
        stand.speak_at = queue.sounds.interval().map(seconds);
        self.publish(Event::Queued, Cause::NormalClearing, context);
        if over.is_some_and(|over| over > now.instant) {
            self.serve(context);
        } else {
            self.queue_due(context);
        }
    }

    /// A sound is over, it is time to look for an agent, or it has waited for too long.
    pub(crate) fn queue_due(&mut self, context: &mut Context<'_>) {
        let Some(queue) = self.queue(context) else { return };
        let now = context.now.instant;
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let is_rung = self.is_rung_for();
        let Some(stand) = self.stand() else { return };
        // Whoever is being rung for it may still come.
        if due(stand.until) && !is_rung {
            return self.overflow(&queue, context);
        }
        if due(stand.until) {
            stand.until = Some(now + LOOK_INTERVAL);
        }
        if due(stand.sound_over) {
            stand.sound_over = None;
            stand.hears = Hears::Music(queue.sounds.music.clone());
            stand.look_at.get_or_insert(now);
            self.serve(context);
        }
        self.speak(&queue, context);
        let Some(stand) = self.stand() else { return };
        if due(stand.look_at) {
            stand.look_at = Some(now + LOOK_INTERVAL);
            if !is_rung {
                self.look(&queue, context);
            }
        }
    }

    /// Tells it where it stands, in place of the music.
    fn speak(&mut self, queue: &Queue, context: &mut Context<'_>) {
        let now = context.now.instant;
        let place = context.house.reception.queues.place(&queue.name, self.id);
        let Some(stand) = self.stand() else { return };
        if stand.speak_at.is_none_or(|at| at > now) || stand.sound_over.is_some() {
            return;
        }
        let interval = queue.sounds.interval().map(|seconds| Duration::from_secs(seconds.into()));
        let mut sounds = queue.sounds.announcement.clone();
        if let Some(place) = place.filter(|_| !queue.sounds.position.is_empty()) {
            sounds.extend_from_slice(&queue.sounds.position);
            let digit = |digit: char| format!("digit-{digit}").parse::<SoundName>().ok();
            sounds.extend(place.to_string().chars().filter_map(digit));
        }
        stand.hears = Hears::Sounds(sounds);
        let over = stand.hears.over_at(context);
        stand.sound_over = over;
        // The pause is counted from the end, so that the music is heard in between.
        stand.speak_at = interval.map(|interval| over.unwrap_or(now) + interval);
        self.serve(context);
    }

    /// Has the next free agent rung.
    fn look(&mut self, queue: &Queue, context: &mut Context<'_>) {
        let directory = &context.house.directory;
        if let Some(to) = queue.no_agent.as_ref().filter(|_| !directory.has_agents(queue)) {
            return self.send_on(queue, to, ("no_agent", Why::Unavailable), context);
        }
        let outlook = Outlook {
            is_free: &|line| !directory.free_agent(line).is_empty(),
            rested: &|line| directory.rested(line),
        };
        let lines = context.house.reception.queues.claim(queue, self.id, &outlook, context.now.civil);
        if lines.is_empty() {
            return;
        }
        let time = Some(Duration::from_secs(queue.ring_seconds.into()));
        let label = Some(queue.label.clone()).filter(|label| !label.is_empty());
        let place = Place::Agents(lines, queue.number.to_string());
        self.ring_for(place, Ring { time, label }, context);
    }

    fn overflow(&mut self, queue: &Queue, context: &mut Context<'_>) {
        match &queue.overflow {
            Some(to) => self.send_on(queue, to, ("overflowed", Why::NoAnswer), context),
            None => {
                self.leave_queue("overflowed", context);
                self.end(Cause::NoAnswer, context);
            }
        }
    }

    /// It goes elsewhere, and hears that it rings there.
    fn send_on(
        &mut self,
        queue: &Queue,
        to: &ForwardTo,
        (outcome, why): (&'static str, Why),
        context: &mut Context<'_>,
    ) {
        self.leave_queue(outcome, context);
        let Some(stand) = self.stand() else { return };
        stand.rest();
        (stand.is_leaving, stand.hears) = (true, Hears::Ringback);
        let course = stand.course.diverted(&queue.pilot(), why);
        self.serve(context);
        match course {
            Some(course) => {
                let place = Place::SentOn { to: to.clone(), course, may_leave: true };
                self.ring_for(place, Ring::default(), context);
            }
            None => self.end(Cause::NotObtainable, context),
        }
    }

    /// The agent does not take the call, or nobody answers where it was sent.
    pub(crate) fn queue_failed(&mut self, verdict: Verdict, context: &mut Context<'_>) {
        let Some(queue) = self.queue(context) else { return };
        let (call, now) = (self.id, context.now);
        let Some(stand) = self.stand() else { return };
        if stand.is_leaving {
            return self.end(verdict.cause, context);
        }
        stand.look_at = Some(now.instant);
        let until = now.civil.plus(Duration::from_secs(queue.retry_seconds.into()));
        context.house.reception.queues.missed(&queue.name, call, until);
        metrics::counter!("carillon_queue_missed_total", "queue" => queue.name.clone()).increment(1);
    }

    /// Somebody has come for it.
    pub(crate) fn served_by(&mut self, line: Option<&LineId>, context: &mut Context<'_>) {
        let Plays::Queue(stand) = &self.plays else { return };
        let (name, Some(line)) = (stand.queue.clone(), line) else { return };
        let wrap_up = context.house.directory.queue(&name).map_or(0, |queue| queue.wrap_up_seconds);
        let wrap_up = Duration::from_secs(wrap_up.into());
        if let Some(since) = context.house.reception.queues.taken(&name, self.id, line, wrap_up) {
            left(&name, "answered", context.now.civil.since(since));
        }
    }

    /// It is in no queue any more, if it was in one.
    pub(crate) fn leave_queue(&mut self, outcome: &'static str, context: &mut Context<'_>) {
        let Plays::Queue(stand) = &self.plays else { return };
        if let Some(since) = context.house.reception.queues.leave(&stand.queue, self.id) {
            left(&stand.queue, outcome, context.now.civil.since(since));
        }
    }
}

fn left(queue: &str, outcome: &'static str, waited: Duration) {
    metrics::counter!("carillon_queue_calls_total", "queue" => queue.to_owned(), "outcome" => outcome)
        .increment(1);
    metrics::histogram!("carillon_queue_wait_seconds", "queue" => queue.to_owned())
        .record(waited.as_secs_f64());
}
