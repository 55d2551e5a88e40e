//! From the first byte to a bound session: drives the negotiation, asks the store, limits failures.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::BareJid;
use xmpp::sasl::Credentials;
use xmpp::sasl::scram::{Hash, Record};
use xmpp::stream::{Output, ServerNegotiation, TokenWork};
use xmpp::{StreamCondition, StreamError};

use super::session::{Counts, Session};
use super::wire::{self, Moved, Wire};
use crate::Im;
use crate::features::registration::{self, Newcomer};
use crate::outbox::End;
use crate::sessions::Seat;
use crate::signin::{Attempt, Unanswered};

/// What a connection may still use up before it is a session, STARTTLS and all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) deadline: Instant,
    /// Bytes that the peer may still send before it is signed in, TLS not counted.
    bytes: usize,
}

impl Allowance {
    pub(super) fn new(im: &Im) -> Self {
        let limits = im.limits.load();
        Self {
            deadline: im.runtime.now() + limits.sign_in.unauthenticated_time_max,
            bytes: limits.stream.before_sign_in_bytes_max as usize,
        }
    }
}

/// What became of a connection that arrived.
pub(super) enum Arrived<W> {
    /// It is signed in.
    Session(Box<Session<W>>),
    /// It wants TLS now, and may use up what is left.
    StartTls(W, Box<ServerNegotiation>, Allowance),
    /// It is over.
    Over,
}

/// A connection that is not signed in yet.
pub(super) struct Arrival<W> {
    pub(super) im: Arc<Im>,
    wire: W,
    pub(super) negotiation: ServerNegotiation,
    pub(super) peer: IpAddr,
    allowance: Allowance,
    pub(super) attempt: Option<Attempt>,
    /// The seat, once bound or resumed, and what an old session brings or stream management begins with.
    pub(super) seat: Option<(Arc<Seat>, Option<Box<Counts>>)>,
    /// The session begins with nobody looking at the client (XEP-0352).
    pub(super) inactive: bool,
    /// What came before anybody signed in.
    newcomer: Box<Newcomer>,
}

/// What the outputs of the negotiation lead to.
enum Next {
    Read,
    StartTls,
    Session,
    Over,
}

impl<W: Wire> Arrival<W> {
    pub(super) fn new(
        im: Arc<Im>,
        wire: W,
        (peer, allowance): (IpAddr, Allowance),
        negotiation: ServerNegotiation,
    ) -> Self {
        Self {
            im,
            wire,
            negotiation,
            peer,
            allowance,
            attempt: None,
            seat: None,
            inactive: false,
            newcomer: Box::default(),
        }
    }

    pub(super) async fn run(mut self) -> Arrived<W> {
        let deadline = self.allowance.deadline;
        let next = loop {
            let im = Arc::clone(&self.im);
            let step = tokio::select! {
                biased;
                () = im.runtime.stopping() => {
                    self.negotiation.fail(&StreamCondition::SystemShutdown.into());
                    self.outputs().await
                }
                () = im.runtime.sleep_until(deadline) => {
                    self.negotiation.timed_out();
                    self.outputs().await
                }
                step = self.step() => step,
            };
            match step {
                Next::Read => {}
                end => break end,
            }
        };
        self.leave(next).await
    }

    async fn step(&mut self) -> Next {
        match wire::moved(&mut self.wire, true).await {
            Err(_) | Ok(Moved::Eof) => return Next::Over,
            Ok(Moved::Written) => return Next::Read,
            // Counted as they come in: white space and headers cost as much as stanzas.
            Ok(Moved::Read(bytes)) => match self.allowance.bytes.checked_sub(bytes) {
                Some(left) => self.allowance.bytes = left,
                None if self.negotiation.user().is_some() => {}
                None => {
                    let text = "too many bytes before signing in";
                    self.negotiation.fail(&StreamError::new(StreamCondition::PolicyViolation, text));
                    return self.outputs().await;
                }
            },
        }
        self.frames().await
    }

    /// Feeds the negotiation with what was read.
    async fn frames(&mut self) -> Next {
        loop {
            match self.wire.next_frame() {
                Ok(Some(frame)) => self.negotiation.handle(frame),
                Ok(None) => {
                    self.wire.release();
                    return Next::Read;
                }
                Err(error) => self.negotiation.fail(&error),
            }
            match self.outputs().await {
                Next::Read => {}
                end => return end,
            }
        }
    }

    /// Does what the negotiation wants.
    async fn outputs(&mut self) -> Next {
        while let Some(output) = self.negotiation.poll_output() {
            match output {
                Output::Open(header) => self.wire.open(&header),
                Output::Write(element) => self.wire.queue(&element),
                Output::End => self.wire.close(),
                Output::Refused => self.refused().await,
                Output::StartTls => return Next::StartTls,
                Output::Restart => {
                    self.sign_in_counted();
                    self.wire.restart(self.im.limits.load().stream.signed_in);
                }
                Output::SignedIn => {
                    self.sign_in_counted();
                    self.wire.set_limits(self.im.limits.load().stream.signed_in);
                }
                Output::Upgraded { user, records } => self.upgraded(&user, &records).await,
                Output::LookUpTokens { user, client } => self.look_up_tokens(user, &client).await,
                Output::Token(work) => self.token(&work).await,
                Output::BindInline { user, client, request } => {
                    self.bind_inline(&user, client.as_deref(), &request).await;
                }
                Output::Register(asked) => {
                    let answer = registration::answer(&self.im, &mut self.newcomer, self.peer, asked).await;
                    self.negotiation.registered(answer);
                }
                Output::LookUp(user) => self.look_up(user).await,
                Output::LookUpNobody => self.answer(None).await,
                Output::Bind { user, resource } => self.bind(user, resource).await,
                Output::Resume { user, previd, h } => self.resume(user, &previd, h).await,
                Output::Established(_) => return Next::Session,
                Output::Close => return Next::Over,
            }
        }
        Next::Read
    }

    fn sign_in_counted(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            self.im.sign_in_succeeded(&attempt);
        }
    }

    /// The account gets what a stronger mechanism needs. If it cannot be kept, the next sign-in tries again.
    async fn upgraded(&mut self, user: &BareJid, records: &[(Hash, Record)]) {
        let Some(proved) = self.attempt.as_ref().and_then(|attempt| attempt.proved.clone()) else { return };
        self.im.keep_records(user, &proved, records).await;
    }

    /// A refusal is counted, and said late to an address that guesses.
    async fn refused(&mut self) {
        let attempt = self.attempt.take();
        let delay = attempt.map_or(Duration::ZERO, |attempt| self.im.sign_in_failed(&attempt));
        if !delay.is_zero() {
            self.im.runtime.sleep(delay).await;
        }
    }

    async fn look_up(&mut self, user: BareJid) {
        let mut attempt = Attempt::new(self.peer, user);
        match self.im.credentials(&attempt).await {
            Ok(found) => {
                attempt.proved = found.as_ref().and_then(crate::signin::mark);
                // What the machine tells of this look-up is told with the attempt in place.
                self.attempt = Some(attempt);
                return self.answer(found.as_ref()).await;
            }
            Err(Unanswered::Limited) => self.negotiation.unavailable(),
            // That the storage fails is not the user's fault: nothing is counted.
            Err(Unanswered::Storage) => return self.negotiation.unavailable(),
        }
        self.attempt = Some(attempt);
    }

    /// Gives the machine what was found. A password is compared where it holds up no other session.
    async fn answer(&mut self, found: Option<&Credentials>) {
        match self.negotiation.comparison(found) {
            None => self.negotiation.credentials(found),
            Some(comparison) => match self.im.compare(comparison).await {
                Some(comparison) => self.negotiation.compared(comparison),
                None => self.negotiation.unavailable(),
            },
        }
    }

    async fn look_up_tokens(&mut self, user: BareJid, client: &str) {
        let attempt = Attempt::new(self.peer, user);
        match self.im.tokens(&attempt, client).await {
            Ok(found) => {
                self.attempt = Some(attempt);
                self.negotiation.tokens(&found);
            }
            Err(unanswered) => {
                if unanswered == Unanswered::Limited {
                    self.attempt = Some(attempt);
                }
                self.negotiation.unavailable();
            }
        }
    }

    /// A storage that fails costs the client its new token, and not its sign-in; but a token that is to be worthless
    /// must be.
    async fn token(&mut self, work: &TokenWork) {
        match self.im.token_work(work).await {
            Ok(given) => {
                let given = given.as_ref().map(|given| (given.token.as_str(), given.expiry.as_str()));
                self.negotiation.token_given(given);
            }
            Err(error) if work.invalidate => {
                tracing::warn!(%error, "a token could not be invalidated");
                self.negotiation.fail(&StreamCondition::InternalServerError.into());
            }
            Err(error) => {
                tracing::warn!(%error, "a client gets no token");
                self.negotiation.token_given(None);
            }
        }
    }

    /// XEP-0198 §5: the session goes on here, if it is this user's and all it took is durable.
    async fn resume(&mut self, user: BareJid, previd: &str, h: u32) {
        let seat = self.im.resumable.pin().get(previd).cloned();
        let Some(seat) = seat.filter(|seat| seat.account.jid == user) else {
            return self.negotiation.resume_failed(None);
        };
        let Some(parking) = seat.parking.lock().clone() else { return self.negotiation.resume_failed(None) };
        seat.outbox.end(End::Resumed);
        let Some(counts) = parking.take(&self.im.runtime).await else {
            return self.negotiation.resume_failed(None);
        };
        seat.outbox.handed_over();
        // From here on the session is this stream's: should the stream fail, the session ends with it.
        let (_, Some(counts)) = self.seat.insert((Arc::clone(&seat), Some(counts))) else { return };
        let received = match self.im.settle(counts).await {
            true => counts.resume(&self.im, &seat, h),
            false => return self.negotiation.fail(&StreamCondition::ResourceConstraint.into()),
        };
        match received {
            Ok(received) => self.negotiation.resumed(seat.jid.clone(), received),
            Err(error) => self.negotiation.fail(&error.into()),
        }
    }

    async fn leave(mut self, next: Next) -> Arrived<W> {
        match next {
            Next::Session => match self.seat.take() {
                Some((seat, counts)) => {
                    let mut session = Session::new(self.im, self.wire, seat, counts);
                    session.inactivity.set(self.inactive);
                    Arrived::Session(Box::new(session))
                }
                None => Arrived::Over,
            },
            Next::StartTls => {
                if self.within_closing_time(async |wire| wire::flush(wire).await).await {
                    Arrived::StartTls(self.wire, Box::new(self.negotiation), self.allowance)
                } else {
                    Arrived::Over
                }
            }
            Next::Read | Next::Over => {
                let close = async |wire: &mut W| {
                    wire::flush(wire).await?;
                    wire::shut(wire).await
                };
                self.within_closing_time(close).await;
                if let Some((seat, counts)) = self.seat.take() {
                    self.im.finish(&seat, counts).await;
                }
                Arrived::Over
            }
        }
    }

    /// A peer that takes nothing is not waited for.
    async fn within_closing_time(&mut self, end: impl AsyncFnOnce(&mut W) -> io::Result<()>) -> bool {
        let time = self.im.limits.load().session.closing_time_max;
        tokio::select! {
            biased;
            () = self.im.runtime.sleep(time) => false,
            done = end(&mut self.wire) => done.is_ok(),
        }
    }
}
