//! Who finds an ended call in which list of their history: placed, received or missed (`CC-34`).

use model::Timestamp;
use store::{HistoryKind, HistoryLine};

use super::draft::Leg;
use crate::snapshot::{Cause, Connection, Direction};

/// What each leg's owner finds. An owner with several phones in the call finds it once, by the phone that
/// answered; a call that was answered elsewhere, by whomever, is not missed.
pub(super) fn of(connections: &[Connection], legs: &[Leg], dialled: &str) -> Vec<Option<HistoryLine>> {
    let mut all: Vec<Option<HistoryLine>> = vec![None; connections.len()];
    for (place, (connection, leg)) in connections.iter().zip(legs).enumerate() {
        if connection.owner.is_none() {
            continue;
        }
        let Some(kind) = kind(place, connections, legs) else { continue };
        let same = |other: usize| connections[other].owner == connection.owner && all[other].is_some();
        let earlier = (0..place).find(|other| same(*other));
        if let Some(earlier) = earlier {
            let better = leg.answered.is_some() && legs[earlier].answered.is_none();
            if !better {
                continue;
            }
            all[earlier] = None;
        }
        let (peer, peer_name) = peer(place, connections, legs).map_or((dialled, None), Connection::shown);
        let (peer, peer_name) = (peer.to_owned(), peer_name.map(str::to_owned));
        all[place] = Some(HistoryLine { kind, peer, peer_name });
    }
    all
}

fn kind(place: usize, connections: &[Connection], legs: &[Leg]) -> Option<HistoryKind> {
    let leg = &legs[place];
    // Nobody dialled it or rang it here, or nobody else was there: it is in the history by another call.
    if leg.came_over || connections.len() == 1 {
        return None;
    }
    let is_caller = |place: usize| connections[place].direction == Direction::Initiator;
    if is_caller(place) {
        // Whoever takes a call over that rang elsewhere has received it.
        let takes_over = (0..legs.len()).any(|other| legs[other].came_over && is_caller(other));
        return Some(match takes_over && leg.answered.is_some() {
            true => HistoryKind::Received,
            false => HistoryKind::Placed,
        });
    }
    // An application made the call: it rang a line's own phones first, and one of them was the caller then.
    if !(0..legs.len()).any(is_caller) && leg.started == legs[0].started {
        let one_of_them_came =
            legs.iter().any(|other| other.started == leg.started && other.answered.is_some());
        return (leg.answered.is_some() || (!one_of_them_came && place == 0)).then_some(HistoryKind::Placed);
    }
    if leg.answered.is_some() {
        return Some(HistoryKind::Received);
    }
    let gone_elsewhere =
        leg.ended.is_some_and(|(_, cause)| matches!(cause, Cause::AnsweredElsewhere | Cause::Redirected));
    let answered_elsewhere = (0..legs.len()).any(|other| {
        !is_caller(other) && legs[other].answered.is_some_and(|answered| answered >= leg.started)
    });
    (!gone_elsewhere && !answered_elsewhere).then_some(HistoryKind::Missed)
}

/// The other side, as the owner of a leg thinks of it: with whom it talked longest, else who called or was called
/// first.
fn peer<'a>(place: usize, connections: &'a [Connection], legs: &[Leg]) -> Option<&'a Connection> {
    let others = (0..connections.len()).filter(|other| *other != place);
    let talked = others.clone().map(|other| (together(&legs[place], &legs[other]), other));
    // Of those who talked equally long, the first.
    let longest = talked.rev().max_by_key(|(time, _)| *time).filter(|(time, _)| *time > 0);
    let wanted = match connections[place].direction {
        Direction::Initiator => Direction::Recipient,
        Direction::Recipient => Direction::Initiator,
    };
    let facing = || others.clone().find(|other| connections[*other].direction == wanted);
    let other = longest.map(|(_, other)| other).or_else(facing).or_else(|| others.clone().next())?;
    Some(&connections[other])
}

/// How long two legs were both connected, in microseconds.
fn together(one: &Leg, other: &Leg) -> i64 {
    let (Some(a), Some(b)) = (one.answered, other.answered) else { return 0 };
    let end = |leg: &Leg| leg.ended.map_or(Timestamp(i64::MAX), |(at, _)| at);
    (end(one).min(end(other)).0 - a.max(b).0).max(0)
}
