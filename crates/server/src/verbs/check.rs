//! `check`: is the server set up so that it can work?

use clap::ValueEnum;
use operations::exit::Exit;
use operations::folder;
use operations::{Failure, Request, Status};
use runtime::Runtime;

use super::{Common, ask};
use crate::check::{Finding, Grade, alerts, certificates, dns, ports};
use crate::control::Client;
use crate::{config, print};

/// Check configuration, certificates, ports and DNS, and say what to do about what is not right
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// What to check [default: all]
    what: Vec<What>,
    #[command(flatten)]
    pub(super) common: Common,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// The configuration file and the environment
    Config,
    /// The certificate and its key
    Certs,
    /// Whether the ports are free, or in use by our own server
    Ports,
    /// What the world's name service says of the domain
    Dns,
    /// What the running server finds odd about calls
    Alerts,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let wanted = |what: What| arguments.what.is_empty() || arguments.what.contains(&what);
    let mut findings = Vec::new();
    let data = &arguments.common.data;
    match config::load(data) {
        Err(error) => findings.push(Finding::failed("config", error.to_string(), "mend it and check again")),
        Ok(config) => {
            if wanted(What::Config) {
                findings.push(Finding::fine("config", format!("{} can be used", data.display())));
            }
            if wanted(What::Certs) {
                findings.extend(certificates::check(&config, runtime.timestamp()));
            }
            if wanted(What::Ports) {
                findings.extend(ports::check(&config, runtime).await);
            }
            if wanted(What::Dns) {
                findings.extend(dns::check(&config).await);
            }
            // Only a server that runs has seen calls.
            if wanted(What::Alerts)
                && Client::connect(runtime, &folder::socket_path(data)).await.is_some()
                && let Ok(status) = ask::<Status>(&arguments.common, runtime, Request::Status).await
            {
                findings.extend(alerts::check(&status.alerts));
            }
        }
    }
    if arguments.common.json {
        print::json(&findings);
    } else {
        for finding in &findings {
            print::line(&finding.to_string());
        }
    }
    let bad = findings.iter().any(|finding| finding.grade == Grade::Failed);
    Ok(if bad { Exit::Findings } else { Exit::Done })
}
