//! What an application of a script wants, as a command.

use std::sync::Arc;

use calls::command::Command;
use calls::feed::Happened;
use calls::snapshot::CallId;

use crate::directory::line;
use crate::script::check;
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
        ["select", target] => Command::RouteSelect { call, target: text(target) },
        ["reject", cause] => {
            let cause = serde_json::from_value((*cause).into()).map_err(|error| error.to_string())?;
            Command::RouteReject { call, cause }
        }
        _ => return Err(format!("what is {what:?}?")),
    })
}

/// What the application of route points does, and what it is told.
pub fn at_route_points(stage: &mut Stage, words: &[&str]) -> Result<(), String> {
    match words {
        ["application", "of", user, "registers", "for", point] => {
            let user = format!("{user}@localhost").parse().map_err(|_| "a name")?;
            let feed = Arc::clone(&stage.told);
            check(stage.board.applications().register(point, &user, &feed), "it cannot")
        }
        ["application", "of", _, "leaves", point] => {
            stage.board.applications().cancel(point, &stage.told);
            Ok(())
        }
        ["application", "is", "gone"] => {
            stage.application_gone();
            Ok(())
        }
        ["application", "is", "asked", "by", calling, "for", called] => match next(stage)? {
            Some(Happened::RouteRequest(asked)) => {
                let at = stage.board.call(asked.call).is_some();
                let right = at && asked.calling == *calling && asked.called == *called;
                check(right, &format!("it is asked {asked:?}"))
            }
            other => Err(format!("it is told {other:?}")),
        },
        ["application", "is", "told", "the", "end:", cause] => match next(stage)? {
            Some(Happened::RouteEnd(end)) => {
                let found = serde_json::to_value(end.cause).map_err(|error| error.to_string())?;
                check(found == **cause, &format!("it is told {found}"))
            }
            other => Err(format!("it is told {other:?}")),
        },
        ["application", "hears", "nothing"] => match next(stage)? {
            None => Ok(()),
            other => Err(format!("it is told {other:?}")),
        },
        _ => Err("no such sentence".to_owned()),
    }
}

fn next(stage: &Stage) -> Result<Option<Happened>, String> {
    stage.told.take().map_err(|_| "it was too slow".to_owned())
}
