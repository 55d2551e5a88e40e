//! Announcements to everybody (XEP-0133 §4.23) and the message of the day (§4.24 to §4.26).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use model::BareJid;
use serde_json::{Value, json};
use store::Seq;
use xmpp::{Builder, Condition, Context, StanzaError};

use crate::acceptance::storage_error;
use crate::outbox::Item;
use crate::router::Routed;
use crate::sessions::Seat;
use crate::{About, Im};

/// What this feature is.
pub const ABOUT: About =
    About { name: "announcements", specs: &[super::service_administration::SPEC], disco: &[], account: &[] };

/// The longest announcement, in bytes.
pub const ANNOUNCEMENT_BYTES_MAX: usize = 8 * 1024;
/// The setting that holds the message of the day.
const SETTING: &str = "im.message_of_the_day";
/// The document that says which one a user has seen.
const SEEN: &str = "message-of-the-day";

/// The message that everybody sees when they sign in, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageOfTheDay {
    id: String,
    text: String,
}

impl MessageOfTheDay {
    /// What it says.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn read(kept: &str) -> Option<Self> {
        let kept: Value = serde_json::from_str(kept).ok()?;
        let text = |name: &str| kept[name].as_str().map(str::to_owned);
        Some(Self { id: text("id")?, text: text("text")? })
    }
}

impl Im {
    /// Says something to everybody who is signed in, and with `all` also to those who are not: they get it when they
    /// sign in. Gives how many users it was for: those for whom too much waits already are left out.
    ///
    /// # Errors
    /// It is too long, or the storage could not be read or takes no writes; the text then says how many were told.
    pub async fn announce(&self, text: &str, all: bool) -> Result<usize, StanzaError> {
        check(text)?;
        if !all {
            return Ok(self.tell_online(text).len());
        }
        let users = self.store.users().await.map_err(|error| storage_error(&error))?;
        let (mut told, mut missed, mut last) = (0, 0, None);
        for user in users.iter().filter(|user| user.enabled) {
            self.journal_keeps_up(last).await;
            match self.announce_to(user.jid.as_str(), text).await {
                Ok(seq) => {
                    told += 1;
                    last = seq.or(last);
                }
                Err(error) if self.store.accepts().is_err() => {
                    let text =
                        format!("the storage takes no more: {told} of {} users were told", users.len());
                    return Err(error.with_text(text));
                }
                Err(_) => missed += 1,
            }
        }
        if missed > 0 {
            tracing::warn!(told, missed, "an announcement was not kept for those for whom too much waits");
        }
        Ok(told)
    }

    async fn announce_to(&self, to: &str, text: &str) -> Result<Option<Seq>, StanzaError> {
        let stanza = xmpp::parse_one(announcement(self.domain(), to, text, Context::Framed));
        let stanza = stanza.map_err(|_| Condition::InternalServerError)?;
        match self.route_message(&stanza, self.domain(), to)? {
            Routed::Done(seq) => Ok(seq),
            Routed::Absent(owner, address) => {
                self.route_message_absent(&stanza, self.domain(), &owner, address).await
            }
            Routed::Service(_) => Err(Condition::ServiceUnavailable.into()),
        }
    }

    /// Waits while the journal is far behind the last announcement: thousands at once leave no room in it for what
    /// people say.
    async fn journal_keeps_up(&self, last: Option<Seq>) {
        let (Some(last), limits) = (last, self.limits.load().session) else { return };
        let mut durable = self.store.durable();
        if last.0 - durable.borrow().0 <= limits.journal_behind_entries_max {
            return;
        }
        let until = Seq(last.0 - limits.journal_behind_entries_max / 2);
        tokio::select! {
            biased;
            () = self.runtime.sleep(limits.hold_time_max) => {}
            _ = durable.wait_for(|durable| *durable >= until) => {}
        }
    }

    fn tell_online(&self, text: &str) -> BTreeSet<BareJid> {
        let jids = self.sessions();
        let users = jids.iter().filter_map(|session| model::bare_of(&session.jid).parse().ok());
        let mut told = BTreeSet::<BareJid>::new();
        for user in users.collect::<BTreeSet<BareJid>>() {
            if let Some(account) = self.sessions.account(user.as_str()) {
                let bytes = announcement(self.domain(), user.as_str(), text, Context::Client);
                self.push_to_available(&account, &bytes);
                told.insert(user);
            }
        }
        told
    }

    /// Sets the message of the day, or takes it away. With `tell`, those who are signed in get it now.
    ///
    /// # Errors
    /// It is too long, or the storage takes no writes.
    pub async fn set_message_of_the_day(&self, text: Option<&str>, tell: bool) -> Result<(), StanzaError> {
        let failed = |error| storage_error(&error);
        let Some(text) = text else {
            self.store.setting_remove(SETTING).await.map_err(failed)?;
            self.users.message_of_the_day.store(None);
            return Ok(());
        };
        check(text)?;
        let message = MessageOfTheDay { id: self.runtime.random_token(8), text: text.to_owned() };
        let id = Bytes::copy_from_slice(message.id.as_bytes());
        let kept = json!({ "id": message.id, "text": message.text }).to_string();
        self.store.setting_put(SETTING, &kept).await.map_err(failed)?;
        self.users.message_of_the_day.store(Some(Arc::new(message)));
        if tell {
            let (store, told) = (self.store.clone(), self.tell_online(text));
            self.runtime.spawn_session(async move {
                for user in told {
                    // Who is not noted gets it again.
                    if let Err(error) = store.user_document_put(&user, SEEN, id.clone()).await {
                        tracing::debug!(%error, "a message of the day comes twice");
                    }
                }
            });
        }
        Ok(())
    }

    /// The message of the day.
    pub fn message_of_the_day(&self) -> Option<Arc<MessageOfTheDay>> {
        self.users.message_of_the_day.load_full()
    }

    /// Reads what was kept.
    pub(crate) async fn load_message_of_the_day(&self) -> Result<(), store::Error> {
        let kept = self.store.setting(SETTING).await?;
        let message = kept.as_deref().and_then(MessageOfTheDay::read);
        self.users.message_of_the_day.store(message.map(Arc::new));
        Ok(())
    }
}

/// A client has become available: it gets the message of the day if its user has not seen this one.
pub(crate) async fn greet(im: &Im, seat: &Seat) -> Result<(), StanzaError> {
    let Some(message) = im.message_of_the_day() else { return Ok(()) };
    let user = &seat.account.jid;
    let failed = |error| storage_error(&error);
    let seen = im.store.user_document(user, SEEN).await.map_err(failed)?;
    if seen.is_some_and(|seen| seen == message.id.as_bytes()) {
        return Ok(());
    }
    im.push(seat, Item::passing(announcement(im.domain(), user.as_str(), &message.text, Context::Client)));
    let id = Bytes::copy_from_slice(message.id.as_bytes());
    im.store.user_document_put(user, SEEN, id).await.map_err(failed)
}

fn check(text: &str) -> Result<(), StanzaError> {
    if text.trim().is_empty() || text.len() > ANNOUNCEMENT_BYTES_MAX {
        return Err(StanzaError::from(Condition::NotAcceptable)
            .with_text(format!("an announcement has 1 to {ANNOUNCEMENT_BYTES_MAX} bytes")));
    }
    Ok(())
}

/// The words, from the server itself.
fn announcement(domain: &str, to: &str, text: &str, context: Context) -> Bytes {
    Builder::message(context).from(domain).to(to).type_("normal").text_child("body", "", text).finish()
}
