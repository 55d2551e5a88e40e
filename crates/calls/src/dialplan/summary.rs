//! A route in one line, as saved cases state it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::route::{Outcome, Route};
use super::{DialPlan, NeedsCode};

/// What came of a call, in words that stay the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// `line 1002`, `trunk london-1`, `emergency london-1`, `blocked`, `unallocated`, …
    pub goes_to: String,
    /// The called number there.
    pub called: String,
    /// The calling number there.
    pub calling: String,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.goes_to)?;
        if !self.called.is_empty() {
            write!(f, ", called {}", self.called)?;
        }
        if !self.calling.is_empty() {
            write!(f, ", calling {}", self.calling)?;
        }
        Ok(())
    }
}

impl DialPlan {
    /// The route in words; of a way out, its first trunk.
    pub fn summary(&self, route: &Route<'_>) -> Summary {
        let mut numbers = (route.called, route.calling);
        let goes_to = match &route.outcome {
            Outcome::Line(line) => format!("line {line}"),
            Outcome::User(user, _) => format!("user {}", user.node().map_or("", |node| node.as_str())),
            Outcome::Service(crate::place::Service::Echo) => "echo".to_owned(),
            Outcome::Service(crate::place::Service::Confirmation) => "confirmation".to_owned(),
            Outcome::Conference => format!("conference {}", route.called),
            Outcome::Slot => format!("park {}", route.called),
            Outcome::HuntPilot(pilot) => format!("hunt {}", pilot.number),
            Outcome::Attendant(attendant) => format!("attendant {}", attendant.name),
            Outcome::Queue(queue) => format!("queue {}", queue.name),
            Outcome::RoutePoint(point) => format!("route point {}", point.name),
            Outcome::Feature(feature, _) => format!("feature {}", feature.word()),
            Outcome::Outside(way) => {
                let kind = if way.is_emergency { "emergency" } else { "trunk" };
                match self.attempts(way, route, 0).first() {
                    Some(first) => {
                        numbers = (first.called, first.calling);
                        format!("{kind} {}", first.trunk.name)
                    }
                    None => format!("{kind} none"),
                }
            }
            Outcome::NeedsCode(NeedsCode { authorization_level, matter }) => {
                let level = authorization_level.map_or_else(String::new, |level| format!(" level {level}"));
                format!("code{level}{}", if *matter { " matter" } else { "" })
            }
            Outcome::CodeRefused(_) => "code refused".to_owned(),
            Outcome::More(_) => "more".to_owned(),
            Outcome::Incomplete => "incomplete".to_owned(),
            Outcome::Blocked => "blocked".to_owned(),
            Outcome::Unallocated => "unallocated".to_owned(),
            Outcome::Looping => "looping".to_owned(),
            Outcome::NoEmergencyRoute => "emergency none".to_owned(),
        };
        let calling = numbers.1.map_or_else(String::new, |number| number.to_string());
        Summary { goes_to, called: numbers.0.to_string(), calling }
    }
}
