//! The grammar of SCRAM messages (RFC 5802 §7): attributes, the GS2 header, escaped names.

use super::super::Condition;

/// The shortest nonce that we accept from a peer, in characters.
const NONCE_CHARACTERS_MIN: usize = 8;

/// What the client says of channel bindings (RFC 5802 §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Gs2Flag {
    /// `n`: the client has none.
    Unsupported,
    /// `y`: the client has one and believes that the server has not.
    NotOffered,
    /// `p=name`: the exchange is bound to this.
    Bound(String),
}

/// The first message of a client, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientFirstMessage {
    pub(crate) flag: Gs2Flag,
    pub(crate) authzid: Option<String>,
    /// The header as it came, commas included: the last message must repeat it.
    pub(crate) gs2_header: String,
    /// The message without its header, as it came: part of what is signed.
    pub(crate) bare: String,
    pub(crate) username: String,
    pub(crate) nonce: String,
}

/// The last message of a client, taken apart.
pub(crate) struct ClientFinalMessage<'a> {
    pub(crate) channel_binding: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) proof: &'a str,
    /// All before `,p=`: part of what is signed.
    pub(crate) without_proof: &'a str,
}

impl ClientFirstMessage {
    /// Parses `gs2-header client-first-message-bare`.
    pub(crate) fn parse(message: &[u8]) -> Result<Self, Condition> {
        let text = std::str::from_utf8(message).map_err(|_| Condition::MalformedRequest)?;
        let mut parts = text.splitn(3, ',');
        let (Some(flag), Some(authzid), Some(bare)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Condition::MalformedRequest);
        };
        let flag = match flag {
            "n" => Gs2Flag::Unsupported,
            "y" => Gs2Flag::NotOffered,
            _ => match flag.strip_prefix("p=") {
                Some(name) if !name.is_empty() => Gs2Flag::Bound(name.to_owned()),
                _ => return Err(Condition::MalformedRequest),
            },
        };
        let authzid = match authzid {
            "" => None,
            _ => Some(unescape(attribute(authzid, "a=")?)?),
        };
        // RFC 5802 §5.1: `m=` is for extensions that must be understood, and we know none, so that an
        // attribute before `n=` is an error.
        let mut attributes = bare.split(',');
        let username = unescape(attribute(attributes.next().unwrap_or(""), "n=")?)?;
        let nonce = attribute(attributes.next().unwrap_or(""), "r=")?;
        if username.is_empty() || nonce.len() < NONCE_CHARACTERS_MIN || !is_nonce(nonce) {
            return Err(Condition::MalformedRequest);
        }
        Ok(Self {
            flag,
            authzid,
            gs2_header: text[..text.len() - bare.len()].to_owned(),
            bare: bare.to_owned(),
            nonce: nonce.to_owned(),
            username,
        })
    }
}

impl<'a> ClientFinalMessage<'a> {
    /// Parses `c=…,r=…[,extensions],p=…`.
    pub(crate) fn parse(message: &'a [u8]) -> Result<Self, Condition> {
        let text = std::str::from_utf8(message).map_err(|_| Condition::MalformedRequest)?;
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Condition::MalformedRequest)?;
        let mut attributes = without_proof.split(',');
        Ok(Self {
            channel_binding: attribute(attributes.next().unwrap_or(""), "c=")?,
            nonce: attribute(attributes.next().unwrap_or(""), "r=")?,
            proof,
            without_proof,
        })
    }
}

/// The value of an attribute that must stand here.
pub(crate) fn attribute<'a>(text: &'a str, name: &str) -> Result<&'a str, Condition> {
    text.strip_prefix(name).ok_or(Condition::MalformedRequest)
}

/// Printable ASCII without the comma (RFC 5802 §5.1, `r`).
pub(crate) fn is_nonce(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

/// `saslname`: a comma and an equals sign are written `=2C` and `=3D`.
pub(crate) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn unescape(name: &str) -> Result<String, Condition> {
    let mut output = String::with_capacity(name.len());
    let mut pieces = name.split('=');
    output.push_str(pieces.next().unwrap_or(""));
    for piece in pieces {
        let (character, rest) = match piece.get(..2) {
            Some("2C") => (',', &piece[2..]),
            Some("3D") => ('=', &piece[2..]),
            // RFC 5802 §5.1: any other use of the equals sign MUST fail the authentication.
            _ => return Err(Condition::MalformedRequest),
        };
        output.push(character);
        output.push_str(rest);
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_first_message_is_taken_apart() {
        let message =
            ClientFirstMessage::parse(b"p=tls-exporter,a=ann@localhost,n=a=2Cn=3Dn,r=abcdefgh").unwrap();
        assert_eq!(message.flag, Gs2Flag::Bound("tls-exporter".into()));
        assert_eq!(message.authzid.as_deref(), Some("ann@localhost"));
        assert_eq!(message.gs2_header, "p=tls-exporter,a=ann@localhost,");
        assert_eq!(message.bare, "n=a=2Cn=3Dn,r=abcdefgh");
        assert_eq!(message.username, "a,n=n");
    }

    #[test]
    fn a_first_message_that_breaks_the_grammar_is_malformed() {
        for message in [
            "",
            "n,",
            "x,,n=ann,r=abcdefgh",
            "p=,,n=ann,r=abcdefgh",
            "n,ann,n=ann,r=abcdefgh",
            "n,,m=ext,n=ann,r=abcdefgh",
            "n,,n=,r=abcdefgh",
            "n,,n=a=nn,r=abcdefgh",
            "n,,n=ann,r=short",
            "n,,n=ann,r=abcd efgh",
            "n,,r=abcdefgh,n=ann",
        ] {
            assert_eq!(
                ClientFirstMessage::parse(message.as_bytes()),
                Err(Condition::MalformedRequest),
                "{message}"
            );
        }
        assert!(ClientFirstMessage::parse(b"n,,n=\xff,r=abcdefgh").is_err());
    }

    #[test]
    fn a_final_message_keeps_what_is_signed() {
        let message = ClientFinalMessage::parse(b"c=biws,r=abc,x=ext,p=cHJvb2Y=").unwrap();
        assert_eq!(message.without_proof, "c=biws,r=abc,x=ext");
        assert_eq!((message.channel_binding, message.nonce, message.proof), ("biws", "abc", "cHJvb2Y="));
        assert!(ClientFinalMessage::parse(b"c=biws,r=abc").is_err());
        assert!(ClientFinalMessage::parse(b"r=abc,c=biws,p=x").is_err());
    }

    proptest! {
        #[test]
        fn every_name_survives_escaping(name in ".*") {
            let escaped = escape(&name);
            prop_assert!(!escaped.contains(','));
            prop_assert_eq!(unescape(&escaped).unwrap(), name);
        }

        #[test]
        fn no_input_panics(message in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = ClientFirstMessage::parse(&message);
            let _ = ClientFinalMessage::parse(&message);
        }
    }
}
