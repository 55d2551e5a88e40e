//! The tables row by row, and what the tables must never do.

use super::{Action, Input, client_invite, client_non_invite, server_invite, server_non_invite};
use crate::timer::Timer;

const TIMERS: [Timer; 18] = [
    Timer::A,
    Timer::B,
    Timer::C,
    Timer::D,
    Timer::E,
    Timer::F,
    Timer::G,
    Timer::H,
    Timer::I,
    Timer::J,
    Timer::K,
    Timer::L,
    Timer::M,
    Timer::Trying,
    Timer::Success,
    Timer::Reliable,
    Timer::ReliableGiveUp,
    Timer::Cancelled,
];

fn inputs() -> Vec<Input> {
    let mut inputs = vec![
        Input::Request,
        Input::Ack,
        Input::Provisional,
        Input::Success,
        Input::Failure,
        Input::TransportError,
    ];
    inputs.extend(TIMERS.map(Input::Fired));
    inputs
}

/// All inputs that have a row in the state.
fn rows<State>(step: impl Fn(Input) -> super::Step<State>) -> Vec<Input> {
    inputs().into_iter().filter(|input| step(*input).is_some()).collect()
}

#[test]
fn an_accepted_invite_passes_up_every_2xx_and_nothing_else() {
    use client_invite::State::{Accepted, Proceeding, Terminated};
    let accepted = Proceeding.step(Input::Success);
    assert_eq!(accepted, Some((Accepted, &[Action::Deliver, Action::Start(Timer::M)][..])));
    assert_eq!(rows(|input| Accepted.step(input)), [Input::Success, Input::Fired(Timer::M)]);
    assert_eq!(Accepted.step(Input::Success), Some((Accepted, &[Action::Deliver][..])));
    assert_eq!(Accepted.step(Input::Fired(Timer::M)), Some((Terminated, &[][..])));
}

#[test]
fn a_refused_invite_acknowledges_each_refusal_but_reports_one() {
    use client_invite::State::{Calling, Completed};
    let first = Calling.step(Input::Failure);
    let actions = &[Action::Acknowledge, Action::Deliver, Action::Start(Timer::D)][..];
    assert_eq!(first, Some((Completed, actions)));
    assert_eq!(Completed.step(Input::Failure), Some((Completed, &[Action::Acknowledge][..])));
    assert_eq!(Completed.step(Input::Success), None);
}

#[test]
fn an_invite_is_repeated_only_until_something_is_heard() {
    use client_invite::State::{Calling, Proceeding, Terminated};
    let again = &[Action::Transmit, Action::Start(Timer::A)][..];
    assert_eq!(Calling.step(Input::Fired(Timer::A)), Some((Calling, again)));
    assert_eq!(Proceeding.step(Input::Fired(Timer::A)), None);
    assert_eq!(Proceeding.step(Input::Fired(Timer::B)), None);
    let silent = Calling.step(Input::Fired(Timer::B));
    assert_eq!(silent, Some((Terminated, &[Action::InformTimeout][..])));
}

#[test]
fn another_request_is_repeated_even_while_proceeding() {
    use client_non_invite::State::{Completed, Proceeding, Terminated, Trying};
    let again = &[Action::Transmit, Action::Start(Timer::E)][..];
    assert_eq!(Trying.step(Input::Fired(Timer::E)), Some((Trying, again)));
    assert_eq!(Proceeding.step(Input::Fired(Timer::E)), Some((Proceeding, again)));
    for state in [Trying, Proceeding] {
        assert_eq!(state.step(Input::Fired(Timer::F)), Some((Terminated, &[Action::InformTimeout][..])));
    }
    assert_eq!(rows(|input| Completed.step(input)), [Input::Fired(Timer::K)]);
}

#[test]
fn an_accepting_server_absorbs_repeated_invites() {
    use server_invite::State::{Accepted, Proceeding};
    let Some((state, actions)) = Proceeding.step(Input::Success) else { panic!("no row") };
    assert_eq!(state, Accepted);
    assert_eq!(actions, [Action::Transmit, Action::Start(Timer::Success), Action::Start(Timer::L)]);
    assert_eq!(Accepted.step(Input::Request), Some((Accepted, &[][..])));
}

#[test]
fn a_refusing_server_repeats_until_the_ack_and_then_is_silent() {
    use server_invite::State::{Completed, Confirmed, Terminated};
    let again = &[Action::Transmit, Action::Start(Timer::G)][..];
    assert_eq!(Completed.step(Input::Fired(Timer::G)), Some((Completed, again)));
    assert_eq!(Completed.step(Input::Ack), Some((Confirmed, &[Action::Start(Timer::I)][..])));
    assert_eq!(rows(|input| Confirmed.step(input)), [Input::Fired(Timer::I)]);
    let unheard = Completed.step(Input::Fired(Timer::H));
    assert_eq!(unheard, Some((Terminated, &[Action::InformTimeout][..])));
}

#[test]
fn a_repeated_request_gets_silence_then_the_latest_answer() {
    use server_non_invite::State::{Completed, Proceeding, Trying};
    assert_eq!(Trying.step(Input::Request), Some((Trying, &[][..])));
    for state in [Proceeding, Completed] {
        assert_eq!(state.step(Input::Request), Some((state, &[Action::Transmit][..])));
    }
    assert_eq!(Completed.step(Input::Success), None, "a second final answer is discarded");
}

#[test]
fn a_transport_error_ends_clients_but_not_servers() {
    let error = Input::TransportError;
    let step = client_invite::State::Calling.step(error);
    assert_eq!(step.map(|s| s.0), Some(client_invite::State::Terminated));
    let step = client_non_invite::State::Trying.step(error);
    assert_eq!(step.map(|s| s.0), Some(client_non_invite::State::Terminated));
    let step = server_invite::State::Completed.step(error);
    assert_eq!(step.map(|s| s.0), Some(server_invite::State::Completed));
    let step = server_non_invite::State::Completed.step(error);
    assert_eq!(step.map(|s| s.0), Some(server_non_invite::State::Completed));
}

#[test]
fn nothing_happens_after_the_end() {
    assert_eq!(rows(|input| client_invite::State::Terminated.step(input)), []);
    assert_eq!(rows(|input| client_non_invite::State::Terminated.step(input)), []);
    assert_eq!(rows(|input| server_invite::State::Terminated.step(input)), []);
    assert_eq!(rows(|input| server_non_invite::State::Terminated.step(input)), []);
}
