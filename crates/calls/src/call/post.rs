//! The post between calls: what one has to say to another is delivered when it has done its own work.

use std::time::Duration;

use sip::endpoint::Endpoint;

use super::attempt::Attempt;
use super::house::{Context, Now};
use super::leg::Leg;
use super::letter::{Fetch, FetchPurpose, Letter, Loan, Order, Progress, Unlent, Wanted};
use super::outcome::Verdict;
use super::service::Waits;
use super::switchboard::{Held, Switchboard};
use super::{Call, End, Phase};
use crate::features::announcement::Announcement;
use crate::features::{confer, conference, transfer};
use crate::place::{self, Destination, Dialled, Limits};
use crate::snapshot::{CallId, Cause, ConnectionState, Event};

/// How long a letter waits for a call that is busy with something else.
const AGAIN: Duration = Duration::from_millis(300);
/// How often it waits so.
const TRIES_MAX: u8 = 20;
/// How long a dialog is known that was ended away from home: as long as a BYE is repeated (64 T1, RFC 3261
/// §17.1.2.2).
const FORGET_AFTER: Duration = Duration::from_secs(33);
/// Letters that wait; more are answered that the call is busy.
const DELAYED_MAX: usize = 1_000;

/// What a call has to say to a call of another shard.
#[derive(Debug)]
pub struct Post(Letter);

impl Post {
    /// To a call at a route point: the application that it waits for is gone.
    pub fn unrouted(call: CallId) -> Self {
        Self(Letter::Unrouted { call })
    }
}

impl Switchboard {
    /// Delivers all letters; those for other shards are left in the outbox.
    pub(super) fn deliver(&mut self, endpoint: &mut Endpoint, now: Now) {
        while let Some(letter) = self.index.letters.pop_front() {
            let shard = letter.shard(self.house.shard, &self.house.moved);
            if shard == self.house.shard.index {
                self.open(letter, endpoint, now);
            } else {
                self.outbox.push((shard, letter));
            }
        }
    }

    /// Takes what calls of other shards have to say, and gives what is for them: the shard, and the letter.
    pub fn exchange_letters(
        &mut self,
        letters: Vec<Post>,
        endpoint: &mut Endpoint,
        now: Now,
    ) -> Vec<(usize, Post)> {
        for Post(letter) in letters {
            self.open(letter, endpoint, now);
            self.deliver(endpoint, now);
        }
        std::mem::take(&mut self.outbox).into_iter().map(|(shard, letter)| (shard, Post(letter))).collect()
    }

    pub(super) fn deliver_delayed(&mut self, endpoint: &mut Endpoint, now: Now) {
        let (due, later) =
            std::mem::take(&mut self.delayed).into_iter().partition(|(at, _)| *at <= now.instant);
        self.delayed = later;
        let due: Vec<(std::time::Instant, Letter)> = due;
        while let Some(at) = self.forgotten.iter().position(|(at, _)| *at <= now.instant) {
            let (_, call_id) = self.forgotten.swap_remove(at);
            if !self.index.dialogs.contains(&call_id) {
                self.index.moved.forget(&call_id);
            }
        }
        self.index.letters.extend(due.into_iter().map(|(_, letter)| letter));
        self.deliver(endpoint, now);
    }

    fn delay(&mut self, letter: Letter, now: Now) {
        self.delayed.push((now.instant + AGAIN, letter));
    }

    fn open(&mut self, letter: Letter, endpoint: &mut Endpoint, now: Now) {
        match letter {
            Letter::Ring(order) => self.ring(&order, endpoint, now),
            Letter::GiveUp { attempt } => {
                let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
                if let Some(Held::Attempt(held)) = self.calls.get_mut(&attempt) {
                    held.give_up(&mut context);
                }
                self.tidy(attempt);
            }
            Letter::Progress(progress) => self.progress(&progress, endpoint, now),
            Letter::Answered { host, leg } => self.answered(host, *leg, endpoint, now),
            Letter::Failed { host, verdict } => self.failed(host, verdict, endpoint, now),
            Letter::Fetch(fetch) => self.fetch(*fetch, endpoint, now),
            Letter::Fetched { to, loan } => self.fetched(to, loan.map(|loan| *loan), endpoint, now),
            Letter::Kept { lender } => {
                let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
                match self.calls.get_mut(&lender) {
                    Some(Held::Bridge(call)) => call.lent_for_good(&mut context),
                    Some(Held::Service(call)) => call.lent_for_good(&mut context),
                    _ => {}
                }
                self.tidy(lender);
            }
            Letter::Returned { lender, leg } => {
                let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
                match self.calls.get_mut(&lender) {
                    Some(Held::Bridge(call)) => call.take_back(*leg, &mut context),
                    Some(Held::Service(call)) => call.take_back(*leg, &mut context),
                    _ => leg.dismiss(&mut context),
                }
                self.tidy(lender);
            }
            Letter::Alone { call } => self.leave_alone(call, None, endpoint, now),
            Letter::Park { call, slot } => self.leave_alone(call, Some(slot), endpoint, now),
            Letter::Confer { call, room, leaves } => self.confer(call, (&room, leaves), endpoint, now),
            Letter::Announce { leg, verdict } => {
                let id = self.new_id();
                let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
                let heard = Announcement::start(*leg, verdict, id, &mut context);
                if let Some(heard) = heard {
                    self.calls.insert(id, Held::Announcement(heard));
                }
                self.tidy(id);
            }
            Letter::TakeIn { call, pilot, course } => self.take_in(call, (pilot, course), endpoint, now),
            Letter::LeftAlone { call } => self.end(call, Cause::NormalClearing, endpoint, now),
            Letter::Unrouted { call: id } => {
                let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
                if let Some(Held::Bridge(call)) = self.calls.get_mut(&id) {
                    call.unrouted(&mut context);
                }
                self.tidy(id);
            }
            Letter::Forget { call_id } => self.forgotten.push((now.instant + FORGET_AFTER, call_id)),
        }
    }

    fn ring(&mut self, order: &Order, endpoint: &mut Endpoint, now: Now) {
        let id = self.new_id();
        let mut asked_by = order.allowed_as.clone();
        let limits = Limits { calls_per_line_max: self.house.limits.calls_per_line_max };
        let found = order.place.phones(&mut asked_by, &self.house);
        let found = found
            .and_then(|found| place::past_route_points(&*self.house.directory, found, &asked_by, limits));
        let found = match found {
            Ok(Destination::Pilot { pilot, course }) => {
                return self.take_in(order.host, (pilot, course), endpoint, now);
            }
            Ok(found) => (order, &asked_by, found),
            Err(reason) => {
                let (host, verdict) = (order.host, Verdict::from(reason));
                return self.index.letters.push_back(Letter::Failed { host, verdict });
            }
        };
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        let started = match self.calls.get_mut(&order.host) {
            Some(Held::Bridge(call)) => Attempt::start(found, id, call.view_mut(), &mut context)
                .inspect(|_| transfer::set_attempt(call, id, &context)),
            Some(Held::Service(call)) => Attempt::start(found, id, call.view_mut(), &mut context)
                .inspect(|_| call.set_attempt(id, &context)),
            Some(Held::Originator(call)) => Attempt::start(found, id, call.view_mut(), &mut context)
                .inspect(|_| call.set_attempt(id, &context)),
            _ => return,
        };
        match started {
            Ok(mut attempt) => {
                attempt.conclude(&mut context);
                self.calls.insert(id, Held::Attempt(attempt));
                self.tidy(id);
            }
            Err(verdict) => self.index.letters.push_back(Letter::Failed { host: order.host, verdict }),
        }
    }

    fn progress(&mut self, progress: &Progress, endpoint: &mut Endpoint, now: Now) {
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        let Progress { host, connection, state, ref dialog, status } = *progress;
        let event = match state {
            ConnectionState::Alerting => Event::Delivered,
            ConnectionState::Fail => Event::Failed,
            _ => Event::ConnectionCleared,
        };
        let view = match self.calls.get_mut(&host) {
            Some(Held::Bridge(call)) => {
                if let Some(status) = status {
                    transfer::progress(call, status, &mut context);
                }
                call.view_mut()
            }
            Some(Held::Service(call)) => call.view_mut(),
            Some(Held::Originator(call)) => call.view_mut(),
            _ => return,
        };
        if let Some(dialog) = dialog {
            view.set_dialog(connection, dialog.clone());
        }
        if view.set(connection, state, now.civil) {
            view.publish(event, Cause::NormalClearing, &self.house.lines, now.civil);
        }
    }

    fn answered(&mut self, host: CallId, leg: Leg, endpoint: &mut Endpoint, now: Now) {
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        match self.calls.get_mut(&host) {
            Some(Held::Bridge(call)) => {
                if let Err(leg) = transfer::arrived(call, leg, None, &mut context) {
                    leg.dismiss(&mut context);
                }
            }
            Some(Held::Service(_)) => return self.meet(host, leg, None, endpoint, now),
            Some(Held::Originator(_)) => {
                let Some(Held::Originator(originator)) = self.calls.remove(&host) else { return };
                let service = originator.answered(leg, &mut context);
                self.calls.insert(host, Held::Service(service));
            }
            _ => leg.dismiss(&mut context),
        }
        self.tidy(host);
    }

    /// A phone has come for one that waits alone.
    fn meet(&mut self, host: CallId, leg: Leg, lender: Option<CallId>, endpoint: &mut Endpoint, now: Now) {
        let Some(Held::Service(service)) = self.calls.get(&host) else { return };
        if !service.is_quiet() && self.delayed.len() < DELAYED_MAX {
            return match lender {
                Some(lender) => {
                    let loan = Ok(Box::new(Loan { leg, lender }));
                    self.delay(Letter::Fetched { to: host, loan }, now);
                }
                None => self.delay(Letter::Answered { host, leg: Box::new(leg) }, now),
            };
        }
        let Some(Held::Service(mut service)) = self.calls.remove(&host) else { return };
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        service.served_by(leg.member.line.as_ref(), &mut context);
        let call = Call::meeting(*service, leg, lender, &mut context);
        self.calls.insert(host, Held::Bridge(call));
        self.tidy(host);
    }

    fn failed(&mut self, host: CallId, verdict: Verdict, endpoint: &mut Endpoint, now: Now) {
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        match self.calls.get_mut(&host) {
            Some(Held::Bridge(call)) => transfer::failed(call, verdict, &mut context),
            Some(Held::Service(call)) => call.target_failed(verdict, &mut context),
            Some(Held::Originator(call)) => call.failed(verdict.cause, &mut context),
            _ => {}
        }
        self.tidy(host);
    }

    /// One end of a call leaves; the other one waits alone, or is parked at a slot.
    fn leave_alone(&mut self, id: CallId, slot: Option<String>, endpoint: &mut Endpoint, now: Now) {
        if !matches!(self.calls.get(&id), Some(Held::Bridge(call)) if call.is_parting()) {
            if let Some(slot) = slot {
                self.house.parking.leave(&slot);
            }
            return;
        }
        let Some(Held::Bridge(call)) = self.calls.remove(&id) else { return };
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        let service = match slot {
            Some(slot) => call.into_parked(slot, &mut context),
            None => call.into_alone(&mut context),
        };
        if let Some(service) = service {
            self.calls.insert(id, Held::Service(service));
        }
        self.tidy(id);
    }

    /// The ends of a call come into a conference.
    fn confer(&mut self, id: CallId, (room, leaves): (&str, Option<End>), endpoint: &mut Endpoint, now: Now) {
        if !matches!(self.calls.get(&id), Some(Held::Bridge(call)) if call.can_confer()) {
            return;
        }
        let Some(Held::Bridge(call)) = self.calls.remove(&id) else { return };
        let second = self.new_id();
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        for party in call.into_conference((room, leaves), second, &mut context) {
            self.calls.insert(party.id, Held::Service(Box::new(party)));
        }
        self.tidy(id);
        self.tidy(second);
    }

    /// A line wants to come into a call of its own; says which conference the call has become.
    fn barge(&mut self, fetch: &Fetch, endpoint: &mut Endpoint, now: Now) -> Unlent {
        let Wanted::Dialog(dialog) = &fetch.wanted else { return Unlent::NoSuchDialog };
        let Some(id) = self.index.call_of(dialog) else { return Unlent::NoSuchDialog };
        match self.calls.get(&id) {
            Some(Held::Bridge(call)) => {
                if let Err(unlent) = confer::may_barge(call, dialog, &fetch.who, &self.house) {
                    return unlent;
                }
                let room = conference::room_of_call(id);
                self.confer(id, (&room, None), endpoint, now);
                Unlent::Confers(room)
            }
            Some(Held::Service(call)) => match call.room() {
                Some(room) if call.member().is_same(&fetch.who) => Unlent::Confers(room.to_owned()),
                _ => Unlent::NotAllowed,
            },
            _ => Unlent::NoSuchDialog,
        }
    }

    /// Lends a leg, or says why not.
    fn fetch(&mut self, fetch: Fetch, endpoint: &mut Endpoint, now: Now) {
        let loan = match fetch.purpose {
            FetchPurpose::Join => Err(self.barge(&fetch, endpoint, now)),
            _ => self.lend(&fetch, endpoint, now),
        };
        let loan = match loan {
            Ok(Some(loan)) => {
                // It is not here any more, and not yet there.
                self.index.dialogs.remove(&loan.leg.half.dialog.id().call_id, loan.lender);
                Ok(Box::new(loan))
            }
            // It comes when its phone has acknowledged our answer.
            Ok(None) => return,
            Err(Unlent::Busy) if fetch.tries < TRIES_MAX && self.delayed.len() < DELAYED_MAX => {
                let fetch = Fetch { tries: fetch.tries + 1, ..fetch };
                return self.delay(Letter::Fetch(Box::new(fetch)), now);
            }
            Err(unlent) => Err(unlent),
        };
        self.index.letters.push_back(Letter::Fetched { to: fetch.by, loan });
    }

    fn lend(&mut self, fetch: &Fetch, endpoint: &mut Endpoint, now: Now) -> Result<Option<Loan>, Unlent> {
        let id = match &fetch.wanted {
            Wanted::Dialog(replaces) => self.index.call_of(replaces).ok_or(Unlent::NoSuchDialog)?,
            Wanted::PartnerOf(call, _) | Wanted::Parked(call) => *call,
        };
        if fetch.by.shard() != self.house.shard.index && !self.house.moved.has_room() {
            return Err(Unlent::Busy);
        }
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        match self.calls.get_mut(&id) {
            Some(Held::Bridge(call)) => match call.lends(fetch)? {
                Lends::Talking(pair, end) => {
                    let leg = call.lend(pair, end).ok_or(Unlent::Busy)?;
                    Ok(Some(Loan { leg, lender: id }))
                }
                Lends::Caller => self.pick_up(id, fetch, endpoint, now).map(|()| None),
            },
            Some(Held::Service(call)) => match &fetch.wanted {
                Wanted::Parked(_) => call.lend(&mut context).map(Some).ok_or(Unlent::Busy),
                _ => Err(Unlent::NoSuchDialog),
            },
            _ => Err(Unlent::NoSuchDialog),
        }
    }

    /// Answers a caller whom somebody picks up; as soon as it has acknowledged that, it goes there.
    fn pick_up(
        &mut self,
        id: CallId,
        fetch: &Fetch,
        endpoint: &mut Endpoint,
        now: Now,
    ) -> Result<(), Unlent> {
        let held_as = self.new_id();
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        let Some(Held::Bridge(call)) = self.calls.get_mut(&id) else { return Err(Unlent::NoSuchDialog) };
        let caller = call.surrender_caller(&mut context).ok_or(Unlent::Ended)?;
        let service = Call::hold_caller(caller, held_as, &mut context);
        call.picked_up(&mut context);
        self.tidy(id);
        let mut service = service.ok_or(Unlent::Ended)?;
        service.waits = Some(Waits::Promised(Box::new(fetch.clone())));
        self.calls.insert(held_as, Held::Service(service));
        self.tidy(held_as);
        Ok(())
    }

    fn fetched(&mut self, to: CallId, loan: Result<Loan, Unlent>, endpoint: &mut Endpoint, now: Now) {
        let mut context = Context { endpoint, house: &self.house, index: &mut self.index, now };
        let unwanted = match self.calls.get_mut(&to) {
            Some(Held::Bridge(call)) => transfer::fetched(call, loan, &mut context),
            Some(Held::Newcomer(_)) => {
                let Some(Held::Newcomer(newcomer)) = self.calls.remove(&to) else { return };
                if let Err(Unlent::Confers(room)) = &loan {
                    if let Some(party) = newcomer.comes_into(room, &mut context) {
                        self.calls.insert(to, Held::Service(party));
                    }
                    return self.tidy(to);
                }
                if let Some(call) = newcomer.fetched(loan, &mut context) {
                    self.calls.insert(to, Held::Bridge(call));
                }
                None
            }
            _ => loan.ok(),
        };
        if let Some(Loan { leg, lender }) = unwanted {
            self.index.letters.push_back(Letter::Returned { lender, leg: Box::new(leg) });
        }
        self.tidy(to);
    }
}

/// Which leg a call lends.
enum Lends {
    /// An end of a pair that talks.
    Talking(usize, End),
    /// The caller of a call that rings.
    Caller,
}

impl Call {
    /// Which leg is meant, and may it go (RFC 3891 §3)?
    fn lends(&self, fetch: &Fetch) -> Result<Lends, Unlent> {
        let (pair, replaced, early_only) = match &fetch.wanted {
            Wanted::Dialog(replaces) => {
                let (pair, end) = self.dialog_of(replaces).ok_or(Unlent::NoSuchDialog)?;
                (pair, end, replaces.early_only)
            }
            Wanted::PartnerOf(_, line) => {
                let (pair, end) = self.place_of(line).ok_or(Unlent::NoSuchDialog)?;
                (pair, end, false)
            }
            Wanted::Parked(_) => return Err(Unlent::NoSuchDialog),
        };
        // What somebody keeps for themselves, no other phone of the line goes on with (`CC-16`).
        let takes_over =
            fetch.purpose == FetchPurpose::Replace && matches!(fetch.wanted, Wanted::PartnerOf(..));
        if takes_over && self.pairs[pair].half(replaced).is_private {
            return Err(Unlent::NotAllowed);
        }
        let member = self.member(pair, replaced);
        if fetch.purpose == FetchPurpose::Transfer && !member.is_same(&fetch.who) {
            return Err(Unlent::NotAllowed);
        }
        match self.phase {
            Phase::Answered(talking) if talking == pair && early_only => Err(Unlent::NotEarly),
            Phase::Answered(talking) if talking == pair => Ok(Lends::Talking(pair, replaced.other())),
            Phase::Ringing if replaced == End::Callee && fetch.purpose == FetchPurpose::Replace => {
                Ok(Lends::Caller)
            }
            // "if the early dialog was not initiated by this user agent": a caller that rings (RFC 3891 §3).
            Phase::Ringing if fetch.purpose == FetchPurpose::Transfer => {
                Err(self.dialled().map_or(Unlent::NoSuchDialog, Unlent::StillRings))
            }
            Phase::Ringing => Err(Unlent::NoSuchDialog),
            _ => Err(Unlent::Ended),
        }
    }

    /// The end whose dialog a Replaces names: as we see it, or as the phone does that a lamp watches.
    pub(crate) fn dialog_of(&self, replaces: &sip::header::Replaces) -> Option<(usize, End)> {
        let ends = [End::Caller, End::Callee];
        let places = (0..self.pairs.len()).flat_map(|pair| ends.map(|end| (pair, end)));
        places.into_iter().find(|(pair, end)| {
            let id = self.pairs[*pair].half(*end).dialog.id();
            let tags = (&id.local_tag, &id.remote_tag);
            let (to, from) = (&replaces.to_tag, &replaces.from_tag);
            id.call_id == replaces.call_id && (tags == (to, from) || tags == (from, to))
        })
    }

    /// Where a line is in the pair that talks.
    pub(crate) fn place_of(&self, line: &model::LineId) -> Option<(usize, End)> {
        let Phase::Answered(pair) = self.phase else { return None };
        let at = |end: &End| self.member(pair, *end).line.as_ref() == Some(line);
        [End::Caller, End::Callee].into_iter().find(at).map(|end| (pair, end))
    }

    /// What the caller dialled.
    fn dialled(&self) -> Option<Dialled> {
        let uri = self.caller.as_ref()?.invite.uri().ok()?;
        super::incoming::dialled(&uri, "").map(|dialled| Dialled { foreign_domain: None, ..dialled })
    }
}
