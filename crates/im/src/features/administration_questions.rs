//! What administrators ask about users (XEP-0133 §4.9, §4.10, §4.13-§4.22): how many there are, who they are, and of
//! one when they were here last.

use std::collections::BTreeMap;

use model::{BareJid, Timestamp, User};
use xmpp::xep::forms::{Form, FormType};
use xmpp::{Condition, StanzaError};

use super::commands::Done;
use super::service_administration::NS;
use crate::Im;
use crate::acceptance::storage_error;

/// Addresses that one list shows.
const LISTED_MAX: usize = 500;
/// A user counts as idle when no client of theirs was heard from for so long, in seconds.
const IDLE_SECONDS: u64 = 600;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// How many of a kind there are.
    Count(Kind),
    /// Who is of a kind.
    List(Kind),
    /// When somebody was here last.
    LastLogin,
    /// Somebody's contacts and clients.
    Statistics,
}

/// Users of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Who has an account.
    Registered,
    /// Who may not sign in.
    Disabled,
    /// Who is signed in.
    Online,
    /// Who is signed in and was heard from.
    Active,
    /// Who is signed in and was not.
    Idle,
}

impl Kind {
    /// As the names of fields have it.
    fn word(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Disabled => "disabled",
            Self::Online => "online",
            Self::Active => "active",
            Self::Idle => "idle",
        }
    }
}

impl Question {
    /// Is it about one account, so that there is a form to fill in?
    pub(crate) fn is_about_one(self) -> bool {
        matches!(self, Self::LastLogin | Self::Statistics)
    }
}

/// Answers; `form` names the account of a question about one.
pub(crate) async fn answer(
    im: &Im,
    name: &str,
    question: Question,
    form: &Form,
) -> Result<Done, StanzaError> {
    let result = Form::new(FormType::Result, NS);
    let (note, result) = match question {
        Question::Count(Kind::Registered) => {
            let count = im.store.user_count().await.map_err(|error| storage_error(&error))?;
            (count.to_string(), result.with("registeredusersnum", "text-single", [count.to_string()]))
        }
        Question::Count(kind) => {
            let count = users(im, kind).await?.len().to_string();
            (count.clone(), result.with(&format!("{}usersnum", kind.word()), "text-single", [count]))
        }
        Question::List(kind) => {
            let mut users = users(im, kind).await?;
            let count = users.len().to_string();
            users.truncate(LISTED_MAX);
            (count, result.with(&format!("{}userjids", kind.word()), "jid-multi", users))
        }
        Question::LastLogin => {
            let user = account(im, form).await?;
            let result = result.with("accountjids", "jid-multi", [user.jid.as_str()]);
            match last_login(im, &user.jid).await? {
                Some(at) => (format!("{at}"), result.with("lastlogin", "text-single", [at.to_string()])),
                None => ("never".to_owned(), result),
            }
        }
        Question::Statistics => statistics(im, &account(im, form).await?, result).await?,
    };
    Ok(Done { note: format!("{name}: {note}"), result: Some(result) })
}

/// The users of a kind, by address.
async fn users(im: &Im, kind: Kind) -> Result<Vec<String>, StanzaError> {
    if matches!(kind, Kind::Registered | Kind::Disabled) {
        let all = im.store.users().await.map_err(|error| storage_error(&error))?;
        let all = all.into_iter().filter(|user| kind == Kind::Registered || !user.enabled);
        return Ok(all.map(|user| user.jid.to_string()).collect());
    }
    // The shortest silence of all clients of a user.
    let mut silent = BTreeMap::<String, u64>::new();
    for session in im.sessions() {
        let bare = model::bare_of(&session.jid).to_owned();
        let shortest = silent.entry(bare).or_insert(u64::MAX);
        *shortest = session.idle_seconds.min(*shortest);
    }
    let of_kind = |seconds: u64| match kind {
        Kind::Active => seconds < IDLE_SECONDS,
        Kind::Idle => seconds >= IDLE_SECONDS,
        _ => true,
    };
    Ok(silent.into_iter().filter(|(_, seconds)| of_kind(*seconds)).map(|(user, _)| user).collect())
}

/// The one account that a question is about. Clients differ in how they name the field.
async fn account(im: &Im, form: &Form) -> Result<User, StanzaError> {
    let named = form.value("accountjids").or_else(|| form.value("accountjid"));
    let jid: BareJid =
        named.ok_or(Condition::BadRequest)?.trim().parse().map_err(|_| Condition::JidMalformed)?;
    let user = im.store.user(&jid).await.map_err(|error| storage_error(&error))?;
    user.ok_or_else(|| Condition::ItemNotFound.into())
}

/// Since when somebody is signed in, or until when they last were.
async fn last_login(im: &Im, user: &BareJid) -> Result<Option<Timestamp>, StanzaError> {
    if let Some(account) = im.sessions.account(user.as_str())
        && let Some(newest) = account.seats().iter().map(|seat| seat.origin.since).max()
    {
        return Ok(Some(newest));
    }
    let last = im.store.last_activity(user).await.map_err(|error| storage_error(&error))?;
    Ok(last.map(|last| last.at))
}

async fn statistics(im: &Im, user: &User, result: Form) -> Result<(String, Form), StanzaError> {
    let roster = im.store.roster(&user.jid).await.map_err(|error| storage_error(&error))?;
    let contacts = roster.items.len().to_string();
    let (mut addresses, mut resources) = (Vec::new(), Vec::new());
    if let Some(account) = im.sessions.account(user.jid.as_str()) {
        for seat in account.seats().iter() {
            addresses.push(seat.origin.address.to_string());
            resources.push(seat.resource().to_owned());
        }
    }
    addresses.sort_unstable();
    addresses.dedup();
    let note = format!("{contacts} contacts, {} sessions", resources.len());
    let result = result
        .with("accountjids", "jid-multi", [user.jid.as_str()])
        .with("ipaddresses", "text-multi", addresses)
        .with("rostersize", "text-single", [contacts])
        .with("onlineresources", "text-multi", resources);
    Ok((note, result))
}
