//! What an application of a script wants, as a command.

use calls::command::Command;
use calls::snapshot::CallId;

use crate::directory::line;
use crate::stage::Stage;

/// The live calls of a line, oldest first.
pub fn calls_of(stage: &Stage, number: &str) -> Vec<CallId> {
    let mut calls = stage.board.line(&line(number)).0;
    calls.sort_by_key(|call| (call.started, call.id));
    calls.iter().map(|call| call.id).collect()
}

/// `hold`, `transfer to 1003`, ... for a line.
pub fn command(stage: &Stage, number: &str, what: &[&str]) -> Result<Command, String> {
    let line = line(number);
    let calls = calls_of(stage, number);
    let gone = CallId(0xffff);
    let (held, active) = (calls.first().copied().unwrap_or(gone), calls.last().copied().unwrap_or(gone));
    let call = active;
    let text = |target: &&str| (*target).to_owned();
    Ok(match what {
        ["hold"] => Command::HoldCall { call, line },
        ["retrieve"] => Command::RetrieveCall { call: held, line },
        ["answer"] => Command::AnswerCall { call, line },
        ["clear"] => Command::ClearConnection { call, line },
        ["clear", "all"] => Command::ClearCall { call },
        ["alternate"] => Command::AlternateCall { held, active, line },
        ["join"] => Command::TransferCall { held, active, line },
        ["confer"] => Command::ConferenceCall { held, active, line },
        ["privacy"] => Command::SetPrivacy { call, line, private: true },
        ["no", "privacy"] => Command::SetPrivacy { call, line, private: false },
        ["record"] => Command::SetRecording { call, line, recording: true },
        ["stop", "recording"] => Command::SetRecording { call, line, recording: false },
        ["park"] => Command::ParkCall { call, line, slot: None },
        ["park", "at", slot] => Command::ParkCall { call, line, slot: Some(text(slot)) },
        ["call", "back", target] => Command::CallBack { line, target: text(target) },
        ["no", "call", "back"] => Command::CancelCallBack { line },
        ["call", target] => Command::MakeCall { line, target: text(target) },
        ["consult", target] => Command::ConsultationCall { call, line, target: text(target) },
        ["transfer", "to", target] => Command::SingleStepTransfer { call, line, target: text(target) },
        ["deflect", "to", target] => Command::DeflectCall { call, line, target: text(target) },
        ["pick", "up", "from", other] => {
            let call = calls_of(stage, other).last().copied().unwrap_or(gone);
            Command::DirectedPickup { call, line }
        }
        _ => return Err(format!("what is {what:?}?")),
    })
}
