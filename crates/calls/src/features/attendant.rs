//! Automatic attendants: a caller hears a menu and chooses by keys (`CC-15`).
//!
//! Keys come from the phone's telephone events (RFC 4733) by way of media, or by INFO. How long a prompt lasts is
//! known, so the clock alone says when it is over. What a menu may reach is what its own search space lists, whoever
//! calls; numbers that are dialled directly never leave the house.

use std::time::{Duration, Instant};

use model::plan::{Choice, Digits, ForwardTo, Key, SoundName};

use crate::call::house::Context;
use crate::call::letter::Place;
use crate::call::outcome::Verdict;
use crate::call::pilots::{Hears, Ring};
use crate::call::service::{Plays, ServiceCall};
use crate::course::{Course, Why};
use crate::dialplan::Menu;
use crate::snapshot::Cause;

/// Menus, repetitions and pieces of information that one call may go through.
const TURNS_MAX: u8 = 32;
/// Keys of one number that are looked at.
const KEYS_MAX: usize = 32;

/// Where a caller is in a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Talk {
    menu: String,
    course: Course,
    /// What it hears.
    pub hears: Hears,
    /// When something is to be done.
    pub due: Option<Instant>,
    step: Step,
    keys: String,
    /// How often nothing of use was keyed in.
    tries: u8,
    turns: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It hears what is said at these hours; what is done then is certain.
    Greeted,
    /// It hears the menu.
    Hearing,
    /// It has heard the menu.
    Choosing,
    /// It dials a number.
    Dialling,
    /// Somebody is called for it; after `last` there is nothing more to try.
    Calling { is_last: bool },
}

impl Talk {
    pub(crate) fn new(menu: String, course: Course) -> Self {
        let (hears, keys) = (Hears::Nothing, String::new());
        Self { menu, course, hears, due: None, step: Step::Hearing, keys, tries: 0, turns: 0 }
    }

    /// The same caller in another menu.
    pub(crate) fn next(&self, menu: String, course: Course) -> Self {
        Self { turns: self.turns, ..Self::new(menu, course) }
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| due <= now)
    }
}

impl ServiceCall {
    fn talk(&mut self) -> Option<&mut Talk> {
        match &mut self.plays {
            Plays::Attendant(talk) => Some(talk),
            _ => None,
        }
    }

    /// The menu as it is now; a menu that is gone ends the call.
    fn menu(&mut self, context: &mut Context<'_>) -> Option<Menu> {
        let name = self.talk()?.menu.clone();
        let menu = context.house.directory.menu(&name);
        if menu.is_none() {
            self.end(Cause::NotObtainable, context);
        }
        menu
    }

    /// It comes into a menu.
    pub(crate) fn enter_menu(&mut self, context: &mut Context<'_>) {
        let Some(menu) = self.menu(context) else { return };
        let name = menu.attendant.name.clone();
        metrics::counter!("carillon_attendant_calls_total", "attendant" => name).increment(1);
        let mut sounds = menu.greeting().to_vec();
        if menu.then().is_some() {
            return self.say(sounds, Step::Greeted, context);
        }
        sounds.extend_from_slice(menu.prompt());
        self.say(sounds, Step::Hearing, context);
    }

    fn say(&mut self, sounds: Vec<SoundName>, step: Step, context: &mut Context<'_>) {
        let hears = Hears::Sounds(sounds);
        let due = hears.over_at(context);
        let Some(talk) = self.talk() else { return };
        talk.keys.clear();
        (talk.hears, talk.due, talk.step) = (hears, due, step);
        self.serve(context);
    }

    /// Its sound is over, or it has waited for long enough.
    pub(crate) fn menu_due(&mut self, context: &mut Context<'_>) {
        let Some(menu) = self.menu(context) else { return };
        let now = context.now.instant;
        let Some(talk) = self.talk() else { return };
        talk.due = None;
        match talk.step {
            Step::Greeted => {
                let then = menu.then().cloned().unwrap_or_default();
                self.act(&menu, &then, true, context);
            }
            Step::Hearing => {
                talk.hears = Hears::Nothing;
                talk.step = Step::Choosing;
                talk.due = Some(now + Duration::from_secs(menu.attendant.first_key_seconds.into()));
            }
            Step::Choosing => self.useless(&menu, false, context),
            Step::Dialling => self.decide(&menu, true, context),
            Step::Calling { .. } => {}
        }
    }

    /// It presses a key, in the middle of the menu too.
    pub(crate) fn menu_key(&mut self, key: char, context: &mut Context<'_>) {
        let chooses = |talk: &mut Talk| !matches!(talk.step, Step::Greeted | Step::Calling { .. });
        if !self.talk().is_some_and(chooses) || Key::of(key).is_none() {
            return;
        }
        let Some(menu) = self.menu(context) else { return };
        let Some(talk) = self.talk() else { return };
        if talk.keys.len() < KEYS_MAX {
            talk.keys.push(key);
        }
        if std::mem::take(&mut talk.hears) != Hears::Nothing {
            self.serve(context);
        }
        self.decide(&menu, false, context);
    }

    /// What was keyed in so far is a number, a choice, the beginning of a number, or nothing of use.
    fn decide(&mut self, menu: &Menu, is_complete: bool, context: &mut Context<'_>) {
        let now = context.now.instant;
        let Some(talk) = self.talk() else { return };
        let (keys, is_complete) = match talk.keys.strip_suffix('#') {
            Some(before) if !before.is_empty() => (before, true),
            _ => (talk.keys.as_str(), is_complete),
        };
        let attendant = &menu.attendant;
        let number = Digits::parse(keys).ok();
        let goes_on = |number: &Digits| attendant.extensions.iter().any(|one| one.could_become(number));
        if !is_complete && number.as_ref().is_some_and(goes_on) {
            talk.step = Step::Dialling;
            talk.due = Some(now + Duration::from_secs(attendant.next_key_seconds.into()));
            return;
        }
        let mut signs = keys.chars();
        let key = signs.next().and_then(Key::of).filter(|_| signs.next().is_none());
        match number.filter(|number| attendant.extensions.iter().any(|one| one.matches(number))) {
            Some(number) => {
                count(menu, "extension");
                self.dial(menu, &number, (false, false), context);
            }
            None => match key.and_then(|key| menu.choice(key)) {
                Some(choice) => self.act(menu, choice, false, context),
                None => self.useless(menu, true, context),
            },
        }
    }

    /// Nothing, or nothing of use, was keyed in.
    fn useless(&mut self, menu: &Menu, was_keyed: bool, context: &mut Context<'_>) {
        count(menu, if was_keyed { "invalid" } else { "nothing" });
        let Some(talk) = self.talk() else { return };
        talk.tries += 1;
        if talk.tries >= menu.attendant.tries {
            return self.act(menu, &menu.attendant.last, true, context);
        }
        let invalid = if was_keyed { menu.attendant.invalid.as_slice() } else { &[] };
        self.say([invalid, menu.prompt()].concat(), Step::Hearing, context);
    }

    fn act(&mut self, menu: &Menu, choice: &Choice, is_last: bool, context: &mut Context<'_>) {
        let Some(talk) = self.talk() else { return };
        talk.turns += 1;
        if talk.turns > TURNS_MAX {
            tracing::warn!(
                limit = TURNS_MAX,
                attendant = menu.attendant.name,
                "a caller goes round in menus"
            );
            return self.end(Cause::ResourcesNotAvailable, context);
        }
        match choice {
            Choice::Repeat => {
                count(menu, "repeat");
                self.say(menu.prompt().to_vec(), Step::Hearing, context);
            }
            Choice::HangUp => {
                count(menu, "hang_up");
                self.end(Cause::NormalClearing, context);
            }
            Choice::Dial(number) => {
                count(menu, "dial");
                self.dial(menu, number, (true, is_last), context);
            }
            Choice::Menu(name) => {
                count(menu, "menu");
                *talk = talk.next(name.clone(), talk.course.clone());
                self.enter_menu(context);
            }
            Choice::Play(sounds) => {
                count(menu, "play");
                self.say([sounds.as_slice(), menu.prompt()].concat(), Step::Hearing, context);
            }
        }
    }

    /// Somebody is called for it.
    fn dial(
        &mut self,
        menu: &Menu,
        number: &Digits,
        (may_leave, is_last): (bool, bool),
        context: &mut Context<'_>,
    ) {
        let Some(talk) = self.talk() else { return };
        talk.keys.clear();
        (talk.hears, talk.due, talk.step) = (Hears::Ringback, None, Step::Calling { is_last });
        let course = match menu.attendant.pilot() {
            Some(pilot) => talk.course.diverted(&pilot, Why::Deflection),
            None => Some(talk.course.clone()),
        };
        self.serve(context);
        let to = ForwardTo { to: *number, search_space: menu.attendant.search_space.clone() };
        match course {
            Some(course) => self.ring_for(Place::SentOn { to, course, may_leave }, Ring::default(), context),
            None => self.end(Cause::NotObtainable, context),
        }
    }

    /// Whom it has chosen does not answer, or is not to be had.
    pub(crate) fn menu_failed(&mut self, verdict: Verdict, context: &mut Context<'_>) {
        let is_last = matches!(self.talk().map(|talk| talk.step), Some(Step::Calling { is_last: true }));
        if is_last {
            return self.end(verdict.cause, context);
        }
        if let Some(menu) = self.menu(context) {
            self.useless(&menu, true, context);
        }
    }
}

fn count(menu: &Menu, choice: &'static str) {
    let attendant = menu.attendant.name.clone();
    metrics::counter!("carillon_attendant_choices_total", "attendant" => attendant, "choice" => choice)
        .increment(1);
}
