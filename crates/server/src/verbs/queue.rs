//! `queue`: who waits, and who takes calls.

use calls::QueueShown;
use model::{LineChange, LineId};
use operations::exit::Exit;
use operations::{Failure, LineSettingsShown, Request};
use runtime::Runtime;

use super::line::Which;
use super::{Common, ask};
use crate::print;

/// Show queues of callers, sign agents in and out
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// List all queues
    List(Common),
    /// Show who waits in a queue, and how its agents stand
    Show(Show),
    /// Let a line take calls of the queues that it is an agent of
    SignIn(Agent),
    /// Let a line take no calls of queues
    SignOut(Agent),
}

#[derive(clap::Args)]
struct Show {
    /// Its name or number
    queue: String,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Agent {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::List(common) => common,
            Verb::Show(show) => &show.common,
            Verb::SignIn(agent) | Verb::SignOut(agent) => &agent.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::List(_) => {
            let queues: Vec<QueueShown> = ask(&common, runtime, Request::QueueList { which: None }).await?;
            list(&common, &queues);
        }
        Verb::Show(Show { queue, .. }) => {
            let which = Some(queue);
            let queues: Vec<QueueShown> = ask(&common, runtime, Request::QueueList { which }).await?;
            if common.json {
                print::json(&queues);
            } else {
                queues.iter().for_each(show);
            }
        }
        Verb::SignIn(Agent { which, .. }) => sign(&common, runtime, (which.into(), true)).await?,
        Verb::SignOut(Agent { which, .. }) => sign(&common, runtime, (which.into(), false)).await?,
    }
    Ok(Exit::Done)
}

async fn sign(common: &Common, runtime: &Runtime, (line, signed_in): (LineId, bool)) -> Result<(), Failure> {
    let change = LineChange::Queues { signed_in };
    let set: LineSettingsShown = ask(common, runtime, Request::LineSet { line, change }).await?;
    let how = if signed_in { "takes calls of its queues" } else { "takes no calls of queues" };
    print::shown(common.json, &set, |set| print::line(&format!("line {} {how}", set.line.number)));
    Ok(())
}

fn list(common: &Common, queues: &[QueueShown]) {
    if common.json {
        return print::json(&queues);
    }
    let row = |queue: &QueueShown| {
        let ready = queue.agents.iter().filter(|agent| agent.state == calls::AgentState::Ready).count();
        let agents = format!("{ready} of {}", queue.agents.len());
        let waiting = format!("{} of {}", queue.callers.len(), queue.max_waiting);
        vec![queue.name.clone(), queue.number.to_string(), queue.distribution.clone(), waiting, agents]
    };
    let rows: Vec<Vec<String>> = queues.iter().map(row).collect();
    print::table(&["QUEUE", "NUMBER", "DISTRIBUTION", "WAITING", "FREE AGENTS"], &rows);
}

fn show(queue: &QueueShown) {
    print::line(&format!("queue {} at {}, {}", queue.name, queue.number, queue.distribution));
    let caller = |(place, caller): (usize, &calls::CallerShown)| {
        let rings: Vec<String> = caller.rings.iter().map(ToString::to_string).collect();
        let name = caller.name.clone().unwrap_or_default();
        let call = caller.call.to_string();
        vec![place.to_string(), caller.number.clone(), name, caller.since.to_string(), rings.join(" "), call]
    };
    let callers: Vec<Vec<String>> = (1..).zip(&queue.callers).map(caller).collect();
    print::table(&["PLACE", "NUMBER", "NAME", "WAITS SINCE", "RINGS", "CALL"], &callers);
    let agent = |agent: &calls::AgentShown| {
        let (taken, missed) = (agent.taken.to_string(), agent.missed.to_string());
        vec![agent.line.to_string(), agent.state.words().to_owned(), taken, missed]
    };
    let agents: Vec<Vec<String>> = queue.agents.iter().map(agent).collect();
    print::table(&["AGENT", "STATE", "TAKEN", "MISSED"], &agents);
}
