//! `init`: makes a data directory with a configuration, a database, a certificate and an administrator.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use model::DomainPart;
use operations::exit::Exit;
use operations::folder;
use operations::{Failure, set_administrator_password};
use runtime::Runtime;
use serde::Serialize;

use super::DATA_DEFAULT;
use crate::config::{self, Start, template};
use crate::{access, certificate, print};

/// Make a data directory: configuration, database, self-signed certificate, administrator
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The data directory to make
    #[arg(long, value_name = "DIR", env = "CARILLON_DATA", default_value = DATA_DEFAULT)]
    data: PathBuf,
    /// The domain of your users, such as example.org
    #[arg(long, value_name = "DOMAIN")]
    domain: DomainPart,
    /// An address to listen on; may be given several times [default: all]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<IpAddr>,
    /// Add this to every port
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=20_000))]
    port_offset: u16,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        self.json
    }
}

#[derive(Serialize)]
struct Made {
    data: PathBuf,
    domain: String,
    administrator_password: String,
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let json = arguments.json;
    let start = Start {
        domain: arguments.domain.clone(),
        addresses: arguments.listen,
        port_offset: arguments.port_offset,
    };
    let administrator_password = make(&arguments.data, &start, runtime).await?;
    let data = arguments.data.display();
    if json {
        print::json(&Made {
            domain: arguments.domain.as_str().to_owned(),
            administrator_password,
            data: arguments.data,
        });
    } else {
        print::line(&format!(
            "{data} is ready for the domain {domain}.\n\n\
             The administrator's one-time password for the status page, shown this once:\n  \
             {administrator_password}\n\n\
             Next:\n  carillon check --data {data}\n  carillon user add NAME@{domain} --data {data}\n  \
             carillon serve --data {data}",
            domain = arguments.domain.as_str(),
        ));
    }
    Ok(Exit::Done)
}

/// Makes everything, or leaves nothing behind; answers the administrator's password.
pub(crate) async fn make(data: &Path, start: &Start, runtime: &Runtime) -> Result<String, Failure> {
    let unavailable = |path: &Path, error: std::io::Error| {
        Failure::new(Exit::Unavailable, format!("{}: {error}", path.display()))
    };
    folder::create(data).map_err(|error| unavailable(data, error))?;
    let Some(_lock) = access::lock(data)? else { return Err(access::in_use(data)) };
    let text = template(start);
    let config = config::read(data, &text, &[])
        .map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
    let database = config.database_path().unwrap_or_default();
    let made = [folder::config_path(data), config.certificate_path(), config.key_path(), database.clone()];
    if let Some(there) = made.iter().find(|path| path.exists()) {
        return Err(Failure::new(
            Exit::Exists,
            format!(
                "{} exists already, and nothing is overwritten: name another --data directory, or go on with \
                 `carillon serve --data {}`",
                there.display(),
                data.display()
            ),
        ));
    }
    let write = async {
        let pem = certificate::self_signed(start.domain.as_str(), runtime.timestamp().seconds())
            .map_err(|error| Failure::invalid(error.to_string()))?;
        folder::write_new(&made[0], text.as_bytes()).map_err(|error| unavailable(&made[0], error))?;
        folder::write_new(&made[1], pem.certificate.as_bytes()).map_err(|e| unavailable(&made[1], e))?;
        folder::write_new(&made[2], pem.key.as_bytes()).map_err(|error| unavailable(&made[2], error))?;
        let context = access::context(&config, runtime).await?;
        let set = set_administrator_password(&context, None).await;
        context.store.close().await;
        Ok(set?.password.unwrap_or_default())
    };
    let written = write.await;
    if written.is_err() {
        for path in &made {
            // What is not there needs no removing.
            let _missing = std::fs::remove_file(path);
        }
    }
    written
}
