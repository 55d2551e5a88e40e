//! Tokens in place of passwords (XEP-0484): the proof of one is checked, and what is to become of it is asked.

use super::*;
use crate::sasl::{TokenKey, TokenMechanism, TokenProof};
use crate::xep::sasl2::Authenticate;

/// Where a token of a client stands (XEP-0484 §5.1): no more than two are good at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// Given and not used yet.
    New,
    /// In use.
    Current,
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptToken {
    /// What checks a proof.
    pub key: TokenKey,
    /// The mechanism that it was given for; with any other it is worthless (§3.4).
    pub mechanism: TokenMechanism,
    /// Its time is over.
    pub expired: bool,
}

/// What is kept of one client of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// False when an administrator has disabled the account.
    pub enabled: bool,
    /// The token that was given last and not used yet.
    pub new: Option<KeptToken>,
    /// The token in use.
    pub current: Option<KeptToken>,
}

/// What is to become of a client's tokens, now that it has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenWork {
    /// Who signed in.
    pub user: BareJid,
    /// The client, with its identifier.
    pub user_agent: UserAgent,
    /// The token that was used: those before it are worthless from now on (§3.5), and it may be due for rotation.
    pub used: Option<(Slot, TokenMechanism)>,
    /// The token that was used is worthless from now on, too (§3.6).
    pub invalidate: bool,
    /// The client wants a token for this mechanism.
    pub wanted: Option<TokenMechanism>,
}

impl ServerNegotiation {
    /// A sign-in by token. It is over within this one exchange.
    pub(super) fn authenticate_by_token(&mut self, mechanism: TokenMechanism, asked: &Authenticate) {
        match self.token_proof(mechanism, asked) {
            Err(condition) => self.sasl_step(Step::Failure(condition)),
            Ok((proof, client)) => {
                let user = self.address(&proof.username);
                self.stage = Stage::Inline(sasl2::Waiting::Tokens(mechanism, Box::new(proof)));
                match user {
                    Some(user) => self.request = Some(Output::LookUpTokens { user, client }),
                    // Such a name cannot have an account, and gets the same answers as one that has none.
                    None => self.tokens(&Tokens::default()),
                }
            }
        }
    }

    fn token_proof(
        &self,
        mechanism: TokenMechanism,
        asked: &Authenticate,
    ) -> Result<(TokenProof, String), sasl::Condition> {
        let binding = self.sasl.as_ref().map(sasl::Server::binding);
        if !self.policy.tokens || binding.and_then(|binding| mechanism.data(binding)).is_none() {
            return Err(sasl::Condition::InvalidMechanism);
        }
        // §3.4 and §4.1: the client says that this is a token, and which client it is.
        let (Some(_), Some(client), Some(initial)) = (asked.fast, &asked.user_agent.id, &asked.initial)
        else {
            return Err(sasl::Condition::MalformedRequest);
        };
        let message = decode_sasl(initial).ok_or(sasl::Condition::IncorrectEncoding)?;
        Ok((TokenProof::parse(&message)?, client.clone()))
    }

    /// What the store has for the client of [`Output::LookUpTokens`]; nothing for a user who does not exist.
    pub fn tokens(&mut self, found: &Tokens) {
        let Stage::Inline(sasl2::Waiting::Tokens(mechanism, proof)) =
            std::mem::replace(&mut self.stage, Stage::Features)
        else {
            return;
        };
        let Some(sasl) = &self.sasl else { return };
        let Some(data) = mechanism.data(sasl.binding()) else { return };
        // Two comparisons, whatever was found: the same work, so the same time. The key of no token is one that
        // nobody knows.
        let nobody = KeptToken { key: sasl.unknown_token(), mechanism, expired: true };
        let check = |kept: &Option<KeptToken>| {
            let token = kept.as_ref().unwrap_or(&nobody);
            let good = token.key.verifies(data, &proof.proof);
            (good && kept.is_some() && token.mechanism == mechanism).then(|| token.clone())
        };
        let checked = [(Slot::New, check(&found.new)), (Slot::Current, check(&found.current))];
        let good = checked.into_iter().find_map(|(slot, token)| token.map(|token| (slot, token)));
        let step = match good {
            None => Step::Failure(sasl::Condition::NotAuthorized),
            Some(_) if !found.enabled => Step::Failure(sasl::Condition::AccountDisabled),
            Some((_, token)) if token.expired => Step::Failure(sasl::Condition::CredentialsExpired),
            Some((slot, token)) => {
                if let Some(progress) = &mut self.sasl2 {
                    progress.used = Some((slot, mechanism));
                }
                let additional = Some(token.key.responder(data));
                let username = proof.username;
                Step::Success { username, authzid: None, additional, records: Vec::new() }
            }
        };
        self.sasl_step(step);
    }

    /// The edge has done its [`Output::Token`]: the new token and its end, if there is one.
    pub fn token_given(&mut self, token: Option<(&str, &str)>) {
        if matches!(self.stage, Stage::Inline(sasl2::Waiting::Token)) {
            if let (Some((token, expiry)), Some(progress)) = (token, &mut self.sasl2) {
                progress.inline_token(&crate::xep::fast::token(token, expiry));
            }
            self.inline_resume();
        }
    }
}
