//! The dialogs that one INVITE of ours leads to: a proxy may have sent it to many (RFC 3261 §12.1, §13.2.2.4).

use super::{Dialog, DialogId, State};
use crate::error::Error;
use crate::message::{Request, Response};

/// Dialogs of one INVITE; responses of further forks make none.
const DIALOGS_MAX: usize = 16;

/// The early and confirmed dialogs of one INVITE.
#[derive(Clone, Debug)]
pub struct Forks {
    invite: Request,
    dialogs: Vec<Dialog>,
}

impl Forks {
    /// None yet.
    pub fn new(invite: Request) -> Self {
        Self { invite, dialogs: Vec::new() }
    }

    /// The INVITE.
    pub fn invite(&self) -> &Request {
        &self.invite
    }

    /// Takes a response to the INVITE in, and gives the dialog that it belongs to, made new or brought up to date;
    /// `None` for 100, for a refusal, and for a response without a tag. A refusal ends all early dialogs.
    ///
    /// # Errors
    /// The header field that is missing or malformed.
    pub fn answered(&mut self, response: &Response) -> Result<Option<&mut Dialog>, Error> {
        if response.status() >= 300 {
            self.dialogs.retain(|dialog| dialog.state() != State::Early);
            return Ok(None);
        }
        let id = match DialogId::of_response(response) {
            Some(id) if response.status() > 100 => id,
            _ => return Ok(None),
        };
        match self.dialogs.iter().position(|dialog| *dialog.id() == id) {
            Some(place) => {
                self.dialogs[place].answered(response)?;
                Ok(self.dialogs.get_mut(place))
            }
            None if self.dialogs.len() >= DIALOGS_MAX => Ok(None),
            None => {
                self.dialogs.push(Dialog::uac(&self.invite, response)?);
                Ok(self.dialogs.last_mut())
            }
        }
    }

    /// All dialogs, in the order in which they came to be.
    pub fn dialogs(&self) -> &[Dialog] {
        &self.dialogs
    }

    /// Takes a dialog out, to keep it.
    pub fn take(&mut self, id: &DialogId) -> Option<Dialog> {
        let place = self.dialogs.iter().position(|dialog| dialog.id() == id)?;
        Some(self.dialogs.remove(place))
    }
}
