//! What each stage of a client's stream does with what comes (RFC 6120 §4.7, §5.4, §6.4, §7).

use super::*;
use crate::xep;

impl ServerNegotiation {
    /// The peer's stream header: ours goes out in any case, then features or an error.
    pub(super) fn header(&mut self, header: &StreamHeader) {
        let checked = self.check_header(header);
        self.send_header(Some(header));
        match checked {
            Err(error) => self.fail(&error),
            Ok(domain) => {
                self.domain = Some(domain);
                self.from.clone_from(&header.from);
                self.stage = Stage::Features;
                self.send_features();
            }
        }
    }

    fn check_header(&self, header: &StreamHeader) -> Result<DomainPart, StreamError> {
        if header.content != ContentNamespace::Client {
            return Err(StreamError::new(StreamCondition::InvalidNamespace, "this port is for clients"));
        }
        // RFC 6120 §4.7.2: `to` names the domain; we answer for those that we serve.
        let unknown = || StreamError::new(StreamCondition::HostUnknown, "this domain is not served here");
        let asked: DomainPart = header.to.as_deref().and_then(|to| to.parse().ok()).ok_or_else(unknown)?;
        // A signed-in user stays in the domain that has checked the password.
        let served = match &self.user {
            Some(user) => user.domain() == &*asked,
            None => self.policy.domains.contains(&asked),
        };
        if !served {
            return Err(unknown());
        }
        // RFC 6120 §4.7.5: no version means 0.9, which has neither SASL nor STARTTLS.
        match header.version {
            Some((1.., _)) => Ok(asked),
            _ => Err(StreamError::new(StreamCondition::UnsupportedVersion, "version 1.0 is needed")),
        }
    }

    pub(super) fn send_header(&mut self, peer: Option<&StreamHeader>) {
        let served = |to: &String| self.policy.domains.iter().any(|domain| domain.as_str() == to);
        let named = peer.and_then(|peer| peer.to.clone()).filter(served);
        let header = StreamHeader {
            // RFC 6120 §4.7.1 and §4.7.2: we name ourselves, and the peer by the address it gave.
            from: named.or_else(|| self.policy.domains.first().map(|domain| domain.as_str().to_owned())),
            to: peer.and_then(|peer| peer.from.clone()).filter(|from| from.parse::<Jid>().is_ok()),
            id: Some(self.seed.token()),
            lang: Some("en".to_owned()),
            ..StreamHeader::new(ContentNamespace::Client)
        };
        self.out.push_back(Output::Open(Box::new(header)));
        self.header_sent = true;
    }

    fn send_features(&mut self) {
        let mut out = BytesMut::new();
        match &self.sasl {
            None => features::write_starttls(&mut out),
            Some(_) if self.user.is_some() => features::write_signed_in(&mut out, &self.policy, true, false),
            Some(sasl) => features::write_sign_in(&mut out, &self.policy, sasl),
        }
        self.write(out.freeze());
    }

    /// An element while we wait for the peer's choice among the features.
    pub(super) fn element(&mut self, stanza: &Stanza) {
        match &self.user {
            None if stanza.is("starttls", ns::TLS) => self.starttls_asked(),
            None if stanza.is("auth", ns::SASL) => self.auth(stanza),
            None if stanza.is("authenticate", xep::sasl2::NS) => self.authenticate(stanza),
            None if stanza.kind() == Kind::Iq && self.sasl.is_some() => self.register(stanza),
            None => self.not_authorized(),
            Some(user) => {
                let user = user.clone();
                match Signal::parse(stanza) {
                    Some(Ok(Signal::Resume { previd, h })) => self.resume(user, previd, h),
                    Some(_) => {
                        // XEP-0198 §3: counting is enabled after the resource is bound.
                        let failed = Signal::Failed { condition: Condition::UnexpectedRequest, h: None };
                        self.write_with(|out| failed.write(out));
                    }
                    None => self.bind(user, stanza),
                }
            }
        }
    }

    fn starttls_asked(&mut self) {
        if self.sasl.is_some() {
            // RFC 6120 §5.4.2.2: `<failure/>`, and the stream ends. We are inside TLS already.
            self.write(Bytes::from_static(b"<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
            return self.close();
        }
        self.write(Bytes::from_static(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
        self.stage = Stage::StartingTls;
        self.request = Some(Output::StartTls);
    }

    /// RFC 6120 §4.9.3.12: data before it may be sent.
    pub(super) fn not_authorized(&mut self) {
        self.fail(&StreamError::new(StreamCondition::NotAuthorized, "sign in first"));
    }

    fn auth(&mut self, stanza: &Stanza) {
        let Some(sasl) = &mut self.sasl else {
            // RFC 6120 §6.5.4: no mechanism is allowed outside of TLS.
            return self.sasl_step(Step::Failure(sasl::Condition::EncryptionRequired));
        };
        let mechanism = stanza.attr("mechanism").unwrap_or_default();
        let text = stanza.text();
        // RFC 6120 §6.4.2: no text is no initial response; `=` is one of no bytes.
        let initial = match text.as_str() {
            "" => Some(None),
            _ => decode_sasl(&text).map(Some),
        };
        let step = match initial {
            None => Step::Failure(sasl::Condition::IncorrectEncoding),
            Some(initial) => sasl.start(&mechanism, initial.as_deref(), self.seed.token()),
        };
        self.sasl_step(step);
    }

    /// An element while a challenge is out.
    pub(super) fn sasl_answer(&mut self, stanza: &Stanza) {
        let Some(sasl) = &mut self.sasl else { return };
        let profile = if self.sasl2.is_some() { xep::sasl2::NS } else { ns::SASL };
        let step = match stanza.name() {
            _ if stanza.ns() != profile => return self.not_authorized(),
            "response" => match decode_sasl(stanza.text().trim()) {
                Some(message) => sasl.respond(&message),
                None => {
                    sasl.abort();
                    Step::Failure(sasl::Condition::IncorrectEncoding)
                }
            },
            "abort" => sasl.abort(),
            _ => {
                sasl.abort();
                Step::Failure(sasl::Condition::MalformedRequest)
            }
        };
        self.sasl_step(step);
    }

    pub(super) fn sasl_step(&mut self, step: Step) {
        match step {
            Step::Challenge(message) => {
                let text = if message.is_empty() { String::new() } else { encode_sasl(&message) };
                self.sasl_element("challenge", &text);
                self.stage = Stage::Challenged;
            }
            Step::LookUp(username) => {
                self.stage = Stage::LookingUp;
                // A name that cannot have an account gets the same answers as one that has none.
                self.request = Some(self.address(&username).map_or(Output::LookUpNobody, Output::LookUp));
            }
            Step::Success { username, authzid, additional, records } => {
                match self.address(&username).filter(|user| self.may_act_as(user, authzid.as_deref())) {
                    None => self.sasl_step(Step::Failure(sasl::Condition::InvalidAuthzid)),
                    Some(user) => {
                        if !records.is_empty() {
                            self.notices.push_back(Output::Upgraded { user: user.clone(), records });
                        }
                        self.signed_in(user, additional);
                    }
                }
            }
            Step::Failure(condition) => {
                let failure = match self.sasl2.take() {
                    Some(_) => Builder::other("failure", xep::sasl2::NS)
                        .empty_child(condition.name(), ns::SASL)
                        .finish(),
                    None => Builder::other("failure", ns::SASL).empty_child(condition.name(), "").finish(),
                };
                self.write(failure);
                self.stage = Stage::Features;
                self.notices.push_back(Output::Refused);
                self.count_refusal(LOGIN_ATTEMPTS_MAX);
            }
        }
    }

    /// RFC 6120 §6.3.8: nobody acts as somebody else here. XEP-0388 §2.4: nor as somebody else than the header says.
    fn may_act_as(&self, user: &BareJid, authzid: Option<&str>) -> bool {
        let is_user = |text: &str| text.parse::<BareJid>().is_ok_and(|jid| jid == *user);
        let Some(authzid) = authzid else { return true };
        is_user(authzid) && (self.sasl2.is_none() || self.from.as_deref().is_none_or(is_user))
    }

    fn signed_in(&mut self, user: BareJid, additional: Option<Vec<u8>>) {
        if self.sasl2.is_some() {
            return self.inline_signed_in(user, additional);
        }
        self.sasl_element("success", &additional.map(|a| encode_sasl(&a)).unwrap_or_default());
        self.user = Some(user);
        self.refusals = 0;
        self.header_sent = false;
        self.stage = Stage::Header;
        self.request = Some(Output::Restart);
    }

    fn sasl_element(&mut self, name: &str, text: &str) {
        let profile = if self.sasl2.is_some() { xep::sasl2::NS } else { ns::SASL };
        let mut element = Builder::other(name, profile);
        if !text.is_empty() {
            element.text(text);
        }
        self.write(element.finish());
    }

    pub(super) fn address(&self, username: &str) -> Option<BareJid> {
        let node = username.parse::<NodePart>().ok()?;
        Some(BareJid::from_parts(Some(&node), self.domain.as_ref()?))
    }

    /// RFC 6120 §6.4.5: too many failures end the stream with `policy-violation`.
    pub(super) fn count_refusal(&mut self, limit: u32) {
        self.refusals += 1;
        if self.refusals >= limit {
            self.fail(&StreamError::new(StreamCondition::PolicyViolation, "too many attempts"));
        }
    }

    fn resume(&mut self, user: BareJid, previd: String, h: u32) {
        self.stage = Stage::Resuming(previd.clone());
        if previd.len() > SESSION_ID_BYTES_MAX {
            return self.resume_failed(None);
        }
        self.request = Some(Output::Resume { user, previd, h });
    }

    fn bind(&mut self, user: BareJid, stanza: &Stanza) {
        let request = stanza.child("bind", ns::BIND).filter(|_| stanza.type_().as_deref() == Some("set"));
        let (Kind::Iq, Some(request), Some(id)) = (stanza.kind(), request, stanza.id()) else {
            // RFC 6120 §7.1: nothing else is processed before a resource is bound.
            return self.fail(&StreamError::new(StreamCondition::NotAuthorized, "bind a resource first"));
        };
        let wish = request.child("resource", ns::BIND).map(|resource| resource.text());
        let resource = wish.filter(|wish| !wish.is_empty()).map(|wish| wish.parse::<ResourcePart>());
        match resource.transpose() {
            Err(_) => self.refuse_bind(&id, Condition::BadRequest),
            Ok(resource) => {
                self.stage = Stage::Binding(id.into_owned());
                self.request = Some(Output::Bind { user, resource });
            }
        }
    }

    pub(super) fn refuse_bind(&mut self, id: &str, condition: Condition) {
        let error = StanzaError::from(condition);
        let reply = Builder::iq(Context::Client).type_("error").id(id).element(&error.to_element()).finish();
        self.write(reply);
        self.count_refusal(BIND_ATTEMPTS_MAX);
    }
}
