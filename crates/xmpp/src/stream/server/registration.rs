//! What somebody without an account may ask before signing in: to make one (XEP-0077), perhaps invited (XEP-0445).

use super::*;
use crate::xep::{invitation, register};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// I am invited; this is the token (XEP-0445 §4).
    Invited(String),
    /// XEP-0077.
    Request(register::Request),
}

impl ServerNegotiation {
    /// An IQ before sign-in: RFC 6120 §4.3.1 has nothing like it, XEP-0077 §3.1.1 does. What is about something else
    /// ends the stream, as every stanza before sign-in does.
    pub(super) fn register(&mut self, stanza: &Stanza) {
        let for_us =
            stanza.to().is_none_or(|to| self.domain.as_ref().is_some_and(|own| *to == *own.as_str()));
        let (Some(id), Some(payload), true) = (stanza.id(), stanza.first_child(), for_us) else {
            return self.not_authorized();
        };
        let payload = payload.element();
        let set = match stanza.type_().as_deref() {
            Some("set") => true,
            Some("get") => false,
            _ => return self.not_authorized(),
        };
        let asked = match (payload.name(), payload.ns()) {
            ("query", register::NS) => {
                register::Request::from_element(&payload, set).map(Registration::Request).ok()
            }
            ("preauth", invitation::NS) if set => {
                invitation::token(&payload).map(|token| Registration::Invited(token.to_owned()))
            }
            _ => return self.not_authorized(),
        };
        self.stage = Stage::Registering(id.into_owned());
        match asked {
            Some(asked) => self.request = Some(Output::Register(asked)),
            None => self.registered(Err(Condition::BadRequest.into())),
        }
    }

    /// The edge has done its [`Output::Register`], or not. The client is not signed in by it (XEP-0077 §3.1.1).
    pub fn registered(&mut self, answer: Result<Option<Element>, StanzaError>) {
        let Stage::Registering(id) = std::mem::replace(&mut self.stage, Stage::Features) else { return };
        let mut reply = Builder::iq(Context::Client);
        reply.id(&id);
        if let Some(domain) = &self.domain {
            reply.from(domain.as_str());
        }
        let refused = answer.is_err();
        match answer {
            Ok(payload) => {
                reply.type_("result");
                if let Some(payload) = payload {
                    reply.element(&payload);
                }
            }
            Err(error) => {
                reply.type_("error").element(&error.to_element());
            }
        }
        self.write(reply.finish());
        if refused {
            // Who tries names or tokens gets as many tries as who tries passwords.
            self.count_refusal(LOGIN_ATTEMPTS_MAX);
        }
    }
}
