//! `carillon init`: a data directory to start from.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use model::DomainPart;
use runtime::Runtime;

use super::{DataOption, print};
use crate::certificate;
use crate::config::{FILE, Template, template};
use crate::data::Data;

/// Random bytes of the administrator's first password.
const PASSWORD_BYTES: usize = 12;

#[derive(Args)]
pub(crate) struct Options {
    /// The domain of all addresses, such as example.org
    #[arg(long)]
    domain: String,
    /// The address to listen on
    #[arg(long, default_value = "0.0.0.0", value_name = "ADDR")]
    listen: IpAddr,
    /// Added to every default port
    #[arg(long, default_value_t = 0, value_name = "N")]
    port_offset: u16,
    #[command(flatten)]
    data: DataOption,
}

pub(super) async fn run(options: Options) -> Result<ExitCode> {
    let data = options.data.data();
    let made = make(&data, &options.domain, options.listen, options.port_offset).await?;
    print(&format!(
        "made {}\n\nadministrator's password, shown once: {made}\n\nnext:\n  carillon user add NAME@{} --line 1001 \
         --password-stdin --data {path}\n  carillon serve --data {path}",
        data.path().display(),
        options.domain,
        path = data.path().display(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes everything that `serve` needs; gives the administrator's password.
///
/// # Errors
/// The directory was made before: nothing is overwritten.
pub(crate) async fn make(data: &Data, domain: &str, listen: IpAddr, port_offset: u16) -> Result<String> {
    if domain.is_empty() || domain.parse::<DomainPart>().is_err() {
        bail!("`{domain}` is not a domain such as example.org");
    }
    if data.exists() {
        bail!("{} has a {FILE} already; nothing was changed", data.path().display());
    }
    data.create()?;
    let _lock = data.lock()?;
    let listen = listen.to_string();
    let text = template(&Template { domain, address: &listen, port_offset });
    let (certificate, key) = (data.path().join("certificate.pem"), data.path().join("key.pem"));
    if !key.exists() {
        certificate::make_self_signed(domain, &certificate, &key)?;
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(data.path().join(FILE))?;
    file.write_all(text.as_bytes())?;
    let config = data.config()?;
    let runtime = Runtime::real();
    let store = data.store(&config, &runtime).await?;
    let password = runtime.random_token(PASSWORD_BYTES);
    web::set_administrator_password(&store, &runtime, &password).await?;
    store.close().await;
    Ok(password)
}
