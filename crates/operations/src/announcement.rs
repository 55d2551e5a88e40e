//! Announcements and the message of the day, told by a running node.

use serde::{Deserialize, Serialize};

use crate::{Context, Failure, running};

/// What came of an announcement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Announced {
    /// How many users it was for.
    pub users: usize,
}

/// The message that everybody gets when they sign in, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MessageOfTheDay {
    /// What it says; nothing when there is none.
    pub text: Option<String>,
}

pub(crate) async fn announce(context: &Context, text: &str, all: bool) -> Result<Announced, Failure> {
    let users = running::node(context)?.im().announce(text, all).await.map_err(refused)?;
    Ok(Announced { users })
}

pub(crate) fn message_of_the_day(context: &Context) -> Result<MessageOfTheDay, Failure> {
    let message = running::node(context)?.im().message_of_the_day();
    Ok(MessageOfTheDay { text: message.map(|message| message.text().to_owned()) })
}

pub(crate) async fn set_message_of_the_day(
    context: &Context,
    text: Option<&str>,
    tell: bool,
) -> Result<MessageOfTheDay, Failure> {
    running::node(context)?.im().set_message_of_the_day(text, tell).await.map_err(refused)?;
    message_of_the_day(context)
}

fn refused(error: xmpp::StanzaError) -> Failure {
    let text = error.text.as_deref().unwrap_or("the storage takes no writes now; try again");
    Failure::invalid(text.to_owned())
}
