//! Feature codes: what a phone dials to set something for its line.

use serde::{Deserialize, Serialize};

use super::Pattern;
use crate::Partition;

/// A code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureCode {
    /// What is dialled; behind the dot stands the number that the feature wants.
    pub pattern: Pattern,
    /// Where it lives.
    #[serde(default)]
    pub partition: Partition,
    /// What it does.
    pub does: Feature,
}

/// What a code does for the line that dials it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// All calls go to the number behind the dot.
    ForwardAll,
    /// They do no longer.
    ForwardAllOff,
    /// So do calls while the line is busy.
    ForwardBusy,
    /// They do no longer.
    ForwardBusyOff,
    /// So do calls that nobody answers.
    ForwardNoAnswer,
    /// They do no longer.
    ForwardNoAnswerOff,
    /// So do calls while no phone is registered.
    ForwardUnregistered,
    /// They do no longer.
    ForwardUnregisteredOff,
    /// Calls are refused.
    DoNotDisturb,
    /// Calls are shown without a sound.
    DoNotDisturbSilent,
    /// Calls ring again.
    DoNotDisturbOff,
    /// Calls ring although the line is in a call.
    CallWaiting,
    /// The line is busy while it is in a call.
    CallWaitingOff,
    /// The number behind the dot is called, and the caller's is withheld.
    WithholdNumber,
    /// The number behind the dot is called, and the caller's is shown.
    ShowNumber,
    /// The number is withheld in all calls.
    WithholdAlways,
    /// It is shown again.
    WithholdAlwaysOff,
    /// Calls of whoever withholds the number are refused.
    RejectAnonymous,
    /// They are taken again.
    RejectAnonymousOff,
    /// The number that was dialled last is called again.
    Redial,
    /// Who called last is called.
    CallReturn,
    /// The line that was called last, and in vain, is called again when both are free.
    CallBack,
    /// It is not any more.
    CallBackOff,
    /// The number that stands at the place behind the dot is called.
    SpeedDial,
    /// Behind the dot: a place of two digits, and the number that stands there from now on; none empties it.
    SpeedDialSet,
    /// The phone of the line behind the dot answers by itself.
    Intercom,
    /// What the line holds on another phone goes on at this one.
    Resume,
    /// This phone makes no sound, though others of the line do.
    RingerOff,
    /// It rings again.
    RingerOn,
    /// The line takes calls of the queues that it is an agent of.
    QueueSignIn,
    /// It takes none.
    QueueSignOut,
}

impl Feature {
    /// Does it want a number?
    pub fn wants_number(self) -> bool {
        matches!(
            self,
            Self::ForwardAll
                | Self::ForwardBusy
                | Self::ForwardNoAnswer
                | Self::ForwardUnregistered
                | Self::WithholdNumber
                | Self::ShowNumber
                | Self::SpeedDial
                | Self::SpeedDialSet
                | Self::Intercom
        )
    }

    /// The word for it in a plan.
    pub fn word(self) -> &'static str {
        match self {
            Self::ForwardAll => "forward-all",
            Self::ForwardAllOff => "forward-all-off",
            Self::ForwardBusy => "forward-busy",
            Self::ForwardBusyOff => "forward-busy-off",
            Self::ForwardNoAnswer => "forward-no-answer",
            Self::ForwardNoAnswerOff => "forward-no-answer-off",
            Self::ForwardUnregistered => "forward-unregistered",
            Self::ForwardUnregisteredOff => "forward-unregistered-off",
            Self::DoNotDisturb => "do-not-disturb",
            Self::DoNotDisturbSilent => "do-not-disturb-silent",
            Self::DoNotDisturbOff => "do-not-disturb-off",
            Self::CallWaiting => "call-waiting",
            Self::CallWaitingOff => "call-waiting-off",
            Self::WithholdNumber => "withhold-number",
            Self::ShowNumber => "show-number",
            Self::WithholdAlways => "withhold-always",
            Self::WithholdAlwaysOff => "withhold-always-off",
            Self::RejectAnonymous => "reject-anonymous",
            Self::RejectAnonymousOff => "reject-anonymous-off",
            Self::Redial => "redial",
            Self::CallReturn => "call-return",
            Self::CallBack => "call-back",
            Self::CallBackOff => "call-back-off",
            Self::SpeedDial => "speed-dial",
            Self::SpeedDialSet => "speed-dial-set",
            Self::Intercom => "intercom",
            Self::Resume => "resume",
            Self::RingerOff => "ringer-off",
            Self::RingerOn => "ringer-on",
            Self::QueueSignIn => "queue-sign-in",
            Self::QueueSignOut => "queue-sign-out",
        }
    }
}

/// The codes of a plan that names none: those that administrators of FreePBX know.
pub(super) fn usual() -> Vec<FeatureCode> {
    let codes = [
        ("*72.!", Feature::ForwardAll),
        ("*73", Feature::ForwardAllOff),
        ("*90.!", Feature::ForwardBusy),
        ("*91", Feature::ForwardBusyOff),
        ("*52.!", Feature::ForwardNoAnswer),
        ("*53", Feature::ForwardNoAnswerOff),
        ("*94.!", Feature::ForwardUnregistered),
        ("*95", Feature::ForwardUnregisteredOff),
        ("*78", Feature::DoNotDisturb),
        ("*77", Feature::DoNotDisturbSilent),
        ("*79", Feature::DoNotDisturbOff),
        ("*70", Feature::CallWaiting),
        ("*71", Feature::CallWaitingOff),
        ("*67.!", Feature::WithholdNumber),
        ("*82.!", Feature::ShowNumber),
        ("*83", Feature::WithholdAlways),
        ("*84", Feature::WithholdAlwaysOff),
        ("*87", Feature::RejectAnonymous),
        ("*88", Feature::RejectAnonymousOff),
        ("*68", Feature::Redial),
        ("*69", Feature::CallReturn),
        ("*66", Feature::CallBack),
        ("*86", Feature::CallBackOff),
        ("*0.!", Feature::SpeedDial),
        ("*75.!", Feature::SpeedDialSet),
        ("*80.!", Feature::Intercom),
        ("*85", Feature::Resume),
        ("*76", Feature::RingerOff),
        ("*74", Feature::RingerOn),
        ("*45", Feature::QueueSignIn),
        ("*46", Feature::QueueSignOut),
    ];
    let code = |(pattern, does): (&str, Feature)| {
        Some(FeatureCode { pattern: pattern.parse().ok()?, partition: Partition::default(), does })
    };
    codes.into_iter().filter_map(code).collect()
}

/// Has a plan the usual codes?
pub(super) fn are_usual(codes: &[FeatureCode]) -> bool {
    codes == usual()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_codes_can_be_dialled_and_those_that_want_a_number_take_one() {
        let all = usual();
        assert_eq!(all.len(), 31);
        for code in all {
            assert_eq!(code.pattern.has_dot(), code.does.wants_number(), "{:?}", code.does);
            let word = serde_json::to_string(&code.does).unwrap();
            assert_eq!(word, format!("\"{}\"", code.does.word()));
        }
    }
}
