//! The composition policy (`PS-07`, appendix A3): a pure function from observations to one presence.

use model::{LineId, Timestamp};
use serde::Serialize;

use crate::observation::{Observation, Observed, Show, Source};

/// The states that people see, in the words of `PS-07`, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Explicit do not disturb (red).
    DoNotDisturb,
    /// Out of office (red).
    OutOfOffice,
    /// Explicit busy (red).
    Busy,
    /// Any line of the user is off-hook (yellow).
    OnThePhone,
    /// The calendar says busy (yellow).
    InAMeeting,
    /// Active on any client (green).
    Available,
    /// Signed in, idle on all clients (yellow).
    Idle,
    /// Not signed in anywhere (grey).
    Offline,
}

/// The activity to publish beside the state (XEP-0108, RFC 4480 §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// XEP-0108 `talking/on_the_phone`, RPID `on-the-phone`.
    OnThePhone,
    /// XEP-0108 `working/in_a_meeting`, RPID `meeting`.
    Meeting,
}

/// Why the state is what it is; shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A line is in a call.
    Line(LineId, Timestamp),
    /// A client said so, by its resource.
    Client(String, Timestamp),
    /// The user chose so.
    Choice(Timestamp),
    /// The calendar says so.
    Calendar(Timestamp),
    /// A phone or gateway published so.
    Publication(Timestamp),
    /// Nothing is signed in.
    NothingSignedIn,
}

/// One user's composed presence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The state people see.
    pub state: State,
    /// The status text of the client that decided, when there is one.
    pub status: Option<String>,
    /// The activity to publish with it.
    pub activity: Option<Activity>,
    /// Why.
    pub reason: Reason,
    /// A phone of the user is registered: reachable by voice.
    pub reachable_by_phone: bool,
    /// A client with non-negative priority is signed in: reachable by chat.
    pub reachable_by_chat: bool,
}

/// What an organisation may change about the composition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// A call on a line shows as "On the phone".
    pub phone_shows: bool,
    /// A busy calendar shows as "In a meeting".
    pub calendar_shows: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { phone_shows: true, calendar_shows: true }
    }
}

impl State {
    /// The words shown to people.
    pub fn words(self) -> &'static str {
        match self {
            Self::DoNotDisturb => "Do not disturb",
            Self::OutOfOffice => "Out of office",
            Self::Busy => "Busy",
            Self::OnThePhone => "On the phone",
            Self::InAMeeting => "In a meeting",
            Self::Available => "Available",
            Self::Idle => "Idle",
            Self::Offline => "Offline",
        }
    }
}

impl Reason {
    fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Line(_, since) | Self::Client(_, since) => Some(*since),
            Self::Choice(since) | Self::Calendar(since) | Self::Publication(since) => Some(*since),
            Self::NothingSignedIn => None,
        }
    }
}

impl Presence {
    /// State and reason in one sentence: "On the phone, because line 1002 is in a call since 10:41".
    pub fn explanation(&self) -> String {
        let because = match &self.reason {
            Reason::Line(line, _) => format!("line {line} is in a call"),
            Reason::Client(resource, _) => match self.state {
                State::Idle => format!("every client is idle, {resource} the least"),
                State::DoNotDisturb => format!("the client {resource} asked not to be disturbed"),
                _ => format!("the client {resource} is signed in"),
            },
            Reason::Choice(_) => "it was chosen by hand".to_owned(),
            Reason::Calendar(_) => "the calendar says so".to_owned(),
            Reason::Publication(_) => "a phone published it".to_owned(),
            Reason::NothingSignedIn => "no client is signed in".to_owned(),
        };
        match self.reason.since() {
            Some(since) => {
                format!("{}, because {because} since {}", self.state.words(), since.hour_and_minute())
            }
            None => format!("{}, because {because}", self.state.words()),
        }
    }
}

/// Composes one presence from all that is known about one user. Lapsed observations do not count; the
/// order of `observations` does not matter.
pub fn compose(observations: &[Observation], rules: &Rules, now: Timestamp) -> Presence {
    let live: Vec<&Observation> =
        observations.iter().filter(|o| o.until.is_none_or(|until| until > now)).collect();
    let winner = live
        .iter()
        .filter_map(|o| verdict(o, rules).map(|(state, strength)| (state, strength, *o)))
        .min_by(|a, b| (a.0, a.1, a.2.since, &a.2.source).cmp(&(b.0, b.1, b.2.since, &b.2.source)));
    let (state, status, reason) = match winner {
        Some((state, _, observation)) => (state, status_of(observation), reason_of(observation)),
        None => (State::Offline, None, Reason::NothingSignedIn),
    };
    Presence {
        state,
        status,
        activity: match state {
            State::OnThePhone => Some(Activity::OnThePhone),
            State::InAMeeting => Some(Activity::Meeting),
            _ => None,
        },
        reason,
        reachable_by_phone: live.iter().any(|o| matches!(o.source, Source::Line(_))),
        reachable_by_chat: live
            .iter()
            .any(|o| matches!(o.state, Observed::Client { priority, .. } if priority >= 0)),
    }
}

/// The state that one observation argues for, and its rank among equals (lower wins).
fn verdict(observation: &Observation, rules: &Rules) -> Option<(State, i16)> {
    let state = match &observation.state {
        Observed::DoNotDisturb => State::DoNotDisturb,
        Observed::OutOfOffice => State::OutOfOffice,
        Observed::Busy => State::Busy,
        Observed::InCall if rules.phone_shows => State::OnThePhone,
        Observed::Meeting if rules.calendar_shows => State::InAMeeting,
        Observed::Available => State::Available,
        Observed::Client { show, priority, .. } => {
            let state = match show {
                Show::DoNotDisturb => State::DoNotDisturb,
                Show::Chat | Show::Online => State::Available,
                Show::Away | Show::ExtendedAway => State::Idle,
            };
            return Some((state, -i16::from(*priority)));
        }
        Observed::InCall | Observed::Meeting => return None,
        Observed::Ringing | Observed::Registered | Observed::Closed => return None,
    };
    Some((state, 0))
}

fn status_of(observation: &Observation) -> Option<String> {
    match &observation.state {
        Observed::Client { status, .. } => status.clone(),
        _ => None,
    }
}

fn reason_of(observation: &Observation) -> Reason {
    let since = observation.since;
    match &observation.source {
        Source::Resource(resource) => Reason::Client(resource.clone(), since),
        Source::Line(line) => Reason::Line(line.clone(), since),
        Source::Publication(_) => Reason::Publication(since),
        Source::Choice => Reason::Choice(since),
        Source::Calendar => Reason::Calendar(since),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(source: Source, state: Observed) -> Observation {
        let user = "bob@example.org".parse().unwrap();
        Observation { user, source, state, since: Timestamp(38_460_000_000), until: None }
    }

    fn client(resource: &str, show: Show, priority: i8) -> Observation {
        let state = Observed::Client { show, status: None, priority };
        seen(Source::Resource(resource.to_owned()), state)
    }

    fn line(state: Observed) -> Observation {
        seen(Source::Line(LineId::from("1002".parse::<model::Number>().unwrap())), state)
    }

    fn check(observations: &[Observation], expected: State) {
        assert_eq!(compose(observations, &Rules::default(), Timestamp(0)).state, expected);
    }

    #[test]
    fn precedence_follows_appendix_a3() {
        let dnd = client("desk", Show::DoNotDisturb, 0);
        let away = seen(Source::Calendar, Observed::OutOfOffice);
        let busy = seen(Source::Choice, Observed::Busy);
        let call = line(Observed::InCall);
        let meeting = seen(Source::Calendar, Observed::Meeting);
        let online = client("desk", Show::Online, 0);
        let idle = client("mobile", Show::Away, 0);
        check(
            &[idle.clone(), online.clone(), call.clone(), busy.clone(), away.clone(), dnd],
            State::DoNotDisturb,
        );
        check(&[online.clone(), call.clone(), busy.clone(), away], State::OutOfOffice);
        check(&[online.clone(), call.clone(), busy], State::Busy);
        check(&[online.clone(), meeting.clone(), call], State::OnThePhone);
        check(&[online.clone(), meeting], State::InAMeeting);
        check(&[idle.clone(), online], State::Available);
        check(&[idle], State::Idle);
        check(&[], State::Offline);
    }

    #[test]
    fn the_phone_shows_even_when_no_client_is_signed_in() {
        check(&[line(Observed::InCall)], State::OnThePhone);
        check(&[line(Observed::Registered)], State::Offline);
        check(&[line(Observed::Ringing)], State::Offline);
    }

    #[test]
    fn the_explanation_names_line_and_time() {
        let presence = compose(&[line(Observed::InCall)], &Rules::default(), Timestamp(0));
        assert_eq!(presence.explanation(), "On the phone, because line 1002 is in a call since 10:41");
    }

    #[test]
    fn a_lapsed_observation_does_not_count() {
        let mut meeting = seen(Source::Calendar, Observed::Meeting);
        meeting.until = Some(Timestamp(10));
        let at = |now| compose(std::slice::from_ref(&meeting), &Rules::default(), Timestamp(now)).state;
        assert_eq!(at(9), State::InAMeeting);
        assert_eq!(at(10), State::Offline);
    }

    #[test]
    fn a_rule_can_keep_the_phone_out_of_presence() {
        let rules = Rules { phone_shows: false, ..Rules::default() };
        let presence = compose(&[line(Observed::InCall)], &rules, Timestamp(0));
        assert_eq!(presence.state, State::Offline);
    }

    fn any_observation() -> impl Strategy<Value = Observation> {
        let show = prop_oneof![
            Just(Show::Chat),
            Just(Show::Online),
            Just(Show::Away),
            Just(Show::ExtendedAway),
            Just(Show::DoNotDisturb)
        ];
        prop_oneof![
            (show, "[a-c]", any::<i8>()).prop_map(|(show, name, priority)| client(&name, show, priority)),
            Just(line(Observed::InCall)),
            Just(line(Observed::Ringing)),
            Just(seen(Source::Calendar, Observed::Meeting)),
            Just(seen(Source::Choice, Observed::Busy)),
        ]
    }

    proptest! {
        #[test]
        fn order_does_not_matter(mut all in proptest::collection::vec(any_observation(), 0..6)) {
            let forward = compose(&all, &Rules::default(), Timestamp(0));
            all.reverse();
            let backward = compose(&all, &Rules::default(), Timestamp(0));
            prop_assert_eq!(forward.state, backward.state);
            prop_assert_eq!(forward.reachable_by_chat, backward.reachable_by_chat);
        }
    }
}
