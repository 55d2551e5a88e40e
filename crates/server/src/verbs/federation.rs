//! `federation`: how other XMPP servers stand, and whether one can be reached.

use im::s2s::{FederationState, Grade, Step};
use model::DomainPart;
use operations::exit::Exit;
use operations::{Failure, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Show how other XMPP servers stand, and find out why one cannot be reached
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// List the domains that something was sent to or came from, with what waits for them
    List(Common),
    /// Try the way to a domain and tell every step: name service, connection, TLS, certificate, authentication
    Test(Test),
}

#[derive(clap::Args)]
struct Test {
    /// The other domain
    domain: String,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::List(common) => common,
            Verb::Test(test) => &test.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::List(_) => {
            let states: Vec<FederationState> = ask(&common, runtime, Request::FederationList).await?;
            print::shown(common.json, &states, |states| list(states));
            Ok(Exit::Done)
        }
        Verb::Test(Test { domain, .. }) => {
            let domain: DomainPart = domain
                .parse()
                .map_err(|_| Failure::invalid(format!("{domain:?} is not a domain such as example.org")))?;
            let steps: Vec<Step> = ask(&common, runtime, Request::FederationTest { domain }).await?;
            print::shown(common.json, &steps, |steps| {
                steps.iter().for_each(|step| print::line(&shown(step)))
            });
            Ok(verdict(&steps))
        }
    }
}

/// It is reached when the last step went well: one that fails on the way may have been gone around.
fn verdict(steps: &[Step]) -> Exit {
    match steps.last() {
        Some(step) if step.grade != Grade::Failed => Exit::Done,
        _ => Exit::Findings,
    }
}

fn list(states: &[FederationState]) {
    let rows = states.iter().map(|state| {
        let detail = match (&state.how, &state.failure, state.next_try_seconds) {
            (Some(how), ..) => how.clone(),
            (None, Some(failure), Some(seconds)) => format!("{failure}; next try in {seconds} s"),
            (None, Some(failure), None) => failure.clone(),
            (None, None, _) => String::new(),
        };
        let incoming: Vec<&str> =
            state.incoming.iter().map(|stream| stream.authentication.as_str()).collect();
        let oldest = state.oldest_seconds.map_or_else(String::new, |seconds| format!(" for {seconds} s"));
        vec![
            state.domain.clone(),
            state.local.clone(),
            state.state.clone(),
            format!("{}{oldest}", state.queued),
            state.sent.to_string(),
            state.returned.to_string(),
            incoming.join(", "),
            detail,
        ]
    });
    let header = ["DOMAIN", "FOR", "STATE", "WAITING", "SENT", "RETURNED", "ITS STREAMS", "DETAIL"];
    print::table(&header, &rows.collect::<Vec<_>>());
}

fn shown(step: &Step) -> String {
    let mark = match step.grade {
        Grade::Fine => "ok     ",
        Grade::Warning => "warning",
        Grade::Failed => "FAILED ",
    };
    let advice =
        if step.advice.is_empty() { String::new() } else { format!("\n         -> {}", step.advice) };
    format!("{mark}  {:<14}  {}{advice}", step.what, step.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(what: &str, grade: Grade, advice: &str) -> Step {
        let (what, text, advice) = (what.to_owned(), "seen".to_owned(), advice.to_owned());
        Step { what, grade, text, advice }
    }

    #[test]
    fn the_last_step_decides() {
        let (fine, failed) = (step("tls", Grade::Fine, ""), step("connect", Grade::Failed, "look"));
        assert_eq!(verdict(&[failed.clone(), fine.clone()]), Exit::Done);
        assert_eq!(verdict(&[fine, failed]), Exit::Findings);
        assert_eq!(verdict(&[]), Exit::Findings);
    }

    #[test]
    fn advice_stands_on_a_line_of_its_own() {
        assert_eq!(shown(&step("tls", Grade::Fine, "")), "ok       tls             seen");
        assert!(shown(&step("tls", Grade::Failed, "do this")).ends_with("\n         -> do this"));
    }
}
