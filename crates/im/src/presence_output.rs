//! What watchers see besides the clients' own words: a call or a meeting over their show and status.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{BareJid, Timestamp};
use parking_lot::Mutex;
use presence::{Activity, Reason, State};
use tokio::sync::Notify;
use xmpp::{Builder, Context};

use crate::Im;
use crate::features::{activity, presence as feature};
use crate::outbox::End;

/// The namespace of the element that says why somebody is shown so (`PS-07`).
pub(crate) const REASON_NS: &str = "urn:carillon:presence:0";
/// The resource that shows a user on the phone who is not signed in anywhere.
const PHONE: &str = "phone";
/// How often memory that nobody uses goes back.
const REST_EVERY: Duration = Duration::from_secs(60);

/// What is shown instead of a client's show and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overlay {
    show: &'static str,
    status: &'static str,
    /// The activity that goes with it.
    pub(crate) activity: Option<Activity>,
    reason: Why,
}

/// Why it is shown, as far as watchers may know: not on which line, nor what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Why {
    state: &'static str,
    source: &'static str,
    since: Timestamp,
}

impl Why {
    fn of(presence: &presence::Presence) -> Option<Self> {
        let state = match presence.state {
            State::OnThePhone => "on-the-phone",
            State::InAMeeting => "in-a-meeting",
            State::DoNotDisturb => "do-not-disturb",
            State::Busy => "busy",
            State::OutOfOffice => "out-of-office",
            State::Available | State::Idle | State::Offline => return None,
        };
        let (source, since) = match &presence.reason {
            Reason::Line(_, since) => ("line", *since),
            Reason::Client(_, since) => ("client", *since),
            Reason::Choice(since) => ("choice", *since),
            Reason::Calendar(since) => ("calendar", *since),
            Reason::Publication(since) => ("publication", *since),
            Reason::NothingSignedIn => return None,
        };
        Some(Self { state, source, since })
    }
}

impl Overlay {
    /// By `PS-07`: yellow for the phone and for meetings, red for what was chosen by hand. What a client
    /// says itself needs no overlay.
    fn of(presence: &presence::Presence) -> Option<Self> {
        let show = match presence.state {
            State::OnThePhone | State::InAMeeting => "away",
            State::DoNotDisturb | State::Busy if !matches!(presence.reason, Reason::Client(..)) => "dnd",
            State::OutOfOffice => "xa",
            _ => return None,
        };
        let reason = Why::of(presence)?;
        Some(Self { show, status: presence.state.words(), activity: presence.activity, reason })
    }

    /// `<show/>`, `<status/>` and why.
    pub(crate) fn children(&self) -> String {
        let (Self { show, status, .. }, Why { state, source, since }) = (self, &self.reason);
        format!(
            "<show>{show}</show><status>{status}</status>\
             <reason xmlns='{REASON_NS}' state='{state}' source='{source}' since='{since}'/>"
        )
    }

    /// The presence of a user who is not signed in, from the phone.
    pub(crate) fn virtual_presence(&self, user: &BareJid, to: &BareJid) -> Bytes {
        Builder::presence(Context::Client)
            .from(&phone_jid(user))
            .to(to.as_str())
            .raw(self.children().as_bytes())
            .text_child("priority", "", "-1")
            .finish()
    }
}

fn phone_jid(user: &BareJid) -> String {
    format!("{user}/{PHONE}")
}

/// What was last said of whom, and who is to be looked at again.
#[derive(Default)]
pub(crate) struct Output {
    /// Only those of whom something is said.
    said: Mutex<BTreeMap<BareJid, Said>>,
    /// True: what a client said may have overtaken us, say it again.
    again: Mutex<BTreeMap<BareJid, bool>>,
    wake: Notify,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    overlay: Overlay,
    /// It was said by the phone, because no client was there.
    by_phone: bool,
}

impl Im {
    /// What is shown over the clients' own words now.
    pub(crate) fn overlay(&self, user: &BareJid) -> Option<Overlay> {
        Overlay::of(&self.presence.composed(user, self.runtime.timestamp()))
    }

    /// A client's presence went out under `overlay`: if that is not what the others were told, they are told anew.
    pub(crate) fn check_said(&self, user: &BareJid, overlay: Option<Overlay>) {
        let said = self.output.said.lock().get(user).copied();
        if said.map(|said| said.overlay) != overlay || said.is_some_and(|said| said.by_phone) {
            self.output.again.lock().insert(user.clone(), true);
            self.output.wake.notify_one();
        }
    }

    /// A client left: the phone may have to speak for the user.
    pub(crate) fn look_again(&self, user: &BareJid) {
        if self.overlay(user).is_some() || self.output.said.lock().contains_key(user) {
            self.output.again.lock().entry(user.clone()).or_insert(false);
            self.output.wake.notify_one();
        }
    }

    /// Brings what watchers were told in line with what is composed.
    async fn refresh(&self, user: &BareJid, force: bool) -> Result<(), store::Error> {
        let overlay = self.overlay(user);
        let said = self.output.said.lock().get(user).copied();
        let account = self.sessions.account(user.as_str());
        let signed_in = account.as_ref().is_some_and(|a| a.seats().iter().any(|s| s.priority().is_some()));
        // A choice or an absence is shown by clients only; a call also by the phone itself.
        let now = overlay
            .filter(|overlay| signed_in || overlay.activity.is_some())
            .map(|overlay| Said { overlay, by_phone: !signed_in });
        if now == said && !force {
            return Ok(());
        }
        let roster = match &account {
            Some(account) => self.roster(account).await?,
            None => Arc::new(self.store.roster(user).await?),
        };
        match now {
            Some(now) => self.output.said.lock().insert(user.clone(), now),
            None => self.output.said.lock().remove(user),
        };
        if let Some(account) = account.filter(|_| signed_in) {
            for seat in account.seats().iter().filter(|seat| seat.priority().is_some()) {
                feature::broadcast(self, seat, &roster);
            }
        }
        // The phone goes after the clients have spoken: there is no moment when nobody is there.
        if let Some(now) = now.filter(|now| now.by_phone) {
            feature::watchers(self, user, &roster, |watcher| {
                self.push_to_available(watcher, &now.overlay.virtual_presence(user, &watcher.jid));
            });
            feature::remote_watchers(self, user, &roster, |contact| {
                self.tell_remote(now.overlay.virtual_presence(user, contact));
            });
        } else if said.is_some_and(|said| said.by_phone) {
            self.phone_leaves(user, &roster);
        }
        let (before, after) = (said.and_then(|s| s.overlay.activity), now.and_then(|s| s.overlay.activity));
        if before != after {
            activity::broadcast(self, user, &roster, after);
        }
        Ok(())
    }

    fn phone_leaves(&self, user: &BareJid, roster: &store::Roster) {
        let from = phone_jid(user);
        let gone = |to: &BareJid| {
            Builder::presence(Context::Client).type_("unavailable").from(&from).to(to.as_str()).finish()
        };
        feature::watchers(self, user, roster, |watcher| {
            self.push_to_available(watcher, &gone(&watcher.jid));
        });
        feature::remote_watchers(self, user, roster, |contact| self.tell_remote(gone(contact)));
    }

    async fn refresh_all(&self, users: impl Iterator<Item = (BareJid, bool)>) {
        for (user, force) in users.filter(|(user, _)| user.domain().as_str() == self.domain()) {
            if let Err(error) = self.refresh(&user, force).await {
                tracing::warn!(%error, "watchers do not hear of a change: the roster cannot be read");
            }
        }
    }
}

/// Starts the one task that listens to the presence engine, and keeps house.
pub(crate) fn start(im: &Arc<Im>) {
    let im = Arc::clone(im);
    let listener = im.presence.listen();
    im.runtime.clone().spawn("im-presence", async move {
        let mut rest = im.runtime.now() + REST_EVERY;
        loop {
            tokio::select! {
                biased;
                () = im.runtime.stopping() => return im.end_all(End::Shutdown),
                () = im.runtime.sleep_until(rest) => {
                    im.sessions.rest();
                    rest = im.runtime.now() + REST_EVERY;
                }
                () = im.output.wake.notified() => {
                    let users = std::mem::take(&mut *im.output.again.lock());
                    im.refresh_all(users.into_iter()).await;
                }
                users = listener.changed() => {
                    im.refresh_all(users.into_iter().map(|user| (user, false))).await;
                }
            }
        }
    });
}
