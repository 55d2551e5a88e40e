//! The presence subscription state machine as one pure table (RFC 6121 appendix A).

use store::Subscription;

/// The nine states of a contact in a user's roster (RFC 6121 §A.1). Pre-approval is kept beside them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Neither watches the other and nobody asked.
    None,
    /// The user asked and waits.
    NonePendingOut,
    /// The contact asked and waits.
    NonePendingIn,
    /// Both asked and wait.
    NonePendingOutIn,
    /// The user watches the contact.
    To,
    /// The user watches the contact, who has asked to watch too.
    ToPendingIn,
    /// The contact watches the user.
    From,
    /// The contact watches the user, who has asked to watch too.
    FromPendingOut,
    /// Each watches the other.
    Both,
}

/// The four presence types that change a subscription (RFC 6121 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    /// Asks to watch.
    Subscribe,
    /// Stops to watch.
    Unsubscribe,
    /// Lets the other watch.
    Subscribed,
    /// Refuses, or stops to let the other watch.
    Unsubscribed,
}

/// What to do: pass the stanza on (`MUST` or `MUST NOT` in the RFC's columns), and the state afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Outbound: route to the contact. Inbound: deliver to the user's interested resources.
    pub pass: bool,
    /// The state afterwards; the same as before when nothing changes.
    pub next: State,
}

use Request::{Subscribe, Subscribed, Unsubscribe, Unsubscribed};
use State::{Both, From, FromPendingOut, NonePendingIn, NonePendingOut, NonePendingOutIn, To, ToPendingIn};

impl State {
    /// The state from its three stored parts. Parts that exclude each other (asking for what one already
    /// has) count as not asked.
    pub fn of(subscription: Subscription, pending_out: bool, pending_in: bool) -> Self {
        match (subscription, pending_out, pending_in) {
            (Subscription::None, false, false) => Self::None,
            (Subscription::None, true, false) => NonePendingOut,
            (Subscription::None, false, true) => NonePendingIn,
            (Subscription::None, true, true) => NonePendingOutIn,
            (Subscription::To, _, false) => To,
            (Subscription::To, _, true) => ToPendingIn,
            (Subscription::From, false, _) => From,
            (Subscription::From, true, _) => FromPendingOut,
            (Subscription::Both, _, _) => Both,
        }
    }

    /// The `subscription` attribute of the roster item.
    pub fn subscription(self) -> Subscription {
        match self {
            Self::None | NonePendingOut | NonePendingIn | NonePendingOutIn => Subscription::None,
            To | ToPendingIn => Subscription::To,
            From | FromPendingOut => Subscription::From,
            Both => Subscription::Both,
        }
    }

    /// The user asked and waits: `ask='subscribe'`.
    pub fn pending_out(self) -> bool {
        matches!(self, NonePendingOut | NonePendingOutIn | FromPendingOut)
    }

    /// The contact asked and waits for the user's answer.
    pub fn pending_in(self) -> bool {
        matches!(self, NonePendingIn | NonePendingOutIn | ToPendingIn)
    }
}

/// What the user's server does with a request that the user sends (RFC 6121 §A.2).
pub fn outbound(state: State, request: Request) -> Transition {
    let (pass, next) = match request {
        // §A.2.1: always routed, so that two rosters that fell apart can come together again.
        Subscribe => (
            true,
            match state {
                State::None => NonePendingOut,
                NonePendingIn => NonePendingOutIn,
                From => FromPendingOut,
                same => same,
            },
        ),
        // §A.2.2
        Unsubscribe => (
            true,
            match state {
                NonePendingOut | To => State::None,
                NonePendingOutIn | ToPendingIn => NonePendingIn,
                FromPendingOut | Both => From,
                same => same,
            },
        ),
        // §A.2.3: where nobody asked, this is a pre-approval, which the caller keeps (§3.4).
        Subscribed => match state {
            NonePendingIn => (true, From),
            NonePendingOutIn => (true, FromPendingOut),
            ToPendingIn => (true, Both),
            same => (false, same),
        },
        // §A.2.4: where nobody asked, this cancels a pre-approval.
        Unsubscribed => match state {
            NonePendingIn | From => (true, State::None),
            NonePendingOutIn | FromPendingOut => (true, NonePendingOut),
            ToPendingIn | Both => (true, To),
            same => (false, same),
        },
    };
    Transition { pass, next }
}

/// What the contact's server does with a request that arrives (RFC 6121 §A.3). A `subscribe` that is not
/// passed because the asker watches already is answered with `subscribed` by the caller.
pub fn inbound(state: State, request: Request) -> Transition {
    let (pass, next) = match request {
        // §A.3.1
        Subscribe => match state {
            State::None => (true, NonePendingIn),
            NonePendingOut => (true, NonePendingOutIn),
            To => (true, ToPendingIn),
            same => (false, same),
        },
        // §A.3.2
        Unsubscribe => match state {
            NonePendingIn | From => (true, State::None),
            NonePendingOutIn | FromPendingOut => (true, NonePendingOut),
            ToPendingIn | Both => (true, To),
            same => (false, same),
        },
        // §A.3.3
        Subscribed => match state {
            NonePendingOut => (true, To),
            NonePendingOutIn => (true, ToPendingIn),
            FromPendingOut => (true, Both),
            same => (false, same),
        },
        // §A.3.4
        Unsubscribed => match state {
            NonePendingOut | To => (true, State::None),
            NonePendingOutIn | ToPendingIn => (true, NonePendingIn),
            FromPendingOut | Both => (true, From),
            same => (false, same),
        },
    };
    Transition { pass, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The states as the RFC's tables abbreviate them here: N, No, Ni, Noi, T, Ti, F, Fo, B.
    fn named(name: &str) -> State {
        match name {
            "N" => State::None,
            "No" => NonePendingOut,
            "Ni" => NonePendingIn,
            "Noi" => NonePendingOutIn,
            "T" => To,
            "Ti" => ToPendingIn,
            "F" => From,
            "Fo" => FromPendingOut,
            "B" => Both,
            other => panic!("no state {other}"),
        }
    }

    /// In the order of the RFC's tables.
    const ALL: [State; 9] = [
        State::None,
        NonePendingOut,
        NonePendingIn,
        NonePendingOutIn,
        To,
        ToPendingIn,
        From,
        FromPendingOut,
        Both,
    ];

    /// One line per table of the RFC: for each state in order `+` (MUST) or `-` (MUST NOT) and the new state.
    fn check(step: fn(State, Request) -> Transition, request: Request, line: &str) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(cells.len(), ALL.len());
        for (state, cell) in ALL.into_iter().zip(cells) {
            let expected = Transition { pass: cell.starts_with('+'), next: named(&cell[1..]) };
            assert_eq!(step(state, request), expected, "{state:?} {request:?}");
        }
    }

    #[test]
    fn outbound_follows_appendix_a2() {
        //                                N   No  Ni   Noi  T  Ti  F   Fo  B
        check(outbound, Subscribe, "     +No +No +Noi +Noi +T +Ti +Fo +Fo +B");
        check(outbound, Unsubscribe, "   +N  +N  +Ni  +Ni  +N +Ni +F  +F  +F");
        check(outbound, Subscribed, "    -N  -No +F   +Fo  -T +B  -F  -Fo -B");
        check(outbound, Unsubscribed, "  -N  -No +N   +No  -T +T  +N  +No +T");
    }

    #[test]
    fn inbound_follows_appendix_a3() {
        //                               N   No   Ni  Noi  T   Ti  F  Fo  B
        check(inbound, Subscribe, "     +Ni +Noi -Ni -Noi +Ti -Ti -F -Fo -B");
        check(inbound, Unsubscribe, "   -N  -No  +N  +No  -T  +T  +N +No +T");
        check(inbound, Subscribed, "    -N  +T   -Ni +Ti  -T  -Ti -F +B  -B");
        check(inbound, Unsubscribed, "  -N  +N   -Ni +Ni  +N  +Ni -F +F  +F");
    }

    #[test]
    fn a_state_survives_being_stored_in_parts() {
        for state in ALL {
            assert_eq!(State::of(state.subscription(), state.pending_out(), state.pending_in()), state);
        }
    }
}
