//! Callers come to an attendant or a queue: they are answered, and stay in a call of their own until somebody else has
//! them. They come from outside, from a call that has rung in vain, or by a transfer.

use std::time::Instant;

use media::{PlayMode, Region, Signal, Source, Tone};
use model::plan::SoundName;
use sip::endpoint::Endpoint;
use sip::sdp::Direction;

use super::house::{Context, House, Now};
use super::incoming::CallerLeg;
use super::outcome::{Failure, Verdict};
use super::service::{Plays, ServiceCall, Waits};
use super::switchboard::{Held, Switchboard};
use super::view::View;
use super::{Phase, wire};
use crate::course::Course;
use crate::features::attendant::Talk;
use crate::features::queue::Stand;
use crate::features::transfer;
use crate::place::{Caller, Pilot};
use crate::snapshot::{CallId, Cause};

/// What a caller hears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Hears {
    /// Nothing.
    #[default]
    Nothing,
    /// These sounds, once.
    Sounds(Vec<SoundName>),
    /// Music, in step with all who hear it; the house's when none is named.
    Music(Option<SoundName>),
    /// The tone of a phone that rings elsewhere.
    Ringback,
}

impl Hears {
    /// What is to be played, and how.
    pub(super) fn source(&self, house: &House) -> Option<(Source, PlayMode)> {
        match self {
            Self::Nothing => None,
            Self::Sounds(names) => {
                Some((house.reception.sounds.sequence(names.iter().map(SoundName::as_str)), PlayMode::Once))
            }
            Self::Music(name) => {
                let named = name.as_ref().and_then(|name| house.reception.sounds.sound(name.as_str()));
                let named = named.map(|sound| Source::Sounds(vec![sound]));
                let own = || media::Sound::music();
                let source = named.or_else(|| house.reception.music.clone());
                Some((source.unwrap_or_else(|| Source::Sounds(vec![own()])), PlayMode::Shared))
            }
            Self::Ringback => {
                Some((Source::Tone(Tone::of(Signal::RingBack, Region::International)), PlayMode::Loop))
            }
        }
    }

    /// When it is over, if it ends by itself and begins now.
    pub(crate) fn over_at(&self, context: &Context<'_>) -> Option<Instant> {
        let Self::Sounds(names) = self else { return None };
        let source = context.house.reception.sounds.sequence(names.iter().map(SoundName::as_str));
        Some(context.now.instant + source.duration().unwrap_or_default())
    }
}

impl Plays {
    fn of(pilot: Pilot, course: Course) -> Self {
        match pilot {
            Pilot::Attendant(name) => Self::Attendant(Box::new(Talk::new(name, course))),
            Pilot::Queue(name) => Self::Queue(Box::new(Stand::new(name, course))),
        }
    }
}

/// What the view shows as the other side: its number, else its name.
fn address(pilot: &Pilot, house: &House) -> String {
    match pilot {
        Pilot::Attendant(name) => {
            let number = house.directory.menu(name).and_then(|menu| menu.attendant.number.clone());
            number.map_or_else(|| name.clone(), |number| number.to_string())
        }
        Pilot::Queue(name) => {
            house.directory.queue(name).map_or_else(|| name.clone(), |queue| queue.number.to_string())
        }
    }
}

impl Switchboard {
    /// Answers a caller for an attendant or a queue; `None` when it was refused.
    pub(super) fn admit(
        &mut self,
        leg: CallerLeg,
        caller: &Caller,
        (pilot, course): (Pilot, Course),
        (id, endpoint, now): (CallId, &mut Endpoint, Now),
    ) -> Option<Box<ServiceCall>> {
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        let view = View::new(id, caller, now.civil).dialling(&leg.invite);
        if leg.offer.as_ref().is_some_and(|offer| offer.spoken_only().is_none()) {
            view.refused(Cause::IncompatibleDestination, &context.house.lines, now.civil);
            wire::refuse_with_tag(&mut context, leg.transaction, &leg.invite, 488, leg.tag.as_bytes());
            return None;
        }
        let address = address(&pilot, context.house);
        let plays = (Plays::of(pilot, course), Some(address.as_str()));
        let mut call = ServiceCall::answer(leg, view, plays, id, &mut context)?;
        call.begin_pilot(&mut context);
        Some(call)
    }

    /// A caller that is here already comes to an attendant or a queue.
    pub(super) fn take_in(
        &mut self,
        id: CallId,
        (pilot, course): (Pilot, Course),
        endpoint: &mut Endpoint,
        now: Now,
    ) {
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        match self.calls.get_mut(&id) {
            Some(Held::Service(call)) => call.come_to(pilot, course, &mut context),
            Some(Held::Bridge(call)) if call.is_parting() => {
                if !call.can_confer() {
                    let verdict = Verdict { status: 491, cause: Cause::ResourcesNotAvailable };
                    transfer::failed(call, verdict, &mut context);
                    return self.tidy(id);
                }
                let address = address(&pilot, context.house);
                let Some(Held::Bridge(call)) = self.calls.remove(&id) else { return };
                let service = call.into_pilot(Plays::of(pilot, course), &mut context);
                if let Some(mut service) = service {
                    service.view_mut().add_service(&address, now.civil);
                    service.ask_anew(&mut context);
                    service.begin_pilot(&mut context);
                    self.calls.insert(id, Held::Service(service));
                }
            }
            Some(Held::Bridge(call)) if call.phase == Phase::Ringing => {
                let surrendered = call.surrender_caller(&mut context);
                call.picked_up(&mut context);
                self.tidy(id);
                let Some((leg, caller)) = surrendered else { return };
                let new = self.new_id();
                if let Some(call) = self.admit(leg, &caller, (pilot, course), (new, endpoint, now)) {
                    self.calls.insert(new, Held::Service(call));
                    self.tidy(new);
                }
                return;
            }
            _ => return,
        }
        self.tidy(id);
    }
}

impl ServiceCall {
    /// What it waited for has led to an attendant or a queue.
    fn come_to(&mut self, pilot: Pilot, course: Course, context: &mut Context<'_>) {
        if self.over {
            return;
        }
        self.waits = None;
        self.leave_queue("sent on", context);
        let address = address(&pilot, context.house);
        self.view.end_services(context.now.civil);
        self.view.add_service(&address, context.now.civil);
        let was_menu = matches!(self.plays, Plays::Attendant(_) | Plays::Queue(_));
        self.plays = match (&self.plays, pilot) {
            // One who goes round in menus goes on counting.
            (Plays::Attendant(talk), Pilot::Attendant(name)) => {
                Plays::Attendant(Box::new(talk.next(name, course)))
            }
            (_, pilot) => Plays::of(pilot, course),
        };
        let talks = self.half.heard.as_ref().is_some_and(|heard| heard.direction() == Direction::SendRecv);
        if !was_menu || !talks {
            self.ask_anew(context);
        }
        self.begin_pilot(context);
    }

    /// Begins with what it came to.
    fn begin_pilot(&mut self, context: &mut Context<'_>) {
        match &self.plays {
            Plays::Attendant(_) => self.enter_menu(context),
            Plays::Queue(_) => self.enter_queue(context),
            _ => {}
        }
    }

    /// Something of its attendant's or queue's is due.
    pub(super) fn pilot_timeout(&mut self, context: &mut Context<'_>) {
        match &self.plays {
            Plays::Attendant(talk) if talk.is_due(context.now.instant) => self.menu_due(context),
            Plays::Queue(stand) if stand.is_due(context.now.instant) => self.queue_due(context),
            _ => {}
        }
    }

    pub(super) fn pilot_due(&self) -> Option<Instant> {
        match &self.plays {
            Plays::Attendant(talk) => talk.due,
            Plays::Queue(stand) => stand.next_timeout(),
            _ => None,
        }
    }

    /// Nobody answers where the attendant or the queue has sent it.
    pub(super) fn pilot_failed(&mut self, verdict: Verdict, context: &mut Context<'_>) {
        if self.waits.take_if(|waits| matches!(waits, Waits::Target { .. })).is_none() {
            return;
        }
        match &self.plays {
            Plays::Attendant(_) => self.menu_failed(verdict, context),
            Plays::Queue(_) => self.queue_failed(verdict, context),
            _ => {}
        }
    }

    /// Is anybody being rung for it?
    pub(crate) fn is_rung_for(&self) -> bool {
        matches!(self.waits, Some(Waits::Target { .. }))
    }

    /// Phones are rung for it; what cannot even be ordered has failed.
    pub(crate) fn ring_for(&mut self, place: super::letter::Place, ring: Ring, context: &mut Context<'_>) {
        let caller = self.member();
        let Some(mut order) = self.order(place, caller) else {
            self.waits = Some(Waits::Target { attempt: None, transferor: None });
            return self.pilot_failed(Failure::NotAcceptable.verdict(), context);
        };
        order.ring_time = ring.time;
        if let Some(label) = ring.label {
            let known = order.shown.name.take().unwrap_or_else(|| order.shown.number.clone());
            order.shown.name = Some(format!("{label}: {known}"));
        }
        self.waits = Some(Waits::Target { attempt: None, transferor: None });
        context.index.letters.push_back(super::letter::Letter::Ring(Box::new(order)));
    }
}

/// How phones are rung for a caller.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ring {
    /// How long; `None` is the plan's or the server's setting.
    pub time: Option<std::time::Duration>,
    /// What they show before the caller's name.
    pub label: Option<String>,
}
