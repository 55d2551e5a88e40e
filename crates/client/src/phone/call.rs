//! A call as its user holds it: a state to watch, audio, and what can be done.

use tokio::sync::{mpsc, oneshot, watch};

use super::Error;
use super::audio::Audio;
use super::command::{Command, Verb};
use super::event::{CallState, Ending};

/// One call. Dropping it does not end it.
#[derive(Clone, Debug)]
pub struct Call {
    pub(super) number: u64,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) state: watch::Receiver<CallState>,
    pub(super) audio: Audio,
    pub(super) remote: String,
    pub(super) display: String,
}

impl Call {
    /// The URI of the other side.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// The name of the other side, when it told one.
    pub fn display(&self) -> &str {
        &self.display
    }

    /// What is said and heard.
    pub fn audio(&self) -> &Audio {
        &self.audio
    }

    /// Where the call is now.
    pub fn state(&self) -> CallState {
        self.state.borrow().clone()
    }

    /// Waits until the state is `wanted`, or the call is over; gives the state.
    pub async fn until(&self, wanted: impl Fn(&CallState) -> bool) -> CallState {
        let mut state = self.state.clone();
        let reached = state.wait_for(|state| wanted(state) || matches!(state, CallState::Ended(_))).await;
        // Without its phone a call is lost.
        reached.map_or(CallState::Ended(Ending::Lost), |state| state.clone())
    }

    /// Waits until it rings there.
    ///
    /// # Errors
    /// [`Error::Ended`] when the call ended instead.
    pub async fn ringing(&self) -> Result<(), Error> {
        match self.until(|state| matches!(state, CallState::Ringing | CallState::Connected(_))).await {
            CallState::Ended(ending) => Err(Error::Ended(ending)),
            _ => Ok(()),
        }
    }

    /// Waits until both sides talk.
    ///
    /// # Errors
    /// [`Error::Ended`] when the call ended instead.
    pub async fn connected(&self) -> Result<(), Error> {
        match self.until(|state| matches!(state, CallState::Connected(_))).await {
            CallState::Ended(ending) => Err(Error::Ended(ending)),
            _ => Ok(()),
        }
    }

    /// Waits until the call is over.
    pub async fn ended(&self) -> Ending {
        match self.until(|_| false).await {
            CallState::Ended(ending) => ending,
            _ => Ending::Lost,
        }
    }

    /// Answers a call that rings here.
    ///
    /// # Errors
    /// [`Error::NotPossible`] when it does not.
    pub async fn answer(&self) -> Result<(), Error> {
        self.command(Verb::Answer).await
    }

    /// Refuses a call that rings here, with a final status such as 486.
    ///
    /// # Errors
    /// [`Error::NotPossible`] when it does not ring.
    pub async fn reject(&self, status: u16) -> Result<(), Error> {
        self.command(Verb::Reject(status)).await
    }

    /// Ends the call: cancels, refuses or says BYE, as it stands.
    ///
    /// # Errors
    /// [`Error::NotPossible`] when it is over.
    pub async fn hang_up(&self) -> Result<(), Error> {
        self.command(Verb::HangUp).await
    }

    /// Puts the other side on hold by a re-INVITE, and waits for its answer.
    ///
    /// # Errors
    /// [`Error::Refused`] when the other side says no.
    pub async fn hold(&self) -> Result<(), Error> {
        self.command(Verb::Hold(true)).await
    }

    /// Takes the other side off hold, and waits for its answer.
    ///
    /// # Errors
    /// [`Error::Refused`] when the other side says no.
    pub async fn resume(&self) -> Result<(), Error> {
        self.command(Verb::Hold(false)).await
    }

    /// Asks the other side to call `target` instead (RFC 3515), and waits for its answer; how that fares
    /// comes as notifications of the package `refer`.
    ///
    /// # Errors
    /// [`Error::Refused`] when the other side says no.
    pub async fn refer(&self, target: &str) -> Result<(), Error> {
        self.command(Verb::Refer(target.to_owned())).await
    }

    async fn command(&self, verb: Verb) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        let command = Command::InCall { call: self.number, verb, reply };
        self.commands.send(command).await.map_err(|_| Error::Stopped)?;
        answer.await.map_err(|_| Error::Stopped)?
    }
}
