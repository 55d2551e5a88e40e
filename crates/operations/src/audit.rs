//! The audit log: who did what, by which way, and what it was like before and after. Every way in comes by [`perform_as`].

use model::{BareJid, LineId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AuditEntry, AuditQuery};

use crate::{Context, Failure, Listener, Request, line, perform, user};

/// Whoever does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct By {
    /// Who: an administrator, a user, or whoever may open the socket.
    pub who: String,
    /// By which way.
    pub how: How,
    /// From where; empty when it is on this machine.
    pub address: String,
}

/// The ways in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The programming interface over HTTP.
    Api,
    /// The control socket of a running node.
    Socket,
    /// A chat client (XEP-0133, XEP-0077).
    Chat,
    /// A verb on the store itself, while no node runs.
    Store,
}

/// Which acts are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditWanted {
    /// By whom.
    pub who: String,
    /// What was done, such as `user-add`.
    pub act: String,
    /// To what.
    pub target: String,
    /// With this text in one of them or in the result.
    pub text: String,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Behind this entry, that is older ones.
    pub behind: Option<i64>,
    /// At most so many.
    pub max: usize,
}

/// Acts, the latest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditPage {
    /// Those of this page.
    pub acts: Vec<ActShown>,
    /// How many there are in all.
    pub total: i64,
}

/// An act as it is told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActShown {
    /// Its number.
    pub id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// By which way: `api`, `socket`, `chat` or `store`.
    pub how: String,
    /// From where; none when it was on the server itself.
    pub from: Option<String>,
    /// What was done.
    pub act: String,
    /// To what.
    pub target: Option<String>,
    /// What it was like before, where that is known.
    pub before: Value,
    /// What it was like after, or what was given, without its secrets.
    pub after: Value,
    /// `done`, or why it was not.
    pub result: String,
}

impl How {
    /// As it is kept.
    pub fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Socket => "socket",
            Self::Chat => "chat",
            Self::Store => "store",
        }
    }
}

/// Does what was asked, and writes it down when it is more than a look.
///
/// # Errors
/// As [`perform`]; that it was not done is written down as well.
pub async fn perform_as(
    context: &Context,
    by: &By,
    request: Request,
    progress: Listener<'_>,
) -> Result<Value, Failure> {
    let given = serde_json::to_value(&request).unwrap_or_default();
    let act = given["operation"].as_str().unwrap_or_default().to_owned();
    if is_look(&request) {
        return perform(context, request, progress).await;
    }
    let target = target(&given);
    let subject = Subject::of(&request);
    let before = subject.state(context).await;
    let done = perform(context, request, progress).await;
    let after = match subject.state(context).await {
        Value::Null => without_secrets(given),
        state => state,
    };
    let result = done.as_ref().map_or_else(|failure| failure.message.clone(), |_| DONE.to_owned());
    note(context, by, Act { act, target, before, after, result }).await;
    done
}

/// The result of what was done.
pub const DONE: &str = "done";

/// Something that was done, or tried.
#[derive(Clone, Debug, Default)]
pub struct Act {
    /// What.
    pub act: String,
    /// To what.
    pub target: String,
    /// What it was like before.
    pub before: Value,
    /// What it was like after.
    pub after: Value,
    /// `done`, or why it was not.
    pub result: String,
}

/// Writes an act down. When that fails the log says so, for what was done is done.
pub async fn note(context: &Context, by: &By, act: Act) {
    let text = |value: Value| if value.is_null() { String::new() } else { value.to_string() };
    let entry = AuditEntry {
        id: 0,
        at: context.runtime.timestamp(),
        who: by.who.clone(),
        how: by.how.word().to_owned(),
        address: by.address.clone(),
        act: act.act,
        target: act.target,
        before: text(act.before),
        after: text(act.after),
        result: act.result,
    };
    let what = entry.act.clone();
    if let Err(error) = context.store.audit_add(entry).await {
        tracing::error!(%error, act = what, who = by.who, "the audit log takes no entry");
    }
}

/// The entries that are wanted.
pub(crate) async fn list(context: &Context, wanted: AuditWanted) -> Result<AuditPage, Failure> {
    let query = AuditQuery {
        who: wanted.who,
        act: wanted.act,
        target: wanted.target,
        text: wanted.text,
        since: wanted.since,
        until: wanted.until,
        behind: wanted.behind,
        max: wanted.max,
    };
    let acts = context.store.audit(&query).await?.into_iter().map(shown).collect();
    Ok(AuditPage { acts, total: context.store.audit_count(&query).await? })
}

fn shown(entry: AuditEntry) -> ActShown {
    let some = |text: String| (!text.is_empty()).then_some(text);
    // A state that was cut is no JSON any more, and is shown as the text that it is.
    let value = |text: String| match text.as_str() {
        "" => Value::Null,
        json => serde_json::from_str(json).unwrap_or(Value::String(text)),
    };
    ActShown {
        id: entry.id,
        at: entry.at,
        who: entry.who,
        how: entry.how,
        from: some(entry.address),
        act: entry.act,
        target: some(entry.target),
        before: value(entry.before),
        after: value(entry.after),
        result: entry.result,
    }
}

/// Whose state is looked at before and after.
enum Subject {
    User(BareJid),
    Line(LineId),
    Other,
}

impl Subject {
    fn of(request: &Request) -> Self {
        match request {
            Request::UserSetEnabled { jid, .. }
            | Request::UserSetName { jid, .. }
            | Request::UserRemove { jid } => Self::User(jid.clone()),
            Request::UserAdd(new) => Self::User(new.jid.clone()),
            Request::LineSet { line, .. } | Request::LineRelease { line } | Request::LineRemove { line } => {
                Self::Line(line.clone())
            }
            Request::LineAdd(new) => Self::Line(new.line.clone()),
            _ => Self::Other,
        }
    }

    /// Nothing when there is no such thing.
    async fn state(&self, context: &Context) -> Value {
        let state = match self {
            Self::User(jid) => user::show(context, jid).await.map(|user| serde_json::to_value(user).ok()),
            Self::Line(id) => line::show(context, id).await.map(|line| serde_json::to_value(line).ok()),
            Self::Other => return Value::Null,
        };
        state.ok().flatten().unwrap_or_default()
    }
}

/// Does the request only look at something that may be looked at without being noted?
fn is_look(request: &Request) -> bool {
    use Request as R;

    matches!(
        request,
        R::UserList
            | R::UserListWithout { .. }
            | R::UserShow { .. }
            | R::UserTokens { .. }
            | R::InvitationList
            | R::LineList
            | R::LineShow { .. }
            | R::DeviceList
            | R::DeviceShow { .. }
            | R::MessageOfTheDay
            | R::GroupList
            | R::DialPlanShow { secrets: false }
            | R::DialPlanCheck { .. }
            | R::DialPlanTest(_)
            | R::DialPlanCases { save: false, .. }
            | R::DialPlanLocations
            | R::DialPlanUses { .. }
            | R::SoundList
            | R::QueueList { .. }
            | R::TrunkList
            | R::TrunkTest { .. }
            | R::CallList(_)
            | R::CallShow { .. }
            | R::CallTrace { .. }
            | R::CallRecordings
            | R::CallHistory { .. }
            | R::Verify
            | R::LogLevels
            | R::Status
            | R::FederationList
            | R::FederationTest { .. }
            | R::AdministratorList
            | R::TokenList
            | R::AuditList(_)
            | R::Version
    )
}

/// The members of a request that say what it is about, the best first.
const TARGETS: [&str; 11] =
    ["jid", "line", "name", "id", "owner", "module", "username", "path", "user", "domain", "text"];
/// The members that nobody may see later.
const SECRETS: [&str; 5] = ["password", "line_password", "secret", "csv", "token"];
/// The members that are too long to be kept.
const LONG: [&str; 5] = ["document", "cases", "wav", "accounts", "parts"];

fn target(given: &Value) -> String {
    let found = TARGETS.iter().find_map(|name| given.get(name).filter(|value| !value.is_null()));
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(line)) => {
            let part = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let (number, partition) = (part("number"), part("partition"));
            if partition.is_empty() { number } else { format!("{number}@{partition}") }
        }
        _ => String::new(),
    }
}

/// The same without what nobody may see, and without long texts.
fn without_secrets(mut given: Value) -> Value {
    match &mut given {
        Value::Object(members) => {
            members.remove("operation");
            for (name, value) in members.iter_mut() {
                *value = match value.take() {
                    Value::Null => Value::Null,
                    _ if SECRETS.contains(&name.as_str()) => Value::from("(hidden)"),
                    long if LONG.contains(&name.as_str()) => {
                        Value::from(format!("({} bytes)", long.as_str().map_or(0, str::len)))
                    }
                    other => without_secrets(other),
                };
            }
        }
        Value::Array(all) => {
            for value in all.iter_mut() {
                *value = without_secrets(value.take());
            }
        }
        _ => {}
    }
    given
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_secret_is_not_kept_and_what_is_long_is_counted() {
        let given = json!({
            "operation": "user-add", "jid": "ann@localhost", "password": "pw", "line_password": null,
            "line": {"number": "1001", "partition": "internal"}, "document": "12345"
        });
        assert_eq!(target(&given), "ann@localhost");
        assert_eq!(
            without_secrets(given),
            json!({
                "jid": "ann@localhost", "password": "(hidden)", "line_password": null,
                "line": {"number": "1001", "partition": "internal"}, "document": "(5 bytes)"
            })
        );
        assert_eq!(target(&json!({"line": {"number": "1001", "partition": "lobby"}})), "1001@lobby");
        assert_eq!(target(&json!({"operation": "reload"})), "");
    }
}
