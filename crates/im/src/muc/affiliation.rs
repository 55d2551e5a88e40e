//! Affiliations, which last, and roles, which last as long as a visit (XEP-0045 §5).

/// What somebody is to a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Affiliation {
    /// May not come in.
    Outcast,
    /// Nothing in particular.
    #[default]
    None,
    /// Belongs to it.
    Member,
    /// Keeps order.
    Admin,
    /// Decides everything.
    Owner,
}

impl Affiliation {
    const ALL: [Self; 5] = [Self::Outcast, Self::None, Self::Member, Self::Admin, Self::Owner];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Outcast => "outcast",
            Self::None => "none",
            Self::Member => "member",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|affiliation| affiliation.as_str() == word)
    }

    /// The role with which somebody comes in (§5.1.2).
    pub(crate) fn entry_role(self, moderated: bool) -> Role {
        match self {
            Self::Outcast => Role::None,
            Self::None if moderated => Role::Visitor,
            Self::None | Self::Member => Role::Participant,
            Self::Admin | Self::Owner => Role::Moderator,
        }
    }

    /// May one with this affiliation give `new` to somebody who has `old` (§5.2.2)?
    pub(crate) fn may_change(self, old: Self, new: Self) -> bool {
        match self {
            Self::Owner => true,
            Self::Admin => old < Self::Admin && new < Self::Admin,
            _ => false,
        }
    }
}

/// What somebody may do while they are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Is not in.
    None,
    /// Listens.
    Visitor,
    /// Speaks.
    Participant,
    /// Sends others out, and gives and takes their voice.
    Moderator,
}

impl Role {
    const ALL: [Self; 4] = [Self::None, Self::Visitor, Self::Participant, Self::Moderator];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Visitor => "visitor",
            Self::Participant => "participant",
            Self::Moderator => "moderator",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// May an occupant give `new` to another (§5.1.1, §8.2)? Nobody takes from those who stand above them.
pub(crate) fn may_change_role(
    (role, affiliation): (Role, Affiliation),
    (old, theirs): (Role, Affiliation),
    new: Role,
) -> bool {
    if role != Role::Moderator || theirs > affiliation {
        return false;
    }
    // §8.4, §9.6: moderators are made and unmade by admins; an admin's role follows the affiliation.
    let of_moderators = old == Role::Moderator || new == Role::Moderator;
    if theirs >= Affiliation::Admin {
        return false;
    }
    !of_moderators || affiliation >= Affiliation::Admin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admins_leave_admins_and_owners_alone() {
        use Affiliation::{Admin, Member, None, Outcast, Owner};
        assert!(Owner.may_change(Owner, None) && Owner.may_change(None, Owner));
        assert!(Admin.may_change(None, Outcast) && Admin.may_change(Outcast, Member));
        assert!(
            !Admin.may_change(Admin, None)
                && !Admin.may_change(None, Admin)
                && !Admin.may_change(Owner, None)
        );
        assert!(!Member.may_change(None, Outcast));
    }

    #[test]
    fn moderators_act_on_those_below_them() {
        use Affiliation::{Admin, Member, None, Owner};
        use Role::{Moderator, Participant, Visitor};
        assert!(may_change_role((Moderator, Member), (Participant, None), Visitor));
        assert!(may_change_role((Moderator, None), (Participant, None), Role::None));
        assert!(!may_change_role((Moderator, None), (Participant, Member), Role::None));
        assert!(!may_change_role((Moderator, Member), (Participant, None), Moderator));
        assert!(may_change_role((Moderator, Admin), (Participant, None), Moderator));
        assert!(!may_change_role((Moderator, Owner), (Moderator, Admin), Participant));
        assert!(!may_change_role((Participant, Owner), (Participant, None), Visitor));
    }

    #[test]
    fn a_moderated_room_lets_strangers_listen() {
        assert_eq!(Affiliation::None.entry_role(true), Role::Visitor);
        assert_eq!(Affiliation::None.entry_role(false), Role::Participant);
        assert_eq!(Affiliation::Admin.entry_role(true), Role::Moderator);
        assert_eq!(Affiliation::of("owner"), Some(Affiliation::Owner));
        assert_eq!(Role::of("visitor"), Some(Role::Visitor));
    }
}
