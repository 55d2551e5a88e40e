//! Lines: added, listed, removed, given passwords.

use calls::command::Refusal;
use calls::guard::Used;
use model::{BareJid, LineChange, LineId, LineSettings};
use serde::{Deserialize, Serialize};
use store::DigestSecret;

use crate::user::{given_or_random, warn_of_weakness};
use crate::{Change, Context, Failure, PasswordSet, Secret, password};

/// A line to be added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewLine {
    /// The number and its partition.
    pub line: LineId,
    /// The user whose line it is to be.
    pub owner: Option<BareJid>,
    /// What its phones sign in with; random when not given.
    pub password: Option<Secret>,
}

/// What came of adding a line. The password is here only when it was made up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineAdded {
    /// The line.
    pub line: LineId,
    /// The password that was made up.
    pub password: Option<String>,
    /// What the administrator should know.
    pub warnings: Vec<String>,
}

/// A line as an administrator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LineShown {
    /// The number.
    pub number: String,
    /// The partition.
    pub partition: String,
    /// The user whose line it is.
    #[schema(value_type = Option<String>)]
    pub owner: Option<BareJid>,
}

/// A line with what its user has set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineSettingsShown {
    /// The line.
    #[serde(flatten)]
    pub line: LineShown,
    /// The settings.
    pub settings: LineSettings,
    /// What it has used of what it may call outside; nothing is known of it when no node runs.
    #[serde(default)]
    pub outside: Vec<Used>,
}

pub(crate) async fn add(context: &Context, new: NewLine) -> Result<LineAdded, Failure> {
    let (line_password, made_up) = given_or_random(context, new.password);
    password::check(&line_password)?;
    let mut warnings = Vec::new();
    warn_of_weakness(&mut warnings, "the password", &line_password, &[new.line.number.as_str()]);
    let secrets = secrets_for(context, &new.line, new.owner.as_ref(), &line_password);
    context.store.line_add(store::NewLine { line: new.line.clone(), owner: new.owner, secrets }).await?;
    Ok(LineAdded { line: new.line, password: made_up.then_some(line_password), warnings })
}

pub(crate) async fn list(context: &Context) -> Result<Vec<LineShown>, Failure> {
    Ok(context.store.lines().await?.into_iter().map(shown).collect())
}

pub(crate) async fn show(context: &Context, line: &LineId) -> Result<LineSettingsShown, Failure> {
    let found = find(context, line).await?;
    let settings = match &context.node {
        Some(node) => node.calls().line_settings(line),
        None => context.store.line_settings(line).await?,
    };
    Ok(LineSettingsShown { line: shown(found), settings, outside: outside(context, line) })
}

fn outside(context: &Context, line: &LineId) -> Vec<Used> {
    context.node.as_ref().map(|node| node.calls().outside_used(line)).unwrap_or_default()
}

/// Forgets what a line has used of what it may call outside, so that it may call again.
pub(crate) async fn release(context: &Context, line: &LineId) -> Result<LineSettingsShown, Failure> {
    find(context, line).await?;
    super::running::node(context)?.calls().release_line(line);
    show(context, line).await
}

pub(crate) async fn set(
    context: &Context,
    line: &LineId,
    change: &LineChange,
) -> Result<LineSettingsShown, Failure> {
    let found = find(context, line).await?;
    let settings = match &context.node {
        Some(node) => node.calls().set_line(line, change).await.map_err(|refusal| refused(line, refusal))?,
        None => {
            if let LineChange::Forward { to: Some(to), .. } = change {
                let plan =
                    calls::dialplan::load(&context.store, context.services.clone(), &context.runtime).await?;
                plan.may_forward(line, to, context.runtime.timestamp())
                    .map_err(|reason| refused(line, reason.into()))?;
            }
            let mut settings = context.store.line_settings(line).await?;
            settings.apply(change);
            context.store.line_settings_put(line, &settings).await?;
            settings
        }
    };
    Ok(LineSettingsShown { line: shown(found), settings, outside: outside(context, line) })
}

fn refused(line: &LineId, refusal: Refusal) -> Failure {
    Failure::invalid(format!("line {line}: {refusal}; `carillon dialplan test` shows where a number leads"))
}

pub(crate) async fn remove(context: &Context, line: &LineId) -> Result<LineShown, Failure> {
    let found = find(context, line).await?;
    context.store.line_remove(line).await?;
    context.changed(&Change::LineRemoved(line.clone()));
    Ok(shown(found))
}

pub(crate) async fn set_password(
    context: &Context,
    line: &LineId,
    given: Option<Secret>,
) -> Result<PasswordSet, Failure> {
    let found = find(context, line).await?;
    let (new, made_up) = given_or_random(context, given);
    password::check(&new)?;
    let mut warnings = Vec::new();
    warn_of_weakness(&mut warnings, "the password", &new, &[line.number.as_str()]);
    let secrets = secrets_for(context, line, found.owner.as_ref(), &new);
    context.store.line_set_secrets(line, secrets).await?;
    Ok(PasswordSet { password: made_up.then_some(new), warnings })
}

/// What a line's password becomes; the realm is the domain.
pub(crate) fn secrets_for(
    context: &Context,
    line: &LineId,
    owner: Option<&BareJid>,
    password: &str,
) -> Vec<DigestSecret> {
    password::digest_secrets(line, owner, context.domain.as_str(), password)
}

async fn find(context: &Context, line: &LineId) -> Result<store::Line, Failure> {
    context
        .store
        .line(line)
        .await?
        .ok_or_else(|| Failure::not_found(format!("there is no line {line}; `carillon line list` shows all")))
}

fn shown(line: store::Line) -> LineShown {
    LineShown {
        number: line.line.number.to_string(),
        partition: line.line.partition.to_string(),
        owner: line.owner,
    }
}
