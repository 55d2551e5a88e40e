//! Service administration (XEP-0133): accounts, sessions, numbers, announcements, as forms for administrators.

use model::BareJid;
use xmpp::xep::forms::{Form, FormType};
use xmpp::{Condition, StanzaError};

use super::administration_questions::{self, Kind, Question};
use super::commands::Done;
use crate::administration::Order;
use crate::{About, Im, Spec};

/// What this feature is.
pub const ABOUT: About = About { name: "service_administration", specs: &[SPEC], disco: &[], account: &[] };

/// What is there of the commands, those of announcements included.
pub(super) const SPEC: Spec = Spec::partly(
    133,
    "1.2.1",
    "the command for the roster of a user, lists of blocked and allowed domains, the message of welcome, \
     the list of administrators, restart and shutdown",
);

/// The namespace: of the forms, and before the `#` of every command's node.
pub(crate) const NS: &str = "http://jabber.org/protocol/admin";

/// One command.
pub(crate) struct Command {
    /// What stands behind the `#` of its node.
    pub(crate) word: &'static str,
    /// What people call it.
    pub(crate) name: &'static str,
    does: Does,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    AddUser,
    DeleteUsers,
    DisableUsers,
    EnableUsers,
    EndSessions,
    SetPassword,
    Answer(Question),
    Announce,
    AnnounceToAll,
    SetMessage,
    EditMessage,
    DeleteMessage,
}

const fn command(word: &'static str, name: &'static str, does: Does) -> Command {
    Command { word, name, does }
}

/// All commands (§4). Announcing to all users, also those who are away, is ours.
pub(crate) const COMMANDS: &[Command] = &[
    command("add-user", "Add a user", Does::AddUser),
    command("delete-user", "Delete users", Does::DeleteUsers),
    command("disable-user", "Disable users", Does::DisableUsers),
    command("reenable-user", "Enable users", Does::EnableUsers),
    command("end-user-session", "End sessions of users", Does::EndSessions),
    command("change-user-password", "Change a user's password", Does::SetPassword),
    command("get-user-lastlogin", "When a user was last here", Does::Answer(Question::LastLogin)),
    command("user-stats", "Contacts and sessions of a user", Does::Answer(Question::Statistics)),
    command("get-registered-users-num", "Number of users", Does::Answer(Question::Count(Kind::Registered))),
    command(
        "get-disabled-users-num",
        "Number of disabled users",
        Does::Answer(Question::Count(Kind::Disabled)),
    ),
    command(
        "get-online-users-num",
        "Number of users who are signed in",
        Does::Answer(Question::Count(Kind::Online)),
    ),
    command("get-active-users-num", "Number of active users", Does::Answer(Question::Count(Kind::Active))),
    command("get-idle-users-num", "Number of idle users", Does::Answer(Question::Count(Kind::Idle))),
    command("get-registered-users-list", "Users", Does::Answer(Question::List(Kind::Registered))),
    command("get-disabled-users-list", "Disabled users", Does::Answer(Question::List(Kind::Disabled))),
    command("get-online-users-list", "Users who are signed in", Does::Answer(Question::List(Kind::Online))),
    command("get-active-users", "Active users", Does::Answer(Question::List(Kind::Active))),
    command("get-idle-users", "Idle users", Does::Answer(Question::List(Kind::Idle))),
    command("announce", "Announce to users who are signed in", Does::Announce),
    command("announce-all", "Announce to all users", Does::AnnounceToAll),
    command("set-motd", "Set the message of the day, and send it", Does::SetMessage),
    command("edit-motd", "Change the message of the day", Does::EditMessage),
    command("delete-motd", "Delete the message of the day", Does::DeleteMessage),
];

/// The form to fill in; `None` for a command that needs none.
pub(crate) fn form(im: &Im, command: &Command) -> Option<Form> {
    let none: [&str; 0] = [];
    let form = Form::new(FormType::Form, NS);
    let form = match command.does {
        Does::AddUser => form
            .with("accountjid", "jid-single", none)
            .with("password", "text-private", none)
            .with("password-verify", "text-private", none)
            .with("given_name", "text-single", none)
            .with("surname", "text-single", none),
        Does::SetPassword => {
            form.with("accountjid", "jid-single", none).with("password", "text-private", none)
        }
        Does::DeleteUsers | Does::DisableUsers | Does::EnableUsers | Does::EndSessions => {
            form.with("accountjids", "jid-multi", none)
        }
        Does::Announce | Does::AnnounceToAll => form.with("announcement", "text-multi", none),
        Does::SetMessage => form.with("motd", "text-multi", none),
        Does::EditMessage => {
            let old = im.message_of_the_day();
            let lines: Vec<String> =
                old.iter().flat_map(|old| old.text().lines()).map(str::to_owned).collect();
            form.with("motd", "text-multi", lines)
        }
        Does::Answer(question) if question.is_about_one() => form.with("accountjids", "jid-single", none),
        Does::Answer(_) | Does::DeleteMessage => return None,
    };
    Some(Form { title: Some(command.name.to_owned()), ..form })
}

/// Does what a form says.
pub(crate) async fn carry_out(
    im: &Im,
    by: &BareJid,
    command: &Command,
    form: &Form,
) -> Result<Done, StanzaError> {
    let said = |note: String| Ok(Done { note, result: None });
    match command.does {
        Does::AddUser | Does::SetPassword => {
            let (jid, password) = (one(form)?, password(form)?);
            let order = if command.does == Does::AddUser {
                let part = |name| form.value(name).unwrap_or_default().trim();
                let name = format!("{} {}", part("given_name"), part("surname")).trim().to_owned();
                Order::UserAdd { jid: jid.clone(), name, password }
            } else {
                Order::UserSetPassword { jid: jid.clone(), password }
            };
            ordered(im, by, order).await?;
            said(format!("{}: {jid}", command.name))
        }
        Does::DeleteUsers | Does::DisableUsers | Does::EnableUsers => {
            let jids = many(form)?;
            let count = jids.len();
            ordered(
                im,
                by,
                match command.does {
                    Does::DeleteUsers => Order::UserDelete(jids),
                    does => Order::UserSetEnabled(jids, does == Does::EnableUsers),
                },
            )
            .await?;
            said(format!("{}: {count}", command.name))
        }
        Does::EndSessions => {
            let ended: usize = many(form)?.iter().map(|user| im.disable(user)).sum();
            said(format!("Sessions that end: {ended}"))
        }
        Does::Answer(question) => administration_questions::answer(im, command.name, question, form).await,
        Does::Announce | Does::AnnounceToAll => {
            let told = im.announce(&text(form, "announcement")?, command.does == Does::AnnounceToAll).await?;
            said(format!("Announced to {told} users"))
        }
        Does::SetMessage | Does::EditMessage => {
            let tell = command.does == Does::SetMessage;
            im.set_message_of_the_day(Some(&text(form, "motd")?), tell).await?;
            said("The message of the day is set".to_owned())
        }
        Does::DeleteMessage => {
            im.set_message_of_the_day(None, false).await?;
            said("There is no message of the day any more".to_owned())
        }
    }
}

/// Has something done to accounts.
pub(crate) async fn ordered(im: &Im, by: &BareJid, order: Order) -> Result<(), StanzaError> {
    let administration = im.users.administration.load_full();
    let administration = administration.ok_or(Condition::ServiceUnavailable)?;
    let refused = |text: String| StanzaError::from(Condition::NotAcceptable).with_text(text);
    administration.carry_out(by, order).await.map_err(refused)
}

fn one(form: &Form) -> Result<BareJid, StanzaError> {
    let jid = form.value("accountjid").ok_or(Condition::BadRequest)?;
    jid.trim().parse().map_err(|_| Condition::JidMalformed.into())
}

fn many(form: &Form) -> Result<Vec<BareJid>, StanzaError> {
    let jids = form.field("accountjids").ok_or(Condition::BadRequest)?.values.iter();
    let jids = jids.map(|jid| jid.trim().parse()).collect::<Result<Vec<BareJid>, _>>();
    let jids = jids.map_err(|_| StanzaError::from(Condition::JidMalformed))?;
    if jids.is_empty() { Err(Condition::BadRequest.into()) } else { Ok(jids) }
}

/// The password; where it is to be typed twice, both must be alike.
fn password(form: &Form) -> Result<String, StanzaError> {
    let password = form.value("password").filter(|password| !password.is_empty());
    let password = password.ok_or(Condition::BadRequest)?;
    if form.value("password-verify").is_some_and(|again| again != password) {
        return Err(StanzaError::from(Condition::NotAcceptable).with_text("the passwords are not alike"));
    }
    Ok(password.to_owned())
}

fn text(form: &Form, field: &str) -> Result<String, StanzaError> {
    Ok(form.field(field).ok_or(Condition::BadRequest)?.values.join("\n"))
}
