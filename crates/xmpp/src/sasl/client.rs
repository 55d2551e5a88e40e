//! The client's machine: chooses the strongest mechanism, proves the password, checks the server's proof.

use super::scram::ScramClient;
use super::{ChannelBinding, Mechanism, PasswordError, plain};

/// Why a client does not go on.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ClientError {
    /// Peer incompatible: no mechanism in common.
    #[error("the server offers no mechanism that we accept")]
    Mechanism,
    /// Our fault: the name or the password cannot be prepared.
    #[error(transparent)]
    Password(PasswordError),
    /// Peer misbehaved: a message that breaks the grammar.
    #[error("the server sent a malformed SASL message")]
    Malformed,
    /// Peer misbehaved: it does not know the password either, or someone is between.
    #[error("the server could not prove that it knows the password")]
    Server,
    /// Refused by policy: too few iterations protect nothing, too many keep us busy.
    #[error("the server demands {0} iterations")]
    Iterations(u32),
}

/// One sign-in attempt.
pub struct Client {
    mechanism: Mechanism,
    state: State,
}

enum State {
    Scram(Box<ScramClient>),
    /// The message, until it was sent.
    Plain(Option<Vec<u8>>),
    Done,
}

impl Client {
    /// Begins with the strongest mechanism that is offered and that `allowed` lists.
    pub fn new(
        offered: &[Mechanism],
        allowed: &[Mechanism],
        (username, password): (&str, &str),
        binding: &ChannelBinding,
        nonce: String,
    ) -> Result<Self, ClientError> {
        let usable = |mechanism: &&Mechanism| {
            allowed.contains(mechanism) && (!mechanism.is_plus() || !binding.is_empty())
        };
        let mechanism = *offered.iter().filter(usable).min().ok_or(ClientError::Mechanism)?;
        let plus_offered = offered.iter().any(|mechanism| mechanism.is_plus());
        let state = match mechanism {
            Mechanism::Plain => State::Plain(Some(plain::message(username, password))),
            _ => State::Scram(Box::new(ScramClient::new(
                mechanism,
                (username, password),
                binding,
                plus_offered,
                nonce,
            )?)),
        };
        Ok(Self { mechanism, state })
    }

    /// The mechanism that was chosen.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The initial response, sent with the mechanism's name.
    pub fn initial(&mut self) -> Vec<u8> {
        match &mut self.state {
            State::Scram(exchange) => exchange.initial(),
            State::Plain(message) => message.take().unwrap_or_default(),
            State::Done => Vec::new(),
        }
    }

    /// Answers a challenge.
    pub fn respond(&mut self, challenge: &[u8]) -> Result<Vec<u8>, ClientError> {
        match &mut self.state {
            State::Scram(exchange) => exchange.respond(challenge),
            State::Plain(_) | State::Done => Err(ClientError::Malformed),
        }
    }

    /// The server said success; true success only when this agrees.
    pub fn success(&mut self, additional: Option<&[u8]>) -> Result<(), ClientError> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Scram(exchange) => exchange.finish(additional.unwrap_or_default()),
            State::Plain(None) => Ok(()),
            State::Plain(Some(_)) | State::Done => Err(ClientError::Server),
        }
    }
}
