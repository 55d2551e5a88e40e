//! Devices: their accounts, beside what the dial plan says of them (`CC-01`).

use std::collections::BTreeMap;

use model::LineId;
use model::plan::DeviceKey;
use serde::{Deserialize, Serialize};

use crate::user::{given_or_random, warn_of_weakness};
use crate::{Context, Failure, PasswordSet, Secret, password};

/// Characters that the name of a device has at most.
const NAME_CHARACTERS_MAX: usize = 128;

/// An account for a device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewDevice {
    /// Its name, as the dial plan has it; it signs in with it.
    pub name: String,
    /// Its line, or the first of them; what the dial plan says when it is not named.
    pub line: Option<LineId>,
    /// What it signs in with; random when not given.
    pub password: Option<Secret>,
}

/// A device as an administrator sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeviceShown {
    /// Its name.
    pub name: String,
    /// The lines that it shows, as the dial plan has them.
    pub lines: Vec<String>,
    /// Its device pool.
    pub pool: Option<String>,
    /// The line of its account; `None` when it signs in with its lines' accounts.
    pub account: Option<String>,
    /// Where it is registered from.
    pub registered: Vec<String>,
}

/// A device with what its keys are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDetail {
    /// The device.
    #[serde(flatten)]
    pub device: DeviceShown,
    /// Its button template; `None`: all its lines, then all its lamps.
    pub button_template: Option<String>,
    /// The nodes that it registers at, in their order, as its pool names them.
    pub nodes: Vec<String>,
    /// Its keys, in their order.
    pub keys: Vec<DeviceKey>,
}

pub(crate) async fn add(context: &Context, new: NewDevice) -> Result<PasswordSet, Failure> {
    if accounts(context).await?.contains_key(&new.name) {
        let name = &new.name;
        return Err(Failure::invalid(format!(
            "device {name} has an account; `carillon device set-password` gives it another password"
        )));
    }
    let line = match new.line {
        Some(line) => line,
        None => first_line(context, &new.name).await?,
    };
    set(context, &new.name, &line, new.password).await
}

pub(crate) async fn set_password(
    context: &Context,
    name: &str,
    given: Option<Secret>,
) -> Result<PasswordSet, Failure> {
    let accounts = accounts(context).await?;
    let line = accounts.get(name).ok_or_else(|| no_account(name))?;
    set(context, name, line, given).await
}

pub(crate) async fn remove(context: &Context, name: &str) -> Result<(), Failure> {
    if !accounts(context).await?.contains_key(name) {
        return Err(no_account(name));
    }
    Ok(context.store.device_remove_account(name).await?)
}

/// The devices of the dial plan, and those that have an account and are not in it.
pub(crate) async fn list(context: &Context) -> Result<Vec<DeviceShown>, Failure> {
    let mut accounts = accounts(context).await?;
    let plan = calls::dialplan::load(&context.store, context.services.clone(), &context.runtime).await?;
    let mut all: Vec<DeviceShown> = Vec::new();
    for device in &plan.plan().devices {
        all.push(DeviceShown {
            name: device.name.clone(),
            lines: device.lines.iter().map(ToString::to_string).collect(),
            pool: device.pool.clone(),
            account: accounts.remove(&device.name).map(|line| line.to_string()),
            registered: Vec::new(),
        });
    }
    let strangers = accounts.into_iter();
    all.extend(strangers.map(|(name, line)| DeviceShown {
        name,
        account: Some(line.to_string()),
        ..DeviceShown::default()
    }));
    let registrations = context.node.as_ref().map(|node| node.calls().registrations()).unwrap_or_default();
    for registration in registrations {
        let device = all.iter_mut().find(|device| Some(&device.name) == registration.device.as_ref());
        if let Some(device) = device {
            device.registered.push(format!("{} {}", registration.line, registration.source));
        }
    }
    Ok(all)
}

/// A device and its keys.
pub(crate) async fn show(context: &Context, name: &str) -> Result<DeviceDetail, Failure> {
    let device = list(context).await?.into_iter().find(|device| device.name == name);
    let device = device.ok_or_else(|| {
        Failure::not_found(format!("there is no device {name}; `carillon device list` shows all"))
    })?;
    let plan = calls::dialplan::load(&context.store, context.services.clone(), &context.runtime).await?;
    let plan = plan.plan();
    let Some(said) = plan.devices.iter().find(|device| device.name == name) else {
        return Ok(DeviceDetail { device, ..DeviceDetail::default() });
    };
    let pool = plan.device_pools.iter().find(|pool| Some(&pool.name) == said.pool.as_ref());
    let group = pool.and_then(|pool| pool.call_manager_group.as_ref());
    let group = plan.phones.call_manager_groups.iter().find(|one| Some(&one.name) == group);
    Ok(DeviceDetail {
        device,
        button_template: said.button_template.clone(),
        nodes: group.map(|group| group.nodes.clone()).unwrap_or_default(),
        keys: plan.keys(said),
    })
}

async fn set(
    context: &Context,
    name: &str,
    line: &LineId,
    given: Option<Secret>,
) -> Result<PasswordSet, Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_CHARACTERS_MAX || !name.chars().all(is_plain) {
        return Err(Failure::invalid(
            "a device that signs in has a name of letters, digits, `-`, `_` and `.`, such as SEP00036BC7B973",
        ));
    }
    let (new, made_up) = given_or_random(context, given);
    password::check(&new)?;
    let mut warnings = Vec::new();
    warn_of_weakness(&mut warnings, "the password", &new, &[name, line.number.as_str()]);
    let secrets = password::device_secrets(name, context.domain.as_str(), &new);
    context.store.device_set_account(name, line, secrets).await?;
    Ok(PasswordSet { password: made_up.then_some(new), warnings })
}

async fn first_line(context: &Context, name: &str) -> Result<LineId, Failure> {
    let plan = calls::dialplan::load(&context.store, context.services.clone(), &context.runtime).await?;
    let device = plan.plan().devices.iter().find(|device| device.name == name);
    let line = device.and_then(|device| device.lines.first()).map(model::plan::LineSpan::first);
    line.ok_or_else(|| {
        Failure::not_found(format!(
            "the dial plan has no device {name} with a line; name its line with --line"
        ))
    })
}

async fn accounts(context: &Context) -> Result<BTreeMap<String, LineId>, Failure> {
    let all = context.store.device_accounts().await?;
    Ok(all.into_iter().map(|device| (device.name, device.line)).collect())
}

fn no_account(name: &str) -> Failure {
    Failure::not_found(format!("device {name} has no account; `carillon device list` shows all"))
}
