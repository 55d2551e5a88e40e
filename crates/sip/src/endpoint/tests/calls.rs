//! Whole calls between two endpoints, and the same with every single packet lost once.

use super::link::{LONG, Pair, losing};
use super::user::{Script, User};
use crate::endpoint::Transport;

/// What each side saw of a call, in no particular order, and how many packets it took.
fn run(script: Script, transport: Transport, lost: Vec<usize>) -> (Vec<String>, Vec<String>, usize) {
    let users = [User::new(script, true), User::new(script, false)];
    let [caller, callee] = users;
    let mut pair = Pair::new(caller, callee, transport, losing(lost.clone()));
    pair.run(LONG);
    for user in &pair.users {
        assert!(
            user.endpoint.is_at_rest(),
            "{script:?} without {lost:?}: {} {:?}",
            user.role(),
            user.endpoint
        );
    }
    let [caller, callee] = pair.users.map(|mut user| {
        user.log.sort();
        user.log
    });
    (caller, callee, pair.packets)
}

fn check(script: Script, caller: &[&str], callee: &[&str]) {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (saw_caller, saw_callee, _) = run(script, transport, Vec::new());
        assert_eq!((saw_caller, saw_callee), (strings(caller), strings(callee)), "{transport:?}");
    }
    let (_, _, packets) = run(script, Transport::Udp, Vec::new());
    for lost in 0..packets {
        let (saw_caller, saw_callee, _) = run(script, Transport::Udp, vec![lost]);
        assert_eq!((saw_caller, saw_callee), (strings(caller), strings(callee)), "packet {lost} lost");
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_call_is_answered_changed_and_ended() {
    check(
        Script::Answer,
        &["200 BYE", "200 INVITE", "200 INVITE"],
        &["ACK", "ACK", "BYE", "INVITE", "INVITE"],
    );
}

#[test]
fn a_call_is_answered_after_a_reliable_response() {
    check(
        Script::AnswerReliably,
        &["200 BYE", "200 INVITE", "200 INVITE", "200 PRACK"],
        &["ACK", "ACK", "BYE", "INVITE", "INVITE", "PRACK"],
    );
}

#[test]
fn a_call_is_cancelled() {
    check(Script::Cancel, &["487 INVITE"], &["INVITE"]);
}

#[test]
fn a_call_is_refused() {
    check(Script::Refuse, &["486 INVITE"], &["INVITE"]);
}

#[test]
fn the_callee_hangs_up() {
    check(Script::CalleeHangsUp, &["200 INVITE", "BYE"], &["200 BYE", "ACK", "INVITE"]);
}
