//! Administrators and the tokens of programs: made, given roles, passwords and second factors, removed.

use std::time::Duration;

use model::Timestamp;
use runtime::Runtime;
use serde::{Deserialize, Serialize};
use store::{Administrator, ApiToken, Store};

use crate::administrator::{self, Checked, FIRST};
use crate::exit::Exit;
use crate::role::Role;
use crate::{Context, Failure, PasswordSet, Secret, password, totp};

/// The longest name of an administrator or a token, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The longest life of a token, in days.
const TOKEN_DAYS_MAX: u32 = 3_650;
/// How long a token lives when nobody says.
const TOKEN_DAYS: u32 = 90;
/// What a token begins with, so that it is known for one when it lies around.
const TOKEN_MARK: &str = "carillon_";

/// An administrator, as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AdministratorShown {
    /// The name to sign in with.
    pub name: String,
    /// What they are there for.
    pub role: Role,
    /// They sign in with a code as well.
    pub second_factor: bool,
    /// They have a one-time password and must choose another.
    pub must_choose_password: bool,
}

/// A token of a program, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiTokenShown {
    /// What it is called in paths.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Who made it.
    pub made_by: String,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: String,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// How many days it lives.
    pub days: Option<u32>,
    /// Who makes it.
    pub made_by: String,
}

/// A token that was made. It is told this once: only a hash of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApiTokenMade {
    /// The token.
    pub token: String,
    /// What it is called in paths.
    pub id: String,
    /// When it ends.
    pub expires_at: String,
}

/// What came of signing in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// The name, the password or the code is not right.
    Wrong,
    /// The password is right, and a code is asked for.
    NeedsCode,
    /// They are who they say.
    In {
        /// What they are there for.
        role: Role,
        /// The password is a one-time one: another must be chosen.
        must_choose_password: bool,
    },
}

/// Tells whether somebody is the administrator that they say they are. A name that nobody has takes as long as a
/// wrong password.
///
/// # Errors
/// The storage does not answer.
pub async fn sign_in(
    store: &Store,
    runtime: &Runtime,
    name: &str,
    password: &str,
    code: Option<&str>,
) -> Result<SignIn, store::Error> {
    let kept = store.administrator(name).await?;
    let (checked, role) = if name == FIRST {
        (administrator::check(store, runtime, password).await?, Some(Role::Administrator))
    } else {
        let (hash, must_choose) =
            kept.as_ref().map_or(("", false), |kept| (kept.password.as_str(), kept.must_choose));
        let is_right = administrator::fits(runtime, hash, password).await;
        let checked = match (is_right, must_choose) {
            (false, _) => Checked::Wrong,
            (true, true) => Checked::OneTime,
            (true, false) => Checked::Right,
        };
        (checked, kept.as_ref().and_then(|kept| kept.role.parse().ok()))
    };
    let (Some(role), false) = (role, checked == Checked::Wrong) else { return Ok(SignIn::Wrong) };
    if let Some(kept) = kept.filter(|kept| !kept.totp.is_empty()) {
        match code.map(str::trim).filter(|code| !code.is_empty()) {
            None => return Ok(SignIn::NeedsCode),
            Some(code) if use_code(store, kept, code, runtime.timestamp()).await? => {}
            Some(_) => return Ok(SignIn::Wrong),
        }
    }
    Ok(SignIn::In { role, must_choose_password: checked == Checked::OneTime })
}

/// Uses a code or a recovery code up; true when it was good.
async fn use_code(
    store: &Store,
    mut kept: Administrator,
    code: &str,
    now: Timestamp,
) -> Result<bool, store::Error> {
    if let Some(step) = totp::step_of(&kept.totp, code, now, kept.totp_step) {
        kept.totp_step = step;
    } else if let Some(left) = totp::without_code(&kept.recovery, code) {
        kept.recovery = left;
        tracing::warn!(name = kept.name, "an administrator used a recovery code up");
    } else {
        return Ok(false);
    }
    store.administrator_put(kept).await?;
    Ok(true)
}

/// The token that a program shows, when it is good now.
///
/// # Errors
/// The storage does not answer.
pub async fn token(
    store: &Store,
    shown: &str,
    now: Timestamp,
) -> Result<Option<(String, Role)>, store::Error> {
    let kept = store.api_token(&totp::hash(shown)).await?;
    let good = kept.filter(|kept| kept.expires_at > now);
    Ok(good.and_then(|kept| Some((format!("token {}", kept.name), kept.role.parse().ok()?))))
}

/// Gives an administrator another password: the first one or another.
///
/// # Errors
/// The password is not one, or the storage takes no writes.
pub async fn choose_password(
    store: &Store,
    runtime: &Runtime,
    name: &str,
    password: &str,
) -> Result<(), administrator::Error> {
    if name == FIRST {
        return administrator::set_password(store, runtime, password).await;
    }
    administrator::check_length(password)?;
    let missing = || store::Error::NotFound(format!("administrator {name}"));
    let kept = store.administrator(name).await?.ok_or_else(missing)?;
    let password = administrator::hash(runtime, password).await?;
    store.administrator_put(Administrator { password, must_choose: false, ..kept }).await?;
    Ok(())
}

/// What an application for codes needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Enrolment {
    /// The link, to be shown as a QR code.
    pub uri: String,
    /// The secret, to be typed.
    pub secret: String,
}

/// A new secret for the second factor of an administrator; it is in force when a code of it was shown.
pub fn enrol(context: &Context, name: &str) -> Enrolment {
    let secret = totp::secret(&context.runtime);
    Enrolment { uri: totp::uri(context.domain.as_str(), name, &secret), secret }
}

/// Puts a second factor in force, when the code is one of it; gives the recovery codes.
///
/// # Errors
/// The code is not right, or the storage takes no writes.
pub async fn confirm(
    context: &Context,
    name: &str,
    secret: &str,
    code: &str,
) -> Result<Vec<String>, Failure> {
    let (store, now) = (&context.store, context.runtime.timestamp());
    let step = totp::step_of(secret, code, now, 0);
    let step =
        step.ok_or_else(|| Failure::invalid("the code is not the one of this secret and this time"))?;
    let (codes, recovery) = totp::recovery_codes(&context.runtime);
    let kept = store.administrator(name).await?.unwrap_or_else(|| first(now));
    let kept = Administrator { totp: secret.to_owned(), totp_step: step, recovery, ..kept };
    store.administrator_put(kept).await?;
    Ok(codes)
}

/// Takes the second factor away; who does it shows a code once more.
///
/// # Errors
/// There is none, the code is not right, or the storage takes no writes.
pub async fn without_second_factor(context: &Context, name: &str, code: &str) -> Result<(), Failure> {
    let store = &context.store;
    let kept = store.administrator(name).await?.filter(|kept| !kept.totp.is_empty());
    let kept = kept.ok_or_else(|| Failure::not_found("there is no second factor"))?;
    if !use_code(store, kept.clone(), code, context.runtime.timestamp()).await? {
        return Err(Failure::invalid("the code is not right"));
    }
    let kept = Administrator { totp: String::new(), recovery: String::new(), ..kept };
    Ok(store.administrator_put(kept).await?)
}

/// The code of a secret at a time, as an application for codes shows it.
pub fn code_now(secret: &str, now: Timestamp) -> Option<String> {
    totp::code_at(secret, now)
}

/// Does an administrator sign in with a code?
///
/// # Errors
/// The storage does not answer.
pub async fn has_second_factor(store: &Store, name: &str) -> Result<bool, store::Error> {
    Ok(store.administrator(name).await?.is_some_and(|kept| !kept.totp.is_empty()))
}

/// The row of the first administrator, whose password is kept elsewhere.
fn first(now: Timestamp) -> Administrator {
    Administrator {
        name: FIRST.to_owned(),
        role: Role::Administrator.name().to_owned(),
        password: String::new(),
        must_choose: false,
        totp: String::new(),
        totp_step: 0,
        recovery: String::new(),
        created_at: now,
    }
}

pub(crate) async fn list(context: &Context) -> Result<Vec<AdministratorShown>, Failure> {
    let mut kept = context.store.administrators().await?;
    if !kept.iter().any(|kept| kept.name == FIRST) {
        kept.insert(0, first(context.runtime.timestamp()));
    }
    let shown = kept.into_iter().filter_map(|kept| {
        Some(AdministratorShown {
            role: kept.role.parse().ok()?,
            second_factor: !kept.totp.is_empty(),
            must_choose_password: kept.must_choose,
            name: kept.name,
        })
    });
    Ok(shown.collect())
}

pub(crate) async fn add(
    context: &Context,
    name: String,
    role: Role,
    given: Option<Secret>,
) -> Result<PasswordSet, Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_plain) {
        return Err(Failure::invalid("a name has letters, digits, `-`, `_`, `.` and `@`, 64 at most"));
    }
    if name == FIRST || context.store.administrator(&name).await?.is_some() {
        return Err(Failure::new(Exit::Exists, format!("there is an administrator {name}")));
    }
    let (password, must_choose) = one_time(context, given)?;
    let kept = Administrator {
        name,
        role: role.name().to_owned(),
        password: administrator::hash(&context.runtime, &password).await.map_err(administrator::refused)?,
        must_choose,
        ..first(context.runtime.timestamp())
    };
    context.store.administrator_put(kept).await?;
    Ok(PasswordSet { password: must_choose.then_some(password), warnings: Vec::new() })
}

/// The password that was given, or one to be used once.
fn one_time(context: &Context, given: Option<Secret>) -> Result<(String, bool), Failure> {
    match given {
        None => Ok((password::random(&context.runtime), true)),
        Some(Secret(password)) => {
            administrator::check_length(&password).map_err(administrator::refused)?;
            Ok((password, false))
        }
    }
}

async fn find(context: &Context, name: &str) -> Result<Administrator, Failure> {
    if name == FIRST {
        return Err(Failure::invalid(format!("{FIRST} is always there and may do everything")));
    }
    let kept = context.store.administrator(name).await?;
    kept.ok_or_else(|| Failure::not_found(format!("there is no administrator {name}")))
}

pub(crate) async fn set_role(context: &Context, name: &str, role: Role) -> Result<(), Failure> {
    let kept = find(context, name).await?;
    Ok(context.store.administrator_put(Administrator { role: role.name().to_owned(), ..kept }).await?)
}

pub(crate) async fn set_password(
    context: &Context,
    name: &str,
    given: Option<Secret>,
) -> Result<PasswordSet, Failure> {
    if name == FIRST {
        return administrator::change_password(context, given).await;
    }
    let kept = find(context, name).await?;
    let (plain, must_choose) = one_time(context, given)?;
    let password = administrator::hash(&context.runtime, &plain).await.map_err(administrator::refused)?;
    context.store.administrator_put(Administrator { password, must_choose, ..kept }).await?;
    Ok(PasswordSet { password: must_choose.then_some(plain), warnings: Vec::new() })
}

pub(crate) async fn remove(context: &Context, name: &str) -> Result<(), Failure> {
    find(context, name).await?;
    context.store.administrator_remove(name).await?;
    Ok(())
}

pub(crate) async fn tokens(context: &Context) -> Result<Vec<ApiTokenShown>, Failure> {
    let shown = context.store.api_tokens().await?.into_iter().filter_map(|kept| {
        Some(ApiTokenShown {
            id: kept.id,
            name: kept.name,
            role: kept.role.parse().ok()?,
            made_by: kept.made_by,
            created_at: kept.created_at.to_string(),
            expires_at: kept.expires_at.to_string(),
        })
    });
    Ok(shown.collect())
}

pub(crate) async fn token_add(context: &Context, new: NewToken) -> Result<ApiTokenMade, Failure> {
    let NewToken { name, role, days, made_by } = new;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(Failure::invalid("a token has a name of 1 to 64 bytes that says what it is for"));
    }
    let days = days.unwrap_or(TOKEN_DAYS);
    if !(1..=TOKEN_DAYS_MAX).contains(&days) {
        return Err(Failure::invalid(format!("a token lives for 1 to {TOKEN_DAYS_MAX} days")));
    }
    let now = context.runtime.timestamp();
    let expires_at = now.plus(Duration::from_secs(u64::from(days) * 86_400));
    let token = format!("{TOKEN_MARK}{}", context.runtime.random_token(32));
    let id = context.runtime.random_token(6);
    let kept = ApiToken {
        id: id.clone(),
        token_hash: totp::hash(&token),
        name,
        role: role.name().to_owned(),
        made_by,
        created_at: now,
        expires_at,
    };
    context.store.api_token_add(kept).await?;
    Ok(ApiTokenMade { token, id, expires_at: expires_at.to_string() })
}

pub(crate) async fn token_remove(context: &Context, id: &str) -> Result<(), Failure> {
    match context.store.api_token_remove(id).await? {
        true => Ok(()),
        false => Err(Failure::not_found(format!("there is no token {id}"))),
    }
}
