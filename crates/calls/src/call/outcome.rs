//! How a call that nobody answered ends: which of the phones' refusals counts, and what the caller is told.

use crate::place::Unplaceable;
use crate::snapshot::Cause;

/// How one branch of a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The phone refused with this status.
    Status(u16),
    /// It rang, and nobody answered in time.
    NoAnswer,
    /// The phone said nothing at all.
    Silent,
    /// The phone could not be reached: the transport failed.
    Unreachable,
    /// No codec or transport for media is left in common.
    NotAcceptable,
    /// A limit of this server: calls, media ports.
    Overloaded,
    /// There is no bandwidth left to where the phone is.
    NoBandwidth,
}

/// What the caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The status of the final response.
    pub status: u16,
    /// What applications see.
    pub cause: Cause,
}

impl Failure {
    /// A refusal for all phones of the callee: the other branches are cancelled at once (RFC 3261 §16.7
    /// step 5).
    pub fn is_global(self) -> bool {
        matches!(self, Self::Status(600..))
    }

    /// The order of RFC 3261 §16.7 step 6: 6xx, then what tells the caller most. Lower is better.
    fn rank(self) -> u8 {
        match self {
            Self::Status(600..) => 0,
            Self::Status(486) => 1,
            Self::Status(404 | 410 | 413..=416 | 484 | 485 | 488) | Self::NotAcceptable => 2,
            Self::Status(487) => 8,
            Self::Status(300..=407 | 409..500) | Self::NoAnswer => 3,
            Self::Status(408) => 4,
            Self::Silent => 5,
            Self::Status(_) | Self::Overloaded | Self::NoBandwidth => 6,
            Self::Unreachable => 7,
        }
    }

    /// What the caller is told. A phone's status passes on when it says something about the callee; what
    /// concerns only the hop between this server and the phone does not: a caller that got the phone's 401
    /// or 407 would send us credentials for somebody else's realm, again and again.
    pub fn verdict(self) -> Verdict {
        let (status, cause) = match self {
            Self::Status(status @ (486 | 600)) => (status, Cause::Busy),
            Self::Status(status @ (403 | 603 | 607 | 608)) => (status, Cause::Declined),
            Self::Status(status @ (404 | 410 | 484 | 485 | 604)) => (status, Cause::NotObtainable),
            Self::Status(status @ (413 | 415 | 416 | 488 | 606)) => (status, Cause::IncompatibleDestination),
            Self::NotAcceptable => (488, Cause::IncompatibleDestination),
            Self::Status(status @ (482 | 483)) => (status, Cause::NotObtainable),
            Self::Status(408) | Self::NoAnswer => (480, Cause::NoAnswer),
            Self::Silent => (408, Cause::DestinationOutOfService),
            Self::Status(487) => (480, Cause::NoAnswer),
            Self::Status(480) | Self::Unreachable => (480, Cause::DestinationOutOfService),
            Self::Overloaded => (503, Cause::ResourcesNotAvailable),
            Self::NoBandwidth => (503, Cause::NetworkCongestion),
            // RFC 3261 §16.7 step 6: a 503 of the next hop is not ours, so it must not reach the caller.
            Self::Status(503) => (480, Cause::DestinationOutOfService),
            Self::Status(status @ 500..600) => (status, Cause::DestinationOutOfService),
            Self::Status(_) => (480, Cause::DestinationOutOfService),
        };
        Verdict { status, cause }
    }
}

impl From<Unplaceable> for Verdict {
    fn from(reason: Unplaceable) -> Self {
        let status = match reason {
            Unplaceable::NotFound => 404,
            Unplaceable::Incomplete => 484,
            Unplaceable::NotRegistered => 480,
            Unplaceable::Busy => 486,
            Unplaceable::NotAllowed | Unplaceable::TooMuch(_) => 403,
            Unplaceable::NoTrunk => 503,
            Unplaceable::Looping => 482,
            // RFC 5079 §5.
            Unplaceable::Anonymous => 433,
        };
        Self { status, cause: reason.cause() }
    }
}

/// The best of several failures; `None` when there is none.
pub fn best(failures: impl IntoIterator<Item = Failure>) -> Option<Failure> {
    failures.into_iter().min_by_key(|failure| failure.rank())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failures: &[Failure], status: u16, cause: Cause) {
        let verdict = best(failures.iter().copied()).unwrap().verdict();
        assert_eq!(verdict, Verdict { status, cause }, "{failures:?}");
    }

    #[test]
    fn what_the_caller_is_told() {
        use Failure::{NoAnswer, Overloaded, Silent, Status, Unreachable};
        check(&[Status(486)], 486, Cause::Busy);
        check(&[NoAnswer], 480, Cause::NoAnswer);
        check(&[Silent], 408, Cause::DestinationOutOfService);
        check(&[Unreachable], 480, Cause::DestinationOutOfService);
        check(&[Status(404)], 404, Cause::NotObtainable);
        check(&[Status(603)], 603, Cause::Declined);
        check(&[Status(488)], 488, Cause::IncompatibleDestination);
        check(&[Overloaded], 503, Cause::ResourcesNotAvailable);
    }

    #[test]
    fn the_refusal_that_says_most_wins_among_forks() {
        use Failure::{NoAnswer, Silent, Status, Unreachable};
        check(&[Silent, Status(486), Unreachable], 486, Cause::Busy);
        check(&[Status(486), Status(603)], 603, Cause::Declined);
        check(&[Status(500), NoAnswer], 480, Cause::NoAnswer);
        check(&[Status(487), Status(486)], 486, Cause::Busy);
        check(&[Unreachable, Silent], 408, Cause::DestinationOutOfService);
    }

    #[test]
    fn a_phones_challenge_and_its_503_never_reach_the_caller() {
        for status in [401, 407, 503, 302, 481, 491] {
            assert_eq!(Failure::Status(status).verdict().status, 480, "{status}");
        }
    }

    #[test]
    fn every_failure_ends_in_a_final_status_that_refuses() {
        for status in 300..700 {
            let verdict = Failure::Status(status).verdict();
            assert!((400..700).contains(&verdict.status), "{status} became {}", verdict.status);
            assert!(!matches!(verdict.status, 401 | 407), "{status}");
        }
    }
}
