//! What a subscription is shown, by what kind it is and what the dial plan says (`PH-08` to `PH-11`). Pure.
//!
//! The SUBSCRIBE search space has already found what is watched: it holds for every subscription. Presence groups hold
//! for call lists only; lamps are the administrator's alone. A plan that says nothing leaves it to people.

use super::Package;
use super::subject::Shows;

/// A subscription and what is known about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub package: Package,
    /// Is it for a number, or for a name?
    pub is_number: bool,
    /// Has the administrator given the watcher a lamp for it?
    pub is_lamp: bool,
    /// Does it come over a trunk?
    pub is_outside: bool,
    /// Has what is watched an owner?
    pub has_owner: bool,
    /// Does the plan say who may watch whom?
    pub has_policy: bool,
    /// Do call lists show lines?
    pub call_lists: bool,
    /// Do the presence groups let the watcher see it in call lists?
    pub groups_allow: bool,
}

/// Who decides whether the watcher may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DecidedBy {
    /// The roster of whom is watched (`PS-11`).
    Roster,
    /// The administrator, who has decided.
    Administrator,
}

/// What is shown, if anything, and who decides; `Err` is the status that refuses.
pub(super) fn judge(question: Question) -> Result<(Shows, DecidedBy), u16> {
    let Question { package, is_number, is_lamp, has_owner, has_policy, call_lists, groups_allow, .. } =
        question;
    match package {
        // A trunk's search space is the administrator's word, for lines; whose roster should let a trunk see a person?
        _ if question.is_outside && !groups_allow => Err(403),
        _ if question.is_outside && is_number => Ok((Shows::Lines, DecidedBy::Administrator)),
        _ if question.is_outside => Err(404),
        // COMPAT: without a policy, lamps are let see what their owners' rosters let see.
        Package::Dialog if !has_policy => Ok((Shows::Lines, DecidedBy::Roster)),
        Package::Dialog => Ok((Shows::Lines, DecidedBy::Administrator)),
        Package::Presence if is_lamp && is_number => Ok((Shows::Lines, DecidedBy::Administrator)),
        Package::Presence if !groups_allow => Err(403),
        Package::Presence if call_lists && is_number => Ok((Shows::Lines, DecidedBy::Administrator)),
        Package::Presence if has_owner => Ok((Shows::Person, DecidedBy::Roster)),
        Package::Presence => Err(404),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMP: Question = Question {
        package: Package::Dialog,
        is_number: true,
        is_lamp: false,
        is_outside: false,
        has_owner: true,
        has_policy: true,
        call_lists: true,
        groups_allow: true,
    };
    const CALL_LIST: Question = Question { package: Package::Presence, ..LAMP };
    const LINE: Result<(Shows, DecidedBy), u16> = Ok((Shows::Lines, DecidedBy::Administrator));
    const PERSON: Result<(Shows, DecidedBy), u16> = Ok((Shows::Person, DecidedBy::Roster));

    #[test]
    fn without_a_policy_people_decide() {
        let silent = Question { has_policy: false, call_lists: false, ..LAMP };
        assert_eq!(judge(silent), Ok((Shows::Lines, DecidedBy::Roster)));
        assert_eq!(judge(Question { package: Package::Presence, ..silent }), PERSON);
        let lobby = Question { package: Package::Presence, has_owner: false, ..silent };
        assert_eq!(judge(lobby), Err(404));
    }

    #[test]
    fn lamps_are_the_administrators_and_no_group_stops_them() {
        assert_eq!(judge(Question { groups_allow: false, ..LAMP }), LINE);
        let speed_dial = Question { is_lamp: true, groups_allow: false, call_lists: false, ..CALL_LIST };
        assert_eq!(judge(speed_dial), LINE);
    }

    #[test]
    fn call_lists_show_lines_when_switched_on_and_groups_allow() {
        assert_eq!(judge(CALL_LIST), LINE);
        assert_eq!(judge(Question { has_owner: false, ..CALL_LIST }), LINE);
        assert_eq!(judge(Question { groups_allow: false, ..CALL_LIST }), Err(403));
        assert_eq!(judge(Question { call_lists: false, ..CALL_LIST }), PERSON);
        assert_eq!(judge(Question { call_lists: false, has_owner: false, ..CALL_LIST }), Err(404));
    }

    #[test]
    fn a_trunk_sees_lines_that_its_group_may_see_and_no_people() {
        let trunk = Question { is_outside: true, ..CALL_LIST };
        assert_eq!(judge(trunk), LINE);
        assert_eq!(judge(Question { package: Package::Dialog, ..trunk }), LINE);
        assert_eq!(judge(Question { groups_allow: false, ..trunk }), Err(403));
        assert_eq!(judge(Question { is_number: false, ..trunk }), Err(404));
    }

    #[test]
    fn a_name_is_a_person_whatever_call_lists_show() {
        assert_eq!(judge(Question { is_number: false, ..CALL_LIST }), PERSON);
        assert_eq!(judge(Question { is_number: false, is_lamp: true, ..CALL_LIST }), PERSON);
    }
}
