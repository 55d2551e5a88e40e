//! `announce`: something to everybody, now or when they sign in.

use operations::exit::Exit;
use operations::{Announced, Failure, MessageOfTheDay, Request};
use runtime::Runtime;

use super::{Common, ask};
use crate::print;

/// Say something to everybody who is signed in, to all users, or once to each who signs in
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand)]
enum Verb {
    /// Say something to everybody who is signed in
    Online(Text),
    /// Say something to all users; who is not signed in gets it later
    All(Text),
    /// Set the message of the day: everybody gets it once, now or when they sign in
    MessageOfTheDay(Text),
    /// Show the message of the day
    Show(Show),
    /// Delete the message of the day
    Clear(Show),
}

#[derive(clap::Args)]
struct Text {
    /// The words
    text: String,
    #[command(flatten)]
    common: Common,
}

#[derive(clap::Args)]
struct Show {
    #[command(flatten)]
    common: Common,
}

impl Arguments {
    pub(super) fn common(&self) -> &Common {
        match &self.verb {
            Verb::Online(text) | Verb::All(text) | Verb::MessageOfTheDay(text) => &text.common,
            Verb::Show(show) | Verb::Clear(show) => &show.common,
        }
    }
}

pub(super) async fn run(arguments: Arguments, runtime: &Runtime) -> Result<Exit, Failure> {
    let common = arguments.common().clone();
    let request = match arguments.verb {
        Verb::Online(Text { text, .. }) => return announce(&common, runtime, text, false).await,
        Verb::All(Text { text, .. }) => return announce(&common, runtime, text, true).await,
        Verb::MessageOfTheDay(Text { text, .. }) => {
            Request::SetMessageOfTheDay { text: Some(text), tell: true }
        }
        Verb::Show(_) => Request::MessageOfTheDay,
        Verb::Clear(_) => Request::SetMessageOfTheDay { text: None, tell: false },
    };
    let message: MessageOfTheDay = ask(&common, runtime, request).await?;
    if common.json {
        print::json(&message);
    } else {
        print::line(message.text.as_deref().unwrap_or("there is no message of the day"));
    }
    Ok(Exit::Done)
}

async fn announce(common: &Common, runtime: &Runtime, text: String, all: bool) -> Result<Exit, Failure> {
    let announced: Announced = ask(common, runtime, Request::Announce { text, all }).await?;
    if common.json {
        print::json(&announced);
    } else {
        print::line(&format!("announced to {} users", announced.users));
    }
    Ok(Exit::Done)
}
