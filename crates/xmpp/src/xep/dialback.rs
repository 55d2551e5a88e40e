//! Server dialback (XEP-0220): its two elements as asked and as answered, and the keys (XEP-0185).

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::sasl::scram::Hash;
use crate::{Builder, Condition, Element, Stanza, StanzaError, ns};

/// The namespace, which must have the prefix `db` (XEP-0220 §2.1).
pub const NS: &str = "jabber:server:dialback";
/// The namespace of the stream feature (XEP-0220 §2.4.2).
pub const FEATURE: &str = "urn:xmpp:features:dialback";

/// The longest key that is looked at, in bytes: ours have 64.
const KEY_BYTES_MAX: usize = 1_024;

/// What the keys of a server are made from: without it nobody can make one.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// From random bytes, the same for all nodes of a server.
    pub fn new(random: &[u8]) -> Self {
        // XEP-0185 §2: the secret is hashed, so that it is long enough for HMAC.
        Self(hex(&Sha256::digest(random)))
    }

    /// The key that `originating` shows to `receiving` on the stream with this id (XEP-0185 §2).
    pub fn key(&self, receiving: &str, originating: &str, id: &str) -> String {
        let text = [receiving, " ", originating, " ", id].map(str::as_bytes);
        hex(&Hash::Sha256.hmac(self.0.as_bytes(), &text))
    }

    /// Did we make this key?
    pub fn is_key(&self, key: &str, receiving: &str, originating: &str, id: &str) -> bool {
        self.key(receiving, originating, id).as_bytes().ct_eq(key.as_bytes()).into()
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What came of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was made by the one who should have made it.
    Valid,
    /// It was not.
    Invalid,
    /// It could not be found out, or must not be asked (XEP-0220 §2.4.3).
    Error(Condition),
}

/// An element of dialback. All four have the domain of their sender in `from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialback {
    /// `<db:result/>` with a key: let me send for this domain (XEP-0220 §2.1.1).
    Result {
        /// Whose stanzas these will be.
        from: String,
        /// To whom.
        to: String,
        /// The key.
        key: String,
    },
    /// `<db:result/>` with a type: you may, or not.
    ResultAnswer {
        /// To whom the stanzas will be.
        from: String,
        /// Whose.
        to: String,
        /// May they?
        verdict: Verdict,
    },
    /// `<db:verify/>` with a key: did you make it (XEP-0220 §2.2.1)?
    Verify {
        /// The receiving server.
        from: String,
        /// The originating server, and so the one that must know.
        to: String,
        /// The stream on which the key was shown.
        id: String,
        /// The key.
        key: String,
    },
    /// `<db:verify/>` with a type.
    VerifyAnswer {
        /// The originating server.
        from: String,
        /// The receiving server.
        to: String,
        /// The stream on which the key was shown.
        id: String,
        /// Is it?
        verdict: Verdict,
    },
}

impl Dialback {
    /// Reads a top-level element; `None` for one of another namespace, and for one that lacks what it must have.
    pub fn parse(stanza: &Stanza) -> Option<Self> {
        if stanza.ns() != NS {
            return None;
        }
        let attr = |name| stanza.attr(name).map(|value| value.into_owned());
        let (from, to) = (attr("from")?, attr("to")?);
        let key =
            || Some(stanza.text().trim().to_owned()).filter(|k| !k.is_empty() && k.len() <= KEY_BYTES_MAX);
        let verdict = attr("type").map(|kind| verdict(&kind, stanza));
        Some(match (stanza.name(), verdict) {
            ("result", None) => Self::Result { from, to, key: key()? },
            ("result", Some(verdict)) => Self::ResultAnswer { from, to, verdict },
            ("verify", None) => Self::Verify { from, to, id: attr("id")?, key: key()? },
            ("verify", Some(verdict)) => Self::VerifyAnswer { from, to, id: attr("id")?, verdict },
            _ => return None,
        })
    }

    /// Appends the element; the prefix `db` must be declared, as in all our headers to servers.
    pub fn write(&self, out: &mut BytesMut) {
        out.extend_from_slice(&self.to_bytes());
    }

    fn to_bytes(&self) -> Bytes {
        let (name, from, to) = match self {
            Self::Result { from, to, .. } | Self::ResultAnswer { from, to, .. } => ("db:result", from, to),
            Self::Verify { from, to, .. } | Self::VerifyAnswer { from, to, .. } => ("db:verify", from, to),
        };
        let mut builder = Builder::other(name, "");
        builder.from(from).to(to);
        match self {
            Self::Result { key, .. } => builder.text(key),
            Self::Verify { id, key, .. } => builder.id(id).text(key),
            Self::ResultAnswer { verdict, .. } => write_verdict(&mut builder, *verdict),
            Self::VerifyAnswer { id, verdict, .. } => write_verdict(builder.id(id), *verdict),
        };
        builder.finish()
    }
}

fn verdict(kind: &str, stanza: &Stanza) -> Verdict {
    match kind {
        "valid" => Verdict::Valid,
        "error" => {
            let error = stanza.children().find(|child| child.name() == "error").map(|child| child.element());
            let condition = error.as_ref().and_then(|error| {
                error
                    .children()
                    .find(|child| child.ns() == ns::STANZA_ERRORS && child.name() != "text")
                    .map(Element::name)
            });
            Verdict::Error(condition.map_or(Condition::UndefinedCondition, Condition::from_name))
        }
        _ => Verdict::Invalid,
    }
}

fn write_verdict(builder: &mut Builder, verdict: Verdict) -> &mut Builder {
    match verdict {
        Verdict::Valid => builder.type_("valid"),
        Verdict::Invalid => builder.type_("invalid"),
        Verdict::Error(condition) => {
            builder.type_("error").element(&StanzaError::from(condition).to_element())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContentNamespace, Frame, Framer, Limits, StreamHeader};

    /// The example of XEP-0185 §3.
    #[test]
    fn the_key_is_that_of_the_document() {
        let secret = Secret::new(b"s3cr3tf0rd14lb4ck");
        let key = secret.key("xmpp.example.com", "example.org", "D60000229F");
        assert_eq!(key, "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
        assert!(secret.is_key(&key, "xmpp.example.com", "example.org", "D60000229F"));
        assert!(!secret.is_key(&key, "xmpp.example.com", "example.org", "D60000229E"));
        assert!(!secret.is_key("", "xmpp.example.com", "example.org", "D60000229F"));
    }

    fn read(element: &[u8]) -> Option<Dialback> {
        let mut framer = Framer::new(ContentNamespace::Server, Limits::before_sign_in());
        let mut out = BytesMut::new();
        StreamHeader { dialback: true, ..StreamHeader::new(ContentNamespace::Server) }.write(&mut out);
        framer.push(&out);
        framer.push(element);
        assert!(matches!(framer.next_frame(), Ok(Some(Frame::Open(header))) if header.dialback));
        match framer.next_frame() {
            Ok(Some(Frame::Stanza(stanza))) => Dialback::parse(&stanza),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_element_survives_the_wire() {
        let text = str::to_owned;
        let verdicts = [Verdict::Valid, Verdict::Invalid, Verdict::Error(Condition::RemoteServerTimeout)];
        let (from, to) = (text("a.example"), text("b.example"));
        let mut all = vec![
            Dialback::Result { from: from.clone(), to: to.clone(), key: text("abc") },
            Dialback::Verify { from: from.clone(), to: to.clone(), id: text("i'1"), key: text("abc") },
        ];
        for verdict in verdicts {
            all.push(Dialback::ResultAnswer { from: from.clone(), to: to.clone(), verdict });
            all.push(Dialback::VerifyAnswer { from: from.clone(), to: to.clone(), id: text("1"), verdict });
        }
        for element in all {
            let mut out = BytesMut::new();
            element.write(&mut out);
            assert_eq!(read(&out), Some(element), "{out:?}");
        }
    }

    #[test]
    fn what_lacks_a_part_is_nothing() {
        for element in [
            "<db:result from='a'>k</db:result>",
            "<db:result from='a' to='b'/>",
            "<db:verify from='a' to='b'>k</db:verify>",
            "<db:other from='a' to='b'>k</db:other>",
            "<result from='a' to='b'>k</result>",
        ] {
            assert_eq!(read(element.as_bytes()), None, "{element}");
        }
    }
}
