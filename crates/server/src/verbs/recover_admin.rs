//! `recover-admin`: another password for the administrator of the web pages.

use operations::exit::Exit;
use operations::{Failure, Request};
use runtime::Runtime;

use super::user::password_set;
use super::{Common, ask, secret_from_stdin};

/// Give the administrator of the web pages another password; without --password-stdin it is made up and shown once
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let password = secret_from_stdin(arguments.password_stdin)?;
    let request = Request::AdministratorSetPassword { password };
    password_set(&arguments.common, &ask(&arguments.common, runtime, request).await?);
    Ok(Exit::Done)
}
