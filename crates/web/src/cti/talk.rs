//! One application's connection: requests in, answers and events out, and why it ends.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use calls::cti::{Scope, Session};
use im::{Moved, PasswordRefused, TokenRefused};
use model::{BareJid, Private};
use tokio::io::{AsyncRead, AsyncWrite};

use super::sign_in::{Proof, SignIn, SignedIn};
use super::table::{Arrival, Seat};
use crate::Web;
use crate::limits::{
    CTI_CLOSING_TIME_MAX, CTI_HEARTBEAT, CTI_MESSAGE_BYTES_MAX, CTI_REQUESTS_PER_SECOND_MAX,
    CTI_SIGN_IN_TIME_MAX, CTI_SILENCE_MAX,
};
use crate::websocket::{CloseCode, Frames};

/// Why a connection ends; the words are the reason of the close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The application has closed, or is gone.
    Gone,
    Stopping,
    /// No sign-in came in time.
    SignInTime,
    NotAuthorised,
    /// Nobody can sign in now.
    Later,
    /// The user may not control calls with applications, or no longer.
    NotAllowed,
    /// The account was disabled or removed.
    Disabled,
    TooManySessions,
    /// Events came faster than they were read.
    SlowReader,
    /// Nothing was heard for too long.
    Silent,
    /// Not the WebSocket protocol, or too long a message.
    Broken(CloseCode),
}

impl Ending {
    fn words(self) -> (CloseCode, &'static str) {
        match self {
            Self::Gone => (CloseCode::Normal, ""),
            Self::Stopping => (CloseCode::GoingAway, "stopping"),
            Self::SignInTime => (CloseCode::PolicyViolation, "signInTime"),
            Self::NotAuthorised => (CloseCode::PolicyViolation, "notAuthorised"),
            Self::Later => (CloseCode::TryAgainLater, "tryAgainLater"),
            Self::NotAllowed => (CloseCode::PolicyViolation, "notAllowed"),
            Self::Disabled => (CloseCode::PolicyViolation, "disabled"),
            Self::TooManySessions => (CloseCode::TryAgainLater, "tooManySessions"),
            Self::SlowReader => (CloseCode::PolicyViolation, "slowReader"),
            Self::Silent => (CloseCode::PolicyViolation, "silent"),
            Self::Broken(code) => (code, "badMessage"),
        }
    }
}

/// Carries an application from its sign-in to its end.
pub(super) async fn begin<S: AsyncRead + AsyncWrite + Unpin>(
    web: Arc<Web>,
    mut frames: Frames<S>,
    (address, arrival): (IpAddr, Arrival),
    user: Option<BareJid>,
) {
    let signed_in = async {
        let user = match user {
            Some(user) => user,
            None => sign_in(&web, &mut frames, address).await?,
        };
        let scope = scope(&web, &user).await?;
        let seat = web.cti.table.enter(&user).ok_or(Ending::TooManySessions)?;
        Ok((seat, scope))
    };
    let ending = match signed_in.await {
        Err(ending) => ending,
        Ok((seat, scope)) => {
            drop(arrival);
            tracing::info!(user = %Private(seat.user()), "an application signed in");
            frames.set_message_bytes_max(CTI_MESSAGE_BYTES_MAX);
            Talk::new(&web, &mut frames, seat, scope).run().await
        }
    };
    let (code, reason) = ending.words();
    tracing::debug!(reason, "an application's connection ends");
    metrics::counter!("carillon_cti_ended_total", "reason" => reason).increment(1);
    frames.close(code, reason);
    let shut = poll_fn(|cx| frames.poll_shut(cx));
    // Whoever does not read its end in time is cut off.
    let _ = tokio::time::timeout(CTI_CLOSING_TIME_MAX, shut).await;
}

/// Waits for the first message, and holds its password against the account.
async fn sign_in<S: AsyncRead + AsyncWrite + Unpin>(
    web: &Web,
    frames: &mut Frames<S>,
    address: IpAddr,
) -> Result<BareJid, Ending> {
    let first = tokio::select! {
        biased;
        () = web.runtime.stopping() => return Err(Ending::Stopping),
        () = web.runtime.sleep(CTI_SIGN_IN_TIME_MAX) => return Err(Ending::SignInTime),
        first = next_text(frames) => first?,
    };
    let SignIn::SignIn(proof) = serde_json::from_slice(&first).map_err(|_| Ending::NotAuthorised)?;
    let im = &web.rooms.im;
    match proof {
        Proof::Password { user, password } => {
            im.check_password(address, &user, &password).await.map_err(|refused| match refused {
                PasswordRefused::Wrong => Ending::NotAuthorised,
                PasswordRefused::Later => Ending::Later,
            })
        }
        Proof::Token { token } => {
            im.token_holder(&token).await.map(|holder| holder.user).map_err(|refused| match refused {
                TokenRefused::Wrong => Ending::NotAuthorised,
                TokenRefused::Later => Ending::Later,
            })
        }
    }
}

async fn next_text<S: AsyncRead + AsyncWrite + Unpin>(frames: &mut Frames<S>) -> Result<Bytes, Ending> {
    loop {
        if let Some(text) = frames.next_text().map_err(Ending::Broken)? {
            return Ok(text);
        }
        match poll_fn(|cx| frames.poll_moved(cx, true)).await {
            Ok(Moved::Eof) | Err(_) => return Err(Ending::Gone),
            Ok(_) => {}
        }
    }
}

/// What a user may do with applications now.
async fn scope(web: &Web, user: &BareJid) -> Result<Scope, Ending> {
    let (im, policy) = (&web.rooms.im, web.cti.policy.load_full());
    if !im.permits(&policy.used_by, user).await.map_err(|_| Ending::Later)? {
        return Err(Ending::NotAllowed);
    }
    let all = im.permits(&policy.all_lines, user).await.map_err(|_| Ending::Later)?;
    Ok(if all { Scope::All } else { Scope::Own })
}

/// A session on its connection.
struct Talk<'a, S> {
    web: &'a Web,
    frames: &'a mut Frames<S>,
    seat: Seat,
    scope: Scope,
    session: Session,
    lines_counted: usize,
    /// When something was last heard.
    heard: Instant,
    heartbeat: Instant,
    /// The second that requests are counted in, and how many came in it.
    second: (Instant, u32),
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Talk<'a, S> {
    fn new(web: &'a Web, frames: &'a mut Frames<S>, seat: Seat, scope: Scope) -> Self {
        let session = Session::new(web.rooms.calls.clone(), seat.user().clone(), scope);
        let now = web.runtime.now();
        let heartbeat = now + CTI_HEARTBEAT;
        Self { web, frames, seat, scope, session, lines_counted: 0, heard: now, heartbeat, second: (now, 0) }
    }

    async fn run(mut self) -> Ending {
        let hello = SignedIn {
            user: self.seat.user().to_string(),
            version: calls::cti::VERSION,
            scope: if self.scope == Scope::All { "all" } else { "own" },
            heartbeat_seconds: CTI_HEARTBEAT.as_secs(),
        };
        let hello = serde_json::to_string(&hello).expect("texts and numbers");
        self.frames.text(&[hello.as_bytes()]);
        loop {
            if let Err(ending) = self.step().await {
                return ending;
            }
        }
    }

    async fn step(&mut self) -> Result<(), Ending> {
        let held_until = self.requests().await?;
        self.events()?;
        let (web, feed, has_room) = (self.web, self.session.feed(), self.frames.has_room());
        let next = held_until.map_or(self.heartbeat, |until| until.min(self.heartbeat));
        let frames = &mut *self.frames;
        tokio::select! {
            biased;
            () = web.runtime.stopping() => Err(Ending::Stopping),
            () = self.seat.ended() => Err(Ending::Disabled),
            () = feed.overflowed(), if !has_room => Err(Ending::SlowReader),
            moved = poll_fn(|cx| frames.poll_moved(cx, held_until.is_none())) => self.moved(moved),
            () = feed.wait(), if has_room => Ok(()),
            () = web.runtime.sleep_until(next) => self.tick().await,
        }
    }

    fn moved(&mut self, moved: io::Result<Moved>) -> Result<(), Ending> {
        match moved {
            Ok(Moved::Eof) | Err(_) => Err(Ending::Gone),
            Ok(Moved::Written) => Ok(()),
            Ok(Moved::Read(_)) => {
                self.heard = self.web.runtime.now();
                Ok(())
            }
        }
    }

    /// Answers what has come; gives until when nothing more is read, when there were too many.
    async fn requests(&mut self) -> Result<Option<Instant>, Ending> {
        while self.frames.has_room() {
            if let Some(until) = self.too_many() {
                return Ok(Some(until));
            }
            let Some(text) = self.frames.next_text().map_err(Ending::Broken)? else {
                self.frames.release();
                return if self.frames.is_closed() { Err(Ending::Gone) } else { Ok(None) };
            };
            self.second.1 += 1;
            let answer = self.session.handle(&text).await;
            self.frames.text(&[answer.as_bytes()]);
            self.count_lines();
        }
        Ok(None)
    }

    /// The end of this second, when as many requests have come in it as may.
    fn too_many(&mut self) -> Option<Instant> {
        let (now, length) = (self.web.runtime.now(), Duration::from_secs(1));
        if now.saturating_duration_since(self.second.0) >= length {
            self.second = (now, 0);
        }
        (self.second.1 >= CTI_REQUESTS_PER_SECOND_MAX).then(|| self.second.0 + length)
    }

    fn events(&mut self) -> Result<(), Ending> {
        while self.frames.has_room() {
            match self.session.next_event() {
                Ok(Some(event)) => self.frames.text(&[event.as_bytes()]),
                Ok(None) => return Ok(()),
                Err(_) => return Err(Ending::SlowReader),
            }
        }
        Ok(())
    }

    /// The heartbeat: is the application there, and may it still be?
    async fn tick(&mut self) -> Result<(), Ending> {
        let now = self.web.runtime.now();
        if now < self.heartbeat {
            return Ok(());
        }
        if now.saturating_duration_since(self.heard) >= CTI_SILENCE_MAX {
            return Err(Ending::Silent);
        }
        self.heartbeat = now + CTI_HEARTBEAT;
        self.frames.ping();
        match scope(self.web, self.seat.user()).await {
            // The storage may be away for a while.
            Err(Ending::Later) => Ok(()),
            Ok(scope) if scope == self.scope => Ok(()),
            // Less or more than it was told: it signs in anew.
            Ok(_) | Err(_) => Err(Ending::NotAllowed),
        }
    }

    /// `CT-08`: lines that applications watch are counted.
    fn count_lines(&mut self) {
        let lines = self.session.lines_watched();
        let gauge = metrics::gauge!("carillon_cti_lines");
        gauge.increment(lines as f64 - self.lines_counted as f64);
        self.lines_counted = lines;
    }
}

impl<S> Drop for Talk<'_, S> {
    fn drop(&mut self) {
        metrics::gauge!("carillon_cti_lines").decrement(self.lines_counted as f64);
    }
}
