//! Stanza errors: why one stanza was not served (RFC 6120 §8.3), and the reply that says so.

use std::borrow::Cow;

use bytes::Bytes;

use crate::stream_error::conditions;
use crate::{Builder, Context, Element, Kind, Stanza, ns};

conditions! {
    /// Why a stanza was not served (RFC 6120 §8.3.3).
    Condition {
        /// Malformed or missing content (§8.3.3.1).
        BadRequest = "bad-request",
        /// Something of that name exists (§8.3.3.2).
        Conflict = "conflict",
        /// We lack this feature (§8.3.3.3).
        FeatureNotImplemented = "feature-not-implemented",
        /// The sender has not the right (§8.3.3.4).
        Forbidden = "forbidden",
        /// The recipient is no longer at this address (§8.3.3.5).
        Gone = "gone",
        /// Our fault (§8.3.3.6).
        InternalServerError = "internal-server-error",
        /// No such address or item (§8.3.3.7).
        ItemNotFound = "item-not-found",
        /// An address that is none (§8.3.3.8).
        JidMalformed = "jid-malformed",
        /// Understood, but not to our criteria (§8.3.3.9).
        NotAcceptable = "not-acceptable",
        /// Nobody may do this (§8.3.3.10).
        NotAllowed = "not-allowed",
        /// Credentials are needed first (§8.3.3.11).
        NotAuthorized = "not-authorized",
        /// Against a local rule (§8.3.3.12).
        PolicyViolation = "policy-violation",
        /// The recipient is away for now (§8.3.3.13).
        RecipientUnavailable = "recipient-unavailable",
        /// Ask at another address (§8.3.3.14).
        Redirect = "redirect",
        /// Register first (§8.3.3.15).
        RegistrationRequired = "registration-required",
        /// No such server (§8.3.3.16).
        RemoteServerNotFound = "remote-server-not-found",
        /// The other server did not answer in time (§8.3.3.17).
        RemoteServerTimeout = "remote-server-timeout",
        /// We, or the recipient, lack the means (§8.3.3.18).
        ResourceConstraint = "resource-constraint",
        /// Nobody serves this here (§8.3.3.19).
        ServiceUnavailable = "service-unavailable",
        /// Subscribe first (§8.3.3.20).
        SubscriptionRequired = "subscription-required",
        /// None of the others (§8.3.3.21).
        UndefinedCondition = "undefined-condition",
        /// Not at this point of the exchange (§8.3.3.22).
        UnexpectedRequest = "unexpected-request",
    }
}

impl Condition {
    /// The type that the RFC recommends for the condition.
    pub fn kind(self) -> ErrorKind {
        match self {
            Self::BadRequest
            | Self::JidMalformed
            | Self::NotAcceptable
            | Self::PolicyViolation
            | Self::Redirect => ErrorKind::Modify,
            Self::Forbidden
            | Self::NotAuthorized
            | Self::RegistrationRequired
            | Self::SubscriptionRequired => ErrorKind::Auth,
            Self::RecipientUnavailable
            | Self::RemoteServerTimeout
            | Self::ResourceConstraint
            | Self::UnexpectedRequest => ErrorKind::Wait,
            _ => ErrorKind::Cancel,
        }
    }
}

/// What the sender may do about an error (RFC 6120 §8.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Try again with credentials.
    Auth,
    /// Do not try again.
    Cancel,
    /// Go on: it was only a warning.
    Continue,
    /// Try again with other data.
    Modify,
    /// Try again later.
    Wait,
}

impl ErrorKind {
    /// The value of the `type` attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Cancel => "cancel",
            Self::Continue => "continue",
            Self::Modify => "modify",
            Self::Wait => "wait",
        }
    }

    fn from_name(name: &str) -> Self {
        match name {
            "auth" => Self::Auth,
            "continue" => Self::Continue,
            "modify" => Self::Modify,
            "wait" => Self::Wait,
            _ => Self::Cancel,
        }
    }
}

/// A stanza error, ours or the peer's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}/{condition}{}{}", kind.as_str(), if text.is_some() { ": " } else { "" }, text.as_deref().unwrap_or(""))]
pub struct StanzaError {
    /// What the sender may do.
    pub kind: ErrorKind,
    /// The defined condition.
    pub condition: Condition,
    /// Words for people.
    pub text: Option<Cow<'static, str>>,
    /// A condition of an extension's own, in its own namespace.
    pub app: Option<Box<Element>>,
    /// The number of older protocols (XEP-0086), where clients still look for it.
    pub code: Option<u16>,
}

impl From<Condition> for StanzaError {
    fn from(condition: Condition) -> Self {
        Self::new(condition.kind(), condition)
    }
}

impl StanzaError {
    /// An error of a type that is not the recommended one.
    pub fn new(kind: ErrorKind, condition: Condition) -> Self {
        Self { kind, condition, text: None, app: None, code: None }
    }

    /// The same with words.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The same with an extension's own condition.
    #[must_use]
    pub fn with_app(mut self, app: Element) -> Self {
        self.app = Some(Box::new(app));
        self
    }

    /// The `<error/>` of a stanza of type `error`.
    pub fn from_stanza(stanza: &Stanza) -> Option<Self> {
        Self::from_element(&stanza.child("error", ns::CLIENT)?)
    }

    /// Reads `<error/>`.
    pub fn from_element(element: &Element) -> Option<Self> {
        if !element.is("error", ns::CLIENT) {
            return None;
        }
        let mut error = Self::new(
            ErrorKind::from_name(element.attr("type").unwrap_or_default()),
            Condition::UndefinedCondition,
        );
        for child in element.children() {
            if child.ns() != ns::STANZA_ERRORS {
                error.app = Some(Box::new(child.clone()));
            } else if child.name() == "text" {
                error.text = Some(Cow::Owned(child.text()));
            } else {
                error.condition = Condition::from_name(child.name());
            }
        }
        Some(error)
    }

    /// The `<error/>` element.
    pub fn to_element(&self) -> Element {
        let mut error = Element::new("error", ns::CLIENT)
            .with_attr("type", self.kind.as_str())
            .with_child(Element::new(self.condition.as_str(), ns::STANZA_ERRORS));
        if let Some(code) = self.code {
            error = error.with_attr("code", code.to_string());
        }
        if let Some(text) = &self.text {
            error.push(Element::new("text", ns::STANZA_ERRORS).with_text(text.as_ref()));
        }
        if let Some(app) = &self.app {
            error.push(app.as_ref().clone());
        }
        error
    }

    /// The reply to `stanza`, from its addressee to its sender. `None` where the RFC forbids one: to an
    /// error or a result (RFC 6120 §8.3.1), and to what is no stanza. `from` stands in for a missing `to`.
    pub fn reply(&self, stanza: &Stanza, from: Option<&str>, context: Context) -> Option<Bytes> {
        let forbidden = match stanza.type_().as_deref() {
            Some("error") => true,
            Some("result") => stanza.kind() == Kind::Iq,
            _ => stanza.kind() == Kind::Other,
        };
        if forbidden {
            return None;
        }
        let mut reply = Builder::new(stanza.kind(), context);
        reply.type_("error");
        if let Some(id) = stanza.id() {
            reply.id(&id);
        }
        if let Some(to) = stanza.from() {
            reply.to(&to);
        }
        if let Some(from) = stanza.to().as_deref().or(from) {
            reply.from(from);
        }
        Some(reply.element(&self.to_element()).finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_one;

    fn stanza(text: &'static str) -> Stanza {
        parse_one(Bytes::from_static(text.as_bytes())).unwrap()
    }

    #[test]
    fn every_condition_survives_a_reply() {
        let asked = stanza(
            "<iq xmlns='jabber:client' type='get' id='a&amp;1' from='a@x/1' to='x'><q xmlns='u'/></iq>",
        );
        for condition in Condition::ALL {
            let error =
                StanzaError::from(*condition).with_text("no <way>").with_app(Element::new("own", "urn:own"));
            let reply = error.reply(&asked, None, Context::Framed).unwrap();
            let reply = parse_one(reply).unwrap();
            assert_eq!(reply.id().as_deref(), Some("a&1"));
            assert_eq!(reply.to().as_deref(), Some("a@x/1"));
            assert_eq!(reply.from().as_deref(), Some("x"));
            assert_eq!(StanzaError::from_stanza(&reply), Some(error));
        }
    }

    #[test]
    fn errors_and_results_get_no_reply() {
        let error = StanzaError::from(Condition::BadRequest);
        for text in [
            "<message xmlns='jabber:client' type='error'/>",
            "<iq xmlns='jabber:client' type='result' id='1'/>",
            "<iq xmlns='jabber:client' type='error' id='1'/>",
            "<r xmlns='urn:xmpp:sm:3'/>",
        ] {
            assert_eq!(error.reply(&stanza(text), None, Context::Client), None, "{text}");
        }
        assert!(
            error.reply(&stanza("<presence xmlns='jabber:client'/>"), Some("x"), Context::Client).is_some()
        );
    }
}
