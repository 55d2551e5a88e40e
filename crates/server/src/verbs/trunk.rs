//! `trunk`: how the ways to other telephone systems stand.

use calls::trunk::{ProbeOutcome, TrunkStatus};
use operations::exit::Exit;
use operations::{Failure, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Show how trunks stand, and find out why one does not work
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// List all trunks: registration, servers, calls
    List(Common),
    /// Show one trunk with all its servers
    Show(One),
    /// Ask all servers of a trunk whether they are there (SIP OPTIONS), and tell what each says
    Test(One),
}

#[derive(clap::Args)]
struct One {
    /// The trunk, by its name in the dial plan
    name: String,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::List(common) => common,
            Verb::Show(one) | Verb::Test(one) => &one.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::List(_) => {
            let trunks: Vec<TrunkStatus> = ask(&common, runtime, Request::TrunkList).await?;
            print::shown(common.json, &trunks, |trunks| list(trunks));
            Ok(Exit::Done)
        }
        Verb::Show(One { name, .. }) => {
            let trunks: Vec<TrunkStatus> = ask(&common, runtime, Request::TrunkList).await?;
            let trunk = trunks.into_iter().find(|trunk| trunk.name == name);
            let trunk = trunk.ok_or_else(|| {
                Failure::not_found(format!("no trunk {name:?} with a sip table is in the dial plan"))
            })?;
            print::shown(common.json, &trunk, show);
            Ok(Exit::Done)
        }
        Verb::Test(One { name, .. }) => {
            let outcomes: Vec<ProbeOutcome> = ask(&common, runtime, Request::TrunkTest { name }).await?;
            if common.json {
                print::json(&outcomes);
            } else if outcomes.is_empty() {
                print::line("no server is known: the trunk has no address, or its name leads nowhere");
            } else {
                outcomes.iter().for_each(|outcome| print::line(&shown(outcome)));
            }
            let is_there = |outcome: &ProbeOutcome| outcome.status.is_some_and(|status| status != 503);
            Ok(if outcomes.iter().any(is_there) { Exit::Done } else { Exit::Findings })
        }
    }
}

fn list(trunks: &[TrunkStatus]) {
    let rows = trunks.iter().map(|trunk| {
        let up = trunk.servers.iter().filter(|server| server.state != "down").count();
        vec![
            trunk.name.clone(),
            if trunk.address.is_empty() { "(calls come in only)".to_owned() } else { trunk.address.clone() },
            state(trunk).to_owned(),
            trunk.registration.clone().unwrap_or_else(|| "-".to_owned()),
            format!("{up} of {}", trunk.servers.len()),
            calls(trunk),
            trunk.problem.clone().unwrap_or_default(),
        ]
    });
    let header = ["TRUNK", "ADDRESS", "STATE", "REGISTRATION", "SERVERS", "CALLS", "DETAIL"];
    print::table(&header, &rows.collect::<Vec<_>>());
}

/// In one word: a trunk that registers is up when it is registered as well.
fn state(trunk: &TrunkStatus) -> &'static str {
    match (trunk.address.is_empty(), trunk.usable, &trunk.registration) {
        (true, ..) => "-",
        (false, false, _) => "down",
        (false, true, Some(_)) if !trunk.registered => "not registered",
        (false, true, _) => "up",
    }
}

fn calls(trunk: &TrunkStatus) -> String {
    trunk.calls_max.map_or_else(|| trunk.calls.to_string(), |max| format!("{} of {max}", trunk.calls))
}

fn show(trunk: &TrunkStatus) {
    let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    print::line(&format!("trunk         {}", trunk.name));
    print::line(&format!("state         {}", state(trunk)));
    print::line(&format!("address       {}", or_none(&trunk.address)));
    print::line(&format!("registration  {}", or_none(trunk.registration.as_deref().unwrap_or_default())));
    print::line(&format!("calls         {}", calls(trunk)));
    print::line(&format!("calls from    {}", or_none(&trunk.from.join(", "))));
    if let Some(problem) = &trunk.problem {
        print::line(&format!("problem       {problem}"));
    }
    for server in &trunk.servers {
        let rests = server
            .rests_seconds
            .map_or_else(String::new, |seconds| format!("; a call failed there, tried last for {seconds} s"));
        let (name, state, seconds) = (&server.server, &server.state, server.seconds);
        print::line(&format!("server        {name}  {state} for {seconds} s{rests}"));
        if let Some(problem) = &server.problem {
            print::line(&format!("              {problem}"));
        }
    }
}

fn shown(outcome: &ProbeOutcome) -> String {
    match outcome.status {
        Some(status) => format!(
            "{}  {}  {status} {}, after {} ms",
            if status == 503 { "FAILED " } else { "ok     " },
            outcome.server,
            sip::message::reason_phrase(status),
            outcome.milliseconds
        ),
        None => format!(
            "FAILED   {}  no answer\n         -> is the address right, and does a firewall let SIP through both ways?",
            outcome.server
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(address: &str, usable: bool, registration: Option<&str>, registered: bool) -> TrunkStatus {
        TrunkStatus {
            name: "pstn".to_owned(),
            address: address.to_owned(),
            usable,
            registration: registration.map(str::to_owned),
            registered,
            calls: 3,
            calls_max: None,
            from: Vec::new(),
            servers: Vec::new(),
            problem: None,
        }
    }

    #[test]
    fn a_trunk_that_is_not_registered_is_not_up() {
        assert_eq!(state(&trunk("sip.example.org", true, None, false)), "up");
        assert_eq!(state(&trunk("sip.example.org", true, Some("refused: 403"), false)), "not registered");
        assert_eq!(state(&trunk("sip.example.org", true, Some("registered for 9 s"), true)), "up");
        assert_eq!(state(&trunk("sip.example.org", false, None, false)), "down");
        assert_eq!(state(&trunk("", false, None, false)), "-");
    }

    #[test]
    fn a_server_that_says_that_it_is_out_of_service_has_failed() {
        let outcome =
            |status| ProbeOutcome { server: "udp 192.0.2.1:5060".to_owned(), status, milliseconds: 7 };
        assert_eq!(shown(&outcome(Some(200))), "ok       udp 192.0.2.1:5060  200 OK, after 7 ms");
        assert!(shown(&outcome(Some(503))).starts_with("FAILED"));
        assert!(shown(&outcome(None)).contains("no answer\n         -> "));
    }
}
