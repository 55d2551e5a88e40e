//! `device`: which telephones sign in with an account of their own.

use model::{LineId, Number, Partition};
use operations::exit::Exit;
use operations::{DeviceDetail, DeviceShown, Failure, NewDevice, Request};
use runtime::Runtime;

use super::user::password_set;
use super::{Common, ask, secret_from_stdin};
use crate::print;

/// Give devices accounts of their own, and list devices; what a device is says the dial plan
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Give a device an account; without --password-stdin the password is made up and shown once
    Add(Add),
    /// List the devices of the dial plan and those with an account
    List(Common),
    /// Show a device and what its keys are, in their order
    Show(One),
    /// Take the account of a device away; its registrations end when they are not refreshed
    Remove(One),
    /// Give a device another password; without --password-stdin it is made up and shown once
    SetPassword(SetPassword),
}

#[derive(clap::Args)]
struct Add {
    /// The device, by its name in the dial plan: it signs in with it
    name: String,
    /// Its line; the first one that the dial plan shows on it if not named
    #[arg(long, value_name = "NUMBER")]
    line: Option<Number>,
    /// The partition that the line is in
    #[arg(long, value_name = "NAME", default_value_t = Partition::default())]
    partition: Partition,
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct One {
    /// The device
    name: String,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct SetPassword {
    /// The device
    name: String,
    /// Read the password from standard input, one line
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::Add(add) => &add.common,
            Verb::List(common) => common,
            Verb::Show(one) | Verb::Remove(one) => &one.common,
            Verb::SetPassword(set) => &set.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    match arguments.verb {
        Verb::Add(Add { name, line, partition, password_stdin, .. }) => {
            let password = secret_from_stdin(password_stdin)?;
            let line = line.map(|number| LineId { number, partition });
            let request = Request::DeviceAdd(NewDevice { name, line, password });
            password_set(&common, &ask(&common, runtime, request).await?);
        }
        Verb::List(_) => {
            let devices: Vec<DeviceShown> = ask(&common, runtime, Request::DeviceList).await?;
            print::shown(common.json, &devices, |devices| list(devices));
        }
        Verb::Show(One { name, .. }) => {
            let shown: DeviceDetail = ask(&common, runtime, Request::DeviceShow { name }).await?;
            print::shown(common.json, &shown, show);
        }
        Verb::Remove(One { name, .. }) => {
            let () = ask(&common, runtime, Request::DeviceRemove { name: name.clone() }).await?;
            print::shown(common.json, &name, |name| {
                print::line(&format!("device {name} has no account any more"))
            });
        }
        Verb::SetPassword(SetPassword { name, password_stdin, .. }) => {
            let password = secret_from_stdin(password_stdin)?;
            let request = Request::DeviceSetPassword { name, password };
            password_set(&common, &ask(&common, runtime, request).await?);
        }
    }
    Ok(Exit::Done)
}

fn show(shown: &DeviceDetail) {
    let DeviceDetail { device, button_template, nodes, keys } = shown;
    let or_none = |text: Option<&String>| text.map_or("none", String::as_str).to_owned();
    let account =
        device.account.as_ref().map_or_else(|| "of its line".to_owned(), |line| format!("own, {line}"));
    print::line(&format!("device           {}", device.name));
    print::line(&format!("pool             {}", or_none(device.pool.as_ref())));
    if !nodes.is_empty() {
        print::line(&format!("nodes            {}", nodes.join(", ")));
    }
    print::line(&format!("account          {account}"));
    print::line(&format!(
        "registered       {}",
        or_none((!device.registered.is_empty()).then(|| device.registered.join("; ")).as_ref())
    ));
    print::line(&format!("button template  {}", or_none(button_template.as_ref())));
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let cells = [&key.kind, &key.shows, &key.label, &key.dials];
            std::iter::once(key.position.to_string()).chain(cells.map(String::clone)).collect()
        })
        .collect();
    print::table(&["KEY", "KIND", "SHOWS", "LABEL", "DIALS"], &rows);
}

fn list(devices: &[DeviceShown]) {
    let rows: Vec<Vec<String>> = devices
        .iter()
        .map(|device| {
            vec![
                device.name.clone(),
                device.lines.join(" "),
                device.pool.clone().unwrap_or_else(|| "-".to_owned()),
                device
                    .account
                    .as_ref()
                    .map_or_else(|| "of its line".to_owned(), |line| format!("own, {line}")),
                device.registered.join("; "),
            ]
        })
        .collect();
    print::table(&["DEVICE", "LINES", "POOL", "ACCOUNT", "REGISTERED"], &rows);
}
