//! A sign-in that leads to a session in one exchange: XEP-0388 with tasks (XEP-0480), tokens, resumption and Bind 2.
//!
//! | step | when | what may come, or who answers |
//! | --- | --- | --- |
//! | the mechanism | always | as in RFC 6120 §6, or a token's proof |
//! | upgrade tasks | the client is ready for one that the account lacks | `<next/>`, `<task-data/>`, `<abort/>` |
//! | token | one was used, or is wanted | the edge |
//! | resume | wanted | the edge |
//! | bind | wanted, and nothing was resumed | the edge |
//! | `<success/>` and features | always | session, or a resource by RFC 6120 §7 |

use super::*;
use crate::sasl::{TokenMechanism, TokenProof};
use crate::xep::sasl_upgrade;
use crate::xep::sasl2::{Authenticate, NS, Resume};

/// What a sign-in has come to.
pub(super) struct Progress {
    asked: Authenticate,
    /// Who has proved to be who he says; signed in only with the success.
    user: Option<BareJid>,
    /// The server's own proof, until it was sent.
    additional: Option<Vec<u8>>,
    /// Upgrades that are wanted by both sides, the next one last.
    upgrades: Vec<Hash>,
    /// The token that was proved.
    pub(super) used: Option<(Slot, TokenMechanism)>,
    /// The session begins with its stanzas counted (XEP-0198).
    counted: bool,
    /// What `<success/>` tells besides.
    inline: BytesMut,
    token: Option<Bytes>,
}

/// What a sign-in waits for.
pub(super) enum Waiting {
    /// The edge: what is kept of the client's tokens.
    Tokens(TokenMechanism, Box<TokenProof>),
    /// The client: `<next/>` for a task.
    Next(Hash),
    /// The client: the salted password.
    TaskData(Hash, Vec<u8>),
    /// The edge: a token.
    Token,
    /// The edge: the old session.
    Resume(String),
    /// The edge: a resource.
    Bind,
}

impl Waiting {
    pub(super) fn is_for_edge(&self) -> bool {
        !matches!(self, Self::Next(_) | Self::TaskData(..))
    }
}

impl Progress {
    fn new(asked: Authenticate) -> Self {
        Self {
            asked,
            user: None,
            additional: None,
            upgrades: Vec::new(),
            used: None,
            counted: false,
            inline: BytesMut::new(),
            token: None,
        }
    }

    /// Of what the client is ready for, keeps what is offered and the account lacks.
    pub(super) fn plan_upgrades(&mut self, offered: Vec<Hash>, found: &Credentials) {
        let ready = |hash: &Hash| {
            self.asked.upgrades.iter().any(|task| sasl_upgrade::hash(task) == Some(*hash))
                && found.record(*hash).is_none()
        };
        self.upgrades = offered.into_iter().filter(ready).rev().collect();
    }

    pub(super) fn inline_token(&mut self, token: &Bytes) {
        self.token = Some(token.clone());
    }

    fn additional_text(&mut self) -> Option<String> {
        self.additional.take().map(|additional| encode_sasl(&additional))
    }
}

impl ServerNegotiation {
    /// `<authenticate/>`, perhaps sent before our features were read (XEP-0388 §2.1).
    pub(super) fn authenticate(&mut self, stanza: &Stanza) {
        let asked = match Authenticate::from_element(&stanza.element()) {
            Ok(asked) => asked,
            Err(_) => {
                self.sasl2 = Some(Box::new(Progress::new(Authenticate::default())));
                return self.sasl_step(Step::Failure(sasl::Condition::MalformedRequest));
            }
        };
        self.sasl2 = Some(Box::new(Progress::new(asked.clone())));
        if let Some(mechanism) = TokenMechanism::from_name(&asked.mechanism)
            && self.sasl.is_some()
        {
            return self.authenticate_by_token(mechanism, &asked);
        }
        let Some(sasl) = &mut self.sasl else {
            return self.sasl_step(Step::Failure(sasl::Condition::EncryptionRequired));
        };
        let step = match asked.initial.as_deref().map(decode_sasl) {
            Some(None) => Step::Failure(sasl::Condition::IncorrectEncoding),
            initial => sasl.start(&asked.mechanism, initial.flatten().as_deref(), self.seed.token()),
        };
        self.sasl_step(step);
    }

    /// The mechanism has succeeded.
    pub(super) fn inline_signed_in(&mut self, user: BareJid, additional: Option<Vec<u8>>) {
        let Some(progress) = &mut self.sasl2 else { return };
        // A password that was seen has given these records already.
        if self.notices.iter().any(|notice| matches!(notice, Output::Upgraded { .. })) {
            progress.upgrades.clear();
        }
        progress.user = Some(user);
        progress.additional = additional;
        self.inline_task();
    }

    /// The next task, or what follows the last.
    fn inline_task(&mut self) {
        let Some(progress) = &mut self.sasl2 else { return };
        match progress.upgrades.pop() {
            Some(hash) => {
                let additional = progress.additional_text();
                self.write(sasl_upgrade::proceed(hash, additional.as_deref()));
                self.stage = Stage::Inline(Waiting::Next(hash));
            }
            None => self.inline_tokens(),
        }
    }

    /// What a client sends while a task is open (XEP-0388 §2.6.3).
    pub(super) fn task_answer(&mut self, stanza: &Stanza) {
        let Stage::Inline(waiting) = std::mem::replace(&mut self.stage, Stage::Features) else { return };
        if stanza.ns() != NS {
            return self.not_authorized();
        }
        match (stanza.name(), waiting) {
            ("next", Waiting::Next(hash))
                if stanza.attr("task").as_deref() == Some(&*sasl_upgrade::task(hash)) =>
            {
                let salt = sasl::scram::salt(self.seed.token().as_bytes(), hash, b"");
                let task_data = sasl_upgrade::salt(&salt, self.policy.unknown.iterations);
                self.write(task_data);
                self.stage = Stage::Inline(Waiting::TaskData(hash, salt));
            }
            ("task-data", Waiting::TaskData(hash, salt)) => {
                let salted = sasl_upgrade::salted_password(&stanza.element());
                match salted.filter(|salted| salted.len() == hash.output_bytes()) {
                    Some(salted) => {
                        self.upgraded(hash, &salted, &salt);
                        self.inline_task();
                    }
                    None => self.sasl_step(Step::Failure(sasl::Condition::MalformedRequest)),
                }
            }
            ("abort", _) => self.sasl_step(Step::Failure(sasl::Condition::Aborted)),
            _ => self.sasl_step(Step::Failure(sasl::Condition::MalformedRequest)),
        }
    }

    fn upgraded(&mut self, hash: Hash, salted: &[u8], salt: &[u8]) {
        let Some(user) = self.sasl2.as_ref().and_then(|progress| progress.user.clone()) else { return };
        let record = Record::from_salted(hash, salted, salt, self.policy.unknown.iterations);
        self.notices.push_back(Output::Upgraded { user, records: vec![(hash, record)] });
    }

    /// XEP-0484 §3.3: a token is for those who are fully signed in.
    fn inline_tokens(&mut self) {
        self.refusals = 0;
        self.notices.push_back(Output::SignedIn);
        let Some(progress) = &mut self.sasl2 else { return };
        let binding = self.sasl.as_ref().map(sasl::Server::binding);
        let usable = |mechanism: &TokenMechanism| {
            self.policy.tokens && binding.and_then(|binding| mechanism.data(binding)).is_some()
        };
        let wanted = progress.asked.request_token.as_deref().and_then(TokenMechanism::from_name);
        // §4.1: a client that wants tokens has an identifier.
        let wanted = wanted.filter(|mechanism| usable(mechanism) && progress.asked.user_agent.id.is_some());
        let Some(user) = progress.user.clone() else { return };
        if wanted.is_none() && progress.used.is_none() {
            return self.inline_resume();
        }
        self.request = Some(Output::Token(TokenWork {
            user,
            user_agent: progress.asked.user_agent.clone(),
            used: progress.used,
            invalidate: progress.asked.fast.is_some_and(|fast| fast.invalidate),
            wanted,
        }));
        self.stage = Stage::Inline(Waiting::Token);
    }

    /// XEP-0386 §3.2: an old session goes before a new one.
    pub(super) fn inline_resume(&mut self) {
        let Some(progress) = &mut self.sasl2 else { return };
        match (progress.asked.resume.take(), progress.user.clone()) {
            (Some(Resume { previd, h }), Some(user)) => {
                self.stage = Stage::Inline(Waiting::Resume(previd.clone()));
                if previd.len() > SESSION_ID_BYTES_MAX {
                    return self.resume_failed(None);
                }
                self.request = Some(Output::Resume { user, previd, h });
            }
            _ => self.inline_bind(),
        }
    }

    pub(super) fn inline_bind(&mut self) {
        let Some(progress) = &mut self.sasl2 else { return };
        match (progress.asked.bind.take(), progress.user.clone()) {
            (Some(request), Some(user)) => {
                let client = progress.asked.user_agent.id.clone();
                progress.counted = request.stream_management.is_some();
                self.request = Some(Output::BindInline { user, client, request });
                self.stage = Stage::Inline(Waiting::Bind);
            }
            _ => self.inline_success(None),
        }
    }

    /// The session has this address from now on; `bound` is what the client is to know of it, as XML (XEP-0386 §3.2).
    pub fn bound_inline(&mut self, jid: FullJid, bound: &[u8]) {
        if matches!(self.stage, Stage::Inline(Waiting::Bind)) {
            let bound = Builder::other("bound", bind2::NS).raw(bound).finish();
            if let Some(progress) = &mut self.sasl2 {
                progress.inline.extend_from_slice(&bound);
            }
            self.inline_success(Some(Established { jid, resumed: false }));
        }
    }

    pub(super) fn inline_answer(&mut self, signal: &Signal) {
        if let Some(progress) = &mut self.sasl2 {
            signal.write(&mut progress.inline);
        }
    }

    /// `<success/>`, and the features that hold from now on: the stream is not restarted (XEP-0388 §2.6.1).
    pub(super) fn inline_success(&mut self, session: Option<Established>) {
        let Some(mut progress) = self.sasl2.take() else { return };
        let Some(user) = progress.user.take() else { return };
        let mut success = Builder::other("success", NS);
        if let Some(additional) = progress.additional_text() {
            success.text_child("additional-data", "", &additional);
        }
        let identifier = session.as_ref().map_or(user.as_str(), |session| session.jid.as_str());
        success.text_child("authorization-identifier", "", identifier);
        success.raw(&progress.inline);
        if let Some(token) = &progress.token {
            success.raw(token);
        }
        self.write(success.finish());
        let mut more = BytesMut::new();
        let counted = session.as_ref().is_some_and(|session| session.resumed || progress.counted);
        features::write_signed_in(&mut more, &self.policy, session.is_none(), counted);
        self.write(more.freeze());
        self.user = Some(user);
        match session {
            Some(session) => {
                self.stage = Stage::Over;
                self.request = Some(Output::Established(session));
            }
            None => self.stage = Stage::Features,
        }
    }
}
