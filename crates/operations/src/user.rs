//! Users: added, shown, disabled, removed, given passwords.

use std::collections::BTreeMap;

use model::{BareJid, LineId, User};
use serde::{Deserialize, Serialize};

use crate::line::secrets_for;
use crate::{Change, Context, Failure, Secret, password};

/// The mechanisms that accounts have records for.
const MECHANISMS: [&str; 3] = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// A user to be added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewUser {
    /// The address.
    pub jid: BareJid,
    /// The name shown to people; the user part of the address when empty.
    #[serde(default)]
    pub name: String,
    /// The password; a random one when none is given.
    pub password: Option<Secret>,
    /// A line for the user.
    pub line: Option<LineId>,
    /// What the line's phones sign in with; random when not given.
    pub line_password: Option<Secret>,
}

/// What came of adding a user. Passwords are here only when they were made up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAdded {
    /// The address.
    pub jid: BareJid,
    /// The password that was made up.
    pub password: Option<String>,
    /// The line.
    pub line: Option<LineId>,
    /// The line's password that was made up.
    pub line_password: Option<String>,
    /// What the administrator should know.
    pub warnings: Vec<String>,
}

/// What came of setting a password. It is here only when it was made up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PasswordSet {
    /// The password that was made up.
    pub password: Option<String>,
    /// What the administrator should know.
    pub warnings: Vec<String>,
}

/// A user as an administrator sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserShown {
    /// The address.
    #[schema(value_type = String)]
    pub jid: BareJid,
    /// The name shown to people.
    pub name: String,
    /// May they sign in?
    pub enabled: bool,
    /// Their lines.
    pub lines: Vec<String>,
}

/// The password that was given, or a new one, and whether it was made up.
pub(crate) fn given_or_random(context: &Context, given: Option<Secret>) -> (String, bool) {
    match given {
        Some(Secret(password)) => (password, false),
        None => (password::random(&context.runtime), true),
    }
}

pub(crate) async fn add(context: &Context, new: NewUser) -> Result<UserAdded, Failure> {
    check_address(context, &new.jid)?;
    let local = new.jid.node().map(|node| node.to_string()).unwrap_or_default();
    let (user_password, made_up) = given_or_random(context, new.password);
    let mut warnings = Vec::new();
    warn_of_weakness(&mut warnings, "the password", &user_password, &[&local]);
    let mut added = UserAdded {
        jid: new.jid.clone(),
        password: made_up.then(|| user_password.clone()),
        line: new.line.clone(),
        line_password: None,
        warnings: Vec::new(),
    };
    let mut lines = Vec::new();
    if let Some(line) = new.line {
        let (line_password, made_up) = given_or_random(context, new.line_password);
        password::check(&line_password)?;
        warn_of_weakness(
            &mut warnings,
            "the line's password",
            &line_password,
            &[line.number.as_str(), &local],
        );
        lines.push(store::NewLine {
            secrets: secrets_for(context, &line, Some(&new.jid), &line_password),
            owner: Some(new.jid.clone()),
            line,
        });
        added.line_password = made_up.then_some(line_password);
    }
    let scram = password::derive_behind(context, &user_password).await?;
    let name = if new.name.is_empty() { local } else { new.name };
    context.store.user_add(store::NewUser { jid: new.jid, name, scram, lines }).await?;
    added.warnings = warnings;
    Ok(added)
}

pub(crate) async fn list(context: &Context) -> Result<Vec<UserShown>, Failure> {
    let mut lines: BTreeMap<BareJid, Vec<String>> = BTreeMap::new();
    for line in context.store.lines().await? {
        if let Some(owner) = line.owner {
            lines.entry(owner).or_default().push(line.line.to_string());
        }
    }
    let users = context.store.users().await?;
    Ok(users
        .into_iter()
        .map(|user| {
            let lines = lines.remove(&user.jid).unwrap_or_default();
            shown(user, lines)
        })
        .collect())
}

/// Who cannot sign in by a mechanism, since another server kept none for it.
pub(crate) async fn list_without(context: &Context, mechanism: &str) -> Result<Vec<UserShown>, Failure> {
    let mechanism = mechanism.to_ascii_uppercase();
    if !MECHANISMS.contains(&mechanism.as_str()) {
        return Err(Failure::invalid(format!("{mechanism} is none of {}", MECHANISMS.join(", "))));
    }
    let without = context.store.users_without(&mechanism).await?;
    let mut users = list(context).await?;
    users.retain(|user| without.contains(&user.jid));
    Ok(users)
}

pub(crate) async fn show(context: &Context, jid: &BareJid) -> Result<UserShown, Failure> {
    let Some(user) = context.store.user(jid).await? else {
        return Err(Failure::not_found(format!("there is no user {jid}; `carillon user list` shows all")));
    };
    let lines = context.store.lines_of(jid).await?;
    Ok(shown(user, lines.into_iter().map(|line| line.line.to_string()).collect()))
}

pub(crate) async fn set_name(context: &Context, jid: &BareJid, name: &str) -> Result<UserShown, Failure> {
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(Failure::invalid("a name has at least one letter, and no control characters"));
    }
    context.store.user_set_name(jid, name).await?;
    show(context, jid).await
}

pub(crate) async fn set_enabled(
    context: &Context,
    jid: &BareJid,
    enabled: bool,
) -> Result<UserShown, Failure> {
    context.store.user_set_enabled(jid, enabled).await?;
    if !enabled {
        context.changed(&Change::UserDisabled(jid.clone()));
    }
    show(context, jid).await
}

pub(crate) async fn remove(context: &Context, jid: &BareJid) -> Result<UserShown, Failure> {
    let user = show(context, jid).await?;
    let lines = context.store.lines_of(jid).await?;
    let uploads = context.store.uploads_of(jid).await?;
    context.store.user_remove(jid).await?;
    if let Err(error) = context.uploads.remove(uploads).await {
        // Nobody can get them any more, and they are looked for every day.
        tracing::warn!(%error, "files of a removed user are still there");
    }
    context.changed(&Change::UserRemoved(jid.clone()));
    for line in lines {
        context.changed(&Change::LineRemoved(line.line));
    }
    Ok(user)
}

pub(crate) async fn set_password(
    context: &Context,
    jid: &BareJid,
    given: Option<Secret>,
) -> Result<PasswordSet, Failure> {
    let (new, made_up) = given_or_random(context, given);
    let local = jid.node().map(|node| node.to_string()).unwrap_or_default();
    let mut warnings = Vec::new();
    warn_of_weakness(&mut warnings, "the password", &new, &[&local]);
    let scram = password::derive_behind(context, &new).await?;
    context.store.user_set_credentials(jid, scram).await?;
    context.changed(&Change::PasswordSet(jid.clone()));
    Ok(PasswordSet { password: made_up.then_some(new), warnings })
}

/// A user's address has a user part, and the domain that this server serves.
pub(crate) fn check_address(context: &Context, jid: &BareJid) -> Result<(), Failure> {
    if jid.node().is_none() {
        return Err(Failure::invalid(format!(
            "{jid} has no user part: write NAME@{}",
            context.domain.as_str()
        )));
    }
    if jid.domain().as_str() != context.domain.as_str() {
        return Err(Failure::invalid(format!(
            "{jid} is not of this server's domain: write NAME@{}",
            context.domain.as_str()
        )));
    }
    Ok(())
}

pub(crate) fn warn_of_weakness(warnings: &mut Vec<String>, what: &str, password: &str, names: &[&str]) {
    if let Some(why) = password::weakness(password, names) {
        warnings.push(format!("{what} is weak: {why}"));
    }
}

fn shown(user: User, lines: Vec<String>) -> UserShown {
    UserShown { jid: user.jid, name: user.name, enabled: user.enabled, lines }
}
