//! The offer/answer table, walked through all its states.

use std::collections::BTreeSet;

use super::Carrier::*;
use super::Side::{Local, Remote};
use super::*;

const CARRIERS: [Carrier; 9] =
    [Invite, Provisional, ReliableProvisional, Success, Ack, Prack, PrackSuccess, Update, UpdateSuccess];

/// Plays messages `(side, carrier, described)` and checks what each one means.
fn check(steps: &[(Side, Carrier, bool, Result<Meaning, Refusal>)]) -> Exchange {
    let mut exchange = Exchange::new();
    for (number, (side, carrier, described, expected)) in steps.iter().enumerate() {
        let got = exchange.pass(*side, *carrier, *described);
        assert_eq!(got, *expected, "step {number}: {side:?} {carrier:?} described={described}");
    }
    exchange
}

const OFFER: Result<Meaning, Refusal> = Ok(Meaning::Offer);
const ANSWER: Result<Meaning, Refusal> = Ok(Meaning::Answer);
const NOTHING: Result<Meaning, Refusal> = Ok(Meaning::Nothing);
const PREVIEW: Result<Meaning, Refusal> = Ok(Meaning::Preview);
const REPEAT: Result<Meaning, Refusal> = Ok(Meaning::Repeat);

/// Every state that any sequence of messages and refusals can reach.
fn reachable() -> BTreeSet<Exchange> {
    let mut seen = BTreeSet::from([Exchange::new()]);
    let mut work = vec![Exchange::new()];
    while let Some(state) = work.pop() {
        let mut successors = Vec::new();
        for side in [Local, Remote] {
            for carrier in CARRIERS {
                for described in [false, true] {
                    let mut next = state;
                    if next.pass(side, carrier, described).is_ok() {
                        successors.push(next);
                    }
                }
            }
        }
        for carrier in [Invite, Prack, Update] {
            let mut next = state;
            next.refused(carrier);
            successors.push(next);
        }
        work.extend(successors.into_iter().filter(|next| seen.insert(*next)));
    }
    seen
}

fn all_steps() -> impl Iterator<Item = (Exchange, Side, Carrier, bool)> {
    reachable().into_iter().flat_map(|state| {
        [Local, Remote].into_iter().flat_map(move |side| {
            CARRIERS
                .into_iter()
                .flat_map(move |carrier| [false, true].map(|described| (state, side, carrier, described)))
        })
    })
}

#[test]
fn the_table_is_small_and_whole() {
    let states = reachable().len();
    assert!((20..200).contains(&states), "{states} states");
}

#[test]
fn there_is_never_a_second_outstanding_offer() {
    for (state, side, carrier, described) in all_steps() {
        let mut next = state;
        if next.pass(side, carrier, described) == OFFER {
            assert_eq!(state.outstanding(), None, "{state:?} {side:?} {carrier:?}");
            assert_eq!(next.outstanding(), Some(Outstanding { side, carrier }));
        }
    }
}

#[test]
fn only_the_other_end_answers() {
    for (state, side, carrier, described) in all_steps() {
        let mut next = state;
        if next.pass(side, carrier, described) == ANSWER {
            assert_eq!(state.outstanding().map(|offer| offer.side), Some(side.other()));
            assert_eq!(next.outstanding(), None);
            assert!(next.is_established());
        }
    }
}

#[test]
fn a_refusal_changes_nothing() {
    for (state, side, carrier, described) in all_steps() {
        let mut next = state;
        if next.pass(side, carrier, described).is_err() {
            assert_eq!(next, state, "{side:?} {carrier:?} {described}");
        }
    }
}

#[test]
fn both_ends_live_by_the_same_table() {
    fn mirror(state: Exchange) -> Exchange {
        Exchange {
            outstanding: state.outstanding.map(|offer| Outstanding { side: offer.side.other(), ..offer }),
            invite: state.invite.map(|mut open| {
                open.side = open.side.other();
                open
            }),
            ..state
        }
    }
    for (state, side, carrier, described) in all_steps() {
        let (mut here, mut there) = (state, mirror(state));
        assert_eq!(here.pass(side, carrier, described), there.pass(side.other(), carrier, described));
        assert_eq!(mirror(here), there);
    }
}

#[test]
fn no_body_is_never_an_offer_or_an_answer() {
    for (state, side, carrier, _) in all_steps() {
        let mut next = state;
        let meaning = next.pass(side, carrier, false);
        assert!(matches!(meaning, Ok(Meaning::Nothing) | Err(_)), "{state:?} {carrier:?} {meaning:?}");
    }
}

#[test]
fn every_outstanding_offer_can_be_answered_or_refused() {
    for state in reachable() {
        let Some(offer) = state.outstanding() else { continue };
        let answered =
            CARRIERS.iter().any(|carrier| state.clone().pass(offer.side.other(), *carrier, true) == ANSWER);
        let mut refused = state;
        for carrier in [Invite, Prack, Update] {
            refused.refused(carrier);
        }
        assert!(answered || offer.carrier == Invite, "{state:?}");
        assert_eq!(refused.outstanding(), None, "{state:?}");
    }
}

#[test]
fn one_invite_at_a_time() {
    for state in reachable() {
        if let Some(inviter) = state.inviting() {
            for described in [false, true] {
                assert_eq!(state.clone().pass(inviter, Invite, described), Err(Refusal::RetryLater));
                assert_eq!(state.clone().pass(inviter.other(), Invite, described), Err(Refusal::Glare));
            }
        }
    }
}

// RFC 6337 §2.2, table 1, pattern by pattern.

#[test]
fn pattern_1_offer_in_invite_answer_in_2xx() {
    let done = check(&[
        (Remote, Invite, true, OFFER),
        (Local, Provisional, false, NOTHING),
        (Local, Success, true, ANSWER),
        (Remote, Ack, false, NOTHING),
    ]);
    assert!(done.is_established() && done.inviting().is_none());
}

#[test]
fn pattern_2_offer_in_2xx_answer_in_ack() {
    check(&[
        (Local, Invite, false, NOTHING),
        (Remote, Provisional, true, REPEAT),
        (Remote, Success, true, OFFER),
        (Local, Ack, true, ANSWER),
    ]);
}

#[test]
fn pattern_3_answer_in_a_reliable_provisional() {
    check(&[
        (Local, Invite, true, OFFER),
        (Remote, ReliableProvisional, true, ANSWER),
        (Local, Prack, false, NOTHING),
        (Remote, PrackSuccess, false, NOTHING),
        (Remote, Success, false, NOTHING),
        (Local, Ack, false, NOTHING),
    ]);
}

#[test]
fn pattern_4_offer_in_a_reliable_provisional_answer_in_prack() {
    check(&[
        (Remote, Invite, false, NOTHING),
        (Local, ReliableProvisional, true, OFFER),
        (Local, Success, true, Err(Refusal::OutOfTurn)),
        (Remote, Prack, false, Err(Refusal::MissingAnswer)),
        (Remote, Prack, true, ANSWER),
        (Local, PrackSuccess, false, NOTHING),
        (Local, Success, false, NOTHING),
        (Remote, Ack, false, NOTHING),
    ]);
}

#[test]
fn pattern_5_second_offer_in_prack() {
    check(&[
        (Remote, Invite, true, OFFER),
        (Local, ReliableProvisional, true, ANSWER),
        (Remote, Prack, true, OFFER),
        (Local, PrackSuccess, false, Err(Refusal::MissingAnswer)),
        (Local, PrackSuccess, true, ANSWER),
        (Local, Success, false, NOTHING),
    ]);
}

#[test]
fn pattern_6_offer_in_update_before_and_after_the_2xx() {
    check(&[
        (Remote, Invite, true, OFFER),
        (Local, Update, true, Err(Refusal::Glare)),
        (Local, ReliableProvisional, true, ANSWER),
        (Remote, Prack, false, NOTHING),
        (Local, Update, true, OFFER),
        (Remote, UpdateSuccess, true, ANSWER),
        (Local, Success, false, NOTHING),
        (Remote, Update, true, OFFER),
        (Local, UpdateSuccess, true, ANSWER),
        (Remote, Ack, false, NOTHING),
    ]);
}

#[test]
fn a_preview_is_not_yet_the_answer() {
    check(&[
        (Local, Invite, true, OFFER),
        (Remote, Provisional, true, PREVIEW),
        (Remote, Provisional, true, PREVIEW),
        (Remote, Success, false, Err(Refusal::MissingAnswer)),
        (Remote, Success, true, ANSWER),
    ]);
}

#[test]
fn a_2xx_that_repeats_the_answer_of_a_reliable_provisional_changes_nothing() {
    check(&[
        (Local, Invite, true, OFFER),
        (Remote, ReliableProvisional, true, ANSWER),
        (Local, Prack, false, NOTHING),
        (Remote, Success, true, REPEAT),
    ]);
}

#[test]
fn an_ack_without_the_owed_answer_is_refused() {
    check(&[
        (Remote, Invite, false, NOTHING),
        (Local, Success, false, Err(Refusal::MissingOffer)),
        (Local, Success, true, OFFER),
        (Remote, Ack, false, Err(Refusal::MissingAnswer)),
    ]);
}

/// An established session, after the first INVITE was acknowledged.
fn established() -> Exchange {
    check(&[(Remote, Invite, true, OFFER), (Local, Success, true, ANSWER), (Remote, Ack, false, NOTHING)])
}

#[test]
fn updates_that_cross_get_491() {
    let mut exchange = established();
    assert_eq!(exchange.pass(Local, Update, true), OFFER);
    assert_eq!(exchange.pass(Remote, Update, true), Err(Refusal::Glare));
    assert_eq!(exchange.pass(Remote, Invite, true), Err(Refusal::Glare));
    exchange.refused(Update);
    assert!(exchange.may_offer(Remote, Update));
}

#[test]
fn a_second_update_before_the_answer_gets_500() {
    let mut exchange = established();
    assert_eq!(exchange.pass(Remote, Update, true), OFFER);
    assert_eq!(exchange.pass(Remote, Update, true), Err(Refusal::RetryLater));
    assert_eq!(exchange.pass(Remote, Update, false), NOTHING);
    assert_eq!(Refusal::RetryLater.status(), 500);
    assert_eq!(Refusal::Glare.status(), 491);
}

#[test]
fn an_update_cannot_overtake_the_offer_of_an_offerless_reinvite() {
    let mut exchange = established();
    assert_eq!(exchange.pass(Remote, Invite, false), NOTHING);
    assert_eq!(exchange.pass(Local, Update, true), Err(Refusal::Glare));
    assert_eq!(exchange.pass(Remote, Update, true), Err(Refusal::RetryLater));
    assert_eq!(exchange.pass(Local, Success, true), OFFER);
    assert_eq!(exchange.pass(Remote, Ack, true), ANSWER);
}

#[test]
fn a_refused_reinvite_leaves_the_session_as_it_was() {
    let before = established();
    let mut exchange = before;
    assert_eq!(exchange.pass(Local, Invite, true), OFFER);
    exchange.refused(Invite);
    assert_eq!(exchange, before);
}

#[test]
fn forked_early_dialogs_answer_the_same_offer_each_for_itself() {
    let mut invited = Exchange::new();
    assert_eq!(invited.pass(Local, Invite, true), OFFER);
    let (mut first, mut second) = (invited, invited);
    assert_eq!(first.pass(Remote, ReliableProvisional, true), ANSWER);
    assert_eq!(second.pass(Remote, Provisional, true), PREVIEW);
    assert_eq!(second.pass(Remote, Success, true), ANSWER);
    assert!(first.is_established() && first.inviting().is_some());
}
