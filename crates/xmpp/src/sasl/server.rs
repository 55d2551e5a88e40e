//! The server's machine: mechanism chosen, record looked up by the edge, challenge, verdict.

use super::comparison::{Comparison, Missing};
use super::plain::Plain;
use super::scram::{self, ClientFirst, Hash, Record, ScramServer};
use super::{ChannelBinding, Condition, Credentials, MESSAGE_BYTES_MAX, Mechanism, TokenKey};

/// How users who do not exist are answered: as if they did, the same way every time.
#[derive(Clone)]
pub struct UnknownUsers {
    /// Secret of this server, kept over restarts, so that an invented salt does not change either.
    pub secret: [u8; 32],
    /// The iteration count that most real records have.
    pub iterations: u32,
}

impl std::fmt::Debug for UnknownUsers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnknownUsers").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl UnknownUsers {
    /// The record of a user who does not exist. Its keys are those of no password.
    fn record(&self, hash: Hash, username: &str) -> Record {
        let stored_key = hash.hmac(&self.secret, &[b"stored key ", username.as_bytes()]);
        Record {
            salt: scram::salt(&self.secret, hash, username.as_bytes()),
            iterations: self.iterations,
            server_key: stored_key.clone(),
            stored_key,
        }
    }
}

/// What the machine wants next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this to the client and pass its answer to [`Server::respond`].
    Challenge(Vec<u8>),
    /// Look up the credentials of this (prepared) user name and pass them to [`Server::credentials`].
    LookUp(String),
    /// The client is who it says.
    Success {
        /// The name that was proved.
        username: String,
        /// The address the client asked to act as; whether it may is the caller's to decide.
        authzid: Option<String>,
        /// Sent with the success: the server's own proof.
        additional: Option<Vec<u8>>,
        /// Records that the account lacks and that its password, which was seen, gives.
        records: Vec<(Hash, Record)>,
    },
    /// The attempt is over; the client may try again with [`Server::start`].
    Failure(Condition),
}

/// Signs clients in on one stream, attempt after attempt.
pub struct Server {
    offered: Vec<Mechanism>,
    /// What of it a client can check by the challenge (XEP-0474).
    protected: String,
    /// The hash functions that accounts are to have a record for, weakest first.
    hashes: Vec<Hash>,
    binding: ChannelBinding,
    unknown: UnknownUsers,
    state: State,
}

enum State {
    Idle,
    /// The mechanism was named without an initial response.
    First(Mechanism, String),
    ScramRecord(Box<ClientFirst>, String),
    PlainRecord(Plain, String),
    /// The edge compares.
    Comparing,
    /// `enabled`, and whether the record is a real one, decide after the proof.
    ScramFinal {
        exchange: Box<ScramServer>,
        known: bool,
        enabled: bool,
    },
}

impl Server {
    /// A machine for one stream. `allowed` is the policy of the domain; the `-PLUS` mechanisms of it are
    /// offered only where there is something to bind to.
    pub fn new(allowed: &[Mechanism], binding: ChannelBinding, unknown: UnknownUsers) -> Self {
        let mut offered: Vec<_> =
            allowed.iter().copied().filter(|mechanism| !mechanism.is_plus() || !binding.is_empty()).collect();
        offered.sort_unstable();
        offered.dedup();
        let mut hashes: Vec<_> = allowed.iter().filter_map(|mechanism| mechanism.hash()).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let protected = protected(&offered, &binding);
        Self { offered, protected, hashes, binding, unknown, state: State::Idle }
    }

    /// Accounts are to have records for these hash functions, though not all of them are offered yet.
    pub fn wanting(mut self, hashes: &[Hash]) -> Self {
        self.hashes.extend_from_slice(hashes);
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self
    }

    /// The mechanisms that this stream offers, most preferred first.
    pub fn offered(&self) -> &[Mechanism] {
        &self.offered
    }

    /// What the stream is bound to.
    pub fn binding(&self) -> &ChannelBinding {
        &self.binding
    }

    /// The client chose a mechanism. `nonce` is fresh for every attempt, printable, without a comma.
    pub fn start(&mut self, mechanism: &str, initial: Option<&[u8]>, nonce: String) -> Step {
        self.state = State::Idle;
        match Mechanism::from_name(mechanism).filter(|mechanism| self.offered.contains(mechanism)) {
            None => Step::Failure(Condition::InvalidMechanism),
            Some(mechanism) => match initial {
                Some(message) => self.first(mechanism, message, nonce),
                None => {
                    self.state = State::First(mechanism, nonce);
                    Step::Challenge(Vec::new())
                }
            },
        }
    }

    /// The client answered a challenge.
    pub fn respond(&mut self, message: &[u8]) -> Step {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::First(mechanism, nonce) => self.first(mechanism, message, nonce),
            State::ScramFinal { exchange, known, enabled } => {
                if message.len() > MESSAGE_BYTES_MAX {
                    return Step::Failure(Condition::MalformedRequest);
                }
                match exchange.verify(message) {
                    Err(condition) => Step::Failure(condition),
                    Ok(_) if !known => Step::Failure(Condition::NotAuthorized),
                    Ok(_) if !enabled => Step::Failure(Condition::AccountDisabled),
                    Ok(proof) => {
                        let (username, authzid) = exchange.into_identity();
                        Step::Success { username, authzid, additional: Some(proof), records: Vec::new() }
                    }
                }
            }
            _ => Step::Failure(Condition::MalformedRequest),
        }
    }

    /// The edge has looked, and compares by itself: what PLAIN costs, whether the user exists or not. `None` for
    /// the other mechanisms, and then nothing has changed. [`Server::compared`] goes on.
    pub fn comparison(&mut self, found: Option<&Credentials>) -> Option<Comparison> {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::PlainRecord(message, entropy) => {
                self.state = State::Comparing;
                Some(self.comparison_with(message, found, entropy))
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// The comparison was run.
    pub fn compared(&mut self, comparison: Comparison) -> Step {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Comparing => comparison.step(),
            _ => Step::Failure(Condition::TemporaryAuthFailure),
        }
    }

    /// The edge has looked; `None` for a user who does not exist. For PLAIN this runs the [`Comparison`] at once.
    pub fn credentials(&mut self, found: Option<&Credentials>) -> Step {
        let enabled = found.is_some_and(|credentials| credentials.enabled);
        match std::mem::replace(&mut self.state, State::Idle) {
            State::ScramRecord(first, nonce) => {
                // The invented record is made in either case: the same work, so the same time.
                let invented = self.unknown.record(first.hash(), first.username());
                let record = found.and_then(|credentials| credentials.record(first.hash())).cloned();
                let known = record.is_some();
                let (exchange, challenge) =
                    first.challenge(record.unwrap_or(invented), &nonce, Some(&self.protected));
                self.state = State::ScramFinal { exchange: Box::new(exchange), known, enabled };
                Step::Challenge(challenge)
            }
            State::PlainRecord(message, entropy) => {
                let mut comparison = self.comparison_with(message, found, entropy);
                comparison.run();
                comparison.step()
            }
            _ => Step::Failure(Condition::TemporaryAuthFailure),
        }
    }

    /// The key of no token, to compare with when there is none.
    pub(crate) fn unknown_token(&self) -> TokenKey {
        let key = Hash::Sha256.hmac(&self.unknown.secret, &[b"token"]);
        TokenKey::from_bytes(key).expect("an HMAC of SHA-256 has as many bytes as a key")
    }

    /// The hash functions that accounts are to have a record for, weakest first.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// `entropy` is the nonce of the attempt, which PLAIN does not send.
    fn comparison_with(&self, message: Plain, found: Option<&Credentials>, entropy: String) -> Comparison {
        let lacking = |hash: &Hash| found.is_some_and(|found| found.record(*hash).is_none());
        let lacking = self.hashes.iter().copied().filter(lacking).collect();
        let invented = self.unknown.record(Hash::Sha256, &message.username);
        let missing = Missing { hashes: lacking, entropy, iterations: self.unknown.iterations };
        Comparison::new(message, found, invented, missing)
    }

    /// The client sent `<abort/>` (RFC 6120 §6.4.4).
    pub fn abort(&mut self) -> Step {
        self.state = State::Idle;
        Step::Failure(Condition::Aborted)
    }

    /// The edge could not look (RFC 6120 §6.5.11).
    pub fn unavailable(&mut self) -> Step {
        self.state = State::Idle;
        Step::Failure(Condition::TemporaryAuthFailure)
    }

    fn first(&mut self, mechanism: Mechanism, message: &[u8], nonce: String) -> Step {
        if message.len() > MESSAGE_BYTES_MAX {
            return Step::Failure(Condition::MalformedRequest);
        }
        let checked = match mechanism.hash() {
            None => {
                Plain::parse(message).map(|plain| (plain.username.clone(), State::PlainRecord(plain, nonce)))
            }
            Some(hash) => {
                let plus_offered = self.offered.iter().any(|mechanism| mechanism.is_plus());
                ClientFirst::check(hash, mechanism.is_plus(), plus_offered, &self.binding, message)
                    .map(|first| (first.username().to_owned(), State::ScramRecord(Box::new(first), nonce)))
            }
        };
        match checked {
            Err(condition) => Step::Failure(condition),
            Ok((username, state)) => {
                self.state = state;
                Step::LookUp(username)
            }
        }
    }
}

/// The names of what is offered, as XEP-0474 §5.1 orders and joins them.
fn protected(offered: &[Mechanism], binding: &ChannelBinding) -> String {
    let mut mechanisms: Vec<_> = offered.iter().map(|mechanism| mechanism.name()).collect();
    mechanisms.sort_unstable();
    let mut protected = mechanisms.join("\u{1e}");
    if !binding.is_empty() {
        let mut bindings: Vec<_> = binding.names().collect();
        bindings.sort_unstable();
        protected.push('\u{1f}');
        protected.push_str(&bindings.join("\u{1e}"));
    }
    protected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::plain;
    use crate::sasl::{Client, ClientError};

    const HASHES: [Hash; 3] = [Hash::Sha1, Hash::Sha256, Hash::Sha512];

    fn unknown() -> UnknownUsers {
        UnknownUsers { secret: [9; 32], iterations: 4096 }
    }

    fn credentials() -> Credentials {
        Credentials::derive("pencil", &[5; 16], 4096, &HASHES).unwrap()
    }

    fn exporter(byte: u8) -> ChannelBinding {
        ChannelBinding { exporter: Some(vec![byte; 32]), server_end_point: None }
    }

    /// Plays a whole sign-in; the client's verdict about a success is part of the result.
    fn sign_in(
        server: &mut Server,
        (mechanism, binding): (Mechanism, &ChannelBinding),
        (username, password): (&str, &str),
        stored: Option<&Credentials>,
    ) -> Result<Step, ClientError> {
        let identity = (username, password);
        let mut client = Client::new(&[mechanism], &Mechanism::ALL, identity, binding, "clientnonce".into())?;
        let initial = client.initial();
        let mut step = server.start(mechanism.name(), Some(&initial), "servernonce".into());
        loop {
            step = match step {
                Step::Challenge(challenge) => server.respond(&client.respond(&challenge)?),
                Step::LookUp(name) => {
                    assert_eq!(name, username);
                    server.credentials(stored)
                }
                Step::Success { ref additional, .. } => {
                    client.success(additional.as_deref())?;
                    return Ok(step);
                }
                Step::Failure(_) => return Ok(step),
            };
        }
    }

    #[test]
    fn every_mechanism_signs_in_the_right_password_and_no_other() {
        let stored = credentials();
        for mechanism in Mechanism::ALL {
            let mut server = Server::new(&Mechanism::ALL, exporter(1), unknown());
            // A client that can bind says so, and then the plain variants are refused as a downgrade.
            let channel = if mechanism.is_plus() { exporter(1) } else { ChannelBinding::default() };
            let how = (mechanism, &channel);
            let wrong = sign_in(&mut server, how, ("ann", "Pencil"), Some(&stored));
            assert_eq!(wrong, Ok(Step::Failure(Condition::NotAuthorized)), "{mechanism:?}");
            let nobody = sign_in(&mut server, how, ("eve", "pencil"), None);
            assert_eq!(nobody, Ok(Step::Failure(Condition::NotAuthorized)), "{mechanism:?}");
            let right = sign_in(&mut server, how, ("ann", "pencil"), Some(&stored));
            assert!(
                matches!(right, Ok(Step::Success { ref username, .. }) if username == "ann"),
                "{mechanism:?}"
            );
        }
    }

    #[test]
    fn a_client_on_another_channel_is_not_authorized() {
        let mut server = Server::new(&Mechanism::ALL, exporter(1), unknown());
        let how = (Mechanism::ScramSha256Plus, &exporter(2));
        let relayed = sign_in(&mut server, how, ("ann", "pencil"), Some(&credentials()));
        assert_eq!(relayed, Ok(Step::Failure(Condition::NotAuthorized)));
    }

    #[test]
    fn a_disabled_account_is_told_so_only_after_the_right_password() {
        let stored = Credentials { enabled: false, ..credentials() };
        let binding = ChannelBinding::default();
        for mechanism in [Mechanism::ScramSha1, Mechanism::Plain] {
            let mut server = Server::new(&Mechanism::ALL, binding.clone(), unknown());
            let right = sign_in(&mut server, (mechanism, &binding), ("ann", "pencil"), Some(&stored));
            assert_eq!(right, Ok(Step::Failure(Condition::AccountDisabled)));
            let wrong = sign_in(&mut server, (mechanism, &binding), ("ann", "wrong"), Some(&stored));
            assert_eq!(wrong, Ok(Step::Failure(Condition::NotAuthorized)));
        }
    }

    /// What an attempt with a wrong password looks like from outside, and what it cost us.
    fn failed_attempt(mechanism: Mechanism, stored: Option<&Credentials>) -> (Vec<String>, u64) {
        let binding = if mechanism.is_plus() { exporter(1) } else { ChannelBinding::default() };
        let mut server = Server::new(&Mechanism::ALL, binding.clone(), unknown());
        let identity = ("ann", "wrong");
        let mut client =
            Client::new(&[mechanism], &Mechanism::ALL, identity, &binding, "clientnonce".into()).unwrap();
        let initial = client.initial();
        let (mut seen, mut cost) = (Vec::new(), 0);
        scram::work::take();
        let mut step = server.start(mechanism.name(), Some(&initial), "servernonce".into());
        loop {
            let answer = match &step {
                Step::LookUp(_) => None,
                Step::Challenge(challenge) => {
                    let text = String::from_utf8(challenge.clone()).unwrap();
                    // The salt is everybody's own; its length must not differ.
                    let shape = text.split(',').map(|part| if part.starts_with("s=") { "s=…" } else { part });
                    seen.push(format!("{} bytes: {}", text.len(), shape.collect::<Vec<_>>().join(",")));
                    cost += scram::work::take();
                    let answer = client.respond(challenge).unwrap();
                    scram::work::take();
                    Some(answer)
                }
                end => {
                    seen.push(format!("{end:?}"));
                    return (seen, cost + scram::work::take());
                }
            };
            step = match answer {
                None => server.credentials(stored),
                Some(answer) => server.respond(&answer),
            };
        }
    }

    #[test]
    fn a_wrong_password_an_unknown_user_and_a_disabled_account_cost_the_same_and_look_alike() {
        let (stored, disabled) = (credentials(), Credentials { enabled: false, ..credentials() });
        for mechanism in Mechanism::ALL {
            let wrong = failed_attempt(mechanism, Some(&stored));
            assert_eq!(failed_attempt(mechanism, None), wrong, "{mechanism:?}");
            assert_eq!(failed_attempt(mechanism, Some(&disabled)), wrong, "{mechanism:?}");
            let least = if mechanism == Mechanism::Plain { 4096 } else { 4 };
            assert!(wrong.1 >= least, "{mechanism:?}: {} hashes", wrong.1);
        }
    }

    #[test]
    fn an_unknown_user_gets_the_same_salt_every_time_and_the_usual_count() {
        let challenge = |name: &str| {
            let mut server = Server::new(&Mechanism::ALL, ChannelBinding::default(), unknown());
            let first = format!("n,,n={name},r=clientnonce");
            assert_eq!(
                server.start("SCRAM-SHA-1", Some(first.as_bytes()), "x".into()),
                Step::LookUp(name.into())
            );
            match server.credentials(None) {
                Step::Challenge(challenge) => String::from_utf8(challenge).unwrap(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(challenge("eve"), challenge("eve"));
        assert_ne!(challenge("eve"), challenge("mallory"));
        assert!(challenge("eve").contains(",i=4096,h="));
    }

    /// XEP-0474 §5.3: the list of its example, and the hash that it gives for it.
    #[test]
    fn the_challenge_carries_a_hash_of_what_is_offered() {
        let binding = ChannelBinding { exporter: Some(vec![1; 32]), server_end_point: Some(vec![2; 32]) };
        let offered = [Mechanism::ScramSha1Plus, Mechanism::ScramSha1];
        assert_eq!(
            protected(&offered, &binding),
            "SCRAM-SHA-1\u{1e}SCRAM-SHA-1-PLUS\u{1f}tls-exporter\u{1e}tls-server-end-point"
        );
        let mut server = Server::new(&offered, binding, unknown());
        server.start("SCRAM-SHA-1", Some(b"n,,n=ann,r=clientnonce"), "x".into());
        match server.credentials(None) {
            Step::Challenge(challenge) => assert!(challenge.ends_with(b",h=G6k/rBLDqgOhRRaCuuatSDFkJ08=")),
            other => panic!("{other:?}"),
        }
        assert_eq!(protected(&[Mechanism::Plain], &ChannelBinding::default()), "PLAIN");
    }

    #[test]
    fn plus_is_offered_only_where_there_is_a_channel() {
        let allowed = [Mechanism::Plain, Mechanism::ScramSha256, Mechanism::ScramSha256Plus];
        let server = |binding| Server::new(&allowed, binding, unknown()).offered().to_vec();
        assert_eq!(server(ChannelBinding::default()), [Mechanism::ScramSha256, Mechanism::Plain]);
        assert_eq!(server(exporter(1))[0], Mechanism::ScramSha256Plus);
    }

    #[test]
    fn a_mechanism_that_was_not_offered_is_invalid() {
        let mut server = Server::new(&[Mechanism::ScramSha1], ChannelBinding::default(), unknown());
        for name in ["PLAIN", "SCRAM-SHA-1-PLUS", "DIGEST-MD5", ""] {
            assert_eq!(server.start(name, None, "x".into()), Step::Failure(Condition::InvalidMechanism));
        }
    }

    #[test]
    fn a_first_message_may_come_after_an_empty_challenge() {
        let mut server = Server::new(&[Mechanism::Plain], ChannelBinding::default(), unknown());
        assert_eq!(server.start("PLAIN", None, "x".into()), Step::Challenge(Vec::new()));
        assert_eq!(server.respond(b"\0ann\0pencil"), Step::LookUp("ann".into()));
        assert!(matches!(server.credentials(Some(&credentials())), Step::Success { .. }));
        assert_eq!(server.respond(b"more"), Step::Failure(Condition::MalformedRequest));
    }

    #[test]
    fn the_edge_may_compare_a_password_and_no_other_proof() {
        let offered = [Mechanism::Plain, Mechanism::ScramSha256];
        let compare = |password: &str, run: bool| {
            let mut server = Server::new(&offered, ChannelBinding::default(), unknown());
            let message = plain::message("ann", password);
            assert_eq!(server.start("PLAIN", Some(&message), "x".into()), Step::LookUp("ann".into()));
            let mut comparison = server.comparison(Some(&credentials())).expect("there is a password");
            assert!(server.comparison(None).is_none(), "it is taken once");
            if run {
                comparison.run();
            }
            server.compared(comparison)
        };
        assert!(matches!(compare("pencil", true), Step::Success { .. }));
        assert_eq!(compare("wrong", true), Step::Failure(Condition::NotAuthorized));
        assert_eq!(compare("pencil", false), Step::Failure(Condition::NotAuthorized));
        let mut server = Server::new(&offered, ChannelBinding::default(), unknown());
        server.start("SCRAM-SHA-256", Some(b"n,,n=ann,r=clientnonce"), "x".into());
        assert!(server.comparison(Some(&credentials())).is_none());
        assert!(matches!(server.credentials(Some(&credentials())), Step::Challenge(_)), "as if nobody asked");
    }

    #[test]
    fn a_comparison_that_comes_after_an_abort_signs_nobody_in() {
        let mut server = Server::new(&[Mechanism::Plain], ChannelBinding::default(), unknown());
        server.start("PLAIN", Some(&plain::message("ann", "pencil")), "x".into());
        let mut comparison = server.comparison(Some(&credentials())).expect("there is a password");
        comparison.run();
        server.abort();
        assert_eq!(server.compared(comparison), Step::Failure(Condition::TemporaryAuthFailure));
    }

    #[test]
    fn a_user_without_a_record_for_the_mechanism_is_not_authorized() {
        let stored = Credentials { sha256: None, ..credentials() };
        let binding = ChannelBinding::default();
        let mut server = Server::new(&Mechanism::ALL, binding.clone(), unknown());
        let step = sign_in(&mut server, (Mechanism::ScramSha256, &binding), ("ann", "pencil"), Some(&stored));
        assert_eq!(step, Ok(Step::Failure(Condition::NotAuthorized)));
    }

    #[test]
    fn a_password_that_is_seen_gives_the_records_that_are_missing() {
        let stored = Credentials { sha256: None, sha512: None, ..credentials() };
        let mut server = Server::new(&Mechanism::DEFAULT, ChannelBinding::default(), unknown());
        server.start("PLAIN", Some(b"\0ann\0pencil"), "entropy".into());
        match server.credentials(Some(&stored)) {
            Step::Success { records, .. } => {
                let [(Hash::Sha256, record)] = records.as_slice() else { panic!("{records:?}") };
                assert!(record.verifies(Hash::Sha256, "pencil"));
            }
            other => panic!("{other:?}"),
        }
        server.start("PLAIN", Some(b"\0ann\0pencil"), "entropy".into());
        let complete = server.credentials(Some(&credentials()));
        assert!(matches!(complete, Step::Success { records, .. } if records.is_empty()));
    }

    #[test]
    fn an_aborted_attempt_leaves_nothing_behind() {
        let mut server = Server::new(&Mechanism::ALL, ChannelBinding::default(), unknown());
        server.start("SCRAM-SHA-1", Some(b"n,,n=ann,r=clientnonce"), "x".into());
        assert_eq!(server.abort(), Step::Failure(Condition::Aborted));
        assert_eq!(server.credentials(Some(&credentials())), Step::Failure(Condition::TemporaryAuthFailure));
    }
}
