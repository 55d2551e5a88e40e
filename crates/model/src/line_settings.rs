//! What the user of a line has set for it: forwards, do not disturb. The dial plan's own word on a line is in
//! [`crate::plan`]; what its user sets goes before that.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::plan::{ByOrigin, Digits, ForwardTo, Forwards};
use crate::{SPEED_DIAL_PLACES, SpeedDial, SpeedDials};

/// The settings of one line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LineSettings {
    /// Where its calls go.
    #[serde(skip_serializing_if = "Forwards::is_none")]
    pub forward: Forwards,
    /// It does not want to be disturbed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub do_not_disturb: Option<DoNotDisturb>,
    /// Its calls ring while it is in another one; what the dial plan says when it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_waiting: Option<bool>,
    /// It withholds its number from those it calls; what the dial plan says when it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withhold_number: Option<bool>,
    /// Calls of whoever withholds the number are refused; what the dial plan says when it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_anonymous: Option<bool>,
    /// Its devices that make no sound.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ringers_off: BTreeSet<String>,
    /// Its speed dials.
    #[serde(skip_serializing_if = "SpeedDials::is_empty")]
    pub speed_dials: SpeedDials,
    /// It takes no calls of queues, although it is an agent of some.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub signed_out_of_queues: bool,
}

/// What becomes of calls to a line that does not want to be disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoNotDisturb {
    /// They are refused as if the line were busy, and go where it forwards when busy.
    Reject,
    /// Its phones show them without a sound.
    Silent,
}

/// When calls are forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardWhen {
    /// Always.
    All,
    /// When the line is busy.
    Busy,
    /// When nobody answers.
    NoAnswer,
    /// When no phone is registered.
    Unregistered,
}

/// Which calls are forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Those of lines of ours.
    Internal,
    /// Those that came over a trunk.
    External,
}

/// One change of the settings of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "set", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LineChange {
    /// A forward, or no forward any more.
    Forward {
        /// When.
        when: ForwardWhen,
        /// Which calls; all when it is not said. Forwarding always makes no difference between calls.
        #[serde(default)]
        calls: Option<Origin>,
        /// Where to; `None` ends it.
        to: Option<Digits>,
    },
    /// How long the line rings before nobody answers; `None` leaves it to the dial plan.
    RingSeconds {
        /// Seconds.
        seconds: Option<u16>,
    },
    /// Do not disturb; `None` ends it.
    DoNotDisturb {
        /// How.
        mode: Option<DoNotDisturb>,
    },
    /// Call waiting; `None` leaves it to the dial plan.
    CallWaiting {
        /// Do calls ring while the line is in another one?
        on: Option<bool>,
    },
    /// Whether the number is withheld; `None` leaves it to the dial plan.
    WithholdNumber {
        /// Is it?
        on: Option<bool>,
    },
    /// Whether calls of whoever withholds the number are refused; `None` leaves it to the dial plan.
    RejectAnonymous {
        /// Are they?
        on: Option<bool>,
    },
    /// Whether one device of the line makes a sound when it is called.
    Ringer {
        /// The device, by its name.
        device: String,
        /// Does it?
        on: bool,
    },
    /// What stands at a place of the speed dials; `None` empties it. Places from [`SPEED_DIAL_PLACES`] on are not the line's.
    SpeedDial {
        /// The place.
        place: u16,
        /// What stands there.
        dial: Option<SpeedDial>,
    },
    /// The line takes calls of the queues that it is an agent of, or takes none.
    Queues {
        /// Does it?
        signed_in: bool,
    },
}

impl LineSettings {
    /// Is nothing set?
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Makes a change.
    pub fn apply(&mut self, change: &LineChange) {
        match change {
            LineChange::Forward { when, calls, to } => {
                let to = to.map(|to| ForwardTo { to, search_space: None });
                let by_origin = match when {
                    ForwardWhen::All => {
                        self.forward.all = to;
                        return;
                    }
                    ForwardWhen::Busy => &mut self.forward.busy,
                    ForwardWhen::NoAnswer => &mut self.forward.no_answer,
                    ForwardWhen::Unregistered => &mut self.forward.unregistered,
                };
                let ByOrigin { internal, external } = by_origin;
                if *calls != Some(Origin::External) {
                    internal.clone_from(&to);
                }
                if *calls != Some(Origin::Internal) {
                    *external = to;
                }
            }
            LineChange::RingSeconds { seconds } => self.forward.no_answer_seconds = *seconds,
            LineChange::DoNotDisturb { mode } => self.do_not_disturb = *mode,
            LineChange::CallWaiting { on } => self.call_waiting = *on,
            LineChange::WithholdNumber { on } => self.withhold_number = *on,
            LineChange::RejectAnonymous { on } => self.reject_anonymous = *on,
            LineChange::Ringer { device, on: true } => drop(self.ringers_off.remove(device)),
            LineChange::Ringer { device, on: false } => drop(self.ringers_off.insert(device.clone())),
            LineChange::SpeedDial { place, dial } => {
                match dial {
                    Some(dial) if *place < SPEED_DIAL_PLACES => self.speed_dials.insert(*place, dial.clone()),
                    _ => self.speed_dials.remove(place),
                };
            }
            LineChange::Queues { signed_in } => self.signed_out_of_queues = !signed_in,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(number: &str) -> Option<Digits> {
        Digits::parse(number).ok()
    }

    #[test]
    fn a_change_touches_what_it_names() {
        let mut settings = LineSettings::default();
        let busy = |calls, to| LineChange::Forward { when: ForwardWhen::Busy, calls, to };
        settings.apply(&busy(None, to("1003")));
        settings.apply(&busy(Some(Origin::External), to("1004")));
        let target = |origin: bool| settings.forward.busy.of(origin).map(|to| to.to.to_string());
        assert_eq!((target(true), target(false)), (Some("1003".to_owned()), Some("1004".to_owned())));
        settings.apply(&busy(Some(Origin::Internal), None));
        assert_eq!(settings.forward.busy.internal, None);
        settings.apply(&busy(None, None));
        settings.apply(&LineChange::DoNotDisturb { mode: Some(DoNotDisturb::Silent) });
        assert!(!settings.is_none());
        settings.apply(&LineChange::DoNotDisturb { mode: None });
        assert!(settings.is_none());
    }

    #[test]
    fn settings_are_kept_as_text_and_an_older_text_is_read() {
        let mut settings = LineSettings::default();
        settings.apply(&LineChange::Forward { when: ForwardWhen::All, calls: None, to: to("1003") });
        settings.apply(&LineChange::RingSeconds { seconds: Some(12) });
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(text, r#"{"forward":{"all":{"to":"1003"},"no_answer_seconds":12}}"#);
        assert_eq!(serde_json::from_str::<LineSettings>(&text).unwrap(), settings);
        assert!(serde_json::from_str::<LineSettings>("{}").unwrap().is_none());
    }
}
